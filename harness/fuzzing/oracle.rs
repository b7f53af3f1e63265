//! The oracle: compares a load with what was written and with the second opinion.
//!
//! | check | fails when |
//! | --- | --- |
//! | bounds | an offset lies outside the input, or more was done or made of it than its size allows |
//! | truth | an accepted stream was read otherwise than written and no gap in the protocol says so |
//! | prediction | the decoder refuses, accepts or parts elsewhere than the second opinion says |

use std::fmt::Write;

use super::Failure;
use super::ambiguity::{self, Prediction, Truth};
use super::counters::Counts;
use super::generate::Side;
use crate::dialect::{AfterEnd, Dialect};
use crate::stream::{Destination, Loaded, record};
use crate::trace::{Difference, Verdict, compare, verdict};
use crate::vmstate::walk::most_steps;
use crate::wire::map::FRAMING;
use crate::wire::{Error, Feed, Kind, Map, Span};

/// A destination as the oracle needs it: compiled, and as it was described.
#[derive(Debug, Clone, Copy)]
pub struct Decoder<'c> {
    /// Name of its rules in tables of counts.
    pub rules: &'static str,
    /// As described.
    pub side: &'c Side,
    /// As compiled, with the rules.
    pub compiled: &'c Destination,
    /// The rules as they should be.
    pub expected: &'c Dialect,
}

/// Checks a load of `written`, and counts its verdict. Returns what the second opinion said.
///
/// # Errors
/// A reproducer in words.
pub fn check(
    truth: Truth<'_, '_>,
    to: Decoder<'_>,
    feed: &Feed,
    loaded: &Loaded<'_>,
    counts: &mut Counts,
) -> Result<Prediction, Failure> {
    let (verdict, diverges) = verdict::outline(truth.map, loaded);
    let dialect = to.expected;
    let kept = verdict == Verdict::Faithful && !loaded.absent.is_empty();
    let verdict = if kept { Verdict::Defaulted } else { verdict };
    counts.verdict(to.rules, verdict);
    let fail = |why: &str, prediction: Option<Prediction>| {
        let difference = diverges.map(|at| compare::difference(truth.map, &loaded.map, at));
        Err(Failure(report(why, truth, to, feed, loaded, prediction, difference.as_ref())))
    };
    if let Err(why) = bounds(truth.bytes.len(), loaded) {
        return fail(&why, None);
    }
    let prediction = ambiguity::predict(truth, to.side, dialect, feed);
    let fail = |why: &str| fail(why, Some(prediction));
    let refused = loaded.refused.as_ref().map_or("accepted", |error| error.kind.class());
    let words = [to.rules, verdict.name(), prediction.name(), refused];
    counts.class(&words.map(str::as_bytes));
    if let Prediction::Diverges { .. } = prediction {
        // How far it came after that: as far as the end is what is looked for.
        let sections = [loaded.sections.len().min(usize::from(u8::MAX)) as u8];
        counts.class(&[to.rules.as_bytes(), prediction.name().as_bytes(), &sections]);
    }
    match prediction {
        Prediction::Refuses { why, .. } => counts.refused(why),
        Prediction::Open(why) => counts.other(why),
        Prediction::Agrees | Prediction::Diverges { .. } => {}
    }
    match prediction {
        Prediction::Agrees if loaded.refused.is_some() => fail("refused for no reason"),
        Prediction::Agrees if diverges.is_some() => fail("read otherwise for no reason"),
        Prediction::Agrees if loaded.stopped != end(truth, dialect) => {
            fail("stopped elsewhere than at its end")
        }
        Prediction::Refuses { .. } if loaded.refused.is_none() => {
            fail("accepted what must be refused")
        }
        Prediction::Refuses { .. } if diverges.is_some() => fail("read otherwise before the refusal"),
        Prediction::Refuses { offset, .. } if refusal(truth, loaded).is_some_and(|e| e.offset != offset) => {
            fail("refused elsewhere than predicted")
        }
        Prediction::Diverges { offset, .. } if diverges.is_some_and(|at| at != offset) => {
            fail("reading parts from meaning elsewhere than predicted")
        }
        Prediction::Diverges { offset, .. }
            // A refusal behind that place may well name an item that began before it.
            if diverges.is_none()
                && loaded.stopped < offset
                && refusal(truth, loaded).is_some_and(|e| e.offset < offset) =>
        {
            fail("refused before reading parts from meaning")
        }
        Prediction::Diverges { .. } if loaded.refused.is_none() && diverges.is_none() => {
            fail("accepted as written, which the descriptions do not allow")
        }
        Prediction::Diverges { offset, cause } if loaded.refused.is_none() => {
            let Some(cause) = cause else { return fail("misparsed, and nothing explains it") };
            let Some(unnoticed) = unnoticed(truth.bytes, truth.map, dialect, loaded, offset) else {
                return fail("misparsed past a section footer");
            };
            counts.explained(cause.name(), unnoticed);
            counts.class(&[to.rules, cause.name(), unnoticed].map(str::as_bytes));
            if counts.strict.forbids(cause) {
                return fail(&format!("misparsed: {}; {unnoticed}", cause.name()));
            }
            Ok(prediction)
        }
        Prediction::Open(_) if verdict != Verdict::Undetermined => {
            fail("decided where the descriptions leave something open")
        }
        _ => Ok(prediction),
    }
}

/// Where a loader that read everything as written stops: a description is read or it is left.
fn end(truth: Truth<'_, '_>, dialect: &Dialect) -> u64 {
    let spans = truth.map.spans().iter();
    let description = spans.rev().find(|s| s.name == "vmdescription").map(|s| s.offset);
    let reads = match dialect.after_end {
        AfterEnd::Nothing => false,
        AfterEnd::Always => true,
        AfterEnd::IfLocal => dialect.description,
    };
    description.filter(|_| !reads).unwrap_or(truth.bytes.len() as u64)
}

/// What was refused, unless the stream just ended there.
fn refusal<'l>(truth: Truth<'_, '_>, loaded: &'l Loaded<'_>) -> Option<&'l Error> {
    let missing = |e: &Error| matches!(e.kind, Kind::EndOfInput { .. });
    let ended = loaded.taken == truth.bytes.len() as u64;
    loaded.refused.as_deref().filter(|e| !(ended && missing(e)))
}

/// Offsets inside the input; work and items in proportion to it.
///
/// # Errors
/// What is out of bounds, in words.
pub fn bounds(size: usize, loaded: &Loaded<'_>) -> Result<(), String> {
    let size = size as u64;
    if loaded.stopped > size || loaded.taken > size {
        return Err(format!("{} read and {} taken of {size} bytes", loaded.stopped, loaded.taken));
    }
    // A load stops with the step that is one too many.
    let most = most_steps(loaded.stopped) + 1;
    if loaded.steps > most {
        let (steps, stopped) = (loaded.steps, loaded.stopped);
        return Err(format!("{steps} steps for {stopped} bytes, at most {most}"));
    }
    if let Some(error) = &loaded.refused
        && error.offset > size
    {
        return Err(format!("refused at {}, beyond the {size} bytes", error.offset));
    }
    let mut at = 0;
    for span in loaded.map.spans() {
        if span.offset < at || span.len == 0 || span.len > size.saturating_sub(span.offset) {
            return Err(format!("item of {} bytes at {} after {at}", span.len, span.offset));
        }
        at = span.offset + span.len;
    }
    Ok(())
}

/// Names of records, and of what ends a section, in maps.
const RECORDS: [&str; 5] =
    ["section header", "section part header", "section footer", "command", "end of stream"];

/// Why no check of the protocol noticed that reading parted from meaning at `offset`; `None` if a
/// footer should have.
pub fn unnoticed(
    bytes: &[u8],
    map: &Map<'_>,
    dialect: &Dialect,
    loaded: &Loaded<'_>,
    offset: u64,
) -> Option<&'static str> {
    if !dialect.footers {
        return Some("there are no footers");
    }
    let section = loaded.sections.iter().rev().find(|s| s.offset <= offset);
    let Some(section) = section.filter(|s| offset < s.end + 5) else {
        return Some("it is between sections");
    };
    let mut records = map.spans().iter().filter(|s| s.info == FRAMING && RECORDS.contains(&s.name));
    if records.find(|s| s.offset > section.offset).is_some_and(|s| s.offset == section.end) {
        return Some("the section ended where it should");
    }
    let end = usize::try_from(section.end).ok()?;
    let footer = bytes.get(end..end.checked_add(5)?)?;
    let (kind, id) = footer.split_first()?;
    (*kind == record::FOOTER && id == section.id.to_be_bytes()).then_some("data spell its footer")
}

/// The reproducer: what, how predicted, both descriptions, the bytes with their meaning.
pub(super) fn report(
    why: &str,
    truth: Truth<'_, '_>,
    to: Decoder<'_>,
    feed: &Feed,
    loaded: &Loaded<'_>,
    prediction: Option<Prediction>,
    difference: Option<&Difference>,
) -> String {
    let mut text = format!("{why}\nrules {}, feed {feed}, prediction {prediction:?}\n", to.rules);
    // Writing to a string does not fail.
    let _ = match &loaded.refused {
        Some(error) => writeln!(text, "refused: {error}"),
        None => writeln!(text, "accepted at byte {}", loaded.stopped),
    };
    if let Some(Difference { offset, written, read }) = difference {
        let item = |i: &Option<crate::trace::compare::Item>| {
            i.as_ref().map_or("nothing".to_string(), |i| {
                format!("{} ({}, {} bytes)", i.path, i.info, i.len)
            })
        };
        let _ = writeln!(
            text,
            "first difference at {offset:#x}: written as {}, read as {}",
            item(written),
            item(read)
        );
    }
    for (title, side) in [("source", truth.source), ("destination", to.side)] {
        let _ = writeln!(text, "--- {title}");
        for handler in &side.handlers.handlers {
            let _ = writeln!(
                text,
                "section {} v{} = {:?}",
                handler.idstr, handler.version_id, handler.body
            );
        }
        let _ = writeln!(text, "observed {:?}", side.handlers.observed);
        for (key, vmsd) in &side.tables.vmsd {
            let json = serde_json::to_string(vmsd).unwrap_or_default();
            let _ = writeln!(text, "{key} = {json}");
        }
    }
    let _ = writeln!(text, "--- bytes");
    text + &items(truth.bytes, truth.map, truth.map.spans())
}

/// The items of a map around an offset, with their bytes.
pub(super) fn around(bytes: &[u8], map: &Map<'_>, offset: u64) -> String {
    let at = map.spans().partition_point(|span| span.offset + span.len <= offset);
    let near = at.saturating_sub(4)..(at + 4).min(map.spans().len());
    items(bytes, map, map.spans().get(near).unwrap_or(&[]))
}

fn items(stream: &[u8], map: &Map<'_>, spans: &[Span<'_>]) -> String {
    let mut text = String::new();
    for span in spans {
        let from = span.offset as usize;
        let bytes = stream.get(from..from + span.len as usize).unwrap_or(&[]);
        let hex: String = bytes.iter().take(32).map(|b| format!("{b:02x}")).collect();
        let more = if bytes.len() > 32 { ".." } else { "" };
        let _ = writeln!(text, "{:#06x} {hex}{more}  {}", span.offset, map.path(span));
    }
    text
}
