//! The annotated dump: what every byte of a stream was read as, as a tree or as JSON.
//!
//! ```text
//! offset   | bytes                     | meaning
//! 00000000 | 51 45 56 4d 00 00 00 03   | header: QEVM, format 3
//! 0000003b |                           | timer
//! 0000003b | 00 00 00 00 00 00 00 00   |   cpu_ticks_offset: int64 = 0
//! ```
//!
//! The JSON of `crossload inspect --format json` is version 2: `inspect.schema.json` beside this
//! file is its JSON Schema and tells of every key. Both come out row by row, as the stream is read.

mod diff;
mod filter;
mod json;
mod rows;
mod value;

use std::io::{self, Read, Seek, Write};

use serde::Serialize;
use serde_json::json;

use crate::input::domain::Domain;
use crate::stream::Loaded;
use crate::stream::frames::{GUESSED, UNENDED};
use crate::wire::map::NodeId;
use crate::wire::{Kind, Map};
pub use diff::{Difference, diff};
pub use filter::Filter;
pub use rows::Place;
use rows::{Row, Rows};

/// Bytes of an item that a tree shows.
const SHOWN: usize = 8;
/// Version of the JSON form: a change of meaning makes another one, a new key does not.
pub const VERSION: u32 = 2;
/// The JSON Schema of the JSON form.
pub const SCHEMA: &str = include_str!("dump/inspect.schema.json");

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
    /// What is worth knowing beside what the load itself notes.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// The stream of a dump.
#[derive(Debug, Clone, Serialize)]
pub struct StreamInfo {
    /// File name, or `-`.
    pub name: String,
    /// Bytes, unpacked.
    pub size: u64,
    /// Whether it was in a container or compressed.
    pub packed: bool,
    /// What it was in, from the outside inwards.
    pub containers: Vec<String>,
    /// The machine, where a container describes it.
    pub domain: Option<Domain>,
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

/// What a stream was in and what that says of its machine, in lines; empty for a plain stream.
#[must_use]
pub fn container(about: &About) -> String {
    let containers = about.stream.containers.iter().map(|text| format!("in: {text}\n"));
    let domain = about.stream.domain.iter().flat_map(Domain::lines);
    containers.chain(domain.map(|line| line + "\n")).collect()
}

/// The dump of a map as a tree; `source` has the bytes.
///
/// # Errors
/// The source's.
pub fn annotate(map: &Map<'_>, source: &mut (impl Read + Seek)) -> io::Result<String> {
    let mut dump = Dump::new(source, Vec::new(), Format::Tree, Filter::default())?;
    dump.begin(None)?;
    dump.rows(map)?;
    Ok(String::from_utf8_lossy(&dump.out).into_owned())
}

/// How a dump is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Rows for a person.
    Tree,
    /// One document for a program.
    Json,
}

/// A dump that is written as its map grows: `begin`, `rows` for each part of the map, `end`.
pub struct Dump<S, W> {
    rows: Rows<S>,
    out: W,
    format: Format,
    filter: Filter,
    /// Nodes that the tree has shown and is still in.
    above: Vec<NodeId>,
    comma: &'static str,
    shown: u64,
    sections: Vec<String>,
    guessed: bool,
    cut: Option<String>,
}

/// Sections that are listed where the one that was asked for is not among them.
const LISTED: usize = 512;

impl<S, W> std::fmt::Debug for Dump<S, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dump").field("shown", &self.shown).finish_non_exhaustive()
    }
}

impl<S: Read + Seek, W: Write> Dump<S, W> {
    /// A dump of the bytes of `source` into `out`.
    ///
    /// # Errors
    /// The source's.
    pub fn new(source: S, out: W, format: Format, filter: Filter) -> io::Result<Self> {
        Ok(Dump {
            rows: Rows::new(source)?,
            out,
            format,
            filter,
            above: Vec::new(),
            comma: "",
            shown: 0,
            sections: Vec::new(),
            guessed: false,
            cut: None,
        })
    }

    /// What comes before the items.
    ///
    /// # Errors
    /// Those of the output.
    pub fn begin(&mut self, about: Option<&About>) -> io::Result<()> {
        let out = &mut self.out;
        match (self.format, about) {
            (Format::Tree, about) => {
                if let Some(about) = about.filter(|_| self.filter.is_empty()) {
                    out.write_all(container(about).as_bytes())?;
                }
                writeln!(out, "{:<8} | {:<27} | meaning", "offset", "bytes")
            }
            (Format::Json, Some(about)) => {
                let stream = serde_json::to_string(&about.stream)?;
                let read_by = serde_json::to_string(&about.read_by)?;
                writeln!(out, "{{\n\"version\": {VERSION},\n\"stream\": {stream},")?;
                writeln!(out, "\"read_by\": {read_by},\n\"items\": [")
            }
            (Format::Json, None) => Ok(()),
        }
    }

    /// The items of a map, or of the part of it that there is by now.
    ///
    /// # Errors
    /// The source's, and those of the output.
    pub fn rows(&mut self, map: &Map<'_>) -> io::Result<()> {
        let Dump { rows, out, format, filter, above, comma, shown, sections, guessed, cut } = self;
        rows.each(map, |row, bytes| {
            let span = row.span;
            if span.name == "section header"
                && let Some(place) = row.section
                && !filter.is_empty()
                && sections.len() < LISTED
            {
                sections.push(format!("{} {}", place.idstr, place.instance_id));
            }
            if span.name == "vmdescription" {
                *cut = value::cut(&row.bytes);
            }
            *guessed |= matches!(span.info, GUESSED | UNENDED);
            let place = row.section.map(std::convert::AsRef::as_ref);
            if !filter.is_empty() && !filter.takes(place, &map.path(span)) {
                return Ok(());
            }
            *shown += 1;
            match format {
                Format::Tree => tree(map, row, above, out),
                Format::Json => {
                    out.write_all(comma.as_bytes())?;
                    *comma = ",\n";
                    json::item(map, row, bytes, out)
                }
            }
        })?;
        // Nodes are numbered anew for what comes after a part that ended at the top.
        if map.position() == 0 {
            above.clear();
        }
        Ok(())
    }

    /// What comes behind the items.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(&mut self, about: &About, loaded: &Loaded<'_>) -> io::Result<()> {
        let out = &mut self.out;
        if self.format == Format::Tree {
            out.write_all(ending(about, loaded).as_bytes())?;
            return out.flush();
        }
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
            "left_out": loaded.map.left_out(),
            "error": error,
        });
        writeln!(out, "\n],\n\"end\": {end},")?;
        writeln!(out, "\"findings\": {},", serde_json::to_string(&about.findings)?)?;
        writeln!(out, "\"notes\": {}\n}}", serde_json::to_string(&notes(about, loaded))?)?;
        out.flush()
    }

    /// Items that were shown.
    #[must_use]
    pub fn shown(&self) -> u64 {
        self.shown
    }

    /// Whether the extent of an item is a guess.
    #[must_use]
    pub fn guessed(&self) -> bool {
        self.guessed
    }

    /// Whether the stream ends inside its description, in words. Every loader accepts that.
    #[must_use]
    pub fn cut(&self) -> Option<&str> {
        self.cut.as_deref()
    }

    /// Where only some of the items were asked for: the sections that came.
    #[must_use]
    pub fn sections(&self) -> &[String] {
        &self.sections
    }
}

/// One row of a tree, and above it those of the nodes that it is the first in.
fn tree(
    map: &Map<'_>,
    row: &Row<'_, '_>,
    above: &mut Vec<NodeId>,
    out: &mut impl Write,
) -> io::Result<()> {
    let (span, bytes) = (row.span, &row.bytes);
    let trail = map.trail(span);
    for (depth, (node, name)) in trail.iter().enumerate() {
        if above.get(depth) != Some(node) {
            above.truncate(depth);
            above.push(*node);
            let (offset, depth) = (span.offset, 2 * depth);
            writeln!(out, "{offset:08x} | {:<27} | {:depth$}{name}", "", "")?;
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
    let (offset, name) = (span.offset, span.name);
    writeln!(out, "{offset:08x} | {hex:<27} | {:depth$}{name}{codec}{sign}{value}", "")
}

/// How a load ended, in lines: findings, notes, and last accepted or refused, where and why.
#[must_use]
pub fn ending(about: &About, loaded: &Loaded<'_>) -> String {
    let mut text = String::new();
    if loaded.map.left_out() > 0 {
        text += &format!("limit: {} more items are not shown\n", loaded.map.left_out());
    }
    for note in notes(about, loaded) {
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

fn notes(about: &About, loaded: &Loaded<'_>) -> Vec<String> {
    let absent = loaded.absent.iter();
    let absent =
        absent.map(|path| format!("{path} keeps its default: this version does not have it"));
    let loaded = loaded.notes.iter().cloned();
    about.notes.iter().cloned().chain(loaded).chain(absent).collect()
}

/// Up to `most` bytes in hex.
fn hex(bytes: &[u8], most: usize, between: &str) -> String {
    let bytes: Vec<String> = bytes.iter().take(most).map(|b| format!("{b:02x}")).collect();
    bytes.join(between)
}
