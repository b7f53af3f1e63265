//! What other releases' tables say about what a bundle leaves open.
//!
//! A description is the same (`same`) when name, version and the names of all fields in order
//! agree. A field of another description is similar (`similar`) when the names of both and the
//! occurrence agree; what is taken from it must agree with all that the bundle does tell.

use std::collections::BTreeMap;

use super::Pool;
use crate::dialect::Version;
use crate::vmstate::presence;
use crate::vmstate::schema::{Field, Handler, Handlers, Kind, Presence, Size, Tables, Vmsd};

/// A pool, indexed.
#[derive(Debug)]
pub struct OtherReleases<'a> {
    releases: Vec<&'a (Tables, Vec<Handlers>)>,
    by_name: BTreeMap<&'a str, Vec<Inherited<'a>>>,
}

/// A description of another release.
#[derive(Debug, Clone, Copy)]
pub struct Inherited<'a> {
    /// The tables it is in.
    pub tables: &'a Tables,
    /// The description.
    pub vmsd: &'a Vmsd,
}

impl<'a> Inherited<'a> {
    /// The field of that occurrence of a name that the description uses as often.
    fn field(
        self,
        name: &str,
        (occurrence, uses): (usize, usize),
    ) -> Option<(Inherited<'a>, &'a Field)> {
        let named = || self.vmsd.fields.iter().filter(|other| other.name == name);
        let field = named().nth(occurrence).filter(|_| named().count() == uses)?;
        Some((self, field))
    }
}

impl<'a> OtherReleases<'a> {
    /// Indexes a pool without `release` itself: a bundle that is compared with tables of its own
    /// release must not have taken anything from them.
    #[must_use]
    pub fn new(pool: &'a Pool, release: &str) -> Self {
        let releases: Vec<_> =
            pool.releases.iter().filter(|(tables, _)| tables.release != release).collect();
        let mut by_name: BTreeMap<&str, Vec<Inherited>> = BTreeMap::new();
        for (tables, _) in &releases {
            for vmsd in tables.vmsd.values() {
                by_name.entry(&vmsd.name).or_default().push(Inherited { tables, vmsd });
            }
        }
        Self { releases, by_name }
    }

    fn named(&self, name: &str) -> impl Iterator<Item = Inherited<'a>> + '_ {
        self.by_name.get(name).into_iter().flatten().copied()
    }

    /// The preferred release's description of this name, version and fields.
    #[must_use]
    pub fn same(&self, name: &str, version: u32, fields: &[String]) -> Option<Inherited<'a>> {
        self.named(name).find(|found| {
            found.vmsd.version_id == version
                && found.vmsd.fields.iter().map(|field| &field.name).eq(fields)
        })
    }

    /// The preferred release's description of this name and version.
    #[must_use]
    pub fn same_version(&self, name: &str, version: u32) -> Option<Inherited<'a>> {
        self.named(name).find(|found| found.vmsd.version_id == version)
    }

    /// Similar fields of descriptions called `vmsd`, preferred first: those of the same occurrence of
    /// a name that the description uses as often.
    pub fn similar<'b>(
        &'b self,
        vmsd: &'b str,
        field: &'b str,
        (occurrence, uses): (usize, usize),
    ) -> impl Iterator<Item = (Inherited<'a>, &'a Field)> + 'b {
        self.named(vmsd).filter_map(move |found| found.field(field, (occurrence, uses)))
    }

    /// The same of subsections called as `vmsd` is, of other devices: `piix4_pm/cpuhp` for
    /// `ich9_pm/cpuhp`.
    pub fn similar_subsections<'b>(
        &'b self,
        vmsd: &'b str,
        field: &'b str,
        place: (usize, usize),
    ) -> impl Iterator<Item = (Inherited<'a>, &'a Field)> + 'b {
        let part = vmsd.split_once('/').map(|(_, part)| part);
        let others = self.by_name.iter().filter(move |(name, _)| {
            part.is_some() && name.split_once('/').map(|(_, other)| other) == part
        });
        others.flat_map(|(_, all)| all).filter_map(move |found| found.field(field, place))
    }

    /// The handler of this name and instance, with its release: on the same machine type and
    /// scenario if possible, else on the same machine type, else anywhere.
    #[must_use]
    pub fn handler(&self, near: &Handlers, idstr: &str, id: u32) -> Option<(&'a str, &'a Handler)> {
        let found = |list: &'a Handlers| {
            let wanted = |h: &&Handler| h.idstr == idstr && h.instance_id == id;
            Some((list.release.as_str(), list.handlers.iter().find(wanted)?))
        };
        let mut best = None;
        for list in self.releases.iter().flat_map(|(_, lists)| lists) {
            let rank = nearness(list, near);
            if best.is_none_or(|(known, _)| known < rank)
                && let Some(found) = found(list)
            {
                best = Some((rank, found));
            }
        }
        best.map(|(_, found)| found)
    }

    /// The nearest other destination of the same machine type.
    #[must_use]
    pub fn destination(&self, near: &Handlers) -> Option<&'a Handlers> {
        let lists = self.releases.iter().flat_map(|(_, lists)| lists);
        lists.rev().filter(|list| nearness(list, near) > 0).max_by_key(|list| nearness(list, near))
    }
}

/// 2 on the same machine type and scenario, 1 on the same machine type, else 0.
fn nearness(a: &Handlers, b: &Handlers) -> u8 {
    let same_machine = a.machine == b.machine;
    u8::from(same_machine) + u8::from(same_machine && a.scenario == b.scenario)
}

/// The field's hook, if it may be inherited: if it is one that `vmstate::presence` evaluates.
#[must_use]
pub fn known_hook(field: &Field) -> Option<&Presence> {
    let is_known = |symbol: &str| {
        let any = Version::new(0, 0, 0);
        !matches!(presence::predicate(symbol, any, ""), presence::Predicate::Unknown(_))
    };
    field.exists.as_ref().filter(|e| matches!(e, Presence::Hook(symbol) if is_known(symbol)))
}

/// Whether the field's elements have `bytes` bytes in memory, as far as its table tells. Tables
/// of a debugger do; run-time sizes do not.
#[must_use]
pub fn has_size(field: &Field, bytes: Option<u32>) -> bool {
    match (&field.kind, bytes) {
        (Kind::Leaf { size: Size::Fixed(size), .. }, Some(bytes)) => *size == bytes,
        _ => true,
    }
}
