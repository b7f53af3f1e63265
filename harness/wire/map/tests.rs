//! Maps made by hand: what they keep, and how they are asked.

use super::*;
use crate::wire::Kind;

#[test]
fn a_trail_names_the_nodes_around_a_span_and_empty_ones_are_not_kept() {
    let mut map = Map::new();
    map.enter("outer", "outer", None);
    let nodes = map.nodes.len();
    map.enter("empty", "empty", Some(0));
    map.leave();
    assert_eq!(map.nodes.len(), nodes);
    map.enter("inner", "inner", Some(3));
    map.note(Item { info: "uint8", width: 1, ..Item::framing("x") }, 0, 1);
    map.leave();
    assert_eq!(map.nodes.len(), nodes + 1);
    let trail = map.trail(&map.spans()[0]);
    assert_eq!(trail.iter().map(|t| t.1.as_str()).collect::<Vec<_>>(), ["outer", "inner[3]"]);
}

#[test]
fn a_place_that_an_error_has_stays() {
    let mut map = Map::new();
    map.enter("here", "here", None);
    let place = |section: Option<&str>, path: &str| {
        let mut error = Kind::Limit("x".to_string()).at(1);
        error.section = section.map(str::to_string);
        error.path = path.to_string();
        let placed = map.place(error, "field");
        (placed.section.clone(), placed.path.clone())
    };
    assert_eq!(place(None, ""), (None, "here.field".to_string()));
    assert_eq!(place(Some("there"), ""), (Some("there".to_string()), String::new()));
    assert_eq!(place(None, "there"), (None, "there".to_string()));
}

#[test]
fn flat_and_nested_names_are_one_identity() {
    let item = |name| Item { info: "uint32", width: 4, ..Item::framing(name) };
    let mut nested = Map::new();
    nested.enter("rtl8139", "rtl8139", None);
    nested.enter("tally_counters", "tally_counters", None);
    nested.note(item("TxOk"), 0, 8);
    let mut flat = Map::new();
    flat.enter("rtl8139", "rtl8139", None);
    flat.note(item("tally_counters.TxOk"), 0, 8);
    assert_eq!(nested.spans()[0].identity, flat.spans()[0].identity);
    assert_eq!(nested.path(&nested.spans()[0]), flat.path(&flat.spans()[0]));
}
#[test]
fn a_bounded_map_keeps_the_first_spans_and_still_knows_where_it_is() {
    let item = Item { info: "uint32", width: 4, ..Item::framing("x") };
    let mut map = Map::bounded(2);
    for i in 0..5 {
        map.enter("array", "array", Some(i));
        map.note(item, u64::from(i) * 4, 4);
        assert_eq!(map.here(), format!("array[{i}]"));
        map.leave();
    }
    let paths: Vec<String> = map.spans().iter().map(|span| map.path(span)).collect();
    assert_eq!(paths, ["array[0].x"]);
    assert_eq!(map.left_out(), 4);
    assert_eq!(map.nodes.len(), 2);
}

#[test]
fn a_spliced_map_is_that_of_the_pasted_bytes() {
    let mut map = Map::new();
    map.enter("dev", "dev", None);
    for (name, offset) in [("a", 0), ("b", 4), ("c", 8)] {
        map.note(Item { info: "uint32", width: 4, ..Item::framing(name) }, offset, 4);
    }
    let of = |pieces: &[Piece]| -> Vec<(String, u64, u64)> {
        let spliced = map.spliced(pieces, "new");
        spliced.spans().iter().map(|s| (spliced.path(s), s.offset, s.len)).collect()
    };
    let named = |items: &[(&str, u64, u64)]| -> Vec<(String, u64, u64)> {
        items.iter().map(|(name, offset, len)| (name.to_string(), *offset, *len)).collect()
    };
    let (a, b, c) = (0..4, 4..8, 8..12);
    let inserted = of(&[Piece::Kept(0..6), Piece::New(3), Piece::Kept(6..12)]);
    let expected =
        [("dev.a", 0, 4), ("dev.b", 4, 2), ("new", 6, 3), ("dev.b", 9, 2), ("dev.c", 11, 4)];
    assert_eq!(inserted, named(&expected));
    let swapped = of(&[Piece::Kept(b.clone()), Piece::Kept(a.clone()), Piece::Kept(c.clone())]);
    assert_eq!(swapped, named(&[("dev.b", 0, 4), ("dev.a", 4, 4), ("dev.c", 8, 4)]));
    assert_eq!(of(&[Piece::Kept(a), Piece::Kept(c)]), named(&[("dev.a", 0, 4), ("dev.c", 4, 4)]));
}

#[test]
fn nodes_of_a_span_go_inwards() {
    let mut map = Map::new();
    map.enter("dev", "dev", None);
    map.enter("array", "array", Some(2));
    map.note(Item { info: "uint32", width: 4, ..Item::framing("x") }, 0, 4);
    let nodes: Vec<_> = map.nodes(&map.spans()[0]).iter().map(|n| (n.name, n.index)).collect();
    assert_eq!(nodes, [("dev", None), ("array", Some(2))]);
}

#[test]
fn a_streamed_map_hands_over_every_span_once_and_in_order() {
    type Seen = std::sync::Arc<std::sync::Mutex<Vec<(String, u64, u64)>>>;
    let rows = |map: &Map<'_>| -> Vec<(String, u64, u64)> {
        map.spans().iter().map(|s| (map.path(s), s.offset, s.len)).collect()
    };
    let fill = |map: &mut Map<'static>| {
        let item = Item { info: "uint32", width: 4, ..Item::framing("x") };
        let joined = Item { join: true, ..Item::framing("pages") };
        let mut at = 0;
        for section in 0..20 {
            map.enter("dev", "dev", Some(section));
            for i in 0..section {
                map.enter("array", "array", Some(i));
                map.note(item, at, 4);
                map.note(joined, at + 4, 2);
                map.note(joined, at + 6, 2);
                map.leave();
                at += 8;
            }
            map.top();
        }
    };
    let mut plain = Map::new();
    fill(&mut plain);
    for most in [2, 3, 7, 64, 1000] {
        let seen = Seen::default();
        let into = std::sync::Arc::clone(&seen);
        let mut streamed = Map::streamed(most, move |map| {
            assert!(map.spans().len() <= most);
            let paths = map.spans().iter().map(|s| (map.path(s), s.offset, s.len));
            into.lock().expect("one thread").extend(paths);
        });
        fill(&mut streamed);
        let mut all = seen.lock().expect("one thread").clone();
        all.extend(rows(&streamed));
        // A section of many structs has too many nodes for the smallest ones only.
        if most > 2 {
            assert_eq!(all, rows(&plain), "{most}");
            assert_eq!(streamed.left_out(), 0);
        }
        assert!(streamed.nodes.len() <= 8 * most + 20);
    }
}
