//! Imports of hand-made folders: twice, in parts, and damaged.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const STREAM: &str = "streams/1.2/pc-1.2.idle.stream.zst";
const TABLES: &str = "tables/vmsd/1.2.json.zst";
const HANDLERS: &str = "tables/handlers/1.2/pc-1.2.idle.json";
const OBSERVED: &str = "observed/pc-1.2.idle.json";
const SAVED: &str = "saved-again/pc-1.2.idle/1.2-to-1.2.stream.zst";

fn put(folder: &TempDir, path: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn index(stream: &[u8]) -> Value {
    json!({
        "scenarios": {"idle": {"guest": "halt", "arguments": ["-usb"]}},
        "common_arguments": ["-nodefaults"],
        "streams": [{"release": "1.2", "binary": "1.2 of ours", "machine": "pc-1.2",
                     "scenario": "idle", "file": STREAM, "size": stream.len(),
                     "sha256": files::sha256(stream)}],
    })
}

fn cell(destination: &str, verdict: &str) -> Value {
    let outcome = json!({"verdict": verdict, "stderr": ""});
    json!({"source": "1.2", "destination": destination, "size": 4, "bulk": outcome,
           "trickle8": outcome, "saved_again": 3})
}

fn observed(cells: &[Value]) -> String {
    json!({"machine": "pc-1.2", "scenario": "idle", "cells": cells}).to_string()
}

/// A folder with one of everything but a bundle.
fn input() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let field =
        json!({"name": "f", "flags": 1, "size": 1, "offset": 0, "version_id": 0, "info": "uint8"});
    let vmsd = json!({"symbol": "x", "name": "x", "version_id": 1, "minimum_version_id": 1,
                      "fields": [field], "subsections": []});
    let tables = json!({"release": "1.2", "flags": {"VMS_SINGLE": 1}, "vmsd": {"x": vmsd}});
    let handlers =
        json!([{"idstr": "x", "instance_id": 0, "version_id": 1, "section_id": 0, "vmsd": "x"}]);
    let outcome = json!({"verdict": "refused", "stderr": "no"});
    let mutation = json!({"source": "1.2", "machine": "pc-1.2", "scenario": "idle",
                          "destination": "1.2", "op": {"op": "truncate", "at": 1, "what": "cut"},
                          "size": 1, "bulk": outcome, "trickle8": outcome});
    put(&dir, "streams/index.json", index(b"QEVM").to_string());
    put(&dir, STREAM, packed(b"QEVM"));
    put(&dir, TABLES, packed(tables.to_string().as_bytes()));
    put(&dir, HANDLERS, handlers.to_string());
    put(&dir, OBSERVED, observed(&[cell("1.2", "accepted")]));
    put(&dir, "observed/mutations.jsonl", format!("{mutation}\n"));
    put(&dir, SAVED, packed(b"QEV"));
    dir
}

fn corpus_of(dir: &TempDir) -> (TempDir, ImportReport) {
    let into = tempfile::tempdir().unwrap();
    let report = import(dir.path(), &into.path().join("corpus")).unwrap();
    (into, report)
}

#[test]
fn everything_arrives_and_a_second_run_changes_nothing() {
    let dir = input();
    let (into, report) = corpus_of(&dir);
    let into = into.path().join("corpus");
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    let mut written = report.written.clone();
    written.sort();
    assert_eq!(
        written,
        [
            "1.2/destinations/pc-1.2.idle.json",
            "1.2/pc-1.2.idle.stream.zst",
            "1.2/pc-1.2.idle.toml",
            "1.2/tables.json",
            "observed/mutations.jsonl",
            "observed/pc-1.2.idle.json",
            "saved-again/pc-1.2.idle/1.2-to-1.2.stream.zst",
        ]
    );
    assert_eq!(files::walk(&into).unwrap(), written);

    let again = import(dir.path(), &into).unwrap();
    assert_eq!((again.written.len(), again.unchanged), (0, written.len()));

    let corpus = Corpus::open(&into).unwrap();
    let fixture = &corpus.fixtures().unwrap()[0];
    assert_eq!(
        (fixture.guest.as_str(), &fixture.arguments[..]),
        ("halt", &["-usb".to_owned()][..])
    );
    assert_eq!(corpus.stream(fixture).unwrap(), b"QEVM");
    assert_eq!(corpus.tables("1.2", X86_64).unwrap().unwrap().vmsd["x"].fields.len(), 1);
    assert_eq!(corpus.destinations("1.2"), [("pc-1.2".to_owned(), "idle".to_owned())]);
    assert_eq!(corpus.observed().unwrap()[0].cells.len(), 1);
    assert_eq!(corpus.mutations().unwrap()[0].op.what(), "cut");
    assert_eq!(corpus.saved_again_stream(&corpus.saved_again()[0]).unwrap(), b"QEV");
}

#[test]
fn any_part_may_be_missing() {
    for missing in ["streams", "tables/handlers", "observed", "saved-again"] {
        let dir = input();
        fs::remove_dir_all(dir.path().join(missing)).unwrap();
        corpus_of(&dir);
    }
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(corpus_of(&empty).1, ImportReport::default());
}

#[test]
fn what_is_not_understood_is_passed_over_and_said() {
    let dir = input();
    put(&dir, "streams/1.2/stray.stream.zst", "");
    put(&dir, "tables/vmsd/notes.txt", "");
    put(&dir, "saved-again/notes.txt", "");
    let (_, report) = corpus_of(&dir);
    assert_eq!(report.notes.len(), 3, "{:?}", report.notes);
}

#[test]
fn new_observations_join_those_that_are_known() {
    let dir = input();
    let (into, _) = corpus_of(&dir);
    put(&dir, OBSERVED, observed(&[cell("1.3", "refused")]));
    let into = into.path().join("corpus");
    import(dir.path(), &into).unwrap();
    assert_eq!(Corpus::open(&into).unwrap().observed().unwrap()[0].cells.len(), 2);

    put(&dir, OBSERVED, observed(&[cell("1.3", "accepted")]));
    let e = import(dir.path(), &into).unwrap_err();
    assert!(e.to_string().contains("says something else of 1.2 to 1.3"), "{e}");
}

#[test]
fn a_fixture_never_changes() {
    let dir = input();
    let (into, _) = corpus_of(&dir);
    put(&dir, "streams/index.json", index(b"QEVN").to_string());
    put(&dir, STREAM, packed(b"QEVN"));
    let e = import(dir.path(), &into.path().join("corpus")).unwrap_err();
    assert!(matches!(e, ImportError::FixtureChanged { .. }), "{e}");
}

#[test]
fn destinations_of_replaced_tables_are_found() {
    let dir = input();
    let (into, _) = corpus_of(&dir);
    let tables = json!({"release": "1.2", "flags": {}, "vmsd": {}});
    put(&dir, TABLES, packed(tables.to_string().as_bytes()));
    fs::remove_file(dir.path().join(HANDLERS)).unwrap();
    let e = import(dir.path(), &into.path().join("corpus")).unwrap_err();
    assert!(matches!(e, ImportError::Dangling { .. }), "{e}");
}

#[rstest]
#[case::sha("streams/index.json", index(b"QEVN").to_string(), "SHA-256 is ")]
#[case::size("streams/index.json", index(b"QEVM!").to_string(), "4 bytes when unpacked, expected")]
#[case::key("streams/index.json", r#"{"extra": 1}"#, "unknown field `extra`")]
#[case::cell(OBSERVED, observed(&[cell("1.2", "fine")]), "unknown variant `fine`")]
#[case::place(OBSERVED, r#"{"machine":"pc","scenario":"idle","cells":[]}"#, "is about pc.idle")]
#[case::line("observed/mutations.jsonl", "{", "line 1")]
#[case::zstd(TABLES, "not zstd", "not a whole zstd file")]
#[case::saved(SAVED, packed(b"QEVM"), "4 bytes when unpacked, expected 3")]
#[case::release("tables/vmsd/old.json.zst", packed(b"{}"), "cannot be a release")]
#[case::trace("bundles/1.3/pc-1.3.idle/load.trace.zst", packed(b""), "needs it")]
fn a_bad_file_stops_the_import_and_is_named(
    #[case] path: &str,
    #[case] content: impl AsRef<[u8]>,
    #[case] says: &str,
) {
    let dir = input();
    put(&dir, path, content);
    let into = tempfile::tempdir().unwrap();
    let e = import(dir.path(), into.path()).unwrap_err().to_string();
    assert!(e.contains(says), "{e}");
}

#[rstest]
#[case("/streams/0/file", "streams/1.2/../../x", "its file is ")]
#[case("/streams/0/machine", "../pc", "cannot be <machine>.<scenario>")]
#[case("/streams/0/scenario", "a.b", "cannot be <machine>.<scenario>")]
#[case("/streams/0/scenario", "nic", "scenario nic is not described")]
#[case("/streams/0/release", "..", "cannot be a release")]
fn a_bad_entry_of_the_index_is_named(#[case] at: &str, #[case] value: &str, #[case] says: &str) {
    let dir = input();
    let mut index = index(b"QEVM");
    *index.pointer_mut(at).unwrap() = json!(value);
    put(&dir, "streams/index.json", index.to_string());
    let into = tempfile::tempdir().unwrap();
    let e = import(dir.path(), into.path()).unwrap_err().to_string();
    assert!(e.starts_with("streams/index.json, stream 0: ") && e.contains(says), "{e}");
}

#[test]
fn a_bundle_is_put_together_from_dump_trace_and_fixtures() {
    let dir = input();
    put(&dir, "bundles/1.2/pc-1.2.dump-vmstate.json.zst", packed(b"{}"));
    put(
        &dir,
        "bundles/1.2/pc-1.2.idle/load.trace.zst",
        packed(b"qemu_loadvm_state_section_startfull 0(d) 0 1"),
    );
    let (into, _) = corpus_of(&dir);
    let corpus = Corpus::open(&into.path().join("corpus")).unwrap();
    assert!(bundle_input(dir.path(), "1.3", X86_64, &corpus).unwrap().is_none());
    let bundle = bundle_input(dir.path(), "1.2", X86_64, &corpus).unwrap().unwrap();
    let machine = &bundle.machines[0];
    assert_eq!((machine.machine.as_str(), machine.dump.as_deref()), ("pc-1.2", Some("{}")));
    let scenario = &machine.scenarios[0];
    assert_eq!((scenario.scenario.as_str(), &scenario.stream[..]), ("idle", &b"QEVM"[..]));
    let traced = scenario.trace.as_ref().map(|trace| trace.sections[0].idstr.as_str());
    assert_eq!(traced, Some("d"));

    let pool = bundle_pool(&corpus, "1.3", X86_64).unwrap();
    assert_eq!(pool.releases.len(), 1);
}

/// The corpus as it was, to the byte, when a later part of the folder is bad or somebody writes.
#[test]
fn an_import_that_fails_changes_nothing() {
    let dir = input();
    let (into, _) = corpus_of(&dir);
    let into = into.path().join("corpus");
    let state = || {
        let paths = files::walk(&into).unwrap();
        let read = |p: String| (files::read(&into.join(&p)).unwrap(), p);
        paths.into_iter().map(read).collect::<Vec<_>>()
    };
    let before = state();
    put(&dir, "streams/index.json", index(b"QEVM").to_string().replace("1.2", "1.3"));
    put(&dir, &STREAM.replace("1.2", "1.3"), packed(b"QEVM"));
    put(&dir, "bundles/1.4/pc-1.2.idle/load.trace.zst", packed(b""));
    let error = import(dir.path(), &into).unwrap_err();
    assert!(matches!(error, ImportError::Missing { .. }), "{error}");
    assert_eq!(state(), before);

    fs::remove_dir_all(dir.path().join("bundles")).unwrap();
    let locked = LockedFolder::lock(&into, "observe").unwrap();
    let error = import(dir.path(), &into).unwrap_err().to_string();
    assert!(error.contains("crossload observe (process "), "{error}");
    assert_eq!(state(), before);
    drop(locked);
    assert_eq!(import(dir.path(), &into).unwrap().written.len(), 2);

    // A corpus that was not there is not there.
    put(&dir, OBSERVED, "{");
    let new = into.with_file_name("new");
    import(dir.path(), &new).unwrap_err();
    assert!(!new.exists());
}
