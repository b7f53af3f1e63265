//! What the bytes of an item say, as text: by its codec or, for framing, by its record.

use crate::dialect::Version;
use crate::dialect::commands::CommandRules;
use crate::stream::record;
use crate::wire::Span;

/// Array elements that are shown.
const ELEMENTS: usize = 8;
/// RAM blocks that are shown.
const BLOCKS: usize = 32;

/// The bytes of an item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a> {
    /// The first of them.
    pub head: &'a [u8],
    /// How many there are.
    pub len: u64,
    /// What each of them is, where they are all one.
    pub uniform: Option<u8>,
}

/// The value of an item; empty where there is nothing to say.
pub(super) fn of(span: &Span<'_>, bytes: &Bytes<'_>) -> String {
    let head = bytes.head;
    match span.info {
        "framing" => framing(span.name, bytes).unwrap_or_default(),
        "subsection" => match counted(head, 1).and_then(|(_, at)| be(head, at, 4)) {
            Some(version) => format!("version {version}"),
            None => String::new(),
        },
        "ram" => ram(span.name, bytes),
        "pci config" => pci(bytes),
        _ if span.width > 0 => scalars(span, bytes),
        _ => buffer(bytes),
    }
}

fn framing(name: &str, bytes: &Bytes<'_>) -> Option<String> {
    let head = bytes.head;
    Some(match name {
        "header" => format!("QEVM, format {}", be(head, 4, 4)?),
        "section header" => {
            let (idstr, at) = counted(head, 5)?;
            let instance = be(head, at, 4)?;
            let version = be(head, at + 4, 4)?;
            format!(
                "{} '{idstr}' {instance}, version {version}, id {}",
                kind(head)?,
                be(head, 1, 4)?
            )
        }
        "section part header" => format!("{} of id {}", kind(head)?, be(head, 1, 4)?),
        "section footer" => format!("id {}", be(head, 1, 4)?),
        "configuration" => format!("machine type '{}'", text(head.get(5..)?)),
        "configuration subsection" => {
            let (name, at) = counted(head, 1)?;
            format!("'{name}', version {}", be(head, at, 4)?)
        }
        "command" => {
            let number = u16::try_from(be(head, 1, 2)?).ok()?;
            let rules = CommandRules::of(Version::new(10, 2, 0));
            let known = rules.and_then(|rules| rules.command(number));
            let known = known.map_or_else(|| "?".to_string(), |command| format!("{command:?}"));
            format!("{number} ({known}), length {}", be(head, 3, 2)?)
        }
        "vmdescription" => format!("{} bytes of JSON", bytes.len.saturating_sub(5)),
        _ => String::new(),
    })
}

/// How a description, type and length before it, is cut, if it is.
pub(super) fn cut(bytes: &Bytes<'_>) -> Option<String> {
    let there = bytes.len.saturating_sub(5);
    let Some(len) = be(bytes.head, 1, 4).filter(|_| bytes.len >= 5) else {
        return Some(
            "the stream is cut inside its description: its length is not there".to_string(),
        );
    };
    (there < len).then(|| {
        format!("the stream is cut inside its description: {there} of {len} bytes are there")
    })
}

/// Number, name and instance in the header of a section.
pub(super) fn section_header(head: &[u8]) -> Option<(u64, String, u32)> {
    let (idstr, at) = counted(head, 5)?;
    Some((be(head, 1, 4)?, idstr, u32::try_from(be(head, at, 4)?).ok()?))
}

/// Number in the header of a section's later part.
pub(super) fn section_part(head: &[u8]) -> Option<u64> {
    be(head, 1, 4)
}

/// Name of a section record.
fn kind(head: &[u8]) -> Option<&'static str> {
    Some(match *head.first()? {
        record::START => "START",
        record::PART => "PART",
        record::END => "END",
        record::FULL => "FULL",
        _ => "?",
    })
}

/// The block list, or how much there is of the other records.
fn ram(name: &str, bytes: &Bytes<'_>) -> String {
    if name != "blocks" {
        return if name == "end" {
            String::new()
        } else {
            format!("{} bytes of records", bytes.len)
        };
    }
    let total = be(bytes.head, 0, 8).unwrap_or(0) & !0xfff;
    let mut blocks = Vec::new();
    let mut at = 8;
    while let Some((name, next)) = counted(bytes.head, at)
        && let Some(len) = be(bytes.head, next, 8)
    {
        if blocks.len() == BLOCKS {
            blocks.push("..".to_string());
            break;
        }
        blocks.push(format!("{name} {len:#x}"));
        at = next + 8;
    }
    let blocks = blocks.join(", ");
    if blocks.is_empty() {
        format!("{total:#x} in all")
    } else {
        format!("{total:#x} in all: {blocks}")
    }
}

fn pci(bytes: &Bytes<'_>) -> String {
    let le = |at: usize| {
        let pair = bytes.head.get(at..)?.first_chunk::<2>()?;
        Some(u16::from_le_bytes(*pair))
    };
    match (le(0), le(2)) {
        (Some(vendor), Some(device)) => {
            format!("vendor {vendor:04x}, device {device:04x}, {} bytes", bytes.len)
        }
        _ => buffer(bytes),
    }
}

fn scalars(span: &Span<'_>, bytes: &Bytes<'_>) -> String {
    let width = span.width as usize;
    let count = bytes.len / u64::from(span.width);
    let one = |at: usize| be(bytes.head, at * width, width).map(|v| scalar(span.info, v, width));
    if count <= 1 {
        return one(0).unwrap_or_default();
    }
    if let Some(byte) = bytes.uniform
        && (byte == 0 || width == 1)
    {
        return format!("{count} times {}", one(0).unwrap_or_default());
    }
    let shown: Vec<String> = (0..ELEMENTS).map_while(one).collect();
    let more =
        if count > shown.len() as u64 { format!(", .. {count} in all") } else { String::new() };
    shown.join(", ") + &more
}

/// One scalar: signed where its codec is, in hex too where it is large.
fn scalar(info: &str, value: u64, width: usize) -> String {
    let bits = 8 * width.min(8) as u32;
    let signed = (value << (64 - bits)).cast_signed() >> (64 - bits);
    match info {
        "bool" if value <= 1 => (value == 1).to_string(),
        "timer" if signed == -1 => "not armed".to_string(),
        "timer" => format!("{signed} ns"),
        "float64" | "CPU_Double_U" => f64::from_bits(value).to_string(),
        "nullptr" | "ptr-marker" if value == 0x30 => "NULL".to_string(),
        "ptr-marker" if value == 0x31 => "not NULL".to_string(),
        "list mark" | "gtree mark" => if value == 0 { "end" } else { "an element" }.to_string(),
        _ if info.starts_with("int") && signed < 0 => format!("{signed} ({value:#x})"),
        _ if value >= 0x100 => format!("{value} ({value:#x})"),
        _ => value.to_string(),
    }
}

fn buffer(bytes: &Bytes<'_>) -> String {
    let len = bytes.len;
    if let Some(byte) = bytes.uniform
        && len > 1
    {
        return format!("{len} bytes, all {byte:#04x}");
    }
    let whole = bytes.head.len() as u64 == len;
    let end = bytes.head.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    match bytes.head.get(..end) {
        Some(said) if whole && end > 1 && said.iter().all(|b| (0x20..0x7f).contains(b)) => {
            format!("\"{}\", {len} bytes", text(said))
        }
        _ if len <= 1 => be(bytes.head, 0, 1).map_or_else(String::new, |v| v.to_string()),
        _ => format!("{len} bytes"),
    }
}

/// A string with a one-byte length before it, and where it ends.
fn counted(bytes: &[u8], at: usize) -> Option<(String, usize)> {
    let end = at + 1 + usize::from(*bytes.get(at)?);
    Some((text(bytes.get(at + 1..end)?), end))
}

/// Text with what is not printable escaped.
fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// `width` bytes (at most 8), big-endian.
fn be(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?).filter(|_| width <= 8)?;
    Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}
