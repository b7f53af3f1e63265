//! Can the state in a stream go from this build to that one? The stream is read by the build that
//! wrote it, then by the other, and the two readings are compared as in a cell of the matrix.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{Read, Seek};

use super::VendorError;
use super::derive::Build;
use super::migrate::{Feature, FeaturePart, can_migrate};
use crate::dialect::machine::unqualified;
use crate::release::library::Library;
use crate::stream::frames::{Depth, scan};
use crate::stream::{Destination, load};
use crate::trace::{Judged, Meaning, Verdict, judge_reading};
use crate::wire::{Feed, Kind};

/// The answer for the state in a stream.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Machine type and device set that the stream was read as.
    pub place: String,
    /// How the load ends.
    pub judged: Judged,
    /// Of the features that stand in the way of some state, those in the stream.
    pub in_use: Vec<Feature>,
    /// The others.
    pub not_in_use: Vec<Feature>,
}

impl Decision {
    /// Whether the state arrives.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        matches!(self.judged.verdict, Verdict::Faithful | Verdict::Defaulted)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, title: &str, features: &[Feature]| {
            if features.is_empty() {
                return Ok(());
            }
            write!(f, "\n{title}:")?;
            features.iter().try_for_each(|feature| write!(f, "\n  {feature}"))
        };
        write!(f, "{}, {}", if self.is_yes() { "yes" } else { "no" }, self.judged.verdict)?;
        if let Some(error) = &self.judged.error {
            write!(f, ": {error}")?;
        } else if let Some(difference) = &self.judged.difference {
            let path = |item: &Option<crate::trace::compare::Item>| {
                item.as_ref().map_or_else(|| "nothing".to_string(), |item| item.path.clone())
            };
            let (written, read) = (path(&difference.written), path(&difference.read));
            write!(f, ": {written} is read as {read}")?;
        }
        list(f, "in use, and in the way", &self.in_use)?;
        if self.is_yes() {
            list(f, "not in use, or it would be in the way", &self.not_in_use)?;
        }
        Ok(())
    }
}

/// Decides for the state in a stream. `place` says which machine types and device sets of the
/// source may have written it; of those that read it to its end, the one with its devices is taken.
///
/// # Errors
/// A stream that none of these reads, or nothing in common.
pub fn can_migrate_stream<S: Read + Seek>(
    library: &Library,
    from: &Build,
    to: &Build,
    place: impl Fn(&str, &str) -> bool,
    stream: &mut S,
) -> Result<Decision, VendorError> {
    let io = |source| VendorError::Unreadable { source };
    let size = stream.seek(std::io::SeekFrom::End(0)).map_err(io)?;
    let (mut found, mut reasons) = (None, Vec::new());
    stream.rewind().map_err(io)?;
    let said = scan(stream, Depth::Framing).machine.filter(|name| !name.is_empty());
    for (machine, scenario) in library.corpus().destinations(&from.release) {
        // What the stream says of its machine type is compared by every loader that knows of it.
        let other = said.as_ref().is_some_and(|said| said != unqualified(&machine));
        if other || !place(&machine, &scenario) {
            continue;
        }
        let Some(source) = from.destination(library, &machine, &scenario)? else { continue };
        stream.rewind().map_err(io)?;
        match Meaning::read(&source, stream, size) {
            Err(why) => reasons.push(format!("{machine} {scenario}: {why}")),
            // A device set with devices that the stream has nothing of reads it, too.
            Ok(meaning) if devices(&source, &meaning) == source.local.sections => {
                found = Some((machine, scenario));
                break;
            }
            Ok(_) => found = found.or(Some((machine, scenario))),
        }
    }
    let Some((machine, scenario)) = found else {
        let why = match reasons.is_empty() {
            true => "no such machine type and device set".to_string(),
            false => reasons.join("\n  "),
        };
        return Err(VendorError::Stream { from: from.name.clone(), why });
    };
    let nothing = || {
        let (from, to) = (from.name.clone(), to.name.clone());
        VendorError::NoPlace { from, to, machine: machine.clone(), scenario: scenario.clone() }
    };
    let source = from.destination(library, &machine, &scenario)?.ok_or_else(nothing)?;
    let target = to.destination(library, &machine, &scenario)?.ok_or_else(nothing)?;
    stream.rewind().map_err(io)?;
    let meaning = Meaning::read(&source, stream, size)
        .map_err(|why| VendorError::Stream { from: from.name.clone(), why })?;
    stream.rewind().map_err(io)?;
    let judged = judge_reading(&meaning, &load(&target, stream, &Feed::Bulk), &target);
    let answer = can_migrate(library, from, to, &machine, &scenario)?;
    let features = answer.iter().flat_map(|answer| answer.features().iter().cloned());
    let (in_use, not_in_use) = features.partition(|f| is_in_use(f, &source, &meaning, &judged));
    Ok(Decision { place: format!("{machine} {scenario}"), judged, in_use, not_in_use })
}

/// The devices that a stream has sections of.
fn devices(source: &Destination, meaning: &Meaning<'_>) -> BTreeSet<String> {
    let sections = meaning.loaded.sections.iter();
    sections.filter_map(|s| source.handlers.get(s.handler).map(|h| h.device.clone())).collect()
}

/// Whether a stream has it: the section; in a section of that device, the subsection; or the
/// value, which is what ended the load then.
fn is_in_use(
    feature: &Feature,
    source: &Destination,
    meaning: &Meaning<'_>,
    judged: &Judged,
) -> bool {
    let loaded = &meaning.loaded;
    let mut own = loaded.sections.iter().filter(|section| {
        let handler = source.handlers.get(section.handler);
        handler.is_some_and(|h| h.device == feature.section)
    });
    match &feature.part {
        FeaturePart::Section => own.next().is_some(),
        FeaturePart::Command => {
            judged.error.as_ref().is_some_and(|e| matches!(e.kind, Kind::Command(_)))
        }
        FeaturePart::Value => {
            judged.error.as_ref().is_some_and(|e| e.kind.to_string() == feature.why)
        }
        FeaturePart::Subsection { name, .. } => own.any(|section| {
            let spans = loaded.map.spans();
            let from = spans.partition_point(|s| s.offset < section.body);
            let mut inside = spans.iter().skip(from).take_while(|s| s.offset < section.end);
            inside.any(|s| s.info == "subsection" && s.name == *name)
        }),
    }
}
