//! A second opinion on a changed fixture: along the items that were written, by what the destination's
//! descriptions ask for, without the decoder. In a stream without footers nothing else tells a fault of the
//! decoder from what the change asked for.
//!
//! It uses the destination as it is compiled, and knows plain fields, structs, lists, counts, versions,
//! presence by values, and subsections. At anything else (a loader of its own, pointers, an old version, a
//! format written by hand) it says that it does not know; so it does where it cannot follow the *unchanged*
//! stream either, which says that it is the one that is wrong.

use super::ambiguity::Prediction;
use crate::dialect::{Dialect, Subsections};
use crate::stream::{Body, Destination, record};
use crate::vmstate::check;
use crate::vmstate::compile::{Amount, Codec, Count, Field, Kind, Vmsd};
use crate::vmstate::flow::SUBSECTION;
use crate::wire::Map;

/// Names of what begins a record, in maps.
const RECORDS: [&str; 5] =
    ["section header", "section part header", "command", "end of stream", "vmdescription"];

/// Result of a step: it ends with the prediction.
type Step<T> = Result<T, Prediction>;

/// How `to` must read these bytes, of which `map` says what was written where, all arriving at once: from
/// the record on in which the first byte is that is `changed`; from the first record on, if none is.
#[must_use]
pub fn follow(bytes: &[u8], map: &Map<'_>, to: &Destination, changed: Option<u64>) -> Prediction {
    let spans = map.spans();
    let begins = |at: &usize| spans.get(*at).is_some_and(|s| RECORDS.contains(&s.name));
    let first = changed.unwrap_or(0);
    let last = spans.partition_point(|span| span.offset + span.len <= first);
    // A change at its very first byte may be behind the record before.
    let next = (0..last).rev().find(begins).unwrap_or(0);
    let changed = changed.unwrap_or(u64::MAX);
    let at = spans.get(next).map_or(0, |span| span.offset);
    let dialect = &to.dialect;
    let mut follower = Follower { bytes, map, to, dialect, changed, at, next, places: Map::new() };
    match follower.records() {
        Ok(()) => Prediction::Agrees,
        Err(prediction) => prediction,
    }
}

struct Follower<'m, 'w, 'd> {
    bytes: &'m [u8],
    map: &'m Map<'w>,
    to: &'d Destination,
    dialect: &'d Dialect,
    changed: u64,
    at: u64,
    /// The next item that was written.
    next: usize,
    /// Names of places; holds no items.
    places: Map<'d>,
}

/// What a presence can ask for: values of a description, and of the one around it.
type Values<'v> = (&'v Vmsd, &'v [u64]);

impl<'d> Follower<'_, '_, 'd> {
    fn byte(&self, at: u64) -> Option<u8> {
        self.bytes.get(usize::try_from(at).ok()?).copied()
    }

    fn slice(&self, at: u64, len: u64) -> &[u8] {
        let size = self.bytes.len() as u64;
        let range = at.min(size) as usize..at.saturating_add(len).min(size) as usize;
        self.bytes.get(range).unwrap_or(&[])
    }

    fn number(&self, at: u64, len: u64) -> u64 {
        self.slice(at, len).iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn refuses(&self, why: &'static str) -> Prediction {
        Prediction::Refuses { offset: self.at, why }
    }

    fn parts(offset: u64) -> Prediction {
        Prediction::Parts { offset, cause: None }
    }

    /// Reads `len` bytes as `name` of the current place. Returns the value of the last 8.
    fn item(&mut self, name: &str, len: u64) -> Step<u64> {
        if len == 0 {
            return Ok(0);
        }
        let size = self.bytes.len() as u64;
        if len > size.saturating_sub(self.at) {
            return Err(self.refuses("end of stream"));
        }
        match self.map.spans().get(self.next) {
            Some(s) if s.dropped => return Err(Prediction::Open("a field that may be dropped")),
            Some(s) if s.offset == self.at && s.identity == self.places.identity(name) => {
                if s.len != len {
                    return Err(Self::parts(self.at + s.len.min(len)));
                }
            }
            _ => return Err(Self::parts(self.at)),
        }
        self.next += 1;
        self.at += len;
        let tail = len.min(8);
        Ok(self.number(self.at - tail, tail))
    }

    /// Passes over what was written up to the next record, in which nothing was changed.
    fn pass(&mut self, why: &'static str) -> Step<()> {
        let spans = self.map.spans();
        let rest = spans.iter().enumerate().skip(self.next + 1);
        let (next, at) = rest
            .filter(|(_, span)| RECORDS.contains(&span.name))
            .map(|(next, span)| (next, span.offset))
            .next()
            .unwrap_or((spans.len(), self.bytes.len() as u64));
        // What was changed later, nobody knows.
        if at > self.changed {
            return Err(Prediction::Open(why));
        }
        (self.next, self.at) = (next, at);
        Ok(())
    }

    fn records(&mut self) -> Step<()> {
        loop {
            self.places.top();
            match self.byte(self.at) {
                None => return Err(self.refuses("end of stream")),
                Some(record::EOF) => {
                    self.item("end of stream", 1)?;
                    let rest = self.map.spans().get(self.next);
                    let is_state = rest.is_some_and(|span| span.name != "vmdescription");
                    return if is_state { Err(Self::parts(self.at)) } else { Ok(()) };
                }
                Some(record::START | record::FULL) => self.section()?,
                Some(record::PART | record::END | record::COMMAND) => self.pass("a record")?,
                // The header, before any record.
                Some(_) if self.at == 0 => self.pass("the header")?,
                Some(_) => return Err(self.refuses("section type")),
            }
        }
    }

    fn section(&mut self) -> Step<()> {
        let begin = self.at;
        let len = u64::from(self.byte(begin + 5).unwrap_or(0));
        let whole = 14 + len;
        if (self.slice(begin, whole).len() as u64) < whole {
            return Err(self.refuses("end of stream"));
        }
        let idstr = self.slice(begin + 6, len).to_vec();
        let instance = self.number(begin + 6 + len, 4) as u32;
        let version = self.number(begin + 10 + len, 4) as u32;
        let to = self.to;
        let handler = to.find(&idstr, instance).and_then(|index| to.handlers.get(index));
        let Some(handler) = handler else { return Err(self.refuses("unknown section")) };
        if version > handler.version_id {
            return Err(self.refuses("section version"));
        }
        let Body::Vmsd(index) = handler.body else { return self.pass("a loader of its own") };
        self.item("section header", whole)?;
        let ordinal = (handler.ordinal > 0).then_some(handler.ordinal);
        self.places.enter(&handler.device, &handler.device, ordinal);
        self.vmsd(index, version, None)
    }

    fn vmsd(&mut self, index: usize, version: u32, around: Option<Values<'_>>) -> Step<()> {
        let to = self.to;
        let Some(vmsd) = to.set.get(index) else { return Err(Prediction::Open("a description")) };
        if version > vmsd.version_id {
            return Err(self.refuses("version"));
        }
        if version < vmsd.minimum_version_id {
            return Err(Prediction::Open("an old version"));
        }
        let mut values = vec![0; vmsd.fields.len()];
        check::pre_load(vmsd, &mut values);
        for (at, field) in vmsd.fields.iter().enumerate() {
            if !present((vmsd, &values), field, version, around)? {
                continue;
            }
            let value = self.field((vmsd, &values), field)?;
            if let Some(place) = values.get_mut(at) {
                *place = value;
            }
        }
        while let Some((name, index, version)) = self.subsection(vmsd)? {
            self.places.enter(name, name, None);
            self.vmsd(index, version, None)?;
            self.places.leave();
        }
        Ok(())
    }

    fn field(&mut self, of: Values<'_>, field: &'d Field) -> Step<u64> {
        if field.array_of_pointer || field.auto_alloc {
            return Err(Prediction::Open("pointers"));
        }
        let (count, indexed) = match &field.count {
            Count::One => (1, false),
            Count::Many(many) => {
                let n = amount(many, of.1)? as u32 as i32;
                (u64::try_from(n).unwrap_or(0), true)
            }
        };
        if count == 0 {
            return Ok(0);
        }
        let elements = match &field.kind {
            Kind::Leaf(codec, _, size) => {
                let width = match codec {
                    Codec::Plain(width) | Codec::Equal(width) => u64::from(*width),
                    Codec::LessOrEqual => 4,
                    Codec::Buffer | Codec::Unused | Codec::PciConfig => amount(size, of.1)?,
                    Codec::Bitmap => 8 * amount(size, of.1)?.div_ceil(64),
                    _ => return Err(Prediction::Open("a format of its own")),
                };
                return self.item(&field.canonical, count.saturating_mul(width));
            }
            other => other,
        };
        for i in 0..count {
            let index = indexed.then_some(i as u32);
            match elements {
                Kind::Struct(vmsd, version) => self.inside(of, field, index, *vmsd, *version)?,
                Kind::List(vmsd) => {
                    let mut i = 0;
                    while self.item(&field.canonical, 1)? != 0 {
                        self.inside(of, field, Some(i), *vmsd, Some(field.version_id))?;
                        i += 1;
                    }
                }
                _ => return Err(Prediction::Open("a format of its own")),
            }
        }
        Ok(0)
    }

    fn inside(
        &mut self,
        of: Values<'_>,
        field: &'d Field,
        index: Option<u32>,
        vmsd: usize,
        version: Option<u32>,
    ) -> Step<()> {
        let own = self.to.set.get(vmsd).map_or(0, |vmsd| vmsd.version_id);
        self.places.enter(&field.name, &field.canonical, index);
        self.vmsd(vmsd, version.unwrap_or(own), Some(of))?;
        self.places.leave();
        Ok(())
    }

    /// The head of a subsection, by each rule: its name, description and version.
    fn subsection(&mut self, owner: &'d Vmsd) -> Step<Option<(&'d str, usize, u32)>> {
        let rule = self.dialect.subsections;
        let blind = match rule {
            Subsections::None => true,
            Subsections::OneByteListed => owner.subsections.is_empty(),
            Subsections::OneByte | Subsections::Prefix => false,
        };
        if blind || self.byte(self.at) != Some(SUBSECTION) {
            return Ok(None);
        }
        let len = u64::from(self.byte(self.at + 1).unwrap_or(0));
        let name = self.slice(self.at + 2, len);
        let is_whole = name.len() as u64 == len;
        let name = name.split(|byte| *byte == 0).next().unwrap_or(name);
        if rule == Subsections::Prefix {
            let prefix = owner.name.as_bytes();
            if len <= prefix.len() as u64 || !is_whole || !name.starts_with(prefix) {
                return Ok(None);
            }
        }
        let listed = owner.subsections.iter().find(|(listed, _)| listed.as_bytes() == name);
        let Some((listed, index)) = listed.filter(|_| is_whole) else {
            return Err(self.refuses("subsection not in the list"));
        };
        if self.dialect.flat_subsections
            && self.to.set.get(*index).is_some_and(|inner| !inner.subsections.is_empty())
        {
            return Err(self.refuses("subsection with subsections"));
        }
        let version = self.item(listed, 2 + len + 4)? as u32 & 0xff;
        Ok(Some((listed, *index, version)))
    }
}

/// Whether a field is there.
fn present(of: Values<'_>, field: &Field, version: u32, around: Option<Values<'_>>) -> Step<bool> {
    let Some(predicate) = &field.exists else { return Ok(field.version_id <= version) };
    let value = |name: &str| match (name.strip_prefix("../"), around) {
        (None, _) => check::value(of.0, of.1, name),
        (Some(name), Some(around)) => check::value(around.0, around.1, name),
        (Some(_), None) => 0,
    };
    // Of the machine's own timers nothing is known here: where they matter, the unchanged stream tells.
    predicate.holds(version, value, 3).map_err(|_| Prediction::Open("a presence hook"))
}

fn amount(amount: &Amount, values: &[u64]) -> Step<u64> {
    match amount {
        Amount::Fixed(n) => Ok(*n),
        Amount::Slot(at, factor) => {
            Ok(values.get(*at).copied().unwrap_or(0).saturating_mul(*factor))
        }
        Amount::Owner(_) | Amount::Unknown(_) => Err(Prediction::Open("a size from elsewhere")),
    }
}
