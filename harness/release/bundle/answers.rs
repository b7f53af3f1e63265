//! What one destination's configuration decides of a section's layout: taken from the trace of its
//! self-load and the VMDESCRIPTION of its stream, along the finished description.
//!
//! | question | answered by |
//! | --- | --- |
//! | is a field with a hook there | the trace; without one, whether it is described |
//! | number of elements | the trace (`vmstate_n_elems`); without one, the description |
//! | bytes of one element | the description |
//!
//! Elements of an array share a path. Where they differ, the matter is one of the state and not of
//! the configuration, and nothing is decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::trace_log::Load;
use crate::dialect::Version;
use crate::stream::vmdescription::{Body, run_lengths};
use crate::vmstate::presence;
use crate::vmstate::schema::{Answers, Count, Field, Kind, Presence, Size, Tables, Vmsd};

/// Nested descriptions that are followed; real ones nest about six deep.
const MAX_DEPTH: usize = 32;

/// The answers of one section, whose description is `key`; `load` is its self-load, `body` its
/// description. Also paths at which its elements differ.
pub fn of(
    tables: &Tables,
    key: &str,
    load: Option<&Load>,
    body: Option<&Body>,
) -> (Answers, BTreeSet<String>) {
    let mut collector = Collector { tables, seen: Seen::default() };
    collector.vmsd(
        key,
        "",
        &load.into_iter().collect::<Vec<_>>(),
        &body.into_iter().collect::<Vec<_>>(),
        0,
    );
    collector.seen.resolved()
}

/// Everything that was seen at each path.
#[derive(Debug, Default)]
struct Seen {
    present: BTreeMap<String, BTreeSet<bool>>,
    count: BTreeMap<String, BTreeSet<u32>>,
    size: BTreeMap<String, BTreeSet<u32>>,
}

impl Seen {
    fn resolved(self) -> (Answers, BTreeSet<String>) {
        fn only<V: Ord>(
            seen: BTreeMap<String, BTreeSet<V>>,
            differ: &mut BTreeSet<String>,
        ) -> BTreeMap<String, V> {
            let mut out = BTreeMap::new();
            for (path, mut values) in seen {
                match (values.pop_first(), values.is_empty()) {
                    (Some(value), true) => drop(out.insert(path, value)),
                    _ => drop(differ.insert(path)),
                }
            }
            out
        }
        let mut differ = BTreeSet::new();
        let answers = Answers {
            present: only(self.present, &mut differ),
            count: only(self.count, &mut differ),
            size: only(self.size, &mut differ),
        };
        (answers, differ)
    }
}

struct Collector<'a> {
    tables: &'a Tables,
    seen: Seen,
}

impl Collector<'_> {
    /// All loads and bodies of one description at one path.
    fn vmsd(&mut self, key: &str, path: &str, loads: &[&Load], bodies: &[&Body], depth: usize) {
        let tables = self.tables;
        let Some(vmsd) = tables.vmsd.get(key).filter(|_| depth < MAX_DEPTH) else { return };
        if loads.is_empty() && bodies.is_empty() {
            return;
        }
        for (index, field) in vmsd.fields.iter().enumerate() {
            self.field(vmsd, index, field, path, loads, bodies, depth);
        }
        for subsection in &vmsd.subsections {
            let Some(name) = tables.vmsd.get(&subsection.vmsd).map(|v| v.name.as_str()) else {
                continue;
            };
            let loads = loads.iter().flat_map(|load| &load.subsections).filter(|s| s.name == name);
            let bodies = bodies.iter().flat_map(|body| &body.subsections);
            let bodies = bodies.filter(|s| s.vmsd_name.as_deref() == Some(name));
            self.vmsd(
                &subsection.vmsd,
                &Answers::join(path, name),
                &loads.collect::<Vec<_>>(),
                &bodies.collect::<Vec<_>>(),
                depth + 1,
            );
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a place in three trees at once")]
    fn field(
        &mut self,
        vmsd: &Vmsd,
        index: usize,
        field: &Field,
        path: &str,
        loads: &[&Load],
        bodies: &[&Body],
        depth: usize,
    ) {
        let name = vmsd.described_as(index);
        let path = Answers::join(path, &name);
        // A trace lists the fields of a description in full; another of that name is not this one.
        let traced: Vec<_> = loads
            .iter()
            .filter_map(|load| load.fields.get(index).filter(|seen| seen.name == field.name))
            .collect();
        let described: Vec<Vec<_>> = bodies
            .iter()
            .map(|body| body.fields.iter().filter(|f| f.name == name).cloned().collect())
            .collect();
        // A check leaves no entry in a description.
        let collector = !field.must_exist || !traced.is_empty();
        if collector && field.exists.as_ref().is_some_and(is_open) {
            let seen = self.seen.present.entry(path.clone()).or_default();
            match traced.is_empty() {
                false => seen.extend(traced.iter().map(|field| field.exists)),
                true => seen.extend(described.iter().map(|entries| !entries.is_empty())),
            }
        }
        if matches!(field.count, Count::Local { .. }) {
            let seen = self.seen.count.entry(path.clone()).or_default();
            match traced.is_empty() {
                false => seen.extend(traced.iter().filter_map(|field| field.count)),
                true => seen.extend(
                    (described.iter().filter(|entries| !entries.is_empty()))
                        .map(|entries| run_lengths(entries).iter().sum::<u32>()),
                ),
            }
        }
        let entries = || described.iter().flatten();
        if let Kind::Leaf { info, size: Size::Local { .. } } = &field.kind {
            // Sizes of bitmaps count bits (wire.md 4.2), of which whole words are written.
            let unit = if info == "bitmap" { 8 } else { 1 };
            let sizes = entries().filter(|f| f.kind == *info).map(|f| f.size.saturating_mul(unit));
            self.seen.size.entry(path.clone()).or_default().extend(sizes);
        }
        let nested = match &field.kind {
            Kind::Struct { vmsd } | Kind::Vstruct { vmsd, .. } => vmsd,
            Kind::Nested { vmsd, key: None, .. } => vmsd,
            Kind::Nested { .. } | Kind::Leaf { .. } | Kind::Unknown { .. } => return,
        };
        let loads: Vec<_> =
            traced.iter().flat_map(|field| field.loads.iter().map(Arc::as_ref)).collect();
        let bodies: Vec<_> = entries()
            .flat_map(|entry| entry.body.iter().chain(&entry.more))
            .filter(|body| body.vmsd_name.is_some())
            .collect();
        self.vmsd(nested, &path, &loads, &bodies, depth + 1);
    }
}

/// Whether a presence hook depends on the local machine as far as is known, so that what was seen
/// there decides.
fn is_open(exists: &Presence) -> bool {
    match exists {
        Presence::Observed(_) => true,
        Presence::Hook(symbol) => {
            presence::is_local(&presence::predicate(symbol, Version::new(0, 0, 0), ""))
        }
    }
}
