//! virtio sections made by the saver of one release, and given to the loaders of others.

mod release;
mod transport;

use self::release::{Given, Release, with};
use super::*;
use crate::dialect::Generation;
use crate::vmstate::{Loader, Saver};
use crate::wire::{Feed, Reader};

#[test]
fn what_a_release_saves_it_loads() {
    let devices =
        [("virtio-net", 11), ("virtio-blk", 2), ("virtio-balloon", 1), ("virtio-console", 2)];
    for number in ["0.13.0", "0.14.1", "1.0.1", "1.4.2", "2.3.1", "2.5.0", "3.0.0", "11.1.3"] {
        let release = Release::new(number);
        for (device, version_id) in devices {
            let given = with(&[
                ("num_queues", 3),
                ("vq[1].num", 256),
                ("vq[2].num", 64),
                ("net.mac_table.in_use", 65),
                ("blk.request[0].more", 1),
                ("serial.max_nr_ports", 33),
                ("serial.ports_map[1].bits", 1),
                ("serial.nr_active_ports", 1),
                ("serial.port[0].id", 32),
            ]);
            let (bytes, written) = release.save(device, version_id, given);
            let outcome = release.load(device, version_id, &bytes);
            assert_eq!(outcome.refused, None, "{number} {device}");
            assert_eq!(outcome.items, written, "{number} {device}");
            assert_eq!(outcome.read, bytes.len() as u64, "{number} {device}");
        }
    }
}

/// Of virtio-mem all but two sizes is in a section of its own from machine types 8.0 on.
#[rstest::rstest]
#[case("7.2.22", (7, 2), false)]
#[case("11.1.3", (7, 2), false)]
#[case("11.1.3", (8, 0), true)]
fn memory_that_comes_early(
    #[case] number: &str,
    #[case] (major, minor): (u32, u32),
    #[case] early: bool,
) {
    let generation = Some(Generation::new(major, minor));
    let release = Release { generation, ..Release::new(number) };
    let given = with(&[("mem.region_size", 4 << 20), ("mem.block_size", 2 << 20)]);
    let (bytes, written) = release.save("virtio-mem", 1, given);
    let outcome = release.load("virtio-mem", 1, &bytes);
    assert_eq!((outcome.text(), &outcome.items), (String::new(), &written));
    assert_eq!(["mem.addr", "mem.size", "mem.bitmap"].map(|path| outcome.has(path)), [!early; 3]);
    assert!(outcome.has("mem.usable_region_size") && outcome.has("mem.requested_size"));
}

/// A table of addresses is as long as it says; a negative number is none since 2.9, where there is
/// a description, and a great many before.
#[test]
fn addresses_of_a_network_card_are_counted() {
    let table = |release: &str, used: u64| {
        let queues = [("num_queues", 3), ("vq[1].num", 256), ("vq[2].num", 64)];
        let given = with(&[&queues[..], &[("net.mac_table.in_use", used)]].concat());
        let (bytes, written) = Release::new(release).save("virtio-net", 11, given);
        let macs = written.iter().find(|(path, ..)| path.ends_with("mac_table.macs"));
        (bytes, macs.map(|item| item.2))
    };
    for release in ["2.8.1", "2.9.0", "11.1.3"] {
        assert_eq!(table(release, 0).1, None);
        assert_eq!(table(release, 3).1, Some(18));
    }
    let (bytes, macs) = table("2.9.0", 0xffff_ffff);
    assert_eq!(macs, None);
    let text = |release: &str| Release::new(release).load("virtio-net", 11, &bytes).text();
    assert_eq!(text("2.9.0"), "");
    assert!(text("2.8.1").starts_with("end of stream"), "{}", text("2.8.1"));
}

#[test]
fn section_versions_are_those_of_the_release() {
    let refused = |number: &str, device: &str, version_id: u32| {
        let outcome = Release::new(number).load(device, version_id, &[]);
        outcome.refused.is_some_and(|e| e.kind.class() == "vmsd version")
    };
    for (number, device, version_id, expected) in [
        ("0.12.5", "virtio-console", 2, true),
        ("0.13.0", "virtio-console", 2, false),
        ("0.13.0", "virtio-console", 3, true),
        ("0.14.1", "virtio-console", 3, false),
        ("1.0.1", "virtio-net", 1, true),
        ("1.0.1", "virtio-net", 2, false),
        ("2.4.1", "virtio-blk", 1, true),
        ("2.4.1", "virtio-balloon", 2, true),
    ] {
        assert_eq!(
            refused(number, device, version_id),
            expected,
            "{number} {device} v{version_id}"
        );
    }
}

#[test]
fn up_to_1_0_a_refusal_of_the_common_part_is_ignored() {
    let given = with(&[("vq[0].pa", 0), ("vq[0].last_avail_idx", 7), ("num_queues", 2)]);
    let (bytes, _) = Release::new("0.13.0").save("virtio-balloon", 1, given);
    let tolerant = Release::new("0.13.0").load("virtio-balloon", 1, &bytes);
    assert!(tolerant.refused.is_none() && tolerant.has("vq[1].num"), "{tolerant:?}");
    // The device part is read where the second queue is.
    let ignoring = Release::new("1.0.1").load("virtio-balloon", 1, &bytes);
    assert!(ignoring.refused.is_none() && !ignoring.has("vq[1].num"), "{ignoring:?}");
    assert_eq!(ignoring.items.last().map(|i| i.0.as_str()), Some("balloon.actual"));
    assert!(ignoring.read < tolerant.read);
    let refusing = Release::new("1.1.0").load("virtio-balloon", 1, &bytes);
    assert_eq!(refusing.text(), "queue 0 has index 0x7 but no address");
}

#[test]
fn offloads_are_read_behind_the_subsections_from_2_4_to_2_6() {
    let offloads =
        with(&[("guest_features", 4), ("net.curr_guest_offloads", 0x0102_0304_0506_0708)]);
    let endian = Given { subsection: Some(0), ..offloads.clone() };
    for (number, plain_loads, subsection_loads) in [
        ("2.3.1", true, true),
        ("2.4.1", true, false),
        ("2.6.0", true, false),
        ("2.7.0", true, true),
    ] {
        let release = Release::new(number);
        for (given, expected) in [(&offloads, plain_loads), (&endian, subsection_loads)] {
            let (bytes, written) = release.save("virtio-net", 11, given.clone());
            let same = release.load("virtio-net", 11, &bytes).items == written;
            assert_eq!(same, expected, "{number} {:?}", given.subsection);
        }
    }
}

#[test]
fn numbers_of_queues_and_their_sizes_are_bounded() {
    let text = |number: &str, given: &[(&'static str, u64)]| {
        let (bytes, _) = Release::new("0.13.0").save("virtio-balloon", 1, with(given));
        Release::new(number).load("virtio-balloon", 1, &bytes).text()
    };
    assert_eq!(text("1.7.1", &[("queue_sel", 64)]), "");
    assert_eq!(text("2.0.0", &[("queue_sel", 64)]), "queue 64 is selected, expected below 64");
    assert_eq!(text("2.4.0", &[("queue_sel", 64)]), "");
    assert!(text("1.4.2", &[("num_queues", 65)]).starts_with("undefined: 65 queues"));
    assert_eq!(text("2.0.2", &[("num_queues", 65)]), "65 queues, expected at most 64");

    let (bytes, _) = Release::new("7.2").save("virtio-balloon", 1, with(&[("vq[0].num", 1024)]));
    for (number, expected) in
        [("11.0", ""), ("11.1", "queue 0 has 1024 entries, local at most 256")]
    {
        let own = Release::new(number).knowing("virtio-balloon", 1, with(&[]));
        assert_eq!(own.load("virtio-balloon", 1, &bytes).text(), expected, "{number}");
    }
}

#[test]
fn multiqueue_words_are_there_when_the_local_device_has_pairs() {
    // le16 at byte 8 of ten: two pairs.
    let pairs = [("config_len", 10), ("config", 0x0200)];
    let more = [("net.max_queues", 2), ("net.curr_queues", 2), ("net.vqs[1].tx_waiting", 1)];
    let release = Release::new("2.3.1");
    let (bytes, _) = release.save("virtio-net", 11, with(&[pairs, [more[0], more[1]]].concat()));
    assert!(release.load("virtio-net", 11, &bytes).has("net.vqs[1].tx_waiting"));
    let single = Release::new("2.3.1").knowing("virtio-net", 11, with(&[]));
    let outcome = single.load("virtio-net", 11, &bytes);
    assert!(!outcome.has("net.max_queues"), "{outcome:?}");
    assert_eq!(outcome.read + 8, bytes.len() as u64);
    let others = [pairs[0], ("config", 0x0300), ("net.max_queues", 3), ("net.curr_queues", 1)];
    let three = Release::new("2.3.1").knowing("virtio-net", 11, with(&others));
    assert_eq!(three.load("virtio-net", 11, &bytes).text(), "2 queue pairs, local device has 3");
}

/// No driver has read the configuration: the number of pairs in it is not filled in yet.
#[test]
fn an_unread_configuration_does_not_say_how_many_pairs_there_are() {
    let queues = [("num_queues", 3), ("vq[0].num", 256), ("vq[1].num", 256), ("vq[2].num", 64)];
    let release = Release::new("10.0.3");
    let (bytes, _) =
        release.save("virtio-net", 11, with(&[&[("config_len", 24)], &queues[..]].concat()));
    assert_eq!(release.load("virtio-net", 11, &bytes).text(), "");
}

#[test]
fn a_queue_element_is_asserted_on_when_it_has_been_read() {
    let element = 49_168;
    let more = ("blk.request[0].more", 1);
    let too_many = ("blk.request[0].element.in_num", u64::from(1025u32.swap_bytes()));
    let load = |number: &str, cut: usize| {
        let release = Release::new(number);
        let (bytes, _) = release.save("virtio-blk", 2, with(&[more, too_many]));
        release.load("virtio-blk", 2, &bytes[..bytes.len() - cut])
    };
    let asserted = "the loader aborts: in_num is 1025, asserted to be at most 1024";
    let whole = load("7.2.22", 0);
    assert_eq!(whole.text(), asserted);
    assert!(whole.read > element, "{} bytes read", whole.read);
    assert_eq!(load("7.2.22", 1000).text(), asserted, "the end is noticed later");
    assert_eq!(load("2.4.1", 0).text(), "");
    assert!(load("2.4.1", 1000).text().starts_with("end of stream"));
}

/// Zeros are read in place of what did not come: no queues, up to the last byte of their number.
#[test]
fn a_cut_off_load_ends_as_one_without_queues() {
    let three = [("num_queues", 3), ("vq[1].num", 256), ("vq[2].num", 64)];
    let ended = |number: &str| -> Vec<bool> {
        let release = Release::new(number);
        let (bytes, _) = release.save("virtio-net", 11, with(&three));
        let text = |n: usize| release.load("virtio-net", 11, &bytes[..n]).text();
        (0..bytes.len()).map(|n| text(n).ends_with("deleted twice")).collect()
    };
    assert!(ended("5.2.0").iter().all(|ended| !ended));
    let ended = ended("7.2.22");
    let first = ended.iter().position(|ended| *ended).unwrap();
    let count = ended.iter().filter(|ended| **ended).count();
    // Status, interrupt status, selected queue, features, length of the configuration and its two
    // bytes, number of queues; before that, what is read by a description is checked as it comes.
    assert!(count >= 1 + 1 + 2 + 4 + 4 + 4, "{count}");
    assert!(ended[first..first + count].iter().all(|ended| *ended), "one stretch: {ended:?}");
}

#[test]
fn a_load_counts_on_a_pair_of_queues_and_the_control_queue() {
    let three = [("num_queues", 3), ("vq[1].num", 256), ("vq[2].num", 64)];
    let text = |number: &str, changed: &[(&'static str, u64)]| {
        let own = Release::new(number).knowing("virtio-net", 11, with(&three));
        let given = with(&[&three, changed].concat());
        let (bytes, _) = Release::new(number).save("virtio-net", 11, given);
        own.load("virtio-net", 11, &bytes).text()
    };
    let of = |count| format!("the loader aborts: {count} queues, expected an odd number from 3");
    let more =
        |count| format!("undefined: {count} queues, expected at most 3: the device has no more");
    let five = [("num_queues", 5), ("vq[3].num", 64), ("vq[4].num", 64)];
    // Releases that load queues into those that were made, and those that make them anew first.
    for number in ["5.2.0", "7.2.19", "7.2.22", "10.0.2", "10.0.13", "11.1.3"] {
        assert_eq!(text(number, &[]), "", "{number}");
        assert_eq!(text(number, &[("vq[0].num", 0)]), of(0), "{number}");
        assert_eq!(text(number, &[("vq[1].num", 0)]), of(1), "{number}");
        assert_eq!(text(number, &[("vq[2].num", 0)]), of(2), "{number}");
        assert_eq!(text(number, &five), more(5), "{number}");
    }
    for number in ["5.2.0", "7.2.19", "10.0.2"] {
        assert_eq!(text(number, &[("num_queues", 0)]), "", "{number}");
        assert_eq!(text(number, &[("num_queues", 2)]), "", "{number}");
        assert_eq!(text(number, &five[1..]), "", "{number}");
        assert_eq!(text(number, &[("num_queues", 4), five[1]]), of(4), "{number}");
    }
    for number in ["7.2.20", "10.0.3"] {
        assert!(text(number, &[("num_queues", 0)]).ends_with("deleted twice"), "{number}");
        assert_eq!(text(number, &[("num_queues", 2)]), of(2), "{number}");
        assert_eq!(text(number, &[("num_queues", 4), five[1]]), more(4), "{number}");
    }
    // The control queue has come first, and its size is looked at.
    assert_eq!(text("11.1.3", &[("num_queues", 2)]), "queue 0 has 256 entries, local at most 64");
    assert_eq!(text("2.4.1", &[("vq[1].num", 0)]), "");
    assert_eq!(text("2.8.1", &[("vq[1].num", 0)]), of(1));
    let pairs = [("config_len", 10), ("config", 0x0200), ("net.max_queues", 2)];
    let own = Release::new("7.2.22").knowing(
        "virtio-net",
        11,
        with(&[&three, &five, &pairs[..]].concat()),
    );
    let (bytes, _) =
        Release::new("7.2.22").save("virtio-net", 11, with(&[&three, &five, &pairs[..]].concat()));
    assert_eq!(own.load("virtio-net", 11, &bytes).text(), "", "two pairs have five queues");
}

#[test]
fn requests_in_flight_have_the_size_of_the_release() {
    let given = || with(&[("blk.request[0].more", 1)]);
    let len = |number: &str| Release::new(number).save("virtio-blk", 2, given()).0.len();
    assert_eq!(len("0.13.0") - len("0.12.5"), 8192);
    let several =
        with(&[("blk.request[0].more", 1), ("num_queues", 2), ("blk.request[0].vq_idx", 1)]);
    let (bytes, _) = Release::new("3.0.0").save("virtio-blk", 2, several);
    assert!(Release::new("3.0.0").load("virtio-blk", 2, &bytes).has("blk.request[0].vq_idx"));
    let single = Release::new("3.0.0").knowing("virtio-blk", 2, with(&[]));
    assert!(!single.load("virtio-blk", 2, &bytes).has("blk.request[0].vq_idx"));
}

#[test]
fn ports_must_be_the_local_ones() {
    let ports =
        |most, bits| with(&[("serial.max_nr_ports", most), ("serial.ports_map[0].bits", bits)]);
    let text = |number: &str, given: Given| {
        let own = Release::new(number).knowing("virtio-console", 2, ports(16, 1));
        let (bytes, _) = Release::new("1.4.2").save("virtio-console", 2, given);
        own.load("virtio-console", 2, &bytes).text()
    };
    assert_eq!(text("1.4.2", ports(31, 1)), "31 ports, local device has 16");
    assert_eq!(text("2.0.0", ports(31, 1)), "");
    assert_eq!(text("2.0.0", ports(31, 3)), "ports 0x3, local device has 0x1");
    let unknown = with(&[
        ("serial.max_nr_ports", 16),
        ("serial.ports_map[0].bits", 1),
        ("serial.nr_active_ports", 1),
        ("serial.port[0].id", 5),
    ]);
    assert_eq!(text("2.0.0", unknown), "port 5 does not exist");
}

#[test]
fn what_each_section_version_has() {
    let release = Release::new("2.3.1");
    let len = |device: &str, version_id, more: &[(&'static str, u64)]| {
        release.save(device, version_id, with(more)).0.len()
    };
    let net: Vec<i64> =
        (2..=11).map(|version_id| len("virtio-net", version_id, &[]) as i64).collect();
    let steps: Vec<i64> = net.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Status; promisc and allmulti as words; the MAC table; VLANs; the header; bytes instead of words;
    // overflows; four switches; UFO.
    assert_eq!(steps, [2, 8, 4, 512, 4, -6, 2, 4, 1]);
    let port = [
        ("serial.max_nr_ports", 1),
        ("serial.ports_map[0].bits", 1),
        ("serial.nr_active_ports", 1),
    ];
    let serial: Vec<usize> =
        (1..=3).map(|version_id| len("virtio-console", version_id, &port)).collect();
    assert_eq!([serial[1] - serial[0], serial[2] - serial[1]], [2 + 2 + 4 + 4 + 4 + 4 + 2, 4]);
    let popped = [&port[..], &[("serial.port[0].elem_popped", 1)]].concat();
    assert!(len("virtio-console", 3, &popped) > serial[2] + 4 + 8);
}

#[test]
fn numbers_of_queues_by_release() {
    let text = |number: &str, count| {
        let (bytes, _) =
            Release::new("2.8.1").save("virtio-balloon", 1, with(&[("num_queues", count)]));
        Release::new(number).load("virtio-balloon", 1, &bytes).text()
    };
    for (number, most) in [("0.12.5", 16), ("0.13.0", 64), ("2.3.1", 64), ("2.4.0", 1024)] {
        assert_eq!(text(number, most), "", "{number}");
        assert!(
            text(number, most + 1)
                .contains(&format!("{} queues, expected at most {most}", most + 1))
        );
    }
}

#[test]
fn the_described_parts_are_those_of_virtio() {
    let release = Release::new("2.8.1");
    let index = described_parts(&release.set).expect("there from 2.1 on");
    assert_eq!(release.set.get(index).map(|vmsd| vmsd.name.as_str()), Some("virtio"));
}

#[rstest::rstest]
#[case("8.2.0", 2, "")]
#[case("9.0.0", 1, "")]
#[case("9.0.0", 2, "undefined: whether scanout 1 has a picture")]
#[case("11.1.0", 3, "undefined: whether scanout 1 has a picture")]
fn the_form_of_further_scanouts_is_not_defined(
    #[case] number: &str,
    #[case] outputs: u64,
    #[case] expected: &str,
) {
    let own = Release::new("8.2.0");
    let mut given = Given::of(&[("scanouts.max_outputs", outputs)]);
    let mut flow = Saver::new(&mut given);
    gpu::transfer(&mut Walk::new(own.context(), "virtio-gpu", &mut flow)).expect("saved");
    let bytes = [flow.writer.into_bytes(), vec![0; 64]].concat();
    let (to, mut source) = (Release::new(number), &bytes[..]);
    let mut flow = Loader::new(Reader::new(&mut source, &Feed::Bulk), &to.dialect);
    let refused = gpu::transfer(&mut Walk::new(to.context(), "virtio-gpu", &mut flow)).err();
    let text = refused.map_or(String::new(), |e| e.kind.to_string());
    assert!(text.starts_with(expected) && text.is_empty() == expected.is_empty(), "{text}");
}
