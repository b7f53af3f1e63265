//! The second opinion on captured streams: right about all that are unchanged, and about a fault that
//! nothing else finds in a stream without footers.

use super::*;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::mutate::Mutant;
use crate::fuzzing::pool::{Pair, pool};
use crate::fuzzing::targets::fixture_mutate::{protocol, second_opinion};
use crate::fuzzing::window::cut;
use crate::stream::load_tersely;
use crate::trace::verdict;
use crate::wire::Feed;
use crate::wire::fault::{Fault, plant};

fn pairs() -> impl Iterator<Item = Pair> {
    let pool = pool().unwrap();
    (0..pool.pairs()).filter_map(|number| pool.pair(number))
}

/// Each fixture into each destination of its machine: what is known of it is so.
#[test]
fn unchanged_streams_are_read_as_it_says() {
    let (mut agree, mut part, mut refused, mut open) = (0, 0, 0, 0);
    for pair in pairs() {
        let (original, to) = (pair.original, pair.to);
        let unknown = Baseline { accepted: true, stopped: u64::MAX, diverges: None };
        let loaded = load_tersely(to, &original.stream, &Feed::Bulk);
        let (_, diverges) = verdict::outline(&original.map, &loaded);
        // Of records that are not followed it is known how they are read.
        let (stopped, accepted) = (loaded.stopped, loaded.refused.is_none());
        let baseline = if accepted && diverges.is_none() {
            unknown
        } else {
            Baseline { accepted, stopped, diverges }
        };
        let opinion = follow(&original.stream, &original.map, to, None, baseline);
        let holds = opinion.holds(original.stream.len(), &loaded, diverges);
        let id = pair.fixture.id();
        assert_eq!(holds, Ok(()), "{id} into {}: {opinion:?}, {:?}", to.release, loaded.refused);
        match opinion.prediction {
            Prediction::Agrees => agree += 1,
            Prediction::Diverges { .. } => part += 1,
            Prediction::Refuses { .. } => refused += 1,
            Prediction::Open(_) => open += 1,
        }
    }
    assert!(
        agree > 10 && part > 10 && refused > 10,
        "{agree} agree, {part} part, {refused} refused, {open} open"
    );
}

/// In a stream without footers, behind a change: a section that is sent as of an older version than its
/// fields are must part from what was written where the descriptions say. A decoder that reads it all the same
/// is noticed, although nothing in the protocol does.
#[test]
fn a_fault_behind_a_change_is_seen_without_footers() {
    let (mut held, mut seen) = (0, 0);
    for pair in pairs() {
        let own = pair.to.release == pair.fixture.release;
        if !own || pair.to.dialect.footers {
            continue;
        }
        for at in 0..pair.original.records {
            let part = cut(pair.original, at, 1);
            let Some(header) = part.map.spans().iter().find(|s| s.name == "section header") else {
                continue;
            };
            let place = (header.offset + header.len) as usize - 1;
            let mut mutant = Mutant::new(part.stream.clone(), part.map.clone(), &[]);
            if mutant.bytes[place] < 2 {
                continue;
            }
            mutant.bytes[place] -= 1;
            mutant.changed = Some(place as u64);
            let baseline = Baseline::of(&part.stream, &part.map, pair.to);
            let judge = || {
                let loaded = load_tersely(pair.to, &mutant.bytes, &Feed::Bulk);
                let (verdict, diverges) = verdict::outline(&mutant.map, &loaded);
                let mut counts = Counts::default();
                let alone =
                    protocol(pair.to, baseline, &mutant, &loaded, (verdict, diverges), &mut counts);
                (alone, second_opinion(pair.to, baseline, &mutant, &loaded, diverges))
            };
            let (alone, second) = judge();
            assert_eq!(alone, Ok(()), "{}", pair.fixture.id());
            assert!(second.is_ok(), "{}, record {at}: {second:?}", pair.fixture.id());
            held += u64::from(matches!(second, Ok(Prediction::Diverges { .. })));
            let _planted = plant(Fault::LaterFieldsRead);
            let (alone, second) = judge();
            assert_eq!(alone, Ok(()), "{}: the protocol tells it", pair.fixture.id());
            seen += u64::from(second.is_err());
        }
    }
    assert!(held > 10 && seen > 10, "{held} held, {seen} seen");
}

/// A description behind the end is no state: nothing is said of a change in it.
#[test]
fn what_is_behind_the_end_is_not_followed() {
    let described =
        |pair: &Pair| pair.original.map.spans().last().map(|s| s.name) == Some("vmdescription");
    let pair = pairs().find(described).unwrap();
    let (original, baseline) = (pair.original, pool().unwrap().baseline(&pair));
    let span = original.map.spans().last().unwrap();
    for at in [span.offset, span.offset + span.len / 2] {
        let mut mutant = Mutant::new(original.stream.clone(), original.map.clone(), &[]);
        mutant.bytes[at as usize] ^= 1;
        mutant.changed = Some(at);
        let loaded = load_tersely(pair.to, &mutant.bytes, &Feed::Bulk);
        let (_, diverges) = verdict::outline(&mutant.map, &loaded);
        let says = second_opinion(pair.to, baseline, &mutant, &loaded, diverges);
        assert!(says.is_ok(), "{at:#x}: {says:?}");
    }
}
