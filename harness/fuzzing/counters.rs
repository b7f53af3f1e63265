//! Counts of what a run saw: cases, verdicts by dialect, ambiguities by name, features.

use std::collections::BTreeMap;
use std::fmt;

use super::generate::Features;
use super::strict::Strict;
use crate::trace::Verdict;

/// Most that feedback tells apart of one execution.
const MOST_CLASSES: usize = 64;

/// Counts.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Which misparses that the protocol allows are failures, too.
    pub strict: Strict,
    /// Whether a generated case is loaded by every dialect's rules, not by those that it chooses.
    pub every_rule: bool,
    /// Inputs.
    pub executions: u64,
    /// Inputs that came to something: a stream was loaded, a text was parsed.
    pub cases: u64,
    /// Loads by dialect and verdict.
    pub verdicts: BTreeMap<(&'static str, Verdict), u64>,
    /// Misparses that the protocol allows, by cause and by how they went unnoticed.
    pub explained: BTreeMap<(&'static str, &'static str), u64>,
    /// Refusals that had to be, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Other things worth counting, by name.
    pub others: BTreeMap<&'static str, u64>,
    /// Features of all cases.
    pub features: Features,
    /// What this execution made use of, and what its loads came to, as hashes of rules, verdict and reason:
    /// feedback for a fuzzer, beside the edges that it sees itself.
    pub classes: Vec<u64>,
}

impl Counts {
    /// Begins an execution.
    pub fn begin(&mut self) {
        self.executions += 1;
        self.classes.clear();
    }

    /// Notes what a load came to, in words.
    pub fn class(&mut self, words: &[&[u8]]) {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in words.iter().flat_map(|word| word.iter().chain(&[0])) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if self.classes.len() < MOST_CLASSES {
            // The lower bits alone depend on the last bytes.
            self.classes.push(hash ^ hash >> 32);
        }
    }

    /// Notes what a case makes use of, for feedback: a generator has no counters of its own.
    pub fn features_used(&mut self, features: Features) {
        for bit in (0..64u8).filter(|bit| features.0 >> bit & 1 == 1) {
            self.class(&[b"made", &[bit]]);
        }
    }

    /// Counts a load.
    pub fn verdict(&mut self, dialect: &'static str, verdict: Verdict) {
        *self.verdicts.entry((dialect, verdict)).or_default() += 1;
    }

    /// Counts a refusal that had to be.
    pub fn refused(&mut self, why: &'static str) {
        *self.refused.entry(why).or_default() += 1;
    }

    /// Counts something by name.
    pub fn other(&mut self, name: &'static str) {
        *self.others.entry(name).or_default() += 1;
    }

    /// Counts a misparse that the protocol allows.
    pub fn explained(&mut self, cause: &'static str, unnoticed: &'static str) {
        *self.explained.entry((cause, unnoticed)).or_default() += 1;
    }

    /// How many loads came to this verdict.
    #[must_use]
    pub fn total(&self, verdict: Verdict) -> u64 {
        self.verdicts.iter().filter(|(key, _)| key.1 == verdict).map(|(_, n)| n).sum()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "executions {}, cases {}", self.executions, self.cases)?;
        for ((dialect, verdict), n) in &self.verdicts {
            writeln!(f, "{n:>12}  {dialect:<12} {verdict}")?;
        }
        for ((cause, unnoticed), n) in &self.explained {
            writeln!(f, "{n:>12}  ambiguity: {cause}; {unnoticed}")?;
        }
        for (why, n) in &self.refused {
            writeln!(f, "{n:>12}  refused: {why}")?;
        }
        for (name, n) in &self.others {
            writeln!(f, "{n:>12}  {name}")?;
        }
        Ok(())
    }
}
