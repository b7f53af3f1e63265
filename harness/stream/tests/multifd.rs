//! Channels of a multifd migration.

use std::io::Write as _;

use super::Bytes;
use crate::stream::multifd::{Channel, Load, MAGIC, Packet, read};

fn channel() -> Bytes {
    Bytes::default().be32(MAGIC).be32(1).raw(&[7; 16]).raw(&[3]).zeros(39)
}

/// A packet of pages: flags, room, normal pages, zero pages, data.
fn packet(b: Bytes, flags: u32, room: u32, [normal, zero]: [u32; 2], data: &[u8]) -> Bytes {
    let b = b.be32(MAGIC).be32(1).be32(flags).be32(room).be32(normal).be32(data.len() as u32);
    let b = b.be64(9).be32(zero).zeros(28).raw(b"pc.ram").zeros(250);
    b.zeros(8 * if room == 0 { 128 } else { room as usize }).raw(data)
}

fn packets(bytes: &Bytes) -> Result<(Channel, Vec<Packet>), String> {
    let mut packets = Vec::new();
    let channel = read(&mut &bytes.0[..], |packet| packets.push(packet.clone()));
    channel.map(|channel| (channel, packets)).map_err(|e| e.to_string())
}

fn refused(bytes: &Bytes, says: &str) {
    let text = packets(bytes).expect_err(says);
    assert!(text.contains(says), "{text}");
}

#[test]
fn packets_tell_their_pages() {
    let two = packet(channel(), 0, 128, [2, 3], &[1; 8192]);
    // One that only synchronises has no room, and is as long.
    let stream = packet(packet(two, 1, 0, [0, 0], b""), 0, 16, [16, 0], &[2; 65536]);
    let (channel, all) = packets(&stream).expect("a channel");
    assert_eq!(channel, Channel { uuid: [7; 16], id: 3 });
    assert_eq!(all.len(), 3);
    let load = |n: usize| all[n].load.clone();
    let pages = |normal, zero| Load::Pages { block: "pc.ram".to_string(), normal, zero, number: 9 };
    assert_eq!([load(0), load(1), load(2)], [pages(2, 3), pages(0, 0), pages(16, 0)]);
    assert_eq!([0, 1, 2].map(|n: usize| all[n].syncs()), [false, true, false]);
    assert_eq!((all[0].offset, all[1].offset), (64, 64 + 320 + 1024 + 8192));
    assert_eq!(all[0].compression(), "none");
}

/// A compressor's stream goes on from packet to packet.
#[test]
fn packed_pages_are_unpacked_and_counted() {
    let page = |n: u8| (0..4096u32).map(|i| (i as u8).wrapping_mul(n)).collect::<Vec<u8>>();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut zstd = zstd::Encoder::new(Vec::new(), 1).expect("zstd");
    let mut by_zlib = channel();
    let mut by_zstd = channel();
    for n in 0..20u8 {
        for page in [page(n), page(n + 1)] {
            zlib.write_all(&page).expect("memory");
            zstd.write_all(&page).expect("memory");
        }
        zlib.flush().expect("memory");
        zstd.flush().expect("memory");
        by_zlib = packet(by_zlib, 1 << 1, 128, [2, 0], zlib.get_ref());
        by_zstd = packet(by_zstd, 2 << 1, 128, [2, 0], zstd.get_ref());
        zlib.get_mut().clear();
        zstd.get_mut().clear();
    }
    for (stream, name) in [(by_zlib, "zlib"), (by_zstd, "zstd")] {
        let (_, all) = packets(&stream).expect(name);
        assert_eq!(all.len(), 20);
        for packet in all {
            assert_eq!((packet.compression(), packet.unpacked), (name, Some(8192)));
        }
    }
    refused(&packet(channel(), 1 << 1, 128, [1, 0], &[0xff; 100]), "packed pages: ");
    refused(&packet(channel(), 2 << 1, 128, [1, 0], &[0xff; 100]), "packed pages: ");
    // qpl, uadk and qatzip are passed over.
    let (_, all) = packets(&packet(channel(), 4 << 1, 128, [1, 0], &[0xff; 100])).expect("qpl");
    assert_eq!((all[0].compression(), all[0].unpacked), ("qpl", None));
}

#[test]
fn device_state_beside_the_main_channel() {
    let b = channel().be32(MAGIC).be32(1).be32(0x40).raw(b"0000:00:05.0/vfio").zeros(239);
    let b = b.be32(2).be32(3).raw(b"abc");
    let (_, all) = packets(&b).expect("a channel");
    let idstr = "0000:00:05.0/vfio".to_string();
    assert_eq!(all[0].load, Load::Device { idstr, instance_id: 2 });
    assert_eq!(all[0].size, 3);
}

/// A packet without pages keeps the size of the one before, and nothing follows it.
#[test]
fn what_does_not_follow_is_not_read() {
    let first = packet(channel(), 0, 16, [1, 0], &[1; 4096]);
    let mut sync = packet(Bytes::default(), 1, 16, [0, 4], b"").0;
    sync[20..24].copy_from_slice(&4096u32.to_be_bytes());
    let (_, all) = packets(&packet(first.raw(&sync), 0, 16, [1, 0], &[1; 4096])).expect("three");
    assert_eq!(all.iter().map(|p| p.size).collect::<Vec<_>>(), [4096, 0, 4096]);
}

#[test]
fn what_is_no_channel_is_refused() {
    refused(&Bytes::stream(), "magic 0x5145564d, expected 0x11223344 at byte 0x0");
    refused(&Bytes::default().be32(MAGIC).be32(2), "version 2, expected 1 at byte 0x4");
    refused(&channel().be32(7), "magic 0x00000007, expected 0x11223344 at byte 0x40");
    refused(&packet(channel(), 0, 4096, [0, 0], b""), "room for 4096 pages, at most 1024");
    refused(&packet(channel(), 0, 16, [16, 1], b""), "16 pages and 1 zero pages, room is for 16");
    let whole = packet(channel(), 0, 16, [1, 0], &[0; 4096]);
    for cut in (65..whole.0.len()).step_by(97) {
        refused(&Bytes(whole.0[..cut].to_vec()), "end of stream");
    }
}
