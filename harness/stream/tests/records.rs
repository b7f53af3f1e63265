//! The main loop: section lookup, footers, commands and packages, the end.

use rstest::rstest;

use super::{Body, Bytes, destination, handler, on, outcome, refuses, whole};
use crate::dialect::Capabilities;
use crate::stream::{LoadOptions, load, load_with};
use crate::wire::Feed;

/// A section that is nothing but its end.
fn empty(bytes: Bytes, id: u32) -> Bytes {
    bytes.section(1, id, "dirty-bitmap", 1).raw(&[1])
}

#[rstest]
#[case("2.4.1", 2, 4, &[0; 4], "unknown section type 8")]
#[case("2.5.0", 1, 0, &[], "")]
#[case("2.5.0", 2, 4, &[0; 4], "")]
#[case("2.5.0", 2, 3, &[0; 4], "command: Ping with bad length 3")]
#[case("2.5.0", 3, 16, &[0; 16], "")]
#[case("2.5.0", 3, 0, &[], "command: PostcopyAdvise with bad length 0")]
#[case("2.12.0", 3, 0, &[], "")]
#[case("2.11.0", 3, 16, &[0; 16], "")]
#[case("2.12.0", 3, 16, &[0; 16], "command: advice for postcopy of RAM, but postcopy-ram is off")]
#[case("8.0.0", 8, 0, &[], "")]
#[case("8.1.0", 8, 0, &[], "command: COLO, but x-colo is off")]
#[case("2.5.0", 3, 8, &[0; 8], "command: PostcopyAdvise with bad length 8")]
#[case("2.5.0", 4, 0, &[], "")]
#[case("2.5.0", 4, 1, &[0], "command: PostcopyListen with bad length 1")]
#[case("2.5.0", 6, 5, &[0; 5], "")]
#[case("2.5.0", 7, 5, &[0; 5], "command: Packaged with bad length 5")]
#[case("2.5.0", 8, 0, &[], "command: 0x8 unknown (length 0x0)")]
#[case("2.5.0", 0, 0, &[], "command: 0x0 unknown (length 0x0)")]
#[case("3.1.0", 10, 3, &[0; 3], "")]
#[case("9.2.0", 11, 0, &[], "command: 0xb unknown (length 0x0)")]
#[case("10.0.0", 11, 0, &[], "")]
fn commands(
    #[case] release: &str,
    #[case] number: u16,
    #[case] len: u16,
    #[case] rest: &[u8],
    #[case] expected: &str,
) {
    let stream = Bytes::stream().command(number, len).raw(rest).end();
    let to = destination(release);
    if expected.is_empty() {
        whole(&to, &stream);
    } else {
        refuses(&to, &stream, expected);
    }
}

/// What a destination was started with, and what it takes then.
#[rstest]
#[case("3.0.0", "postcopy-ram", 3, 16, "")]
#[case("3.0.0", "postcopy-ram", 3, 0, "command: advice without RAM, but postcopy-ram is on")]
#[case("2.11.0", "postcopy-ram", 3, 16, "")]
#[case("10.0.0", "x-colo", 8, 0, "")]
#[case("10.0.0", "xbzrle", 8, 0, "command: COLO, but x-colo is off")]
fn commands_by_capability(
    #[case] release: &str,
    #[case] capability: &str,
    #[case] number: u16,
    #[case] len: u16,
    #[case] expected: &str,
) {
    let rest = vec![0; usize::from(len)];
    let stream = Bytes::stream().command(number, len).raw(&rest).end();
    let mut to = destination(release);
    let mut on = Capabilities::default();
    on.turn_on(capability).unwrap();
    to.dialect.capabilities = Some(on);
    if expected.is_empty() {
        whole(&to, &stream);
    } else {
        refuses(&to, &stream, expected);
    }
    // Whoever wants to know what was written asks for nothing.
    let own = LoadOptions { own: true, ..LoadOptions::default() };
    assert!(load_with(&to, &mut &stream.0[..], &Feed::Bulk, own).refused.is_none());
}

#[test]
fn the_guest_runs_at_the_end_of_postcopy_and_nothing_more_is_read() {
    let stream = Bytes::stream().command(5, 0);
    let len = stream.0.len() as u64;
    assert_eq!(outcome(&destination("2.8.1"), &stream.raw(b"pages")), (len, String::new()));
}

fn package(bytes: Bytes, size: u32, inside: &Bytes) -> Bytes {
    bytes.command(7, 4).be32(size).raw(&inside.0)
}

#[test]
fn a_package_is_a_stream_of_its_length() {
    let to = destination("2.8.1");
    let inside = empty(Bytes::default(), 1).end();
    let size = inside.0.len() as u32;
    whole(&to, &empty(package(Bytes::stream(), size, &inside), 2).end());
    // What is left of it behind its end is passed over.
    let longer = package(Bytes::stream(), size + 3, &inside).raw(b"abc");
    whole(&to, &empty(longer, 2).end());
    let shorter = package(Bytes::stream(), size - 2, &inside).end();
    refuses(&to, &shorter, "end of stream, 2 more bytes expected");
    let at = load(&to, &mut &shorter.0[..], &Feed::Bulk).refused.unwrap().offset;
    assert_eq!(at, 8 + 9 + u64::from(size) - 2, "where the package ends");
}

#[test]
fn packages_in_packages_have_an_end() {
    let to = destination("2.8.1");
    let nested = |depth: u32| {
        (0..depth).fold(Bytes::default().end(), |inside, _| {
            let size = inside.0.len() as u32;
            package(Bytes::default(), size, &inside).end()
        })
    };
    whole(&to, &Bytes::stream().raw(&nested(4).0));
    refuses(&to, &Bytes::stream().raw(&nested(5).0), "limit: more than 4 nested packages");
    // One after the other they are not nested.
    let row = (0..6).fold(Bytes::stream(), |b, _| package(b, 1, &Bytes::default().end()));
    whole(&to, &row.end());
}

#[test]
fn parts_go_to_the_section_that_was_started() {
    for release in ["2.9.0", "2.10.0"] {
        let to = destination(release);
        let start = || empty(Bytes::stream(), 7);
        whole(&to, &start().part(2, 7).raw(&[1]).part(3, 7).raw(&[1]).end());
        let unknown = start().part(2, 8).raw(&[1]).end();
        assert!(outcome(&to, &unknown).1.contains('8'), "{:?}", outcome(&to, &unknown));
    }
    // An id that is used again: up to 2.9 the newest section has it, then each handler its own,
    // and the first in the list is found.
    let again = Bytes::stream().section(1, 7, "block", 1).be64(2);
    let again = empty(again, 7).part(3, 7).raw(&[1]).end();
    whole(&destination("2.9.0"), &again);
    assert_eq!(outcome(&destination("2.10.0"), &again).1, "end of stream, 6 more bytes expected");
}

#[test]
fn a_section_has_a_name_a_handler_and_a_version() {
    let to = |release| destination(release);
    let of =
        |idstr: &str, version_id| Bytes::stream().section(1, 1, idstr, version_id).raw(&[1]).end();
    let said = |release, stream: &Bytes| outcome(&to(release), stream).1;
    assert!(said("2.8.1", &of("nobody", 1)).contains("nobody"));
    assert!(said("2.8.1", &of("dirty-bitmap", 5)).contains('5'));
    assert_eq!(said("2.8.1", &of("strange", 1)), "not modelled: loader strange_load");
    // An empty name is refused as such from 2.4 on.
    let (new, old) = (said("2.4.0", &of("", 1)), said("2.3.1", &of("", 1)));
    assert_ne!(new, old);
    assert!(old.contains("''"), "{old}");
}

/// From 0.14 on a machine with a device that cannot be migrated loads nothing, not even what has no section
/// of it.
#[rstest::rstest]
#[case("0.14.0", false, (0, "state blocked by non-migratable device 'disk'"))]
#[case("11.1.3", true, (0, "state blocked by non-migratable device 'disk'"))]
#[case("0.13.0", false, (9, ""))]
#[case("0.13.0", true, (26, "not modelled: what disk sends"))]
fn a_device_that_cannot_be_migrated(
    #[case] release: &str,
    #[case] is_sent: bool,
    #[case] (stopped, said): (u64, &str),
) {
    let mut to = destination(release);
    to.handlers.push(handler("disk", Body::Unmigratable));
    let sent =
        |bytes: Bytes| if is_sent { bytes.section(4, 1, "disk", 1).raw(&[1]) } else { bytes };
    let stream = sent(Bytes::stream()).end();
    assert_eq!(outcome(&to, &stream), (stopped, said.to_owned()));
}

#[test]
fn other_names_and_instances_of_a_handler() {
    let mut to = destination("2.8.1");
    let mut moved = handler("0000:00:03.0/dirty-bitmap", Body::DirtyBitmap);
    (moved.instance_id, moved.alias_id) = (5, 9);
    moved.compat = Some(("dirty-bitmap".to_string(), 2));
    to.handlers = vec![moved];
    let found = |aliases, idstr: &str, instance| {
        let mut to = destination("2.8.1");
        to.handlers = vec![handler("0000:00:03.0/dirty-bitmap", Body::DirtyBitmap)];
        to.handlers[0].instance_id = 5;
        to.handlers[0].alias_id = 9;
        to.handlers[0].compat = Some(("dirty-bitmap".to_string(), 2));
        to.dialect.aliases = aliases;
        to.find(idstr.as_bytes(), instance).is_some()
    };
    let own = "0000:00:03.0/dirty-bitmap";
    for (idstr, instance, with, without) in [
        (own, 5, true, true),
        (own, 9, true, false),
        (own, 2, false, false),
        ("dirty-bitmap", 2, true, false),
        ("dirty-bitmap", 9, true, false),
        ("dirty-bitmap", 5, false, false),
        ("bitmap", 2, false, false),
    ] {
        assert_eq!(found(true, idstr, instance), with, "{idstr} {instance}");
        assert_eq!(found(false, idstr, instance), without, "{idstr} {instance}");
    }
    // An old name that is no part of the new one is not taken.
    to.handlers[0].compat = Some(("other".to_string(), 2));
    assert_eq!(to.find(b"other", 2), None);
    // A name ends at its first zero byte.
    assert_eq!(to.find(b"0000:00:03.0/dirty-bitmap\0junk", 5), Some(0));
}

#[test]
fn footers_are_those_of_the_machine_type() {
    let to = on("2.8.1", "pc-i440fx-2.4");
    let stream = || Bytes::stream().configuration("pc-i440fx-2.4");
    let good = empty(stream(), 3).footer(3).end().raw(&[0]);
    assert_eq!(outcome(&to, &good).1, "");
    let mut marker = good.clone();
    let at = marker.0.len() - 7;
    marker.0[at] = 0x7d;
    assert!(outcome(&to, &marker).1.contains("0x7d"), "{:?}", outcome(&to, &marker));
    let other = empty(stream(), 3).footer(4).end();
    assert!(outcome(&to, &other).1.contains('4'), "{:?}", outcome(&to, &other));
}

#[rstest]
#[case("2.2.0", 1)]
#[case("2.3.1", 2)]
#[case("2.4.1", 1)]
fn behind_the_end(#[case] release: &str, #[case] read: u64) {
    let stream = Bytes::stream().end().raw(&[6]).be32(0).raw(b"more");
    let (stopped, said) = outcome(&destination(release), &stream);
    let read = if read == 2 { 6 } else { 1 };
    assert_eq!((stopped, said.as_str()), (8 + read, ""));
    let other = Bytes::stream().end().raw(b"x").raw(b"more");
    let read = if release == "2.3.1" { 2 } else { 1 };
    assert_eq!(outcome(&destination(release), &other), (8 + read, String::new()));
}

#[test]
fn a_header_is_magic_and_format() {
    let to = destination("2.8.1");
    for (bytes, expected) in [
        (&b"QEVN\0\0\0\x03\0"[..], "not a migration stream: magic 0x5145564e, expected 0x5145564d"),
        (&b"QEVM\0\0\0\x02\0"[..], "stream format version 2, expected 3"),
        (&b"QE"[..], "not a migration stream: magic 0x51450000, expected 0x5145564d"),
    ] {
        refuses(&to, &Bytes(bytes.to_vec()), expected);
    }
}
