//! Known reasons for which a real loader and the model differ: the loader refused by a check of something
//! that is in no stream or that the model does not keep, it went on with memory that no stream filled, or
//! it counts for ever.
//!
//! A reason explains only the place where the two differ first: both must have read the same fields up
//! to there, and each must have reached what explains it.

use super::incoming::RealLoad;
use crate::dialect::Version;
use crate::matrix::stderr;
use crate::release::observed::ObservedVerdict;
use crate::stream::Loaded;
use crate::wire::{Error, Kind};

/// What a binary refused for, by its text on standard error; the releases that refuse for it; and
/// the check that says so.
const CHECKS: [(&str, Releases, &str); 3] = [
    (
        " unsupported. Allowed features: ",
        Releases { from: (0, 12), to: None },
        "virtio_set_features: the guest may only have features that the device has here",
    ),
    // Rings are in guest memory, wherever the guest put them.
    (
        " < last_avail_idx ",
        Releases { from: (2, 6), to: None },
        "virtio_load (2.6 on): the ring of used descriptors has another index than the device",
    ),
    // From 6.0 on the text is a warning, and the load goes on.
    (
        " Guest index ",
        Releases { from: (0, 14), to: Some((6, 0)) },
        "virtio_load (0.14 to 5.2): the ring of available descriptors has another index",
    ),
];
const CONFIG: &str = "get_pci_config_device: Bad config data";

/// Nanoseconds in which the counter of an rtl8139 goes round: 32 bits of 30 ns each.
const TCTR_PERIOD: i64 = 30 << 32;

/// Releases from one on, and before another.
struct Releases {
    from: (u32, u32),
    to: Option<(u32, u32)>,
}

impl Releases {
    fn have(&self, release: Version) -> bool {
        let at_least = |(major, minor): (u32, u32)| release >= Version::new(major, minor, 0);
        at_least(self.from) && !self.to.is_some_and(at_least)
    }
}

/// A load in which the two differ.
#[derive(Debug)]
pub struct Disagreement<'a> {
    /// The release that loaded.
    pub release: Version,
    /// The stream.
    pub stream: &'a [u8],
    /// What the model did.
    pub model: &'a Loaded<'a>,
    /// What the binary did.
    pub real: &'a RealLoad,
    /// Whether the fields that both read are the same as far as the shorter of the two lists goes.
    pub same_fields: bool,
}

/// Why the two differ, if it is for one of those reasons.
#[must_use]
pub fn excuse(disagreement: &Disagreement<'_>) -> Option<String> {
    if !disagreement.same_fields {
        return None;
    }
    undefined(disagreement).or_else(|| match disagreement.real.verdict {
        ObservedVerdict::Refused => refused(disagreement),
        ObservedVerdict::Hang => hangs(disagreement),
        ObservedVerdict::Accepted => None,
    })
}

/// Nobody can tell what the binary does from where the model stopped; it must have come there.
fn undefined(disagreement: &Disagreement<'_>) -> Option<String> {
    let error = disagreement.model.refused.as_deref()?;
    let Kind::Undefined(what) = &error.kind else { return None };
    let came = disagreement.real.consumed.is_some_and(|consumed| consumed >= error.offset);
    came.then(|| format!("what the binary does is not defined: {what}"))
}

/// A check of the binary's own; the model must have come to the section that it names.
fn refused(disagreement: &Disagreement<'_>) -> Option<String> {
    let text = &disagreement.real.stderr;
    let error = disagreement.model.refused.as_deref();
    if !came_to(disagreement.model, error, stderr::parse(text).section?.as_bytes()) {
        return None;
    }
    let known = CHECKS.iter().find(|(part, ..)| text.contains(part));
    if let Some((_, releases, check)) = known {
        return releases.have(disagreement.release).then(|| (*check).to_owned());
    }
    // What it compares with its own space is what its memory held before.
    let cut = error.is_some_and(|error| {
        matches!(error.kind, Kind::EndOfInput { .. }) && error.path.ends_with("config")
    });
    (cut && text.contains(CONFIG)).then(|| {
        "get_pci_config_device: compares the whole space before it looks whether it came".into()
    })
}

/// Whether the model read of a section of that name, and was not refused before it.
fn came_to(model: &Loaded<'_>, error: Option<&Error>, idstr: &[u8]) -> bool {
    // One that it was refused in is not among those that it read.
    let within = |error: &Error| error.section.as_deref().map(str::as_bytes) == Some(idstr);
    if error.is_some_and(|error| within(error) && !error.path.is_empty()) {
        return true;
    }
    let sections = model.sections.iter().filter(|section| section.idstr == idstr);
    sections.into_iter().any(|section| error.is_none_or(|error| error.offset >= section.body))
}

/// A load that never ends.
fn hangs(disagreement: &Disagreement<'_>) -> Option<String> {
    let clock = disagreement.model.value(disagreement.stream, b"timer", "cpu_clock_offset")?;
    let clock = i64::from_be_bytes(clock.try_into().ok()?);
    let last =
        disagreement.real.trace.lines().rev().find(|line| line.contains("vmstate_subsection"))?;
    let rtl8139 = last.ends_with(" rtl8139");
    (rtl8139 && (-TCTR_PERIOD..0).contains(&clock)).then(|| {
        "rtl8139_post_load: counts whole turns of its counter up to the virtual clock, without \
         sign; to a clock just below zero it counts for ever"
            .into()
    })
}

#[cfg(test)]
mod tests;
