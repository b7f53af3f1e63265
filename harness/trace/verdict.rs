//! The verdict of a cell: a source's meaning compared with a destination's reading.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use super::compare::{self, Difference};
use crate::stream::condense::Condensed;
use crate::stream::{Destination, Handler, LoadOptions, Loaded, load_with};
use crate::vmstate::Set;
use crate::wire::map::SpanMemory;
use crate::wire::{Error, Feed, Kind, Map};

/// How a cell ended. See the design for the exact words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Accepted, and every byte was read as what it was written as.
    Faithful,
    /// Accepted and faithful; defaults were kept for optional state which the stream lacks.
    Defaulted,
    /// Accepted, but some byte was read as something else or never. The silent failure.
    Misparsed,
    /// Refused, with nothing read wrongly before.
    Refused,
    /// Refused, but something was read wrongly first.
    RefusedLate,
    /// The destination has no such machine type or device, or none on record.
    Unsupported,
    /// The tables do not say enough.
    Undetermined,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Verdict; 7] = [
        Verdict::Faithful,
        Verdict::Defaulted,
        Verdict::Misparsed,
        Verdict::Refused,
        Verdict::RefusedLate,
        Verdict::Unsupported,
        Verdict::Undetermined,
    ];

    /// The name, as in matrix.toml and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Faithful => "faithful",
            Verdict::Defaulted => "defaulted",
            Verdict::Misparsed => "misparsed",
            Verdict::Refused => "refused",
            Verdict::RefusedLate => "refused-late",
            Verdict::Unsupported => "unsupported",
            Verdict::Undetermined => "undetermined",
        }
    }

    /// Whether the destination accepts the stream; `None` where it is not known.
    #[must_use]
    pub fn accepts(self) -> Option<bool> {
        match self {
            Verdict::Faithful | Verdict::Defaulted | Verdict::Misparsed => Some(true),
            Verdict::Refused | Verdict::RefusedLate | Verdict::Unsupported => Some(false),
            Verdict::Undetermined => None,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Verdict {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let names: Vec<&str> = Verdict::ALL.iter().map(|v| v.name()).collect();
        Verdict::ALL
            .into_iter()
            .find(|v| v.name() == s)
            .ok_or_else(|| format!("unknown verdict '{s}': expected one of {}", names.join(", ")))
    }
}

/// What a source wrote: its own reading of its own stream.
#[derive(Debug)]
pub struct Meaning<'d> {
    /// The source as a destination.
    pub source: &'d Destination,
    /// Its reading.
    pub loaded: Loaded<'d>,
    /// Length of the stream.
    pub size: u64,
}

impl<'d> Meaning<'d> {
    /// Reads a fixture with its own release.
    ///
    /// # Errors
    /// A sentence, if the release does not load it to the last byte: then it is no fixture.
    pub fn of(source: &'d Destination, stream: &[u8]) -> Result<Self, String> {
        Meaning::read(source, &mut &stream[..], stream.len() as u64)
    }

    /// The same for a stream of `size` bytes that is not in memory.
    ///
    /// # Errors
    /// As [`Meaning::of`].
    pub fn read(source: &'d Destination, stream: &mut dyn Read, size: u64) -> Result<Self, String> {
        Meaning::from_load(source, stream, size, |offset| offset)
    }

    /// The same for a stream from which pages were left out: what is said of it is about the whole.
    ///
    /// # Errors
    /// As [`Meaning::of`].
    pub fn of_condensed(source: &'d Destination, stream: &Condensed) -> Result<Self, String> {
        let bytes = &stream.bytes;
        let size = bytes.len() as u64;
        Meaning::from_load(source, &mut &bytes[..], size, |offset| stream.original(offset))
    }

    /// Reads a fixture in [outline](LoadOptions::outline).
    ///
    /// # Errors
    /// As [`Meaning::of`].
    pub fn outline(source: &'d Destination, stream: &[u8]) -> Result<Self, String> {
        let options = LoadOptions { own: true, outline: true, ..LoadOptions::default() };
        let loaded = load_with(source, &mut &stream[..], &Feed::Bulk, options);
        Meaning::whole(source, loaded, stream.len() as u64, |offset| offset)
    }

    fn from_load(
        source: &'d Destination,
        stream: &mut dyn Read,
        size: u64,
        home: impl Fn(u64) -> u64,
    ) -> Result<Self, String> {
        let options = LoadOptions { own: true, ..LoadOptions::default() };
        Meaning::whole(source, load_with(source, stream, &Feed::Bulk, options), size, home)
    }

    /// What a load of its own stream says, if it took all of it.
    fn whole(
        source: &'d Destination,
        loaded: Loaded<'d>,
        size: u64,
        home: impl Fn(u64) -> u64,
    ) -> Result<Self, String> {
        if let Some(error) = &loaded.refused {
            let error = Error { offset: home(error.offset), ..error.as_ref().clone() };
            return Err(format!("its own release refuses it: {error}"));
        }
        let covered = compare::end(&loaded.map);
        if loaded.stopped != size || covered != size {
            let (covered, size) = (home(covered), home(size));
            return Err(format!("its own release reads {covered} of {size} bytes"));
        }
        Ok(Meaning { source, loaded, size })
    }
}

/// A judged cell.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Offset of the first byte not read.
    pub stopped: u64,
    /// Bytes that had left the source.
    pub taken: u64,
    /// Length of the stream.
    pub size: u64,
    /// The refusal or, for `undetermined`, what is not modelled.
    pub error: Option<Box<Error>>,
    /// Where reading and meaning part.
    pub difference: Option<Difference>,
    /// A byte that was taken for the end of the stream and is none.
    pub false_end: Option<Difference>,
    /// Optional state that kept its defaults.
    pub defaults: Vec<String>,
    /// Look-aheads for a subsection that gave up on a short read.
    pub gave_up: Vec<u64>,
}

/// A fixture as its own release reads it: in outline, which is enough for most cells, and whole once
/// that is asked for.
#[derive(Debug)]
pub struct SourceStream<'d> {
    stream: Arc<Vec<u8>>,
    outline: Meaning<'d>,
    whole: OnceLock<Option<Meaning<'d>>>,
}

impl<'d> SourceStream<'d> {
    /// Reads a fixture with its own release.
    ///
    /// # Errors
    /// As [`Meaning::of`].
    pub fn of(source: &'d Destination, stream: Arc<Vec<u8>>) -> Result<Self, String> {
        let outline = Meaning::outline(source, &stream)?;
        Ok(SourceStream { stream, outline, whole: OnceLock::new() })
    }

    /// The fixture.
    #[must_use]
    pub fn stream(&self) -> &[u8] {
        &self.stream
    }

    /// Its meaning, item by item.
    #[must_use]
    pub fn meaning(&self) -> &Meaning<'d> {
        let read = || Meaning::of(self.outline.source, &self.stream).ok();
        // What was read in outline is read so, too.
        self.whole.get_or_init(read).as_ref().unwrap_or(&self.outline)
    }
}

/// Judges as [`judge`] does: by the outlines, and only where those part by the whole maps.
#[must_use]
pub fn judge_outline(source: &SourceStream<'_>, to: &Destination, feed: &Feed) -> Judged {
    let map = Map::reusing(SPAN_MEMORY.take(), source.outline.loaded.map.spans().len());
    let loaded =
        load_with(to, &mut source.stream(), feed, LoadOptions { map, outline: true, own: false });
    let judged = judge_reading(&source.outline, &loaded, to);
    SPAN_MEMORY.set(loaded.map.into_memory());
    match judged.difference.is_some() || judged.false_end.is_some() {
        true => judge(source.meaning(), source.stream(), to, feed),
        false => judged,
    }
}

/// Loads a fixture into a destination and judges the outcome.
#[must_use]
pub fn judge(meaning: &Meaning<'_>, stream: &[u8], to: &Destination, feed: &Feed) -> Judged {
    // Most loaders read much the same items.
    let map = Map::reusing(SPAN_MEMORY.take(), meaning.loaded.map.spans().len());
    let loaded = load_with(to, &mut &stream[..], feed, LoadOptions::with_map(map));
    let judged = judge_reading(meaning, &loaded, to);
    SPAN_MEMORY.set(loaded.map.into_memory());
    judged
}

thread_local! {
    /// What the map of the cell before was in.
    static SPAN_MEMORY: Cell<SpanMemory> = Cell::default();
}

/// Judges the outcome of a load, where the stream is not in memory.
#[must_use]
pub fn judge_reading(meaning: &Meaning<'_>, loaded: &Loaded<'_>, to: &Destination) -> Judged {
    let mut judged = Judged {
        verdict: Verdict::Faithful,
        stopped: loaded.stopped,
        taken: loaded.taken,
        size: meaning.size,
        error: loaded.refused.clone(),
        difference: None,
        false_end: None,
        defaults: Vec::new(),
        gave_up: loaded.gave_up.clone(),
    };
    (judged.verdict, judged.difference) = reading(&meaning.loaded.map, loaded);
    if judged.error.is_none() {
        judged.false_end = false_end(meaning, loaded);
    }
    if judged.verdict == Verdict::Faithful {
        judged.defaults = defaults(meaning, loaded, to);
        if !judged.defaults.is_empty() {
            judged.verdict = Verdict::Defaulted;
        }
    }
    judged
}

/// A reading against the map of what was written: the verdict, as far as the two tell (what kept
/// its default is another question), and where they part.
///
/// An accepted stream is read to the end of what the source wrote as state; the description after
/// it is not state, and older releases leave it. A refused one is read right up to the refusal.
#[must_use]
pub fn reading(meaning: &Map<'_>, loaded: &Loaded<'_>) -> (Verdict, Option<Difference>) {
    let (verdict, at) = outline(meaning, loaded);
    (verdict, at.map(|at| compare::difference(meaning, &loaded.map, at)))
}

/// The same, with no more of the difference than its place: nothing is spelled out.
#[must_use]
pub fn outline(meaning: &Map<'_>, loaded: &Loaded<'_>) -> (Verdict, Option<u64>) {
    let Some(error) = &loaded.refused else {
        let state_end = state_end(meaning).max(state_end(&loaded.map));
        let difference = compare::first_difference_at(meaning, &loaded.map, state_end, false);
        let verdict = if difference.is_some() { Verdict::Misparsed } else { Verdict::Faithful };
        return (verdict, difference);
    };
    let difference = compare::first_difference_at(meaning, &loaded.map, error.offset, true);
    let verdict = match error.kind {
        Kind::Undefined(_) | Kind::Undetermined(_) => Verdict::Undetermined,
        _ if difference.is_some() => Verdict::RefusedLate,
        _ => Verdict::Refused,
    };
    (verdict, difference)
}

/// Where the state ends: behind the last item that has nothing to do with a description.
fn state_end(map: &Map<'_>) -> u64 {
    let described = |name: &str| matches!(name, "vmdescription" | "description missing");
    map.spans().iter().rev().find(|s| !described(s.name)).map_or(0, |s| s.offset + s.len)
}

/// The end of the stream as the destination saw it, where the source wrote something else.
fn false_end(meaning: &Meaning<'_>, loaded: &Loaded<'_>) -> Option<Difference> {
    let read = loaded.map.spans().iter().rev().find(|s| s.name == "end of stream")?;
    let written = compare::covering(&meaning.loaded.map, read.offset);
    if written.is_some_and(|w| w.identity == read.identity) {
        return None;
    }
    Some(Difference {
        offset: read.offset,
        written: written.map(|s| compare::Item::of(&meaning.loaded.map, s)),
        read: Some(compare::Item::of(&loaded.map, read)),
    })
}

/// Optional state that the destination would itself have sent here, and that the stream lacks
/// because the source does not know it: subsections and sections.
fn defaults(meaning: &Meaning<'_>, loaded: &Loaded<'_>, to: &Destination) -> Vec<String> {
    let mut defaults: Vec<String> =
        loaded.absent.iter().map(|path| format!("field {path}")).collect();
    let sent = records(loaded);
    let known = names(&meaning.source.set);
    for (path, name) in &to.local.subsections {
        if !sent.contains(path.as_str()) && !known.contains(name.as_str()) {
            defaults.push(format!("subsection {path}"));
        }
    }
    for handler in &to.handlers {
        let own = to.local.sections.contains(&handler.device);
        let same = |h: &Handler| h.device == handler.device && h.ordinal == handler.ordinal;
        if own && !meaning.source.handlers.iter().any(same) {
            defaults.push(format!("section {}", handler.numbered()));
        }
    }
    defaults
}

/// Paths of the subsections in a stream.
fn records(loaded: &Loaded<'_>) -> BTreeSet<String> {
    let spans = loaded.map.spans().iter().filter(|s| s.info == "subsection");
    spans.map(|s| loaded.map.path(s)).collect()
}

/// Names of all subsections that a release knows.
fn names(set: &Set) -> BTreeSet<&str> {
    set.vmsds.iter().flat_map(|v| v.subsections.iter().map(|s| s.0.as_str())).collect()
}
