//! Planted faults: the oracles that guard the engine must report each of them, and must report
//! nothing where none is planted.
//!
//! The oracles are those of the integration tests, over a part of the corpus: agreement with
//! observed loads and changed streams, and fixtures that load into their own release to the last
//! byte and say of themselves what the map says. They run in a pool of one thread, as a fault is
//! planted in its thread.

use rayon::prelude::*;

use super::agreement::agreement;
use super::observed::ObservedVerdict;
use crate::release::corpus::Corpus;
use crate::release::library::Library;
use crate::stream::vmdescription::{locate, parse};
use crate::trace::{Meaning, description};
use crate::wire::fault::{Fault, plant};

/// Observed loads and fixtures of these machine types and scenarios are looked at.
const PART: [(&str, &str); 3] =
    [("pc-0.12", "idle"), ("pc-1.0", "legacy"), ("pc-i440fx-2.4", "legacy")];
/// Changed streams of these are.
const CHANGED: [(&str, &str); 4] = [
    ("pc-0.12", "idle"),
    ("pc-0.12", "legacy"),
    ("pc-i440fx-2.4", "legacy"),
    ("pc-i440fx-5.2", "virtio"),
];

/// What the oracles report: nothing, if the engine does what real binaries do.
fn reports() -> Vec<String> {
    let library = Library::open(Corpus::embedded().expect("corpus")).expect("library");
    let part = |machine: &str, scenario: &str| PART.contains(&(machine, scenario));
    let mut observed = library.corpus().observed().expect("observed");
    observed.retain(|o| part(&o.machine, &o.scenario));
    let mut mutations = library.corpus().mutations().expect("mutations");
    mutations.retain(|m| CHANGED.contains(&(m.machine.as_str(), m.scenario.as_str())));
    // A binary that never came back: the model has no such outcome.
    mutations.retain(|m| m.bulk.verdict != ObservedVerdict::Hang);
    let outcome = agreement(&library, &observed, &mutations).expect("agreement");
    let loads = outcome.cells.iter().chain(&outcome.changed);
    let mut reports: Vec<String> = loads.filter_map(|c| c.disagreement.clone()).collect();
    for fixture in library.fixtures().iter().filter(|f| part(&f.machine, &f.scenario)) {
        let own = library.destination(&fixture.release, &fixture.machine, &fixture.scenario);
        let (own, stream) = (own.expect("tables"), library.corpus().stream(fixture));
        let (own, stream) = (own.expect("a destination"), stream.expect("stream"));
        let meaning = match Meaning::of(&own, &stream) {
            Ok(meaning) => meaning,
            Err(e) => {
                reports.push(format!("{}: {e}", fixture.id()));
                continue;
            }
        };
        if let Some((from, len)) = locate(&stream) {
            let described = parse(&stream[from..from + len]).expect("description");
            reports.extend(description::differences(&described, &meaning.loaded));
        }
    }
    reports
}

/// Runs the oracles in one thread, with a fault or without.
fn with(fault: Option<Fault>) -> Vec<String> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    pool.install(|| {
        let _planted = fault.map(plant);
        reports()
    })
}

#[test]
fn without_a_fault_nothing_is_reported() {
    let reports = with(None);
    assert!(reports.is_empty(), "{}", reports.join("\n"));
}

#[test]
fn each_fault_is_reported() {
    let unnoticed: Vec<Fault> =
        Fault::ALL.into_par_iter().filter(|fault| with(Some(*fault)).is_empty()).collect();
    assert!(unnoticed.is_empty(), "nothing notices {unnoticed:?}");
}
