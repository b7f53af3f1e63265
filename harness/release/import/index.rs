//! `streams/index.json`: what the streams of the input are.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::read::{ImportError, check_release, parse};
use crate::release::provenance::{Fixture, Origin, machine_scenario};

/// Where the index lies in the input.
pub(super) const PATH: &str = "streams/index.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    scenarios: BTreeMap<String, IndexScenario>,
    common_arguments: Vec<String>,
    streams: Vec<IndexStream>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexScenario {
    guest: String,
    arguments: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexStream {
    release: String,
    binary: String,
    machine: String,
    scenario: String,
    file: String,
    size: u64,
    sha256: String,
}

/// The fixtures that the index lists. The packed stream of each is in the input under
/// `streams/`, by its path in the corpus.
pub(super) fn fixtures(json: &str) -> Result<Vec<Fixture>, ImportError> {
    let index: Index = parse(PATH, json)?;
    index
        .streams
        .iter()
        .enumerate()
        .map(|(number, stream)| fixture(&index, number, stream))
        .collect()
}

fn fixture(index: &Index, number: usize, stream: &IndexStream) -> Result<Fixture, ImportError> {
    let path = || format!("{PATH}, stream {number}");
    check_release(&path(), &stream.release)?;
    let stem = format!("{}.{}", stream.machine, stream.scenario);
    if machine_scenario(&stem) != Some((&stream.machine, &stream.scenario)) {
        let what = "<machine>.<scenario> in a file name";
        return Err(ImportError::Name { path: path(), what, found: stem });
    }
    let about = index
        .scenarios
        .get(&stream.scenario)
        .ok_or_else(|| ImportError::Scenario { path: path(), scenario: stream.scenario.clone() })?;
    let fixture = Fixture {
        release: stream.release.clone(),
        machine: stream.machine.clone(),
        scenario: stream.scenario.clone(),
        binary: stream.binary.clone(),
        guest: about.guest.clone(),
        common_arguments: index.common_arguments.clone(),
        arguments: about.arguments.clone(),
        size: stream.size,
        sha256: stream.sha256.clone(),
        origin: Origin::Captured,
    };
    let expected = format!("streams/{}", fixture.stream_path());
    if stream.file != expected {
        let found = stream.file.clone();
        return Err(ImportError::StreamFile { path: path(), expected, found });
    }
    Ok(fixture)
}
