//! Source and destination of a case, made and compiled once for the choices that determine them, and
//! cached: a fuzzer changes the values after these choices far more often than the choices themselves.

use std::cell::RefCell;
use std::collections::HashMap;

use super::evolve::evolve;
use super::{Feature, Features, Side, stream};
use crate::fuzzing::dice::Dice;
use crate::stream::Destination;

/// Most pairs that are kept: some 30 KB each.
const MOST: usize = 2048;

/// A writer, and a reader that is or was the same.
#[derive(Debug)]
pub struct Pair {
    /// The writer.
    pub source: Side,
    /// The reader.
    pub destination: Side,
    /// The writer, compiled.
    pub by: Destination,
    /// The reader, compiled.
    pub to: Destination,
    /// What both make use of.
    pub features: Features,
    /// Whether the reader has evolved from the writer.
    pub evolves: bool,
}

impl Pair {
    /// Makes both sides; in one of `often` cases the destination evolves. `None` if the generator made
    /// something that does not compile.
    fn make(shape: &[u8], often: u8) -> Option<Self> {
        let (mut dice, mut features) = (Dice::new(shape), Features::default());
        let evolves = dice.one_in(usize::from(often));
        let mut source = stream::source(&mut dice, &mut features);
        let mut destination = source.clone();
        if evolves {
            evolve(&mut source, &mut destination, &mut dice, &mut features);
            if dice.one_in(3) && destination.is_sound() {
                features.add(Feature::NewerToOlder);
                std::mem::swap(&mut source, &mut destination);
                // Nobody writes what only an old loader reads.
                source.tables.vmsd.values_mut().for_each(|vmsd| vmsd.old = None);
            }
        }
        let (by, to) = (source.compile().ok()?, destination.compile().ok()?);
        Some(Pair { source, destination, by, to, features, evolves })
    }
}

/// One pair in the cache; none where the choices come to nothing.
#[derive(Debug)]
struct Entry {
    pair: Option<Box<Pair>>,
    /// Whether it was asked for once more since room was made.
    again: bool,
}

/// Pairs that were made.
#[derive(Debug, Default)]
struct Cache {
    pairs: HashMap<Vec<u8>, Entry>,
    /// Of the pair that is asked for.
    key: Vec<u8>,
}

impl Cache {
    fn get(&mut self, shape: &[u8], often: u8) -> Option<&mut Pair> {
        self.key.clear();
        self.key.push(often);
        self.key.extend_from_slice(shape);
        if let Some(entry) = self.pairs.get_mut(&self.key) {
            entry.again = true;
        } else {
            self.make_room();
            let pair = Pair::make(shape, often).map(Box::new);
            self.pairs.insert(self.key.clone(), Entry { pair, again: false });
        }
        self.pairs.get_mut(&self.key)?.pair.as_deref_mut()
    }

    /// Most choices are tried once; those of inputs that a fuzzer goes on from come back.
    fn make_room(&mut self) {
        if self.pairs.len() < MOST {
            return;
        }
        self.pairs.retain(|_, entry| std::mem::take(&mut entry.again));
        if self.pairs.len() > MOST / 4 * 3 {
            self.pairs.clear();
        }
    }
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// Runs `body` on the pair that these choices make; see `Pair::make`.
pub fn with<T>(shape: &[u8], often: u8, body: impl FnOnce(Option<&mut Pair>) -> T) -> T {
    CACHE.with_borrow_mut(|cache| body(cache.get(shape, often)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When there is no room any more, what came back is kept once more, and the rest goes.
    #[test]
    fn pairs_that_come_back_are_kept() {
        let mut cache = Cache::default();
        let mut ask = |number: usize| {
            cache.get(&(number as u32).to_be_bytes(), 0);
            let has = |number: usize| {
                let key = [&[0][..], &(number as u32).to_be_bytes()].concat();
                cache.pairs.contains_key(&key)
            };
            ([0, 1].map(has), cache.pairs.len())
        };
        ask(0);
        ask(1);
        assert_eq!(ask(1), ([true, true], 2));
        for number in 2..MOST {
            ask(number);
        }
        assert_eq!(ask(MOST), ([false, true], 2));
        // It did not come back since.
        for number in MOST + 1..2 * MOST - 1 {
            ask(number);
        }
        assert_eq!(ask(2 * MOST), ([false, false], 1));
    }

    /// All of them came back: none is kept, as there would be room for few.
    #[test]
    fn room_is_made_where_all_came_back() {
        let mut cache = Cache::default();
        for number in 0..MOST as u32 {
            for _ in 0..2 {
                cache.get(&number.to_be_bytes(), 0);
            }
        }
        cache.get(&[9; 5], 0);
        assert_eq!(cache.pairs.len(), 1);
    }
}
