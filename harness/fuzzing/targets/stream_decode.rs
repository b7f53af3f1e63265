//! Any bytes into any destination of the corpus: two bytes choose the destination.

use crate::fuzzing::counters::Counts;
use crate::fuzzing::pool::pool;
use crate::fuzzing::{Failure, Outcome, mutate, oracle};
use crate::stream::{Destination, Loaded, load_tersely, save};
use crate::trace::Verdict;
use crate::wire::{Feed, Kind, Refill};

/// Bytes that choose the destination.
pub const HEAD: usize = 2;

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    counts.begin();
    let Some((to, stream)) = choose(bytes) else {
        counts.other("no destination");
        return Ok(());
    };
    let whole = load_tersely(to, stream, &Feed::Bulk);
    // A stream whose first record is none has shown nothing.
    counts.cases += u64::from(!whole.sections.is_empty());
    let verdict = match &whole.refused {
        None => Verdict::Faithful,
        Some(error) if matches!(error.kind, Kind::Undefined(_) | Kind::Undetermined(_)) => {
            Verdict::Undetermined
        }
        Some(error) => {
            counts.refused(error.kind.class());
            Verdict::Refused
        }
    };
    let refused = whole.refused.as_ref().map_or("accepted", |error| error.kind.class());
    let section = whole.sections.last().map_or(&[][..], |section| &section.idstr);
    counts.class(&[to.release.as_bytes(), refused.as_bytes(), section]);
    // Of an accepted stream nobody knows the truth: as it was read is what it says.
    counts.verdict(&to.release, verdict);
    let fail = |why: &str| {
        let outcome = whole.refused.as_ref().map_or("accepted".to_string(), |e| e.to_string());
        let around = oracle::around(stream, &whole.map, whole.stopped.saturating_sub(1));
        Err(Failure(format!(
            "{why}: {}/{}.{}; {outcome}\n--- where it stopped, at {:#x}\n{around}",
            to.release, to.machine, to.scenario, whole.stopped
        )))
    };
    if let Err(why) = oracle::bounds(stream.len(), &whole) {
        return fail(&why);
    }
    // Every other one: it is a load more.
    if to.dialect.look_ahead == Refill::Full && stream.len().is_multiple_of(2) {
        let size = stream.len();
        let feed =
            if size.is_multiple_of(4) { Feed::Trickle(7) } else { Feed::Random(size as u64) };
        let pieces = load_tersely(to, stream, &feed);
        if pieces.refused != whole.refused || pieces.map.spans() != whole.map.spans() {
            return fail("the outcome hangs on the feed");
        }
    }
    if whole.refused.is_none() {
        match save::save_again(to, &whole, stream) {
            Ok((again, _)) if again == stream => counts.other("saved again"),
            Ok((again, _)) => {
                let reread = load_tersely(to, &again, &Feed::Bulk);
                if !values(&reread, &again).eq(values(&whole, stream)) {
                    return fail("saved again otherwise");
                }
                counts.other("saved again, shorter names");
            }
            // What was left half read is not a state that anybody had.
            Err(_) if !whole.ignored.is_empty() => counts.other("a refusal that was ignored"),
            Err(error) => return fail(&format!("not saved again ({error})")),
        }
    }
    Ok(())
}

/// The items of a load with their bytes. The name of a subsection is compared up to its NUL, and
/// what is behind that is not kept: of such a record the version, its last four bytes.
fn values<'m>(
    loaded: &'m Loaded<'_>,
    stream: &'m [u8],
) -> impl Iterator<Item = (u64, Option<&'m [u8]>)> {
    loaded.map.spans().iter().map(|span| {
        let kept = if span.info == "subsection" { span.len.min(4) } else { span.len };
        let end = usize::try_from(span.offset + span.len).ok();
        let bytes = end.and_then(|end| stream.get(end.checked_sub(kept as usize)?..end));
        (span.identity, bytes)
    })
}

/// The destination that an input chooses, and the stream for it.
fn choose(bytes: &[u8]) -> Option<(&'static Destination, &[u8])> {
    let pool = pool()?;
    let (head, stream) = bytes.split_first_chunk::<HEAD>()?;
    let number = usize::from(u16::from_be_bytes(*head)).checked_rem(pool.destinations())?;
    Some((pool.destination(number)?, stream))
}

/// Changes an input by its structure: the custom mutator.
#[must_use]
pub fn mutate(bytes: &[u8], choices: &[u8]) -> Vec<u8> {
    let Some((to, stream)) = choose(bytes) else { return bytes.to_vec() };
    let mut mutated = bytes.get(..HEAD).unwrap_or(&[]).to_vec();
    mutated.extend(mutate::inputs::mutated(stream, to, choices));
    mutated
}

/// Crosses two inputs between items of their streams: the custom crossover.
#[must_use]
pub fn cross(one: &[u8], other: &[u8], choices: &[u8]) -> Vec<u8> {
    let (Some((to, stream)), Some((by, rest))) = (choose(one), choose(other)) else {
        return other.to_vec();
    };
    let mut crossed = one.get(..HEAD).unwrap_or(&[]).to_vec();
    crossed.extend(mutate::inputs::crossed((stream, to), (rest, by), choices));
    crossed
}
