//! Streams written byte by byte, given to loaders that have the live sections only: every record
//! form, at its bounds, by release.

mod configuration;
mod frames;
mod live;
mod multifd;
mod platform;
mod records;

use super::destination::Platform;
use super::{Body, Destination, Handler, load};
use crate::dialect::{Dialect, Version};
use crate::vmstate::{Local, Set};
use crate::wire::{Feed, Kind};

/// Records, one after the other.
#[derive(Debug, Clone, Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    /// From magic and format on.
    fn stream() -> Self {
        Bytes(b"QEVM\0\0\0\x03".to_vec())
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn zeros(self, count: usize) -> Self {
        self.raw(&vec![0; count])
    }

    fn be16(self, value: u16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    fn be32(self, value: u32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    fn be64(self, value: u64) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// A text with its length in one byte.
    fn counted(self, text: &str) -> Self {
        self.raw(&[text.len() as u8]).raw(text.as_bytes())
    }

    /// The header of START (1) or FULL (4).
    fn section(self, record: u8, id: u32, idstr: &str, version_id: u32) -> Self {
        self.raw(&[record]).be32(id).counted(idstr).be32(0).be32(version_id)
    }

    /// The header of PART (2) or END (3).
    fn part(self, record: u8, id: u32) -> Self {
        self.raw(&[record]).be32(id)
    }

    fn footer(self, id: u32) -> Self {
        self.raw(&[0x7e]).be32(id)
    }

    fn command(self, number: u16, len: u16) -> Self {
        self.raw(&[8]).be16(number).be16(len)
    }

    fn configuration(self, machine: &str) -> Self {
        self.raw(&[7]).be32(machine.len() as u32).raw(machine.as_bytes())
    }

    fn end(self) -> Self {
        self.raw(&[0])
    }
}

/// A release on a machine type that has neither footers nor a configuration section, with the
/// live sections and an unknown loader.
fn destination(release: &str) -> Destination {
    on(release, "pc-0.12")
}

fn on(release: &str, machine: &str) -> Destination {
    let version: Version = release.parse().unwrap();
    let bodies = [
        ("ram", Body::Ram),
        ("block", Body::Block),
        ("dirty-bitmap", Body::DirtyBitmap),
        ("strange", Body::Unknown("strange_load".to_string())),
        ("todclock", Body::Clock),
        ("s390-storage_attributes", Body::Platform(Platform::StorageAttributes)),
        ("s390-skeys", Body::Platform(Platform::StorageKeys)),
        ("spapr/htab", Body::Platform(Platform::HashTable)),
    ];
    Destination {
        release: release.to_string(),
        version,
        machine: machine.to_string(),
        scenario: String::new(),
        dialect: Dialect::of(version, machine),
        handlers: bodies.into_iter().map(|(idstr, body)| handler(idstr, body)).collect(),
        set: Set::new(),
        local: Local::default(),
    }
}

fn handler(idstr: &str, body: Body) -> Handler {
    Handler {
        idstr: idstr.to_string(),
        instance_id: 0,
        alias_id: u32::MAX,
        version_id: 4,
        compat: None,
        device: idstr.to_string(),
        ordinal: 0,
        body,
    }
}

/// What a load came to: where it stopped, and why if it was refused.
fn outcome(to: &Destination, bytes: &Bytes) -> (u64, String) {
    let loaded = load(to, &mut &bytes.0[..], &Feed::Bulk);
    (loaded.stopped, loaded.refused.map_or(String::new(), |e| e.kind.to_string()))
}

/// Accepts all of a stream, and says end of stream for whatever is cut off from it.
fn whole(to: &Destination, bytes: &Bytes) {
    assert_eq!(outcome(to, bytes), (bytes.0.len() as u64, String::new()));
    for len in 8..bytes.0.len() {
        let cut = load(to, &mut &bytes.0[..len], &Feed::Bulk);
        let refused = cut.refused.unwrap_or_else(|| panic!("the first {len} bytes are accepted"));
        let cut_off = matches!(
            refused.kind,
            Kind::EndOfInput { .. } | Kind::BadIdstr | Kind::ConfigurationMissing { .. }
        );
        assert!(cut_off, "the first {len} bytes: {}", refused.kind);
        assert!(refused.offset <= len as u64 && cut.stopped <= len as u64);
    }
}

/// Refuses a stream.
fn refuses(to: &Destination, bytes: &Bytes, expected: &str) {
    assert_eq!(outcome(to, bytes).1, expected);
}
