//! virtio sections made by the saver of one release, and given to the loaders of others.

use std::collections::BTreeMap;

use super::*;
use crate::dialect::Dialect;
use crate::vmstate::compiled::Vmsd;
use crate::vmstate::flow::Name;
use crate::vmstate::progress::Context;
use crate::vmstate::{Loader, Local, Renames, Saver, Values};
use crate::wire::{Error, Feed, Map, Reader};

const MACHINE: &str = "pc-i440fx-2.0";

/// Values by path; everything else is zero. At most one subsection of `virtio`.
#[derive(Debug, Default, Clone)]
struct Given {
    values: BTreeMap<&'static str, u64>,
    subsection: Option<usize>,
}

impl Given {
    fn of(values: &[(&'static str, u64)]) -> Self {
        Given { values: values.iter().copied().collect(), subsection: None }
    }
}

impl Values for Given {
    fn item(&mut self, map: &Map<'_>, name: Name<'_>, _: u32, into: &mut [u8]) -> Result<()> {
        let path = format!("{}.{}", map.here(), name.shown);
        let path = path.trim_start_matches('.');
        into.fill(0);
        if let Some(value) = self.values.get(path) {
            for (place, byte) in into.iter_mut().rev().zip(value.to_le_bytes()) {
                *place = byte;
            }
        }
        Ok(())
    }

    fn subsection(&mut self, _: &Map<'_>, owner: &Vmsd) -> Result<Option<(usize, u32)>> {
        let wanted = (owner.name == "virtio").then(|| self.subsection.take()).flatten();
        Ok(wanted.map(|which| (which, 1)))
    }
}

/// A release with its built-in descriptions.
struct Release {
    number: Version,
    dialect: Dialect,
    set: Set,
    local: Local,
    /// The section's name with its path; without one a device is on PCI.
    section: Option<&'static str>,
    machine: &'static str,
}

/// What a load came to: the refusal, how much was read, and paths with offset and length.
#[derive(Debug, PartialEq)]
struct Outcome {
    refused: Option<Box<Error>>,
    read: u64,
    items: Vec<(String, u64, u64)>,
}

impl Outcome {
    fn has(&self, path: &str) -> bool {
        self.items.iter().any(|(p, ..)| p == path)
    }

    fn text(&self) -> String {
        self.refused.as_ref().map_or(String::new(), |e| e.kind.to_string())
    }
}

fn items(map: &Map<'_>) -> Vec<(String, u64, u64)> {
    map.spans().iter().map(|s| (map.path(s), s.offset, s.len)).collect()
}

impl Release {
    fn new(number: &str) -> Self {
        let number: Version = number.parse().expect("number");
        let dialect = Dialect::of(number, MACHINE);
        let mut set = Set::new();
        let target = Target {
            release: number,
            machine: MACHINE,
            dialect: &dialect,
            renames: &Renames::default(),
            observed: &BTreeMap::new(),
        };
        add_descriptions(&mut set, &target).expect("descriptions");
        let local = Local::default();
        Release { number, dialect, set, local, section: None, machine: MACHINE }
    }

    /// On a big-endian machine if on a channel.
    fn on(mut self, section: &'static str) -> Self {
        self.section = Some(section);
        if section.starts_with('/') {
            self.machine = "s390-ccw-virtio";
        }
        self
    }

    fn context(&self) -> Context<'_> {
        Context {
            set: &self.set,
            dialect: &self.dialect,
            release: self.number,
            generation: None,
            machine: self.machine,
            local: &self.local,
        }
    }

    /// With the local values of a stream of its own.
    fn knowing(mut self, device: &str, version_id: u32, given: Given) -> Self {
        let (bytes, _) = self.save(device, version_id, given);
        let mut source = bytes.as_slice();
        let dialect = self.dialect.clone();
        let mut flow = Loader::new(Reader::new(&mut source, &Feed::Bulk), &dialect);
        flow.map.set_section(self.section);
        section(&mut Walk::new(self.context(), device, &mut flow), version_id).expect("own stream");
        let items =
            flow.map.spans().iter().map(|s| {
                (s.identity, bytes[s.offset as usize..(s.offset + s.len) as usize].to_vec())
            });
        let items = items.collect();
        self.local.items = items;
        self
    }

    fn save(
        &self,
        device: &str,
        version_id: u32,
        mut given: Given,
    ) -> (Vec<u8>, Vec<(String, u64, u64)>) {
        let mut flow = Saver::new(&mut given);
        flow.map.set_section(self.section);
        section(&mut Walk::new(self.context(), device, &mut flow), version_id).expect("saved");
        let items = items(&flow.map);
        (flow.writer.into_bytes(), items)
    }

    fn load(&self, device: &str, version_id: u32, bytes: &[u8]) -> Outcome {
        // What follows a section: footer, next section, end.
        let mut all = bytes.to_vec();
        all.extend([0u8; 64]);
        let mut source = all.as_slice();
        let mut flow = Loader::new(Reader::new(&mut source, &Feed::Bulk), &self.dialect);
        flow.map.set_section(self.section);
        let refused = section(&mut Walk::new(self.context(), device, &mut flow), version_id).err();
        Outcome { refused, read: flow.reader.offset(), items: items(&flow.map) }
    }
}

/// A device with one queue.
const QUEUE: [(&str, u64); 5] = [
    ("pci.version_id", 2),
    ("num_queues", 1),
    ("vq[0].num", 256),
    ("vq[0].pa", 4096),
    ("config_len", 8),
];

fn with(more: &[(&'static str, u64)]) -> Given {
    Given::of(&[&QUEUE, more].concat())
}

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
