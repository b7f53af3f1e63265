//! What s390x and spapr send in records.

use rstest::rstest;

use super::{Bytes, destination, outcome, refuses, whole};
use crate::stream::Platform;
use crate::stream::frames::{Depth, scan};

const EOS: u64 = 1;
const DATA: u64 = 2;
const ERROR: u64 = 4;
const DONE: u64 = 8;

fn section(idstr: &str, version_id: u32, records: impl FnOnce(Bytes) -> Bytes) -> Bytes {
    records(Bytes::stream().section(1, 1, idstr, version_id)).end()
}

fn attributes(records: impl FnOnce(Bytes) -> Bytes) -> Bytes {
    section("s390-storage_attributes", 0, records)
}

fn keys(records: impl FnOnce(Bytes) -> Bytes) -> Bytes {
    section("s390-skeys", 1, records)
}

fn table(records: impl FnOnce(Bytes) -> Bytes) -> Bytes {
    section("spapr/htab", 1, records)
}

#[rstest]
#[case(|b: Bytes| b.be64(EOS))]
#[case(|b: Bytes| b.be64(DONE).be64(EOS))]
#[case(|b: Bytes| b.be64(0x5000 | DATA).be64(3).raw(b"abc").be64(EOS))]
#[case(|b: Bytes| b.be64(DATA).be64(0).be64(0x1000 | DATA).be64(1).zeros(1).be64(DONE).be64(EOS))]
fn forms_of_storage_attributes(#[case] records: fn(Bytes) -> Bytes) {
    whole(&destination("2.12.0"), &attributes(records));
}

#[test]
fn attributes_that_no_memory_holds_are_refused_at_their_count() {
    let many = attributes(|b| b.be64(DATA).be64(1 << 62).zeros(64));
    let (stopped, text) = outcome(&destination("7.2.0"), &many);
    assert!(text.contains("no memory for 4611686018427387904 attributes"), "{text}");
    assert_eq!(stopped, many.0.len() as u64 - 65);
}

#[test]
fn parts_of_storage_attributes_go_on() {
    let start = Bytes::stream().section(1, 7, "s390-storage_attributes", 0).be64(EOS);
    whole(&destination("7.2.0"), &start.part(2, 7).be64(EOS).part(3, 7).be64(DONE).be64(EOS).end());
}

#[test]
fn forms_of_storage_keys() {
    let to = destination("2.5.0");
    whole(&to, &keys(|b| b.be64(EOS)));
    whole(&to, &keys(|b| b.be64(DATA).be64(4).zeros(4).be64(EOS)));
    // More than are taken in one go.
    let many = keys(|b| b.be64(DATA).be64(131_073).zeros(131_073).be64(EOS));
    assert_eq!(outcome(&to, &many), (many.0.len() as u64, String::new()));
}

#[test]
fn what_the_source_could_not_read_is_refused() {
    let to = destination("7.2.0");
    for (word, text) in [
        (ERROR, "the source could not read all"),
        (DATA | ERROR, "unknown flags 0x6"),
        (0x1000, "unknown flags 0x0"),
    ] {
        refuses(&to, &attributes(|b| b.be64(word)), text);
        refuses(&to, &keys(|b| b.be64(word)), text);
    }
    refuses(&destination("7.2.0"), &keys(|b| b.be64(DONE)), "unknown flags 0x8");
}

#[test]
fn keys_of_memory_that_may_be_there_are_not_known() {
    let mut to = destination("7.2.0");
    to.local.blocks = vec![(b"s390.ram".to_vec(), 0x4000)];
    whole(&to, &keys(|b| b.be64(DATA).be64(4).zeros(4).be64(EOS)));
    let beyond = keys(|b| b.be64(0x1000 | DATA).be64(4).zeros(4).be64(EOS));
    refuses(&to, &beyond, "not modelled: storage keys beyond main memory: maxmem");
}

#[rstest]
// No table; the size of one alone; entries, and none.
#[case(|b: Bytes| b.be32(u32::MAX))]
#[case(|b: Bytes| b.be32(18))]
#[case(|b: Bytes| b.be32(0).be64(0))]
#[case(|b: Bytes| b.be32(0).be32(7).be16(2).be16(1).zeros(32).be32(9).be16(0).be16(5).be64(0))]
fn forms_of_a_hash_table(#[case] records: fn(Bytes) -> Bytes) {
    whole(&destination("2.1.0"), &table(records));
}

#[test]
fn entries_lie_in_the_table() {
    let to = destination("7.2.0");
    let of = |index: u32, valid: u16, invalid: u16| {
        let start = Bytes::stream().section(1, 7, "spapr/htab", 1).be32(18);
        let part = start.part(3, 7).be32(0).be32(index).be16(valid).be16(invalid);
        part.zeros(16 * usize::from(valid)).be64(0).end()
    };
    whole(&to, &of(16_382, 1, 1));
    refuses(&to, &of(16_382, 1, 2), "entries 16382+1+2 of a hash table of 16384");
    assert!(outcome(&to, &of(u32::MAX, 1, 0)).1.contains("the loader writes past it"));
    let shift = |n| table(|b: Bytes| b.be32(n));
    refuses(&to, &shift(47), "a hash table of 2^47 bytes");
    refuses(&to, &section("spapr/htab", 2, |b| b.be32(18)), "version 2, expected 1");
}

#[test]
fn entries_without_a_table_end_an_emulator() {
    let start = Bytes::stream().section(1, 7, "spapr/htab", 1).be32(u32::MAX);
    let text = outcome(&destination("7.2.0"), &start.part(3, 7).be32(0).be64(0).end()).1;
    assert!(text.contains("entries of a hash table, and there is none"), "{text}");
}

#[test]
fn a_clock_may_be_missing() {
    let of = |bytes: &[u8]| section("todclock", 1, |b| b.raw(bytes));
    whole(&destination("7.2.0"), &of(&[0]));
    whole(&destination("7.2.0"), &of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
}

/// Nothing is known but the frames: the same bytes are read.
#[test]
fn records_are_walked_where_nothing_is_known() {
    let start = Bytes::stream()
        .section(1, 3, "s390-storage_attributes", 0)
        .be64(EOS)
        .section(1, 4, "spapr/htab", 1)
        .be32(20)
        .section(4, 5, "s390-skeys", 1)
        .be64(DATA)
        .be64(5)
        .zeros(5)
        .be64(EOS)
        .section(4, 6, "timer", 2)
        .zeros(24);
    let parts = start.part(3, 3).be64(DONE).be64(EOS).part(3, 4).be32(0).be64(0).end();
    let found = scan(&mut &parts.0[..], Depth::All);
    assert!(found.stopped.is_none(), "{:?}", found.stopped);
    let names: Vec<&str> = found.sections.iter().map(|s| s.idstr.as_str()).collect();
    assert_eq!(names, ["timer"]);
    assert_eq!(outcome(&found.destination(), &parts), (parts.0.len() as u64, String::new()));
}

#[test]
fn a_part_is_told_by_how_it_begins() {
    let table = Platform::HashTable;
    assert!(table.begins(&[0, 0, 0, 18]) && table.begins(&[0xff; 4]) && !table.begins(&[1; 4]));
    let keys = Platform::StorageKeys;
    assert!(!keys.begins(&9u64.to_be_bytes()) && keys.begins(&2u64.to_be_bytes()));
}
