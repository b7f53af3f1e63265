//! Encode, decode, encode: whatever a destination accepts, it writes again byte for byte.

use crate::fuzzing::ambiguity::Prediction;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::generate::case::{Case, Decoders, with_case};
use crate::fuzzing::{Failure, Outcome, oracle};
use crate::stream::{load_bytes, save};
use crate::wire::Refill;

/// Why a destination may refuse what itself has written: data that look like a subsection, or like
/// the head of one that the end of the stream cuts short.
const LOOKALIKES: [&str; 4] = [
    "subsection not in the list",
    "subsection with subsections",
    "look-ahead beyond the end",
    "end of stream",
];

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    with_case(bytes, 2, counts, |case, decoders, _, counts| again(case, decoders, counts))
}

fn again(case: &Case<'_>, decoders: &mut Decoders<'_>, counts: &mut Counts) -> Outcome {
    let (written, truth) = (&case.written, case.truth());
    decoders.each(|to| {
        let loaded = load_bytes(to.compiled, &written.bytes, &case.feed);
        let prediction = oracle::check(truth, to, &case.feed, &loaded, counts)?;
        // The rules by which it was written.
        if !case.evolves
            && to.expected.look_ahead == Refill::Full
            && case.source.is_well_named()
            && let Prediction::Refuses { why, .. } = prediction
            && !LOOKALIKES.contains(&why)
        {
            let why = format!("its own stream is refused: {why}");
            let text = oracle::report(&why, truth, to, &case.feed, &loaded, Some(prediction), None);
            return Err(Failure(text));
        }
        if loaded.refused.is_some() {
            return Ok(());
        }
        let fail = |what: &str| {
            let text = oracle::report(what, truth, to, &case.feed, &loaded, Some(prediction), None);
            Err(Failure(text))
        };
        match save::again(to.compiled, &loaded, &written.bytes) {
            Ok((again, map)) if again == written.bytes => {
                counts.other("saved again");
                // Framing is not in the saver's map.
                let state = |s: &&crate::wire::Span<'_>| s.info != "framing";
                let one = loaded.map.spans().iter().filter(state);
                let other = map.spans().iter().filter(state);
                if one.map(|s| (s.offset, s.identity)).eq(other.map(|s| (s.offset, s.identity))) {
                    Ok(())
                } else {
                    fail("the two maps differ")
                }
            }
            Ok((again, _)) => {
                let same = again.iter().zip(&written.bytes).take_while(|(a, b)| a == b).count();
                let rest = again.get(same..).unwrap_or_default();
                let rest = rest.get(..32).unwrap_or(rest);
                fail(&format!("saved again otherwise: at {same:#x} {rest:02x?}"))
            }
            Err(error) => fail(&format!("not saved again: {error}")),
        }
    })
}
