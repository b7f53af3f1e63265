//! The tables and the sentences of the drift experiment.

use std::fmt::Write as _;

use super::base::Rule;
use super::change::Family;
use super::outcome::{Cause, Class};
use super::tally::{Drift, Example, Tally, harm};

/// The summary: shares per rule, per machine type, per family, and the worst places.
#[must_use]
pub fn summary(drifts: &[Drift]) -> String {
    let mut text = String::new();
    let total: u64 = drifts.iter().map(|d| d.total().total(None)).sum();
    let _ = writeln!(text, "{total} changed streams\n");
    text += "Shares by framing rules (every fixture that loads under them)\n\n";
    let rules = Rule::ALL
        .into_iter()
        .map(|rule| (rule.name().to_string(), sum(drifts.iter().filter(|d| d.rule == rule))));
    shares(&mut text, rules, None);
    text += "\nOf those never detected: because a zero byte is taken for the end of the stream\n\n";
    for rule in Rule::ALL {
        let tally = sum(drifts.iter().filter(|d| d.rule == rule));
        let never = tally.count(None, Class::Never);
        let _ = writeln!(text, "{:<38}{:>13}", rule.name(), share(tally.false_ends, never));
    }
    text += "\nShares by fixture, under the rules that the release has for its machine type\n\n";
    let own = drifts.iter().filter(|d| d.own).map(|d| (d.fixture.clone(), d.total()));
    shares(&mut text, own, None);
    text += "\nThe same fixtures with footers put in, or left out\n\n";
    let other = drifts.iter().filter(|d| !d.own && is_own_but_footers(d, drifts)).map(|d| {
        let name = if d.rule.footers { "with" } else { "without" };
        (format!("{} {name}", d.fixture), d.total())
    });
    shares(&mut text, other, None);
    text +=
        "\nShares by kind of change, under the releases' own rules without and with footers\n\n";
    for footers in [false, true] {
        let own = sum(drifts.iter().filter(|d| d.own && d.rule.footers == footers));
        let rows = Family::ALL.into_iter().map(|family| {
            let name = if footers { "footers" } else { "none" };
            (format!("{name}: {}", family.name()), own, Some(family))
        });
        for (name, tally, family) in rows {
            shares(&mut text, std::iter::once((name, tally)), family);
        }
    }
    text += "\nWorst places under the releases' own rules\n\n";
    for sentence in worst(drifts) {
        let _ = writeln!(text, "- {sentence}");
    }
    text
}

fn is_own_but_footers(drift: &Drift, all: &[Drift]) -> bool {
    all.iter().any(|d| {
        d.own && d.fixture == drift.fixture && d.rule.subsections == drift.rule.subsections
    })
}

fn sum<'d>(drifts: impl Iterator<Item = &'d Drift>) -> Tally {
    let mut sum = Tally::default();
    drifts.for_each(|d| sum.merge(&d.total()));
    sum
}

/// A table of shares in per cent, one row each, of one family or of all.
fn shares(text: &mut String, rows: impl Iterator<Item = (String, Tally)>, family: Option<Family>) {
    if family.is_none() || family == Some(Family::InsertOne) {
        let _ = write!(text, "{:<38}{:>9}", "", "changes");
        for class in Class::ALL {
            let _ = write!(text, "{:>13}", class.name());
        }
        text.push('\n');
    }
    for (name, tally) in rows {
        let total = tally.total(family);
        let _ = write!(text, "{name:<38}{total:>9}");
        for class in Class::ALL {
            let share = share(tally.count(family, class), total);
            let _ = write!(text, "{share:>13}");
        }
        text.push('\n');
    }
}

/// A share with three digits behind the point, as `never` is small and what matters; `-` for
/// none at all.
fn share(count: u64, total: u64) -> String {
    if count == 0 || total == 0 {
        return "-".to_string();
    }
    let thousandths = (count * 100_000 + total / 2) / total;
    format!("{}.{:03}%", thousandths / 1000, thousandths % 1000)
}

/// For each set of framing rules that some release has, and each kind of change: the change that
/// does most harm and is never detected.
#[must_use]
pub fn worst(drifts: &[Drift]) -> Vec<String> {
    let mut sentences = Vec::new();
    for rule in Rule::ALL {
        for family in Family::ALL {
            let own = drifts.iter().filter(|d| d.own && d.rule == rule);
            let missed = own.flat_map(|d| d.missed.iter().map(move |e| (d, e)));
            let of_family = missed.filter(|(_, e)| e.change.family() == family);
            // The first of several that do the same harm.
            let worst = of_family.reduce(|best, next| {
                if harm(&next.1.outcome) > harm(&best.1.outcome) { next } else { best }
            });
            sentences.extend(worst.map(|(drift, example)| sentence(drift, example)));
        }
    }
    sentences
}

/// Every section's worst missed change of each kind, as sentences.
#[must_use]
pub fn missed(drift: &Drift) -> String {
    drift.missed.iter().map(|e| format!("- {}\n", sentence(drift, e))).collect()
}

/// A missed change as a sentence.
#[must_use]
pub fn sentence(drift: &Drift, example: &Example) -> String {
    let Example { path, change, outcome, .. } = example;
    let because = match outcome.cause {
        Cause::FalseEnd { bytes, sections } => format!(
            "the reader meets a zero byte where it looks for a record and takes it for the end of the stream: \
             {bytes} bytes of state in {sections} sections are never read"
        ),
        Cause::End => format!(
            "the reader is back in step before anything is checked: {} fields ({} bytes) are read as something else",
            outcome.fields, outcome.bytes
        ),
        Cause::Refused(class) => format!("it is refused only by {class}"),
    };
    format!(
        "{}, {}: {change} `{path}` is never detected, because {because}.",
        drift.fixture,
        drift.rule.name()
    )
}

/// Sections of one drift: counts in all classes.
#[must_use]
pub fn sections(drift: &Drift) -> String {
    let mut by: Vec<(String, Tally)> = Vec::new();
    for field in &drift.fields {
        match by.last_mut() {
            Some((name, tally)) if *name == field.section => tally.merge(&field.tally),
            _ => by.push((field.section.clone(), field.tally)),
        }
    }
    counts(&heading(drift), by.into_iter())
}

/// Fields of one drift: counts in all classes.
#[must_use]
pub fn fields(drift: &Drift) -> String {
    counts(&heading(drift), drift.fields.iter().map(|f| (f.path.clone(), f.tally)))
}

fn heading(drift: &Drift) -> String {
    let own = if drift.own { ", the release's own rules" } else { "" };
    format!("{} under: {}{own}", drift.fixture, drift.rule.name())
}

fn counts(heading: &str, rows: impl Iterator<Item = (String, Tally)>) -> String {
    let mut text = format!("{heading}\n\n{:<44}", "");
    for class in Class::ALL {
        let _ = write!(text, "{:>13}", class.name());
    }
    text += "   latest refusal\n";
    for (name, tally) in rows {
        let _ = write!(text, "{name:<44}");
        for class in Class::ALL {
            let _ = write!(text, "{:>13}", tally.count(None, class));
        }
        let latest = tally.latest;
        if latest.bytes > 0 {
            let _ = write!(
                text,
                "   {} bytes, {} sections, {} fields on",
                latest.bytes, latest.sections, latest.fields
            );
        }
        text.push('\n');
    }
    text
}
