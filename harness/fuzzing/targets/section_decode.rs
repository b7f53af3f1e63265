//! Streams edited at the boundaries of their records: what a loader makes of bytes inserted,
//! deleted, duplicated and reordered between sections, commands, footers and the end; and of
//! anything behind the end.

use crate::fuzzing::ambiguity::{self, Prediction, Truth};
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::edit::edit;
use crate::fuzzing::generate::case::{Case, by_every_rule, decode};
use crate::fuzzing::generate::stream::Written;
use crate::fuzzing::{Failure, Outcome, oracle};
use crate::stream::{Destination, load_bytes, record};
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
    let truth = Truth { bytes: &stream, map: &written.map, source: &case.source, edited: None };
    by_every_rule(to, &case.destination, case.framing, |to| {
        let loaded = load_bytes(to.compiled, &stream, &case.feed);
        let (verdict, difference) = verdict::reading(&written.map, &loaded);
        counts.verdict(to.rules, verdict);
        // A look-ahead may see it, and then the prediction says what comes of that.
        let agrees = ambiguity::predict(truth, to.side, to.expected, &case.feed);
        let misread = difference.as_ref().is_some_and(|d| d.offset < written.state_end);
        let wrong = match oracle::bounds(stream.len(), &loaded) {
            Err(why) => why,
            Ok(()) if agrees != Prediction::Agrees => {
                if let Prediction::Refuses { why, .. } = agrees {
                    counts.refused(why);
                }
                return Ok(());
            }
            Ok(()) if loaded.refused.is_some() || misread => "it matters".to_owned(),
            Ok(()) => return Ok(()),
        };
        let why = format!("behind the end at {:#x}: {wrong}", written.state_end);
        let feed = &case.feed;
        let text =
            oracle::report(&why, truth, to, feed, &loaded, Some(agrees), difference.as_ref());
        let rest = stream.get(size..).unwrap_or_default();
        Err(Failure(format!("{text}behind the end: {rest:02x?}")))
    })
}
