//! What the source wrote beside what the destination read, around one byte.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::stream::Loaded;
use crate::wire::{Map, Span};

/// Items shown before and after the byte, of either side.
const AROUND: usize = 4;
/// Bytes shown of a long item.
const BYTES: usize = 8;
/// Longest name of an item that is shown whole.
const NAME: usize = 48;

/// Rows `offset | bytes | source wrote | destination read` around the byte at `at`. Bytes that one
/// side takes as one item and the other as several are cut where either cuts them. The row of `at`
/// is marked.
#[must_use]
pub fn beside(written: &Map<'_>, reading: &Loaded<'_>, stream: &[u8], at: u64) -> String {
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
    let mut rows = vec![Row {
        mark: " ",
        offset: "offset".to_owned(),
        bytes: "bytes".to_owned(),
        wrote: "source wrote".to_owned(),
        read: "destination read".to_owned(),
    }];
    for pair in cuts.windows(2) {
        let &[from, to] = pair else { continue };
        let refusal = refused.filter(|error| from <= error.offset && error.offset < to);
        rows.push(Row {
            mark: if from == at { ">" } else { " " },
            offset: from.to_string(),
            bytes: hex(stream, from, to),
            wrote: name(written, from),
            read: match refusal {
                Some(error) => format!("refused: {}", error.kind),
                None => name(&reading.map, from),
            },
        });
    }
    // A refusal for want of bytes may lie behind the last of them.
    if let Some(error) = refused.filter(|error| cuts.last().is_none_or(|end| error.offset >= *end))
    {
        rows.push(Row {
            mark: if error.offset == at { ">" } else { " " },
            offset: error.offset.to_string(),
            bytes: String::new(),
            wrote: name(written, error.offset),
            read: format!("refused: {}", error.kind),
        });
    }
    laid_out(&rows)
}

struct Row {
    mark: &'static str,
    offset: String,
    bytes: String,
    wrote: String,
    read: String,
}

fn laid_out(rows: &[Row]) -> String {
    let width = |side: fn(&Row) -> &String| {
        rows.iter().map(|row| side(row).chars().count()).max().unwrap_or(0)
    };
    let (offset, bytes, wrote) = (width(|r| &r.offset), width(|r| &r.bytes), width(|r| &r.wrote));
    let mut text = String::new();
    for row in rows {
        let Row { mark, offset: o, bytes: b, wrote: w, read } = row;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{mark} {o:>offset$} | {b:<bytes$} | {w:<wrote$} | {read}");
    }
    text
}

/// The spans near a byte.
fn around<'m, 'd>(map: &'m Map<'d>, at: u64) -> &'m [Span<'d>] {
    let after = map.spans().partition_point(|s| s.offset <= at);
    let to = (after + AROUND).min(map.spans().len());
    map.spans().get(after.saturating_sub(AROUND + 1)..to).unwrap_or(&[])
}

/// What a map has at a byte: full name where an item begins, a mark where it goes on.
fn name(map: &Map<'_>, at: u64) -> String {
    let Some(span) = crate::trace::compare::covering(map, at) else { return "-".to_owned() };
    let path = map.path(span);
    // The end of a path tells more than its beginning.
    let skip = path.chars().count().saturating_sub(NAME);
    let dots = if skip > 0 { ".." } else { "" };
    let path: String = path.chars().skip(skip).collect();
    let info = if span.info == "framing" { String::new() } else { format!(" ({})", span.info) };
    match at - span.offset {
        0 => format!("{dots}{path}{info}"),
        n => format!("  {dots}{path} +{n}"),
    }
}

fn hex(stream: &[u8], from: u64, to: u64) -> String {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(stream.len());
    let bytes = stream.get(place(from)..place(to)).unwrap_or(&[]);
    let mut text: Vec<String> = bytes.iter().take(BYTES).map(|b| format!("{b:02x}")).collect();
    if bytes.len() > BYTES {
        text.push(format!(".. {} bytes", bytes.len()));
    }
    text.join(" ")
}
