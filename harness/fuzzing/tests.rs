//! The targets on a stable toolchain: smoke runs, regressions, planted faults.

use std::collections::BTreeSet;
use std::path::Path;

use super::ambiguity::Cause;
use super::generate::{Feature, Features};
use super::{TARGETS, Target, counters::Counts, smoke::smoke, target};
use crate::trace::Verdict;
use crate::wire::fault::{Fault, plant};

fn run(name: &str, executions: u64) -> Counts {
    let target = target(name).expect("a target");
    match smoke(target, 1, executions) {
        Ok(counts) => counts,
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn every_target_does_work() {
    for Target { name, .. } in TARGETS {
        let counts = run(name, 500);
        assert_eq!(counts.executions, 500, "{name}");
        assert!(counts.cases > 0, "{name} did no work");
    }
}

#[test]
fn generators_make_everything_and_see_every_verdict() {
    let counts = run("subsection_decode", 40_000);
    let all = Feature::Description as u8;
    let missing: Vec<u8> = (0..=all).filter(|bit| counts.features.0 & 1 << bit == 0).collect();
    assert!(missing.is_empty(), "features never made: {missing:?}");
    assert!(counts.features.has(Feature::SpelledRecord));
    assert_eq!(Features::default().0, 0);
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

#[test]
fn regressions_stay_fixed_and_each_has_its_cause() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/regressions");
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
            let bytes = std::fs::read(&file).expect("input");
            if let Err(failure) = (target.run)(&bytes, &mut Counts::default()) {
                panic!("{}: {failure}", file.display());
            }
        }
    }
}

/// Which target finds which planted fault, and within how many executions of the smoke sequence.
#[test]
fn planted_faults_are_found() {
    let found_by = [
        (Fault::OneByteRule, "subsection_decode"),
        (Fault::FooterUnchecked, "section_decode"),
        (Fault::NestedVersionFromWire, "subsection_decode"),
        (Fault::LookAheadOnce, "feed_independence"),
        (Fault::LookAheadFull, "subsection_decode"),
        (Fault::EndInsideSection, "section_decode"),
        (Fault::SectionVersionUnchecked, "subsection_decode"),
        (Fault::SubsectionVersionUnchecked, "subsection_decode"),
        (Fault::CountOffByOne, "subsection_decode"),
    ];
    let missed: Vec<String> = found_by
        .into_iter()
        .filter(|(fault, name)| {
            let _planted = plant(*fault);
            smoke(target(name).expect("a target"), 1, 5000).is_ok()
        })
        .map(|(fault, name)| format!("{fault:?} by {name}"))
        .collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
