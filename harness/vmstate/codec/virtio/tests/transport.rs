//! Devices on a channel and in memory, and the order of bytes of big-endian machines.

use super::release::{Given, Release};

/// Bytes of a subchannel, of the three indicators, and of what is behind them.
const CHANNEL: u64 = 366 + 3 * 12 + 2 + 8 + 1 + 4;
/// Behind any transport's part: status to features, configuration, number of queues; requests' end.
const REST: u64 = 1 + 1 + 2 + 4 + 4 + 4;

#[test]
fn a_channel_device_sends_its_subchannel_and_a_vector_for_every_queue() {
    let release = Release::new("7.2.0").on("/fe.0.0001/virtio-blk");
    let given = Given::of(&[("num_queues", 2), ("ccw.revision", 2), ("ccw.tmp.config_vector", 9)]);
    let (bytes, saved) = release.save("virtio-blk", 2, given);
    assert_eq!(bytes.len() as u64, CHANNEL + REST + 2 * (4 + 8 + 2 + 2) + 1);
    let loaded = release.load("virtio-blk", 2, &bytes);
    assert_eq!((loaded.text(), loaded.read), (String::new(), bytes.len() as u64));
    assert_eq!(loaded.items, saved);
    let place = |path: &str| saved.iter().find(|(p, ..)| p == path).map(|(_, at, len)| (*at, *len));
    assert_eq!(place("ccw.parent_obj.sch.migrated_schid"), Some((2, 2)));
    assert_eq!(place("ccw.parent_obj.sch.curr_status.scsw.count"), Some((45, 2)));
    assert_eq!(place("ccw.tmp.config_vector"), Some((366 + 36, 2)));
    assert_eq!(place("ccw.revision"), Some((CHANNEL - 4, 4)));
    assert_eq!(place("vq[1].vector"), Some((bytes.len() as u64 - 3, 2)));
    // No transport has another's extra state.
    let after = |section| {
        let mut all = Release::new("7.2.0").on(section).save("virtio-rng", 1, Given::default()).0;
        all.extend(b"\x05\x12virtio/extra_state\0\0\0\x01");
        Release::new("7.2.0").on(section).load("virtio-rng", 1, &all).text()
    };
    assert!(after("/fe.0.0001/virtio-rng").contains("virtio/extra_state"));
    assert_eq!(after("virtio-mmio@0a/virtio-rng"), "");
}

#[test]
fn subchannels_have_a_place_of_their_own() {
    let section = "/fe.0.0001/virtio-rng";
    let given = |devno| Given::of(&[("ccw.parent_obj.sch.devno", devno)]);
    let known = Release::new("7.2.0").on(section).knowing("virtio-rng", 1, given(1));
    let bytes = |devno| Release::new("7.2.0").on(section).save("virtio-rng", 1, given(devno)).0;
    assert_eq!(known.load("virtio-rng", 1, &bytes(1)).text(), "");
    let refused = known.load("virtio-rng", 1, &bytes(2)).refused.expect("another device number");
    assert!(refused.path.ends_with("sch.devno"), "{refused}");
}

#[test]
fn what_a_channel_device_was_before_2_4_is_not_known() {
    let section = "/fe.0.0001/virtio-rng";
    let bytes = Release::new("2.4.0").on(section).save("virtio-rng", 1, Given::default()).0;
    let text = Release::new("2.3.1").on(section).load("virtio-rng", 1, &bytes).text();
    assert!(text.contains("virtio-ccw before 2.4"), "{text}");
}

#[test]
fn a_device_in_memory_sends_alignment_and_no_vectors() {
    let release = Release::new("7.2.0").on("virtio-mmio@0a/virtio-blk");
    let given =
        Given::of(&[("num_queues", 1), ("mmio.guest_page_shift", 12), ("vq[0].align", 4096)]);
    let (bytes, saved) = release.save("virtio-blk", 2, given);
    assert_eq!(bytes.len() as u64, 12 + REST + (4 + 4 + 8 + 2) + 1);
    let loaded = release.load("virtio-blk", 2, &bytes);
    assert_eq!((loaded.text(), loaded.items), (String::new(), saved));
}

#[rstest::rstest]
// Pairs as they lie there, status of the driver; where a channel device ends.
#[case([0, 1], 0, 1)]
#[case([0, 2], 0, 2)]
#[case([1, 0], 8, 1)]
#[case([2, 0], 15, 2)]
fn queue_pairs_on_a_big_endian_machine(
    #[case] pairs: [u8; 2],
    #[case] status: u64,
    #[case] expected: u64,
) {
    let release = Release::new("7.2.0").on("/fe.0.0001/virtio-net");
    let number = u64::from(u16::from_be_bytes(pairs));
    // Ten bytes, of which the last two are the pairs.
    let given = Given::of(&[
        ("status", status),
        ("config_len", 10),
        ("config", number),
        ("num_queues", 3),
        ("net.max_queues", expected),
    ]);
    let (bytes, saved) = release.save("virtio-net", 11, given);
    assert_eq!(saved.iter().any(|(path, ..)| path == "net.max_queues"), expected > 1);
    assert_eq!(release.load("virtio-net", 11, &bytes).read, bytes.len() as u64);
}

#[test]
fn another_driver_than_the_local_one_leaves_the_order_open() {
    let section = "/fe.0.0001/virtio-net";
    let given = |pairs| {
        let mut values =
            vec![("status", 8), ("config_len", 10), ("config", pairs), ("num_queues", 3)];
        values.extend(["vq[0].num", "vq[1].num", "vq[2].num"].map(|path| (path, 256)));
        Given::of(&values)
    };
    let known = Release::new("7.2.0").on(section).knowing("virtio-net", 11, given(0x100));
    let bytes = Release::new("7.2.0").on(section).save("virtio-net", 11, given(1)).0;
    let text = known.load("virtio-net", 11, &bytes).text();
    assert!(text.contains("byte order of the local configuration"), "{text}");
}
