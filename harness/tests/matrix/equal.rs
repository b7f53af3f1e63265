//! A downstream that knows a machine type by a name of its own.

use std::fs;
use std::path::Path;

use crossload::matrix::initial::default_for;
use crossload::matrix::{CellResult, Config, Filter, Plan, Run, Standing, run};
use crossload::release::corpus::Corpus;
use crossload::release::files::{sha256, unzstd};
use crossload::release::library::Library;
use crossload::release::provenance::Fixture;
use crossload::report::findings::findings;
use crossload::report::json::json;
use crossload::trace::Verdict;
use crossload::wire::Feed;
use serde_json::Value;

const UPSTREAM: &str = "pc-i440fx-7.2";
/// As long as the other, so that the stream is whole with it.
const DOWNSTREAM: &str = "pc-i440fx-abc";

/// What 7.2 has of a machine type, as release `to` under another name.
fn copied(corpus: &Path, to: &str, machine: &str) {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/7.2");
    let text = |path: &str| fs::read_to_string(own.join(path)).unwrap();
    let put = |path: String, bytes: &[u8]| {
        let path = corpus.join(to).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let release = "\"release\": \"7.2\"";
    let renamed = |text: String| {
        assert!(text.contains(release));
        text.replacen(release, &format!("\"release\": \"{to}\""), 1).replace(UPSTREAM, machine)
    };
    put("tables.json".to_owned(), renamed(text("tables.json")).as_bytes());
    let handlers = renamed(text(&format!("destinations/{UPSTREAM}.idle.json")));
    put(format!("destinations/{machine}.idle.json"), handlers.as_bytes());
    let packed = fs::read(own.join(format!("{UPSTREAM}.idle.stream.zst"))).unwrap();
    let mut stream = unzstd("stream", &packed, 1 << 24).unwrap();
    let at = stream.windows(UPSTREAM.len()).position(|w| w == UPSTREAM.as_bytes()).unwrap();
    stream[at..at + machine.len()].copy_from_slice(machine.as_bytes());
    let mut fixture: Fixture = toml::from_str(&text(&format!("{UPSTREAM}.idle.toml"))).unwrap();
    (fixture.release, fixture.machine) = (to.to_owned(), machine.to_owned());
    fixture.sha256 = sha256(&stream);
    put(format!("{machine}.idle.stream.zst"), &zstd::encode_all(&stream[..], 3).unwrap());
    put(format!("{machine}.idle.toml"), toml::to_string(&fixture).unwrap().as_bytes());
}

#[test]
fn a_machine_type_of_another_name_is_answered_for() {
    let folder = tempfile::tempdir().unwrap();
    copied(folder.path(), "7.2", UPSTREAM);
    copied(folder.path(), "7.3", DOWNSTREAM);
    let library = Library::open(Corpus::open(folder.path()).unwrap()).unwrap();
    let plain = default_for(library.corpus()).unwrap();
    let ran = |text: &str| -> (Config, Run) {
        let config = Config::parse("matrix.toml", text).unwrap();
        config.check(&library).unwrap();
        let plan = Plan::new(&config, library.fixtures(), &Filter::default()).unwrap();
        let run = run(&library, &config, &plan, &Feed::Bulk).unwrap();
        (config, run)
    };
    let verdicts = |cells: &[CellResult]| -> Vec<_> {
        cells.iter().map(|c| c.outcome.verdict().unwrap()).collect()
    };
    use Verdict::{Faithful, Refused, Unsupported};
    // Nobody said that the two are one.
    assert_eq!(verdicts(&ran(&plain).1.cells), [Faithful, Unsupported, Unsupported, Faithful]);

    let name = format!("name = \"{DOWNSTREAM}\"\n");
    let said = format!("{name}equals = \"{UPSTREAM}\"\ndiffers = \"fewer processors\"\n");
    let (config, run) = ran(&plain.replacen(&name, &said, 1));
    let cells = &run.cells;
    // A binary refuses the name; what is behind it is the same.
    assert_eq!(verdicts(cells), [Faithful, Refused, Refused, Faithful]);
    for cell in cells {
        let Some(instead) = &cell.instead else { continue };
        assert_ne!(instead.machine, cell.cell.machine);
        assert_eq!(instead.renamed, Some(Faithful));
        assert_eq!(cell.standing, Standing::Reported);
    }
    let reported: Vec<String> = findings(cells).into_iter().map(|f| f.sentence).collect();
    assert!(!reported.is_empty());
    for sentence in reported {
        assert!(sentence.contains("(what differs: fewer processors)"), "{sentence}");
        assert!(sentence.ends_with("with that name in the stream: faithful."), "{sentence}");
    }
    let report: Value = serde_json::from_str(&json(&config, &run, cells).unwrap()).unwrap();
    let others: Vec<Option<&Value>> =
        report["cells"].as_array().unwrap().iter().map(|cell| cell.get("instead")).collect();
    let other = |machine: &str| serde_json::json!({"machine": machine, "differs": "fewer processors", "renamed": "faithful"});
    let (down, up) = (other(DOWNSTREAM), other(UPSTREAM));
    assert_eq!(others, [None, Some(&down), Some(&up), None]);
}
