//! A captured stream with structure-aware changes, under any feed, loaded into any destination,
//! mostly one of its machine; the original's meaning, moved along with the bytes, is the truth.

use crate::fuzzing::ambiguity::{Cause, Prediction};
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::follow::{Baseline, follow};
use crate::fuzzing::mutate::Mutant;
use crate::fuzzing::pool::{Pair, pool};
use crate::fuzzing::{Failure, Outcome, oracle, window};
use crate::stream::{Destination, Loaded, load_tersely};
use crate::trace::{Verdict, compare, verdict};
use crate::vmstate::flow::SUBSECTION;
use crate::wire::Feed;

/// How far a look-ahead reaches: what is read there can depend on bytes so far behind it.
const LOOK_AHEAD: u64 = 2 + 255;
/// One in so many streams is a whole one.
const WHOLE: usize = 64;
/// Most changes of one stream.
const CHANGES: usize = 3;

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    counts.begin();
    let mut dice = Dice::new(bytes);
    let Some(pool) = pool() else { return Err(Failure("the corpus cannot be used".to_string())) };
    let number = dice.index(pool.pairs());
    let pair = match (dice.one_in(8), pool.fixture_of(number)) {
        (true, Some(fixture)) => pool.crossed(fixture, dice.index(pool.destinations())),
        _ => pool.pair(number),
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
    // The whole of it costs a hundred times as much.
    let window = (!dice.one_in(WHOLE)).then(|| window::choose(&pair, &mut dice));
    let (original, baseline) = match &window {
        Some(window) => (&window.original, window.baseline),
        None => (pair.original, pool.baseline(&pair)),
    };
    let mut mutant = Mutant::new(original.stream.clone(), original.map.clone(), &original.counted);
    let mut changes = [""; CHANGES];
    let count = dice.below(CHANGES + 1);
    for name in changes.iter_mut().take(count) {
        *name = mutant.change(&mut dice);
        counts.other(name);
    }
    counts.cases += u64::from(mutant.changed.is_some());
    if mutant.fixed_up > 0 {
        counts.other("length fixed up");
    }
    check(&pair, baseline, &mutant, &feed, counts).map_err(|Failure(why)| {
        let Pair { fixture, to, .. } = pair;
        let by = format!("{}/{}.{}", to.release, to.machine, to.scenario);
        let from = mutant.changed;
        let part = if window.is_some() { "part of " } else { "" };
        Failure(format!(
            "{why}\n{part}{} into {by}, feed {feed}, {changes:?}, changed from {from:x?} on; {baseline:?}",
            fixture.id()
        ))
    })
}

/// What descriptions say of a changed stream that was loaded, of which reading `diverges` from what was
/// written.
///
/// # Errors
/// What does not fit, in words.
pub fn second_opinion(
    to: &Destination,
    baseline: Baseline,
    mutant: &Mutant<'_, '_>,
    loaded: &Loaded<'_>,
    diverges: Option<u64>,
) -> Result<Prediction, String> {
    let opinion = follow(&mutant.bytes, &mutant.map, to, mutant.changed, baseline);
    let held = opinion.holds(mutant.bytes.len(), loaded, diverges);
    held.map(|()| opinion.prediction).map_err(|why| format!("{why}: {opinion:x?}"))
}

fn check(
    pair: &Pair,
    baseline: Baseline,
    mutant: &Mutant<'_, '_>,
    feed: &Feed,
    counts: &mut Counts,
) -> Outcome {
    let loaded = load_tersely(pair.to, &mutant.bytes, feed);
    let (verdict, diverges) = verdict::outline(&mutant.map, &loaded);
    counts.verdict(&pair.to.release, verdict);
    let refused = loaded.refused.as_ref().map_or("accepted", |error| error.kind.class());
    let section = loaded.sections.last().map_or(0, |section| section.handler);
    let words = [&pair.to.release, verdict.name(), refused].map(str::as_bytes);
    let [release, verdict_name, refused] = words;
    counts.class(&[release, verdict_name, refused, &section.to_be_bytes()]);
    let fail = |why: &str| {
        let outcome = loaded.refused.as_ref().map_or("accepted".to_string(), |e| e.to_string());
        let difference = diverges.map(|at| compare::difference(&mutant.map, &loaded.map, at));
        let at = diverges.unwrap_or(loaded.stopped);
        let around = |map| oracle::around(&mutant.bytes, map, at);
        let (written, read) = (around(&mutant.map), around(&loaded.map));
        Err(Failure(format!(
            "{why}; {outcome}; {difference:?}\n--- written\n{written}--- read\n{read}"
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
    let Some(changed) = mutant.changed else {
        let (accepted, stopped) = (loaded.refused.is_none(), loaded.stopped);
        let same = baseline == Baseline { diverges, accepted, stopped };
        return if same { Ok(()) } else { fail("an unchanged stream is read otherwise") };
    };
    if loaded.stopped + LOOK_AHEAD < changed
        && (loaded.stopped, loaded.refused.is_none()) != (baseline.stopped, baseline.accepted)
    {
        return fail("ended otherwise, before it came to the change");
    }
    match second_opinion(pair.to, baseline, mutant, &loaded, diverges) {
        Ok(prediction) => counts.other(prediction.label()),
        Err(why) => return fail(&why),
    }
    protocol(pair.to, baseline, mutant, &loaded, (verdict, diverges), counts).or_else(fail)
}

/// What the protocol alone says: nothing is read otherwise before the change, nor past a footer.
///
/// # Errors
/// What does not fit, in words.
pub fn protocol(
    to: &Destination,
    baseline: Baseline,
    mutant: &Mutant<'_, '_>,
    loaded: &Loaded<'_>,
    (verdict, diverges): (Verdict, Option<u64>),
    counts: &mut Counts,
) -> Result<(), &'static str> {
    let changed = mutant.changed.unwrap_or(u64::MAX);
    let Some(offset) = diverges else { return Ok(()) };
    // An item is another if a byte of it is. Only a look-ahead sees what is behind its place.
    let covering = |map| compare::covering(map, offset).map(|item| item.offset + item.len);
    let end = covering(&mutant.map).max(covering(&loaded.map)).unwrap_or(offset);
    let looks = mutant.bytes.get(offset as usize) == Some(&SUBSECTION);
    let reach = if looks { end.max(offset + LOOK_AHEAD) } else { end };
    if baseline.diverges != Some(offset) && reach <= changed {
        return Err("read otherwise before the change");
    }
    if verdict != Verdict::Misparsed {
        return Ok(());
    }
    let dialect = &to.dialect;
    let cause = if baseline.diverges == Some(offset) { "as unchanged" } else { "edited bytes" };
    match oracle::unnoticed(&mutant.bytes, &mutant.map, dialect, loaded, offset) {
        Some(unnoticed) => {
            counts.explained(cause, unnoticed);
            if counts.strict.forbids(Cause::Edited) { Err("misparsed") } else { Ok(()) }
        }
        None => Err("misparsed past a section footer"),
    }
}
