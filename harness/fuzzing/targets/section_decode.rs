//! Streams edited at the boundaries of their records: what a loader makes of bytes inserted,
//! deleted, duplicated and reordered between sections, commands, footers and the end; and of
//! anything behind the end.

use crate::fuzzing::ambiguity::{self, Prediction, Truth};
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::edit::{Edited, edit};
use crate::fuzzing::generate::case::{Case, Decoders, with_case};
use crate::fuzzing::generate::stream::Written;
use crate::fuzzing::{Failure, Outcome, oracle};
use crate::stream::{load_tersely, record};
use crate::trace::{compare, verdict};

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    with_case(bytes, 4, counts, |case, decoders, dice, counts| {
        if dice.one_in(4) {
            return behind_the_end(case, decoders, dice, counts);
        }
        let Edited { written, at, name } = edit(&case.written, dice);
        counts.other(name);
        let Written { bytes, map, .. } = &written;
        let truth = Truth { bytes, map, source: case.source, edited: at };
        decoders.decode(truth, &case.feed, counts)
    })
}

/// A loader looks for a description behind the end of the state. Whatever it finds there, it is no
/// state: it can neither fail the load nor change what was read.
fn behind_the_end(
    case: &Case<'_>,
    decoders: &mut Decoders<'_>,
    dice: &mut Dice<'_>,
    counts: &mut Counts,
) -> Outcome {
    counts.other("edit: behind the end");
    let written = &case.written;
    let size = usize::try_from(written.state_end).unwrap_or(usize::MAX);
    let mut stream = written.bytes.get(..size).unwrap_or(&written.bytes).to_vec();
    if dice.one_in(2) {
        stream.push(record::VMDESCRIPTION);
    }
    stream.extend((0..dice.below(12)).map(|_| dice.byte()));
    let truth = Truth { bytes: &stream, map: &written.map, source: case.source, edited: None };
    decoders.each(|to| {
        let loaded = load_tersely(to.compiled, &stream, &case.feed);
        let (verdict, parts) = verdict::outline(&written.map, &loaded);
        counts.verdict(to.rules, verdict);
        // A look-ahead may see it, and then the prediction says what comes of that.
        let agrees = ambiguity::predict(truth, to.side, to.expected, &case.feed);
        counts.class(&[to.rules, verdict.name(), agrees.name()].map(str::as_bytes));
        let misread = parts.is_some_and(|at| at < written.state_end);
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
        let difference = parts.map(|at| compare::difference(&written.map, &loaded.map, at));
        let text =
            oracle::report(&why, truth, to, feed, &loaded, Some(agrees), difference.as_ref());
        let rest = stream.get(size..).unwrap_or_default();
        Err(Failure(format!("{text}behind the end: {rest:02x?}")))
    })
}
