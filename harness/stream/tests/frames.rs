//! Streams of which nothing is known.

use super::Bytes;
use crate::stream::frames::{Depth, Opaque, scan};

fn found(bytes: &Bytes, depth: Depth) -> crate::stream::frames::Scan {
    scan(&mut &bytes.0[..], depth)
}

fn opaque(idstr: &str, len: u64, ended: bool) -> Opaque {
    Opaque { idstr: idstr.to_string(), instance_id: 0, version_id: 2, len, ended }
}

#[test]
fn payloads_end_where_a_record_follows() {
    let stream = Bytes::stream().section(4, 1, "timer", 2).zeros(24);
    let stream = stream.section(4, 2, "fdc", 2).zeros(7).end();
    let scan = found(&stream, Depth::All);
    assert!(scan.stopped.is_none() && !scan.footers && !scan.description && scan.machine.is_none());
    assert_eq!(scan.sections, [opaque("timer", 24, true), opaque("fdc", 7, true)]);
    // The loader that comes of it reads what was found.
    let to = scan.destination();
    assert_eq!(super::outcome(&to, &stream), (stream.0.len() as u64, String::new()));
    // The framing is known after the first.
    assert_eq!(found(&stream, Depth::Framing).sections, [opaque("timer", 24, true)]);
}

#[test]
fn payloads_end_with_their_own_footer() {
    let stream = Bytes::stream().configuration("pc").section(4, 1, "timer", 2).zeros(24).footer(1);
    let stream =
        stream.section(4, 2, "fdc", 2).zeros(7).footer(2).end().raw(&[6]).be32(2).raw(b"{}");
    let scan = found(&stream, Depth::All);
    assert!(scan.stopped.is_none() && scan.footers && scan.description);
    assert_eq!(scan.machine.as_deref(), Some("pc"));
    assert_eq!(scan.sections, [opaque("timer", 24, true), opaque("fdc", 7, true)]);
    let to = scan.destination();
    assert!(to.dialect.footers && to.dialect.description);
    assert_eq!(super::outcome(&to, &stream).1, "");
}

/// `spapr_iommu` has a bus number for an instance. Without a footer before it, that is no header.
#[test]
fn behind_a_footer_an_instance_is_any_number() {
    let begin = || Bytes::stream().configuration("pc").section(4, 1, "timer", 2).zeros(24);
    let rest = |bytes: Bytes| {
        let head = bytes.raw(&[4]).be32(2).counted("spapr_iommu").be32(0x8000_0000).be32(3);
        head.zeros(4)
    };
    let end = |bytes: Bytes| bytes.end().raw(&[6]).be32(2).raw(b"{}");
    let scan = found(&end(rest(begin().footer(1)).footer(2)), Depth::All);
    assert!(scan.stopped.is_none(), "{:?}", scan.stopped);
    assert_eq!(scan.sections[1].instance_id, 0x8000_0000);
    assert_eq!(found(&end(rest(begin())), Depth::All).sections.len(), 1);
}

#[test]
fn a_stream_without_sections_has_the_footers_of_its_configuration() {
    assert!(!found(&Bytes::stream().end(), Depth::All).footers);
    let scan = found(&Bytes::stream().configuration("pc").end(), Depth::All);
    assert!(scan.footers && scan.stopped.is_none());
}

#[test]
fn what_nothing_plausible_follows_takes_the_rest() {
    let stream = Bytes::stream().section(4, 1, "timer", 2).raw(b"\x09\x09\x09");
    let scan = found(&stream, Depth::All);
    assert_eq!(scan.sections, [opaque("timer", 3, false)]);
    assert!(scan.stopped.is_some());
}

#[test]
fn long_payloads_are_looked_through_piece_by_piece() {
    for len in [16 * 1024 - 300, 16 * 1024, 40_000] {
        let stream = Bytes::stream().section(4, 1, "vga", 2).raw(&vec![9; len]);
        let stream = stream.section(4, 2, "fdc", 2).zeros(7).end();
        let sections = found(&stream, Depth::All).sections;
        assert_eq!(sections, [opaque("vga", len as u64, true), opaque("fdc", 7, true)]);
    }
}

#[test]
fn live_sections_and_their_parts_are_parsed() {
    let start = Bytes::stream().section(1, 3, "dirty-bitmap", 1).raw(&[1]);
    let stream = start
        .section(4, 1, "timer", 2)
        .raw(&[9; 5])
        .part(3, 3)
        .raw(&[9])
        .counted("node-name")
        .end();
    let scan = found(&stream, Depth::All);
    assert!(scan.stopped.is_none(), "{:?}", scan.stopped);
    assert_eq!(scan.sections, [opaque("timer", 5, true)]);
    // The end of a live section has come: nothing that looks like another part is one.
    let start = Bytes::stream().section(1, 3, "dirty-bitmap", 1).raw(&[1]).part(3, 3).raw(&[1]);
    let stream = start.section(4, 1, "timer", 2).raw(&[9; 5]);
    let stream = stream.part(3, 3).raw(&[9]).counted("node-name").end();
    assert_eq!(found(&stream, Depth::All).sections, [opaque("timer", 21, true)]);
    let stray = Bytes::stream().part(2, 9).end();
    let scan = found(&stray, Depth::All);
    assert!(scan.stopped.unwrap().kind.to_string().contains('9'));
}

#[test]
fn a_live_section_with_footers_has_them_all_along() {
    let first = Bytes::stream().configuration("pc").section(1, 3, "dirty-bitmap", 1).raw(&[1]);
    let scan = found(&first.clone().footer(3).end(), Depth::All);
    assert!(scan.footers && scan.stopped.is_none());
    let missing = first.footer(3).part(3, 3).raw(&[1]).end();
    let stopped = found(&missing, Depth::All).stopped.unwrap();
    assert!(stopped.kind.to_string().contains("0x00"), "{}", stopped.kind);
    // Without any, none is expected.
    let unframed =
        Bytes::stream().section(1, 3, "dirty-bitmap", 1).raw(&[1]).part(3, 3).raw(&[1]).end();
    let scan = found(&unframed, Depth::All);
    assert!(!scan.footers && scan.stopped.is_none());
}

#[test]
fn records_in_a_package_follow_one_another() {
    let inside = Bytes::default().section(4, 1, "timer", 2).raw(&[9; 5]);
    let inside = inside.section(1, 3, "dirty-bitmap", 1).raw(&[1]).end().raw(b"rest");
    let package = Bytes::stream().command(7, 4).be32(inside.0.len() as u32).raw(&inside.0);
    let scan = found(&package.command(2, 4).be32(0).end(), Depth::All);
    assert!(scan.stopped.is_none(), "{:?}", scan.stopped);
    assert_eq!(scan.sections, [opaque("timer", 5, true)]);
    // The command that hands over to the guest ends it.
    let scan = found(&Bytes::stream().command(5, 0).raw(b"\x55"), Depth::All);
    assert!(scan.stopped.is_none() && !scan.description);
}

/// Postcopy: the guest is handed over in a package, and its pages follow that in the main stream.
#[test]
fn pages_follow_the_package_in_which_the_guest_is_handed_over() {
    let stream = Bytes::stream().configuration("pc").section(1, 3, "dirty-bitmap", 1);
    let stream = stream.raw(&[1]).footer(3);
    let inside = Bytes::default().command(4, 0).section(4, 1, "timer", 2).raw(&[9; 5]).footer(1);
    let inside = inside.command(2, 4).be32(3).command(5, 0);
    let stream = stream.command(7, 4).be32(inside.0.len() as u32).raw(&inside.0);
    let stream = stream.command(2, 4).be32(4).part(3, 3).raw(&[9]).counted("node-name");
    let stream = stream.footer(3).end();
    let scan = found(&stream, Depth::All);
    assert!(scan.stopped.is_none(), "{:?}", scan.stopped);
    assert_eq!(scan.sections, [opaque("timer", 5, true)]);
    assert_eq!(scan.end, Some(stream.0.len() as u64));
    let to = scan.destination();
    assert_eq!(super::outcome(&to, &stream), (stream.0.len() as u64, String::new()));
    // More commands than any sender has in a row are none.
    let many = |n| (0..n).fold(Bytes::stream(), |stream, _| stream.command(1, 0)).0[8..].to_vec();
    for (n, ended) in [(4, true), (5, false)] {
        let stream = Bytes::stream().section(4, 1, "timer", 2).raw(&[9; 5]).raw(&many(n));
        let sections = found(&stream.section(4, 2, "fdc", 2).end(), Depth::All).sections;
        assert_eq!(sections[0].len == 5, ended);
    }
}

/// Versions that are dates or other large numbers are legal; what is a header then has a name that
/// cannot be mistaken.
#[test]
fn sections_of_large_versions_are_told_apart() {
    let with = |name: &str, version: u32| {
        let stream = Bytes::stream().section(4, 1, "timer", 2).raw(&[9; 5]);
        let stream = stream.section(4, 2, name, version).zeros(7).section(4, 3, "fdc", 2).zeros(3);
        found(&stream.end(), Depth::All)
            .sections
            .iter()
            .map(|s| s.idstr.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(with("i6300esb_wdt", 10_000), ["timer", "i6300esb_wdt", "fdc"]);
    assert_eq!(with("0000:00:05.0/eeprom", 0x0132_0000), ["timer", "0000:00:05.0/eeprom", "fdc"]);
    assert_eq!(with("eeprom", u32::MAX), ["timer", "eeprom", "fdc"]);
    assert_eq!(with("ab", 10_000), ["timer", "fdc"]);
    assert_eq!(with("a$bc", 10_000), ["timer", "fdc"]);
    assert_eq!(with("a$bc", 10), ["timer", "a$bc", "fdc"]);
}

/// What follows a payload is a record only if it looks like one throughout.
#[test]
fn what_only_begins_like_a_record_is_payload() {
    let with = |first: u8| {
        let name = String::from_utf8(vec![first, b'd', b'c']).unwrap();
        let stream = Bytes::stream().section(4, 1, "timer", 2).raw(&[9; 5]);
        found(&stream.section(4, 2, &name, 2).zeros(7).end(), Depth::All).sections.len()
    };
    assert_eq!([with(b'f'), with(b'/'), with(b'0'), with(b'-'), with(b' ')], [2, 2, 2, 1, 1]);
    // A part of `block`: a chunk, one of zeros, the end; not two of these at once.
    for (word, sections) in [(1u64, 1), (9, 1), (2, 1), (3, 1)] {
        let start = Bytes::stream().section(1, 3, "block", 1).be64(2);
        let stream = start.section(4, 1, "timer", 2).raw(&[9; 5]).part(3, 3).be64(word);
        let part = Bytes::default().part(3, 3).be64(word).0.len() as u64;
        let scan = found(&stream, Depth::All);
        assert_eq!(scan.sections.len(), sections);
        let len = if word == 3 { 5 + part } else { 5 };
        assert_eq!(scan.sections[0].len, len, "{word}");
    }
}

#[test]
fn parts_of_two_live_sections_may_alternate() {
    let bitmap = |b: Bytes| b.raw(&[9]).counted("node-name");
    let start = Bytes::stream().section(1, 3, "dirty-bitmap", 1).raw(&[1]);
    let both = start.section(1, 4, "block", 1).be64(2);
    let parts = bitmap(both.part(2, 3)).part(2, 4).be64(2);
    let stream = bitmap(parts.part(3, 3)).part(3, 4).be64(2).section(4, 5, "timer", 2).raw(&[9; 5]);
    let scan = found(&stream.end(), Depth::All);
    assert!(scan.stopped.is_none(), "{:?}", scan.stopped);
    assert_eq!(scan.sections, [opaque("timer", 5, true)]);
}

/// What a part of a live section begins with is a record of it, wherever on the disk or in memory
/// it belongs.
#[test]
fn a_payload_ends_where_a_part_of_a_live_section_begins() {
    let timer = |b: Bytes| b.section(4, 5, "timer", 2).raw(&[9; 5]);
    let block = timer(Bytes::stream().section(1, 4, "block", 1).be64(2));
    let block = block.part(3, 4).be64(7 << 9 | 1).counted("d0").zeros(1 << 20).be64(2);
    let list = |b: Bytes| b.be64(0x10000 | 4).counted("pc.ram").be64(0x10000).be64(16);
    let ram = timer(list(Bytes::stream().section(1, 4, "ram", 4)));
    let ram = ram.part(3, 4).be64(0x3000 | 8).counted("pc.ram").zeros(4096).be64(16);
    for stream in [block, ram] {
        let scan = found(&stream.end(), Depth::All);
        assert!(scan.stopped.is_none(), "{:?}", scan.stopped);
        assert_eq!(scan.sections, [opaque("timer", 5, true)]);
    }
}

#[test]
fn capabilities_say_what_a_list_of_blocks_has() {
    let stream = |capability: &str, list: fn(Bytes) -> Bytes| {
        let head = Bytes::stream().configuration("pc").raw(&[5]);
        let head = head.counted("configuration/capabilities").be32(1).be32(1).counted(capability);
        let list = list(head.section(1, 2, "ram", 4).be64(0x1000 | 4).counted("pc.ram"));
        list.be64(16).footer(2).end()
    };
    let scanned = |stream: &Bytes| found(stream, Depth::All).stopped.map(|e| e.to_string());
    // A shared block has its place in the guest's memory behind its length.
    let shared = |b: Bytes| b.be64(0x1000).be64(0);
    assert_eq!(scanned(&stream("x-ignore-shared", shared)), None);
    assert_eq!(scanned(&stream("xbzrle", |b| b.be64(0x1000))), None);
    assert!(scanned(&stream("xbzrle", shared)).is_some());
}

/// Packages one after the other are of one depth; each in another, they would fill memory.
#[test]
fn packages_are_nested_a_few_times_only() {
    let package = |bytes: Bytes, size| bytes.raw(&[8, 0, 7, 0, 4]).be32(size);
    let mut beside = Bytes::stream();
    for _ in 0..100 {
        beside = package(beside, 1).end();
    }
    let scan = found(&beside.end(), Depth::All);
    assert!(scan.stopped.is_none(), "{:?}", scan.stopped);
    let mut inside = Bytes::stream();
    for _ in 0..100 {
        inside = package(inside, u32::MAX);
    }
    let stopped = found(&inside, Depth::All).stopped.expect("refused");
    assert_eq!(stopped.offset, 8 + 4 * 9);
    assert!(stopped.kind.to_string().contains("nested packages"), "{}", stopped.kind);
}
