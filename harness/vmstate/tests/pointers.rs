//! Arrays of pointers with NULL elements, in both directions, by release.
//!
//! | release | a NULL element | read by |
//! | --- | --- | --- |
//! | up to 2.8 | is followed: a crash | - |
//! | 2.9 to 11.0 | one byte 0x30 | the loader's own pointer: where that is NULL, the byte must come |
//! | 11.1 | the same; with auto-allocation a byte before each, 0x30 or 0x31 | the same; a byte 0x31 where nothing is allocated ends the program |
//!
//! 10.0 and 11.1 changed how such arrays are described at the end of the stream, not what is sent.

use std::collections::VecDeque;

use rstest::rstest;
use serde_json::{Value, json};

use crate::release::library;
use crate::stream::{Destination, Loaded, load_bytes};
use crate::vmstate::compiled::Vmsd;
use crate::vmstate::flow::{NULL, Name};
use crate::vmstate::progress::{Context, Engine};
use crate::vmstate::{Local, Renames, Saver, Values, Walk};
use crate::wire::{Feed, Map, Result};

const HEAD: &[u8] = b"QEVM\0\0\0\x03\x04\0\0\0\0\x03dev\0\0\0\0\0\0\0\x01";

/// A section with four pointers, to structs of two bytes or to integers of two, and a byte behind.
fn destination(release: &str, structs: bool, auto_alloc: bool) -> Destination {
    let of = match structs {
        true => json!({"struct": {"vmsd": "element"}}),
        false => json!({"leaf": {"info": "uint16", "size": {"fixed": 2}}}),
    };
    let byte = |name: &str, info: &str, size: u32| json!({"name": name, "kind": {"leaf": {"info": info, "size": {"fixed": size}}}});
    let vmsd = |name: &str, fields: Value| json!({"name": name, "version_id": 1, "minimum_version_id": 1, "fields": fields});
    let pointers = json!({"name": "of", "kind": of, "count": {"fixed": 4},
        "array_of_pointer": true, "auto_alloc": auto_alloc});
    let tables = json!({"release": release, "vmsd": {
        "dev": vmsd("dev", json!([pointers, byte("behind", "uint8", 1)])),
        "element": vmsd("element", json!([byte("value", "uint16", 2)]))}});
    let handlers = json!({"release": release, "machine": "pc-0.12", "scenario": "none",
        "origin": "this test", "handlers": [{"idstr": "dev", "instance_id": 0, "alias_id": -1,
        "version_id": 1, "body": {"vmsd": "dev"}}]});
    let tables = serde_json::from_value(tables).unwrap();
    let handlers = serde_json::from_value(handlers).unwrap();
    library::build(&handlers, &tables, &Renames::default()).unwrap()
}

fn stream(payload: &[u8]) -> Vec<u8> {
    [HEAD, payload, &[0]].concat()
}

/// What comes of a payload: where items begin in it, or the refusal.
fn outcome(loaded: &Loaded<'_>) -> std::result::Result<Vec<u64>, String> {
    match &loaded.refused {
        Some(error) => Err(error.kind.to_string()),
        None => {
            let state = loaded.map.spans().iter().filter(|s| s.info != "framing");
            Ok(state.map(|s| s.offset - HEAD.len() as u64).collect())
        }
    }
}

fn read(to: &Destination, payload: &[u8]) -> std::result::Result<Vec<u64>, String> {
    outcome(&load_bytes(to, &stream(payload), &Feed::Bulk))
}

/// Pointers in memory: `None` is NULL.
struct Pointers {
    left: VecDeque<Option<u16>>,
    markers: bool,
    marked: bool,
}

impl Values for Pointers {
    fn item(&mut self, _: &Map<'_>, name: Name<'_>, _: u32, into: &mut [u8]) -> Result<()> {
        if name.shown == "behind" {
            into.fill(0xff);
            return Ok(());
        }
        let next = self.left.front().copied().flatten();
        // A marker comes before an element that is there, and instead of one that is not.
        if self.markers && !self.marked {
            into.fill(if next.is_some() { 0x31 } else { NULL });
            self.marked = next.is_some();
            if next.is_none() {
                self.left.pop_front();
            }
            return Ok(());
        }
        self.left.pop_front();
        self.marked = false;
        match next {
            Some(value) => into.copy_from_slice(&value.to_be_bytes()),
            None => into.fill(NULL),
        }
        Ok(())
    }

    fn is_null(&mut self, _: &Map<'_>, _: Name<'_>) -> bool {
        self.left.front().is_some_and(Option::is_none)
    }

    fn subsection(&mut self, _: &Map<'_>, _: &Vmsd) -> Result<Option<(usize, u32)>> {
        Ok(None)
    }
}

fn written(of: &Destination, pointers: [Option<u16>; 4]) -> std::result::Result<Vec<u8>, String> {
    let markers = of.set.vmsds.iter().flat_map(|v| &v.fields).any(|f| f.auto_alloc);
    let mut values = Pointers { left: pointers.into(), markers, marked: false };
    let mut saver = Saver::new(&mut values);
    let none = Local::default();
    let context = Context {
        set: &of.set,
        dialect: &of.dialect,
        release: of.version,
        generation: None,
        machine: "pc",
        local: &none,
    };
    let index = of.set.index_of("dev").unwrap();
    Walk::new(context, "dev", &mut saver).vmsd(index, 1).map_err(|e| e.kind.to_string())?;
    Ok(saver.writer.into_bytes())
}

const MIXED: [Option<u16>; 4] = [None, Some(0x1122), Some(0x3344), None];
const WIRE: [u8; 7] = [0x30, 0x11, 0x22, 0x33, 0x44, 0x30, 0xff];

#[rstest]
fn a_null_element_is_a_byte_and_nothing_is_before_the_others(
    #[values("2.9.0", "4.2.0", "9.2.0", "10.0", "11.0", "11.1")] release: &str,
    #[values(true, false)] structs: bool,
) {
    let mut to = destination(release, structs, false);
    assert_eq!(written(&to, MIXED), Ok(WIRE.to_vec()));
    // Nothing is known of the destination's pointers, and then what its own stream showed.
    assert_eq!(read(&to, &WIRE), Ok(vec![0, 1, 3, 5, 6]));
    to.local = library::local(&to, &stream(&WIRE));
    assert_eq!(read(&to, &WIRE), Ok(vec![0, 1, 3, 5, 6]));
    // An element that is there may begin with the byte of the marker.
    let alike = [0x30, 0x30, 0x22, 0x33, 0x44, 0x30, 0xff];
    assert_eq!(written(&to, [None, Some(0x3022), Some(0x3344), None]), Ok(alike.to_vec()));
    assert_eq!(read(&to, &alike), Ok(vec![0, 1, 3, 5, 6]));
    // All NULL, and none.
    assert_eq!(written(&to, [None; 4]), Ok(vec![0x30, 0x30, 0x30, 0x30, 0xff]));
    let none = written(&to, [Some(1); 4]).unwrap();
    assert_eq!(none, [0, 1, 0, 1, 0, 1, 0, 1, 0xff]);
    let fresh = destination(release, structs, false);
    assert_eq!(read(&fresh, &none).map(|items| items.len()), Ok(5));
}

/// The loader goes by its own pointers: what the source has there, it does not know.
#[rstest]
fn a_destination_with_other_pointers_takes_bytes_for_what_they_are_not(
    #[values("2.9.0", "10.0", "11.1")] release: &str,
    #[values(true, false)] structs: bool,
) {
    let mut to = destination(release, structs, false);
    to.local = library::local(&to, &stream(&WIRE));
    let expected = if release == "11.1" { "0x30 or 0x31" } else { "0x30" };
    // The third is NULL at the source: its marker is half of a value here.
    let other = written(&to, [None, Some(0x1122), None, None]).unwrap();
    let refused = read(&to, &other).unwrap_err();
    assert!(refused.contains("0xff") && refused.contains(expected), "{refused}");
    // The first is there at the source.
    let other = written(&to, [Some(0x1122), Some(0x1122), Some(0x3344), None]).unwrap();
    let refused = read(&to, &other).unwrap_err();
    assert!(refused.contains("0x11") && refused.contains(expected), "{refused}");
    // A marker of one that is there, as only auto-allocation has them.
    let refused = read(&to, &[0x31, 0x11, 0x22, 0x33, 0x44, 0x30, 0xff]).unwrap_err();
    assert_eq!(refused.contains("an element that is there"), release == "11.1", "{refused}");
}

#[rstest]
fn with_auto_allocation_each_has_a_marker(#[values(true, false)] structs: bool) {
    let to = destination("11.1", structs, true);
    let wire = [0x30, 0x31, 0x11, 0x22, 0x31, 0x33, 0x44, 0x30, 0xff];
    assert_eq!(written(&to, MIXED), Ok(wire.to_vec()));
    assert_eq!(read(&to, &wire), Ok(vec![0, 1, 2, 4, 5, 7, 8]));
    let refused = read(&to, &[0x32]).unwrap_err();
    assert!(refused.contains("0x32"), "{refused}");
}

#[rstest]
fn before_2_9_a_null_element_is_followed(
    #[values("0.14.1", "2.0.2", "2.8.1")] release: &str,
    #[values(true, false)] structs: bool,
) {
    let to = destination(release, structs, false);
    let crash = written(&to, MIXED).unwrap_err();
    assert!(crash.contains("a NULL element"), "{crash}");
    let plain = written(&to, [Some(0x3031); 4]).unwrap();
    assert_eq!(plain, [0x30, 0x31, 0x30, 0x31, 0x30, 0x31, 0x30, 0x31, 0xff]);
    // Whatever it begins with, it is an element.
    assert_eq!(read(&to, &plain).map(|items| items.len()), Ok(5));
}

/// The same bytes by what the stream says of itself, as each release puts it, and no table: where
/// items begin; none where that cannot be known.
#[rstest]
// Up to 9.2 the first element stands for all: of integers it tells that it is NULL, of structs nothing.
#[case(r#"{"name": "of", "type": "uint16", "size": 1, "array_len": 4}"#, &[0, 1, 3, 5, 6])]
#[case(r#"{"name": "of", "type": "struct", "struct": {}, "size": 1, "array_len": 4}"#, &[])]
// One by one, as where an element has subsections.
#[case(
    r#"{"name": "of", "index": 0, "type": "struct", "struct": {}, "size": 1}, E1, E2,
    {"name": "of", "index": 3, "type": "struct", "struct": {}, "size": 1}"#,
    &[0, 1, 3, 5, 6]
)]
// 10.0: a run each.
#[case(
    r#"{"name": "of", "type": "nullptr", "size": 1},
    {"name": "of", "type": "uint16", "size": 2, "array_len": 2},
    {"name": "of", "type": "nullptr", "size": 1}"#,
    &[0, 1, 5, 6]
)]
// 11.1, which leaves out the last: what follows it does not fit then.
#[case(
    r#"{"name": "of", "type": "ptr-marker", "size": 1},
    {"name": "of", "type": "uint16", "size": 2, "array_len": 2}"#,
    &[]
)]
fn a_description_tells_what_it_can(#[case] of: &str, #[case] expected: &[u64]) {
    let element = r#"{"name": "of", "index": 1, "type": "struct", "size": 2, "struct":
        {"vmsd_name": "element", "version": 1,
         "fields": [{"name": "value", "type": "uint16", "size": 2}]}}"#;
    let of = of.replace("E1", element).replace("E2", element);
    let json = format!(
        r#"{{"page_size": 4096, "devices": [{{"name": "dev", "instance_id": 0, "vmsd_name": "dev",
        "version": 1, "fields": [{of}, {{"name": "behind", "type": "uint8", "size": 1}}]}}]}}"#
    );
    let head = b"QEVM\0\0\0\x03\x07\0\0\0\x02pc\x04\0\0\0\0\x03dev\0\0\0\0\0\0\0\x01";
    let foot = [&[0x7e, 0, 0, 0, 0, 0, 6], &(json.len() as u32).to_be_bytes()[..]].concat();
    let stream = [&head[..], &WIRE, &foot, json.as_bytes()].concat();
    let contents = crate::Stream::from_bytes(stream).unwrap().read().unwrap();
    assert!(contents.described);
    let state = contents.fields.iter().filter(|f| f.section.is_some() && f.codec != "framing");
    let found: Vec<u64> = state.map(|f| f.offset - head.len() as u64).collect();
    if expected.is_empty() {
        assert!(contents.refused.is_some(), "{found:?}");
    } else {
        assert_eq!(contents.refused, None);
        assert_eq!(found, expected);
    }
}
