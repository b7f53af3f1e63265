//! What a field without a description of its own is on the wire, and whether a subsection follows.

use super::Follower;
use super::walk::Step;
use crate::dialect::Subsections;
use crate::fuzzing::ambiguity::Prediction;
use crate::vmstate::compiled::{Codec, Field, Vmsd};
use crate::vmstate::flow::SUBSECTION;

impl<'d> Follower<'_, '_, 'd> {
    /// `count` elements of a codec. The value of the last one.
    pub(super) fn leaf(
        &mut self,
        codec: Codec,
        field: &'d Field,
        size: u64,
        count: u64,
    ) -> Step<u64> {
        let name = field.canonical.as_str();
        let (width, times, each) = match codec {
            Codec::Plain(width) => (u64::from(width), count, 1),
            Codec::Pair => (8, count.saturating_mul(2), 1),
            Codec::Bitmap => (8, count.saturating_mul(size.div_ceil(64)), 1),
            Codec::Buffer if field.name == "runstate" => {
                return Err(Prediction::Open("a run state"));
            }
            Codec::Unused => return self.unused(name, count.saturating_mul(size)),
            Codec::Buffer => {
                return self.item(name, count.saturating_mul(size)).map(|()| 0);
            }
            // Each is an item of its own.
            Codec::Equal(width) => (u64::from(width), 1, count),
            Codec::LessOrEqual => (4, 1, count),
            Codec::PciConfig if size > 0 => {
                (0..count).try_for_each(|_| self.item(name, size))?;
                return Ok(0);
            }
            Codec::PciIrqState => {
                for _ in 0..count.saturating_mul(4) {
                    self.step()?;
                    self.item(name, 4)?;
                    if self.number(self.at - 4, 4) > 1 {
                        return Err(self.refused_item(4, "interrupt pin"));
                    }
                }
                return Ok(0);
            }
            Codec::EmptyList => {
                return match self.mark(field)? {
                    true => Err(Prediction::Open("a list that nobody saw an element of")),
                    false => Ok(0),
                };
            }
            Codec::Fpreg => return self.registers(field, count),
            Codec::Capability | Codec::ByteArray => {
                let width = if codec == Codec::Capability { 1 } else { 4 };
                let at = self.at;
                self.item(name, width)?;
                return self.item(name, self.number(at, width)).map(|()| 0);
            }
            _ => return Err(Prediction::Open("a format of its own")),
        };
        for _ in 0..each {
            self.step()?;
            self.item(name, times.saturating_mul(width))?;
        }
        Ok(self.number(self.at.saturating_sub(width), width))
    }

    /// Bytes that are passed over: so may be what was written there, if it was to be dropped.
    fn unused(&mut self, name: &str, len: u64) -> Step<u64> {
        let written = self.map.spans().get(self.next);
        if written.is_some_and(|s| s.dropped && s.offset == self.at) {
            return Err(Prediction::Open("fields that may be dropped"));
        }
        self.item(name, len).map(|()| 0)
    }

    fn registers(&mut self, field: &'d Field, count: u64) -> Step<u64> {
        for i in 0..u32::try_from(count).unwrap_or(u32::MAX) {
            self.step()?;
            self.places.enter(&field.name, &field.canonical, Some(i));
            self.item("tmp_mant", 8)?;
            self.item("tmp_exp", 2)?;
            self.places.leave();
        }
        Ok(0)
    }

    /// A byte ahead, which may be beyond the end.
    pub(super) fn looked_at(&mut self, ahead: u64) -> Option<u8> {
        let byte = self.byte(self.at + ahead);
        self.ended |= byte.is_none();
        byte
    }

    /// The head of a subsection, by each rule: its name, description and version.
    pub(super) fn subsection(&mut self, owner: &'d Vmsd) -> Step<Option<(&'d str, usize, u32)>> {
        let rule = self.to.dialect.subsections;
        let blind = match rule {
            Subsections::None => true,
            Subsections::OneByteListed => owner.subsections.is_empty(),
            Subsections::OneByte | Subsections::Prefix => false,
        };
        if blind || self.looked_at(0) != Some(SUBSECTION) {
            return Ok(None);
        }
        let len = u64::from(self.looked_at(1).unwrap_or(0));
        let name = self.slice(self.at + 2, len);
        let is_whole = name.len() as u64 == len;
        let name = name.split(|byte| *byte == 0).next().unwrap_or(name);
        if rule == Subsections::Prefix {
            let prefix = owner.name.as_bytes();
            if len <= prefix.len() as u64 {
                return Ok(None);
            }
            self.ended |= !is_whole;
            if !is_whole || !name.starts_with(prefix) {
                return Ok(None);
            }
        }
        let listed = owner.subsections.iter().find(|(listed, _)| listed.as_bytes() == name);
        let Some((listed, index)) = listed.filter(|_| is_whole) else {
            return Err(match owner.unknown.subsections {
                true => Prediction::Open("a subsection that may be known"),
                false => self.refuses("subsection not in the list"),
            });
        };
        let inner = self.to.set.get(*index).is_some_and(|inner| !inner.subsections.is_empty());
        if self.to.dialect.flat_subsections && inner {
            return Err(self.refuses("subsection with subsections"));
        }
        let head = 2 + len + 4;
        self.item(listed, head)?;
        Ok(Some((listed, *index, self.number(self.at - 4, 4) as u32 & 0xff)))
    }
}
