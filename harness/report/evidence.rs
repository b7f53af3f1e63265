//! Loads from one release into another, as evidence for what a comparison of their descriptions says: the
//! fixtures of one and its catalogued devices into the other, by the model, and what real binaries
//! did with the fixtures, where that is on record.

use std::collections::BTreeSet;

use super::targets::answer_sentence;
use crate::matrix::Config;
use crate::matrix::devices::devices_between;
use crate::matrix::observed::{self, ObservedVerdict};
use crate::matrix::plan::{Filter, Plan, PlanError};
use crate::matrix::run::{Outcome, run};
use crate::matrix::sentence::{judged_sentence, sentence};
use crate::matrix::stderr;
use crate::matrix::targets::Answer;
use crate::release::changes::{Change, Level};
use crate::release::compose::LayoutCache;
use crate::release::corpus::CorpusError;
use crate::release::library::{Library, LibraryError};
use crate::release::provenance::Fixture;
use crate::trace::{Judged, Meaning, Verdict, judge};
use crate::wire::Feed;

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum EvidenceError {
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// One load that is on record: a fixture, or a device alone.
#[derive(Debug, Clone)]
pub struct Load {
    /// What was loaded: `pc-i440fx-5.2 idle`, or `e1000 alone on pc-i440fx-5.2`.
    pub of: String,
    /// The device type, of a device alone.
    pub device: Option<String>,
    /// Sections that it has, without their paths.
    pub sections: BTreeSet<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// Where it failed: names of section and field, as far as they are known.
    pub place: String,
    /// In which section that is.
    pub section: Option<String>,
    /// Why, with byte offsets.
    pub sentence: String,
    /// What a real binary did with it.
    pub observed: Option<String>,
}

impl Load {
    /// Whether the state arrives.
    #[must_use]
    pub fn succeeds(&self) -> bool {
        matches!(self.verdict, Verdict::Faithful | Verdict::Defaulted)
    }

    /// Whether it is refused or read wrongly.
    #[must_use]
    pub fn fails(&self) -> bool {
        matches!(self.verdict, Verdict::Misparsed | Verdict::Refused | Verdict::RefusedLate)
    }

    /// Whether it has what a change is about.
    fn has(&self, change: &Change) -> bool {
        let typed = self
            .device
            .as_ref()
            .is_none_or(|device| change.devices.is_empty() || change.devices.contains(device));
        typed && !self.sections.is_disjoint(&change.sections)
    }

    /// Whether it fails where the change is.
    fn fails_at(&self, change: &Change) -> bool {
        let there = |section: &String| change.sections.contains(section);
        self.fails() && self.has(change) && self.section.as_ref().is_none_or(there)
    }
}

/// All loads from one release into another.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The loads.
    pub loads: Vec<Load>,
}

/// What the loads on record say about one change, in numbers.
#[derive(Debug, Clone, Default)]
pub struct Summary<'e> {
    /// Loads in which the state arrives.
    pub well: usize,
    /// Loads that fail in a section that has the change.
    pub failing: Vec<&'e Load>,
    /// Loads that fail elsewhere, or on which the corpus has no answer.
    pub open: usize,
}

impl Evidence {
    /// All of it, between two releases of a corpus.
    ///
    /// # Errors
    /// A corpus that cannot be used.
    pub fn of(
        library: &Library,
        config: &Config,
        from: &str,
        to: &str,
        machine: Option<&str>,
    ) -> Result<Self, EvidenceError> {
        let wanted = |name: &str| machine.is_none_or(|m| m == name);
        let mut loads = Vec::new();
        let cache = LayoutCache::new(library);
        let pair = |source: &str, destination: &str| source == from && destination == to;
        for row in devices_between(&cache, |_| true, pair)? {
            let machines: Vec<&str> =
                row.machines.iter().map(String::as_str).filter(|m| wanted(m)).collect();
            let Some(first) = machines.first() else { continue };
            let judged = match &row.answer {
                Answer::Judged(judged) => Some(&**judged),
                _ => None,
            };
            let others = match machines.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            let at = if row.place.is_empty() { String::new() } else { format!(" {}", row.place) };
            loads.push(Load {
                of: format!("{}{at} alone on {first}{others}", row.device),
                device: Some(row.device.clone()),
                sections: BTreeSet::from([row.section.clone()]),
                verdict: row.answer.verdict(),
                place: judged.map(place).unwrap_or_default(),
                section: Some(row.section.clone()),
                sentence: answer_sentence(&row.answer, from),
                observed: None,
            });
        }
        loads.extend(fixtures(library, config, from, to, &wanted)?);
        Ok(Evidence { loads })
    }

    /// What came of streams that one build wrote and the other was given: by the model, and by a
    /// real binary where `real` has an outcome.
    ///
    /// # Errors
    /// A corpus that cannot be used.
    pub fn of_crossed<'f>(
        library: &Library,
        to: &str,
        crossed: impl IntoIterator<Item = (&'f Fixture, Option<observed::Outcome>)>,
    ) -> Result<Self, EvidenceError> {
        let mut loads = Vec::new();
        for (fixture, real) in crossed {
            loads.push(crossing(library, fixture, to, real.as_ref())?);
        }
        Ok(Evidence { loads })
    }

    /// What it says about a change.
    #[must_use]
    pub fn summary(&self, change: &Change) -> Summary<'_> {
        let concerned: Vec<&Load> = self.loads.iter().filter(|load| load.has(change)).collect();
        let well = concerned.iter().filter(|load| load.succeeds()).count();
        let all: Vec<&Load> =
            concerned.iter().filter(|load| load.fails_at(change)).copied().collect();
        // Where one is at that very field, it says more than those that are elsewhere in the section.
        let exact: Vec<&Load> = all.iter().filter(|load| names(load, change)).copied().collect();
        let failing = if exact.is_empty() { all } else { exact };
        let open = concerned.len() - well - failing.len();
        Summary { well, failing, open }
    }

    /// What a change does, given what happens on the wire: a description alone cannot tell whether
    /// a hook lets a field through.
    #[must_use]
    pub fn level(&self, change: &Change) -> Level {
        let summary = self.summary(change);
        match change.level {
            Level::Breaks if summary.failing.is_empty() && summary.well > 0 => Level::MayBreak,
            Level::MayBreak if summary.failing.iter().any(|load| names(load, change)) => {
                Level::Breaks
            }
            level => level,
        }
    }

    /// Loads that fail where no change above a note is described.
    #[must_use]
    pub fn not_described(&self, changes: &[Change]) -> Vec<&Load> {
        let told = |load: &Load| changes.iter().any(|c| c.level != Level::Note && load.fails_at(c));
        self.loads.iter().filter(|load| load.fails() && !told(load)).collect()
    }
}

/// Whether a load failed at what a change is about.
fn names(load: &Load, change: &Change) -> bool {
    let field = change.what.field();
    field.is_none_or(|field| load.place.contains(field)) && load.fails_at(change)
}

/// Section, path and what was read instead, of a load that failed.
fn place(judged: &Judged) -> String {
    let mut words = Vec::new();
    if let Some(error) = &judged.error {
        words.push(error.path.clone());
        words.push(error.kind.to_string());
    }
    if let Some(difference) = &judged.difference {
        let items = difference.written.iter().chain(&difference.read);
        words.extend(items.map(|item| item.path.clone()));
    }
    words.join(" ")
}

fn fixtures(
    library: &Library,
    config: &Config,
    from: &str,
    to: &str,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<Load>, EvidenceError> {
    let listed = |name: &str| config.releases.iter().any(|r| r.name == name);
    if !listed(from) || !listed(to) {
        return Ok(Vec::new());
    }
    let filter = Filter {
        sources: vec![from.to_owned()],
        destinations: vec![to.to_owned()],
        ..Filter::default()
    };
    let mut plan = match Plan::new(config, library.fixtures(), &filter) {
        Ok(plan) => plan,
        Err(PlanError::Empty) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    plan.cells.retain(|planned| wanted(&planned.cell.machine));
    let ran = run(library, config, &plan, &Feed::Bulk)?;
    let observed = library.corpus().observed()?;
    let mut loads = Vec::new();
    for result in &ran.cells {
        let cell = &result.cell;
        let mut registered = BTreeSet::new();
        if let Some(list) = library.corpus().handlers(from, &cell.machine, &cell.scenario)? {
            registered.extend(list.handlers.iter().map(|h| plain(&h.idstr).to_owned()));
        }
        let judged = match &result.outcome {
            Outcome::Judged(judged) => Some(&**judged),
            _ => None,
        };
        let same = observed
            .iter()
            .filter(|o| o.machine == cell.machine && o.scenario == cell.scenario)
            .flat_map(|o| &o.cells)
            .find(|o| o.source == from && o.destination == to);
        loads.push(Load {
            of: format!("{} {}", cell.machine, cell.scenario),
            device: None,
            verdict: result.outcome.verdict().unwrap_or(Verdict::Undetermined),
            place: judged.map(place).unwrap_or_default(),
            section: judged.and_then(|judged| section(judged, &registered)),
            sections: registered,
            sentence: sentence(&result.outcome, from),
            observed: same.map(|o| did(&o.bulk)),
        });
    }
    Ok(loads)
}

/// What a real binary did, in words.
fn did(outcome: &observed::Outcome) -> String {
    match outcome.verdict {
        ObservedVerdict::Accepted => "accepted".to_owned(),
        ObservedVerdict::Hang => "neither accepted nor refused".to_owned(),
        ObservedVerdict::Refused => format!("refused: {}", last_line(&outcome.stderr)),
    }
}

/// The last line of standard error, which says most.
fn last_line(stderr: &str) -> &str {
    stderr.trim_end().lines().last().unwrap_or_default().trim()
}

/// One stream into the other build.
fn crossing(
    library: &Library,
    fixture: &Fixture,
    to: &str,
    real: Option<&observed::Outcome>,
) -> Result<Load, EvidenceError> {
    let Fixture { release, machine, scenario, .. } = fixture;
    let mut load = Load {
        of: format!("{machine} {scenario}"),
        device: None,
        sections: BTreeSet::new(),
        verdict: Verdict::Undetermined,
        place: String::new(),
        section: None,
        sentence: "the model has no answer.".to_owned(),
        observed: real.map(did),
    };
    if let Some(list) = library.corpus().handlers(release, machine, scenario)? {
        load.sections.extend(list.handlers.iter().map(|h| plain(&h.idstr).to_owned()));
    }
    let source = library.destination(release, machine, scenario)?;
    let destination = library.destination(to, machine, scenario)?;
    if let (Some(source), Some(destination)) = (&source, &destination) {
        let stream = library.corpus().stream(fixture)?;
        match Meaning::of(source, &stream) {
            Ok(meaning) => {
                let judged = judge(&meaning, &stream, destination, &Feed::Bulk);
                load.verdict = judged.verdict;
                load.place = place(&judged);
                load.section = section(&judged, &load.sections);
                load.sentence = judged_sentence(&judged, release);
            }
            Err(why) => load.sentence = format!("{why}."),
        }
    }
    let Some(real) = real else { return Ok(load) };
    // What the binary did decides; what it reads wrongly without refusing, only the model shows.
    let accepted = load.verdict.accepts();
    match real.verdict {
        ObservedVerdict::Accepted if accepted == Some(false) => {
            load.sentence = format!("the binary accepts it, and by the model {}", load.sentence);
            load.verdict = Verdict::Undetermined;
        }
        ObservedVerdict::Refused | ObservedVerdict::Hang if accepted != Some(false) => {
            let message = stderr::parse(&real.stderr);
            load.section = message.section.as_deref().map(|idstr| plain(idstr).to_owned());
            load.place.clone_from(&real.stderr);
            load.sentence = match accepted {
                Some(_) => format!("the binary refuses what the model accepts: {}", did(real)),
                None => format!("the binary: {}; {}", did(real), load.sentence),
            };
            load.verdict = Verdict::Refused;
        }
        _ => {}
    }
    Ok(load)
}

/// A section's name without its path.
fn plain(idstr: &str) -> &str {
    idstr.rsplit('/').next().unwrap_or(idstr)
}

/// In which of these sections a load failed.
fn section(judged: &Judged, registered: &BTreeSet<String>) -> Option<String> {
    // A wrong byte that was read before the refusal is where it began.
    if let Some(written) = judged.difference.as_ref().and_then(|d| d.written.as_ref()) {
        let parts: Vec<&str> = written.path.split('/').collect();
        let named = |name: &&String| parts.contains(&name.as_str());
        return registered.iter().filter(named).max_by_key(|name| name.len()).cloned();
    }
    let section = judged.error.as_ref()?.section.as_deref()?;
    Some(plain(section).to_owned())
}
