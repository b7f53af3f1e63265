//! A whole test case: the choices in an input, the stream that is made of them, and who loads it.
//!
//! ```text
//! input: | rules | length of the shape, in steps | shape | framing, feed, values, edits ... |
//! ```
//!
//! The shape makes both sides ([`pairs`]), the rest what is different each time. One input is loaded
//! by one dialect's rules, which its first byte chooses; a run without a fuzzer goes through all.

use super::Side;
use super::pairs::{self, Pair};
use super::rules::{RULES, Rules};
use super::stream::{self, Framing, Written};
use super::values::Generated;
use crate::fuzzing::Outcome;
use crate::fuzzing::ambiguity::Truth;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::oracle::{self, Decoder};
use crate::stream::{Destination, load_tersely};
use crate::wire::Feed;

/// Bytes before the shape.
const HEAD: usize = 2;
/// Bytes of a step in the length of a shape.
pub const STEP: usize = 2;
/// From so many steps on, a shape is a long one, and a step is `LONG_STEP` bytes.
pub const LONG: usize = 224;
/// Bytes of one of the last steps.
const LONG_STEP: usize = 16;

/// An input, taken apart.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Chooses the rules.
    pub rules: u8,
    /// Choices that make both sides.
    pub shape: &'a [u8],
    /// All other choices.
    pub rest: &'a [u8],
}

/// So many steps in bytes.
fn length(steps: u8) -> usize {
    match usize::from(steps) {
        short @ 0..LONG => STEP * short,
        long => STEP * LONG + LONG_STEP * (long - LONG),
    }
}

impl<'a> Input<'a> {
    /// Takes an input apart.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        let (head, rest) = bytes.split_at(bytes.len().min(HEAD));
        let (rules, length) = match head {
            [rules, steps] => (*rules, length(*steps)),
            _ => (head.first().copied().unwrap_or(0), 0),
        };
        let (shape, rest) = rest.split_at(rest.len().min(length));
        Input { rules, shape, rest }
    }

    /// How many bytes come before the rest.
    #[must_use]
    pub fn head(self) -> usize {
        HEAD + self.shape.len()
    }
}

/// A stream that was written, and by whom.
#[derive(Debug)]
pub struct Case<'p> {
    /// The writer.
    pub source: &'p Side,
    /// Whether the destination evolved from it.
    pub evolves: bool,
    /// What both agree on.
    pub framing: Framing,
    /// How the bytes arrive.
    pub feed: Feed,
    /// The stream, and what is where.
    pub written: Written<'p>,
}

impl Case<'_> {
    /// The stream as it was written.
    #[must_use]
    pub fn truth(&self) -> Truth<'_, '_> {
        let Written { bytes, map, .. } = &self.written;
        Truth { bytes, map, source: self.source, edited: None }
    }
}

/// Who loads it: a destination, by one dialect's rules or by all.
#[derive(Debug)]
pub struct Decoders<'p> {
    side: &'p Side,
    to: &'p mut Destination,
    framing: Framing,
    rules: &'static [Rules],
}

impl Decoders<'_> {
    /// Runs `each` by the rules of each dialect that was chosen.
    ///
    /// # Errors
    /// That of `each`.
    pub fn each(&mut self, mut each: impl FnMut(Decoder<'_>) -> Outcome) -> Outcome {
        for rules in self.rules {
            self.to.dialect = self.framing.dialect(rules.release);
            let expected = rules.applied(&self.to.dialect);
            each(Decoder {
                rules: rules.name,
                side: self.side,
                compiled: self.to,
                expected: &expected,
            })?;
        }
        Ok(())
    }

    /// Loads what is true by each of the rules, and compares the outcome with it.
    ///
    /// # Errors
    /// A reproducer in words.
    pub fn decode(&mut self, truth: Truth<'_, '_>, feed: &Feed, counts: &mut Counts) -> Outcome {
        self.each(|to| {
            let loaded = load_tersely(to.compiled, truth.bytes, feed);
            oracle::check(truth, to, feed, &loaded, counts).map(|_| ())
        })
    }
}

/// Makes the case of an input, whose destination has evolved in one of `often`, and runs `body` on
/// it. Counts it, and what does not come to a case: the generator made something that does not compile,
/// or values that do not fit (a version below a nested minimum).
///
/// # Errors
/// That of `body`.
pub fn with_case(
    bytes: &[u8],
    often: u8,
    counts: &mut Counts,
    body: impl FnOnce(&Case<'_>, &mut Decoders<'_>, &mut Dice<'_>, &mut Counts) -> Outcome,
) -> Outcome {
    counts.begin();
    let input = Input::of(bytes);
    let rules = if counts.every_rule {
        &RULES[..]
    } else {
        let which = usize::from(input.rules) % RULES.len();
        RULES.get(which..=which).unwrap_or(&RULES)
    };
    pairs::with(input.shape, often, |pair| {
        let Some(Pair { source, destination, by, to, features, evolves }) = pair else {
            counts.other("not compiled");
            return Ok(());
        };
        let (mut dice, mut features) = (Dice::new(input.rest), *features);
        let framing = Framing::choose(&mut dice, &mut features);
        let feed = feed(&mut dice);
        by.dialect = framing.dialect(by.version);
        let sections = source.handlers.handlers.len();
        let mut values = Generated::new(&mut dice, &mut features, &by.set, &destination.tables);
        let Ok(written) = stream::write(by, sections, framing, &mut values) else {
            counts.other("not writable");
            return Ok(());
        };
        counts.cases += 1;
        counts.features.0 |= features.0;
        counts.features_used(features);
        let case = Case { source, evolves: *evolves, framing, feed, written };
        let mut decoders = Decoders { side: destination, to, framing, rules };
        body(&case, &mut decoders, &mut dice, counts)
    })
}

/// A feed that every prediction can follow.
pub fn feed(dice: &mut Dice<'_>) -> Feed {
    match dice.below(4) {
        0 | 1 => Feed::Bulk,
        // Few bytes at a time cut names in two.
        2 => Feed::Trickle(match usize::from(dice.byte()) {
            few @ 128.. => 1 + few % 4,
            some => 1 + some % 32,
        }),
        _ => {
            let count = 1 + dice.below(4);
            Feed::Schedule((0..count).map(|_| 1 + dice.below(40)).collect())
        }
    }
}
