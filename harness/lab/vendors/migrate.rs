//! Can a machine go from this build to that one? Answered from the descriptions, before anything
//! is sent; with a stream, for the state that is in it.

use std::collections::BTreeSet;
use std::fmt;

use super::VendorError;
use super::derive::Build;
use super::layout::{Part, layout, parts_company};
use crate::release::library::Library;
use crate::stream::{Body, Destination, Handler};
use crate::trace::{Judged, Meaning, Verdict, judge};
use crate::vmstate::Set;
use crate::wire::Feed;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Whatever the machine's state.
    Yes,
    /// If none of these features is in use.
    OnlyIf(Vec<String>),
    /// Never, because of these.
    No(Vec<String>),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, reasons: &[String]| {
            reasons.iter().try_for_each(|reason| write!(f, "\n  {reason}"))
        };
        match self {
            Answer::Yes => write!(f, "yes"),
            Answer::OnlyIf(features) => {
                write!(f, "only if these are not in use:")?;
                list(f, features)
            }
            Answer::No(reasons) => {
                write!(f, "no:")?;
                list(f, reasons)
            }
        }
    }
}

/// Answers for a machine type and devices, from the descriptions alone. `None` if one of the
/// builds does not have them.
///
/// # Errors
/// Descriptions that cannot be read.
pub fn can_migrate(
    library: &Library,
    from: &Build,
    to: &Build,
    machine: &str,
    scenario: &str,
) -> Result<Option<Answer>, VendorError> {
    let source = from.destination(library, machine, scenario)?;
    let target = to.destination(library, machine, scenario)?;
    let (Some(source), Some(target)) = (source, target) else { return Ok(None) };
    let mut found = Found::default();
    for handler in &source.handlers {
        found.section(&source, handler, &target);
    }
    Ok(Some(found.answer()))
}

/// Answers for every machine type and scenario that both builds have, and puts it into one: the
/// reasons are named with the machine types where not all are concerned.
///
/// # Errors
/// Nothing in common, or descriptions that cannot be read.
pub fn can_migrate_all(
    library: &Library,
    from: &Build,
    to: &Build,
    machine: Option<&str>,
) -> Result<Vec<(String, Answer)>, VendorError> {
    let mut answers = Vec::new();
    for (name, scenario) in library.corpus().destinations(&from.release) {
        if machine.is_some_and(|m| m != name) {
            continue;
        }
        if let Some(answer) = can_migrate(library, from, to, &name, &scenario)? {
            answers.push((format!("{name} {scenario}"), answer));
        }
    }
    if answers.is_empty() {
        let (from, to) = (from.name.clone(), to.name.clone());
        return Err(VendorError::NothingInCommon { from, to });
    }
    Ok(answers)
}

/// Answers for the state in a stream, with the judgement that it rests on: [`Answer::Yes`] or
/// [`Answer::No`].
///
/// # Errors
/// A stream that the source itself does not load, or nothing in common.
pub fn can_migrate_stream(
    library: &Library,
    from: &Build,
    to: &Build,
    (machine, scenario): (&str, &str),
    stream: &[u8],
) -> Result<(Answer, Judged), VendorError> {
    let common = || VendorError::NothingInCommon { from: from.name.clone(), to: to.name.clone() };
    let source = from.destination(library, machine, scenario)?.ok_or_else(common)?;
    let target = to.destination(library, machine, scenario)?.ok_or_else(common)?;
    let meaning = Meaning::of(&source, stream)
        .map_err(|why| VendorError::Stream { from: from.name.clone(), why })?;
    let judged = judge(&meaning, stream, &target, &Feed::Bulk);
    if matches!(judged.verdict, Verdict::Faithful | Verdict::Defaulted) {
        return Ok((Answer::Yes, judged));
    }
    // The features in the stream that the descriptions already warn of.
    let map = &meaning.loaded.map;
    let used: BTreeSet<&str> =
        map.spans().iter().filter(|s| s.info == "subsection").map(|s| s.name).collect();
    let mut reasons = Vec::new();
    if let Some(Answer::OnlyIf(features)) = can_migrate(library, from, to, machine, scenario)? {
        let in_use = |f: &&String| used.iter().any(|name| f.split(' ').any(|word| word == *name));
        reasons.extend(features.iter().filter(in_use).cloned());
    }
    let told = judged.error.as_ref().map(ToString::to_string);
    let differs = judged.difference.as_ref().map(|d| {
        let path = |item: &Option<crate::trace::compare::Item>| {
            item.as_ref().map_or_else(|| "nothing".to_string(), |i| i.path.clone())
        };
        format!("{} is read as {}", path(&d.written), path(&d.read))
    });
    reasons.push(format!(
        "{}: {}",
        judged.verdict,
        told.or(differs).unwrap_or_else(|| "the stream ends early".to_string())
    ));
    Ok((Answer::No(reasons), judged))
}

/// What stands in the way.
#[derive(Debug, Default)]
struct Found {
    always: Vec<String>,
    in_use: Vec<String>,
}

impl Found {
    fn answer(self) -> Answer {
        let unique = |list: Vec<String>| {
            let mut seen = BTreeSet::new();
            list.into_iter().filter(|reason| seen.insert(reason.clone())).collect::<Vec<_>>()
        };
        let always = unique(self.always);
        if !always.is_empty() {
            return Answer::No(always);
        }
        let in_use = unique(self.in_use);
        if in_use.is_empty() { Answer::Yes } else { Answer::OnlyIf(in_use) }
    }

    fn section(&mut self, from: &Destination, handler: &Handler, to: &Destination) {
        let name = &handler.device;
        // What the release's own fixture has is always sent, where there is one; the rest, and
        // live sections, depend on what is done with the machine.
        let own = &from.local.sections;
        let live = matches!(handler.body, Body::Ram | Body::Block | Body::DirtyBitmap);
        let sent = !live && (own.is_empty() || own.contains(name));
        let Some(reason) = self.reason(from, handler, to) else { return };
        let list = if sent { &mut self.always } else { &mut self.in_use };
        list.push(format!("section {name}: {reason}"));
    }

    /// Why a section does not fit, apart from its optional parts, which are collected.
    fn reason(
        &mut self,
        from: &Destination,
        handler: &Handler,
        to: &Destination,
    ) -> Option<String> {
        let found = to.find(handler.idstr.as_bytes(), handler.instance_id);
        let Some(other) = found.and_then(|index| to.handlers.get(index)) else {
            return Some("is not known".to_string());
        };
        let version = handler.version_id;
        if version > other.version_id {
            return Some(format!("has version {version}, at most {} is known", other.version_id));
        }
        let (Body::Vmsd(a), Body::Vmsd(b)) = (&handler.body, &other.body) else { return None };
        let minimum = to.set.get(*b).map_or(0, |v| v.minimum_version_id);
        if version < minimum {
            return Some(format!("has version {version}, at least {minimum} is needed"));
        }
        self.body((&from.set, *a), (&to.set, *b), version, &handler.device)
    }

    /// Compares what always comes, and collects what may; returns why the former does not fit.
    fn body(
        &mut self,
        (ours, a): (&Set, usize),
        (theirs, b): (&Set, usize),
        version: u32,
        section: &str,
    ) -> Option<String> {
        let (sent, read) = (layout(ours, a, version), layout(theirs, b, version));
        for part in &sent.parts {
            self.part(ours, part, theirs, &read.parts, section);
        }
        parts_company(&sent.leaves, &read.leaves)
    }

    fn part(&mut self, ours: &Set, part: &Part, theirs: &Set, read: &[Part], section: &str) {
        let Part { owner, name, vmsd } = part;
        let place = if owner.is_empty() { String::new() } else { format!(" at {owner}") };
        let Some(other) = read.iter().find(|p| p.name == *name && p.owner == *owner) else {
            self.in_use.push(format!("subsection {name} of {section}{place} is not known"));
            return;
        };
        let version = ours.get(*vmsd).map_or(0, |v| v.version_id);
        let known = theirs.get(other.vmsd);
        let (lowest, highest) = known.map_or((0, 0), |v| (v.minimum_version_id, v.version_id));
        if version < lowest || version > highest {
            self.in_use.push(format!(
                "subsection {name} of {section}{place} has version {version}, known are {lowest} to {highest}"
            ));
            return;
        }
        if let Some(why) = self.body((ours, *vmsd), (theirs, other.vmsd), version, section) {
            self.in_use.push(format!("subsection {name} of {section}{place}: {why}"));
        }
    }
}
