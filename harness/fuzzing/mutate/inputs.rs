//! The fuzzer's own mutation and crossover of inputs that are streams.

use super::{Mutant, begins_record};
use crate::fuzzing::dice::Dice;
use crate::fuzzing::follow;
use crate::stream::{Destination, load_tersely};
use crate::wire::{Feed, Map};

/// Changes a stream as a destination reads it: for the fuzzer's own mutation of its inputs.
#[must_use]
pub fn mutated(stream: &[u8], by: &Destination, choices: &[u8]) -> Vec<u8> {
    let map = reading(stream, by);
    let counted = follow::counted(stream, &map, by);
    let mut mutant = Mutant::new(stream.to_vec(), map, &counted);
    let mut dice = Dice::new(choices);
    for _ in 0..1 + dice.below(3) {
        mutant.change(&mut dice);
    }
    mutant.bytes
}

/// The beginning of one stream and the rest of another, each with the destination that it is for, cut
/// between items of their records: what comes before these, and the head of a record, is the first one's.
#[must_use]
pub fn crossed(
    one: (&[u8], &Destination),
    other: (&[u8], &Destination),
    choices: &[u8],
) -> Vec<u8> {
    let mut dice = Dice::new(choices);
    let mut cut = |(stream, by): (&[u8], &Destination), behind: usize| {
        let map = reading(stream, by);
        let spans = map.spans();
        let first = spans.iter().position(begins_record);
        let spans = first.and_then(|first| spans.get(first + behind..)).unwrap_or(&[]);
        spans.get(dice.index(spans.len())).map_or(stream.len(), |span| span.offset as usize)
    };
    let (head, tail) = (cut(one, 1), cut(other, 0));
    let head = one.0.get(..head).unwrap_or(one.0);
    [head, other.0.get(tail..).unwrap_or(&[])].concat()
}

fn reading<'d>(stream: &[u8], by: &'d Destination) -> Map<'d> {
    load_tersely(by, stream, &Feed::Bulk).map
}
