//! Encode, decode, encode: whatever a destination accepts, it writes again byte for byte.

use crate::fuzzing::ambiguity::Prediction;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::generate::case::{Case, Decoders, with_case};
use crate::fuzzing::{Failure, Outcome, oracle};
use crate::stream::{Destination, load_bytes, save};
use crate::stream::{Loaded, Section};
use crate::wire::{Map, Refill, Span};

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
        match save::save_again(to.compiled, &loaded, &written.bytes) {
            Ok((again, map)) if again == written.bytes => {
                counts.other("saved again");
                match first_other(to.compiled, &loaded, &map) {
                    None => Ok(()),
                    Some([read, saved]) => fail(&format!("read as {read}, and saved as {saved}")),
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

/// The first item that was saved as another than it was read as, both in words. Framing is not in the
/// saver's map, nor what is in sections that it takes over as they are.
fn first_other(by: &Destination, loaded: &Loaded<'_>, saved: &Map<'_>) -> Option<[String; 2]> {
    let over: Vec<&Section> =
        loaded.sections.iter().filter(|section| save::is_copied(by, section)).collect();
    let is_over = |at: u64| over.iter().any(|section| (section.body..section.end).contains(&at));
    let state = |s: &&Span<'_>| s.info != "framing" && !is_over(s.offset);
    let mut read = loaded.map.spans().iter().filter(state);
    let mut again = saved.spans().iter().filter(state);
    loop {
        let both = (read.next(), again.next());
        let same = match both {
            (None, None) => return None,
            (Some(a), Some(b)) => (a.offset, a.identity) == (b.offset, b.identity),
            _ => false,
        };
        if !same {
            let of = |map: &Map<'_>, span: Option<&Span<'_>>| {
                let shown = span.map(|span| format!("{} at {:#x}", map.path(span), span.offset));
                shown.unwrap_or_else(|| "nothing".to_owned())
            };
            return Some([of(&loaded.map, both.0), of(saved, both.1)]);
        }
    }
}
