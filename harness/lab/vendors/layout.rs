//! A section's layout as a list: what one release writes at its own version, or reads at a given
//! one. Two such lists answer whether the one can read what the other writes.

use crate::vmstate::Set;
use crate::vmstate::compile::{Amount, Codec, Count, Field, Kind, Vmsd};

/// An item of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Canonical path inside the section.
    pub path: String,
    /// Bytes, or codec and count where these depend on values.
    pub shape: Shape,
    /// A reader may read it as unused bytes.
    pub dropped: bool,
    /// The reader ignores it.
    pub unused: bool,
}

/// How much of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// So many bytes.
    Bytes(u64),
    /// Something else, in words.
    Other(String),
}

/// A subsection that may follow a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Canonical path of the owner.
    pub owner: String,
    /// Name.
    pub name: String,
    /// Its description.
    pub vmsd: usize,
}

/// A layout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// What is always there.
    pub leaves: Vec<Leaf>,
    /// What may follow.
    pub parts: Vec<Part>,
}

/// The layout of a description at a version.
#[must_use]
pub fn layout(set: &Set, vmsd: usize, version: u32) -> Layout {
    let mut layout = Layout::default();
    if let Some(vmsd) = set.get(vmsd) {
        layout.add(set, vmsd, version, "", 0);
    }
    layout
}

/// Deepest nesting.
const MAX_DEPTH: u32 = 64;

impl Layout {
    fn add(&mut self, set: &Set, vmsd: &Vmsd, version: u32, path: &str, depth: u32) {
        if depth > MAX_DEPTH {
            return;
        }
        for field in &vmsd.fields {
            let conditional = match &field.exists {
                None if field.version_id > version => continue,
                None => None,
                // What is decided by values or by the version is compared as it is written.
                Some(predicate) => match predicate.holds(version, |_| 0, 3) {
                    Ok(false) if is_fixed(predicate) => continue,
                    Ok(true) if is_fixed(predicate) => None,
                    _ => Some(format!("{predicate:?}")),
                },
            };
            let path = join(path, &field.canonical);
            match (&field.kind, &field.count) {
                (Kind::Struct(index, own), Count::One) if conditional.is_none() => {
                    self.inner(set, *index, *own, &path, depth);
                }
                (Kind::Struct(index, own), Count::Many(Amount::Fixed(n))) if conditional.is_none() => {
                    for i in 0..*n {
                        self.inner(set, *index, *own, &format!("{path}[{i}]"), depth);
                    }
                }
                _ => self.leaves.push(leaf(field, path, conditional)),
            }
        }
        for (name, index) in &vmsd.subsections {
            self.parts.push(Part { owner: path.to_string(), name: name.clone(), vmsd: *index });
        }
    }

    fn inner(&mut self, set: &Set, index: usize, own: Option<u32>, path: &str, depth: u32) {
        if let Some(inner) = set.get(index) {
            self.add(set, inner, own.unwrap_or(inner.version_id), path, depth + 1);
        }
    }
}

fn is_fixed(predicate: &crate::vmstate::presence::Predicate) -> bool {
    use crate::vmstate::presence::Predicate::{Fixed, VersionBelow, VersionIs};
    matches!(predicate, Fixed(_) | VersionIs(_) | VersionBelow(_))
}

fn join(path: &str, name: &str) -> String {
    match (path.is_empty(), name.is_empty()) {
        (true, _) => name.to_string(),
        (false, true) => path.to_string(),
        (false, false) => format!("{path}.{name}"),
    }
}

fn leaf(field: &Field, path: String, conditional: Option<String>) -> Leaf {
    let unused = matches!(field.kind, Kind::Leaf(Codec::Unused, ..));
    let shape = match (conditional, bytes(field)) {
        (None, Some(n)) => Shape::Bytes(n),
        (condition, _) => {
            let what = match &field.kind {
                Kind::Leaf(_, info, _) => info.clone(),
                Kind::Struct(..) => "structs".to_string(),
                Kind::List(_) => "list".to_string(),
                Kind::Tree(..) => "tree".to_string(),
                Kind::Unknown(why) => why.clone(),
            };
            Shape::Other(format!("{what} {}", condition.unwrap_or_default()))
        }
    };
    Leaf { path, shape, dropped: field.dropped, unused }
}

/// Bytes of a field, where no value decides that.
fn bytes(field: &Field) -> Option<u64> {
    let count = match &field.count {
        Count::One => 1,
        Count::Many(Amount::Fixed(n)) => *n,
        Count::Many(_) => return None,
    };
    let Kind::Leaf(codec, _, size) = &field.kind else { return None };
    let width = match codec {
        Codec::Plain(n) | Codec::Equal(n) => u64::from(*n),
        Codec::LessOrEqual => 4,
        Codec::Fpreg => 10,
        Codec::Buffer | Codec::Unused => match size {
            Amount::Fixed(n) => *n,
            _ => return None,
        },
        _ => return None,
    };
    Some(width * count)
}

/// Where a reader with layout `reads` goes wrong on what a writer with layout `writes` sends.
#[must_use]
pub fn parts_company(writes: &[Leaf], reads: &[Leaf]) -> Option<String> {
    let (mut w, mut r) = (writes.iter(), reads.iter());
    loop {
        match (w.next(), r.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) if a.path == b.path && a.shape == b.shape => {}
            (Some(a), Some(b)) if b.unused && a.shape == b.shape && (a.dropped || a.unused) => {}
            (Some(a), Some(b)) if b.unused && a.dropped => {
                let (Shape::Bytes(first), Shape::Bytes(want)) = (&a.shape, &b.shape) else {
                    return Some(words(a, b));
                };
                let mut have = *first;
                while have < *want {
                    match w.next() {
                        Some(Leaf { shape: Shape::Bytes(n), dropped: true, .. }) => have += n,
                        _ => return Some(words(a, b)),
                    }
                }
                if have != *want {
                    return Some(words(a, b));
                }
            }
            (Some(a), Some(b)) => return Some(words(a, b)),
            (Some(a), None) => return Some(format!("{} is sent, but not expected", a.path)),
            (None, Some(b)) => return Some(format!("{} is expected, but not sent", b.path)),
        }
    }
}

fn words(a: &Leaf, b: &Leaf) -> String {
    if a.path == b.path {
        return format!("{} has another size or form", a.path);
    }
    format!("{} is read as {}", a.path, b.path)
}
