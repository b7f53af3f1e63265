//! The same bytes, whole or damaged, in one piece and under any other feed: for loaders that
//! refill until they have what they want, nothing may depend on the feed.

use crate::fuzzing::ambiguity::{Cause, Truth};
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::edit::edit;
use crate::fuzzing::generate::case::{Case, Decoders, with_case};
use crate::fuzzing::{Failure, Outcome, oracle};
use crate::stream::{Loaded, load_tersely};
use crate::trace::verdict;
use crate::wire::{Feed, Refill, Span};

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    with_case(bytes, 2, counts, damaged)
}

fn damaged(
    case: &Case<'_>,
    decoders: &mut Decoders<'_>,
    dice: &mut Dice<'_>,
    counts: &mut Counts,
) -> Outcome {
    let edit = edit(&case.written, dice);
    let (edited, at) = (edit.written, edit.at);
    let mut stream = edited.bytes;
    for _ in 0..dice.below(3) {
        // Any byte of the first 64 KiB.
        let at = dice.below(256) << 8 | dice.below(256);
        let length = stream.len();
        if let Some(byte) = at.checked_rem(length).and_then(|at| stream.get_mut(at)) {
            *byte = dice.byte();
        }
    }
    let feed = match dice.below(2) {
        0 => case.feed.clone(),
        _ => Feed::Random(u64::from(dice.byte())),
    };
    let truth = Truth { bytes: &stream, map: &edited.map, source: case.source, edited: at };
    decoders.each(|to| {
        let whole = load_tersely(to.compiled, &stream, &Feed::Bulk);
        let pieces = load_tersely(to.compiled, &stream, &feed);
        let verdict = verdict::outline(&edited.map, &pieces).0;
        counts.verdict(to.rules, verdict);
        let refused = pieces.refused.as_ref().map_or("accepted", |error| error.kind.class());
        counts.class(&[to.rules, verdict.name(), refused].map(str::as_bytes));
        for loaded in [&whole, &pieces] {
            if let Err(why) = oracle::bounds(stream.len(), loaded) {
                let text = oracle::report(&why, truth, to, &feed, loaded, None, None);
                return Err(Failure(text));
            }
        }
        match differs(&whole, &pieces) {
            None => Ok(()),
            Some(_) if to.expected.look_ahead == Refill::Once && gives_up(&pieces, &whole) => {
                let what = "the outcome hangs on the feed";
                counts.explained(Cause::SingleRefill.name(), what);
                if counts.strict.forbids(Cause::SingleRefill) {
                    return Err(Failure(format!("{what}\n{feed}: {}", outcome(&pieces))));
                }
                Ok(())
            }
            Some(what) => {
                let why = format!("{what} hangs on the feed\nbulk: {}", outcome(&whole));
                let mut text = oracle::report(&why, truth, to, &feed, &pieces, None, None);
                let at = first_difference(&whole, &pieces);
                for (title, loaded) in [("in bulk", &whole), ("in pieces", &pieces)] {
                    let around = oracle::around(&stream, &loaded.map, at);
                    text.push_str(&format!("--- {title}, around {at:#x}\n{around}"));
                }
                Err(Failure(text))
            }
        }
    })
}

/// Whether the two part no sooner than where a look-ahead of one of them gave up on a short read.
/// Both got there, wherever a refusal lies: a tree that is too long is refused at its count.
fn gives_up(one: &Loaded<'_>, other: &Loaded<'_>) -> bool {
    let Some(at) = one.gave_up.iter().chain(&other.gave_up).min().copied() else { return false };
    fn before<'l>(loaded: &'l Loaded<'_>, at: u64) -> impl Iterator<Item = &'l Span<'l>> {
        loaded.map.spans().iter().filter(move |span| span.offset + span.len <= at)
    }
    let parted = one.stopped.min(other.stopped);
    at <= parted && before(one, at).eq(before(other, at))
}

fn outcome(loaded: &Loaded<'_>) -> String {
    match &loaded.refused {
        Some(error) => format!("refused: {error}"),
        None => format!("accepted at byte {}", loaded.stopped),
    }
}

/// Where the items of two loads of the same bytes begin to differ.
fn first_difference(one: &Loaded<'_>, other: &Loaded<'_>) -> u64 {
    let (one, other) = (one.map.spans(), other.map.spans());
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let end = one.last().map_or(0, |span| span.offset + span.len);
    one.get(same).or(other.get(same)).map_or(end, |span| span.offset)
}

fn differs(one: &Loaded<'_>, other: &Loaded<'_>) -> Option<&'static str> {
    if one.refused != other.refused {
        Some("the refusal")
    } else if one.stopped != other.stopped {
        Some("the end of reading")
    } else if one.map.spans() != other.map.spans() {
        Some("the meaning of a byte")
    } else {
        None
    }
}
