//! A small bundle, imported whole.

use super::*;
use crate::vmstate::schema::{
    Answers, Body, Count, Field, Handler, Kind, OldLoader, Presence, Size, Subsection, Vmsd,
};

/// Device `d` with the nested `n`: an array of two, a field by hook, a subsection never sent.
const DUMP: &str = r#"{"vmschkmachine": {"Name": "m"}, "dev": {"Name": "dev", "version_id": 2,
    "minimum_version_id": 1, "Description": {"name": "d", "version_id": 2, "minimum_version_id": 1,
    "Fields": [
      {"field": "n", "version_id": 0, "field_exists": false, "size": 8, "Description":
        {"name": "n", "version_id": 3, "minimum_version_id": 3, "Fields": [
          {"field": "a", "version_id": 0, "field_exists": false, "size": 2}]}},
      {"field": "h", "version_id": 2, "field_exists": true, "size": 4}],
    "Subsections": [{"name": "d/s", "version_id": 1, "minimum_version_id": 1, "Fields": [
      {"field": "x", "version_id": 0, "field_exists": false, "size": 1}]}]}}}"#;

const TRACE: &str = "\
qemu_loadvm_state_section_startfull 1(ram) 0 4
vmstate_load ram, (old)
qemu_loadvm_state_section_startfull 2(0000:00:01.0/d) 0 2
vmstate_load 0000:00:01.0/d, d
vmstate_load_state d v2
vmstate_load_state_field d:n
vmstate_n_elems n: 2
vmstate_load_state n v3
vmstate_load_state_field n:a
vmstate_n_elems a: 1
vmstate_subsection_load n
vmstate_load_state_end n end/0
vmstate_load_state n v3
vmstate_load_state_field n:a
vmstate_n_elems a: 1
vmstate_subsection_load n
vmstate_load_state_end n end/0
vmstate_load_state_field d:h
vmstate_subsection_load d
vmstate_load_state_end d end/0";

const DESCRIPTION: &str = r#"{"page_size": 4096, "devices": [{"name": "0000:00:01.0/d",
    "instance_id": 0, "vmsd_name": "d", "version": 2, "fields": [{"name": "n", "array_len": 2,
    "type": "struct", "struct": {"vmsd_name": "n", "version": 3, "fields": [
    {"name": "a", "type": "uint16", "size": 2}]}, "size": 2}]}]}"#;

fn stream() -> Vec<u8> {
    let mut stream = vec![0, 6];
    stream.extend(u32::try_from(DESCRIPTION.len()).unwrap().to_be_bytes());
    stream.extend(DESCRIPTION.as_bytes());
    stream
}

fn scenario(name: &str, trace: Option<&str>, stream: Vec<u8>) -> BundleScenario {
    let trace = trace.map(|text| traced(name, text).expect("trace"));
    BundleScenario { scenario: name.to_owned(), trace, stream }
}

fn bundle(scenarios: Vec<BundleScenario>) -> BundleInput {
    let machine = BundleMachine { machine: "m".to_owned(), dump: Some(DUMP.to_owned()), scenarios };
    BundleInput { release: "5.0".to_owned(), machines: vec![machine] }
}

fn whole() -> BundleInput {
    bundle(vec![scenario("idle", Some(TRACE), stream())])
}

fn field(name: &str, info: &str, size: u32) -> Field {
    Field {
        name: name.to_owned(),
        version_id: 0,
        exists: None,
        kind: Kind::Leaf { info: info.to_owned(), size: Size::Fixed(size) },
        count: Count::One,
        array_of_pointer: false,
        auto_alloc: false,
        must_exist: false,
        inherited_from: None,
    }
}

fn vmsd(name: &str, version_id: u32, fields: Vec<Field>) -> Vmsd {
    Vmsd { name: name.to_owned(), version_id, minimum_version_id: 1, fields, ..Vmsd::default() }
}

/// Tables of release 4.0: `d` and `d/s` under C symbols.
fn pool() -> Pool {
    let hooked = Field {
        exists: Some(Presence::Hook("is_version_1".to_owned())),
        ..field("h", "uint32", 4)
    };
    let mut d = vmsd("d", 2, vec![field("n", "uint8", 1), hooked]);
    d.old = Some(OldLoader { minimum_version_id: 0, load: Some("d_load_old".to_owned()) });
    d.subsections = vec![Subsection { vmsd: "vmstate_d_s".to_owned(), needed: None }];
    let s = vmsd("d/s", 1, vec![field("x", "bool", 1)]);
    let mut tables = Tables { release: "4.0".to_owned(), ..Tables::default() };
    tables.vmsd.insert("vmstate_d".to_owned(), d);
    tables.vmsd.insert("vmstate_d_s".to_owned(), s);
    let handlers = Handlers {
        release: "4.0".to_owned(),
        machine: "m".to_owned(),
        scenario: "idle".to_owned(),
        handlers: vec![Handler {
            idstr: "0000:00:01.0/d".to_owned(),
            instance_id: 0,
            alias_id: 77,
            version_id: 2,
            compat: None,
            body: Body::Vmsd("vmstate_d".to_owned()),
            answers: Answers::default(),
            inherited_from: None,
        }],
        ..Handlers::default()
    };
    Pool { releases: vec![(tables, vec![handlers])] }
}

#[test]
fn the_sources_together_make_a_table() {
    let done = import_bundle(whole(), &Pool::default()).unwrap();
    let d = &done.tables.vmsd["d"];
    assert_eq!((d.version_id, d.minimum_version_id), (2, 1));
    assert_eq!(d.fields[0].kind, Kind::Struct { vmsd: "n".to_owned() });
    // This machine has two; another may have more.
    assert_eq!(d.fields[0].count, Count::Local { value: Some(2) });
    assert_eq!(done.handlers[0].handlers[1].answers.count.get("n"), Some(&2));
    assert_eq!(d.fields[1].exists, Some(Presence::Observed("d/h/0".to_owned())));
    assert!(matches!(d.fields[1].kind, Kind::Unknown { .. }));
    assert_eq!(done.tables.vmsd["n"].fields, [field("a", "uint16", 2)]);
    assert_eq!(d.subsections[0].vmsd, "d/s");
    assert!(matches!(done.tables.vmsd["d/s"].fields[0].kind, Kind::Unknown { .. }));
    assert!(done.notes.iter().any(|note| note.place == "d/s/x"), "{:?}", done.notes);
}

#[test]
fn handlers_are_those_of_the_trace_with_compat_names() {
    let done = import_bundle(whole(), &Pool::default()).unwrap();
    let list = &done.handlers[0];
    assert_eq!((list.machine.as_str(), list.origin.as_str()), ("m", ORIGIN));
    assert_eq!(list.handlers[0].body, Body::Loader("ram_load".to_owned()));
    assert_eq!(list.handlers[0].alias_id, 0);
    let d = &list.handlers[1];
    assert_eq!((d.alias_id, &d.body), (-1, &Body::Vmsd("d".to_owned())));
    assert_eq!(d.compat.as_ref().map(|c| (c.idstr.as_str(), c.instance_id)), Some(("d", 0)));
    assert_eq!(d.answers.present.get("h"), Some(&false));
}

#[test]
fn open_questions_are_inherited_with_a_mark() {
    let done = import_bundle(whole(), &pool()).unwrap();
    let d = &done.tables.vmsd["d"];
    let h = &d.fields[1];
    assert_eq!(h.exists, Some(Presence::Hook("is_version_1".to_owned())));
    assert_eq!((h.version_id, h.inherited_from.as_deref()), (2, Some("4.0")));
    assert_eq!(h.kind, field("h", "uint32", 4).kind);
    assert_eq!(d.fields[0].inherited_from, None, "the bundle's own word counts");
    assert_eq!(d.old.as_ref().and_then(|old| old.load.as_deref()), Some("d_load_old"));
    assert_eq!(done.tables.vmsd["d/s"].fields[0].kind, field("x", "bool", 1).kind);
    let handler = &done.handlers[0].handlers[1];
    assert_eq!((handler.alias_id, handler.inherited_from.as_deref()), (77, Some("4.0")));
}

#[test]
fn nothing_is_inherited_against_the_memory_size() {
    let mut pool = pool();
    let x = &mut pool.releases[0].0.vmsd.get_mut("vmstate_d_s").unwrap().fields[0];
    *x = field("x", "uint32", 4);
    let done = import_bundle(whole(), &pool).unwrap();
    assert!(matches!(done.tables.vmsd["d/s"].fields[0].kind, Kind::Unknown { .. }));
}

#[test]
fn tables_of_the_same_release_are_passed_over() {
    let mut pool = pool();
    pool.releases[0].0.release = "5.0".to_owned();
    let alone = import_bundle(whole(), &Pool::default()).unwrap();
    assert_eq!(import_bundle(whole(), &pool).unwrap().tables, alone.tables);
}

#[test]
fn a_scenario_without_description_learns_from_another() {
    let input = bundle(vec![
        scenario("old", Some(TRACE), vec![]),
        scenario("untraced", None, stream()),
        scenario("nothing", None, vec![]),
    ]);
    let done = import_bundle(input, &Pool::default()).unwrap();
    assert_eq!(done.tables.vmsd["n"].fields[0].kind, field("a", "uint16", 2).kind);
    let names: Vec<_> = done.handlers.iter().map(|list| list.scenario.as_str()).collect();
    assert_eq!(names, ["old", "untraced"]);
    assert_eq!(done.handlers[1].handlers[0].body, Body::Vmsd("d".to_owned()));
    assert!(done.notes.iter().any(|note| note.place == "m.nothing"));
}

#[test]
fn errors_name_the_part() {
    let text = traced("m.idle", "vmstate_load_state d").unwrap_err().to_string();
    assert!(text.starts_with("m.idle: trace log, line 1: expected"), "{text}");
    let mut input = whole();
    input.machines[0].dump = Some("[]".to_owned());
    let text = import_bundle(input, &Pool::default()).unwrap_err().to_string();
    assert!(text.starts_with("m: -dump-vmstate: "), "{text}");
}
