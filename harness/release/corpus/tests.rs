//! A hand-made corpus, whole and damaged.

use std::fs;

use rstest::rstest;
use tempfile::TempDir;

use super::*;

/// A corpus with one fixture of release 1.2 that holds `stream`.
fn corpus(stream: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let packed = zstd::encode_all(stream, 3).unwrap();
    put(&folder, "1.2/pc-1.2.idle.stream.zst", &packed);
    put(&folder, "1.2/pc-1.2.idle.toml", provenance("1.2", "").as_bytes());
    folder
}

fn provenance(release: &str, extra: &str) -> String {
    format!(
        "release = '{release}'\nmachine = 'pc-1.2'\nscenario = 'idle'\nbinary = 'b'\nguest = 'g'\n\
         common_arguments = []\narguments = []\nsize = 4\nsha256 = '{}'\n\
         origin = 'captured'\n{extra}",
        files::sha256(b"QEVM")
    )
}

fn put(folder: &TempDir, path: &str, bytes: &[u8]) {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_fixture_is_found_and_read() {
    let folder = corpus(b"QEVM");
    let corpus = Corpus::open(folder.path()).unwrap();
    let fixtures = corpus.fixtures().unwrap();
    assert_eq!(fixtures.iter().map(Fixture::id).collect::<Vec<_>>(), ["1.2/pc-1.2.idle"]);
    assert_eq!(corpus.stream(&fixtures[0]).unwrap(), b"QEVM");
    assert_eq!(corpus.tables("1.2", X86_64).unwrap(), None);
}

#[rstest]
#[case::longer(b"QEVM!", "5 bytes when unpacked, expected 4")]
#[case::other(b"QEVN", "SHA-256 is ")]
fn a_stream_must_be_what_its_provenance_says(#[case] stream: &[u8], #[case] says: &str) {
    let folder = corpus(stream);
    let corpus = Corpus::open(folder.path()).unwrap();
    let e = corpus.stream(&corpus.fixtures().unwrap()[0]).unwrap_err().to_string();
    assert!(e.starts_with("1.2/pc-1.2.idle.stream.zst: ") && e.contains(says), "{e}");
}

#[test]
fn provenance_without_a_stream_is_an_error() {
    let folder = corpus(b"QEVM");
    fs::remove_file(folder.path().join("1.2/pc-1.2.idle.stream.zst")).unwrap();
    let corpus = Corpus::open(folder.path()).unwrap();
    let e = corpus.stream(&corpus.fixtures().unwrap()[0]).unwrap_err();
    assert!(matches!(e, CorpusError::Missing { .. }), "{e}");
}

#[rstest]
#[case::unknown_key(provenance("1.2", "colour = 1"), "unknown field `colour`")]
#[case::elsewhere(provenance("1.3", ""), "is about 1.3/pc-1.2.idle.toml, expected 1.2/")]
#[case::not_toml("size".to_owned(), "1.2/pc-1.2.idle.toml")]
fn bad_provenance_is_refused(#[case] text: String, #[case] says: &str) {
    let folder = corpus(b"QEVM");
    put(&folder, "1.2/pc-1.2.idle.toml", text.as_bytes());
    let e = Corpus::open(folder.path()).unwrap().fixtures().unwrap_err().to_string();
    assert!(e.contains(says), "{e}");
}

#[rstest]
#[case("1.2/tables.json", r#"{"release":"1.2","vmsd":{},"x":0}"#, "unknown field `x`")]
#[case("1.2/tables.json", r#"{"release":"1.3","vmsd":{}}"#, "is about 1.3, expected 1.2")]
fn bad_tables_are_refused(#[case] path: &str, #[case] json: &str, #[case] says: &str) {
    let folder = corpus(b"QEVM");
    put(&folder, path, json.as_bytes());
    let e = Corpus::open(folder.path()).unwrap().tables("1.2", X86_64).unwrap_err().to_string();
    assert!(e.starts_with(path) && e.contains(says), "{e}");
}

#[test]
fn a_bad_line_of_mutations_is_named_by_number() {
    let folder = corpus(b"QEVM");
    put(&folder, "observed/mutations.jsonl", b"\n{}\n");
    let e = Corpus::open(folder.path()).unwrap().mutations().unwrap_err().to_string();
    assert!(e.starts_with("observed/mutations.jsonl, line 2: missing field"), "{e}");
}

#[test]
fn releases_are_sorted_by_number_and_other_folders_are_none() {
    let folder = corpus(b"QEVM");
    for release in ["11.1", "9.2", "1.10", "4.2.0", "4.2.0-rc1", "observed", "saved-again", "notes"]
    {
        put(&folder, &format!("{release}/x"), b"");
    }
    let corpus = Corpus::open(folder.path()).unwrap();
    assert_eq!(corpus.releases(), ["1.2", "1.10", "4.2.0", "4.2.0-rc1", "9.2", "11.1"]);
}

#[test]
fn a_path_cannot_lead_out_of_the_folder() {
    let folder = corpus(b"QEVM");
    put(&folder, "inner/renames.toml", b"inside");
    put(&folder, "outside", b"outside");
    let corpus = Corpus::open(&folder.path().join("inner")).unwrap();
    assert_eq!(corpus.text("renames.toml").unwrap().as_deref(), Some("inside"));
    assert_eq!(corpus.text("../outside").unwrap(), None);
}

#[test]
fn a_stream_that_was_saved_again_is_known_by_its_path() {
    let path = "saved-again/pc-i440fx-2.4.idle/2.4.1-to-11.1.stream.zst";
    let saved = SavedAgain::from_path(path).unwrap();
    assert_eq!((saved.source.as_str(), saved.destination.as_str()), ("2.4.1", "11.1"));
    assert_eq!(saved.path(), path);
    assert_eq!(SavedAgain::from_path("saved-again/idle/a-to-b.stream.zst"), None);
}

#[test]
fn the_embedded_corpus_is_whole() {
    let corpus = Corpus::embedded().unwrap();
    assert!(corpus.text("matrix.toml").unwrap().is_some());
    for fixture in corpus.fixtures().unwrap() {
        corpus.stream(&fixture).unwrap();
    }
    for release in corpus.releases() {
        corpus.tables(&release, X86_64).unwrap();
        for (machine, scenario) in corpus.destinations(&release) {
            assert!(corpus.handlers(&release, &machine, &scenario).unwrap().is_some());
        }
    }
    corpus.observed().unwrap();
    corpus.mutations().unwrap();
}
