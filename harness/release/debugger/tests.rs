//! Hand-made debugger files, good and bad.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const FILE: &str = "tables/vmsd/9.9.json.zst";

/// A file with one description `vmstate_x` of the given fields, and `vmstate_inner`, which loads
/// an `uint16` at its offset 2.
fn file(fields: Value) -> Value {
    let description = |symbol: &str, fields: Value| {
        json!({"symbol": symbol, "name": symbol, "version_id": 3, "minimum_version_id": 2,
               "minimum_version_id_old": 1, "load_state_old": "x_load_old", "unmigratable": 0,
               "fields": fields, "subsections": [{"vmsd": "vmstate_inner", "needed": "x_needed"}]})
    };
    let inner = json!([{"name": "n", "flags": 1, "size": 2, "offset": 2, "version_id": 0,
                         "info": "uint16"}]);
    json!({
        "release": "9.9",
        "flags": {"VMS_SINGLE": 1, "VMS_POINTER": 2, "VMS_ARRAY": 4, "VMS_STRUCT": 8,
                  "VMS_VARRAY_INT32": 16, "VMS_VARRAY_UINT16": 128, "VMS_VBUFFER": 256,
                  "VMS_MULTIPLY": 512, "VMS_MUST_EXIST": 4096, "VMS_MULTIPLY_ELEMENTS": 16384,
                  "VMS_VSTRUCT": 32768, "VMS_NEW": 65536, "VMS_END": 131_072},
        "vmsd": {"vmstate_x": description("vmstate_x", fields),
                 "vmstate_inner": description("vmstate_inner", inner)},
    })
}

fn read(file: &Value) -> Result<Tables, DebuggerError> {
    tables(FILE, "9.9", &file.to_string())
}

/// The last of `vmstate_x`'s fields, after an `int32` of name `count` at offset 8 and a struct
/// `inner` at offset 16.
fn field(last: Value) -> Result<Field, DebuggerError> {
    let fields = json!([
        {"name": "count", "flags": 1, "size": 4, "offset": 8, "version_id": 0,
         "info": "int32 equal"},
        {"name": "inner", "flags": 8, "size": 8, "offset": 16, "version_id": 0,
         "vmsd": "vmstate_inner"},
        last,
    ]);
    Ok(read(&file(fields))?.vmsd["vmstate_x"].fields[2].clone())
}

#[rstest]
#[case::fixed(4, 0, Count::Fixed(7))]
#[case::fixed_wins(4 | 16, 8, Count::Fixed(7))]
#[case::by_field(16, 8, Count::Field { name: "count".into(), signed: true, multiply: 1 })]
#[case::nested(128, 18, Count::Field { name: "inner.n".into(), signed: false, multiply: 1 })]
#[case::times(128 | 16384, 18, Count::Field { name: "inner.n".into(), signed: false, multiply: 7 })]
#[case::not_loaded(16, 12, Count::Local { value: None })]
#[case::inside_a_field(128, 10, Count::Local { value: None })]
#[case::one(1, 0, Count::One)]
fn a_count_comes_from_the_field_at_its_offset(
    #[case] flags: u32,
    #[case] num_offset: u64,
    #[case] count: Count,
) {
    let wire = json!({"name": "f", "flags": flags, "size": 1, "offset": 40, "version_id": 2,
                      "num": 7, "num_offset": num_offset, "info": "uint8"});
    assert_eq!(field(wire).unwrap().count, count);
}

#[rstest]
#[case(256, 8, Size::Field { name: "count".into(), multiply: 1 })]
#[case(256 | 512, 8, Size::Field { name: "count".into(), multiply: 5 })]
#[case(256, 12, Size::Local { value: None })]
#[case(1, 8, Size::Fixed(5))]
fn a_buffer_has_the_size_that_its_flags_say(
    #[case] flags: u32,
    #[case] size_offset: u64,
    #[case] size: Size,
) {
    let wire = json!({"name": "f", "flags": flags, "size": 5, "offset": 40, "version_id": 0,
                      "size_offset": size_offset, "info": "buffer"});
    assert_eq!(field(wire).unwrap().kind, Kind::Leaf { info: "buffer".into(), size });
}

#[test]
fn a_counter_is_not_looked_for_behind_the_field_itself() {
    let fields = json!([
        {"name": "f", "flags": 16, "size": 1, "offset": 40, "version_id": 0,
         "num_offset": 8, "info": "uint8"},
        {"name": "late", "flags": 1, "size": 4, "offset": 8, "version_id": 0, "info": "int32"},
    ]);
    let tables = read(&file(fields)).unwrap();
    assert_eq!(tables.vmsd["vmstate_x"].fields[0].count, Count::Local { value: None });
}

#[test]
fn descriptions_that_contain_themselves_end() {
    let fields = json!([
        {"name": "me", "flags": 8, "size": 8, "offset": 0, "version_id": 0, "vmsd": "vmstate_x"},
        {"name": "f", "flags": 16, "size": 1, "offset": 40, "version_id": 0,
         "num_offset": 4, "info": "uint8"},
    ]);
    let tables = read(&file(fields)).unwrap();
    assert_eq!(tables.vmsd["vmstate_x"].fields[1].count, Count::Local { value: None });
}

#[rstest]
#[case(json!({"flags": 8, "vmsd": "vmstate_inner"}), Kind::Struct { vmsd: "vmstate_inner".into() })]
#[case(
    json!({"flags": 32768, "vmsd": "vmstate_inner", "struct_version_id": 2}),
    Kind::Vstruct { vmsd: "vmstate_inner".into(), version_id: 2 }
)]
#[case(
    json!({"flags": 0, "vmsd": "vmstate_inner", "info": "tmp"}),
    Kind::Nested { info: "tmp".into(), vmsd: "vmstate_inner".into(), key: None }
)]
#[case(json!({"flags": 4100}), Kind::Leaf { info: String::new(), size: Size::Fixed(4) })]
fn a_kind_comes_from_flags_and_codec(#[case] rest: Value, #[case] kind: Kind) {
    let mut wire = json!({"name": "f", "size": 4, "offset": 40, "version_id": 0});
    wire.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    assert_eq!(field(wire).unwrap().kind, kind);
}

#[rstest]
#[case(json!({"flags": 8, "vmsd": "vmstate_gone"}), "description vmstate_gone is not in the file")]
#[case(json!({"flags": 8}), "expected a description")]
#[case(json!({"flags": 1, "info": "qtailq"}), "expected a description")]
#[case(json!({"flags": 1}), "found neither")]
fn a_bad_field_is_named_with_its_place(#[case] rest: Value, #[case] says: &str) {
    let mut wire = json!({"name": "f", "size": 4, "offset": 40, "version_id": 0});
    wire.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let e = field(wire).unwrap_err().to_string();
    assert!(e.starts_with(&format!("{FILE}: vmsd vmstate_x, field 2 (f): ")), "{e}");
    assert!(e.contains(says), "{e}");
}

#[rstest]
#[case("/flags/VMS_ARRAY", json!(6), "flag VMS_ARRAY is 0x6, expected a single bit")]
#[case("/release", json!("9.8"), "expected tables of release 9.9, found 9.8")]
#[case("/vmsd/vmstate_x/symbol", json!("y"), "vmsd vmstate_x: expected its `symbol`")]
#[case("/vmsd/vmstate_x/subsections/0/vmsd", json!("y"), "vmsd vmstate_x: subsection y")]
#[case("/vmsd/vmstate_x/version_id", json!(-1), "invalid value: integer `-1`")]
fn a_bad_file_is_refused(#[case] at: &str, #[case] value: Value, #[case] says: &str) {
    let mut file = file(json!([]));
    *file.pointer_mut(at).unwrap() = value;
    let e = read(&file).unwrap_err().to_string();
    assert!(e.starts_with(FILE) && e.contains(says), "{e}");
}

#[rstest]
#[case(json!({"flags": 65537, "info": "uint8"}), r#"flags = ["VMS_NEW"]"#)]
#[case(json!({"flags": 33, "info": "uint8"}), r#"flags = ["0x20"]"#)]
#[case(json!({"flags": 65536}), r#"flags = ["VMS_NEW"]"#)]
#[case(json!({"flags": 1, "info": "odd", "vmsd": "vmstate_inner"}), r#"info = "odd", vmsd = "#)]
#[case(json!({"flags": 1, "info": "uint8", "swap": 4}), "swap = 4")]
fn what_a_later_release_says_of_a_field_makes_it_unknown(#[case] rest: Value, #[case] says: &str) {
    let mut wire = json!({"name": "f", "size": 4, "offset": 40, "version_id": 0});
    wire.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let Kind::Unknown { why } = field(wire).unwrap().kind else { panic!("{rest}") };
    assert!(why.starts_with(says) && why.contains("vmstate_x, field 2 (f)"), "{why}");
}

/// A key that is not set changes nothing; one that is makes unknown what it stands at.
#[rstest]
#[case("", json!({"later": true}), "later, in the file, is not known: kept; nothing hangs on it", None)]
#[case("/vmsd/vmstate_x", json!({"later": null}),
    "later, in vmstate_x, is not known: kept; nothing hangs on it", None)]
#[case("/vmsd/vmstate_x", json!({"later": "hook"}),
    "later, in vmstate_x, is not known: kept; what hangs on it is undetermined", Some("vmstate_x"))]
#[case("/vmsd/vmstate_x/subsections/0", json!({"later": 1}),
    "later, in vmstate_x, subsection vmstate_inner, is not known: kept; what hangs on it is \
     undetermined", Some("vmstate_x"))]
#[case("/vmsd/vmstate_x", json!({"early_setup": true, "dev_unplug_pending": "f"}), "", None)]
fn what_a_later_release_says_more_is_kept_and_told(
    #[case] at: &str,
    #[case] more: Value,
    #[case] says: &str,
    #[case] unknown: Option<&str>,
) {
    let mut file = file(json!([]));
    let place = file.pointer_mut(at).unwrap().as_object_mut().unwrap();
    place.extend(more.as_object().unwrap().clone());
    let tables = read(&file).unwrap();
    assert_eq!(sentences(&tables.more).join("; "), says);
    let unknowns: Vec<&str> = tables
        .vmsd
        .iter()
        .filter(|(_, vmsd)| vmsd.fields.iter().any(|f| matches!(f.kind, Kind::Unknown { .. })))
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(unknowns, unknown.into_iter().collect::<Vec<_>>());
}

#[test]
fn what_is_not_known_of_a_handler_is_its_loader() {
    let more = json!({"vmsd": "vmstate_x", "later": 7, "set_params": "f", "unused": null});
    let read = handler(more).unwrap();
    let Body::Loader(why) = &read.handlers[0].body else { panic!() };
    assert!(why.starts_with("later = 7 in handler 0 (x)"), "{why}");
    assert_eq!(sentences(&read.more).len(), 2);
}

#[test]
fn an_old_loader_is_kept_where_it_can_be_reached() {
    let mut file = file(json!([]));
    let old = |tables: Tables| tables.vmsd["vmstate_x"].old.clone();
    let reached = OldLoader { minimum_version_id: 1, load: Some("x_load_old".into()) };
    assert_eq!(old(read(&file).unwrap()), Some(reached));
    file["vmsd"]["vmstate_x"]["minimum_version_id_old"] = json!(2);
    assert_eq!(old(read(&file).unwrap()), None);
}

fn handler(rest: Value) -> Result<Handlers, DebuggerError> {
    let mut wire = json!({"idstr": "x", "instance_id": 1, "version_id": 3, "section_id": 9});
    wire.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let tables = read(&file(json!([]))).unwrap();
    handlers("h.json", &tables, "pc", "idle", &json!([wire]).to_string())
}

#[rstest]
#[case(json!({"vmsd": "vmstate_x"}), Body::Vmsd("vmstate_x".into()))]
#[case(json!({"load_state": "cpu_load"}), Body::Loader("cpu_load".into()))]
#[case(json!({"ops": {"load_state": "ram_load"}}), Body::Loader("ram_load".into()))]
fn a_handler_has_one_loader(#[case] rest: Value, #[case] body: Body) {
    let handlers = handler(rest).unwrap();
    assert_eq!((handlers.release.as_str(), handlers.origin.as_str()), ("9.9", ORIGIN));
    assert_eq!(handlers.handlers[0].body, body);
    assert_eq!(handlers.handlers[0].alias_id, -1);
}

#[rstest]
#[case(json!({}), "found 0")]
#[case(json!({"ops": {"save_state": "s"}}), "found 0")]
#[case(json!({"vmsd": "vmstate_x", "load_state": "l"}), "found 2")]
#[case(json!({"vmsd": "vmstate_gone"}), "vmstate_gone is not in the release's tables")]
fn a_bad_handler_is_named(#[case] rest: Value, #[case] says: &str) {
    let e = handler(rest).unwrap_err().to_string();
    assert!(e.starts_with("h.json: handler 0 (x): ") && e.contains(says), "{e}");
}
