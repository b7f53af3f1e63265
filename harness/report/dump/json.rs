//! One item as JSON: see `inspect.schema.json` for every key.

use std::io::{self, Write};

use super::rows::{ReadWhole, Row};
use super::value;
use crate::stream::frames::{GUESSED, UNENDED};
use crate::wire::Map;

/// Writes an item, without anything around it.
pub(super) fn item(
    map: &Map<'_>,
    row: &Row<'_, '_>,
    bytes: &mut dyn ReadWhole,
    out: &mut impl Write,
) -> io::Result<()> {
    let span = row.span;
    let mut path: Vec<String> = map.trail(span).into_iter().map(|(_, name)| name).collect();
    path.push(span.name.to_string());
    write!(out, "{{\"offset\":{},\"bytes\":{}", span.offset, span.len)?;
    if let Some(place) = row.section {
        write!(out, ",\"section\":{}", serde_json::to_string(&place.idstr)?)?;
        write!(out, ",\"instance_id\":{}", place.instance_id)?;
    }
    write!(out, ",\"path\":{}", serde_json::to_string(&path)?)?;
    write!(out, ",\"codec\":{}", serde_json::to_string(span.info)?)?;
    write!(out, ",\"guessed\":{}", matches!(span.info, GUESSED | UNENDED))?;
    write!(out, ",\"text\":{},\"value\":", serde_json::to_string(&value::of(span, &row.bytes))?)?;
    match Form::of(row) {
        Form::None => out.write_all(b"null")?,
        Form::Hex => {
            out.write_all(b"\"")?;
            bytes.whole(span.offset, span.len, &mut |piece| hex(piece, out))?;
            out.write_all(b"\"")?;
        }
        Form::Scalars => scalars(row, bytes, out)?,
    }
    out.write_all(b"}")
}

/// How the bytes of an item are shown.
enum Form {
    /// Not at all: contents of memory and disks, and the description, which tells of the rest.
    None,
    /// As hex digits.
    Hex,
    /// As numbers.
    Scalars,
}

impl Form {
    fn of(row: &Row<'_, '_>) -> Self {
        let span = row.span;
        match (span.info, span.name) {
            // The state of pages, not what is in them.
            ("s390-storage_attributes" | "s390-skeys", "records") => Form::Hex,
            ("spapr/htab", "entries")
            | ("ram", "pages")
            | ("block" | "dirty-bitmap", _)
            | ("framing", "vmdescription") => Form::None,
            // The bitmap and the pages of a block may lie among the announcements.
            ("ram", _) if span.len > super::rows::HEAD as u64 => Form::None,
            ("framing" | "ram" | "subsection" | "pci config", _) => Form::Hex,
            _ if (1..=8).contains(&span.width) => Form::Scalars,
            _ => Form::Hex,
        }
    }
}

fn hex(piece: &[u8], out: &mut impl Write) -> io::Result<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 512];
    for piece in piece.chunks(256) {
        for (pair, byte) in text.chunks_exact_mut(2).zip(piece) {
            if let [high, low] = pair {
                *high = DIGITS[usize::from(byte >> 4)];
                *low = DIGITS[usize::from(byte & 15)];
            }
        }
        out.write_all(&text[..2 * piece.len()])?;
    }
    Ok(())
}

/// One number, or all of an array.
fn scalars(row: &Row<'_, '_>, bytes: &mut dyn ReadWhole, out: &mut impl Write) -> io::Result<()> {
    let span = row.span;
    let width = span.width;
    let many = span.len > u64::from(width);
    if many {
        out.write_all(b"[")?;
    }
    let (mut number, mut have, mut comma) = (0u64, 0u32, false);
    bytes.whole(span.offset, span.len, &mut |piece| {
        for byte in piece {
            number = number << 8 | u64::from(*byte);
            have += 1;
            if have == width {
                if comma {
                    out.write_all(b",")?;
                }
                scalar(span.info, number, width, out)?;
                (number, have, comma) = (0, 0, true);
            }
        }
        Ok(())
    })?;
    // A stream that ends inside of it.
    if !many && !comma {
        out.write_all(b"null")?;
    }
    if many {
        out.write_all(b"]")?;
    }
    Ok(())
}

fn scalar(info: &str, value: u64, width: u32, out: &mut impl Write) -> io::Result<()> {
    let bits = 8 * width;
    let signed = info.starts_with("int") || info == "timer";
    match info {
        "bool" if value <= 1 => write!(out, "{}", value == 1),
        _ if signed => write!(out, "{}", (value << (64 - bits)).cast_signed() >> (64 - bits)),
        _ => write!(out, "{value}"),
    }
}
