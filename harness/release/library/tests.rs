//! Hand-made releases whose files do not fit each other.

use std::fs;

use rstest::rstest;
use tempfile::TempDir;

use super::*;

/// One description of a nested one, and a destination with one handler of it.
const TABLES: &str = r#"{"release": "1.2", "vmsd": {
    "outer": {"name": "outer", "version_id": 1, "minimum_version_id": 1, "fields": [
        {"name": "inner", "kind": {"struct": {"vmsd": "inner"}}}],
        "subsections": [{"vmsd": "outer/sub"}]},
    "inner": {"name": "inner", "version_id": 1, "minimum_version_id": 1, "fields": []},
    "outer/sub": {"name": "outer/sub", "version_id": 1, "minimum_version_id": 1, "fields": []}}}"#;
const HANDLERS: &str = r#"{"release": "1.2", "machine": "pc-1.2", "scenario": "idle",
    "origin": "debugger", "handlers": [{"idstr": "outer", "instance_id": 0, "alias_id": -1,
    "version_id": 1, "body": {"vmsd": "outer"}}]}"#;

const TABLES_PATH: &str = "1.2/tables.json";
const HANDLERS_PATH: &str = "1.2/destinations/pc-1.2.idle.json";

/// A corpus of these files.
fn corpus(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// The destination of the corpus, opened anew.
fn destination(files: &[(&str, &[u8])]) -> Result<Option<Destination>, LibraryError> {
    let folder = corpus(files);
    Library::open(Corpus::open(folder.path())?)?.destination("1.2", "pc-1.2", "idle")
}

#[test]
fn tables_and_handlers_make_a_destination() {
    let built =
        destination(&[(TABLES_PATH, TABLES.as_bytes()), (HANDLERS_PATH, HANDLERS.as_bytes())]);
    let built = built.unwrap().unwrap();
    assert_eq!(built.handlers[0].body, Body::Vmsd(0));
    assert_eq!(built.set.get(0).unwrap().subsections, [("outer/sub".to_owned(), 2)]);
    assert!(built.local.from.is_none());
    assert!(destination(&[(TABLES_PATH, TABLES.as_bytes())]).unwrap().is_none());
}

#[rstest]
#[case::handler(TABLES, HANDLERS.replace(r#""vmsd": "outer""#, r#""vmsd": "gone""#), "'gone'")]
#[case::nested(TABLES.replace(r#""vmsd": "inner""#, r#""vmsd": "gone""#), HANDLERS, "'gone'")]
#[case::subsection(TABLES.replace(r#""vmsd": "outer/sub""#, r#""vmsd": "gone""#), HANDLERS, "'gone'")]
fn a_description_that_is_not_there_is_named(
    #[case] tables: impl AsRef<[u8]>,
    #[case] handlers: impl AsRef<[u8]>,
    #[case] says: &str,
) {
    let e = destination(&[(TABLES_PATH, tables.as_ref()), (HANDLERS_PATH, handlers.as_ref())]);
    let e = e.unwrap_err().to_string();
    assert!(e.starts_with("1.2/pc-1.2.idle: tables of 1.2 have no description "), "{e}");
    assert!(e.contains(says), "{e}");
}

#[test]
fn handlers_without_tables_are_refused() {
    let e = destination(&[(HANDLERS_PATH, HANDLERS.as_bytes())]).unwrap_err().to_string();
    assert_eq!(e, "1.2/pc-1.2.idle: the release has no tables of that architecture");
}

#[rstest]
#[case::key(HANDLERS_PATH, HANDLERS.replace("origin", "source"), "unknown field `source`")]
#[case::elsewhere(HANDLERS_PATH, HANDLERS.replace("idle", "nic"), "is about 1.2/pc-1.2.nic")]
#[case::kind(TABLES_PATH, TABLES.replace("struct", "union"), "unknown variant `union`")]
#[case::negative(TABLES_PATH, TABLES.replace(": 1,", ": -1,"), "invalid value: integer `-1`")]
#[case::renames("renames.toml", "[[rename]]\nvmsd = 'x'".to_owned(), "missing field `from`")]
#[case::cut(TABLES_PATH, TABLES[..99].to_owned(), "EOF while parsing")]
fn a_bad_file_is_named(#[case] path: &str, #[case] content: String, #[case] says: &str) {
    let mut files = vec![(TABLES_PATH, TABLES.as_bytes()), (HANDLERS_PATH, HANDLERS.as_bytes())];
    files.push((path, content.as_bytes()));
    let e = destination(&files).unwrap_err().to_string();
    assert!(e.starts_with(path) && e.contains(says), "{e}");
}

#[test]
fn a_fixture_that_is_not_what_its_provenance_says_makes_no_destination() {
    let packed = zstd::encode_all(&b"QEVM"[..], 3).unwrap();
    let provenance = "release = '1.2'\nmachine = 'pc-1.2'\nscenario = 'idle'\nbinary = 'b'\n\
        guest = 'g'\ncommon_arguments = []\narguments = []\nsize = 4\nsha256 = '00'\n\
        origin = 'captured'\n";
    let e = destination(&[
        (TABLES_PATH, TABLES.as_bytes()),
        (HANDLERS_PATH, HANDLERS.as_bytes()),
        ("1.2/pc-1.2.idle.stream.zst", &packed),
        ("1.2/pc-1.2.idle.toml", provenance.as_bytes()),
    ]);
    assert!(matches!(e, Err(LibraryError::Corpus(CorpusError::Sha256 { .. }))), "{e:?}");
}

#[test]
fn a_release_that_is_no_number_is_refused() {
    let handlers: schema::Handlers =
        serde_json::from_str(&HANDLERS.replace("1.2\"", "new\"")).unwrap();
    let e = build(&handlers, &Tables::default(), &Renames::default()).unwrap_err();
    assert!(e.starts_with("'new' is not a release number"), "{e}");
}
