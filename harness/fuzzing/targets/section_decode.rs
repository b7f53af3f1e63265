//! Streams edited at the boundaries of their records: what a loader makes of bytes inserted,
//! deleted, duplicated and reordered between sections, footers and the end.

use crate::fuzzing::Outcome;
use crate::fuzzing::ambiguity::Truth;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::edit::edit;
use crate::fuzzing::generate::case::{Case, by_every_rule, decode};

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    counts.executions += 1;
    let mut dice = Dice::new(bytes);
    let evolves = dice.one_in(4);
    let Some((case, mut to)) = Case::make(&mut dice, evolves, counts) else { return Ok(()) };
    let Some(written) = case.write(&mut dice, counts) else { return Ok(()) };
    let edited = edit(&written, &mut dice);
    counts.other(edited.name);
    let written = &edited.written;
    let truth =
        Truth { bytes: &written.bytes, map: &written.map, source: &case.source, edited: edited.at };
    by_every_rule(&mut to, &case.destination, case.framing, |to| {
        decode(truth, to, &case.feed, counts)
    })
}
