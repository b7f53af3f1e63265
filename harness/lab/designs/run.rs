//! Cases through all designs: counts of what came of them, and the smallest counterexamples.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cursor::Stream;
use super::evolve::{Case, case};
use super::rng::Rng;
use super::sink::{Judged, Sink, Truth, Verdict};
use super::{ALL, Claim, Design, Evolution};

/// How many of each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// By [`Verdict`].
    verdicts: [u64; 5],
    /// Refused before any state was put.
    pub untouched: u64,
    /// Accepted with state in use given up on purpose.
    pub given_up: u64,
    /// Misparsed although the design claims that this cannot be.
    pub broken_claims: u64,
}

impl Counts {
    /// Counts one case.
    pub fn add(&mut self, judged: Judged) {
        if let Some(count) = self.verdicts.get_mut(judged.verdict as usize) {
            *count += 1;
        }
        self.untouched += u64::from(judged.untouched);
        self.given_up += u64::from(judged.given_up);
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Counts) {
        self.verdicts.iter_mut().zip(&other.verdicts).for_each(|(a, b)| *a += b);
        self.untouched += other.untouched;
        self.given_up += other.given_up;
        self.broken_claims += other.broken_claims;
    }

    /// How many of a verdict.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(verdict as usize).copied().unwrap_or(0)
    }

    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.verdicts.iter().sum()
    }
}

/// A misparse: the case's seed, and how long its stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Example {
    /// Length of the stream in bytes.
    pub len: usize,
    /// Seed of the case.
    pub seed: u64,
}

/// Where in a report something is counted: number of the design, evolution, damaged or not.
pub type Key = (usize, Evolution, bool);

/// What came of many cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Counts.
    pub counts: BTreeMap<Key, Counts>,
    /// The smallest misparse of each.
    pub smallest: BTreeMap<Key, Example>,
}

impl Report {
    fn merge(mut self, other: Report) -> Report {
        for (key, counts) in other.counts {
            self.counts.entry(key).or_default().merge(&counts);
        }
        for (key, example) in other.smallest {
            let smallest = self.smallest.entry(key).or_insert(example);
            *smallest = example.min(*smallest);
        }
        self
    }

    /// The counts of one design, damaged or not, over all evolutions or of one.
    #[must_use]
    pub fn of(&self, design: usize, evolution: Option<Evolution>, damaged: bool) -> Counts {
        let mut sum = Counts::default();
        let fits = |key: &&Key| {
            key.0 == design && key.2 == damaged && evolution.is_none_or(|e| e == key.1)
        };
        self.counts.iter().filter(|(key, _)| fits(key)).for_each(|(_, c)| sum.merge(c));
        sum
    }

    /// The smallest misparse of a design among these evolutions.
    #[must_use]
    pub fn smallest(
        &self,
        design: usize,
        damaged: bool,
        of: impl Fn(Evolution) -> bool,
    ) -> Option<(Evolution, Example)> {
        let own = self.smallest.iter().filter(|(key, _)| key.0 == design && key.2 == damaged);
        let own = own.filter(|(key, _)| of(key.1)).map(|(key, example)| (key.1, *example));
        own.min_by_key(|(_, example)| *example)
    }

    /// Misparses that a design claims are impossible.
    #[must_use]
    pub fn broken_claims(&self) -> u64 {
        self.counts.values().map(|c| c.broken_claims).sum()
    }
}

/// Cases in one piece of work.
const PIECE: u64 = 4096;

/// Runs generated cases with seeds from `first` on through all designs, in parallel; each with
/// and without damage. `claims`: only those designs that call themselves unambiguous.
#[must_use]
pub fn generated(first: u64, cases: u64, claims: bool) -> Report {
    let pieces: Vec<u64> = (0..cases.div_ceil(PIECE)).collect();
    pieces
        .par_iter()
        .map(|piece| {
            let from = first + piece * PIECE;
            let mut report = Report::default();
            for seed in from..(from + PIECE).min(first + cases) {
                one(seed, claims, &mut report);
            }
            report
        })
        .reduce(Report::default, Report::merge)
}

/// Whether a design claims anything at all.
fn is_at_stake(design: &dyn Design) -> bool {
    Evolution::ALL.into_iter().any(|evolution| {
        let claim = |damaged| Claim { evolution, damaged, hit: damaged };
        design.claims(claim(false)) || design.claims(claim(true))
    })
}

fn one(seed: u64, claims: bool, report: &mut Report) {
    let case = case(seed);
    let truth = Truth::of(&case.from, &case.states);
    for (number, design) in ALL.iter().enumerate().filter(|(_, d)| !claims || is_at_stake(**d)) {
        let tried = Tried::of(*design, &case, &truth, |bytes| damaged(bytes, seed));
        for is_damaged in [false, true] {
            let key = (number, case.evolution, is_damaged);
            let counts = report.counts.entry(key).or_default();
            counts.add(tried.judged(is_damaged));
            counts.broken_claims += u64::from(tried.breaks_claim(*design, &case, is_damaged));
            // What is misparsed anyway is no example of damage.
            let misparsed = tried.judged(is_damaged).verdict == Verdict::Misparsed;
            if misparsed && (!is_damaged || tried.hit()) {
                let example = Example { len: tried.bytes.len(), seed };
                let smallest = report.smallest.entry(key).or_insert(example);
                *smallest = example.min(*smallest);
            }
        }
    }
}

/// What came of one case in one design.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The stream as it was sent.
    pub bytes: Vec<u8>,
    /// The verdict on it.
    pub whole: Judged,
    /// The verdict on the stream as it arrived after damage.
    pub damaged: Judged,
}

impl Tried {
    /// Sends a case whole, and with damage.
    pub fn of(
        design: &dyn Design,
        case: &Case,
        truth: &Truth,
        damage: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Self {
        let bytes = design.encode(&case.from, &case.states);
        let whole = judge(design, case, truth, &bytes, false);
        let damaged = judge(design, case, truth, &damage(&bytes), true);
        Tried { bytes, whole, damaged }
    }

    /// One of the two verdicts.
    #[must_use]
    pub fn judged(&self, is_damaged: bool) -> Judged {
        if is_damaged { self.damaged } else { self.whole }
    }

    /// Whether without damage it is read rightly or refused.
    #[must_use]
    pub fn hit(&self) -> bool {
        self.whole.verdict != Verdict::Misparsed
    }

    /// Whether it is misparsed although the design claims that it cannot be.
    #[must_use]
    pub fn breaks_claim(&self, design: &dyn Design, case: &Case, is_damaged: bool) -> bool {
        let hit = is_damaged && self.hit();
        let claim = Claim { evolution: case.evolution, damaged: is_damaged, hit };
        self.judged(is_damaged).verdict == Verdict::Misparsed && design.claims(claim)
    }
}

/// The verdict of a design on one stream. A design that can be asked is asked first.
#[must_use]
pub fn judge(design: &dyn Design, case: &Case, truth: &Truth, bytes: &[u8], sent: bool) -> Judged {
    let mut sink = Sink::default();
    if !sent && design.ask(&case.from, &case.to, &case.states).is_some() {
        return Judged { verdict: Verdict::Refused, untouched: true, given_up: false };
    }
    let stream = Stream { bytes, piece: case.piece };
    let outcome = design.decode(stream, &case.to, &mut sink);
    truth.judge(&case.to, &outcome, &sink, design.gives_up())
}

/// The stream with one byte changed, put in or left out, or cut.
#[must_use]
pub fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    damage(bytes, &mut Rng::new(seed ^ 0xdead_beef))
}

/// The same by these numbers.
#[must_use]
pub fn damage(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = rng.below(bytes.len());
    match rng.below(8) {
        0 => bytes.insert(at, rng.pick(&[0, 5, 0xff])),
        1 if at < bytes.len() => {
            bytes.remove(at);
        }
        2 => bytes.truncate(at),
        kind => {
            let bit = 1 << rng.below(8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= if kind < 6 { bit } else { 0xff };
            }
        }
    }
    bytes
}
