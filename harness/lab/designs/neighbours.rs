//! Real evolutions: neighbouring releases on one machine type and scenario, through all designs.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::evolve::Case;
use super::model::{Desc, Device, Field, Kind, Machine, State};
use super::real::Real;
use super::run::{Counts, damaged, judge};
use super::sink::Truth;
use super::{ALL, Evolution};
use crate::dialect::machine::{X86_64, architecture};
use crate::lab::drift::DriftError;
use crate::release::library::Library;
use crate::release::provenance::Fixture;

/// Prepares two releases of one machine for a transfer: the destination gets the optional parts
/// that it knows although its own fixture did not use them, and what only one side has is marked
/// as that side would have announced it. Returns the devices that differ, by meaning.
#[must_use]
pub fn align(from: &mut Real, to: &mut Real) -> Vec<u64> {
    let mut differing = Vec::new();
    for device in &mut from.machine.devices {
        let Some(other) = to.machine.devices.iter_mut().find(|d| d.id == device.id) else {
            continue;
        };
        learn(&mut other.desc, &device.desc, &to.knows);
        let announced = device.desc.version != other.desc.version;
        let (ours, theirs) = (leaves(&device.desc), leaves(&other.desc));
        let base = device.desc.version.min(other.desc.version);
        let mut differ = announced;
        differ |= mark(&mut device.desc, &theirs, announced.then_some(base));
        differ |= mark(&mut other.desc, &ours, announced.then_some(base));
        if differ {
            differing.push(device.id);
        }
    }
    differing
}

/// What came of real evolutions in one design.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealCounts {
    /// Of streams that nothing happened to.
    pub whole: Counts,
    /// Of each of them with different damage, ten times.
    pub damaged: Counts,
}

/// How often each stream is damaged.
const DAMAGES: u64 = 10;

/// Real evolutions of PCs through all designs: neighbouring releases on one machine type and scenario,
/// both ways, each differing device with the one that follows it. Counts by design.
///
/// # Errors
/// A fixture that its own release does not load.
pub fn run(library: &Library) -> Result<Vec<RealCounts>, DriftError> {
    let mut by: BTreeMap<(&str, &str), Vec<&Fixture>> = BTreeMap::new();
    let pcs = |f: &&Fixture| architecture(&f.machine) == X86_64;
    for fixture in library.fixtures().iter().filter(pcs) {
        by.entry((&fixture.machine, &fixture.scenario)).or_default().push(fixture);
    }
    let pairs: Vec<[&Fixture; 2]> = by
        .values()
        .flat_map(|list| list.windows(2).filter_map(|w| Some([*w.first()?, *w.get(1)?])))
        .flat_map(|[a, b]| [[a, b], [b, a]])
        .collect();
    let all: Vec<Vec<RealCounts>> = pairs
        .par_iter()
        .map(|[from, to]| Ok(one(&mut Real::of(library, from)?, &mut Real::of(library, to)?)))
        .collect::<Result<_, DriftError>>()?;
    let mut counts = vec![RealCounts::default(); ALL.len()];
    for more in all {
        for (sum, more) in counts.iter_mut().zip(&more) {
            sum.whole.merge(&more.whole);
            sum.damaged.merge(&more.damaged);
        }
    }
    Ok(counts)
}

/// One pair of releases through all designs.
fn one(from: &mut Real, to: &mut Real) -> Vec<RealCounts> {
    let mut counts = vec![RealCounts::default(); ALL.len()];
    for id in align(from, to) {
        let Some(at) = from.machine.devices.iter().position(|d| d.id == id) else { continue };
        let devices = from.machine.devices.iter().zip(&from.states).skip(at).take(2);
        let (devices, states): (Vec<Device>, Vec<State>) =
            devices.map(|(d, s)| (d.clone(), s.clone())).unzip();
        let source = Machine { devices, generation: 0, new_type: true };
        let target = Machine { generation: 0, new_type: true, ..to.machine.clone() };
        let evolution = Evolution::default();
        let case = Case { evolution, from: source, states, to: target, piece: usize::MAX };
        let truth = Truth::of(&case.from, &case.states);
        for (design, counts) in ALL.iter().zip(&mut counts) {
            let bytes = design.encode(&case.from, &case.states);
            counts.whole.add(judge(*design, &case, &truth, &bytes, false));
            for seed in 0..DAMAGES {
                let bytes = damaged(&bytes, seed);
                counts.damaged.add(judge(*design, &case, &truth, &bytes, true));
            }
        }
    }
    counts
}

/// Adds the optional parts of `other` that the release knows by name.
fn learn(desc: &mut Desc, other: &Desc, knows: &BTreeSet<String>) {
    for optional in &other.optional {
        match desc.optional.iter_mut().find(|o| o.desc.name == optional.desc.name) {
            Some(own) => learn(&mut own.desc, &optional.desc, knows),
            None if knows.contains(&optional.desc.name) => {
                desc.prefix.clone_from(&other.prefix);
                desc.optional.push(optional.clone());
            }
            None => {}
        }
    }
    for field in &mut desc.fields {
        let Kind::Struct(own) = &mut field.kind else { continue };
        let same = other.fields.iter().find(|f| f.name == field.name);
        if let Some(Field { kind: Kind::Struct(other), .. }) = same {
            learn(own, other, knows);
        }
    }
}

/// All fields of a device and of its optional parts: meaning and length. Optional parts are under
/// the hash of their name with length 0.
fn leaves(desc: &Desc) -> BTreeMap<u64, usize> {
    fn add(desc: &Desc, all: &mut BTreeMap<u64, usize>) {
        for field in &desc.fields {
            match &field.kind {
                Kind::Bytes(n) => {
                    all.insert(field.id, *n);
                }
                Kind::Struct(desc) => add(desc, all),
            }
        }
        for optional in &desc.optional {
            all.insert(named(&optional.desc.name), 0);
            add(&optional.desc, all);
        }
    }
    let mut all = BTreeMap::new();
    add(desc, &mut all);
    all
}

/// A name as a meaning.
fn named(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Marks what `desc` has and the other side has not; with the version below it, if announced.
fn mark(desc: &mut Desc, other: &BTreeMap<u64, usize>, announced: Option<u32>) -> bool {
    let mut differ = false;
    let version = desc.version;
    desc.base = announced.unwrap_or(version);
    desc.linear = version;
    desc.linear_minimum = desc.minimum;
    for field in &mut desc.fields {
        match &mut field.kind {
            Kind::Struct(inner) => differ |= mark(inner, other, announced.map(|_| 1)),
            Kind::Bytes(n) => match other.get(&field.id) {
                Some(len) => differ |= len != n,
                None => {
                    differ = true;
                    if announced.is_some() {
                        (field.since, field.linear, field.generation) = (version, version, 1);
                        field.feature = Some(format!("org.qemu:{}", field.name));
                    }
                }
            },
        }
    }
    for optional in &mut desc.optional {
        if other.contains_key(&named(&optional.desc.name)) {
            differ |= mark(&mut optional.desc, other, None);
        } else {
            differ = true;
            desc.linear += 1;
            (optional.linear, optional.generation) = (desc.linear, 1);
        }
    }
    differ
}
