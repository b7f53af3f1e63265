//! A made-up source encodes; a destination that evolved from it decodes, by a dialect's rules.

use crate::fuzzing::Outcome;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::generate::case::with_case;

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    with_case(bytes, 1, counts, |case, decoders, _, counts| {
        decoders.decode(case.truth(), &case.feed, counts)
    })
}
