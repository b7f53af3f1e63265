//! The annotated dump: what every byte of a stream was read as, as a tree or as JSON.
//!
//! ```text
//! offset   | bytes                     | meaning
//! 00000000 | 51 45 56 4d 00 00 00 03   | header: QEVM, format 3
//! 0000003b |                           | timer
//! 0000003b | 00 00 00 00 00 00 00 00   |   cpu_ticks_offset: int64 = 0
//! ```
//!
//! The JSON of `crossload inspect --format json`, version 1:
//!
//! | key | holds |
//! | --- | --- |
//! | `version` | 1; a change of meaning makes it 2, a new key does not |
//! | `stream` | `name`, `size` in bytes (unpacked), `packed`: whether it was compressed |
//! | `read_by` | `by`: `release`, `description` or `frames`; for the first `release`, `machine`, `scenario` |
//! | `items` | one for each item, in offset order: `offset`, `bytes` (how many), `hex` (of the first 32 at most), `path` (a list, outermost first, the item's own name last), `codec`, `value` (text), and `guessed`: true where the extent is a guess |
//! | `end` | `outcome`: `accepted`, `refused` or `undetermined`; `offset` of the first byte not read; `left`: bytes after it; `left_out`: items not kept; `error`: `class`, `offset`, `section`, `path`, `message`, or null |
//! | `findings`, `notes` | sentences: what is wrong with the stream, and what is worth knowing |

mod value;

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use serde::Serialize;
use serde_json::json;

use crate::stream::Loaded;
use crate::stream::frames::{GUESSED, UNENDED};
use crate::wire::map::NodeId;
use crate::wire::{Kind, Map, Span};
use value::Bytes;

/// Bytes of an item that are kept for its value.
const HEAD: usize = 4096;
/// Longest item that is looked at as a whole, to see whether all its bytes are one.
const WHOLE: u64 = 1 << 20;
/// Bytes of an item that a tree shows.
const SHOWN: usize = 8;
/// Bytes of an item that JSON shows.
const SHOWN_JSON: usize = 32;

/// What a dump is about, beside the map.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// The stream.
    pub stream: StreamInfo,
    /// What read it.
    pub read_by: ReadBy,
    /// What is wrong with the stream.
    #[serde(skip)]
    pub findings: Vec<String>,
}

/// The stream of a dump.
#[derive(Debug, Clone, Serialize)]
pub struct StreamInfo {
    /// File name, or `-`.
    pub name: String,
    /// Bytes, unpacked.
    pub size: u64,
    /// Whether it was compressed.
    pub packed: bool,
}

/// What read the stream of a dump.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum ReadBy {
    /// A release on a machine type with a device set.
    Release {
        /// Release.
        release: String,
        /// Machine type.
        machine: String,
        /// Scenario.
        scenario: String,
    },
    /// The stream's own description.
    Description,
    /// Nothing but the rules of framing.
    Frames,
}

/// The dump of a map as a tree; `source` has the bytes.
///
/// # Errors
/// The source's.
pub fn annotate(map: &Map<'_>, source: &mut (impl Read + Seek)) -> io::Result<String> {
    let mut text = Vec::new();
    tree(map, source, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The same into `out`.
///
/// # Errors
/// The source's, and those of `out`.
pub fn tree(
    map: &Map<'_>,
    source: &mut (impl Read + Seek),
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "{:<8} | {:<27} | meaning", "offset", "bytes")?;
    let mut above: Vec<NodeId> = Vec::new();
    each(map, source, |span, bytes| {
        let trail = map.trail(span);
        for (depth, (node, name)) in trail.iter().enumerate() {
            if above.get(depth) != Some(node) {
                above.truncate(depth);
                above.push(*node);
                writeln!(
                    out,
                    "{:08x} | {:<27} | {:depth$}{name}",
                    span.offset,
                    "",
                    "",
                    depth = 2 * depth
                )?;
            }
        }
        above.truncate(trail.len());
        let mut hex = hex(bytes.head, SHOWN, " ");
        if bytes.len > SHOWN as u64 {
            hex += " ..";
        }
        let codec = if span.info == "framing" { String::new() } else { format!(": {}", span.info) };
        let value = value::of(span, bytes);
        let sign = match (value.is_empty(), span.info) {
            (true, _) => "",
            (_, "framing") => ": ",
            _ => " = ",
        };
        let depth = 2 * trail.len();
        writeln!(
            out,
            "{:08x} | {hex:<27} | {:depth$}{}{codec}{sign}{value}",
            span.offset, "", span.name
        )
    })
}

/// A dump as JSON, in the shape that the module documentation tells.
///
/// # Errors
/// The source's, and those of `out`.
pub fn json(
    about: &About,
    loaded: &Loaded<'_>,
    source: &mut (impl Read + Seek),
    out: &mut impl Write,
) -> io::Result<()> {
    let map = &loaded.map;
    writeln!(out, "{{\n\"version\": 1,\n\"stream\": {},", serde_json::to_string(&about.stream)?)?;
    writeln!(out, "\"read_by\": {},\n\"items\": [", serde_json::to_string(&about.read_by)?)?;
    let mut comma = "";
    each(map, source, |span, bytes| {
        let mut path: Vec<String> = map.trail(span).into_iter().map(|(_, name)| name).collect();
        path.push(span.name.to_string());
        let item = json!({
            "offset": span.offset,
            "bytes": span.len,
            "hex": hex(bytes.head, SHOWN_JSON, ""),
            "path": path,
            "codec": span.info,
            "value": value::of(span, bytes),
            "guessed": matches!(span.info, GUESSED | UNENDED),
        });
        write!(out, "{comma}{item}")?;
        comma = ",\n";
        Ok(())
    })?;
    let error = loaded.refused.as_ref().map(|error| {
        json!({
            "class": error.kind.class(),
            "offset": error.offset,
            "section": error.section,
            "path": error.path,
            "message": error.kind.to_string(),
        })
    });
    let end = json!({
        "outcome": outcome(loaded),
        "offset": loaded.stopped,
        "left": about.stream.size.saturating_sub(loaded.stopped),
        "left_out": map.left_out(),
        "error": error,
    });
    writeln!(out, "\n],\n\"end\": {end},")?;
    writeln!(out, "\"findings\": {},", serde_json::to_string(&about.findings)?)?;
    writeln!(out, "\"notes\": {}\n}}", serde_json::to_string(&notes(loaded))?)
}

/// How a load ended, in lines: findings, notes, and last accepted or refused, where and why.
#[must_use]
pub fn ending(about: &About, loaded: &Loaded<'_>) -> String {
    let mut text = String::new();
    if loaded.map.left_out() > 0 {
        text += &format!("limit: {} more items are not shown\n", loaded.map.left_out());
    }
    for note in notes(loaded) {
        text += &format!("note: {note}\n");
    }
    for finding in &about.findings {
        text += &format!("finding: {finding}\n");
    }
    let (size, at) = (about.stream.size, loaded.stopped);
    let left = match size.saturating_sub(at) {
        0 => format!("all {size} bytes were read"),
        n => format!("{at} of {size} bytes were read, {n} were not"),
    };
    text += &match &loaded.refused {
        None => format!("accepted: {left}\n"),
        Some(error) => format!("{}: {error}; {left}\n", outcome(loaded)),
    };
    text
}

fn outcome(loaded: &Loaded<'_>) -> &'static str {
    match loaded.refused.as_ref().map(|error| &error.kind) {
        None => "accepted",
        Some(Kind::Undefined(_) | Kind::Undetermined(_)) => "undetermined",
        Some(_) => "refused",
    }
}

fn notes(loaded: &Loaded<'_>) -> Vec<String> {
    let absent = loaded.absent.iter();
    let absent =
        absent.map(|path| format!("{path} keeps its default: this version does not have it"));
    loaded.notes.iter().cloned().chain(absent).collect()
}

/// Hands each span with its bytes to `told`, in order.
fn each<'d>(
    map: &Map<'d>,
    source: &mut (impl Read + Seek),
    mut told: impl FnMut(&Span<'d>, &Bytes<'_>) -> io::Result<()>,
) -> io::Result<()> {
    source.seek(SeekFrom::Start(0))?;
    let mut source = BufReader::new(source);
    let mut at = 0u64;
    let mut head = Vec::new();
    for span in map.spans() {
        let ahead = span.offset.wrapping_sub(at).cast_signed();
        source.seek_relative(ahead)?;
        let (read, uniform) = look(&mut source, span, &mut head)?;
        at = span.offset.saturating_add(read);
        told(span, &Bytes { head: &head, len: span.len, uniform })?;
    }
    Ok(())
}

/// Reads the bytes of a span, as far as they are of use: its first ones into `head`. Returns how
/// many it read, and the byte that all of them are, if it looked at all and they are one.
fn look(
    source: &mut impl BufRead,
    span: &Span<'_>,
    head: &mut Vec<u8>,
) -> io::Result<(u64, Option<u8>)> {
    head.clear();
    let whole = span.len <= WHOLE;
    let wanted = if whole { span.len } else { HEAD as u64 };
    let mut read = 0u64;
    let mut uniform = None;
    let mut mixed = !whole;
    while read < wanted {
        let piece = source.fill_buf()?;
        let n = piece.len().min(usize::try_from(wanted - read).unwrap_or(usize::MAX));
        let Some(piece) = piece.get(..n).filter(|piece| !piece.is_empty()) else {
            // A stream that ends inside an item: what is there is shown.
            mixed = true;
            break;
        };
        let room = HEAD.saturating_sub(head.len());
        head.extend(piece.iter().take(room));
        let first = *uniform.get_or_insert_with(|| piece.first().copied().unwrap_or(0));
        mixed = mixed || piece.iter().any(|byte| *byte != first);
        source.consume(n);
        read += n as u64;
    }
    Ok((read, uniform.filter(|_| !mixed)))
}

/// Up to `most` bytes in hex.
fn hex(bytes: &[u8], most: usize, between: &str) -> String {
    let bytes: Vec<String> = bytes.iter().take(most).map(|b| format!("{b:02x}")).collect();
    bytes.join(between)
}
