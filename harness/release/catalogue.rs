//! The catalogue of a release: what each device type, and each board, puts on the wire, and under
//! which configuration that was seen. `corpus/<release>/devices.json`, with a payload of each
//! section in `devices.payloads.zst`; of other architectures than x86_64 in a folder of its name.
//!
//! An entry is one section of one device type at one kind of place, on the machine types on which
//! it looks the same. What is taken from an entry for another machine is said in `release::compose`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::paths::path_of;
use crate::dialect::Generation;
use crate::vmstate::schema::{Answers, Body};

/// All entries of a release.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The release.
    pub release: String,
    /// The binary, in words.
    pub binary: String,
    /// Machine types on which devices were recorded.
    pub machines: Vec<String>,
    /// All machine types that the binary has.
    pub all_machines: Vec<String>,
    /// Every device type that `-device` can name: empty if it is catalogued, else why it is not.
    pub types: BTreeMap<String, String>,
    /// Names of all descriptions of device classes (`-dump-vmstate`): what is not among them, no
    /// device type of the binary sends.
    pub described: Vec<String>,
    /// Sections without a path that every device of a machine registers under the same instance
    /// (`vmstate_register` with a number, not `VMSTATE_INSTANCE_ID_ANY`), as machines with two of a
    /// type showed: whatever other instance a stream has of them is not found. With what the binary
    /// says to a second one, where it does not start then (since 9.0,
    /// `savevm_state_handler_insert`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alike: BTreeMap<String, String>,
    /// The entries, by device type.
    pub entries: Vec<Entry>,
}

/// One section, as one device type registers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Device type; empty: the board.
    pub device: String,
    /// The kind of place, where it matters: behind a bridge, on the root bus, behind a port.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// Options or properties that differ from the defaults, as on the command line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub varied: String,
    /// What is behind the bus path of its idstr, or the whole where there is none.
    pub section: String,
    /// Whether a bus path comes before it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_path: bool,
    /// Instance.
    pub instance_id: u32,
    /// Further instance that is accepted.
    pub alias_id: i64,
    /// Highest version accepted.
    pub version_id: u32,
    /// What loads it.
    pub body: Body,
    /// What the configuration decided of its layout.
    #[serde(default, skip_serializing_if = "Answers::is_empty")]
    pub answers: Answers,
    /// RAM blocks of the device, by what is behind its path, with their lengths in bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blocks: BTreeMap<String, u64>,
    /// Machine types on which it looks the same, each `NAME`, or `FIRST..LAST` in the order of
    /// [`Catalogue::machines`].
    pub machines: Vec<String>,
    /// Where its payload begins in the payloads of the release, and how long it is.
    pub payload: (u64, u64),
}

impl Catalogue {
    /// Whether an entry was seen on a machine type, or, where that was not recorded, on the nearest
    /// ones before and behind it: compatibility properties are set up to a generation and no more.
    #[must_use]
    pub fn is_on(&self, entry: &Entry, machine: &str) -> bool {
        if self.machines.iter().any(|name| name == machine) {
            return self.seen(entry, machine);
        }
        let Some((before, behind)) = self.nearest(machine) else { return false };
        self.seen(entry, before) && self.seen(entry, behind)
    }

    /// The machine types of the same chipset that were recorded next to one that was not.
    #[must_use]
    pub fn nearest(&self, machine: &str) -> Option<(&str, &str)> {
        let asked = Generation::of(machine)?;
        let known = self.machines.iter().filter(|name| chipset(name) == chipset(machine));
        let known: Vec<(Generation, &str)> =
            known.filter_map(|name| Some((Generation::of(name)?, name.as_str()))).collect();
        let before = known.iter().filter(|(g, _)| *g < asked).max()?;
        let behind = known.iter().filter(|(g, _)| *g > asked).min()?;
        Some((before.1, behind.1))
    }

    /// Whether devices were recorded on a board of this machine type's chipset.
    #[must_use]
    pub fn has_board(&self, machine: &str) -> bool {
        self.machines.iter().any(|name| chipset(name) == chipset(machine))
    }

    /// Whether an entry was seen on a machine type that was recorded.
    fn seen(&self, entry: &Entry, machine: &str) -> bool {
        let place = |name: &str| self.machines.iter().position(|m| m == name);
        let Some(asked) = place(machine) else { return false };
        entry.machines.iter().any(|range| match range.split_once("..") {
            None => range == machine,
            Some((first, last)) => {
                place(first).is_some_and(|first| first <= asked)
                    && place(last).is_some_and(|last| asked <= last)
            }
        })
    }

    /// Machine types as [`Entry::machines`] has them.
    #[must_use]
    pub fn ranges(&self, on: impl Fn(&str) -> bool) -> Vec<String> {
        let mut ranges: Vec<(&str, &str)> = Vec::new();
        let mut open = false;
        for name in self.machines.iter().map(String::as_str) {
            match (on(name), ranges.last_mut()) {
                (true, Some((_, last))) if open => *last = name,
                (true, _) => ranges.push((name, name)),
                (false, _) => {}
            }
            open = on(name);
        }
        let text = |(first, last): (&str, &str)| {
            if first == last { first.to_owned() } else { format!("{first}..{last}") }
        };
        ranges.into_iter().map(text).collect()
    }

    /// Path in the corpus.
    #[must_use]
    pub fn path(release: &str, architecture: &str) -> String {
        path_of(release, architecture, "devices.json")
    }

    /// Path of the payloads in the corpus.
    #[must_use]
    pub fn payloads_path(release: &str, architecture: &str) -> String {
        path_of(release, architecture, "devices.payloads.zst")
    }
}

/// Payloads, one behind the other. Nearly all of their bytes are zeros, and those take no room.
#[derive(Debug, Clone, Default)]
pub struct Payloads {
    /// The pieces that are not all zeros, by their number.
    pieces: BTreeMap<u64, [u8; PIECE]>,
    len: u64,
}

/// Bytes of a piece of payloads.
const PIECE: usize = 64;

impl Payloads {
    /// Puts bytes behind the last, and returns where they begin.
    pub fn push(&mut self, bytes: &[u8]) -> u64 {
        let (from, mut rest) = (self.len, bytes);
        while !rest.is_empty() {
            let (number, at) = (self.len / PIECE as u64, (self.len % PIECE as u64) as usize);
            let (now, later) = rest.split_at(rest.len().min(PIECE - at));
            if now.iter().any(|byte| *byte != 0) {
                let piece = self.pieces.entry(number).or_insert([0; PIECE]);
                if let Some(place) = piece.get_mut(at..at + now.len()) {
                    place.copy_from_slice(now);
                }
            }
            self.len += now.len() as u64;
            rest = later;
        }
        from
    }

    /// So many bytes from there on; none where there are not so many.
    #[must_use]
    pub fn get(&self, from: u64, len: u64) -> Vec<u8> {
        let Some(end) = from.checked_add(len).filter(|end| *end <= self.len) else {
            return Vec::new();
        };
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let (first, beyond) = (from / PIECE as u64, end.div_ceil(PIECE as u64));
        for (number, piece) in self.pieces.range(first..beyond) {
            let begin = number * PIECE as u64;
            for (at, byte) in (begin..).zip(piece) {
                let place = at.checked_sub(from).and_then(|at| usize::try_from(at).ok());
                if let Some(place) = place.and_then(|place| bytes.get_mut(place)) {
                    *place = *byte;
                }
            }
        }
        bytes
    }
}

/// Recorded layouts: a catalogue with its payloads.
#[derive(Debug, Clone, Default)]
pub struct Layouts {
    /// The entries.
    pub catalogue: Catalogue,
    /// Payloads of all of them.
    pub payloads: Payloads,
    /// RAM blocks that every scenario of a machine type has, where there is one: the board's own.
    pub always: Option<BTreeSet<Vec<u8>>>,
    /// Those that any of them has.
    pub ever: BTreeSet<Vec<u8>>,
}

impl Layouts {
    /// The first bytes of the payload of an entry, at most so many.
    #[must_use]
    pub fn head(&self, entry: &Entry, most: u64) -> Vec<u8> {
        self.payloads.get(entry.payload.0, entry.payload.1.min(most))
    }

    /// The payload of an entry.
    #[must_use]
    pub fn payload(&self, entry: &Entry) -> Vec<u8> {
        self.payloads.get(entry.payload.0, entry.payload.1)
    }
}

/// The name of a machine type without its generation: `pc-q35`, `aarch64/virt`, `microvm`.
#[must_use]
pub fn chipset(machine: &str) -> &str {
    machine.rsplit_once('-').map_or(machine, |(chipset, _)| chipset)
}

fn is_false(v: &bool) -> bool {
    !*v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0, 300, true)]
    #[case(60, 5, true)]
    #[case(63, 1, true)]
    #[case(64, 200, true)]
    #[case(299, 1, true)]
    #[case(300, 0, true)]
    #[case(299, 2, false)]
    #[case(u64::MAX, 2, false)]
    fn payloads_are_what_was_put(#[case] from: u64, #[case] len: u64, #[case] there: bool) {
        let mut bytes = vec![0; 300];
        for (at, byte) in [(0, 1), (62, 2), (64, 3), (200, 4), (299, 5)] {
            bytes[at] = byte;
        }
        let mut payloads = Payloads::default();
        assert_eq!(payloads.push(&bytes[..70]), 0);
        assert_eq!(payloads.push(&bytes[70..]), 70);
        let range = from as usize..from.wrapping_add(len) as usize;
        let expected = if there { &bytes[range] } else { &[][..] };
        assert_eq!(payloads.get(from, len), expected);
    }

    #[rstest::rstest]
    #[case("pc-i440fx-4.2", true)]
    #[case("pc-i440fx-7.2", false)]
    // Not recorded: as on both its neighbours.
    #[case("pc-i440fx-3.0", true)]
    #[case("pc-i440fx-6.0", false)]
    // No neighbour behind it, another chipset, no number.
    #[case("pc-i440fx-8.0", false)]
    #[case("pc-q35-3.0", false)]
    #[case("microvm", false)]
    fn an_entry_is_on_machine_types_between(#[case] machine: &str, #[case] expected: bool) {
        let machines = ["pc-i440fx-2.4", "pc-i440fx-4.2", "pc-i440fx-7.2", "pc-q35-4.2"];
        let mut catalogue: Catalogue = serde_json::from_str(
            r#"{"release":"7.2","binary":"x","machines":[],"all_machines":[],"types":{},"described":[],"entries":[]}"#,
        )
        .unwrap();
        catalogue.machines = machines.map(str::to_owned).to_vec();
        let entry: Entry = serde_json::from_str(
            r#"{"device":"nic","section":"nic","instance_id":0,"alias_id":-1,"version_id":1,
                "body":{"vmsd":"nic"},"machines":["pc-i440fx-2.4..pc-i440fx-4.2"],"payload":[0,0]}"#,
        )
        .unwrap();
        assert_eq!(catalogue.is_on(&entry, machine), expected);
    }
}
