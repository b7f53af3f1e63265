//! A part of a captured stream: header and configuration, some of its records in a row, its end. A
//! loader does not ask for sections that are missing, so it is a stream like any other, and a hundred
//! times as many are loaded in a second as of the whole.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::dice::Dice;
use super::follow::Baseline;
use super::mutate::counted::Counted;
use super::mutate::records;
use super::pool::{Original, Pair};
use crate::stream::record;
use crate::wire::fault::without_faults;
use crate::wire::map::Piece;

/// Most records of a window.
const RECORDS: usize = 6;
/// Most bytes of all windows that are kept, with what is known of them.
const MOST: usize = 64 << 20;
/// Bytes that a window takes beside its own, for each of them.
const WITH_MAP: usize = 16;

/// A window, and how a destination reads it unchanged.
#[derive(Debug)]
pub struct Window {
    /// Bytes and meaning.
    pub original: Original,
    /// How it is read.
    pub baseline: Baseline,
}

/// Windows that were made, by fixture, destination, first record and number of records.
#[derive(Debug, Default)]
struct Cache {
    windows: HashMap<[usize; 4], Rc<Window>>,
    bytes: usize,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// The window of a pair that the dice choose.
#[must_use]
pub fn choose(pair: &Pair, dice: &mut Dice<'_>) -> Rc<Window> {
    let (first, count) = (dice.index(pair.original.records), 1 + dice.below(RECORDS));
    let key = [pair.numbers.0, pair.numbers.1, first, count];
    CACHE.with_borrow_mut(|cache| {
        if let Some(window) = cache.windows.get(&key) {
            return Rc::clone(window);
        }
        let original = cut(pair.original, first, count);
        let baseline = without_faults(|| Baseline::of(&original.stream, &original.map, pair.to));
        let size = original.stream.len().saturating_mul(WITH_MAP);
        if cache.bytes + size > MOST {
            *cache = Cache::default();
        }
        cache.bytes += size;
        let window = Rc::new(Window { original, baseline });
        cache.windows.insert(key, Rc::clone(&window));
        window
    })
}

/// The records from number `first` on, `count` of them or as many as there are.
#[must_use]
pub fn cut(original: &Original, first: usize, count: usize) -> Original {
    let size = original.stream.len() as u64;
    let all = records(&original.map, size);
    let is_end = |at: u64| original.stream.get(at as usize) == Some(&record::EOF);
    let (start, end) =
        (all.first().map_or(size, |r| r.start), all.iter().find(|r| is_end(r.start)));
    let end = end.map_or(size..size, |r| r.start..r.start + 1);
    let rows = all.iter().skip(first).take(count).filter(|r| r.start < end.start);
    let mut pieces = vec![Piece::Kept(0..start)];
    pieces.extend(rows.map(|r| Piece::Kept(r.start..r.end.min(end.start))));
    pieces.push(Piece::Kept(end));
    let stream = super::mutate::paste(&original.stream, &pieces, &[]);
    let map = original.map.cut(&pieces);
    let records = records(&map, stream.len() as u64).len();
    let counted = Counted::cut(&original.counted, &pieces);
    Original { stream, map, records, counted }
}
