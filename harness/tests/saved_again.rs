//! What a destination had in memory after it accepted a stream, compared with what the model read.
//!
//! Real destinations saved their state again at once, still paused. Each value that the model's
//! reading of the first stream holds must be in the second, or `corpus/recomputed.toml` must say
//! why not. Where the second stream has state that the first lacks, the verdict must have named it
//! as a default, or the table must.

use std::collections::BTreeSet;

use crossload::release::corpus::SavedAgain;
use crossload::stream::{Loaded, load};
use crossload::trace::recomputed::{Table, is_default};
use crossload::trace::values::{changes, values};
use crossload::trace::{Meaning, judge};
use crossload::wire::{Feed, Kind};
use rayon::prelude::*;

use crate::support::{into, library, own, stream};

/// What came of one stream that was saved again.
#[derive(Default)]
struct Outcome {
    /// Values that are the same in both.
    same: usize,
    /// Entries of the table that were needed.
    used: BTreeSet<usize>,
    /// The stream is not whole: index of the entry that says so.
    cut: Option<usize>,
    /// Differences that nothing explains, in words.
    unexplained: Vec<String>,
}

#[test]
fn destinations_held_what_the_model_read() {
    let text = library().corpus().text("recomputed.toml").expect("corpus").expect("the table");
    let table = Table::parse(&text).expect("recomputed.toml");
    let saved = library().corpus().saved_again();
    assert!(saved.len() > 300, "{} streams", saved.len());
    let outcomes: Vec<Outcome> = saved.par_iter().map(|one| compare(one, &table)).collect();

    let unexplained: Vec<&String> = outcomes.iter().flat_map(|o| &o.unexplained).collect();
    assert!(unexplained.is_empty(), "{}: {unexplained:#?}", unexplained.len());
    let unused = |used: BTreeSet<usize>, all: usize| (0..all).find(|i| !used.contains(i));
    let live = (0..).zip(&table.recomputed).filter(|(_, entry)| entry.live).map(|(i, _)| i);
    let used = outcomes.iter().flat_map(|o| &o.used).copied().chain(live).collect();
    if let Some(i) = unused(used, table.recomputed.len()) {
        panic!("nothing needs {:?}", table.recomputed[i]);
    }
    let cut = outcomes.iter().filter_map(|o| o.cut).collect();
    if let Some(i) = unused(cut, table.cut.len()) {
        panic!("nothing needs {:?}", table.cut[i]);
    }
    let same: usize = outcomes.iter().map(|o| o.same).sum();
    assert!(same > 1_000_000, "{same} values are the same");
}

fn compare(saved: &SavedAgain, table: &Table) -> Outcome {
    let SavedAgain { machine, scenario, source, destination } = saved;
    let fixture = library().fixture(source, machine, scenario).expect("the first stream");
    let (first, from) = (stream(fixture), own(fixture));
    let second = library().corpus().saved_again_stream(saved).expect("the second stream");
    let to = into(fixture, destination).expect("the destination");
    let reading = load(&to, &mut &first[..], &Feed::Bulk);
    let again = load(&to, &mut &second[..], &Feed::Bulk);
    let mut outcome = Outcome::default();
    if let Some(cut) = cut(&again) {
        let named = |c: &crossload::trace::recomputed::Cut| {
            [&c.destination, &c.machine, &c.scenario] == [destination, machine, scenario]
        };
        outcome.cut = table.cut.iter().position(named);
        if outcome.cut.is_none() {
            outcome.unexplained.push(format!("{}: {cut}", saved.path()));
        }
        return outcome;
    }
    if let Some(error) = reading.refused.as_ref().or(again.refused.as_ref()) {
        outcome.unexplained.push(format!("{}: {error}", saved.path()));
        return outcome;
    }
    let meaning = Meaning::of(&from, &first).expect("a fixture");
    let judged = judge(&meaning, &first, &to, &Feed::Bulk);
    let (before, after) = (values(&reading.map, &first), values(&again.map, &second));
    let changes = changes(&before, &after);
    outcome.same = before.len() - changes.iter().filter(|c| c.before.is_some()).count();
    for change in &changes {
        if is_default(change, &judged, &to) {
            continue;
        }
        match table.explains(change, from.version, to.version) {
            Some(entry) if !table.recomputed[entry].live => drop(outcome.used.insert(entry)),
            _ => outcome.unexplained.push(format!("{}: {change:?}", saved.path())),
        }
    }
    outcome
}

/// Why a stream is not whole: it ends among the pages of RAM, before any device.
fn cut(again: &Loaded<'_>) -> Option<String> {
    let error = again.refused.as_ref()?;
    let in_ram = error.section.as_deref() == Some("ram");
    (in_ram && matches!(error.kind, Kind::EndOfInput { .. })).then(|| error.to_string())
}
