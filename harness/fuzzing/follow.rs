//! A second opinion on a changed fixture, without the decoder: walks the items that were written by the
//! destination's descriptions. In a stream without footers nothing else distinguishes a fault of the
//! decoder from an effect of the change.
//!
//! It uses the destination as it is compiled, where the one on generated cases ([`super::ambiguity`]) reads
//! the descriptions themselves. It knows no values that a loader compares with its own or looks at in the
//! end: for those a decoder may refuse at any time. At a format written by hand it says that it does not
//! know, and what is read from there on may be anything; a record of one in which nothing was changed is
//! passed over.
//!
//! | opinion | the decoder must |
//! | --- | --- |
//! | [`Prediction::Agrees`] | read everything as written; refuse for a value, or not at all |
//! | [`Prediction::Refuses`] | refuse, with nothing read wrongly before |
//! | [`Prediction::Diverges`] | part from what was written at this very byte, or refuse before |
//! | [`Prediction::Open`] | read right up to where the opinion ends |

mod baseline;
mod leaf;
#[cfg(test)]
mod tests;
mod walk;

pub use self::baseline::Baseline;
use self::walk::Step;
use super::ambiguity::Prediction;
use super::mutate::begins_record;
use super::mutate::counted::Counted;
use crate::stream::{Body, Destination, Loaded, record};
use crate::vmstate::flow::SUBSECTION;
use crate::wire::{Error, Kind, Map};

/// How far a look-ahead reaches at the end of a record.
const LOOK_AHEAD: u64 = 2 + 255;

/// What must become of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opinion {
    /// How it ends.
    pub prediction: Prediction,
    /// Up to where nothing is read otherwise than it was written.
    pub sure: u64,
}

/// How `to` must read these bytes, of which `map` says what was written where: from the record on in which
/// the first byte is that is `changed`, or the one before it; from the first record on, if none is. `baseline`
/// is how `to` reads the stream unchanged.
#[must_use]
pub fn follow(
    bytes: &[u8],
    map: &Map<'_>,
    to: &Destination,
    changed: Option<u64>,
    baseline: Baseline,
) -> Opinion {
    let spans = map.spans();
    let begins = |at: &usize| spans.get(*at).is_some_and(begins_record);
    let last = changed.map_or(0, |at| spans.partition_point(|s| s.offset + s.len <= at));
    let reached = |first: &usize| {
        let at = spans.get(*first).map_or(0, |span| span.offset);
        // At its first byte something may be gone of what comes before.
        changed.is_none_or(|changed| changed > at)
    };
    let first = || (0..spans.len()).find(begins).filter(reached);
    let Some(next) = (0..last).rev().find(begins).or_else(first) else {
        return Opinion { prediction: Prediction::Open("the configuration"), sure: 0 };
    };
    if spans.get(next).is_some_and(|span| span.name == "vmdescription") {
        return Opinion { prediction: Prediction::Open("behind the end"), sure: 0 };
    }
    let at = spans.get(next).map_or(0, |span| span.offset);
    let refused = (!baseline.accepted).then_some(baseline.stopped);
    // A configuration that is asked for is looked for at the first record.
    if baseline.diverges.is_some_and(|diverges| diverges < at)
        || refused.is_some_and(|end| end <= at + 1)
    {
        return Opinion { prediction: Prediction::Open("what comes before"), sure: 0 };
    }
    // A record that ends before this is read as it was unchanged: a change at its end may have taken
    // something of it, and what was refused was before it stopped.
    let bounds = [changed, baseline.diverges.map(|diverges| diverges + 1), refused];
    let known = bounds.into_iter().flatten().min().unwrap_or(u64::MAX);
    let packaged = |at: u64| bytes.get(at as usize + 2) == Some(&record::PACKAGED);
    if to.dialect.commands.is_some()
        && spans.iter().any(|s| begins_record(s) && s.name == "command" && packaged(s.offset))
    {
        return Opinion { prediction: Prediction::Open("a package"), sure: 0 };
    }
    let mut follower = Follower::new(bytes, map, to, (at, next), known);
    let prediction = match follower.records() {
        // A look beyond the end is refused in the end.
        Ok(()) if follower.ended => follower.refuses("look-ahead beyond the end"),
        Ok(()) => Prediction::Agrees,
        Err(prediction) => prediction,
    };
    let sure = match prediction {
        Prediction::Refuses { offset, .. } | Prediction::Diverges { offset, .. } => offset,
        Prediction::Open(_) => follower.at,
        Prediction::Agrees => u64::MAX,
    };
    Opinion { prediction, sure }
}

/// The numbers of elements in the sections of a stream that `by` reads as it is mapped, as far as it can be
/// followed.
#[must_use]
pub fn counted(bytes: &[u8], map: &Map<'_>, by: &Destination) -> Vec<Counted> {
    let mut all = Vec::new();
    for (next, span) in map.spans().iter().enumerate().filter(|(_, s)| s.name == "section header") {
        let mut follower = Follower::new(bytes, map, by, (span.offset, next), u64::MAX);
        follower.notes = true;
        // How it ends is of no matter here.
        let _ = follower.section();
        all.append(&mut follower.counted);
    }
    all
}

impl Opinion {
    /// Compares a load of so many bytes with it, of which reading `diverges` from what was written.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn holds(
        self,
        size: usize,
        loaded: &Loaded<'_>,
        diverges: Option<u64>,
    ) -> Result<(), &'static str> {
        // What was left half read is no state that descriptions tell of.
        if !loaded.ignored.is_empty() {
            return Ok(());
        }
        if diverges.is_some_and(|at| at < self.sure) {
            return Err("read otherwise, and the descriptions read it as written");
        }
        let refused = loaded.refused.as_deref();
        let ended =
            |e: &Error| matches!(e.kind, Kind::EndOfInput { .. }) && loaded.taken == size as u64;
        match self.prediction {
            Prediction::Agrees => match refused {
                Some(error) if !is_value(&error.kind) => Err("refused for no reason"),
                _ => Ok(()),
            },
            Prediction::Refuses { .. } if refused.is_none() => Err("accepted what must be refused"),
            Prediction::Diverges { offset, .. } => match (diverges, refused) {
                (Some(at), _) if at != offset => Err("parts elsewhere than the descriptions say"),
                (None, None) => Err("accepted as written, which the descriptions do not allow"),
                (None, Some(error))
                    if error.offset < offset && !is_value(&error.kind) && !ended(error) =>
                {
                    Err("refused before reading parts from what was written")
                }
                _ => Ok(()),
            },
            Prediction::Refuses { .. } | Prediction::Open(_) => Ok(()),
        }
    }
}

/// Whether it was refused for what a value is, or for the work that it asks for.
fn is_value(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::NotEqual { .. }
            | Kind::NotLessOrEqual { .. }
            | Kind::PciConfig { .. }
            | Kind::Check(_)
            | Kind::Abort(_)
            | Kind::Limit(_)
            | Kind::Undefined(_)
            | Kind::Undetermined(_)
    )
}

/// A reader that knows what was written.
struct Follower<'m, 'w, 'd> {
    bytes: &'m [u8],
    map: &'m Map<'w>,
    to: &'d Destination,
    /// A record that ends before is read as it was unchanged.
    known: u64,
    at: u64,
    /// The next item that was written.
    next: usize,
    /// Names of places; holds no items.
    places: Map<'d>,
    /// Values of the descriptions being read.
    values: Vec<u64>,
    /// Where each of them ends in the stream.
    ends: Vec<u64>,
    /// Whether it is noted which of them counted what, and that.
    notes: bool,
    counted: Vec<Counted>,
    /// Elements and fields so far.
    steps: u32,
    /// A look-ahead went beyond the end.
    ended: bool,
}

impl<'m, 'w, 'd> Follower<'m, 'w, 'd> {
    fn new(
        bytes: &'m [u8],
        map: &'m Map<'w>,
        to: &'d Destination,
        (at, next): (u64, usize),
        known: u64,
    ) -> Self {
        Follower {
            bytes,
            map,
            to,
            known,
            at,
            next,
            places: Map::new(),
            values: Vec::new(),
            ends: Vec::new(),
            notes: false,
            counted: Vec::new(),
            steps: 0,
            ended: false,
        }
    }

    fn byte(&self, at: u64) -> Option<u8> {
        self.bytes.get(usize::try_from(at).ok()?).copied()
    }

    fn slice(&self, at: u64, len: u64) -> &'m [u8] {
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

    fn diverges(offset: u64) -> Prediction {
        Prediction::Diverges { offset, cause: None }
    }

    /// Reads `len` bytes as `name` of the current place.
    fn item(&mut self, name: &str, len: u64) -> Step<()> {
        if len == 0 {
            return Ok(());
        }
        let size = self.bytes.len() as u64;
        if len > size.saturating_sub(self.at) {
            return Err(self.refuses("end of stream"));
        }
        match self.map.spans().get(self.next) {
            Some(s) if s.offset == self.at && s.identity == self.places.identity(name) => {
                if s.len != len {
                    return Err(Self::diverges(self.at + s.len.min(len)));
                }
            }
            _ => return Err(Self::diverges(self.at)),
        }
        self.next += 1;
        self.at += len;
        Ok(())
    }

    /// Passes over what was written up to the next record, in which nothing was changed.
    fn pass(&mut self, why: &'static str) -> Step<()> {
        let spans = self.map.spans();
        let rest = spans.iter().enumerate().skip(self.next + 1);
        let mut records = rest.filter(|(_, span)| begins_record(span));
        let next = records.next().map(|(next, span)| (next, span.offset));
        let (next, at) = next.unwrap_or((spans.len(), self.bytes.len() as u64));
        let looks = self.byte(at).is_none_or(|byte| byte == SUBSECTION);
        // What was changed later, nobody knows, nor what a look-ahead makes of it.
        if at >= self.known || (looks && at + LOOK_AHEAD >= self.known) {
            return Err(Prediction::Open(why));
        }
        (self.next, self.at) = (next, at);
        Ok(())
    }

    /// Passes over a record whose head was written as `name`.
    fn pass_record(&mut self, name: &str, why: &'static str) -> Step<()> {
        let written = self.map.spans().get(self.next);
        if written.is_none_or(|s| s.offset != self.at || !begins_record(s) || s.name != name) {
            // What its head is made of is not followed.
            return Err(Prediction::Open(why));
        }
        self.pass(why)
    }

    fn records(&mut self) -> Step<()> {
        loop {
            self.places.top();
            match self.byte(self.at) {
                None => return Err(self.refuses("end of stream")),
                Some(record::EOF) => {
                    self.item("end of stream", 1)?;
                    let mut rest = self.map.spans().iter().skip(self.next);
                    return match (rest.next().map(|span| span.name), rest.next()) {
                        (None, _) | (Some("vmdescription"), None) => Ok(()),
                        (Some("vmdescription"), Some(_)) => Err(Prediction::Open("the end")),
                        (Some(_), _) => Err(Self::diverges(self.at)),
                    };
                }
                Some(record::START | record::FULL) => self.section()?,
                Some(record::PART | record::END) => {
                    self.pass_record("section part header", "a part")?;
                }
                Some(record::COMMAND) if self.to.dialect.commands.is_some() => {
                    self.pass_record("command", "a command")?;
                }
                Some(_) => return Err(self.refuses("section type")),
            }
        }
    }

    fn section(&mut self) -> Step<()> {
        let (begin, to) = (self.at, self.to);
        let len = u64::from(self.byte(begin + 5).unwrap_or(0));
        if len == 0 && to.dialect.checks_idstr {
            return Err(self.refuses("section name"));
        }
        let whole = 14 + len;
        let id = self.number(begin + 1, 4);
        let idstr = self.slice(begin + 6, len);
        let instance = self.number(begin + 6 + len, 4) as u32;
        let version = self.number(begin + 10 + len, 4) as u32;
        if (self.slice(begin, whole).len() as u64) < whole {
            return Err(self.refuses("end of stream"));
        }
        let refuses = |why| Prediction::Refuses { offset: begin, why };
        let handler = to.find(idstr, instance).and_then(|index| to.handlers.get(index));
        let Some(handler) = handler else { return Err(refuses("unknown section")) };
        if version > handler.version_id {
            return Err(refuses("section version"));
        }
        // Of a head that was changed it is asked first whether anyone takes it.
        self.item("section header", whole)?;
        match handler.body {
            Body::Vmsd(index) => {
                let ordinal = (handler.ordinal > 0).then_some(handler.ordinal);
                self.places.enter(&handler.device, &handler.device, ordinal);
                self.vmsd(index, version, [None, None], 0)?;
                self.places.top();
            }
            Body::Nothing => {}
            _ => {
                // The head is behind.
                self.next = self.next.saturating_sub(1);
                return self.pass("a loader of its own");
            }
        }
        if !to.dialect.footers {
            return Ok(());
        }
        match self.byte(self.at) {
            Some(record::FOOTER) if self.slice(self.at, 5).len() < 5 => {
                Err(self.refuses("end of stream"))
            }
            Some(record::FOOTER) if self.number(self.at + 1, 4) == id => {
                self.item("section footer", 5)
            }
            _ => Err(self.refuses("footer")),
        }
    }
}
