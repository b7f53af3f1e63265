//! A pair of dumps with planted changes, and pairs that only look changed.

use serde_json::{Value, json};

use super::descriptions::Codecs;
use super::{Changes, Descriptions, Level, changes};
use crate::release::corpus::Corpus;
use crate::release::library::Library;
use crate::vmstate::Renames;

/// Devices of nobody's, with a change of every kind that QEMU's own checker of such files knows.
const BEFORE: &str = include_str!("doctored/before.json");
const AFTER: &str = include_str!("doctored/after.json");

fn renames() -> Renames {
    Renames::parse(include_str!("../../../corpus/renames.toml")).unwrap()
}

fn compared(from: &str, to: &str) -> Changes {
    let read = |name, json| Descriptions::of_dump(name, json, &Codecs::default()).unwrap();
    changes(&read("old", from), &read("new", to), &renames())
}

/// Changes as `level kind description field`.
fn found(changes: &Changes) -> Vec<String> {
    let reported = |change: &super::Change| {
        let field = change.what.field().unwrap_or("");
        let (level, kind) = (change.level.name(), change.what.name());
        format!("{level}: {kind} {} {field}", change.description).trim_end().to_owned()
    };
    changes.list.iter().map(reported).collect()
}

#[rstest::rstest]
#[case("may break: type-gone loom")]
#[case("breaks: newer kiln-board")]
#[case("breaks: field-gone kiln fuel")]
#[case("breaks: fields-gone quern-twin")]
#[case("may break: nested-gone mangle pci")]
#[case("breaks: description-gone bellows_core")]
#[case("breaks: field-gone PCIDevice irq_state")]
#[case("breaks: older lathe")]
#[case("may break: subsection-gone lathe")]
#[case("breaks: section-renamed anvil")]
#[case("note: nested-version spindle")]
#[case("may break: subsection-gone bobbin")]
#[case("breaks: resized dobby pins")]
fn every_planted_change_is_found(#[case] planted: &str) {
    let found = found(&compared(BEFORE, AFTER));
    assert!(found.iter().any(|reported| reported == planted), "{found:#?}");
    // And no other: each of the thirteen is one change.
    assert_eq!(found.len(), 13, "{found:#?}");
    assert_eq!(compared(BEFORE, BEFORE).list, Vec::new());
}

fn field(name: &str, size: u32) -> Value {
    json!({"field": name, "version_id": 0, "field_exists": false, "size": size})
}

fn hook(name: &str, size: u32) -> Value {
    json!({"field": name, "version_id": 0, "field_exists": true, "size": size})
}

fn from_version(name: &str, version_id: u32) -> Value {
    json!({"field": name, "version_id": version_id, "field_exists": false, "size": 4})
}

fn array(name: &str, size: u32, num: u32) -> Value {
    json!({"field": name, "version_id": 0, "field_exists": false, "size": size, "num": num})
}

fn nested(name: &str, description: &str, fields: Value) -> Value {
    json!({"field": name, "version_id": 0, "field_exists": false, "size": 999,
        "Description": {"name": description, "version_id": 1, "minimum_version_id": 1, "Fields": fields}})
}

fn device(version: u32, fields: Value) -> String {
    json!({"loom": {"Name": "loom", "version_id": version, "minimum_version_id": 1, "Description":
        {"name": "loom", "version_id": version, "minimum_version_id": 1, "Fields": fields}}})
    .to_string()
}

/// What is the same on the wire, or what the older version does not have.
#[rstest::rstest]
// Two variants of the configuration space, of which older releases have one by name.
#[case(json!([hook("config", 256), hook("config", 4096), field("irq_state", 16)]),
    json!([field("config", 256), field("irq_state", 16)]))]
#[case(json!([hook("config", 256), hook("config", 4096), field("irq_state", 16)]),
    json!([field("config", 4096), field("irq_state", 16)]))]
#[case(json!([field("config", 4096), field("irq_state", 16)]),
    json!([hook("config", 256), hook("config", 4096), field("irq_state", 16)]))]
// Fields that went into a struct, and came out of one.
#[case(json!([field("a", 4), field("b", 2), field("c", 1)]),
    json!([field("a", 4), nested("inner", "inner", json!([field("b", 2), field("c", 1)]))]))]
#[case(json!([nested("inner", "inner", json!([field("a", 4), field("b", 2)])), field("c", 1)]),
    json!([field("a", 4), field("b", 2), field("c", 1)]))]
// The structure around the same fields.
#[case(json!([nested("parent_obj", "PCIDevice", json!([field("a", 4)]))]),
    json!([nested("dev", "PCIDevice", json!([field("a", 4)]))]))]
#[case(json!([nested("card", "PCIDevice", json!([field("a", 4)]))]),
    json!([nested("other", "PCIEDevice", json!([field("a", 4)])) ]))]
// One length said in two ways.
#[case(json!([field("buffer", 16)]), json!([array("buffer", 1, 16)]))]
#[case(json!([array("unused", 1, 8), field("a", 4)]), json!([field("unused", 8), field("a", 4)]))]
fn what_only_looks_changed_breaks_nothing(#[case] from: Value, #[case] to: Value) {
    let changes = compared(&device(1, from), &device(1, to));
    assert!(changes.list.iter().all(|c| c.level == Level::Note), "{:#?}", found(&changes));
}

#[rstest::rstest]
#[case::new_field_of_a_new_version((1, json!([field("a", 4)])),
    (2, json!([field("a", 4), from_version("b", 2)])), "note: field-gated loom b")]
#[case::the_way_back((2, json!([field("a", 4), from_version("b", 2)])),
    (1, json!([field("a", 4)])), "breaks: field-gone loom b")]
#[case::new_field_without_version((1, json!([field("a", 4)])),
    (1, json!([field("a", 4), field("b", 4)])), "breaks: field-added loom b")]
// A nested description is read at the destination's own version: to raise it is no protection.
#[case::nested_version((1, json!([nested("in", "in", json!([field("a", 4)]))])),
    (1, json!([nested("in", "in", json!([field("a", 4), from_version("b", 1)]))])),
    "breaks: field-added in b")]
#[case::read_from_a_version_on((1, json!([field("a", 4), field("b", 4)])),
    (2, json!([field("a", 4), from_version("b", 2)])), "breaks: field-skipped loom b")]
#[case::order((1, json!([field("a", 4), field("b", 4), field("c", 4)])),
    (1, json!([field("b", 4), field("c", 4), field("a", 4)])), "breaks: moved loom a")]
#[case::elements((1, json!([array("a", 4, 3)])), (1, json!([array("a", 4, 2)])),
    "breaks: recounted loom a")]
#[case::unknown_name((1, json!([field("a", 4), field("z", 4)])),
    (1, json!([field("b", 4), field("z", 4)])), "may break: renamed loom a")]
#[case::hook((1, json!([field("a", 4)])), (1, json!([hook("a", 4)])), "may break: hooked loom a")]
#[case::dropped((1, json!([field("a", 4), field("b", 4)])),
    (1, json!([field("unused", 8)])), "may break: dropped loom b")]
#[case::unused_read((1, json!([field("unused", 4), field("z", 1)])),
    (1, json!([field("a", 4), field("z", 1)])), "may break: reads-unused loom a")]
#[case::unused_too_short((1, json!([field("a", 4), field("z", 1)])),
    (1, json!([field("unused", 2), field("z", 1)])), "breaks: field-gone loom a")]
#[case::was_empty((0, json!([])), (1, json!([field("a", 4)])), "may break: was-empty loom")]
fn changes_are_what_a_loader_makes_of_them(
    #[case] (old, from): (u32, Value),
    #[case] (new, to): (u32, Value),
    #[case] expected: &str,
) {
    let changes = compared(&device(old, from), &device(new, to));
    assert!(found(&changes).iter().any(|reported| reported == expected), "{:#?}", found(&changes));
}

#[test]
fn a_base_class_that_goes_is_no_break() {
    let both = r#"{"disk": {"Name": "d", "version_id": 1, "minimum_version_id": 1, "Description":
        {"name": "d", "version_id": 1, "minimum_version_id": 1}},
        "disk-base": {"Name": "d", "version_id": 1, "minimum_version_id": 1, "Description":
        {"name": "d", "version_id": 1, "minimum_version_id": 1}}}"#;
    let one = r#"{"disk": {"Name": "d", "version_id": 1, "minimum_version_id": 1, "Description":
        {"name": "d", "version_id": 1, "minimum_version_id": 1}}}"#;
    assert_eq!(found(&compared(both, one)), ["note: type-gone d"]);
    let renamed = found(&compared(both, &one.replace("\"d\"", "\"e\"")));
    assert_eq!(renamed, ["breaks: section-renamed d", "breaks: type-gone d"]);
}

#[rstest::rstest]
#[case("{", "no -dump-vmstate file: EOF")]
#[case("{}", "no class in it has a description")]
#[case(r#"{"a": {"version_id": "x"}}"#, "no -dump-vmstate file")]
fn other_files_are_refused(#[case] json: &str, #[case] says: &str) {
    let error = Descriptions::of_dump("x.json", json, &Codecs::default()).unwrap_err().to_string();
    assert!(error.contains(says) && error.contains("x.json"), "{error}");
}

#[test]
fn descriptions_without_end_are_refused() {
    let mut fields = json!([field("a", 4)]);
    for _ in 0..26 {
        fields = json!([nested("n", "n", fields)]);
    }
    let error = Descriptions::of_dump("x", &device(1, fields), &Codecs::default()).unwrap_err();
    assert!(error.to_string().contains("nested more than"), "{error}");
}

/// The tables of every release can be compared with those of the next, and none with itself differs.
#[test]
fn releases_of_the_corpus_are_compared() {
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    let all: Vec<Descriptions> = library
        .releases()
        .iter()
        .map(|(name, _)| Descriptions::of_release(&library, name).unwrap())
        .collect();
    for pair in all.windows(2) {
        let own = changes(&pair[0], &pair[0], &renames());
        let breaks: Vec<_> = own.list.iter().filter(|c| c.level != Level::Note).collect();
        assert!(breaks.is_empty(), "{}: {breaks:#?}", pair[0].name);
        let next = changes(&pair[0], &pair[1], &renames());
        assert!(next.compared > 20, "{} {}", pair[0].name, next.compared);
    }
    let find = |from: &str, to: &str, planted: &str| {
        let of = |name: &str| all.iter().find(|d| d.name == name).unwrap();
        let found = found(&changes(of(from), of(to), &renames()));
        assert!(found.iter().any(|reported| reported == planted), "{planted}: {found:#?}");
    };
    // What is known of the history.
    find("7.2", "10.0", "note: dropped e1000e core.itr_intr_pending");
    find("5.2", "7.2", "breaks: newer esp/pdma");
    find("10.0", "11.1", "may break: field-added esp asc_mode");
}
