//! Copies of what cannot be read twice.

use std::io::{self, Cursor, Read};

use super::stream;
use crate::input::spool::{Bounds, Failed, Spooled, spool};
use crate::input::store::{Store, StoreReader};

fn bounds(limit: u64) -> Bounds {
    Bounds { limit, whole: false, head: 0 }
}

fn bytes_of(store: &mut Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    StoreReader::new(store, 0).read_to_end(&mut bytes).expect("temporary file");
    assert_eq!(bytes.len() as u64, store.len());
    bytes
}

#[test]
fn a_stream_that_has_ended_is_not_followed_by_endless_zeros() {
    let endless = Cursor::new(stream()).chain(std::io::repeat(0));
    let copy = spool(endless, bounds(u64::MAX)).expect("ends by itself");
    assert!(
        copy.left.is_some_and(|why| why.contains("zeros follow")) && copy.store.len() <= 2 << 20
    );
    // One that has not ended, and one that anything else follows, are copied as far as allowed.
    let head = &stream()[..40];
    let endless = Cursor::new(head).chain(std::io::repeat(0));
    assert!(matches!(spool(endless, bounds(5 << 20)), Err(Failed::TooLong)));
    let other = Cursor::new(stream()).chain(std::io::repeat(7));
    assert!(matches!(spool(other, bounds(5 << 20)), Err(Failed::TooLong)));
}

/// What no loader gets beyond is not copied either, however long it is.
#[rstest::rstest]
#[case::format(b"QEVM", 0, "byte 0x4 ")]
#[case::record(b"QEVM\0\0\0\x03", 0x41, "byte 0x8 ")]
#[case::part(b"QEVM\0\0\0\x03\x02\0\0\0\x09", 0x41, "byte 0x8 ")]
fn what_nobody_can_read_is_left(#[case] head: &[u8], #[case] then: u8, #[case] says: &str) {
    let copy = spool(head.chain(std::io::repeat(then)), bounds(u64::MAX)).expect("ends by itself");
    let why = copy.left.expect("left");
    assert!(why.contains(says) && copy.store.len() < 2 << 20, "{why}");
}

/// What contents of memory are made of here.
const CONTENTS: u8 = 0xee;

/// A stream with a main memory of 4 MiB and one of 64 KiB, and these records in a later part of theirs.
fn with_records(records: &[u8]) -> Vec<u8> {
    let mut bytes = b"QEVM\0\0\0\x03\x01\0\0\0\x01\x03ram\0\0\0\0\0\0\0\x04".to_vec();
    bytes.extend(b"\0\0\0\0\0\x41\0\x04\x06pc.ram\0\0\0\0\0\x40\0\0\x03vga\0\0\0\0\0\x01\0\0");
    bytes.extend(b"\0\0\0\0\0\0\0\x10\x02\0\0\0\x01");
    bytes.extend(records);
    bytes.extend(b"\0\0\0\0\0\0\0\x10\0");
    bytes
}

fn page(address: u32, block: &[u8]) -> Vec<u8> {
    let mut record = u64::from(address | 8).to_be_bytes().to_vec();
    record.push(block.len() as u8);
    record.extend(block);
    [record, vec![CONTENTS; 4096]].concat()
}

/// A reader that gives a few bytes at a time, never the same number.
struct Trickle<'b>(&'b [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1 * 7 % 1009 + 1;
        let n = self.1.min(into.len());
        self.0.read(&mut into[..n])
    }
}

/// Contents of memory, in each of their forms, are zeros in a copy, and nothing else is.
#[rstest::rstest]
#[case::page(with_records(&page(0x10_0000, b"pc.ram")), true)]
#[case::pages(with_records(&page(0x20_0000, b"pc.ram").repeat(100)), true)]
#[case::other_block(with_records(&page(0, b"vga")), true)]
// An option ROM may be there.
#[case::low_memory(with_records(&page(0xf_f000, b"pc.ram")), false)]
#[case::difference(with_records(&[
    &b"\0\0\0\0\0\x20\0\x40\x06pc.ram\x01\x02\0"[..], &[CONTENTS; 512],
].concat()), true)]
#[case::packed(with_records(&[
    &b"\0\0\0\0\0\x20\x01\0\x06pc.ram\0\0\x02\0"[..], &[CONTENTS; 512],
].concat()), true)]
#[case::disk([
    &b"QEVM\0\0\0\x03\x01\0\0\0\x01\x05block\0\0\0\0\0\0\0\x01"[..],
    b"\0\0\0\0\0\0\x10\x01\x03hda", &[CONTENTS; 1 << 20], b"\0\0\0\0\0\0\0\x02\0",
].concat(), true)]
// A package is kept: what it holds is not looked at, but where it ends is known.
#[case::behind_a_package(with_records(&[
    &b"\0\0\0\0\0\0\0\x10\x08\0\x07\0\x04\0\0\0\x05hello\x02\0\0\0\x01"[..],
    &page(0x10_0000, b"pc.ram"),
].concat()), true)]
// Where an opaque section ends is a guess.
#[case::behind_a_device(with_records(&[
    &b"\0\0\0\0\0\0\0\x10\x04\0\0\0\x05\x05timer\0\0\0\0\0\0\0\x02hello\x02\0\0\0\x01"[..],
    &page(0x10_0000, b"pc.ram"),
].concat()), false)]
fn contents_of_memory_are_left_out(
    #[case] bytes: Vec<u8>,
    #[case] left_out: bool,
    #[values(0, 92)] head: usize,
) {
    let bytes = [vec![CONTENTS; head], bytes].concat();
    let mut expected = bytes.clone();
    if left_out {
        expected[head..].iter_mut().filter(|b| **b == CONTENTS).for_each(|b| *b = 0);
    }
    for (whole, expected) in [(false, &expected), (true, &bytes)] {
        let bounds = Bounds { limit: u64::MAX, whole, head: head as u64 };
        for from in [&mut &bytes[..] as &mut dyn Read, &mut Trickle(&bytes, 1)] {
            let Spooled { mut store, left } = spool(from, bounds).expect("copy");
            assert_eq!(left, None);
            assert!(bytes_of(&mut store) == *expected, "whole: {whole}");
        }
    }
}

/// A machine of any size leaves a few bytes on the disk.
#[test]
fn a_long_stream_takes_little_room() {
    let long = with_records(&page(0x20_0000, b"pc.ram").repeat(5000));
    let copy = spool(&long[..], bounds(u64::MAX)).expect("copy");
    assert_eq!(copy.store.len(), long.len() as u64);
    assert!(copy.store.kept() < 1 << 14, "{} bytes", copy.store.kept());
}

#[test]
fn a_copy_is_the_same_with_its_holes() {
    let mut bytes = stream()[..40].to_vec();
    bytes.resize(3 << 20, 0);
    bytes.extend([7; 100_000]);
    bytes.resize(6 << 20, 0);
    let mut copy = spool(&bytes[..], bounds(u64::MAX)).expect("copy");
    assert!(copy.left.is_none() && bytes_of(&mut copy.store) == bytes);
}

/// A medium that fails is no end of the stream.
#[test]
fn what_cannot_be_read_is_told() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("it fell out"))
        }
    }
    let page = page(0x20_0000, b"pc.ram").repeat(3);
    let bytes = with_records(&page);
    for cut in [2, 30, 5000, bytes.len() - 1, bytes.len()] {
        match spool((&bytes[..cut]).chain(Broken), bounds(u64::MAX)) {
            Err(Failed::From(error)) => assert_eq!(error.to_string(), "it fell out"),
            other => panic!("{cut}: {other:?}"),
        }
    }
}
