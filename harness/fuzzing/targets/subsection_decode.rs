//! A made-up source encodes; a destination that evolved from it decodes, by every dialect's rules.

use crate::fuzzing::Outcome;
use crate::fuzzing::ambiguity::Truth;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::generate::case::{Case, by_every_rule, decode};

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    counts.executions += 1;
    let mut dice = Dice::new(bytes);
    let Some((case, mut to)) = Case::make(&mut dice, true, counts) else { return Ok(()) };
    let Some(written) = case.write(&mut dice, counts) else { return Ok(()) };
    let truth =
        Truth { bytes: &written.bytes, map: &written.map, source: &case.source, edited: None };
    by_every_rule(&mut to, &case.destination, case.framing, |to| {
        decode(truth, to, &case.feed, counts)
    })
}
