//! Which recorded layout a section has: that of the entry that looks most like it.

use super::machine::SentSection;
use crate::release::catalogue::{Entry, Layouts};
use crate::stream::vmdescription::Body as Described;
use crate::vmstate::codec::pci;
use crate::vmstate::schema::{Answers, Tables};
use crate::vmstate::schema::{Body, Kind};

/// Where a PCI device's configuration space begins in its payload: behind its version.
const CONFIG: usize = 4;
/// Bytes of a configuration space in which its capabilities are.
const SPACE: u64 = 256;
/// Vendor and device, and revision with class.
const IDS: [std::ops::Range<usize>; 2] = [0..4, 8..12];
/// The capability of PCI Express.
const EXPRESS: u8 = 0x10;

/// The section for which a layout is looked for.
#[derive(Debug, Clone, Copy)]
pub struct SectionQuery<'a> {
    /// The section.
    pub sent: &'a SentSection,
    /// How it is described.
    pub body: Option<&'a Described>,
    /// Machine type.
    pub machine: &'a str,
}

/// The entry that a section looks most like, among those that have its name.
#[must_use]
pub fn own<'s>(
    layouts: &'s Layouts,
    tables: &Tables,
    query: &SectionQuery<'_>,
) -> Option<&'s Entry> {
    let best = plain(layouts, tables, query)?;
    Some(model(layouts, best, query).unwrap_or(best))
}

/// The same without regard to models of processors: what a release has for one of the default model.
#[must_use]
pub fn plain<'s>(
    layouts: &'s Layouts,
    tables: &Tables,
    query: &SectionQuery<'_>,
) -> Option<&'s Entry> {
    let name = query.sent.name();
    let entries = layouts.catalogue.entries.iter().filter(|e| e.section == name);
    let score = |entry: &&Entry| {
        (likeness(layouts, tables, entry, query), std::cmp::Reverse(entry.payload.0))
    };
    entries.max_by_key(score)
}

/// The section of a processor. Which system registers it sends depends on its model, and on what of the
/// board is in it (interrupt controller, security, virtualisation): they are in no description.
const PROCESSOR: &str = "cpu";
/// How the option begins that chooses the model.
const MODEL: &str = "-cpu ";
/// How options begin that may put registers into it.
const BOARD: &str = "-machine ";

/// Whether an entry is of a processor that was asked for.
#[must_use]
pub fn is_model(entry: &Entry) -> bool {
    let begins = |with| entry.varied.starts_with(with);
    entry.section == PROCESSOR && entry.device.is_empty() && (begins(MODEL) || begins(BOARD))
}

/// Of a processor the entry that was recorded with the options whose section looks most like it, if
/// that is not the default one.
fn model<'s>(layouts: &'s Layouts, base: &Entry, query: &SectionQuery<'_>) -> Option<&'s Entry> {
    let alike = |entry: &Entry| {
        let sent = &query.sent.payload;
        let comparable = entry.payload.1 == sent.len() as u64;
        if comparable { same_bytes(&layouts.payload(entry), sent) } else { 0 }
    };
    let other = |e: &&Entry| e.varied.starts_with(MODEL) || e.payload.1 != base.payload.1;
    let entries = layouts.catalogue.entries.iter();
    let models = entries.filter(|e| is_model(e) && base.section == e.section).filter(other);
    let score = |entry: &&Entry| {
        let on = layouts.catalogue.is_on(entry, query.machine);
        (on, alike(entry), std::cmp::Reverse(entry.payload.0))
    };
    models.max_by_key(score).filter(|entry| alike(entry) > alike(base))
}

fn same_bytes(one: &[u8], other: &[u8]) -> i64 {
    one.iter().zip(other).filter(|(one, other)| one == other).count() as i64
}

/// The entry of another release for a processor of a model that was asked for.
#[must_use]
pub fn same_model<'s>(layouts: &'s Layouts, own: &Entry, machine: &str) -> Option<&'s Entry> {
    let entries = layouts.catalogue.entries.iter();
    let same = entries.filter(|e| is_model(e) && e.varied == own.varied);
    same.max_by_key(|e| (layouts.catalogue.is_on(e, machine), std::cmp::Reverse(e.payload.0)))
}

/// The entry of another release for what `own` is in the source.
#[must_use]
pub fn other<'s>(
    layouts: &'s Layouts,
    tables: &Tables,
    own: &Entry,
    query: &SectionQuery<'_>,
) -> Option<&'s Entry> {
    let entries = layouts.catalogue.entries.iter();
    let entries = entries.filter(|e| e.section == own.section && e.device == own.device);
    let score = |entry: &&Entry| {
        let same =
            i64::from(entry.place == own.place) + i64::from(entry.instance_id == own.instance_id);
        (same * 1000 + likeness(layouts, tables, entry, query), std::cmp::Reverse(entry.payload.0))
    };
    entries.max_by_key(score)
}

/// Whether two PCI payloads have the same vendor, device, revision and class.
#[must_use]
pub fn same_device(one: &[u8], other: &[u8]) -> bool {
    let ids =
        |of: &[u8]| IDS.map(|at| of.get(CONFIG + at.start..CONFIG + at.end).map(<[u8]>::to_vec));
    ids(one) == ids(other)
}

/// How much an entry looks like a section.
fn likeness(layouts: &Layouts, tables: &Tables, entry: &Entry, query: &SectionQuery<'_>) -> i64 {
    let sent = &query.sent.payload;
    let as_long = entry.payload.1 == sent.len() as u64;
    let mut score = 0;
    if query.sent.path(&entry.section).is_some() == entry.has_path {
        score += 2000;
    }
    score += 500 * i64::from(layouts.catalogue.is_on(entry, query.machine));
    // A board numbers its sections alike each time; which number a device's has where none has a path
    // depends on what else is in the machine, and tells less than the length.
    let numbered = if entry.device.is_empty() { 200 } else { 50 };
    score += numbered * i64::from(entry.instance_id == query.sent.instance_id);
    score += 100 * i64::from(as_long);
    // A changed property is in what was sent; here are the defaults that it is compared with, on
    // this machine type. One was seen changed on a single one.
    score += 4000 * i64::from(entry.varied.is_empty());
    if entry.has_path {
        // What it is, and whether it is behind a port, tell more than where it was seen.
        let head = layouts.head(entry, CONFIG as u64 + SPACE);
        score += 1200 * i64::from(same_device(&head, sent));
        let (own, theirs) = (capabilities(&head), capabilities(sent));
        score += 1000 * i64::from(own.contains(&EXPRESS) == theirs.contains(&EXPRESS));
        // What a device of this type has on some machine types only, MSI-X above all, is among them.
        score += 300 * i64::from(own == theirs);
    }
    if entry.section == PROCESSOR && as_long {
        // Which registers there are, only they tell.
        let other = sent.len() as i64 - same_bytes(&layouts.payload(entry), sent);
        score += 300 - other.min(300);
    }
    if let (Body::Vmsd(key), Some(body)) = (&entry.body, query.body) {
        let reported = described(tables, key, body);
        let alike = |same: usize, all: usize| 4 * same as i64 - 8 * (all - same) as i64;
        let same =
            reported.present.iter().filter(|(k, v)| entry.answers.present.get(*k) == Some(v));
        score += alike(same.count(), reported.present.len());
        let same = reported.count.iter().filter(|(k, v)| entry.answers.count.get(*k) == Some(v));
        score += alike(same.count(), reported.count.len());
    }
    score
}

/// What a section's own description says of its layout.
#[must_use]
pub fn described(tables: &Tables, key: &str, body: &Described) -> Answers {
    crate::release::bundle::answers::of(tables, key, None, Some(body)).0
}

/// How much of what a section's description names the release calls otherwise, or does not have:
/// fields and subsections. A release's own stream has none.
#[must_use]
pub fn mismatches(tables: &Tables, key: &str, body: &Described) -> usize {
    let Some(vmsd) = tables.vmsd.get(key) else { return 1 };
    let names: Vec<String> = (0..vmsd.fields.len()).map(|i| vmsd.described_as(i)).collect();
    let mut count = 0;
    for field in &body.fields {
        let Some(at) = names.iter().position(|name| *name == field.name) else {
            count += 1;
            continue;
        };
        let nested = vmsd.fields.get(at).and_then(|f| match &f.kind {
            Kind::Struct { vmsd } | Kind::Vstruct { vmsd, .. } => Some(vmsd),
            _ => None,
        });
        let described = field.body.as_ref().filter(|body| body.vmsd_name.is_some());
        count += nested.zip(described).map_or(0, |(key, body)| mismatches(tables, key, body));
    }
    for sent in &body.subsections {
        let named = |key: &String| {
            tables.vmsd.get(key).is_some_and(|v| Some(&v.name) == sent.vmsd_name.as_ref())
        };
        let known = vmsd.subsections.iter().map(|s| &s.vmsd).find(|key| named(key));
        count += known.map_or(1, |key| mismatches(tables, key, sent));
    }
    count
}

/// The capabilities that the configuration space in a PCI payload lists, by their ids, in order.
fn capabilities(payload: &[u8]) -> Vec<u8> {
    let space = payload.get(CONFIG..).unwrap_or_default();
    pci::capabilities(space).filter_map(|at| space.get(at).copied()).collect()
}
