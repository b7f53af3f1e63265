//! A section's layout as a list: what one release writes at its own version, or reads at a given
//! one. Two such lists answer whether the one can read what the other writes.

use crate::vmstate::Set;
use crate::vmstate::compiled::{Amount, Codec, Count, Field, Kind, Vmsd};
use crate::vmstate::presence::Predicate;

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
    /// Raw bytes, which another release may have as several fields.
    pub raw: bool,
}

/// How much of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// So many bytes.
    Bytes(u64),
    /// So many structs of the layout that follows; `None`: a value says how many.
    Elements(Option<u64>),
    /// Something else, in words.
    Other(String),
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shape::Bytes(n) => write!(f, "{n} bytes"),
            Shape::Elements(Some(n)) => write!(f, "{n} elements"),
            Shape::Elements(None) => write!(f, "elements"),
            Shape::Other(what) => f.write_str(what.trim_end()),
        }
    }
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
            // A field without elements is a check, nothing that is sent.
            if field.count == Count::Many(Amount::Fixed(0)) {
                continue;
            }
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
            if let (Kind::Leaf(Codec::Fpreg, ..), None) = (&field.kind, &conditional) {
                self.registers(field, &path);
                continue;
            }
            match (&field.kind, &field.count) {
                (Kind::Struct(index, own), Count::One) if conditional.is_none() => {
                    self.inner(set, *index, *own, &path, depth);
                }
                (Kind::Struct(index, own), Count::Many(amount)) if conditional.is_none() => {
                    let n = if let Amount::Fixed(n) = amount { Some(*n) } else { None };
                    let path = format!("{path}[]");
                    let shape = Shape::Elements(n);
                    let (dropped, unused, raw) = (field.dropped, false, false);
                    self.leaves.push(Leaf { path: path.clone(), shape, dropped, unused, raw });
                    self.inner(set, *index, *own, &path, depth);
                }
                _ => self.leaves.push(leaf(field, path, conditional)),
            }
        }
        for (name, index) in &vmsd.subsections {
            self.parts.push(Part { owner: path.to_string(), name: name.clone(), vmsd: *index });
        }
    }

    /// x87 registers: a codec up to 2.9, since then structs with these two fields.
    fn registers(&mut self, field: &Field, path: &str) {
        let plain = |path: String, shape| {
            let (dropped, unused, raw) = (field.dropped, false, false);
            Leaf { path, shape, dropped, unused, raw }
        };
        let n = if let Count::Many(Amount::Fixed(n)) = &field.count { Some(*n) } else { None };
        self.leaves.push(plain(format!("{path}[]"), Shape::Elements(n)));
        self.leaves.push(plain(format!("{path}[].tmp_mant"), Shape::Bytes(8)));
        self.leaves.push(plain(format!("{path}[].tmp_exp"), Shape::Bytes(2)));
    }

    fn inner(&mut self, set: &Set, index: usize, own: Option<u32>, path: &str, depth: u32) {
        if let Some(inner) = set.get(index) {
            self.add(set, inner, own.unwrap_or(inner.version_id), path, depth + 1);
        }
    }
}

/// Whether no value of the machine's state decides. The format of x87 registers is a value in the
/// stream, but every source sends the first one, 0.
fn is_fixed(predicate: &Predicate) -> bool {
    use Predicate::{Fixed, Fpregs, VersionBelow, VersionIs};
    matches!(predicate, Fixed(_) | VersionIs(_) | VersionBelow(_) | Fpregs(_))
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
    let raw = matches!(field.kind, Kind::Leaf(Codec::Buffer, ..));
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
    Leaf { path, shape, dropped: field.dropped, unused, raw }
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
        Codec::Pair => 16,
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
pub fn first_mismatch(writes: &[Leaf], reads: &[Leaf]) -> Option<String> {
    let (mut w, mut r) = (writes.iter(), reads.iter());
    loop {
        let (a, b) = match (w.next(), r.next()) {
            (None, None) => return None,
            (Some(a), None) => return Some(format!("{} is sent, but not expected", a.path)),
            (None, Some(b)) => return Some(format!("{} is expected, but not sent", b.path)),
            (Some(a), Some(b)) => (a, b),
        };
        let same = a.path == b.path;
        let fits = match (&a.shape, &b.shape) {
            (Shape::Elements(x), Shape::Elements(y)) => {
                same && (x == y || x.is_none() || y.is_none())
            }
            (Shape::Bytes(x), Shape::Bytes(y)) => match () {
                () if x == y => same || b.unused && (a.dropped || a.unused),
                // Dropped fields are read as one run of unused bytes.
                () if b.unused && a.dropped => together(*x, *y, &mut w, |next| next.dropped),
                // Raw bytes that the other side has as several fields.
                () if same && b.raw && x < y => together(*x, *y, &mut w, |_| true),
                () if same && a.raw && y < x => together(*y, *x, &mut r, |_| true),
                () => false,
            },
            (x, y) => same && x == y,
        };
        if !fits {
            return Some(words(a, b));
        }
    }
}

/// Whether `have` bytes and those of the next leaves make up `want` exactly; moves past these.
fn together<'l>(
    mut have: u64,
    want: u64,
    rest: &mut impl Iterator<Item = &'l Leaf>,
    may: impl Fn(&Leaf) -> bool,
) -> bool {
    while have < want {
        match rest.next() {
            Some(next @ Leaf { shape: Shape::Bytes(n), .. }) if may(next) => have += n,
            _ => return false,
        }
    }
    have == want
}

fn words(a: &Leaf, b: &Leaf) -> String {
    if a.path == b.path {
        return format!("{} is {} where {} are expected", a.path, a.shape, b.shape);
    }
    format!("{} is read as {}", a.path, b.path)
}
