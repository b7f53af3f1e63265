//! Can a machine go from this build to that one? Answered from the descriptions, before anything
//! is sent. [`super::state`] answers for the state in a stream.

use std::collections::BTreeSet;
use std::fmt;

use super::VendorError;
use super::derive::Build;
use super::layout::{Part, first_mismatch, layout};
use crate::dialect::commands::always_sent;
use crate::dialect::{Generation, OldVersions};
use crate::release::library::Library;
use crate::release::suggest;
use crate::stream::{Body, Destination, Handler};
use crate::trace::{Meaning, Verdict, judge};
use crate::vmstate::Set;
use crate::vmstate::codec::virtio;
use crate::wire::{Feed, Kind};

/// Something of a machine's state that the other build does not take.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feature {
    /// The section's device.
    pub section: String,
    /// What of it.
    pub part: FeaturePart,
    /// What stands in the way.
    pub why: String,
}

/// What of a section is in the way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeaturePart {
    /// All of it.
    Section,
    /// A subsection.
    Subsection {
        /// Its name.
        name: String,
        /// Path of its owner in the section.
        owner: String,
    },
    /// A value that the devices of the corpus have, and that the loader checks.
    Value,
    /// No section at all, but a command between them: [`Feature::section`] is its name.
    Command,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Feature { section, part, why } = self;
        match part {
            FeaturePart::Section => write!(f, "section {section}: {why}"),
            FeaturePart::Subsection { name, owner } if owner.is_empty() => {
                write!(f, "subsection {name} of {section}: {why}")
            }
            FeaturePart::Subsection { name, owner } => {
                write!(f, "subsection {name} of {section} at {owner}: {why}")
            }
            FeaturePart::Command => write!(f, "command {section}: {why}"),
            FeaturePart::Value => write!(f, "section {section} as it is in the corpus: {why}"),
        }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Whatever the machine's state.
    Yes,
    /// If none of these is in use.
    OnlyIf(Vec<Feature>),
    /// Never, because of these, which are always in use.
    No(Vec<Feature>),
}

impl Answer {
    /// The features that the answer depends on.
    #[must_use]
    pub fn features(&self) -> &[Feature] {
        match self {
            Answer::Yes => &[],
            Answer::OnlyIf(features) | Answer::No(features) => features,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Yes => "yes",
            Answer::OnlyIf(_) => "only if these are not in use:",
            Answer::No(_) => "no, as these always are in use:",
        })?;
        self.features().iter().try_for_each(|feature| write!(f, "\n  {feature}"))
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
    found.command(&source, &target);
    for handler in &source.handlers {
        found.section(&source, handler, &target);
    }
    if found.always.is_empty() {
        found.in_use.extend(refused_value(library, &from.release, &target)?);
    }
    Ok(Some(found.answer()))
}

/// Answers for every machine type and scenario that both builds have, or for one machine type.
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
        let asked = machine.map(|asked| {
            let machines = library.corpus().destinations(&from.release);
            format!(" {asked}{}", suggest::hint(asked, machines.iter().map(|(on, _)| on.as_str())))
        });
        let (from, to) = (from.name.clone(), to.name.clone());
        return Err(VendorError::NothingInCommon { from, to, asked: asked.unwrap_or_default() });
    }
    Ok(answers)
}

/// What the loader checks and refuses in the fixture of the source's upstream release, if there
/// is one: the size of a queue, say, which no description tells.
fn refused_value(
    library: &Library,
    release: &str,
    target: &Destination,
) -> Result<Option<Feature>, VendorError> {
    let (machine, scenario) = (&target.machine, &target.scenario);
    let Some(fixture) = library.fixture(release, machine, scenario) else { return Ok(None) };
    let Some(own) = library.destination(release, machine, scenario)? else { return Ok(None) };
    let stream = library.corpus().stream(fixture)?;
    let wrong = |why| VendorError::Stream { from: release.to_string(), why };
    let meaning = Meaning::of(&own, &stream).map_err(wrong)?;
    let judged = judge(&meaning, &stream, target, &Feed::Bulk);
    let Some(error) = judged.error.filter(|_| judged.verdict == Verdict::Refused) else {
        return Ok(None);
    };
    let (Kind::Check(_) | Kind::NotEqual { .. } | Kind::PciConfig { .. }) = error.kind else {
        return Ok(None);
    };
    let sections = meaning.loaded.sections.iter().rev();
    let handler = sections.into_iter().find(|s| s.offset <= error.offset).map(|s| s.handler);
    let section = handler.and_then(|index| own.handlers.get(index));
    let section = section.map_or_else(String::new, |h| h.device.clone());
    Ok(Some(Feature { section, part: FeaturePart::Value, why: error.kind.to_string() }))
}

/// What stands in the way.
#[derive(Debug, Default)]
struct Found {
    always: Vec<Feature>,
    in_use: Vec<Feature>,
}

impl Found {
    fn answer(self) -> Answer {
        let unique = |list: Vec<Feature>| {
            let mut seen = BTreeSet::new();
            list.into_iter().filter(|feature| seen.insert(feature.clone())).collect::<Vec<_>>()
        };
        if !self.always.is_empty() {
            return Answer::No(unique(self.always));
        }
        if self.in_use.is_empty() { Answer::Yes } else { Answer::OnlyIf(unique(self.in_use)) }
    }

    /// A command that the source always sends, and the other does not know.
    fn command(&mut self, from: &Destination, to: &Destination) {
        let sent = always_sent(from.version, Generation::of(&from.machine));
        let Some((number, name)) = sent else { return };
        let known = to.dialect.commands.is_some_and(|rules| rules.command(number).is_some());
        if !known {
            let (section, part) = (name.to_string(), FeaturePart::Command);
            self.always.push(Feature { section, part, why: "not known".to_string() });
        }
    }

    fn section(&mut self, from: &Destination, handler: &Handler, to: &Destination) {
        // What the release's own fixture has is always sent, where there is one; the rest, and
        // live sections, depend on what is done with the machine.
        let own = &from.local.sections;
        let live = handler.body.is_records();
        let sent = !live && (own.is_empty() || own.contains(&handler.device));
        let Some(why) = self.reason(from, handler, to) else { return };
        let list = if sent { &mut self.always } else { &mut self.in_use };
        let section = handler.device.clone();
        list.push(Feature { section, part: FeaturePart::Section, why });
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
            return Some("not known".to_string());
        };
        let version = handler.version_id;
        if version > other.version_id {
            return Some(format!("version {version}, at most {} is known", other.version_id));
        }
        let section = &handler.device;
        if section.starts_with("virtio-")
            && let Some((a, b)) =
                virtio::described_parts(&from.set).zip(virtio::described_parts(&to.set))
        {
            // The code around it is hand-written; what it checks is another question.
            self.parts((&from.set, a), (&to.set, b), section);
        }
        let (Body::Vmsd(a), Body::Vmsd(b)) = (&handler.body, &other.body) else { return None };
        let reader = match reader(to, *b, version) {
            Ok(reader) => reader,
            Err(why) => return Some(why),
        };
        self.body((&from.set, *a), (&to.set, reader), version, section)
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
        first_mismatch(&sent.leaves, &read.leaves)
    }

    /// Collects the subsections of a description that do not fit.
    fn parts(&mut self, (ours, a): (&Set, usize), (theirs, b): (&Set, usize), section: &str) {
        let version = |set: &Set, vmsd| set.get(vmsd).map_or(0, |v| v.version_id);
        let (sent, read) =
            (layout(ours, a, version(ours, a)), layout(theirs, b, version(theirs, b)));
        for part in &sent.parts {
            self.part(ours, part, theirs, &read.parts, section);
        }
    }

    fn part(&mut self, ours: &Set, part: &Part, theirs: &Set, read: &[Part], section: &str) {
        let Part { owner, name, vmsd } = part;
        let version = ours.get(*vmsd).map_or(0, |v| v.version_id);
        let why = match read.iter().find(|p| p.name == *name && p.owner == *owner) {
            None => Some("not known".to_string()),
            Some(other) => {
                let known = theirs.get(other.vmsd);
                let (lowest, highest) =
                    known.map_or((0, 0), |v| (v.minimum_version_id, v.version_id));
                if version < lowest || version > highest {
                    Some(format!("version {version}, known are {lowest} to {highest}"))
                } else {
                    self.body((ours, *vmsd), (theirs, other.vmsd), version, section)
                }
            }
        };
        if let Some(why) = why {
            let part = FeaturePart::Subsection { name: name.clone(), owner: owner.clone() };
            self.in_use.push(Feature { section: section.to_string(), part, why });
        }
    }
}

/// The description by which a build reads a section of this version: below the minimum, that of
/// an old loader.
fn reader(to: &Destination, vmsd: usize, version: u32) -> Result<usize, String> {
    let Some(found) = to.set.get(vmsd) else { return Ok(vmsd) };
    let minimum = found.minimum_version_id;
    if version >= minimum {
        return Ok(vmsd);
    }
    let old = found.old.as_ref().filter(|old| {
        to.dialect.old_versions != OldVersions::Never
            && version >= old.minimum_version_id
            && old.load.is_some()
    });
    let layout = old.and_then(|old| old.layouts.get(&version)).copied();
    layout.ok_or_else(|| format!("version {version}, at least {minimum} is needed"))
}
