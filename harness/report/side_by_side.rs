//! What the source wrote and what the destination read, side by side, around one byte.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::stream::Loaded;
use crate::trace::Judged;
use crate::wire::{Map, Span};

/// Items shown before and after the byte, of either side.
const AROUND: usize = 4;

/// How much is shown of what is long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of an item.
    pub bytes: usize,
    /// Characters of an item's name, from its end.
    pub name: usize,
}

/// What fits beside each other in a terminal.
const TERMINAL: Limits = Limits { bytes: 8, name: 48 };

/// Bytes that neither side cuts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whether the byte that was asked for is its first.
    pub marked: bool,
    /// Offset of its first byte.
    pub offset: u64,
    /// The bytes in hex.
    pub bytes: String,
    /// What the source wrote.
    pub wrote: String,
    /// What the destination read.
    pub read: String,
    /// Whether the destination read this as what it was written as.
    pub agrees: bool,
}

/// The bytes of a load that are worth a look: where reading and meaning part, where it met an end
/// that is none, where it was refused.
#[must_use]
pub fn places(judged: &Judged) -> Vec<u64> {
    let parted = judged.difference.as_ref().map(|d| d.offset);
    let ended = judged.false_end.as_ref().map(|d| d.offset);
    let refused = judged.error.as_ref().map(|e| e.offset);
    let mut places: Vec<u64> = parted.into_iter().chain(ended).chain(refused).collect();
    places.dedup();
    places
}

/// Rows around the byte at `at`. Bytes that one side takes as one item and the other as several are
/// cut where either cuts them.
#[must_use]
pub fn rows(
    written: &Map<'_>,
    reading: &Loaded<'_>,
    stream: &[u8],
    at: u64,
    limits: Limits,
) -> Vec<Row> {
    let refused = reading.refused.as_ref();
    let mut cuts = BTreeSet::from([at]);
    for map in [written, &reading.map] {
        for span in around(map, at) {
            cuts.extend([span.offset, span.offset + span.len]);
        }
    }
    // Each side has AROUND of its own: so many in all are surely complete.
    let before: Vec<u64> = cuts.range(..at).rev().take(AROUND).copied().collect();
    let after = cuts.range(at..).take(AROUND + 2).copied();
    let cuts: Vec<u64> = before.into_iter().rev().chain(after).collect();
    let mut rows = Vec::new();
    for pair in cuts.windows(2) {
        let &[from, to] = pair else { continue };
        let refusal = refused.filter(|error| from <= error.offset && error.offset < to);
        let (wrote, read) = (name(written, from, limits), name(&reading.map, from, limits));
        rows.push(Row {
            marked: from == at,
            offset: from,
            bytes: hex(stream, from, to, limits),
            agrees: refusal.is_none() && same(written, &reading.map, from),
            wrote,
            read: refusal.map_or(read, |error| format!("refused: {}", error.kind)),
        });
    }
    // A refusal for want of bytes may lie behind the last of them.
    if let Some(error) = refused.filter(|error| cuts.last().is_none_or(|end| error.offset >= *end))
    {
        rows.push(Row {
            marked: error.offset == at,
            offset: error.offset,
            bytes: String::new(),
            wrote: name(written, error.offset, limits),
            read: format!("refused: {}", error.kind),
            agrees: false,
        });
    }
    rows
}

/// The same as text: `offset | bytes | source wrote | destination read`, the row of `at` marked. `home`
/// says which offset each has, where `stream` is one of which something was left out.
#[must_use]
pub fn side_by_side(
    written: &Map<'_>,
    reading: &Loaded<'_>,
    stream: &[u8],
    at: u64,
    home: impl Fn(u64) -> u64,
) -> String {
    let head = ["", "offset", "bytes", "source wrote", "destination read"].map(str::to_owned);
    let rows = rows(written, reading, stream, at, TERMINAL).into_iter().map(|row| {
        let mark = if row.marked { ">" } else { "" };
        [mark.to_owned(), home(row.offset).to_string(), row.bytes, row.wrote, row.read]
    });
    let lines: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    let width = |side: fn(&[String; 5]) -> &String| {
        lines.iter().map(|line| side(line).chars().count()).max().unwrap_or(0)
    };
    let (offset, bytes, wrote) =
        (width(|[_, o, ..]| o), width(|[_, _, b, ..]| b), width(|[_, _, _, w, _]| w));
    let mut text = String::new();
    for [mark, o, b, w, read] in &lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{mark:1} {o:>offset$} | {b:<bytes$} | {w:<wrote$} | {read}");
    }
    text
}

/// Whether both sides have the same item at a byte.
fn same(written: &Map<'_>, reading: &Map<'_>, at: u64) -> bool {
    let of = |map| crate::trace::compare::covering(map, at).map(|s| (s.offset, s.identity));
    of(written).is_some() && of(written) == of(reading)
}

/// The spans near a byte.
fn around<'m, 'd>(map: &'m Map<'d>, at: u64) -> &'m [Span<'d>] {
    let after = map.spans().partition_point(|s| s.offset <= at);
    let to = (after + AROUND).min(map.spans().len());
    map.spans().get(after.saturating_sub(AROUND + 1)..to).unwrap_or(&[])
}

/// What a map has at a byte: full name where an item begins, a mark where it goes on.
fn name(map: &Map<'_>, at: u64, limits: Limits) -> String {
    let Some(span) = crate::trace::compare::covering(map, at) else { return "-".to_owned() };
    let path = map.path(span);
    // The end of a path tells more than its beginning.
    let skip = path.chars().count().saturating_sub(limits.name);
    let dots = if skip > 0 { ".." } else { "" };
    let path: String = path.chars().skip(skip).collect();
    let info = if span.info == "framing" { String::new() } else { format!(" ({})", span.info) };
    match at - span.offset {
        0 => format!("{dots}{path}{info}"),
        n => format!("  {dots}{path} +{n}"),
    }
}

fn hex(stream: &[u8], from: u64, to: u64, limits: Limits) -> String {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(stream.len());
    let bytes = stream.get(place(from)..place(to)).unwrap_or(&[]);
    let mut text: Vec<String> =
        bytes.iter().take(limits.bytes).map(|b| format!("{b:02x}")).collect();
    if bytes.len() > limits.bytes {
        text.push(format!(".. {} bytes", bytes.len()));
    }
    text.join(" ")
}
