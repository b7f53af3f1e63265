//! A run that keeps, for each cell in which reading and meaning differ, both of them around that place.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::matrix::run::run_with;
use crate::matrix::{Cell, Config, Plan, Run};
use crate::release::library::{Library, LibraryError};
use crate::report::side_by_side::{Limits, Row, places, rows};
use crate::stream::load;
use crate::trace::judge_outline;
use crate::wire::Feed;

/// How much a page shows of what is long.
const LIMITS: Limits = Limits { bytes: 16, name: 120 };

/// By cell: rows around each place that is worth a look.
pub type Readings = BTreeMap<Cell, Vec<Vec<Row>>>;

/// Runs a plan.
///
/// # Errors
/// A corpus whose tables or fixtures cannot be used.
pub fn run(
    library: &Library,
    config: &Config,
    plan: &Plan,
    feed: &Feed,
) -> Result<(Run, Readings), LibraryError> {
    let readings = Mutex::new(Readings::new());
    let run = run_with(library, config, plan, feed, &|source, to, feed| {
        let judged = judge_outline(source, to, feed);
        let at = places(&judged);
        if !at.is_empty() {
            let (meaning, stream) = (source.meaning(), source.stream());
            let reading = load(to, &mut &stream[..], feed);
            let written = &meaning.loaded.map;
            let shown = at.iter().map(|at| rows(written, &reading, stream, *at, LIMITS)).collect();
            let cell = Cell {
                source: meaning.source.release.clone(),
                destination: to.release.clone(),
                machine: meaning.source.machine.clone(),
                scenario: meaning.source.scenario.clone(),
            };
            // A machine type by its other name is loaded again with its own: the first load counts.
            let mut all = readings.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(cell).or_insert(shown);
        }
        judged
    })?;
    Ok((run, readings.into_inner().unwrap_or_else(PoisonError::into_inner)))
}
