//! The report for programs: `crossload --format json`.
//!
//! One object. Offsets and sizes are bytes from the start of the stream. Keys that may be missing
//! are marked with `?`; keys may be added without a new `version`, none is renamed or removed.
//!
//! | key | holds |
//! | --- | --- |
//! | `version` | 1 |
//! | `feed` | how the bytes arrived: `bulk`, `trickle:N`, ... |
//! | `holds` | whether the policy holds |
//! | `summary` | number of cells by verdict |
//! | `releases`, `machines`, `scenarios` | names in order |
//! | `cells` | one object a cell, see below |
//! | `known` | the known entries that some cell refers to: `index`, `reason`, `reference` |
//! | `stale` | known entries that name no cell any more, likewise |
//! | `problems` | fixtures that their own release does not load, in sentences |
//!
//! A cell:
//!
//! | key | holds |
//! | --- | --- |
//! | `source`, `destination`, `machine`, `scenario` | names |
//! | `direction` | `same release`, `older to newer` or `newer to older` |
//! | `verdict` | a verdict, or `panicked` |
//! | `standing` | `good`, `reported`, `known` or `broken` |
//! | `known`? | index of the known entry |
//! | `sentence` | why, for a person |
//! | `size`?, `stopped`? | length of the stream, and the first byte that was not read |
//! | `error`? | `class`, `message`, `offset`, `section`?, `path`? of the refusal |
//! | `difference`? | `offset` of the first byte that was read wrongly, `written`? and `read`? there |
//! | `false_end`? | the same for a byte that was taken for the end of the stream |
//! | `defaults` | optional state that kept its defaults |
//! | `instead`? | where the destination has the machine type by another name only, as `matrix.toml` says: `machine`, that name; `differs`, what is said to differ all the same; `renamed`?, the verdict on the stream with that name in it |
//!
//! `written` and `read` have `offset`, `len`, `path` and `info` (the codec) of the item.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::matrix::sentence::sentence;
use crate::matrix::{CellResult, Config, Instead, Outcome, Run, Standing};
use crate::trace::compare::Item;
use crate::trace::{Difference, Verdict};
use crate::wire::Error;

/// Version of the shape.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Report<'r> {
    version: u32,
    feed: String,
    holds: bool,
    summary: BTreeMap<&'static str, usize>,
    releases: Vec<&'r str>,
    machines: Vec<&'r str>,
    scenarios: Vec<&'r str>,
    cells: Vec<Cell<'r>>,
    known: Vec<Known<'r>>,
    stale: Vec<Known<'r>>,
    problems: &'r [String],
}

#[derive(Serialize)]
struct Cell<'r> {
    source: &'r str,
    destination: &'r str,
    machine: &'r str,
    scenario: &'r str,
    direction: &'static str,
    verdict: &'static str,
    standing: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<usize>,
    sentence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<JsonDifference<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    false_end: Option<JsonDifference<'r>>,
    defaults: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<Other<'r>>,
}

#[derive(Serialize)]
struct Other<'r> {
    machine: &'r str,
    differs: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed: Option<&'static str>,
}

#[derive(Serialize)]
struct Refusal<'r> {
    class: &'static str,
    message: String,
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'r str>,
}

#[derive(Serialize)]
struct JsonDifference<'r> {
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<Span<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<Span<'r>>,
}

#[derive(Serialize)]
struct Span<'r> {
    offset: u64,
    len: u64,
    path: &'r str,
    info: &'r str,
}

#[derive(Serialize)]
struct Known<'r> {
    index: usize,
    reason: &'r str,
    reference: &'r str,
}

/// The report as JSON, indented, with a line break at its end.
///
/// # Errors
/// None that this shape can have; the serializer's.
pub fn json(config: &Config, run: &Run, cells: &[CellResult]) -> Result<String, serde_json::Error> {
    let mut summary = BTreeMap::new();
    for cell in cells {
        *summary.entry(cell.outcome.name()).or_default() += 1;
    }
    let used: BTreeSet<usize> = cells.iter().filter_map(|c| index(c.standing)).collect();
    let report = Report {
        version: VERSION,
        feed: run.feed.to_string(),
        holds: run.holds(),
        summary,
        releases: config.releases.iter().map(|r| r.name.as_str()).collect(),
        machines: config.machines.iter().map(|m| m.name.as_str()).collect(),
        scenarios: config.scenarios.iter().map(|s| s.name.as_str()).collect(),
        cells: cells.iter().map(cell).collect(),
        known: used.iter().filter_map(|index| known(config, *index)).collect(),
        stale: run.stale.iter().filter_map(|index| known(config, *index)).collect(),
        problems: &run.problems,
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

fn index(standing: Standing) -> Option<usize> {
    match standing {
        Standing::Known(index) => Some(index),
        _ => None,
    }
}

fn known(config: &Config, index: usize) -> Option<Known<'_>> {
    let known = config.known.get(index)?;
    Some(Known { index, reason: &known.reason, reference: &known.reference })
}

fn cell(result: &CellResult) -> Cell<'_> {
    let judged = match &result.outcome {
        Outcome::Judged(judged) => Some(judged),
        _ => None,
    };
    Cell {
        source: &result.cell.source,
        destination: &result.cell.destination,
        machine: &result.cell.machine,
        scenario: &result.cell.scenario,
        direction: result.direction.name(),
        verdict: result.outcome.name(),
        standing: result.standing.name(),
        known: index(result.standing),
        sentence: sentence(&result.outcome, &result.cell.source),
        size: judged.map(|j| j.size),
        stopped: judged.map(|j| j.stopped),
        error: judged.and_then(|j| j.error.as_deref()).map(refusal),
        difference: judged.and_then(|j| j.difference.as_ref()).map(json_difference),
        false_end: judged.and_then(|j| j.false_end.as_ref()).map(json_difference),
        defaults: judged.map_or(&[], |j| &j.defaults),
        instead: result.instead.as_ref().map(other),
    }
}

fn other(instead: &Instead) -> Other<'_> {
    let Instead { machine, differs, renamed } = instead;
    Other { machine, differs, renamed: renamed.map(Verdict::name) }
}

fn refusal(error: &Error) -> Refusal<'_> {
    Refusal {
        class: error.kind.class(),
        message: error.kind.to_string(),
        offset: error.offset,
        section: error.section.as_deref(),
        path: Some(error.path.as_str()).filter(|path| !path.is_empty()),
    }
}

fn json_difference(difference: &Difference) -> JsonDifference<'_> {
    JsonDifference {
        offset: difference.offset,
        written: difference.written.as_ref().map(item),
        read: difference.read.as_ref().map(item),
    }
}

fn item(item: &Item) -> Span<'_> {
    Span { offset: item.offset, len: item.len, path: &item.path, info: &item.info }
}
