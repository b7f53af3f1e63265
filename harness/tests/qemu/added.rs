//! A release is added with a real binary, and with one that dies while it saves a machine type.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crossload::matrix::initial::default_for;
use crossload::matrix::{Cell, Config, Filter, Plan};
use crossload::qemu::Binary;
use crossload::qemu::add::{Request, add};
use crossload::release::corpus::Corpus;
use crossload::release::library::Library;
use crossload::wire::Feed;

use super::{fakes, known, root};

/// Adds a binary as a stable release of its series that nobody has added.
fn request<'a>(
    binary: &'a Binary,
    series: &str,
    matrix: &'a Path,
    corpus: &'a Path,
) -> Request<'a> {
    Request {
        binary,
        release: format!("{series}.99"),
        matrix,
        corpus,
        jobs: 2,
        limit: Duration::from_secs(60),
        machines: &[],
    }
}

/// Twice, and once more with a scenario that was put in since.
pub fn added(path: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("corpus");
    for file in crossload::release::files::walk(&root().join("corpus")).unwrap() {
        fs::create_dir_all(corpus.join(&file).parent().unwrap()).unwrap();
        fs::copy(root().join("corpus").join(&file), corpus.join(&file)).unwrap();
    }
    let matrix = folder.path().join("matrix.toml");
    fs::copy(root().join("matrix.toml"), &matrix).unwrap();
    let binary = Binary::at(path).unwrap();
    let request = request(&binary, &binary.series(), &matrix, &corpus);
    let added = add(&request).unwrap();
    assert!(added.findings.is_empty(), "{:?}", added.findings);
    let (config, run) = added.run.as_ref().unwrap();
    // It is a release that the corpus has under another name: every cell is as that one's.
    let (library, _) = super::corpus();
    let twin = known(path, &library).release;
    let filter = Filter { releases: vec![twin.clone()], ..Filter::default() };
    let library = Library::open(Corpus::open(&corpus).unwrap()).unwrap();
    let plan = Plan::new(config, library.fixtures(), &filter).unwrap();
    let twins = crossload::matrix::run(&library, config, &plan, &Feed::Bulk).unwrap();
    let mut same = 0;
    for cell in &run.cells {
        let renamed =
            |name: &String| if *name == request.release { twin.clone() } else { name.clone() };
        let of = Cell {
            source: renamed(&cell.cell.source),
            destination: renamed(&cell.cell.destination),
            ..cell.cell.clone()
        };
        if let Some(other) = twins.cells.iter().find(|other| other.cell == of) {
            assert_eq!(cell.outcome.name(), other.outcome.name(), "{}", cell.cell);
            same += 1;
        }
    }
    assert!(same > 50, "{same} cells");
    assert!(added.written.iter().any(|path| path.ends_with("/tables.json")), "{:?}", added.written);
    // A second run has nothing to do.
    assert!(add(&request).unwrap().written.is_empty());
    // But for a scenario that was put in since: it is captured, and nothing else.
    let text = fs::read_to_string(&matrix).unwrap();
    let own = "\n[[scenario]]\nname = \"own\"\nabout = \"A card.\"\nguest = \"idle\"\n\
               arguments = [\"-device\", \"pcnet\"]\nexercises = [\"pcnet\"]\n";
    fs::write(&matrix, text + own).unwrap();
    let written = add(&request).unwrap().written;
    let streams: Vec<&String> = written.iter().filter(|path| path.ends_with(".zst")).collect();
    assert!(!streams.is_empty() && streams.iter().all(|p| p.contains(".own.")), "{written:?}");
    assert!(add(&request).unwrap().written.is_empty());
    // Another binary of that name is no second run.
    let other = Binary { about: format!("{}+1", binary.about), ..binary.clone() };
    let e = add(&Request { binary: &other, ..request }).unwrap_err().to_string();
    assert!(e.contains("is there already, but as") && e.contains("--release"), "{e}");
    let old = Binary { version: "2.5.0".parse().unwrap(), ..binary.clone() };
    let e = add(&Request { binary: &old, release: "2.5".to_owned(), ..request }).unwrap_err();
    assert!(e.to_string().contains("only a release from 2.6.0 on"), "{e}");
    let nowhere = folder.path().join("no/matrix.toml");
    let e = add(&Request { matrix: &nowhere, release: "2.5".to_owned(), ..request }).unwrap_err();
    assert!(e.to_string().contains("no/matrix.toml: cannot read"), "{e}");
}

/// A binary that aborts whenever it saves one machine type, as 8.2 does of an old one: all the rest
/// is added, and that is recorded.
pub fn dies_while_saving(path: &Path) {
    let (library, _) = super::corpus();
    let series = known(path, &library).release;
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("corpus");
    // One scenario of its release is enough of a corpus.
    for file in crossload::release::files::walk(&root().join("corpus")).unwrap() {
        let own = file.starts_with(&format!("{series}/"));
        if own && (file.contains(".idle.") || file.ends_with("/tables.json")) {
            fs::create_dir_all(corpus.join(&file).parent().unwrap()).unwrap();
            fs::copy(root().join("corpus").join(&file), corpus.join(&file)).unwrap();
        }
    }
    let text = default_for(&Corpus::open(&corpus).unwrap()).unwrap();
    let matrix = folder.path().join("matrix.toml");
    fs::write(&matrix, &text).unwrap();
    let config = Config::parse("matrix.toml", &text).unwrap();
    assert!(config.machines.len() > 1, "{text}");
    let old = &config.machines[0].name;
    let this = std::env::current_exe().unwrap();
    let script = format!(
        "case \" $* \" in\n*' -incoming '*|*' -dump-vmstate '*) ;;\n\
         *' -M {old} '*) exec '{}' {} aborts \"$@\" ;;\nesac\nexec {} \"$@\"",
        this.display(),
        fakes::SPEAKS,
        path.display()
    );
    let fake = fakes::fake(&script);
    let binary = Binary::at(&fake.binary.path).unwrap();
    let request = request(&binary, &series, &matrix, &corpus);
    let added = add(&request).unwrap();
    let [finding] = added.findings.as_slice() else { panic!("{:?}", added.findings) };
    assert_eq!((&finding.machine, finding.scenarios.as_slice()), (old, &["idle".to_owned()][..]));
    for part in ["while it was saving", "SIGABRT", "the assertion did not hold"] {
        assert!(finding.what.contains(part), "{}", finding.what);
    }
    let now = Config::parse("matrix.toml", &fs::read_to_string(&matrix).unwrap()).unwrap();
    assert_eq!(now.findings, added.findings);
    let library = Library::open(Corpus::open(&corpus).unwrap()).unwrap();
    let own: Vec<&str> = library
        .fixtures()
        .iter()
        .filter(|f| f.release == request.release)
        .map(|f| f.machine.as_str())
        .collect();
    assert!(!own.is_empty() && !own.contains(&old.as_str()), "{own:?}");
    now.check(&library).unwrap();
}
