//! Design 10: vendor ids with minor versions, and named features (2009).
//!
//! ```text
//! protocol: vendor minor   manifest: { device base-version { key }* }*   bodies
//! ```
//!
//! Minor 0 is upstream; a vendor's own additions are under the vendor's reversed domain, and a
//! downstream of a downstream adds its own below that, at a second level of the [`Key`]. What was
//! added after the base version is a feature with a name; only features in use travel, so that A
//! and C go without B. The manifest is ahead of all state, so that the question whether a stream
//! can be loaded has an answer before anything is sent ([`Design::ask`]), and again before anything
//! is put.

use super::cursor::{Stream, shown};
use super::frame::{self, Io, Layout, Spot};
use super::key::Key;
use super::model::{Desc, Field, Kind, Machine, Optional, Slot, State, within};
use super::sink::{Refusal, Sink};
use super::{Claim, Design, Promises};
use crate::wire::Writer;

/// Vendor and minor version of the protocol itself.
const PROTOCOL: (&str, u32) = ("org.qemu", 0);

/// See the module documentation.
#[derive(Debug)]
pub struct Vendor;

/// Fields that came with the base version.
struct Base;

impl Layout for Base {
    fn version(&self, desc: &Desc) -> u32 {
        desc.base
    }

    fn minimum(&self, desc: &Desc) -> u32 {
        desc.minimum.min(desc.base)
    }

    fn has(&self, field: &Field, version: u32, _: Spot<'_>) -> bool {
        field.feature.is_none() && field.since <= version
    }
}

/// What a feature is.
#[derive(Debug, Clone, Copy)]
enum Part<'m> {
    Field(&'m Field),
    Optional(&'m Optional),
}

/// A feature of a device, in its place.
#[derive(Debug)]
struct Feature<'m> {
    key: Key,
    part: Part<'m>,
    /// The place of the owner (a field) or of the part itself.
    spot: Spot<'m>,
}

/// All features of a description.
fn features<'m>(desc: &'m Desc, path: &str, spot: Spot<'m>, all: &mut Vec<Feature<'m>>) {
    for field in &desc.fields {
        let path = format!("{path}.{}", field.name);
        if let Some(feature) = &field.feature {
            all.push(Feature { key: Key::of(feature, &path), part: Part::Field(field), spot });
        }
        if let Kind::Struct(desc) = &field.kind {
            features(desc, &path, spot.inside(field.id), all);
        }
    }
    for optional in &desc.optional {
        let path = format!("{path}.{}", optional.desc.name);
        let spot = spot.inside(optional.id);
        let key = Key::of(&optional.feature, &path);
        all.push(Feature { key, part: Part::Optional(optional), spot });
        features(&optional.desc, &path, spot, all);
    }
}

/// The contents of the features in use, by key.
fn in_use(desc: &Desc, state: &State, path: &str, spot: Spot<'_>, all: &mut Vec<(Key, Vec<u8>)>) {
    for (field, slot) in desc.with(state) {
        let path = format!("{path}.{}", field.name);
        match (slot, &field.kind) {
            (Slot::Bytes(bytes), _) => {
                if let Some(feature) = &field.feature
                    && bytes.iter().any(|b| *b != 0)
                {
                    all.push((Key::of(feature, &path), bytes.clone()));
                }
            }
            (Slot::Struct(state), Kind::Struct(desc)) => {
                if let Some(feature) = &field.feature {
                    all.push((Key::of(feature, &path), body(desc, state, spot)));
                }
                in_use(desc, state, &path, spot, all);
            }
            (Slot::Struct(_), Kind::Bytes(_)) => {}
        }
    }
    for (optional, state) in desc.in_use(state) {
        let path = format!("{path}.{}", optional.desc.name);
        all.push((Key::of(&optional.feature, &path), body(&optional.desc, state, spot)));
        in_use(&optional.desc, state, &path, spot, all);
    }
}

fn body(desc: &Desc, state: &State, spot: Spot<'_>) -> Vec<u8> {
    let mut out = Writer::new();
    frame::put(&Base, &mut out, desc, state, desc.base, spot);
    out.into_bytes()
}

/// Whether a device can take a base version and features; the features, as the device knows them.
fn accept<'m>(
    machine: &'m Machine,
    name: &str,
    version: u32,
    keys: &[Key],
) -> Result<(&'m Desc, Spot<'m>, Vec<Feature<'m>>), Refusal> {
    let device = machine.devices.iter().find(|d| d.desc.name == name);
    let Some(device) = device else { return Err(Refusal::Section(name.to_string())) };
    let (desc, spot) = (&device.desc, Spot { machine, place: device.id, top: true });
    let (lowest, highest) = (Base.minimum(desc), desc.base);
    if version < lowest || version > highest {
        return Err(Refusal::Version { name: name.to_string(), found: version, lowest, highest });
    }
    let mut known = Vec::new();
    features(desc, "", spot, &mut known);
    let mut taken = Vec::with_capacity(keys.len());
    for key in keys {
        match known.iter().position(|f| f.key == *key) {
            Some(at) => taken.push(known.swap_remove(at)),
            None => return Err(Refusal::Feature(format!("{name}: {key}"))),
        }
    }
    Ok((desc, spot, taken))
}

impl Promises for Vendor {
    fn name(&self) -> &'static str {
        "10 vendors and features"
    }

    /// Whatever is announced; a change that nobody announced has no name to go by.
    fn claims(&self, claim: Claim) -> bool {
        !claim.damaged && claim.evolution.is_announced()
    }

    fn is_unambiguous(&self) -> bool {
        true
    }
}

impl Design for Vendor {
    fn ask(&self, from: &Machine, to: &Machine, states: &[State]) -> Option<Refusal> {
        from.devices.iter().zip(states).find_map(|(device, state)| {
            let spot = Spot { machine: from, place: device.id, top: true };
            let mut parts = Vec::new();
            in_use(&device.desc, state, "", spot, &mut parts);
            let keys: Vec<Key> = parts.into_iter().map(|(key, _)| key).collect();
            accept(to, &device.desc.name, device.desc.base, &keys).err()
        })
    }

    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
        let mut out = Writer::new();
        out.counted(PROTOCOL.0.as_bytes());
        out.be32(PROTOCOL.1);
        let mut bodies = Writer::new();
        for (device, state) in from.devices.iter().zip(states) {
            let desc = &device.desc;
            let spot = Spot { machine: from, place: device.id, top: true };
            let mut parts = Vec::new();
            in_use(desc, state, "", spot, &mut parts);
            out.counted(desc.name.as_bytes());
            out.be32(desc.base);
            frame::put(&Base, &mut bodies, desc, state, desc.base, spot);
            for (key, content) in parts {
                key.put(&mut out);
                bodies.put(&content);
            }
            Key::put_end(&mut out);
        }
        out.counted(&[]);
        out.put(bodies.bytes());
        out.into_bytes()
    }

    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
        let mut io = Io { cursor: super::cursor::Cursor::new(stream), sink };
        let (vendor, minor) = (io.cursor.counted()?, io.cursor.be32()?);
        if vendor != PROTOCOL.0.as_bytes() || minor > PROTOCOL.1 {
            return Err(Refusal::Magic);
        }
        let mut devices = Vec::new();
        loop {
            let name = shown(io.cursor.counted()?);
            if name.is_empty() {
                break;
            }
            let version = io.cursor.be32()?;
            let mut keys = Vec::new();
            while let Some(key) = Key::take(&mut io.cursor)? {
                keys.push(key);
            }
            devices.push((version, accept(to, &name, version, &keys)?));
        }
        for (version, (desc, spot, parts)) in devices {
            frame::take(&Base, &mut io, desc, version, spot)?;
            for Feature { part, spot, .. } in parts {
                match part {
                    Part::Optional(o) => frame::take(&Base, &mut io, &o.desc, o.desc.base, spot)?,
                    Part::Field(field) => match &field.kind {
                        Kind::Bytes(n) => {
                            let value = io.cursor.take(*n)?;
                            io.sink.put(within(spot.place, field.id), value);
                        }
                        Kind::Struct(desc) => {
                            let spot = spot.inside(field.id);
                            frame::take(&Base, &mut io, desc, desc.base, spot)?;
                        }
                    },
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
