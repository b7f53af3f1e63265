//! The pages of the lab: drift and designs.

use maud::{Markup, html};

use super::frame::{Page, Sheet, Topic, sheet};
use super::plot::{Bar, Plot, plot, share};
use crate::lab::designs::neighbours::RealCounts;
use crate::lab::designs::run::{Counts, Report};
use crate::lab::designs::sink::Verdict;
use crate::lab::designs::{ALL, Evolution};
use crate::lab::drift::{Class, Family, Tally};

/// What was found of one fixture under its release's own rules.
#[derive(Debug, Clone)]
pub struct Drifted {
    /// Its name.
    pub fixture: String,
    /// The framing rules.
    pub rules: &'static str,
    /// When the changes were detected.
    pub tally: Tally,
}

/// Classes of detection, in order, with the names of their colours.
const CLASSES: [(Class, &str, &str); 7] = [
    (Class::Understood, "faithful", "understood"),
    (Class::AtOnce, "at-once", "at once"),
    (Class::InSection, "in-section", "in the same section"),
    (Class::AtEnd, "at-end", "at the section's end"),
    (Class::Later, "refused-late", "later"),
    (Class::Never, "misparsed", "never"),
    (Class::Undetermined, "undetermined", "undetermined"),
];

/// The page of drift; `step`: every such change was tried.
#[must_use]
pub fn drift(drifts: &[Drifted], step: usize, topics: &[Topic]) -> Page {
    let parts: Vec<(&str, &str)> = CLASSES.iter().map(|(_, class, name)| (*class, *name)).collect();
    let bar = |name: String, tally: &Tally, family: Option<Family>| Bar {
        name,
        counts: CLASSES.iter().map(|(class, ..)| tally.count(family, *class)).collect(),
    };
    let mut all = Tally::default();
    drifts.iter().for_each(|d| all.merge(&d.tally));
    let mut rules: Vec<(&str, Tally)> = Vec::new();
    for one in drifts {
        match rules.iter_mut().find(|(name, _)| *name == one.rules) {
            Some((_, tally)) => tally.merge(&one.tally),
            None => rules.push((one.rules, one.tally)),
        }
    }
    let plots = [
        Plot {
            title: "When a change is detected, by release and fixture",
            unit: "changes",
            parts: parts.clone(),
            bars: drifts.iter().map(|d| bar(d.fixture.clone(), &d.tally, None)).collect(),
        },
        Plot {
            title: "The same by framing rules",
            unit: "changes",
            parts: parts.clone(),
            bars: rules.iter().map(|(name, tally)| bar((*name).to_owned(), tally, None)).collect(),
        },
        Plot {
            title: "The same by kind of change",
            unit: "changes",
            parts,
            bars: Family::ALL
                .iter()
                .map(|family| bar(family.name().to_owned(), &all, Some(*family)))
                .filter(|bar| bar.counts.iter().sum::<u64>() > 0)
                .collect(),
        },
    ];
    let every = match step {
        1 => "Every change".to_owned(),
        n => format!("One change in {n}"),
    };
    let body = html! {
        p { (every) " of every field of every device section was made, " (all.total(None)) " in all, and loaded by the unchanged release under its own rules." }
        @for of in &plots { (plot(of)) }
    };
    let about = Sheet {
        topic: Topic::Drift,
        topics,
        lead: "If someone changes what a device sends and does not tell of it in a version, is it detected, and how soon?",
        data: None,
    };
    sheet(&about, body)
}

/// The page of designs.
#[must_use]
pub fn designs(report: &Report, reals: &[RealCounts], topics: &[Topic]) -> Page {
    let generated = |damaged| {
        let of = move |(number, name): (usize, &str)| {
            (name.to_owned(), report.of(number, None, damaged))
        };
        ALL.iter().map(|d| d.name()).enumerate().map(of).collect::<Vec<_>>()
    };
    let real: Vec<(String, Counts)> =
        ALL.iter().zip(reals).map(|(d, c)| (d.name().to_owned(), c.whole)).collect();
    let body = html! {
        (bars("Generated evolutions, whole streams", generated(false)))
        (bars("Generated evolutions, damaged streams", generated(true)))
        (bars("Real evolutions: devices that differ between neighbouring releases, both ways", real))
        (silent(report))
    };
    let about = Sheet {
        topic: Topic::Designs,
        topics,
        lead: "The stream formats that were proposed from 2009 to 2015 or shipped, through the same evolutions: what arrives, what is refused and how soon, what is misparsed and nobody told.",
        data: None,
    };
    sheet(&about, body)
}

fn bars(title: &str, rows: Vec<(String, Counts)>) -> Markup {
    let parts = vec![
        ("faithful", "faithful"),
        ("defaulted", "defaulted"),
        ("at-once", "refused at once, nothing put"),
        ("in-section", "refused, nothing wrong put"),
        ("refused-late", "refused late"),
        ("misparsed", "never: misparsed"),
    ];
    let bar = |(name, counts): (String, Counts)| Bar {
        name,
        counts: vec![
            counts.of(Verdict::Faithful),
            counts.of(Verdict::Defaulted),
            counts.untouched,
            counts.of(Verdict::Refused).saturating_sub(counts.untouched),
            counts.of(Verdict::RefusedLate),
            counts.of(Verdict::Misparsed),
        ],
    };
    plot(&Plot { title, unit: "cases", parts, bars: rows.into_iter().map(bar).collect() })
}

/// How deep a colour is for a share of misparses: none, and four steps.
fn depth(count: u64, total: u64) -> u8 {
    match count.saturating_mul(1000).checked_div(total).unwrap_or(0) {
        _ if count == 0 => 0,
        0..10 => 1,
        10..100 => 2,
        100..400 => 3,
        _ => 4,
    }
}

/// Misparsed share by design and evolution, as a heat map.
fn silent(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Misparsed share of whole streams, by how two releases differ" }
            div.scroll {
                table.heat {
                    thead { tr {
                        td {}
                        @for evolution in Evolution::ALL { th scope="col" { span { (evolution.name()) } } }
                    } }
                    tbody {
                        @for (number, design) in ALL.iter().enumerate() {
                            tr {
                                th scope="row" { (design.name()) }
                                @for evolution in Evolution::ALL {
                                    @let counts = report.of(number, Some(evolution), false);
                                    @let (n, total) = (counts.of(Verdict::Misparsed), counts.total());
                                    td class={ "d" (depth(n, total)) } { (share(n, total)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
