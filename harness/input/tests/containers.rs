//! Packers, save images, and files without a stream.

use std::io::Read as _;

use super::{contents, opened, refused, stream};
use crate::fuzzing::containers::{self, save_image};
use crate::input::libvirt::SaveImage;
use crate::input::lzop::Lzop;
use crate::input::{Options, kind, open_bytes};

fn pack(name: &str, bytes: &[u8]) -> Vec<u8> {
    containers::pack(name, bytes).expect(name)
}

fn lzop(bytes: &[u8], version: u16, flags: u32, block: usize) -> Vec<u8> {
    containers::lzop(bytes, version, flags, block).expect("lzop")
}

/// As `migrate file:PATH,offset=N` leaves it.
#[rstest::rstest]
#[case(4096)]
#[case((1 << 20) + 3)]
fn a_stream_behind_zeros_is_found(#[case] zeros: usize) {
    let behind = |bytes: &[u8]| [&vec![0; zeros][..], bytes].concat();
    let source = opened(&behind(&stream())).expect("a stream");
    assert_eq!(source.facts().layers[0].to_string(), format!("{zeros} zeros before it"));
    assert_eq!(contents(source), stream());
    for other in [&b"QEVN\0\0\0\x03"[..], b""] {
        assert!(refused(&behind(other)).contains("zeros, as an empty disk"));
    }
}

#[rstest::rstest]
#[case("gzip")]
#[case("bzip2")]
#[case("xz")]
#[case("lzop")]
#[case("zstd")]
fn what_is_packed_is_unpacked(#[case] name: &str) {
    // Longer than a block of any of them that we write, and not all alike.
    let mut long = stream();
    long.extend((0..1_000_000u32).flat_map(|n| (n / 7).to_le_bytes()));
    let packed = pack(name, &long);
    let source = opened(&packed).expect(name);
    assert_eq!(source.facts().layers.len(), 1);
    assert_eq!(source.facts().layers[0].to_string(), name);
    assert_eq!(contents(source), long);
    // Two wrappings; and any number of members one after the other.
    let twice = pack("gzip", &packed);
    assert_eq!(contents(opened(&twice).expect(name)), long);
    // Cut anywhere it is an error, and so is a damaged one, if the packer has a checksum.
    for cut in [packed.len() / 3, packed.len() / 2, packed.len() - 1] {
        let text = refused(&packed[..cut]);
        assert!(text.contains(&format!("not a whole {name} file")), "{text}");
        // Not beyond what there is, and some of it.
        let at =
            text.split_once("at byte ").and_then(|(_, at)| at.split_once('(')?.1.split_once(')'));
        let at: Option<usize> = at.and_then(|(at, _)| at.parse().ok());
        assert!(at.is_some_and(|at| at <= cut && at > 0), "{text}");
    }
    let mut damaged = packed.clone();
    damaged[packed.len() / 2] ^= 0x10;
    assert!(opened(&damaged).is_err() || contents(opened(&damaged).expect(name)) != long);
}

#[rstest::rstest]
#[case("gzip")]
#[case("bzip2")]
#[case("xz")]
#[case("lzop")]
#[case("zstd")]
fn a_bomb_is_an_error(#[case] name: &str) {
    let mut long = stream();
    long.resize(3 << 20, 1);
    let packed = pack(name, &long);
    let options = |limit| Options { limit, ..Options::default() };
    let error = open_bytes("bomb", packed.clone(), &options((3 << 20) - 1)).expect_err("too long");
    assert!(error.to_string().contains("more than 3145727 bytes"), "{error}");
    assert!(error.to_string().contains("--max-bytes"), "{error}");
    assert!(open_bytes("bomb", packed, &options(3 << 20)).is_ok());
}

#[test]
fn lzop_of_each_version_and_checksum_is_read() {
    let text = b"crossload ".repeat(5000);
    for version in [0x0900u16, 0x0940, 0x1040] {
        for flags in [0u32, 1, 3, 0x100, 0x300, 0x41] {
            let mut all = Vec::new();
            let packed = lzop(&text, version, flags, 1 << 12);
            Lzop::new(&packed[..], 1 << 12).read_to_end(&mut all).expect("lzop");
            assert_eq!(all, text, "{version:#x} {flags:#x}");
        }
    }
    // A checksum that is wrong is an error; so is a method or a filter that is not known.
    let mut packed = lzop(&text, 0x1040, 1, 1 << 12);
    let wrong = |packed: &[u8]| {
        Lzop::new(packed, 1 << 12).read_to_end(&mut Vec::new()).expect_err("wrong").to_string()
    };
    let sum = packed.len() - 4 - 10;
    packed[sum] ^= 1;
    wrong(&packed);
    let mut packed = lzop(&text, 0x1040, 1, 1 << 12);
    packed[15] = 128;
    assert!(wrong(&packed).contains("method 128"));
    let packed = lzop(&text, 0x1040, 0x801, 1 << 12);
    assert!(wrong(&packed).contains("filter"));
}

const XML: &str = "<domain type='kvm'><name>vm1</name><memory unit='MiB'>64</memory><vcpu>2</vcpu>\
    <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><devices>\
    <emulator>/usr/bin/qemu</emulator><disk device='disk'><target dev='vda' bus='virtio'/>\
    </disk><interface type='network'><model type='virtio'/></interface></devices></domain>";

fn image(version: u32, format: u32, big: bool, complete: bool, inner: &[u8]) -> Vec<u8> {
    save_image((version, format), big, complete, XML, inner)
}

#[test]
fn save_images_of_each_version_order_and_format_are_read() {
    let formats = ["raw", "gzip", "bzip2", "xz", "lzop", "zstd"];
    for (version, big) in [(1, false), (2, false), (1, true), (2, true)] {
        for (number, format) in (0..).zip(formats) {
            let inner = if number == 0 { stream() } else { pack(format, &stream()) };
            // Version 1 does not say how it is packed; nothing is wrong with its being packed.
            let source = opened(&image(version, number, big, true, &inner)).expect(format);
            let facts = source.facts();
            let reported = facts.layers[0].to_string();
            assert!(reported.contains(&format!("version {version}")), "{reported}");
            assert_eq!(reported.contains("big-endian"), big);
            assert_eq!(facts.layers.len(), 1 + usize::from(number > 0));
            if version == 2 {
                assert_eq!(facts.findings, [""; 0], "{format}");
            }
            let domain = facts.domain.clone().expect("a domain");
            assert_eq!(
                (domain.name.as_str(), domain.machine.as_deref()),
                ("vm1", Some("pc-q35-7.2"))
            );
            assert_eq!(domain.memory_kib, Some(65536));
            assert_eq!(domain.emulator.as_deref(), Some("/usr/bin/qemu"));
            assert_eq!(
                domain.devices,
                ["disk device=disk target.bus=virtio", "interface type=network model.type=virtio"]
            );
            assert!(domain.xml.ends_with("</domain>"));
            assert_eq!(contents(source), stream());
        }
    }
}

#[test]
fn what_is_wrong_with_a_save_image_is_told() {
    let whole = image(2, 0, false, true, &stream());
    let source = opened(&image(2, 0, false, false, &stream())).expect("what is there is read");
    assert!(source.facts().findings[0].contains("not complete"));
    let source = opened(&image(2, 3, false, true, &stream())).expect("the first bytes decide");
    assert!(source.facts().findings[0].contains("is xz, its first bytes say raw"));
    for (at, byte, says) in [
        (16, 3, "header version 0x00000003, expected 1 or 2"),
        (28, 7, "format 7 at byte 28, expected 0 to 6"),
        (23, 0x7f, "expected 1 to 16777216"),
        (35, 1, "a cookie at"),
    ] {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        let text = refused(&bytes);
        assert!(text.contains(says), "{text}");
    }
    let mut bytes = whole.clone();
    bytes[100] = b'<';
    assert!(opened(&bytes).expect("stream").facts().findings[0].contains("the domain XML"));
    assert!(refused(&whole[..80]).contains("expected a header of 92"));
    assert!(refused(&whole[..200]).contains("ends inside its domain XML"));
    let end = whole.len() - stream().len();
    assert!(refused(&whole[..end]).contains("no stream was written"));
    // What a cookie is, behind the XML.
    let head = SaveImage::parse(&whole[..92]).expect("header");
    let (_, cookie) = head.texts(&whole[92..]);
    assert_eq!(cookie, Some(&b"<cookie><slirpHelper/></cookie>"[..]));
}

#[test]
fn what_is_no_stream_is_named() {
    let at = |at: usize, mark: &[u8]| {
        let mut bytes = vec![0; at];
        bytes.extend(mark);
        bytes.resize(at + mark.len() + 1024, 0);
        bytes
    };
    let core = [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0".to_vec(), vec![0; 64]].concat();
    let core_be = [b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x04".to_vec(), vec![0; 64]].concat();
    let program = [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec(), vec![0; 64]].concat();
    for (bytes, says) in [
        (core, "an ELF core dump"),
        (core_be, "an ELF core dump"),
        (program, "an ELF program"),
        (at(0, b"KDUMP   "), "kdump"),
        (at(0, b"makedumpfile\0"), "makedumpfile"),
        (at(0, b"PAGEDU64"), "Windows"),
        (at(0, b"LinuxGuestRecord"), "Xen"),
        (at(0, b"\xff\xff\xff\xff\xff\xff\xff\xffXENF"), "Xen"),
        (at(0, b"Xen saved domain, xl format\n \0 \r"), "Xen"),
        (at(0, b"VMA\0"), "Proxmox"),
        (at(0, b"\x11\x22\x33\x44\0\0\0\x01"), "multifd"),
        (at(0, b"QFI\xfb\0\0\0\x01"), "qcow disk of version 1"),
        (at(0, b"KDMV"), "VMDK"),
        (at(0, b"vhdxfile"), "VHDX"),
        (at(0x40, b"\x7f\x10\xda\xbe"), "VDI"),
        (at(0x1fe, b"\x55\xaa"), "raw disk, by its boot sector"),
        (at(0x200, b"EFI PART"), "partition table"),
        (at(0x438, b"\x53\xef"), "file system"),
        (at(0x8001, b"CD001"), "ISO 9660"),
        (at(0x101, b"ustar"), "tar"),
        (vec![0; 4096], "zeros"),
    ] {
        let text = refused(&bytes);
        assert!(text.contains("not a migration stream, but") && text.contains(says), "{text}");
    }
    assert!(refused(b"").contains("is empty"));
    assert!(refused(b"hello").contains("magic 0x68656c6c, expected 'QEVM'"));
    assert!(refused(&pack("gzip", b"hello")).contains("magic 0x68656c6c"));
    assert_eq!(kind::of(b"QFI\xfb\0\0\0\x02"), kind::Kind::Qcow2);
}

#[test]
fn wrappings_are_bounded() {
    let mut bytes = stream();
    for _ in 0..5 {
        bytes = pack("gzip", &bytes);
    }
    assert!(refused(&bytes).contains("wrapped more than 4 times"));
}

/// A bomb that holds nothing of use is known by the first bytes that come out.
#[rstest::rstest]
#[case(1)]
#[case(2)]
fn what_comes_out_is_looked_at_before_it_is_kept(#[case] times: usize) {
    let mut bytes = vec![b'A'; 3 << 20];
    for _ in 0..times {
        bytes = pack("zstd", &bytes);
    }
    let options = Options { limit: 1 << 20, ..Options::default() };
    let refused = open_bytes("file", bytes, &options).expect_err("must be refused").to_string();
    assert!(refused.contains("magic 0x41414141"), "{refused}");
}
