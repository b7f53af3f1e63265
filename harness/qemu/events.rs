//! The fields that a traced load read, compared with those that the model read.
//!
//! Both are brought into one form: sections, subsections and fields in the order in which they
//! were read. What a trace cannot tell apart is not told apart: elements of one array are one
//! field, and so are fields of one name in a row, and markers of pointers are not reported. Inside a
//! hand-written loader, which traces only what it hands on to descriptions, only subsections and what
//! is in them are compared.

use std::collections::BTreeSet;
use std::fmt;

use crate::stream::{Body, Destination, Loaded};
use crate::vmstate::compiled::{Amount, Codec, Kind};
use crate::vmstate::flow::c_string;
use crate::wire::map::Span;

/// The event at the beginning of a section.
const SECTION: &str = "qemu_loadvm_state_section_startfull";

/// One thing that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A section began.
    Section {
        /// Its name.
        idstr: String,
        /// Its instance.
        instance_id: u32,
        /// Its version.
        version_id: u32,
    },
    /// A subsection began.
    Subsection(String),
    /// A field, by its own name.
    Field(String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Section { idstr, instance_id, version_id } => {
                write!(f, "section {idstr} {instance_id} version {version_id}")
            }
            Event::Subsection(name) => write!(f, "subsection {name}"),
            Event::Field(name) => write!(f, "field {name}"),
        }
    }
}

/// Reads a trace log; lines that are not about a load are passed over.
#[must_use]
pub fn traced(log: &str, to: &Destination) -> Vec<Event> {
    let mut reading =
        Traced { to, events: Vec::new(), open: Vec::new(), field: None, last: None, whole: false };
    // What comes before the first section is the configuration, which the model has no fields of.
    let lines = log.lines().skip_while(|line| !without_prefix(line).starts_with(SECTION));
    for line in lines {
        let (event, rest) = without_prefix(line).split_once(' ').unwrap_or((line, ""));
        reading.line(event, rest);
    }
    reading.flush();
    reading.events
}

/// A trace log being read.
struct Traced<'d> {
    to: &'d Destination,
    events: Vec<Event>,
    /// Descriptions entered and not left.
    open: Vec<Open>,
    /// The field begun last, once it is known to be there.
    field: Option<String>,
    /// Name of the field before it, if nothing but that field has come since.
    last: Option<String>,
    /// Whether the section's fields are compared.
    whole: bool,
}

/// A description that a loader is in.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Whether it is at its subsections.
    past_fields: bool,
    /// Whether it is a subsection, or in one.
    inside: bool,
}

impl Traced<'_> {
    fn line(&mut self, event: &str, rest: &str) {
        match event {
            SECTION => {
                self.flush();
                self.open.clear();
                self.last = None;
                let Some((idstr, instance_id, version_id)) = section(rest) else { return };
                self.whole = by_description(self.to, idstr.as_bytes(), instance_id);
                self.events.push(Event::Section { idstr, instance_id, version_id });
            }
            "qemu_loadvm_state_section_partend" => {
                self.flush();
                self.whole = false;
            }
            "vmstate_load_state" => {
                // A field with a description of its own is recognised by what is in it.
                let outer = self.open.last().copied();
                let is_subsection = outer.is_some_and(|o| o.past_fields);
                if is_subsection {
                    self.flush();
                    let name = rest.rsplit_once(" v").map_or(rest, |(name, _)| name);
                    self.events.push(Event::Subsection(name.to_owned()));
                }
                self.field = None;
                self.last = None;
                let inside = is_subsection || outer.is_some_and(|o| o.inside);
                self.open.push(Open { past_fields: false, inside });
            }
            "vmstate_n_elems" => {
                if let Some((name, count)) = rest.rsplit_once(": ")
                    && count.parse::<i64>().is_ok_and(|n| n > 0)
                    && !self.open.is_empty()
                {
                    self.flush();
                    self.field = Some(name.to_owned());
                }
            }
            "vmstate_load_state_field" => self.flush(),
            "vmstate_subsection_load" => {
                self.flush();
                if let Some(open) = self.open.last_mut() {
                    open.past_fields = true;
                }
            }
            "vmstate_load_state_end" | "vmstate_load_state_success" => {
                self.flush();
                self.last = None;
                self.open.pop();
            }
            _ => {}
        }
    }

    /// The field begun last has nothing in it, so it is a field.
    fn flush(&mut self) {
        let Some(name) = self.field.take() else { return };
        let compared = self.whole || self.open.last().is_some_and(|open| open.inside);
        if compared && self.last.as_ref() != Some(&name) {
            self.events.push(Event::Field(name.clone()));
        }
        self.last = Some(name);
    }
}

/// What the model read of a stream.
#[must_use]
pub fn modelled(to: &Destination, loaded: &Loaded<'_>, stream: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut whole = false;
    let mut last: Option<&Span<'_>> = None;
    // The list that the last mark began an element of.
    let mut list: Option<&Span<'_>> = None;
    // Subsections of the section so far, by name.
    let mut subsections: Vec<&str> = Vec::new();
    let begins = |span: &Span<'_>| {
        let at = usize::try_from(span.offset).unwrap_or(usize::MAX);
        stream.get(at).is_some_and(|mark| *mark != 0)
    };
    for span in loaded.map.spans() {
        match (span.info, span.name) {
            ("framing", "section header") => {
                subsections.clear();
                if let Some((idstr, instance_id, version_id)) = header(stream, span.offset) {
                    whole = by_description(to, idstr, instance_id);
                    let idstr = String::from_utf8_lossy(c_string(idstr)).into_owned();
                    events.push(Event::Section { idstr, instance_id, version_id });
                }
                last = None;
            }
            ("framing", "section part header") => whole = false,
            ("framing", _) => {}
            // Of the marker of an element that is NULL, or is not, no release has an event.
            ("nullptr" | "ptr-marker", _) => {}
            // A list in which something is has no event of its own, as a structure has none.
            ("list mark", _) if begins(span) => list = Some(span),
            ("list mark", name)
                if list.is_some_and(|l| l.name == name && l.parent == span.parent) =>
            {
                list = None;
            }
            ("subsection", name) => {
                events.push(Event::Subsection(name.to_owned()));
                subsections.push(name);
                last = None;
            }
            (_, name) => {
                let same = last.is_some_and(|l| l.name == name && l.parent == span.parent);
                let inside = || {
                    let nodes = loaded.map.nodes(span);
                    nodes.iter().any(|node| subsections.contains(&node.name))
                };
                if !same && (whole || inside()) {
                    events.push(Event::Field(name.to_owned()));
                }
                last = Some(span);
            }
        }
    }
    events
}

/// Where two readings part, in words. A load that was refused stops somewhere in the last thing
/// that either tells of.
#[must_use]
pub fn difference(
    to: &Destination,
    real: &[Event],
    model: &[Event],
    accepted: bool,
) -> Option<String> {
    let real = &without_empty(to, real, model);
    let same = in_common(real, model);
    let over = real.len().max(model.len()) - same;
    if over == 0 || (!accepted && over <= 1) {
        return None;
    }
    let event_at =
        |events: &[Event]| events.get(same).map_or("nothing more".to_owned(), Event::to_string);
    let within = real.iter().take(same).rev().find(|e| matches!(e, Event::Section { .. }));
    let within = within.map_or(String::new(), |section| format!("in {section}: "));
    let before = real.get(same.wrapping_sub(1)).map_or(String::new(), |e| format!(" (after {e})"));
    Some(format!(
        "{within}the binary read {}, the model {}{before}",
        event_at(real),
        event_at(model)
    ))
}

/// Whether two readings are the same as far as the shorter one goes, but for the last thing of it.
#[must_use]
pub fn same_fields(to: &Destination, real: &[Event], model: &[Event]) -> bool {
    let real = &without_empty(to, real, model);
    in_common(real, model) + 1 >= real.len().min(model.len())
}

/// How many events two readings begin with in common.
fn in_common(real: &[Event], model: &[Event]) -> usize {
    real.iter().zip(model).take_while(|(real, model)| real == model).count()
}

/// What the binary told, without the fields that have no bytes: it tells of them, the model does
/// not. Only a field whose size is known at run time alone can be one, or an array of pointers, all
/// of them NULL.
fn without_empty(to: &Destination, real: &[Event], model: &[Event]) -> Vec<Event> {
    let sized: BTreeSet<&str> = (to.set.vmsds.iter().flat_map(|vmsd| &vmsd.fields))
        .filter(|f| {
            let at_run_time = matches!(
                &f.kind,
                Kind::Leaf(_, _, Amount::Slot(..) | Amount::Owner(..) | Amount::Fixed(0))
                    | Kind::Leaf(Codec::NullPointer, ..)
            );
            at_run_time || f.array_of_pointer
        })
        .map(|f| f.name.as_str())
        .collect();
    let mut model = model.iter().peekable();
    let mut kept = Vec::with_capacity(real.len());
    for event in real {
        let empty = matches!(event, Event::Field(name) if sized.contains(name.as_str()));
        if model.next_if(|next| *next == event).is_some() || !empty {
            kept.push(event.clone());
        }
    }
    kept
}

fn by_description(to: &Destination, idstr: &[u8], instance_id: u32) -> bool {
    let handler = to.find(idstr, instance_id).and_then(|index| to.handlers.get(index));
    // From 2.9 on virtio devices have descriptions, but with one hand-written field.
    let by_hand = |device: &str| device.starts_with("virtio");
    handler.is_some_and(|h| matches!(h.body, Body::Vmsd(_)) && !by_hand(&h.device))
}

/// `ID(IDSTR) INSTANCE VERSION`
fn section(rest: &str) -> Option<(String, u32, u32)> {
    let (rest, version) = rest.rsplit_once(' ')?;
    let (rest, instance) = rest.rsplit_once(' ')?;
    let (_, idstr) = rest.strip_suffix(')')?.split_once('(')?;
    Some((idstr.to_owned(), instance.parse().ok()?, version.parse().ok()?))
}

/// Name, instance and version of the START or FULL record at `offset`.
fn header(stream: &[u8], offset: u64) -> Option<(&[u8], u32, u32)> {
    let rest = stream.get(usize::try_from(offset).ok()?..)?.get(5..)?;
    let (length, rest) = rest.split_first()?;
    let (idstr, rest) = rest.split_at_checked(usize::from(*length))?;
    let (instance, rest) = rest.split_first_chunk()?;
    let (version, _) = rest.split_first_chunk()?;
    Some((idstr, u32::from_be_bytes(*instance), u32::from_be_bytes(*version)))
}

/// The line without `PID@SECONDS.FRACTION:`.
fn without_prefix(line: &str) -> &str {
    match line.split_once(':') {
        Some((prefix, rest)) if prefix.contains('@') && !prefix.contains(' ') => rest,
        _ => line,
    }
}

#[cfg(test)]
mod tests;
