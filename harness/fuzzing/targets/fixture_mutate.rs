//! A captured stream with structure-aware changes, under any feed, loaded into any destination,
//! mostly one of its machine; the original's meaning, moved along with the bytes, is the truth.

use crate::fuzzing::ambiguity::Cause;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::mutate::Mutant;
use crate::fuzzing::pool::{Baseline, Pair, pool};
use crate::fuzzing::{Failure, Outcome, oracle};
use crate::stream::load_bytes;
use crate::trace::{Verdict, verdict};
use crate::vmstate::flow::SUBSECTION;
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
    let pair = match dice.one_in(8) {
        true => pool.crossed(number, dice.index(pool.destinations())),
        false => pool.pair(number),
    };
    let Some(pair) = pair else {
        return Err(Failure(format!(
            "pair {number}: a fixture that its own release does not read"
        )));
    };
    let feed = match dice.below(8) {
        0 => Feed::Trickle(1 + dice.below(64)),
        1 => Feed::Random(u64::from(dice.byte())),
        _ => Feed::Bulk,
    };
    let original = pair.original;
    let mut mutant = Mutant::new(original.stream.clone(), original.map.clone());
    let mut changes = Vec::new();
    for _ in 0..dice.below(4) {
        changes.push(mutant.change(&mut dice));
    }
    counts.cases += u64::from(mutant.changed.is_some());
    changes.iter().for_each(|name| counts.other(name));
    if mutant.put_right > 0 {
        counts.other("length put right");
    }
    check(&pair, &mutant, &feed, counts).map_err(|Failure(why)| {
        let Pair { fixture, to, baseline, .. } = pair;
        let by = format!("{}/{}.{}", to.release, to.machine, to.scenario);
        let from = mutant.changed;
        Failure(format!(
            "{why}\n{} into {by}, feed {feed}, {changes:?}, changed from {from:x?} on; {baseline:?}",
            fixture.id()
        ))
    })
}

fn check(pair: &Pair, mutant: &Mutant<'_>, feed: &Feed, counts: &mut Counts) -> Outcome {
    let loaded = load_bytes(pair.to, &mutant.bytes, feed);
    let (verdict, difference) = verdict::reading(&mutant.map, &loaded);
    counts.verdict(&pair.to.release, verdict);
    let fail = |why: &str| {
        let told = loaded.refused.as_ref().map_or("accepted".to_string(), |e| e.to_string());
        let at = difference.as_ref().map_or(loaded.stopped, |d| d.offset);
        let around = |map| oracle::around(&mutant.bytes, map, at);
        let (written, read) = (around(&mutant.map), around(&loaded.map));
        Err(Failure(format!(
            "{why}; {told}; {difference:?}\n--- written\n{written}--- read\n{read}"
        )))
    };
    if let Err(why) = oracle::bounds(mutant.bytes.len(), &loaded) {
        return fail(&why);
    }
    if !loaded.gave_up.is_empty() && *feed != Feed::Bulk {
        // A look-ahead that fell short parts it from how the unchanged stream is read, in bulk.
        counts.explained(Cause::SingleRefill.name(), "a look-ahead gave up");
        return Ok(());
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
    // An item is another if a byte of it is. Only a look-ahead sees what is behind its place.
    let items = difference.iter().flat_map(|d| [&d.written, &d.read]).flatten();
    let end = items.map(|item| item.offset + item.len).max().unwrap_or(offset);
    let looks = mutant.bytes.get(offset as usize) == Some(&SUBSECTION);
    let reach = if looks { end.max(offset + LOOK_AHEAD) } else { end };
    if pair.baseline.parts != Some(offset) && reach <= changed {
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
