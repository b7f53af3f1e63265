//! How often a change was detected, and how late: by field, section, rules and machine type.

use super::base::{Base, Rule};
use super::change::{Change, Edit, Family, places};
use super::outcome::{self, Class, Outcome};
use crate::stream::{Body, Section, load};
use crate::wire::Feed;

/// Counts by family and class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [[u64; Class::ALL.len()]; Family::ALL.len()],
    /// Of those never detected: so many because a zero byte was taken for the end of the stream.
    pub false_ends: u64,
    /// The farthest that a reader went on before it refused in a later section.
    pub latest: Latest,
}

/// A distance between a change and its detection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Latest {
    /// Sections that were begun in between.
    pub sections: usize,
    /// Bytes in between.
    pub bytes: u64,
    /// Fields that got something else than was sent.
    pub fields: usize,
}

impl Tally {
    /// Counts one outcome.
    pub fn add(&mut self, family: Family, outcome: &Outcome) {
        if let Some(count) =
            self.counts.get_mut(family as usize).and_then(|row| row.get_mut(outcome.class as usize))
        {
            *count += 1;
        }
        let false_end = matches!(outcome.cause, outcome::Cause::FalseEnd { .. });
        self.false_ends += u64::from(outcome.class == Class::Never && false_end);
        if outcome.class == Class::Later {
            let Outcome { bytes, fields, sections, .. } = *outcome;
            self.latest = self.latest.max(Latest { sections, bytes, fields });
        }
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Tally) {
        for (row, more) in self.counts.iter_mut().zip(&other.counts) {
            row.iter_mut().zip(more).for_each(|(count, n)| *count += n);
        }
        self.false_ends += other.false_ends;
        self.latest = self.latest.max(other.latest);
    }

    /// How often a class, in one family or in all.
    #[must_use]
    pub fn count(&self, family: Option<Family>, class: Class) -> u64 {
        let rows = self.counts.iter().enumerate();
        rows.filter(|(f, _)| family.is_none_or(|family| family as usize == *f))
            .filter_map(|(_, row)| row.get(class as usize))
            .sum()
    }

    /// How many changes, in one family or in all.
    #[must_use]
    pub fn total(&self, family: Option<Family>) -> u64 {
        Class::ALL.iter().map(|class| self.count(family, *class)).sum()
    }
}

/// The counts of one field.
#[derive(Debug, Clone)]
pub struct FieldTally {
    /// Name of the section.
    pub section: String,
    /// Path of the field, which begins with the device.
    pub path: String,
    /// The counts.
    pub tally: Tally,
}

/// A change that was never detected.
#[derive(Debug, Clone)]
pub struct Example {
    /// Name of the section.
    pub section: String,
    /// Path of the field.
    pub path: String,
    /// What was done.
    pub change: Change,
    /// What became of it.
    pub outcome: Outcome,
}

/// The outcome of the experiment on one fixture under one rule.
#[derive(Debug, Clone)]
pub struct Drift {
    /// Release, machine type and scenario.
    pub fixture: String,
    /// The rules.
    pub rule: Rule,
    /// Whether these are the rules that the release has for this machine type.
    pub own: bool,
    /// Counts, by field in stream order.
    pub fields: Vec<FieldTally>,
    /// Of each section and family the change that was missed with the most harm.
    pub missed: Vec<Example>,
}

impl Drift {
    /// The counts of all fields.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.fields.iter().for_each(|f| total.merge(&f.tally));
        total
    }
}

/// One change with its verdict: what a replay on a real binary is compared with.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name of the section.
    pub section: String,
    /// Path of the field.
    pub path: String,
    /// The change.
    pub edit: Edit,
    /// The model's verdict.
    pub outcome: Outcome,
}

/// Makes every `step`th change of a fixture under a rule, and judges it; `done` is called after each.
#[must_use]
pub fn drift(base: &Base, step: usize, done: &dyn Fn()) -> Drift {
    let mut drift = Drift {
        fixture: base.fixture.clone(),
        rule: base.rule,
        own: base.own,
        fields: Vec::new(),
        missed: Vec::new(),
    };
    each(base, step, |case| {
        done();
        let family = case.edit.change.family();
        let path_is_last =
            drift.fields.last().is_some_and(|f| f.path == case.path && f.section == case.section);
        if !path_is_last {
            let (section, path) = (case.section.clone(), case.path.clone());
            drift.fields.push(FieldTally { section, path, tally: Tally::default() });
        }
        if let Some(field) = drift.fields.last_mut() {
            field.tally.add(family, &case.outcome);
        }
        if case.outcome.class == Class::Never {
            remember(&mut drift.missed, case);
        }
    });
    drift
}

/// Keeps, of each section and family, the example with the most harm: state that was never read,
/// then state that was read as something else.
fn remember(missed: &mut Vec<Example>, case: Case) {
    let family = case.edit.change.family();
    let example = Example {
        section: case.section,
        path: case.path,
        change: case.edit.change,
        outcome: case.outcome,
    };
    match missed.iter_mut().find(|e| e.section == example.section && e.change.family() == family) {
        Some(known) if harm(&known.outcome) >= harm(&example.outcome) => {}
        Some(known) => *known = example,
        None => missed.push(example),
    }
}

/// Bytes that are wrong in the end.
#[must_use]
pub fn harm(outcome: &Outcome) -> u64 {
    match outcome.cause {
        outcome::Cause::FalseEnd { bytes, .. } => bytes.saturating_add(outcome.bytes),
        _ => outcome.bytes,
    }
}

/// Every `step`th change of a fixture under a rule, with its verdict. The bytes of a case are [`Edit::bytes`] of the base's
/// stream.
#[must_use]
pub fn cases(base: &Base, step: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    each(base, step, |case| cases.push(case));
    cases
}

/// How many changes of a fixture there are.
#[must_use]
pub fn count(base: &Base) -> usize {
    each(base, usize::MAX, |_| ())
}

/// Calls `with` for every `step`th change of every field of every device section, in stream order.
/// Only those are loaded. Returns the number of all.
fn each(base: &Base, step: usize, mut with: impl FnMut(Case)) -> usize {
    let unchanged = base.loaded();
    let mut count: usize = 0;
    for (index, section) in unchanged.sections.iter().enumerate() {
        let Some(handler) = base.to.handlers.get(section.handler) else { continue };
        if handler.body.is_records() || matches!(handler.body, Body::Unknown(_)) {
            continue;
        }
        for place in places(&unchanged, section) {
            let path = unchanged.map.path(place.span);
            for edit in place.edits(&base.stream) {
                if count.is_multiple_of(step.max(1)) {
                    let read = load(&base.to, &mut edit.reader(&base.stream), &Feed::Bulk);
                    let outcome = outcome::outcome(&unchanged, index, &edit, &read);
                    with(Case { section: name(section), path: path.clone(), edit, outcome });
                }
                count += 1;
            }
        }
    }
    count
}

/// Name of a section as received, with its instance where that is not the first.
fn name(section: &Section) -> String {
    let idstr = String::from_utf8_lossy(&section.idstr).into_owned();
    if section.instance_id == 0 { idstr } else { format!("{idstr}#{}", section.instance_id) }
}
