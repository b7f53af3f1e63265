//! Compares two descriptions: what one writes, the other loads.

use std::rc::Rc;

use super::align::{Step, align};
use super::descriptions::{Item, Node, Section};
use super::kind::{ChangeKind, Level};
use super::leaf::{Leaf, Presence, as_long, fills, is_opened, score, uncertain};
use crate::vmstate::Renames;

/// What was found: what it does, the description that it is in, and the change.
pub(super) type Found = Vec<(Level, String, ChangeKind)>;

/// How deep structs are opened for comparison.
const DEPTH: usize = 24;

/// How a description is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// It is a section, or a subsection: its version is on the wire.
    ByVersion,
    /// It is part of another: each side goes by its own version.
    Nested,
}

/// How many names of fields two sections share: more are more likely to be the same.
pub(super) fn likeness(a: &Section, b: &Section) -> usize {
    let (Some(a), Some(b)) = (&a.body, &b.body) else { return 0 };
    a.fields.iter().filter(|field| b.fields.iter().any(|other| other.name == field.name)).count()
}

/// Compares a section with what becomes of it.
pub(super) fn sections(from: &Section, to: &Section, renames: &Renames, found: &mut Found) {
    if from.name != to.name && to.body.is_some() {
        let what = ChangeKind::SectionRenamed { to: to.name.clone() };
        found.push((Level::Breaks, from.name.clone(), what));
    }
    match (&from.body, &to.body) {
        (Some(a), Some(b)) => {
            let mut comparison = Comparison { renames, found };
            if let (Some([version, _]), Some([accepted, minimum])) = (from.versions, to.versions)
                && (version, accepted, minimum)
                    != (a.version_id, b.version_id, b.minimum_version_id)
            {
                comparison.versions(&a.name, version, accepted, minimum);
            }
            comparison.nodes(a, b, Reached::ByVersion, 0);
        }
        (Some(a), None) if to.by_hand.is_none() => {
            found.push((Level::Breaks, a.name.clone(), ChangeKind::DescriptionGone));
        }
        (Some(_), None) | (None, Some(_)) if from.by_hand.is_some() || to.by_hand.is_some() => {
            let loader = from.by_hand.iter().chain(&to.by_hand).next().cloned();
            let what = ChangeKind::ByHand { loader: loader.unwrap_or_default() };
            found.push((Level::Note, from.name.clone(), what));
        }
        _ => {}
    }
}

struct Comparison<'r, 'f> {
    renames: &'r Renames,
    found: &'f mut Found,
}

impl Comparison<'_, '_> {
    fn tell(&mut self, level: Level, owner: &str, what: ChangeKind) {
        self.found.push((level, owner.to_owned(), what));
    }

    fn versions(&mut self, name: &str, version: u32, accepted: u32, minimum: u32) {
        if version > accepted {
            self.tell(Level::Breaks, name, ChangeKind::Newer { version, accepted });
        }
        if version < minimum {
            self.tell(Level::Breaks, name, ChangeKind::Older { version, minimum });
        }
    }

    fn nodes(&mut self, a: &Rc<Node>, b: &Rc<Node>, reached: Reached, depth: usize) {
        if Rc::ptr_eq(a, b) || depth > DEPTH {
            return;
        }
        let name = a.name.as_str();
        if a.fields.is_empty() && a.subsections.is_empty() && !b.fields.is_empty() {
            self.tell(Level::MayBreak, name, ChangeKind::WasEmpty);
            return;
        }
        let mut version = b.version_id;
        if reached == Reached::ByVersion {
            version = a.version_id.min(b.version_id);
            self.versions(name, a.version_id, b.version_id, b.minimum_version_id);
        } else if a.version_id != b.version_id {
            let what = ChangeKind::NestedVersion { from: a.version_id, to: b.version_id };
            self.tell(Level::Note, name, what);
        }
        if b.fields.is_empty() && !a.fields.is_empty() {
            self.tell(Level::Breaks, name, ChangeKind::FieldsGone { count: a.fields.len() });
        } else {
            let (first, second) = (self.leaves(a, a.version_id), self.leaves(b, version));
            let from = self.found.len();
            self.lists(&first, &second, a.version_id, depth);
            self.moved(from);
        }
        for subsection in &a.subsections {
            match b.subsections.iter().find(|other| other.name == subsection.name) {
                Some(other) => self.nodes(subsection, other, Reached::ByVersion, depth + 1),
                None => {
                    let what = ChangeKind::SubsectionGone { subsection: subsection.name.clone() };
                    self.tell(Level::MayBreak, name, what);
                }
            }
        }
        for subsection in &b.subsections {
            if !a.subsections.iter().any(|other| other.name == subsection.name) {
                let what = ChangeKind::SubsectionAdded { subsection: subsection.name.clone() };
                self.tell(Level::Note, name, what);
            }
        }
    }

    /// The fields of a description as a loader or writer at a version has them.
    fn leaves<'d>(&self, node: &'d Node, version: u32) -> Vec<Leaf<'d>> {
        let mut leaves = Vec::new();
        for (index, item) in node.fields.iter().enumerate() {
            let presence = match () {
                () if item.count == Some(0) => Presence::Never,
                () if item.hook => Presence::Hook,
                () if item.version_id <= version => Presence::Always,
                () => Presence::Never,
            };
            let beside = [index.checked_sub(1), index.checked_add(1)];
            let beside = beside.into_iter().flatten().filter_map(|at| node.fields.get(at));
            let chosen = |other: &Item| other.name == item.name && !item.unused;
            let alternative = beside.into_iter().any(|o| chosen(o) && (o.hook || item.hook));
            let canonical = self.renames.canonical(&node.name, &item.name);
            let leaf = Leaf { owner: &node.name, canonical, item, presence, alternative };
            // A wrapper that is left out of every comparison.
            match &item.nested {
                Some(nested) if leaf.canonical.is_empty() => {
                    leaves.extend(self.opened(&leaf, nested));
                }
                _ => leaves.push(leaf),
            }
        }
        leaves
    }

    /// What is in a struct, in its place.
    fn opened<'d>(&self, leaf: &Leaf<'d>, nested: &'d Node) -> Vec<Leaf<'d>> {
        let mut inner = self.leaves(nested, nested.version_id);
        for one in &mut inner {
            one.presence = one.presence.min(leaf.presence);
        }
        inner
    }

    fn lists(&mut self, a: &[Leaf<'_>], b: &[Leaf<'_>], version: u32, depth: usize) {
        let score = |i: usize, j: usize| match (a.get(i), b.get(j)) {
            (Some(a), Some(b)) => score(a, b),
            _ => 0,
        };
        let Some(steps) = align(a.len(), b.len(), score) else {
            let owner = a.first().map_or("", |leaf| leaf.owner);
            let what = ChangeKind::TooLong { fields: a.len().max(b.len()) };
            self.tell(Level::MayBreak, owner, what);
            return;
        };
        let (mut i, mut j) = (0, 0);
        let mut gap = (0, 0);
        let ends = steps.iter().filter_map(|step| match step {
            Step::Both(i, j) => Some((*i, *j)),
            _ => None,
        });
        for (x, y) in ends.chain([(a.len(), b.len())]) {
            gap = (i, j).max(gap);
            let one = a.get(gap.0..x).unwrap_or_default();
            let other = b.get(gap.1..y).unwrap_or_default();
            let rest = (a.get(x..).unwrap_or_default(), b.get(y..).unwrap_or_default());
            self.gap(one, other, rest, version, depth);
            if let (Some(one), Some(other)) = (a.get(x), b.get(y)) {
                self.same(one, other, version, depth);
            }
            (i, j) = (x + 1, y + 1);
        }
    }

    /// Two fields that are one.
    fn same(&mut self, a: &Leaf<'_>, b: &Leaf<'_>, version: u32, depth: usize) {
        let field = || a.item.name.clone();
        let chosen = a.alternative || b.alternative;
        let level = |level| if chosen { Level::Note } else { level };
        match (a.presence, b.presence) {
            (Presence::Never, Presence::Never | Presence::Hook) => return,
            (Presence::Never, Presence::Always) => {
                let what = added(b, None);
                return self.tell(level(Level::Breaks), b.owner, what);
            }
            (sent, Presence::Never) => {
                let what = ChangeKind::FieldSkipped {
                    field: field(),
                    version: b.item.version_id,
                    accepted: version,
                };
                let surely = if sent == Presence::Hook { Level::MayBreak } else { Level::Breaks };
                return self.tell(level(surely), a.owner, what);
            }
            (Presence::Always, Presence::Hook) | (Presence::Hook, Presence::Always) => {
                let what = match chosen {
                    true => ChangeKind::Alternatives { field: field() },
                    false => ChangeKind::Hooked {
                        field: field(),
                        by_source: a.presence == Presence::Hook,
                    },
                };
                self.tell(level(Level::MayBreak), a.owner, what);
            }
            _ => {}
        }
        match (&a.item.nested, &b.item.nested) {
            (Some(one), Some(other)) => {
                if one.name != other.name {
                    let what = ChangeKind::NestedName { to: other.name.clone() };
                    self.tell(Level::Note, &one.name, what);
                }
                self.counts(a, b, level);
                self.nodes(one, other, Reached::Nested, depth + 1);
            }
            (Some(nested), None) => {
                let what =
                    ChangeKind::NestedGone { field: field(), description: nested.name.clone() };
                self.tell(level(Level::MayBreak), a.owner, what);
            }
            (None, Some(nested)) => {
                let what =
                    ChangeKind::NestedAdded { field: field(), description: nested.name.clone() };
                self.tell(level(Level::MayBreak), a.owner, what);
            }
            (None, None) => self.sizes(a, b, level),
        }
    }

    fn counts(&mut self, a: &Leaf<'_>, b: &Leaf<'_>, level: impl Fn(Level) -> Level) {
        if let (Some(from), Some(to)) = (a.item.count, b.item.count)
            && from != to
        {
            let field = a.item.name.clone();
            self.tell(level(Level::Breaks), a.owner, ChangeKind::Recounted { field, from, to });
        }
    }

    fn sizes(&mut self, a: &Leaf<'_>, b: &Leaf<'_>, level: impl Fn(Level) -> Level) {
        if as_long(a.item, b.item) {
            return;
        }
        let surely = match a.presence.min(b.presence) {
            Presence::Always => Level::Breaks,
            _ => Level::MayBreak,
        };
        match (a.item.size, b.item.size) {
            (Some(one), Some(other)) if one == other => self.counts(a, b, |_| level(surely)),
            (Some(one), Some(other)) => {
                let (from, to) = match (a.item.bytes(), b.item.bytes()) {
                    (Some(from), Some(to)) => (from, to),
                    _ => (one, other),
                };
                let what = ChangeKind::Resized { field: a.item.name.clone(), from, to };
                self.tell(level(surely), a.owner, what);
            }
            _ => self.counts(a, b, |_| level(surely)),
        }
    }

    /// Fields between two that both sides have; `rest` is what follows on either side.
    fn gap<'d>(
        &mut self,
        a: &[Leaf<'d>],
        b: &[Leaf<'d>],
        rest: (&[Leaf<'_>], &[Leaf<'_>]),
        version: u32,
        depth: usize,
    ) {
        if !a.is_empty() && !b.is_empty() && depth <= DEPTH {
            let (one, other) = (self.open_all(a), self.open_all(b));
            let opened = a.iter().chain(b).any(is_opened);
            let any = || one.iter().any(|x| other.iter().any(|y| score(x, y) > 0));
            if opened && any() {
                return self.lists(&one, &other, version, depth + 1);
            }
        }
        let first: Vec<&Leaf<'_>> = a.iter().filter(|l| l.presence > Presence::Never).collect();
        let (second, gated): (Vec<_>, Vec<_>) =
            b.iter().partition(|leaf| leaf.presence > Presence::Never);
        for leaf in gated.into_iter().filter(|leaf| leaf.item.count != Some(0)) {
            let field = leaf.item.name.clone();
            let what = ChangeKind::FieldGated { field, version: leaf.item.version_id };
            self.tell(Level::Note, leaf.owner, what);
        }
        let (i, j) = self.unused(&first, &second);
        let first = first.get(i..).unwrap_or_default();
        let second = second.get(j..).unwrap_or_default();
        let alike = |(x, y): (&&Leaf<'_>, &&Leaf<'_>)| {
            let leaves = x.item.nested.is_none() && y.item.nested.is_none();
            leaves && x.item.size.is_some() && as_long(x.item, y.item)
        };
        if first.len() == second.len() && first.iter().zip(second).all(alike) {
            for (one, other) in first.iter().zip(second) {
                let what = ChangeKind::Renamed {
                    field: one.item.name.clone(),
                    to: other.item.name.clone(),
                };
                self.tell(Level::MayBreak, one.owner, what);
            }
            return;
        }
        let next = |leaves: &[&Leaf<'_>], rest: &[Leaf<'_>]| {
            let here = leaves.iter().copied().chain(rest);
            let mut there = here.filter(|leaf| leaf.presence == Presence::Always);
            there.next().map(|leaf| leaf.item.name.clone())
        };
        let eats = next(second, rest.1);
        let fed = next(first, rest.0);
        for leaf in first {
            let hook = leaf.presence == Presence::Hook;
            let what = match leaf.alternative && hook {
                true => ChangeKind::Alternatives { field: leaf.item.name.clone() },
                false => ChangeKind::FieldGone {
                    field: leaf.item.name.clone(),
                    bytes: leaf.item.bytes().or(leaf.item.size),
                    then: eats.clone(),
                    hook,
                },
            };
            self.tell(uncertain(leaf), leaf.owner, what);
        }
        for leaf in second {
            let what = match leaf.alternative && leaf.presence == Presence::Hook {
                true => ChangeKind::Alternatives { field: leaf.item.name.clone() },
                false => added(leaf, fed.clone()),
            };
            self.tell(uncertain(leaf), leaf.owner, what);
        }
    }

    fn open_all<'d>(&self, leaves: &[Leaf<'d>]) -> Vec<Leaf<'d>> {
        let mut open = Vec::new();
        for leaf in leaves {
            match &leaf.item.nested {
                Some(nested) if is_opened(leaf) => open.extend(self.opened(leaf, nested)),
                _ => open.push(leaf.clone()),
            }
        }
        open
    }

    /// Bytes that one side leaves unused, at the beginning of a gap. Returns how many fields of
    /// either side are reported.
    fn unused(&mut self, a: &[&Leaf<'_>], b: &[&Leaf<'_>]) -> (usize, usize) {
        let (mut i, mut j) = (0, 0);
        while let (Some(one), Some(other)) = (a.get(i), b.get(j)) {
            if let Some(n) = fills(other, a.get(i..).unwrap_or_default()) {
                for leaf in a.iter().skip(i).take(n).filter(|leaf| !leaf.item.unused) {
                    let field = leaf.item.name.clone();
                    let reason = self.renames.dropped_for(leaf.owner, &field);
                    let reason = reason.map(str::to_owned);
                    let known = reason.is_some();
                    let level = if known { Level::Note } else { Level::MayBreak };
                    self.tell(level, leaf.owner, ChangeKind::Dropped { field, reason });
                }
                (i, j) = (i + n, j + 1);
            } else if let Some(n) = fills(one, b.get(j..).unwrap_or_default()) {
                for leaf in b.iter().skip(j).take(n).filter(|leaf| !leaf.item.unused) {
                    let field = leaf.item.name.clone();
                    self.tell(Level::MayBreak, leaf.owner, ChangeKind::ReadsUnused { field });
                }
                (i, j) = (i + 1, j + n);
            } else {
                break;
            }
        }
        (i, j)
    }

    /// What went in one place and came in another was moved.
    fn moved(&mut self, from: usize) {
        let news: Vec<(String, String, Option<String>)> = self
            .found
            .iter()
            .skip(from)
            .filter_map(|(_, owner, what)| match what {
                ChangeKind::FieldAdded { field, then, .. } => {
                    Some((owner.clone(), field.clone(), then.clone()))
                }
                _ => None,
            })
            .collect();
        let mut moved = Vec::new();
        for (level, owner, what) in self.found.iter_mut().skip(from) {
            let ChangeKind::FieldGone { field, .. } = what else { continue };
            let new = news.iter().find(|(o, f, _)| o == owner && f == field);
            if let Some((_, _, before)) = new {
                moved.push((owner.clone(), field.clone()));
                *level = Level::Breaks;
                *what = ChangeKind::Moved { field: field.clone(), before: before.clone() };
            }
        }
        let mut index = 0;
        self.found.retain(|(_, owner, what)| {
            index += 1;
            let ChangeKind::FieldAdded { field, .. } = what else { return true };
            index <= from || !moved.iter().any(|(o, f)| o == owner && f == field)
        });
    }
}

fn added(leaf: &Leaf<'_>, then: Option<String>) -> ChangeKind {
    ChangeKind::FieldAdded {
        field: leaf.item.name.clone(),
        bytes: leaf.item.bytes().or(leaf.item.size),
        then,
        hook: leaf.presence == Presence::Hook,
    }
}
