//! The targets on a stable toolchain: smoke runs, regressions, planted faults.

use std::collections::BTreeSet;
use std::path::Path;

use super::ambiguity::Cause;
use super::edit::Edit;
use super::generate::{Feature, Side};
use super::oracle;
use super::smoke::{self, smoke};
use super::strict::Strict;
use super::targets::stream_decode;
use super::{Failure, TARGETS, Target, counters::Counts, packed, pool, seed, target};
use crate::release::corpus::Corpus;
use crate::release::library::Library;
use crate::release::provenance::Fixture;
use crate::stream::load_bytes;
use crate::trace::Verdict;
use crate::vmstate::walk::most_steps;
use crate::wire::Feed;
use crate::wire::fault::{Fault, plant};

fn run(name: &str, executions: u64) -> Counts {
    let target = target(name).expect("a target");
    match smoke(target, 1, executions, Strict::No) {
        Ok(counts) => counts,
        Err(failure) => panic!("{failure}"),
    }
}

/// What a target must come to in so many inputs, by its table of counts.
fn must_occur(target: &str) -> Vec<&'static str> {
    let edits = Edit::ALL.iter().map(|(_, name)| *name);
    match target {
        "section_decode" => edits.chain(["edit: behind the end", "edited bytes"]).collect(),
        "feed_independence" => vec![Cause::SingleRefill.name(), "faithful", "refused", "misparsed"],
        "roundtrip" => vec!["saved again"],
        "fixture_mutate" => vec![
            "field: value",
            "field: deleted",
            "field: doubled",
            "field: bytes before",
            "field: bytes inside",
            "field: bytes gone",
            "field: cut behind",
            "subsection: deleted",
            "subsection: renamed, length too",
            "section: deleted",
            "section: swapped",
            "section: renumbered, footer too",
            "section: renamed, length too",
            "section: packed",
            "section: packed, other length",
            "length fixed up",
            "edited bytes",
            "second opinion: as written",
            "second opinion: parts",
            "second opinion: refused",
            "faithful",
            "refused",
        ],
        _ => Vec::new(),
    }
}

#[test]
fn every_target_does_work() {
    for found in &TARGETS {
        // Random bytes are choices for a generator; of a stream or a text they are none: there it
        // is the seeds that must be read, each of them.
        let each = matches!(
            found.name,
            "stream_decode" | "description_parse" | "import_parse" | "input_open"
        );
        // A part of a fixture has fewer subsections than the whole.
        let rare = ["fixture_mutate", "feed_independence"].contains(&found.name);
        let executions = if rare { 4000 } else { 500 };
        let mut counts = run(found.name, executions);
        assert_eq!(counts.executions, executions, "{}", found.name);
        let table = counts.to_string();
        for name in must_occur(found.name) {
            assert!(table.contains(name), "{}: no {name}:\n{table}", found.name);
        }
        assert!(each || counts.cases > 0, "{}: random bytes did no work", found.name);
        let seeds = seed::seeds(found).expect("a corpus");
        assert!(seeds.len() > 10, "{}: {} seeds", found.name, seeds.len());
        let mut idle = Vec::new();
        for (name, bytes) in &seeds {
            assert!(!name.contains('/'), "{}: {name} is no file name", found.name);
            let before = counts.cases;
            assert_eq!((found.run)(bytes, &mut counts), Ok(()), "{}: {name}", found.name);
            if counts.cases == before {
                idle.push(name);
            }
        }
        let most = if each { 0 } else { seeds.len() / 2 };
        assert!(idle.len() <= most, "{}: no case of {idle:?}", found.name);
    }
}

/// The custom mutator and crossover, on what libFuzzer would give them.
#[test]
fn changed_and_crossed_streams_run() {
    let found = target("stream_decode").expect("a target");
    let seeds = seed::seeds(found).expect("a corpus");
    let mut counts = Counts::default();
    let mut changed = 0;
    for (turn, (name, bytes)) in (0..).zip(&seeds) {
        let (_, other) = &seeds[(turn as usize * 7 + 1) % seeds.len()];
        let choices = smoke::input(3, turn);
        for new in
            [stream_decode::mutate(bytes, &choices), stream_decode::cross(bytes, other, &choices)]
        {
            changed += u64::from(new != *bytes);
            let outcome = (found.run)(&new, &mut counts);
            assert_eq!(outcome, Ok(()), "{name}, turn {turn}");
        }
    }
    let (all, least) = (2 * seeds.len() as u64, seeds.len() as u64);
    // Of what is changed anywhere, about half still has a section to read.
    let work = counts.cases * 5 > all * 2;
    assert!(changed > least && work, "{changed} of {all} changed: {counts}");
    assert!(counts.total(Verdict::Refused) > 0 && counts.total(Verdict::Faithful) > 0, "{counts}");
}

#[test]
fn every_scenario_has_a_stream_for_fuzzing() {
    let scenarios = |list: &[Fixture]| -> BTreeSet<String> {
        list.iter().map(|f| f.scenario.clone()).collect()
    };
    let all = Corpus::embedded().expect("a corpus");
    let used: Vec<Fixture> =
        pool::pool().expect("a corpus").originals().map(|(f, ..)| f.clone()).collect();
    assert_eq!(scenarios(&used), scenarios(Library::open(all).expect("tables").fixtures()));
}

#[test]
fn generators_make_everything_and_see_every_verdict() {
    let counts = run("subsection_decode", 20_000);
    let all = Feature::OldLoader as u8;
    let missing: Vec<u8> = (0..=all).filter(|bit| counts.features.0 & 1 << bit == 0).collect();
    assert!(missing.is_empty(), "features never made: {missing:?}");
    for verdict in Verdict::ALL {
        // A made-up destination always has the machine.
        if verdict != Verdict::Unsupported {
            assert!(counts.total(verdict) > 0, "no load was {verdict}");
        }
    }
    let seen: BTreeSet<&str> = counts.explained.keys().map(|key| key.0).collect();
    for cause in Cause::ALL.into_iter().filter(|c| *c != Cause::Edited) {
        assert!(seen.contains(cause.name()), "never met: {}", cause.name());
    }
    assert!(run("section_decode", 500).explained.keys().any(|key| key.0 == Cause::Edited.name()));
}

/// What of the lines `Shows: ...` about an input its run does not come to.
fn shows_no_more(target: &Target, bytes: &[u8], about: &str) -> Result<Vec<String>, Failure> {
    let mut counts = Counts { every_rule: true, ..Counts::default() };
    (target.run)(bytes, &mut counts)?;
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let table: Vec<String> = counts.to_string().lines().map(words).collect();
    let shown = about.lines().filter_map(|line| line.strip_prefix("Shows: ")).map(words);
    let counted = |line: &String| {
        let tail = format!(" {line}");
        table.iter().any(|of| of == line || of.ends_with(&tail))
    };
    Ok(shown.filter(|line| !counted(line)).collect())
}

#[test]
fn regressions_stay_fixed_and_each_has_its_cause() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/regressions");
    let (mut seen, mut wrong) = (0, Vec::new());
    for folder in std::fs::read_dir(&root).expect("corpus/regressions").map(|e| e.expect("entry")) {
        let name = folder.file_name().into_string().expect("UTF-8");
        let Some(target) = target(&name) else { panic!("{name}: no such target") };
        for file in
            std::fs::read_dir(folder.path()).expect("folder").map(|e| e.expect("entry").path())
        {
            if file.extension().is_some_and(|e| e == "txt") {
                assert!(file.with_extension("").exists(), "{}: about no input", file.display());
                continue;
            }
            let about = file.with_file_name(format!(
                "{}.txt",
                file.file_name().expect("name").to_string_lossy()
            ));
            let text = std::fs::read_to_string(&about).unwrap_or_default();
            assert!(!text.trim().is_empty(), "{}: says nothing of its cause", about.display());
            assert!(text.contains("Shows: "), "{}: says not what it shows", about.display());
            let bytes = std::fs::read(&file).expect("input");
            seen += 1;
            match shows_no_more(target, &bytes, &text) {
                Err(failure) => panic!("{}: {failure}", file.display()),
                Ok(gone) if gone.is_empty() => {}
                // A generator that changes makes another case of the same choices.
                Ok(gone) => wrong.push(format!("{}: shows no more {gone:?}", file.display())),
            }
        }
    }
    assert!(seen > 5, "{seen} regressions");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What earlier runs left to begin with: none of it fails, and it is still worth something.
#[test]
fn kept_seeds_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(packed::FOLDER);
    let mut size = 0;
    for found in &TARGETS {
        let file = packed::path(&folder, found.name);
        let inputs = packed::unpack(&file).expect("whole").unwrap_or_default();
        assert!(inputs.len() > 20, "{}: {} seeds are kept", found.name, inputs.len());
        size += file.metadata().expect("a file").len();
        let mut counts = Counts::default();
        for (at, bytes) in inputs.iter().enumerate() {
            assert_eq!((found.run)(bytes, &mut counts), Ok(()), "{}: {at}", found.name);
        }
        // A parser refuses most of what it has an edge for.
        assert!(counts.cases * 10 > counts.executions, "{}: {counts}", found.name);
    }
    assert!(size < 2 << 20, "{size} bytes");
}

/// A description of so many elements, by a counter of its own, none of which has a byte; on a
/// machine type without footers.
fn counted_nothing() -> Side {
    let tables = serde_json::json!({"release": "10.0", "vmsd": {
        "dev": {"name": "dev", "version_id": 1, "minimum_version_id": 1, "fields": [
            {"name": "n", "kind": {"leaf": {"info": "uint32", "size": {"fixed": 4}}}},
            {"name": "element", "kind": {"struct": {"vmsd": "empty"}},
             "count": {"field": {"name": "n"}}}]},
        "empty": {"name": "empty", "version_id": 1, "minimum_version_id": 1, "fields": [
            {"name": "later", "version_id": 2,
             "kind": {"leaf": {"info": "uint8", "size": {"fixed": 1}}}}]}}});
    let handlers = serde_json::json!({"release": "10.0", "machine": "pc-0.12", "scenario": "none",
        "origin": "this test", "handlers": [{"idstr": "dev", "instance_id": 0, "alias_id": -1,
        "version_id": 1, "body": {"vmsd": "dev"}}]});
    Side {
        tables: serde_json::from_value(tables).expect("tables"),
        handlers: serde_json::from_value(handlers).expect("handlers"),
    }
}

/// 33 bytes that ask for two thousand million elements are refused at once; a loader that walked
/// a few more of them than the bytes pay for is what the oracle calls unbounded.
#[test]
fn work_is_in_proportion_to_the_stream() {
    let to = counted_nothing().compile().expect("descriptions");
    let stream = |n: u32| {
        let head = b"QEVM\0\0\0\x03\x04\0\0\0\0\x03dev\0\0\0\0\0\0\0\x01";
        [&head[..], &n.to_be_bytes(), &[0]].concat()
    };
    let check = |n: u32| {
        let stream = stream(n);
        let loaded = load_bytes(&to, &stream, &Feed::Bulk);
        let bounds = oracle::bounds(stream.len(), &loaded);
        (loaded.refused.map(|e| e.to_string()).unwrap_or_default(), bounds)
    };
    assert_eq!(check(1000), (String::new(), Ok(())));
    let (refused, bounds) = check(i32::MAX as u32);
    assert!(refused.contains("fields and elements for so few bytes"), "{refused}");
    assert_eq!(bounds, Ok(()));
    let _planted = plant(Fault::WorkUnbounded);
    let (_, bounds) = check(100_000);
    assert!(bounds.expect_err("unbounded").contains("steps for"));
}

/// Captured streams are far from what would be refused as too much work.
#[test]
fn captured_streams_want_few_steps() {
    let pool = pool::pool().expect("a corpus");
    for (fixture, own, original) in pool.originals() {
        let to = pool.destination(own).expect("its own release");
        let loaded = load_bytes(to, &original.stream, &Feed::Bulk);
        let (steps, most) = (loaded.steps, most_steps(loaded.stopped));
        assert!(steps * 20 < most, "{}: {steps} steps of {most}", fixture.id());
    }
}

/// Which target finds which planted fault.
#[test]
fn planted_faults_are_found() {
    use Fault::*;
    let found_by = |fault| match fault {
        FooterUnchecked | EndInsideSection | DescriptionWanted | CommandUnread => "section_decode",
        LookAheadOnce | WorkUnbounded => "feed_independence",
        PciConfigShort | PresenceInverted | ContinueIgnored | NulNotEnd | LaterFieldsRead => {
            "fixture_mutate"
        }
        FooterWrittenWrong | SubsectionWrittenAsOwner => "roundtrip",
        _ => "subsection_decode",
    };
    // What the corpus makes is made before any fault is there: a fixture's meaning and how it is
    // read unchanged, with which `fixture_mutate` compares.
    let pool = pool::pool().expect("a corpus");
    assert!((0..pool.pairs()).all(|number| pool.pair(number).is_some()));
    let missed: Vec<String> = Fault::ALL
        .into_iter()
        .chain(Fault::UNSEEN)
        .chain(Fault::GENERATOR)
        .filter(|fault| {
            let target = target(found_by(*fault)).expect("a target");
            let mut counts = Counts { every_rule: true, ..Counts::default() };
            let mut run =
                |turn| (target.run)(&smoke::input_for(target, 1, turn), &mut counts).err();
            let found = {
                let _planted = plant(*fault);
                (0..20_000).find_map(|turn| Some((turn, run(turn)?)))
            };
            let Some((turn, Failure(text))) = found else { return true };
            // Somebody must be able to tell from it who is wrong.
            let titles = match target.name {
                "fixture_mutate" => ["--- written", "--- read", "feed "],
                _ => ["--- source", "--- destination", "--- bytes"],
            };
            for title in titles {
                assert!(text.contains(title), "{fault:?}: no {title}:\n{text}");
            }
            // It is the fault that was found, and no other.
            run(turn).is_some()
        })
        .map(|fault| format!("{fault:?} by {}", found_by(fault)))
        .collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// The gaps that cost real guests, found by whoever asks for them: what the list argued about in
/// 2011, a nested description whose version nobody bumped, a look-ahead on a socket.
#[test]
fn a_strict_run_finds_the_known_gaps() {
    let target = target("subsection_decode").expect("a target");
    for cause in [Cause::OneByteRule, Cause::ForgottenNestedBump, Cause::SingleRefill] {
        let found = smoke(target, 1, 20_000, Strict::Only(cause)).expect_err(cause.name());
        assert!(found.0.contains(&format!("misparsed: {}", cause.name())), "{found}");
        assert!(found.0.contains("first difference at"), "{found}");
    }
}
