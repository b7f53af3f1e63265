//! Generated machines and how they evolve: pairs of releases that disagree in one thing.

use super::Evolution;
use super::model::{Desc, Device, Field, Kind, Machine, Optional, Slot, State};
use super::rng::Rng;

/// One case: a source with state, and a destination.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the two disagree in.
    pub evolution: Evolution,
    /// The source.
    pub from: Machine,
    /// Its state.
    pub states: Vec<State>,
    /// The destination.
    pub to: Machine,
    /// Bytes that arrive at a time.
    pub piece: usize,
}

const UPSTREAM: &str = "org.qemu";
const DOWNSTREAM: &str = "com.example";
/// A downstream of that downstream, whose id is below.
const SECOND_LEVEL: &str = "com.example/net.example";
/// Widths of fields; the long ones have room for what looks like a subsection.
const WIDTHS: [usize; 8] = [1, 1, 2, 4, 4, 8, 12, 16];
/// Deepest nesting of generated structs.
const DEPTH: usize = 2;

/// The case of a seed.
#[must_use]
pub fn case(seed: u64) -> Case {
    case_from(&mut Rng::new(seed))
}

/// A case made of these numbers.
#[must_use]
pub fn case_from(rng: &mut Rng) -> Case {
    let evolution = rng.pick(&Evolution::ALL);
    let devices = 1 + rng.below(3);
    let names = ["a", "bc", "dev"];
    let mut base = Machine {
        devices: names.iter().take(devices).map(|n| device(rng, n)).collect(),
        generation: 0,
        new_type: rng.one_in(2),
    };
    // Something to rename or to grow is always there.
    if let Some(first) = base.devices.first_mut() {
        let field = field(rng, "first", Kind::Bytes(2));
        first.desc.fields.insert(0, field);
    }
    let (one, other) = pair(rng, evolution, &base);
    let forward = evolution == Evolution::StrayByte || rng.one_in(2);
    let (from, to) = if forward { (other, one) } else { (one, other) };
    let lures = lures(&from);
    let states = from.devices.iter().map(|d| state(rng, &d.desc, &lures)).collect();
    let piece = if rng.one_in(4) { 1 + rng.below(16) } else { usize::MAX };
    Case { evolution, from, states, to, piece }
}

fn device(rng: &mut Rng, name: &str) -> Device {
    Device { id: rng.id(), desc: desc(rng, name, 0) }
}

fn desc(rng: &mut Rng, name: &str, depth: usize) -> Desc {
    let version = 1 + rng.below(3) as u32;
    let mut made = Desc {
        name: name.to_string(),
        prefix: name.to_string(),
        version,
        minimum: 1,
        linear: version,
        linear_minimum: 1,
        base: version,
        fields: Vec::new(),
        optional: Vec::new(),
    };
    for i in 0..1 + rng.below(4) {
        let kind = if depth < DEPTH && rng.one_in(3) {
            Kind::Struct(desc(rng, &format!("s{i}"), depth + 1))
        } else {
            Kind::Bytes(rng.pick(&WIDTHS))
        };
        let field = Field { since: rng.below(2) as u32, ..field(rng, &format!("f{i}"), kind) };
        made.fields.push(field);
    }
    for i in 0..rng.below(3) {
        if depth < DEPTH && rng.one_in(2) {
            let optional = optional(rng, name, &format!("o{i}"), UPSTREAM);
            made.optional.push(Optional { linear: 0, generation: 0, ..optional });
        }
    }
    made
}

/// A field that every version has.
fn field(rng: &mut Rng, name: &str, kind: Kind) -> Field {
    Field {
        name: name.to_string(),
        id: rng.id(),
        since: 0,
        linear: 0,
        feature: None,
        generation: 0,
        kind,
    }
}

fn optional(rng: &mut Rng, owner: &str, name: &str, vendor: &str) -> Optional {
    Optional {
        desc: desc(rng, &format!("{owner}/{name}"), DEPTH),
        id: rng.id(),
        linear: 0,
        feature: format!("{vendor}:{name}"),
        generation: 1,
        ancillary: rng.one_in(4),
    }
}

/// Byte strings that look like the head of a subsection of the machine.
fn lures(machine: &Machine) -> Vec<Vec<u8>> {
    fn add(desc: &Desc, lures: &mut Vec<Vec<u8>>) {
        for optional in &desc.optional {
            let name = optional.desc.name.as_bytes();
            let mut lure = vec![super::frame::SUBSECTION, name.len() as u8];
            lure.extend_from_slice(name);
            lure.extend([0, 0, 0, 1]);
            lures.push(lure);
        }
        for field in &desc.fields {
            if let Kind::Struct(desc) = &field.kind {
                add(desc, lures);
            }
        }
    }
    let mut lures = Vec::new();
    machine.devices.iter().for_each(|d| add(&d.desc, &mut lures));
    lures
}

fn state(rng: &mut Rng, desc: &Desc, lures: &[Vec<u8>]) -> State {
    let fields = desc
        .fields
        .iter()
        .map(|field| match &field.kind {
            Kind::Bytes(n) => Slot::Bytes(bytes(rng, *n, lures)),
            Kind::Struct(desc) => Slot::Struct(state(rng, desc, lures)),
        })
        .collect();
    let optional =
        desc.optional.iter().map(|o| rng.one_in(2).then(|| state(rng, &o.desc, lures))).collect();
    State { fields, optional }
}

/// A value: zeros, bytes that mean something to a reader out of step, or anything.
fn bytes(rng: &mut Rng, n: usize, lures: &[Vec<u8>]) -> Vec<u8> {
    if n >= 8 && rng.one_in(3) {
        let at = rng.below(lures.len());
        if let Some(lure) = lures.get(at) {
            return lure.iter().copied().chain(std::iter::repeat(0)).take(n).collect();
        }
    }
    match rng.below(4) {
        0 | 1 => vec![0; n],
        2 => (0..n).map(|_| rng.pick(&[0, 1, 4, 5, 5, 0x7e, 0xff])).collect(),
        _ => (0..n).map(|_| rng.next() as u8).collect(),
    }
}

/// The release without and the release with the evolution.
fn pair(rng: &mut Rng, evolution: Evolution, base: &Machine) -> (Machine, Machine) {
    let which = rng.below(base.devices.len());
    let (mut one, mut other) = (base.clone(), base.clone());
    let (Some(a), Some(b)) = (one.devices.get_mut(which), other.devices.get_mut(which)) else {
        return (one, other);
    };
    let (a, b) = (&mut a.desc, &mut b.desc);
    let end = b.fields.len();
    match evolution {
        Evolution::AtEnd => announced(b, end, fresh(rng, "new", UPSTREAM)),
        Evolution::Middle => announced(b, rng.below(end), fresh(rng, "new", UPSTREAM)),
        Evolution::Nested => {
            let at = rng.below(end);
            let new = fresh(rng, "new", UPSTREAM);
            match b.fields.iter_mut().find_map(nested) {
                Some(inner) => announced(inner, at.min(inner.fields.len()), new),
                // Without a nested struct the evolution is one of the section's own.
                None => announced(b, end, new),
            }
        }
        Evolution::Forgotten => {
            let at = rng.below(end + 1);
            b.fields
                .insert(at, Field { generation: 0, feature: None, ..fresh(rng, "new", UPSTREAM) });
        }
        Evolution::Bumped => {
            b.version += 1;
            b.linear += 1;
            b.base += 1;
        }
        Evolution::Subsection => {
            let new = optional(rng, &b.name, "new", UPSTREAM);
            add_optional(b, new);
        }
        Evolution::BackportedFields => {
            let news = ["A", "B", "C"].map(|name| fresh(rng, name, UPSTREAM));
            for (i, new) in news.into_iter().enumerate() {
                if i != 1 {
                    announced(a, a.fields.len(), new.clone());
                }
                announced(b, b.fields.len(), new);
            }
        }
        Evolution::BackportedSubsections => {
            let news = ["A", "B", "C"].map(|name| optional(rng, &b.name, name, UPSTREAM));
            for (i, new) in news.into_iter().enumerate() {
                if i != 1 {
                    add_optional(a, new.clone());
                }
                add_optional(b, new);
            }
        }
        Evolution::Downstream => {
            announced(b, end, fresh(rng, "own", DOWNSTREAM));
            // Upstream went on, too, half of the time.
            if rng.one_in(2) {
                announced(a, end, fresh(rng, "next", UPSTREAM));
            }
        }
        Evolution::SecondLevel => {
            let [upstream, downstream, second] = levels(rng, a);
            (*a, *b) = match rng.below(3) {
                0 => (upstream, downstream),
                1 => (upstream, second),
                _ => (downstream, second),
            };
        }
        Evolution::SameName if rng.one_in(2) => {
            let new = fresh(rng, "new", UPSTREAM);
            let theirs =
                Field { id: rng.id(), feature: Some(format!("{DOWNSTREAM}:new")), ..new.clone() };
            announced(a, end, new);
            announced(b, end, theirs);
        }
        Evolution::SameName => {
            let new = optional(rng, &b.name, "new", UPSTREAM);
            let theirs =
                Optional { id: rng.id(), feature: format!("{DOWNSTREAM}:new"), ..new.clone() };
            add_optional(a, new);
            add_optional(b, theirs);
        }
        Evolution::Renamed => {
            let at = rng.below(end);
            if let Some(field) = b.fields.get_mut(at) {
                field.name = "renamed".to_string();
            }
        }
        Evolution::Grown | Evolution::GrownForgotten => {
            let more = rng.pick(&[1, 2, 4, 8]);
            if let Some(n) = b.fields.iter_mut().rev().find_map(|f| match &mut f.kind {
                Kind::Bytes(n) => Some(n),
                Kind::Struct(_) => None,
            }) {
                *n += more;
            }
            if evolution == Evolution::Grown {
                b.version += 1;
                b.linear += 1;
                b.base += 1;
                (b.minimum, b.linear_minimum) = (b.version, b.linear);
            }
        }
        Evolution::StrayByte => {
            let at = rng.below(end + 1);
            b.fields.insert(at, field(rng, "stray", Kind::Bytes(1)));
        }
    }
    (one, other)
}

/// Upstream with A, a downstream with X of its own, and a downstream of that with Y of its own, with
/// or without X. Each names and numbers on its own, so that Y may be what the other calls X.
fn levels(rng: &mut Rng, base: &Desc) -> [Desc; 3] {
    let mut upstream = base.clone();
    announced(&mut upstream, usize::MAX, fresh(rng, "A", UPSTREAM));
    let mut downstream = upstream.clone();
    let leaves_out = rng.one_in(2);
    let same_name = leaves_out && rng.one_in(2);
    let theirs = format!("{SECOND_LEVEL}:X");
    let mut second;
    if rng.one_in(2) {
        let x = fresh(rng, "X", DOWNSTREAM);
        announced(&mut downstream, usize::MAX, x.clone());
        second = if leaves_out { upstream.clone() } else { downstream.clone() };
        let y = match same_name {
            true => Field { id: rng.id(), feature: Some(theirs), ..x },
            false => fresh(rng, "Y", SECOND_LEVEL),
        };
        announced(&mut second, usize::MAX, y);
    } else {
        let x = optional(rng, &base.name, "X", DOWNSTREAM);
        add_optional(&mut downstream, x.clone());
        second = if leaves_out { upstream.clone() } else { downstream.clone() };
        let y = match same_name {
            true => Optional { id: rng.id(), feature: theirs, ..x },
            false => optional(rng, &base.name, "Y", SECOND_LEVEL),
        };
        add_optional(&mut second, y);
    }
    [upstream, downstream, second]
}

fn nested(field: &mut Field) -> Option<&mut Desc> {
    match &mut field.kind {
        Kind::Struct(desc) => Some(desc),
        Kind::Bytes(_) => None,
    }
}

/// A new field of a later generation, with the feature that it is.
fn fresh(rng: &mut Rng, name: &str, vendor: &str) -> Field {
    let width = rng.pick(&WIDTHS);
    Field {
        feature: Some(format!("{vendor}:{name}")),
        generation: 1,
        ..field(rng, name, Kind::Bytes(width))
    }
}

/// Adds a field as each design wants it announced.
fn announced(desc: &mut Desc, at: usize, new: Field) {
    desc.version += 1;
    desc.linear += 1;
    let (since, linear) = (desc.version, desc.linear);
    desc.fields.insert(at.min(desc.fields.len()), Field { since, linear, ..new });
}

/// Adds an optional part as each design wants it announced.
fn add_optional(desc: &mut Desc, new: Optional) {
    desc.linear += 1;
    desc.optional.push(Optional { linear: desc.linear, ..new });
}
