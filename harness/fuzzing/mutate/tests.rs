//! Changes that a loader takes, and changes that it does not.

use super::*;
use crate::fuzzing::pool::{Pair, pool};
use crate::fuzzing::smoke::input;
use crate::stream::{Loaded, load_bytes};
use crate::wire::map::Item;
use crate::wire::{Feed, Kind};

/// A fixture with footers and a description, loaded where commands are known and nothing is wrong.
fn pair() -> Pair {
    let pool = pool().unwrap();
    let pairs = (0..pool.pairs()).filter_map(|number| pool.pair(number));
    let mut pairs = pairs.filter(|pair| {
        let dialect = &pair.to.dialect;
        dialect.footers && dialect.commands.is_some() && pool.baseline(pair).accepted
    });
    pairs.next().unwrap()
}

/// 3,000 times one change, each loaded: its name, the changed stream, what came of it.
fn changed(pair: &Pair) -> Vec<(&'static str, Mutant<'static, 'static>, Loaded<'static>)> {
    let original = pair.original;
    let mut all = Vec::new();
    for turn in 0..3000 {
        let choices = input(5, turn);
        let mut mutant =
            Mutant::new(original.stream.clone(), original.map.clone(), &original.counted);
        let name = mutant.change(&mut Dice::new(&choices));
        if mutant.changed.is_some() {
            let loaded = load_bytes(pair.to, &mutant.bytes, &Feed::Bulk);
            all.push((name, mutant, loaded));
        }
    }
    all
}

#[test]
fn what_a_writer_would_fix_up_is_fixed_up_half_of_the_time() {
    let all = changed(&pair());
    let refusals = |name: &str| -> Vec<Option<Kind>> {
        let of_name = all.iter().filter(|(of, ..)| *of == name);
        of_name.map(|(.., loaded)| loaded.refused.as_ref().map(|e| e.kind.clone())).collect()
    };
    let accepted = |found: &[Option<Kind>]| found.iter().filter(|kind| kind.is_none()).count();
    let (right, wrong) =
        (refusals("section: renumbered, footer too"), refusals("section: renumbered"));
    assert!(accepted(&right) > 3, "{right:?}");
    assert!(wrong.len() > 3 && accepted(&wrong) <= accepted(&right), "{wrong:?}");
    let unknown = |found: &[Option<Kind>]| {
        let unknown = |kind: &&Option<Kind>| matches!(kind, Some(Kind::UnknownSection { .. }));
        found.iter().filter(unknown).count()
    };
    let right = refusals("section: renamed, length too");
    // But for a NUL put behind a name, where it ends anyway.
    assert!(unknown(&right) > 3 && right.len() - unknown(&right) < 3, "{right:?}");
    for name in ["section: renamed", "subsection: renamed", "subsection: renamed, length too"] {
        assert!(refusals(name).len() > 3, "{name}");
    }
}

#[test]
fn lengths_around_a_change_are_fixed_up_half_of_the_time() {
    let all = changed(&pair());
    let names = ["field: bytes inside", "field: bytes gone"];
    let mut seen = [0, 0];
    for (name, mutant, loaded) in all.iter().filter(|(name, ..)| names.contains(name)) {
        let at = mutant.changed.unwrap();
        let span = mutant.map.spans().iter().find(|s| s.offset + s.len >= at).unwrap();
        // Its length itself may be what is changed, or is fixed up.
        if span.name != "vmdescription" || (mutant.fixed_up == 0 && at < span.offset + 5) {
            continue;
        }
        assert!(loaded.refused.is_none(), "{name}: {:?}", loaded.refused);
        let whole = loaded.taken == mutant.bytes.len() as u64 && loaded.stopped == loaded.taken;
        seen[usize::from(mutant.fixed_up > 0)] += 1;
        if mutant.fixed_up > 0 {
            assert!(whole, "{name} at {at}: stopped at {}", loaded.stopped);
        }
    }
    assert!(seen.iter().all(|n| *n > 1), "{seen:?}");
    let accepted = |name: &str| {
        let of_name = all.iter().filter(|(of, ..)| *of == name);
        let (good, bad): (Vec<_>, Vec<_>) = of_name.partition(|(.., l)| l.refused.is_none());
        (good.len(), bad.len())
    };
    let (right, wrong) = (accepted("section: packed"), accepted("section: packed, other length"));
    assert!(right.0 > 3 && wrong.1 > 3, "{right:?}, {wrong:?}");
}

/// Machine name, command, package and description, each with what its length covers.
#[test]
fn lengths_cover_what_they_count() {
    let configuration = b"\x07\0\0\0\x02pc";
    let package = lengths::package(6);
    let stream = [&configuration[..], &package, b"\x04devs\0", b"\x06\0\0\0\x03{ }"].concat();
    let mut map = Map::new();
    for (name, at, len) in [("configuration", 0, 7), ("command", 7, 9), ("vmdescription", 22, 8)] {
        map.note(Item::framing(name), at, len);
    }
    let all = Length::all(&stream, &map);
    let (old, new) = (stream.len() as u64, stream.len() as u64 + 2);
    let grown = |place: u64| -> Vec<(u64, Vec<u8>)> {
        let grown = |l: &Length| l.after(place, old, new).map(|bytes| (l.at, bytes));
        all.iter().filter_map(grown).collect()
    };
    assert_eq!(grown(5), [(1, vec![0, 0, 0, 4])]);
    assert_eq!(grown(7), [(1, vec![0, 0, 0, 4])], "at the end of the name");
    assert_eq!(grown(8), []);
    assert_eq!(grown(12), [(10, vec![0, 6])], "inside the command's own data");
    assert_eq!(grown(16), [(10, vec![0, 6]), (12, vec![0, 0, 0, 8])]);
    assert_eq!(grown(22), [(12, vec![0, 0, 0, 8])]);
    assert_eq!(grown(30), [(23, vec![0, 0, 0, 5])]);
    let shrunk = |place: u64, by: u64| -> Vec<Vec<u8>> {
        all.iter().filter_map(|l| l.after(place, old, old - by)).collect()
    };
    assert_eq!(shrunk(5, 2), [[0, 0, 0, 0]]);
    assert_eq!(shrunk(5, 3), Vec::<Vec<u8>>::new(), "more than it covers");
    let full = Length { at: 0, width: 2, value: 0xffff };
    assert_eq!(full.after(4, 10, 11), None, "does not fit");
}

/// Also where an earlier change has made a length say more than there is.
#[test]
fn a_change_lies_in_the_stream() {
    let pair = pair();
    let original = pair.original;
    for turn in 0..3000 {
        let choices = input(6, turn);
        let mut dice = Dice::new(&choices);
        let mut mutant =
            Mutant::new(original.stream.clone(), original.map.clone(), &original.counted);
        let names: Vec<_> = (0..4).map(|_| mutant.change(&mut dice)).collect();
        let size = mutant.bytes.len() as u64;
        assert!(mutant.changed <= Some(size), "{names:?}: {:?} of {size}", mutant.changed);
        let end = mutant.map.spans().last().map_or(0, |s| s.offset + s.len);
        assert!(end <= size, "{names:?}: mapped to {end} of {size}");
    }
}
