//! The second level: what a downstream of a downstream has of its own is asked for by both names.

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::lab::designs::Evolution;
use crate::lab::designs::evolve::{self, Case};
use crate::lab::designs::model::{Device, Id};
use crate::lab::designs::run::{Tried, damaged};
use crate::lab::designs::sink::{Truth, Verdict};

const A: &str = "org.qemu:A";
const X: &str = "com.example:X";
const Y: &str = "com.example/net.example:Y";
/// What the second level calls as its vendor calls X.
const Y_AS_X: &str = "com.example/net.example:X";

/// A device that has a field of each of these features, each of one byte.
fn machine(features: &[&str]) -> Machine {
    let fields = features.iter().map(|feature| Field {
        name: feature.rsplit(':').next().unwrap_or_default().to_string(),
        id: feature
            .bytes()
            .fold(7, |id: Id, byte| id.wrapping_mul(31).wrapping_add(Id::from(byte))),
        since: 0,
        linear: 0,
        feature: Some((*feature).to_string()),
        generation: 0,
        kind: Kind::Bytes(1),
    });
    let desc = Desc {
        name: "dev".to_string(),
        prefix: "dev".to_string(),
        version: 1,
        minimum: 1,
        linear: 1,
        linear_minimum: 1,
        base: 1,
        fields: fields.collect(),
        optional: Vec::new(),
    };
    Machine { devices: vec![Device { id: 1, desc }], generation: 0, new_type: true }
}

#[rstest::rstest]
#[case::second_to_downstream(&[A, X, Y], &[A, X, Y], &[A, X], Some("com.example/net.example.Y"))]
#[case::y_not_in_use(&[A, X, Y], &[A, X], &[A, X], None)]
#[case::a_and_y_without_x(&[A, Y], &[A, Y], &[A, X, Y], None)]
#[case::x_left_out(&[A, X], &[A, X], &[A, Y], Some("com.example.X"))]
#[case::x_not_in_use(&[A, X], &[A], &[A, Y], None)]
#[case::second_to_upstream(&[A, Y], &[Y], &[A], Some("com.example/net.example.Y"))]
#[case::only_a_in_use(&[A, Y], &[A], &[A], None)]
#[case::upstream_to_second(&[A], &[A], &[A, X, Y], None)]
#[case::one_name_at_two_levels(&[A, Y_AS_X], &[Y_AS_X], &[A, X], Some("com.example/net.example.X"))]
#[case::the_same_the_other_way(&[A, X], &[X], &[A, Y_AS_X], Some("com.example.X"))]
#[case::one_name_not_in_use(&[A, Y_AS_X], &[A], &[A, X], None)]
fn what_is_in_use_decides(
    #[case] from: &[&str],
    #[case] in_use: &[&str],
    #[case] to: &[&str],
    #[case] lacks: Option<&str>,
) {
    let slots = from.iter().map(|f| Slot::Bytes(vec![u8::from(in_use.contains(f))]));
    let states = [State { fields: slots.collect(), optional: Vec::new() }];
    let (from, to) = (machine(from), machine(to));
    let refusal = lacks.map(|key| Refusal::Feature(format!("dev: {key}")));
    assert_eq!(Vendor.ask(&from, &to, &states), refusal);
    // And again by whoever gets it unasked.
    let bytes = Vendor.encode(&from, &states);
    let mut sink = Sink::default();
    let stream = Stream { bytes: &bytes, piece: usize::MAX };
    assert_eq!(Vendor.decode(stream, &to, &mut sink).err(), refusal);
    assert_eq!(sink.mark(), if lacks.is_some() { 0 } else { in_use.len() });
}

/// The generated evolution in both directions between all three, by level of source and destination
/// and by whether the destination lacks what is in use.
#[test]
fn all_directions_are_met_and_answered() {
    let mut met: BTreeMap<(usize, usize, bool), u32> = BTreeMap::new();
    for case in cases() {
        let lacks = check(&Vendor, &case).unwrap_or_else(|problem| panic!("{problem}\n{case:#?}"));
        *met.entry((level(&case.from), level(&case.to), lacks)).or_default() += 1;
    }
    for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
        assert!(met.contains_key(&(from, to, false)), "{from} to {to}: {met:?}");
        // Whatever upstream has the others have.
        assert_eq!(met.contains_key(&(from, to, true)), from != 0, "{from} to {to}: {met:?}");
    }
}

/// The planted fault: the second level is dropped from the key.
#[derive(Debug)]
struct OneLevel;

impl OneLevel {
    fn cut(machine: &Machine) -> Machine {
        fn cut(feature: &mut String) {
            if let Some((vendor, name)) = feature.split_once(':')
                && let Some((first, _)) = vendor.split_once('/')
            {
                *feature = format!("{first}:{name}");
            }
        }
        let mut machine = machine.clone();
        for device in &mut machine.devices {
            device.desc.fields.iter_mut().filter_map(|f| f.feature.as_mut()).for_each(cut);
            device.desc.optional.iter_mut().for_each(|o| cut(&mut o.feature));
        }
        machine
    }
}

impl Promises for OneLevel {
    fn name(&self) -> &'static str {
        "one level"
    }
    fn claims(&self, claim: Claim) -> bool {
        Vendor.claims(claim)
    }
}

impl Design for OneLevel {
    fn ask(&self, from: &Machine, to: &Machine, states: &[State]) -> Option<Refusal> {
        Vendor.ask(&Self::cut(from), &Self::cut(to), states)
    }
    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
        Vendor.encode(&Self::cut(from), states)
    }
    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
        Vendor.decode(stream, &Self::cut(to), sink)
    }
}

#[test]
fn a_key_without_the_second_level_is_found() {
    let found = cases().find_map(|case| check(&OneLevel, &case).err());
    assert_eq!(found, Some("it is sent, though something in use is lacking"));
    // By the oracle of tables and fuzzer, too; and what is whole breaks no claim there.
    let breaks = |design: &dyn Design| {
        cases().any(|case| {
            let truth = Truth::of(&case.from, &case.states);
            let tried = Tried::of(design, &case, &truth, |bytes| damaged(bytes, 0));
            tried.breaks_claim(design, &case, false)
        })
    };
    assert!(breaks(&OneLevel));
    assert!(!breaks(&Vendor));
}

/// Generated cases of the evolution.
fn cases() -> impl Iterator<Item = Case> {
    (0..20_000).map(evolve::case).filter(|case| case.evolution == Evolution::SecondLevel)
}

/// 0 for upstream, 1 for a downstream, 2 for a downstream of that: by what it has.
fn level(machine: &Machine) -> usize {
    let descs = machine.devices.iter().map(|d| &d.desc);
    let features = descs.flat_map(|desc| {
        let fields = desc.fields.iter().filter_map(|f| f.feature.as_deref());
        fields.chain(desc.optional.iter().map(|o| o.feature.as_str()))
    });
    let level = |feature: &str| match feature.split_once(':') {
        Some(("org.qemu", _)) | None => 0,
        Some((vendor, _)) => vendor.split('/').count(),
    };
    features.map(level).max().unwrap_or(0)
}

/// Whether the destination lacks something that is in use: by meaning, not by any name.
fn lacks(case: &Case) -> bool {
    let descs = case.to.devices.iter().map(|d| &d.desc);
    let known: HashSet<Id> = descs
        .flat_map(|d| d.fields.iter().map(|f| f.id).chain(d.optional.iter().map(|o| o.id)))
        .collect();
    case.from.devices.iter().zip(&case.states).any(|(device, state)| {
        let zero = |slot: &Slot| matches!(slot, Slot::Bytes(b) if b.iter().all(|b| *b == 0));
        let mut fields = device.desc.with(state).filter(|(_, slot)| !zero(slot));
        let mut parts = device.desc.in_use(state);
        fields.any(|(f, _)| !known.contains(&f.id)) || parts.any(|(o, _)| !known.contains(&o.id))
    })
}

/// Checks a design where something is lacking: refused before anything is sent, and by whoever gets it
/// unasked before anything is put; else passed. Returns whether something is lacking.
fn check(design: &dyn Design, case: &Case) -> Result<bool, &'static str> {
    let lacks = lacks(case);
    match design.ask(&case.from, &case.to, &case.states) {
        None if lacks => return Err("it is sent, though something in use is lacking"),
        Some(_) if !lacks => return Err("it is not sent, though nothing in use is lacking"),
        _ => {}
    }
    let bytes = design.encode(&case.from, &case.states);
    let mut sink = Sink::default();
    let stream = Stream { bytes: &bytes, piece: case.piece };
    let outcome = design.decode(stream, &case.to, &mut sink);
    let verdict =
        Truth::of(&case.from, &case.states).judge(&case.to, &outcome, &sink, false).verdict;
    match outcome {
        Ok(()) if lacks => Err("it is taken unasked, though something in use is lacking"),
        Ok(()) if verdict > Verdict::Defaulted => Err("it is taken as something else"),
        Ok(()) => Ok(false),
        Err(_) if !lacks => Err("it is refused, though nothing in use is lacking"),
        Err(_) if sink.mark() > 0 => Err("it is refused after something was put"),
        Err(_) => Ok(true),
    }
}
