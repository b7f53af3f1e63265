//! Encode, decode, encode: whatever a destination accepts, it writes again byte for byte.

use crate::fuzzing::ambiguity::{Prediction, Truth};
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::generate::case::{Case, by_every_rule};
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
    counts.executions += 1;
    let mut dice = Dice::new(bytes);
    let evolves = dice.one_in(2);
    let Some((case, mut to)) = Case::make(&mut dice, evolves, counts) else { return Ok(()) };
    let Some(written) = case.write(&mut dice, counts) else { return Ok(()) };
    let truth =
        Truth { bytes: &written.bytes, map: &written.map, source: &case.source, edited: None };
    by_every_rule(&mut to, &case.destination, case.framing, |to| {
        let loaded = load_bytes(to.compiled, &written.bytes, &case.feed);
        let prediction = oracle::check(truth, to, &case.feed, &loaded, counts)?;
        // The rules by which it was written.
        if !evolves
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
