//! Real machines: what fixtures carry, as descriptions and state that every design can send.
//!
//! A description is what its release sent: fields and nested structs as they lie in the stream,
//! subsections that were in use. Two releases on one machine type and scenario are then a real
//! evolution. What only one side has counts as announced where the section's version tells.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Desc, Device, Field, Kind, Machine, Optional, Slot, State};
use crate::dialect::Generation;
use crate::lab::drift::{DriftError, Selection};
use crate::release::library::Library;
use crate::release::provenance::Fixture;
use crate::stream::Body;
use crate::trace::Meaning;
use crate::wire::Span;
use crate::wire::map::Node;

/// A real machine with its state.
#[derive(Debug, Clone)]
pub struct Real {
    /// Release, machine type and scenario.
    pub fixture: String,
    /// Release.
    pub release: String,
    /// The machine.
    pub machine: Machine,
    /// State of its devices.
    pub states: Vec<State>,
    /// Names of all subsections that the release knows.
    pub knows: BTreeSet<String>,
    /// Bytes of device sections in the stream itself, framing and footers included.
    pub sent: usize,
}

impl Real {
    /// Reads a fixture with its own release.
    ///
    /// # Errors
    /// A fixture that its own release does not load.
    pub fn of(library: &Library, fixture: &Fixture) -> Result<Self, DriftError> {
        let wrong = |why: String| DriftError::Fixture { fixture: fixture.id(), why };
        let own = library.destination(&fixture.release, &fixture.machine, &fixture.scenario)?;
        let Some(own) = own else { return Err(wrong("no handlers in the corpus".to_string())) };
        let stream = library.corpus().stream(fixture)?;
        let meaning = Meaning::of(&own, &stream).map_err(wrong)?;
        let map = &meaning.loaded.map;
        let mut real = Real {
            fixture: fixture.id(),
            release: fixture.release.clone(),
            machine: Machine {
                // Machine types that came after the proposal of sentinels.
                new_type: Generation::of(&fixture.machine) >= Generation::of("pc-1.0"),
                ..Machine::default()
            },
            states: Vec::new(),
            knows: own
                .set
                .vmsds
                .iter()
                .flat_map(|v| v.subsections.iter().map(|s| s.0.clone()))
                .collect(),
            sent: 0,
        };
        for section in &meaning.loaded.sections {
            let Some(handler) = own.handlers.get(section.handler) else { continue };
            let minimum = match &handler.body {
                Body::Ram | Body::Block | Body::DirtyBitmap => continue,
                Body::Platform(_) | Body::Unmigratable | Body::Unknown(_) => continue,
                Body::Vmsd(index) => own.set.get(*index).map_or(0, |v| v.minimum_version_id),
                Body::Virtio | Body::Slirp | Body::Clock | Body::Nothing => section.version_id,
            };
            let footer = if own.dialect.footers { 5 } else { 0 };
            real.sent += (section.end - section.offset) as usize + footer;
            let spans = map.spans();
            let from = spans.partition_point(|s| s.offset < section.body);
            let to = spans.partition_point(|s| s.offset < section.end);
            let mut tree = Tree::default();
            let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
            for span in spans.get(from..to).unwrap_or(&[]) {
                // Several fields of one name are distinguished by their order.
                let times = seen.entry(span.identity).or_default();
                let id = span.identity.wrapping_add(times.wrapping_mul(AGAIN));
                *times += 1;
                tree.add(&Span { identity: id, ..*span }, &map.nodes(span), &stream);
            }
            // Sections are paired by device and ordinal, as verdicts do it.
            let name = match handler.ordinal {
                0 => handler.device.clone(),
                n => format!("{}#{n}", handler.device),
            };
            let (mut desc, state) = tree.part(&name);
            desc.version = section.version_id;
            desc.minimum = minimum.min(section.version_id);
            real.machine.devices.push(Device { id: tree.id, desc });
            real.states.push(state);
        }
        Ok(real)
    }
}

/// What the meaning of a field grows by when its name comes again.
const AGAIN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A part of a section, being collected.
#[derive(Debug, Default)]
struct Tree {
    id: u64,
    items: Vec<Item>,
    /// Names of subsections whose heads were seen here and whose nodes come next.
    heads: Vec<String>,
}

#[derive(Debug)]
enum Item {
    Bytes { name: String, id: u64, value: Vec<u8> },
    Struct { name: String, tree: Tree },
    Optional { name: String, tree: Tree },
}

impl Tree {
    /// Adds a span; `nodes` are those from the section's own on.
    fn add(&mut self, span: &Span<'_>, nodes: &[Node<'_>], stream: &[u8]) {
        let Some((own, inner)) = nodes.split_first() else { return };
        self.id = own.identity;
        // A wrapper that is not compared is as if it were not there.
        let wrappers = inner.iter().take_while(|n| n.identity == own.identity).count();
        let Some(next) = inner.get(wrappers) else {
            if span.info == "subsection" {
                self.heads.push(span.name.to_string());
                let (name, tree) = (span.name.to_string(), Tree::default());
                self.items.push(Item::Optional { name, tree });
                return;
            }
            let from = span.offset as usize;
            let value = stream.get(from..from + span.len as usize).unwrap_or(&[]).to_vec();
            let name = self.unique(span.name);
            self.items.push(Item::Bytes { name, id: span.identity, value });
            return;
        };
        let name = match next.index {
            Some(i) => format!("{}[{i}]", next.name),
            None => next.name.to_string(),
        };
        let is_head = self.heads.contains(&name);
        let last = self.items.iter_mut().rev().find_map(|item| match item {
            Item::Optional { name: n, tree } if is_head && *n == name => Some(tree),
            Item::Struct { name: n, tree } if !is_head && *n == name => Some(tree),
            _ => None,
        });
        match last {
            Some(tree) => tree.add(span, inner.get(wrappers..).unwrap_or(&[]), stream),
            None => {
                let mut tree = Tree::default();
                tree.add(span, inner.get(wrappers..).unwrap_or(&[]), stream);
                self.items.push(Item::Struct { name, tree });
            }
        }
    }

    /// A name that no field has yet: some descriptions have several of one name.
    fn unique(&self, name: &str) -> String {
        let same = self.items.iter().filter(|item| match item {
            Item::Bytes { name: n, .. } => {
                n == name || n.strip_prefix(name).is_some_and(|r| r.starts_with('~'))
            }
            _ => false,
        });
        match same.count() {
            0 => name.to_string(),
            n => format!("{name}~{n}"),
        }
    }

    /// The description's own name, as its subsections tell it; what they begin with.
    fn prefix(&self, name: &str) -> String {
        let subsection = self.items.iter().find_map(|item| match item {
            Item::Optional { name, .. } => Some(name.as_str()),
            _ => None,
        });
        match subsection {
            Some(part) if !part.starts_with(name) => {
                let cut = part.find('/').or_else(|| part.find('_'));
                part.get(..cut.unwrap_or(part.len())).unwrap_or(part).to_string()
            }
            _ => name.to_string(),
        }
    }

    /// The part as description and state.
    fn part(&self, name: &str) -> (Desc, State) {
        let mut desc = Desc {
            name: name.to_string(),
            prefix: self.prefix(name),
            version: 1,
            minimum: 1,
            linear: 1,
            linear_minimum: 1,
            base: 1,
            fields: Vec::new(),
            optional: Vec::new(),
        };
        let mut state = State::default();
        for item in &self.items {
            match item {
                Item::Bytes { name, id, value } => {
                    desc.fields.push(plain(name, *id, Kind::Bytes(value.len())));
                    state.fields.push(Slot::Bytes(value.clone()));
                }
                Item::Struct { name, tree } => {
                    let (inner, value) = tree.part(name);
                    desc.fields.push(plain(name, 0, Kind::Struct(inner)));
                    state.fields.push(Slot::Struct(value));
                }
                Item::Optional { name, tree } => {
                    let (inner, value) = tree.part(name);
                    desc.optional.push(Optional {
                        desc: inner,
                        id: 0,
                        linear: 0,
                        feature: format!("org.qemu:{name}"),
                        generation: 0,
                        ancillary: false,
                    });
                    state.optional.push(Some(value));
                }
            }
        }
        (desc, state)
    }
}

fn plain(name: &str, id: u64, kind: Kind) -> Field {
    Field { name: name.to_string(), id, since: 0, linear: 0, feature: None, generation: 0, kind }
}

/// The machines that overhead is measured on: of every third release the newest machine type
/// that the drift experiment would take.
///
/// # Errors
/// A fixture that its own release does not load.
pub fn samples(library: &Library) -> Result<Vec<Real>, DriftError> {
    let fixtures = Selection::default().of(library)?;
    fixtures.iter().step_by(3).map(|fixture| Real::of(library, fixture)).collect()
}
