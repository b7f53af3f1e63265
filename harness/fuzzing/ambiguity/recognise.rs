//! Whether a subsection follows, by each dialect's rule, on the written bytes.

use super::walk::Reader;
use super::{Cause, Prediction, Step};
use crate::dialect::Subsections;
use crate::vmstate::schema::Vmsd;
use crate::wire::Refill;

/// What a rule says of the next bytes.
enum Seen<'s> {
    /// Go on behind the description; where a record was overlooked, by which gap.
    Nothing(Option<Cause>),
    /// A record of the description with this key, whose head is so long.
    Record(&'s str, u64),
}

impl<'s> Reader<'_, '_, 's> {
    /// Reads the head of the next subsection of `owner`, if the dialect sees one. Returns its key
    /// and version.
    pub(super) fn subsection(&mut self, owner: &'s Vmsd) -> Step<Option<(&'s str, u32)>> {
        match self.recognise(owner)? {
            Seen::Nothing(cause) => {
                if cause.is_some() {
                    self.trail.left.push((self.trail.stack.last().copied(), None));
                    self.trail.left.push((None, cause));
                }
                Ok(None)
            }
            Seen::Record(key, len) => {
                let name = self.side.tables.vmsd.get(key).map_or("", |v| v.name.as_str());
                if !self.is_next(name) {
                    let cause = match self.dialect.subsections {
                        Subsections::Prefix => Cause::PrefixTaken,
                        _ => Cause::OneByteRule,
                    };
                    self.trail.left.push((self.trail.stack.last().copied(), None));
                    self.trail.left.push((None, Some(cause)));
                }
                let value = self.item(name, len)?;
                // Kept in 8 bits.
                Ok(Some((key, value as u32 & 0xff)))
            }
        }
    }

    fn recognise(&mut self, owner: &'s Vmsd) -> Step<Seen<'s>> {
        let rule = self.dialect.subsections;
        // Why it does not look at all.
        let blind = match rule {
            Subsections::None => Some(Cause::NoSubsections),
            Subsections::OneByteListed if owner.subsections.is_empty() => {
                Some(Cause::UnlistedOwner)
            }
            _ => None,
        };
        let first = self.byte(self.at);
        if blind.is_none()
            && (first.is_none() || rule == Subsections::Prefix && first == Some(0x05))
        {
            // At the end, the look itself finds it: of the byte that is not there, or of the length.
            self.pipe.sees_fully(self.at + 1 + u64::from(first.is_some()));
        }
        if first != Some(0x05) {
            return Ok(Seen::Nothing(None));
        }
        if blind.is_some() {
            return Ok(Seen::Nothing(blind));
        }
        let len = u64::from(self.byte(self.at + 1).unwrap_or(0));
        let name = self.bytes(self.at + 2, len);
        let whole = name.len() as u64 == len;
        let name = name.split(|b| *b == 0).next().unwrap_or(name);
        match rule {
            Subsections::None | Subsections::OneByte | Subsections::OneByteListed => {
                let Some(key) = self.listed(owner, name).filter(|_| whole) else {
                    return Err(self.refuses("subsection not in the list"));
                };
                let inner = self.side.tables.vmsd.get(key);
                if self.dialect.flat_subsections && inner.is_some_and(|v| !v.subsections.is_empty())
                {
                    return Err(self.refuses("subsection with subsections"));
                }
                self.head(key, len)
            }
            Subsections::Prefix => {
                let once = self.dialect.look_ahead == Refill::Once;
                // The first two bytes are looked at one by one before the name is.
                if once && !(self.pipe.sees_once(self.at, 1) && self.pipe.sees_once(self.at, 2)) {
                    return Ok(Seen::Nothing(Some(Cause::SingleRefill)));
                }
                if len <= owner.name.len() as u64 {
                    return Ok(Seen::Nothing(Some(Cause::PrefixRule)));
                }
                if !once {
                    self.pipe.sees_fully(self.at + 2 + len);
                } else if !self.pipe.sees_once(self.at, 2 + len) {
                    return Ok(Seen::Nothing(Some(Cause::SingleRefill)));
                }
                if !whole || !name.starts_with(owner.name.as_bytes()) {
                    return Ok(Seen::Nothing(Some(Cause::PrefixRule)));
                }
                match self.listed(owner, name) {
                    Some(key) => self.head(key, len),
                    None => Err(self.refuses("subsection not in the list")),
                }
            }
        }
    }

    fn head(&self, key: &'s str, len: u64) -> Step<Seen<'s>> {
        let len = 2 + len + 4;
        if (self.bytes(self.at, len).len() as u64) < len {
            return Err(Prediction::Refuses { offset: self.at, why: "end of stream" });
        }
        Ok(Seen::Record(key, len))
    }

    /// The first subsection of that name.
    fn listed(&self, owner: &'s Vmsd, name: &[u8]) -> Option<&'s str> {
        let known = |key: &str| self.side.tables.vmsd.get(key).map(|v| v.name.as_bytes());
        let found = owner.subsections.iter().find(|s| known(&s.vmsd) == Some(name));
        found.map(|s| s.vmsd.as_str())
    }
}
