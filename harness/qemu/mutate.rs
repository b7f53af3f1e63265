//! Changes of a fixture that know its structure: fields, subsections and sections are set,
//! inserted, removed, doubled, swapped and cut. A function of the seed alone.

use crate::release::observed::{Hex, Op};
use crate::stream::Loaded;
use crate::wire::map::Span;

/// Pseudo-random numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        (self.draw() % (end.max(1) as u64)) as usize
    }

    /// One of a list.
    pub fn pick<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        list.get(self.below(list.len()))
    }
}

/// A change of `stream`, which a destination has `loaded`: nothing behind where it stopped is changed.
/// `None` if what was drawn changes nothing.
#[must_use]
pub fn change(random: &mut Random, stream: &[u8], loaded: &Loaded<'_>) -> Option<Op> {
    match random.below(16) {
        0..=5 => value(random, stream, loaded),
        6 | 7 => insert(random, loaded),
        8 | 9 => delete(random, loaded),
        10 => version(random, stream, loaded),
        11 => name(random, stream, loaded),
        12 => truncate(random, loaded),
        _ => section(random, loaded),
    }
}

/// Device state: neither framing nor memory.
fn field<'m, 'd>(random: &mut Random, loaded: &'m Loaded<'d>) -> Option<&'m Span<'d>> {
    let device = |s: &&Span<'_>| !matches!(s.info, "framing" | "ram" | "subsection");
    // Sections first, so that one with thousands of fields does not get nearly all changes.
    let section = random.pick(&loaded.sections)?;
    let inside: Vec<&Span<'d>> = within(loaded, section.body, section.end).filter(device).collect();
    random.pick(&inside).copied()
}

fn within<'m, 'd>(
    loaded: &'m Loaded<'d>,
    from: u64,
    to: u64,
) -> impl Iterator<Item = &'m Span<'d>> {
    loaded.map.spans().iter().filter(move |s| (from..to).contains(&s.offset))
}

/// A field gets another value.
fn value(random: &mut Random, stream: &[u8], loaded: &Loaded<'_>) -> Option<Op> {
    let span = field(random, loaded)?;
    let width = u64::from(span.width.max(1)).min(span.len);
    let element = random.draw() % (span.len / width).max(1);
    let at = span.offset + element * width;
    let from = usize::try_from(at).ok()?;
    let before = stream.get(from..from.checked_add(usize::try_from(width).ok()?)?)?;
    let mut bytes = before.to_vec();
    let place = random.below(bytes.len());
    match random.below(4) {
        0 => bytes.fill(0),
        1 => bytes.fill(0xff),
        2 => *bytes.get_mut(place)? ^= 1 << random.below(8),
        _ => *bytes.last_mut()? = bytes.last()?.wrapping_add(1),
    }
    if bytes == before {
        return None;
    }
    Some(Op::Set { at, bytes: Hex(bytes), what: format!("value of {}", loaded.map.path(span)) })
}

/// Bytes come in after a field.
fn insert(random: &mut Random, loaded: &Loaded<'_>) -> Option<Op> {
    let span = field(random, loaded)?;
    let byte = *random.pick(&[0x00, 0x05, 0xff, 0x7e, 0x01])?;
    let bytes = vec![byte; *random.pick(&[1, 2, 4, 8])?];
    let what = format!("after {}", loaded.map.path(span));
    Some(Op::Insert { at: span.offset + span.len, bytes: Hex(bytes), what })
}

/// A field goes, or a part of it.
fn delete(random: &mut Random, loaded: &Loaded<'_>) -> Option<Op> {
    let span = field(random, loaded)?;
    let n = *random.pick(&[1, u64::from(span.width.max(1)), span.len])?;
    let what = format!("of {}", loaded.map.path(span));
    Some(Op::Delete { at: span.offset, n: n.min(span.len), what })
}

/// A section gets another version.
fn version(random: &mut Random, stream: &[u8], loaded: &Loaded<'_>) -> Option<Op> {
    let whole: Vec<_> = loaded.sections.iter().filter(|s| !s.idstr.is_empty()).collect();
    let section = random.pick(&whole)?;
    let at = section.body.checked_sub(4)?;
    let from = usize::try_from(at).ok()?;
    let mut bytes = stream.get(from..from.checked_add(4)?)?.to_vec();
    let last = bytes.last_mut()?;
    *last = if random.below(2) == 0 { last.wrapping_add(1) } else { last.wrapping_sub(1) };
    let what = format!("version of {}", String::from_utf8_lossy(&section.idstr));
    Some(Op::Set { at, bytes: Hex(bytes), what })
}

/// A subsection gets another name, or another length of it.
fn name(random: &mut Random, stream: &[u8], loaded: &Loaded<'_>) -> Option<Op> {
    let all: Vec<_> = loaded.map.spans().iter().filter(|s| s.info == "subsection").collect();
    let span = random.pick(&all)?;
    let (of, ahead) = if random.below(2) == 0 { ("length", 1) } else { ("name", span.len - 5) };
    let at = span.offset + ahead;
    let byte = stream.get(usize::try_from(at).ok()?)?.wrapping_add(1);
    let what = format!("{of} of subsection {}", loaded.map.path(span));
    Some(Op::Set { at, bytes: Hex(vec![byte]), what })
}

/// The stream is cut, before a field or in it.
fn truncate(random: &mut Random, loaded: &Loaded<'_>) -> Option<Op> {
    let span = field(random, loaded)?;
    let at = span.offset + random.draw() % span.len;
    Some(Op::Truncate { at, what: format!("cut in {}", loaded.map.path(span)) })
}

/// A section goes, comes twice, or changes places with the next.
fn section(random: &mut Random, loaded: &Loaded<'_>) -> Option<Op> {
    let sections = &loaded.sections;
    let index = random.below(sections.len());
    let this = sections.get(index)?;
    let next = sections.get(index + 1)?;
    let after = sections.get(index + 2).map_or(next.end, |s| s.offset);
    let at = this.offset;
    let n = next.offset.checked_sub(at)?;
    let idstr = String::from_utf8_lossy(&this.idstr);
    Some(match random.below(3) {
        0 => Op::Delete { at, n, what: format!("section {idstr}") },
        1 => Op::Dup { at, n, what: format!("section {idstr}") },
        _ => {
            Op::Move { at, n, m: after.checked_sub(next.offset)?, what: format!("section {idstr}") }
        }
    })
}
