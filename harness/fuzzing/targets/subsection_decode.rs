//! A made-up source encodes; a destination that evolved from it decodes, by every dialect's rules.

use crate::dialect::Version;
use crate::fuzzing::Outcome;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::generate::evolve::evolve;
use crate::fuzzing::generate::stream::{self, Framing, Written};
use crate::fuzzing::generate::values::Generated;
use crate::fuzzing::generate::{Features, Side};
use crate::fuzzing::oracle::{self, To};
use crate::stream::{Destination, load};
use crate::wire::Feed;

/// The sets of rules that differ in how subsections are found.
pub const RULES: [(&str, Version); 5] = [
    ("0.12", Version::new(0, 12, 5)),
    ("0.13", Version::new(0, 13, 0)),
    ("0.14", Version::new(0, 14, 1)),
    ("1.0", Version::new(1, 0, 1)),
    ("2.1", Version::new(10, 0, 0)),
];

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    counts.executions += 1;
    let mut dice = Dice::new(bytes);
    let mut features = Features::default();
    let framing = Framing::choose(&mut dice, &mut features);
    let feed = feed(&mut dice);
    let mut source = stream::source(&mut dice, &mut features);
    let mut destination = source.clone();
    evolve(&mut source, &mut destination, &mut dice, &mut features);
    let Some((by, mut to)) = compile(&source, &destination, counts) else { return Ok(()) };
    let by = Destination { dialect: framing.dialect(by.version), ..by };
    let mut values = Generated::new(&mut dice, &mut features, &by.set, &destination.tables);
    let written = match stream::write(&by, source.handlers.handlers.len(), framing, &mut values) {
        Ok(written) => written,
        Err(_) => {
            counts.other("not writable");
            return Ok(());
        }
    };
    counts.cases += 1;
    counts.features.0 |= features.0;
    for (rules, version) in RULES {
        to.dialect = framing.dialect(version);
        decode(&written, &source, To { rules, side: &destination, compiled: &to }, &feed, counts)?;
    }
    Ok(())
}

fn decode(
    written: &Written<'_>,
    source: &Side,
    to: To<'_>,
    feed: &Feed,
    counts: &mut Counts,
) -> Outcome {
    let loaded = load(to.compiled, &mut &written.bytes[..], feed);
    oracle::check(oracle::truth(written, source), to, feed, &loaded, counts)
}

/// Both sides compiled, unless the generator made what cannot be.
fn compile(
    source: &Side,
    destination: &Side,
    counts: &mut Counts,
) -> Option<(Destination, Destination)> {
    match (source.compile(), destination.compile()) {
        (Ok(source), Ok(destination)) => Some((source, destination)),
        _ => {
            counts.other("not compiled");
            None
        }
    }
}

/// A feed that every prediction can follow.
pub(super) fn feed(dice: &mut Dice<'_>) -> Feed {
    match dice.below(4) {
        0 | 1 => Feed::Bulk,
        2 => Feed::Trickle(1 + dice.below(32)),
        _ => {
            let count = 1 + dice.below(4);
            Feed::Schedule((0..count).map(|_| 1 + dice.below(40)).collect())
        }
    }
}
