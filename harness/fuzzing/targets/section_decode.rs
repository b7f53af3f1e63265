//! Streams edited at the boundaries of their records: what a loader makes of bytes inserted,
//! deleted, duplicated and reordered between sections, commands, footers and the end; and of
//! anything behind the end.

use crate::fuzzing::ambiguity::Truth;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::edit::edit;
use crate::fuzzing::generate::case::{Case, by_every_rule, decode};
use crate::fuzzing::generate::stream::Written;
use crate::fuzzing::{Failure, Outcome, oracle};
use crate::stream::{Destination, Loaded, load_bytes, record};
use crate::trace::verdict;

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
    if dice.one_in(4) {
        return behind_the_end(&case, &mut to, &written, &mut dice, counts);
    }
    let edited = edit(&written, &mut dice);
    counts.other(edited.name);
    let written = &edited.written;
    let truth =
        Truth { bytes: &written.bytes, map: &written.map, source: &case.source, edited: edited.at };
    by_every_rule(&mut to, &case.destination, case.framing, |to| {
        decode(truth, to, &case.feed, counts)
    })
}

/// A loader looks for a description behind the end of the state. Whatever it finds there, it is no
/// state: it can neither fail the load nor change what was read.
fn behind_the_end(
    case: &Case,
    to: &mut Destination,
    written: &Written<'_>,
    dice: &mut Dice<'_>,
    counts: &mut Counts,
) -> Outcome {
    counts.other("edit: behind the end");
    let size = usize::try_from(written.state_end).unwrap_or(usize::MAX);
    let mut stream = written.bytes.get(..size).unwrap_or(&written.bytes).to_vec();
    if dice.one_in(2) {
        stream.push(record::VMDESCRIPTION);
    }
    stream.extend((0..dice.below(12)).map(|_| dice.byte()));
    by_every_rule(to, &case.destination, case.framing, |to| {
        let plain = load_bytes(to.compiled, &written.bytes, &case.feed);
        let other = load_bytes(to.compiled, &stream, &case.feed);
        counts.verdict(to.rules, verdict::reading(&written.map, &other).0);
        let state = |loaded: &Loaded<'_>| -> Vec<(u64, u64, u64)> {
            let spans = loaded.map.spans().iter().filter(|s| s.offset < written.state_end);
            spans.map(|s| (s.offset, s.len, s.identity)).collect()
        };
        // A state that was misread may take bytes from behind its end; one that was refused is none.
        let last = plain.map.spans().iter().rfind(|s| s.name == "end of stream");
        let whole =
            plain.refused.is_none() && last.is_some_and(|s| s.offset + s.len == written.state_end);
        let same = other.refused.is_none() && state(&plain) == state(&other);
        match oracle::bounds(stream.len(), &other) {
            Err(why) => Err(Failure(format!("{why}\n{stream:02x?}"))),
            Ok(()) if !whole || same => Ok(()),
            Ok(()) => Err(Failure(format!(
                "rules {}: what is behind the end at {:#x} matters\nwithout: {:?}\nwith: {:?}\n\
                 {stream:02x?}",
                to.rules, written.state_end, plain.refused, other.refused
            ))),
        }
    })
}
