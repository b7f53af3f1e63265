//! Arrays of structs in outline: whatever comes, the load ends as a whole one does, and equal outlines
//! mean equal maps.

use rstest::rstest;
use serde_json::{Value, json};

use super::{leaf, of_release};
use crate::stream::{Destination, LoadOptions, Loaded, load_with};
use crate::trace::verdict::outline;
use crate::wire::Feed;
use crate::wire::fault::{Fault, plant};

/// Twelve elements of these fields, and a byte.
fn array(release: &str, fields: Value) -> Destination {
    let elements =
        json!({"name": "e", "kind": {"struct": {"vmsd": "element"}}, "count": {"fixed": 12}});
    of_release(release, json!([elements, leaf("last", 1)]), &[("element", fields)])
}

fn pairs() -> Value {
    let a = json!({"name": "a", "kind": {"leaf": {"info": "uint8", "size": {"fixed": 1}}},
        "count": {"fixed": 2}});
    json!([a, leaf("b", 1)])
}

/// The section with a payload; the elements are 36 bytes.
fn stream(payload: &[u8]) -> Vec<u8> {
    let head = b"QEVM\0\0\0\x03\x04\0\0\0\0\x03dev\0\0\0\0\0\0\0\x01";
    [&head[..], payload, &[9, 0]].concat()
}

fn both<'d>(to: &'d Destination, stream: &[u8], feed: &Feed) -> [Loaded<'d>; 2] {
    [false, true].map(|outline| {
        let options = LoadOptions { outline, ..LoadOptions::default() };
        load_with(to, &mut &stream[..], feed, options)
    })
}

/// All that a load says beside its map.
fn said(loaded: &Loaded<'_>) -> String {
    let Loaded { refused, stopped, taken, gave_up, absent, steps, .. } = loaded;
    format!("{refused:?} at {stopped}, {taken} taken, {gave_up:?}, {absent:?}, {steps} steps")
}

/// Which byte is 05, where it may be taken for the start of a subsection, and what is behind it.
fn payload(at: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..36).map(|i| 0x40 + i).collect();
    for (place, byte) in bytes.iter_mut().skip(at).zip(b"\x05\x09element/x\0\0\0\x01") {
        *place = *byte;
    }
    bytes
}

#[rstest]
fn a_load_in_outline_ends_as_a_whole_one(
    #[values("0.12.5", "0.13.0", "0.15.1", "1.0.1", "2.3.1", "10.0")] release: &str,
    #[values(Feed::Bulk, Feed::Trickle(1), Feed::Trickle(8))] feed: Feed,
) {
    let to = array(release, pairs());
    for at in 0..=36 {
        let whole = stream(&payload(at));
        for end in 24..=whole.len() {
            let cut = whole.get(..end).expect("a part");
            let [whole, outlined] = both(&to, cut, &feed);
            assert_eq!(said(&outlined), said(&whole), "05 at {at}, cut at {end}");
        }
    }
}

#[test]
fn an_array_is_one_item_where_its_elements_are_alike() {
    let names = |fields: Value| {
        let to = array("10.0", fields);
        let [whole, outlined] = both(&to, &stream(&payload(99)), &Feed::Bulk);
        [whole, outlined].map(|l| l.map.spans().iter().filter(|s| s.info != "framing").count())
    };
    assert_eq!(names(pairs()), [25, 2]);
    // A field that only some have is distinguished by what is in the stream.
    let some = json!({"name": "c", "version_id": 1, "exists": {"observed": "element/c/0"},
        "kind": {"leaf": {"info": "uint8", "size": {"fixed": 1}}}});
    let [whole, outlined] = names(json!([leaf("a", 2), leaf("b", 1), some]));
    assert_eq!(whole, outlined);
}

#[rstest]
#[case::same(pairs(), false)]
#[case::other_widths(json!([leaf("a", 1), leaf("b", 2)]), true)]
#[case::other_names(json!([leaf("a", 2), leaf("c", 1)]), true)]
#[case::other_order(json!([leaf("b", 1), leaf("a", 2)]), true)]
fn arrays_of_another_layout_part(#[case] fields: Value, #[case] parts: bool) {
    let (from, to) = (array("10.0", pairs()), array("10.0", fields));
    let stream = stream(&payload(99));
    let part = || {
        let [whole, outlined] = both(&from, &stream, &Feed::Bulk);
        let [whole_reading, reading] = both(&to, &stream, &Feed::Bulk);
        let whole = outline(&whole.map, &whole_reading).1;
        assert_eq!(whole.is_some(), parts);
        outline(&outlined.map, &reading).1.is_some()
    };
    assert_eq!(part(), parts);
    let _planted = plant(Fault::LayoutUnseen);
    assert!(!part());
}

#[rstest]
#[case("0.13.0")]
#[case("1.0.1")]
fn a_subsection_behind_an_element_is_seen(#[case] release: &str) {
    let to = array(release, pairs());
    let stream = stream(&payload(6));
    let ends = || both(&to, &stream, &Feed::Bulk).map(|loaded| said(&loaded));
    let [whole, outlined] = ends();
    assert_eq!(whole, outlined);
    let _planted = plant(Fault::SubsectionPassed);
    let [whole, outlined] = ends();
    assert_ne!(whole, outlined);
}
