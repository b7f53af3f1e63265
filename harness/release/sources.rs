//! Compares two accounts of one destination: debugger tables and a bundle.
//!
//! Both are compared as compiled ([`Destination`]), since what counts is what the engine does by
//! them, not how each source puts it.

use std::collections::BTreeSet;

use crate::dialect::OldVersions;
use crate::stream::destination::{Body, Destination, Handler};
use crate::vmstate::Set;
use crate::vmstate::compiled::{Codec, Field, Kind, Old, Vmsd};

/// What two accounts say differently.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// What it is about, in a word: `handler`, `alias`, `version`, `count`, ...
    pub about: &'static str,
    /// Where: idstr and instance of a handler, or the name of a description, as several handlers
    /// may have it.
    pub place: String,
    /// The field of the description; empty where the difference is not about a field.
    pub field: String,
    /// What the first account says; empty if it has nothing there.
    pub first: String,
    /// What the second says.
    pub second: String,
}

/// Everything that differs between two accounts of a destination, each place once.
#[must_use]
pub fn differences(first: &Destination, second: &Destination) -> Vec<Difference> {
    let mut comparison = Comparison {
        sets: (&first.set, &second.set),
        old_versions: first.dialect.old_versions,
        seen: BTreeSet::new(),
        out: BTreeSet::new(),
    };
    let name = |h: &Handler| format!("{} {}", h.idstr, h.instance_id);
    for one in &first.handlers {
        let same = |h: &&Handler| h.idstr == one.idstr && h.instance_id == one.instance_id;
        match second.handlers.iter().find(same) {
            Some(other) => comparison.handler(&name(one), one, other),
            None => comparison.say("handler", &(&name(one), ""), "registered", ""),
        }
    }
    for other in &second.handlers {
        let same = |h: &Handler| h.idstr == other.idstr && h.instance_id == other.instance_id;
        if !first.handlers.iter().any(same) {
            comparison.say("handler", &(&name(other), ""), "", "registered");
        }
    }
    comparison.out.into_iter().collect()
}

/// Codecs whose size in the tables is their size on the wire, not in memory.
const SIZED: [Codec; 4] = [Codec::Buffer, Codec::Unused, Codec::PciConfig, Codec::Bitmap];

/// Handler or description, and field.
type Place<'p> = (&'p str, &'p str);

struct Comparison<'d> {
    sets: (&'d Set, &'d Set),
    old_versions: OldVersions,
    /// Pairs of descriptions that were compared.
    seen: BTreeSet<(usize, usize)>,
    out: BTreeSet<Difference>,
}

impl Comparison<'_> {
    fn say(&mut self, about: &'static str, at: &Place<'_>, first: &str, second: &str) {
        self.out.insert(Difference {
            about,
            place: at.0.to_owned(),
            field: at.1.to_owned(),
            first: first.to_owned(),
            second: second.to_owned(),
        });
    }

    fn same<T: PartialEq + std::fmt::Debug>(
        &mut self,
        about: &'static str,
        at: &Place<'_>,
        first: &T,
        second: &T,
    ) {
        if first != second {
            self.say(about, at, &format!("{first:?}"), &format!("{second:?}"));
        }
    }

    fn handler(&mut self, place: &str, first: &Handler, second: &Handler) {
        let at = &(place, "");
        self.same("alias", at, &first.alias_id, &second.alias_id);
        self.same("compat", at, &first.compat, &second.compat);
        self.same("section version", at, &first.version_id, &second.version_id);
        match (&first.body, &second.body) {
            (Body::Vmsd(a), Body::Vmsd(b)) => self.vmsd(place, *a, *b),
            (a, b) => self.same("loader", at, a, b),
        }
    }

    fn vmsd(&mut self, place: &str, first: usize, second: usize) {
        let (Some(a), Some(b)) = (self.sets.0.get(first), self.sets.1.get(second)) else { return };
        if !self.seen.insert((first, second)) {
            return;
        }
        let at = &(&*a.name, "");
        self.same("name", &(place, ""), &a.name, &b.name);
        self.same("version", at, &a.version_id, &b.version_id);
        self.same("minimum version", at, &a.minimum_version_id, &b.minimum_version_id);
        self.same("unmigratable", at, &a.unmigratable, &b.unmigratable);
        self.same("old loader", at, &old(a, self.old_versions), &old(b, self.old_versions));
        let names = |v: &Vmsd| v.fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
        if names(a) == names(b) {
            for (one, other) in a.fields.iter().zip(&b.fields) {
                self.field(&(&a.name, &one.name), one, other);
            }
        } else {
            self.same("fields", at, &names(a), &names(b));
        }
        let subsections = |v: &Vmsd| v.subsections.iter().map(|s| s.0.clone()).collect::<Vec<_>>();
        self.same("subsections", at, &subsections(a), &subsections(b));
        for (name, index) in &a.subsections {
            if let Some((_, other)) = b.subsections.iter().find(|(n, _)| n == name) {
                self.vmsd(&a.name, *index, *other);
            }
        }
    }

    fn field(&mut self, at: &Place<'_>, first: &Field, second: &Field) {
        self.same("field version", at, &first.version_id, &second.version_id);
        self.same("presence", at, &first.exists, &second.exists);
        self.same("must exist", at, &first.must_exist, &second.must_exist);
        self.same("count", at, &first.count, &second.count);
        let pointers = |f: &Field| (f.array_of_pointer, f.auto_alloc);
        self.same("pointers", at, &pointers(first), &pointers(second));
        match (&first.kind, &second.kind) {
            (Kind::Leaf(a, name, size), Kind::Leaf(b, other, len)) => {
                self.same("codec", at, &(a, name), &(b, other));
                if SIZED.contains(a) {
                    self.same("size", at, size, len);
                }
            }
            (Kind::Struct(a, version), Kind::Struct(b, other)) => {
                self.same("nested version", at, version, other);
                self.vmsd(at.0, *a, *b);
            }
            (Kind::List(a), Kind::List(b)) => self.vmsd(at.0, *a, *b),
            (a, b) => self.say("kind", at, &format!("{a:?}"), &format!("{b:?}")),
        }
    }
}

/// What an old loader comes to under a release's rule: one without a hook is ignored from 2.1 on.
fn old(vmsd: &Vmsd, rule: OldVersions) -> Option<(u32, Option<&str>, usize)> {
    let matters = |old: &&Old| old.load.is_some() || rule == OldVersions::Always;
    let old = vmsd.old.as_ref().filter(matters)?;
    Some((old.minimum_version_id, old.load.as_deref(), old.layouts.len()))
}
