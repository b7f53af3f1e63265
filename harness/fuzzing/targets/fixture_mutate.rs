//! A captured stream with structure-aware changes, loaded into any destination of its machine;
//! the original's meaning, moved along with the bytes, is the truth.

use crate::fuzzing::ambiguity::Cause;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::mutate::Mutant;
use crate::fuzzing::pool::{Baseline, Pair, pool};
use crate::fuzzing::{Failure, Outcome, oracle};
use crate::stream::load_bytes;
use crate::trace::{Verdict, verdict};
use crate::wire::Feed;

/// How far a look-ahead reaches: what is read there can hang on bytes so far behind it.
const LOOK_AHEAD: u64 = 2 + 255;

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    counts.executions += 1;
    let mut dice = Dice::new(bytes);
    let Some(pool) = pool() else { return Err(Failure("the corpus cannot be used".to_string())) };
    let number = dice.index(pool.pairs());
    let Some(pair) = pool.pair(number) else {
        return Err(Failure(format!(
            "pair {number}: a fixture that its own release does not read"
        )));
    };
    counts.cases += 1;
    let original = pair.original;
    let mut mutant = Mutant::new(original.stream.clone(), original.map.clone(), &original.sections);
    for _ in 0..dice.below(4) {
        counts.other(mutant.change(&mut dice));
    }
    check(&pair, &mutant, counts)
}

fn check(pair: &Pair, mutant: &Mutant<'_>, counts: &mut Counts) -> Outcome {
    let loaded = load_bytes(pair.to, &mutant.bytes, &Feed::Bulk);
    let (verdict, difference) = verdict::reading(&mutant.map, &loaded);
    counts.verdict("corpus", verdict);
    let fail = |why: &str| {
        let told = loaded.refused.as_ref().map_or("accepted".to_string(), |e| e.to_string());
        Err(Failure(format!(
            "{why}: {} into {}, changed from {:?} on; {told}; {difference:?}; {:?}",
            pair.fixture.id(),
            pair.to.release,
            mutant.changed,
            pair.baseline,
        )))
    };
    if let Err(why) = oracle::bounds(mutant.bytes.len(), &loaded) {
        return fail(&why);
    }
    let parts = difference.as_ref().map(|d| d.offset);
    let Some(changed) = mutant.changed else {
        let (accepted, stopped) = (loaded.refused.is_none(), loaded.stopped);
        let same = pair.baseline == Baseline { parts, accepted, stopped };
        return if same { Ok(()) } else { fail("an unchanged stream is read otherwise") };
    };
    if loaded.stopped + LOOK_AHEAD < changed
        && (loaded.stopped, loaded.refused.is_none())
            != (pair.baseline.stopped, pair.baseline.accepted)
    {
        return fail("ended otherwise, before it came to the change");
    }
    let Some(offset) = parts else { return Ok(()) };
    if pair.baseline.parts != Some(offset) && offset + LOOK_AHEAD < changed {
        return fail("read otherwise before the change");
    }
    if verdict != Verdict::Misparsed {
        return Ok(());
    }
    let dialect = &pair.to.dialect;
    let cause = if pair.baseline.parts == Some(offset) { "as unchanged" } else { "edited bytes" };
    match oracle::unnoticed(&mutant.bytes, &mutant.map, dialect, &loaded, offset) {
        Some(unnoticed) => {
            counts.explained(cause, unnoticed);
            if counts.strict.forbids(Cause::Edited) { fail("misparsed") } else { Ok(()) }
        }
        None => fail("misparsed past a section footer"),
    }
}
