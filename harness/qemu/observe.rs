//! Outcomes of real loads as observations of the corpus: `corpus/observed/<machine>.<scenario>.json`.

use std::collections::BTreeMap;
use std::path::Path;

use super::QemuError;
use super::verify::Verified;
use crate::release::corpus::Corpus;
use crate::release::json;
use crate::release::locked::LockedFolder;
use crate::release::observed::{Observed, ObservedCell, ObservedVerdict, Outcome};
use crate::wire::Feed;

/// Machine type and scenario, or source and destination.
type Two<'n> = (&'n str, &'n str);

/// The two outcomes of one pair, as far as they are known.
#[derive(Default)]
struct Pair {
    size: u64,
    bulk: Option<Outcome>,
    trickle8: Option<Outcome>,
}

/// Observations of loads that were made under both feeds of the record, by file. One that did not
/// end, or never began, is none: it may be the machine's fault, and what is on record stays.
#[must_use]
pub fn observations(verified: &[Verified]) -> Vec<Observed> {
    let mut groups: BTreeMap<Two<'_>, BTreeMap<Two<'_>, Pair>> = BTreeMap::new();
    for one in verified.iter().filter(|one| one.compared.change.is_none()) {
        let of = &one.compared;
        let group = groups.entry((&of.machine, &of.scenario)).or_default();
        let pair = group.entry((&of.source, &of.destination)).or_default();
        let outcome = one.real.outcome(&of.feed);
        pair.size = one.size;
        match of.feed {
            Feed::Bulk => pair.bulk = Some(outcome),
            Feed::Trickle(8) => pair.trickle8 = Some(outcome),
            _ => {}
        }
    }
    groups
        .into_iter()
        .map(|((machine, scenario), pairs)| Observed {
            machine: machine.to_owned(),
            scenario: scenario.to_owned(),
            cells: pairs.into_iter().filter_map(cell).collect(),
        })
        .collect()
}

fn cell(((source, destination), pair): (Two<'_>, Pair)) -> Option<ObservedCell> {
    let ended = |o: &Outcome| {
        o.verdict != ObservedVerdict::Hang && o.consumed.or(o.consumed_at_least).is_some()
    };
    if ![&pair.bulk, &pair.trickle8].into_iter().flatten().all(ended) {
        return None;
    }
    Some(ObservedCell {
        source: source.to_owned(),
        destination: destination.to_owned(),
        size: pair.size,
        bulk: pair.bulk?,
        trickle8: pair.trickle8?,
        // Lengths are on record for states that are kept; these are not.
        saved_again: None,
    })
}

/// What recording came to.
#[derive(Debug, Default)]
pub struct RecordedOutcomes {
    /// Files that were written, as paths in the corpus.
    pub written: Vec<String>,
    /// Pairs that were on record already with the same outcome.
    pub same: usize,
    /// Pairs that are on record with another verdict or another place: nothing of them is changed.
    pub contradicted: Vec<String>,
}

/// Adds observations to a corpus. What is on record stays; only new pairs are added.
///
/// # Errors
/// A corpus that cannot be read or written.
pub fn record(folder: &Path, new: Vec<Observed>) -> Result<RecordedOutcomes, QemuError> {
    let locked = LockedFolder::lock(folder, "observe")?;
    let known = Corpus::open(folder)?.observed()?;
    let mut changes = Vec::new();
    let mut recorded = RecordedOutcomes::default();
    for group in new {
        let old =
            known.iter().find(|o| (&o.machine, &o.scenario) == (&group.machine, &group.scenario));
        let mut all =
            old.cloned().unwrap_or_else(|| Observed { cells: Vec::new(), ..group.clone() });
        let before = all.cells.len();
        for cell in group.cells {
            let pair = (&cell.source, &cell.destination);
            match all.cells.iter().find(|c| (&c.source, &c.destination) == pair) {
                None => all.cells.push(cell),
                Some(was) if same_outcome(was, &cell) => recorded.same += 1,
                Some(was) => recorded.contradicted.push(format!(
                    "{}.{}: {} into {}: on record {}, now {}",
                    group.machine,
                    group.scenario,
                    was.source,
                    was.destination,
                    summary(was),
                    summary(&cell)
                )),
            }
        }
        if all.cells.len() == before {
            continue;
        }
        let path = format!("observed/{}.{}.json", all.machine, all.scenario);
        let text = json::layout(&all).map_err(|e| QemuError::files(std::io::Error::other(e)))?;
        changes.push((path.into(), text.into_bytes()));
    }
    let written = locked.change(&changes)?;
    recorded.written = written.iter().map(|path| path.display().to_string()).collect();
    Ok(recorded)
}

fn summary(cell: &ObservedCell) -> String {
    let Outcome { verdict, consumed, .. } = &cell.trickle8;
    let at = consumed.map_or("an unknown byte".to_owned(), |n| format!("byte {n}"));
    format!("{verdict:?} at {at} of {}, in bulk {:?}", cell.size, cell.bulk.verdict)
}

/// Whether two observations tell the same; what was printed beside the refusal may differ.
fn same_outcome(was: &ObservedCell, now: &ObservedCell) -> bool {
    let place = |o: &Outcome| o.consumed.unwrap_or(0) / 8;
    was.size == now.size
        && was.bulk.verdict == now.bulk.verdict
        && was.trickle8.verdict == now.trickle8.verdict
        && place(&was.trickle8).abs_diff(place(&now.trickle8)) <= 1
}
