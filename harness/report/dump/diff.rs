//! Two streams of one machine, field by field.

use std::collections::HashMap;
use std::io::{self, Read, Seek};

use super::filter::Filter;
use super::rows::Rows;
use super::value;
use crate::wire::Map;

/// A field that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Section by name and instance, or the framing record.
    pub section: String,
    /// Path of the field.
    pub path: String,
    /// What one has.
    pub one: Option<String>,
    /// What the other has.
    pub other: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { section, path, one, other } = self;
        write!(f, "{section}: {path}: ")?;
        match (one, other) {
            (Some(one), Some(other)) => write!(f, "{one} -> {other}"),
            (Some(one), None) => write!(f, "{one} -> nothing"),
            (None, Some(other)) => write!(f, "nothing -> {other}"),
            (None, None) => write!(f, "nothing"),
        }
    }
}

/// A field of a stream: where it comes in, and what it is.
struct Field {
    order: usize,
    text: String,
    /// Of all its bytes.
    hash: u64,
    len: u64,
    first: Vec<u8>,
}

type Fields = HashMap<(String, String), Field>;

/// Fields that are not the same in two streams: those of `one` in its order, then those that only
/// `other` has. Contents of memory and disks are not compared, nor is how sections are numbered.
///
/// # Errors
/// The sources'.
pub fn diff(
    one: (&Map<'_>, impl Read + Seek),
    other: (&Map<'_>, impl Read + Seek),
    filter: &Filter,
) -> io::Result<Vec<Difference>> {
    let one = fields(one.0, one.1, filter)?;
    let mut other = fields(other.0, other.1, filter)?;
    let mut differences = Vec::new();
    let mut here: Vec<_> = one.into_iter().collect();
    here.sort_by_key(|(_, field)| field.order);
    for ((section, path), field) in here {
        let found = other.remove(&(section.clone(), path.clone()));
        if let Some(found) = &found
            && (found.hash, found.len) == (field.hash, field.len)
        {
            continue;
        }
        let (one, other) = texts(&field, found.as_ref());
        differences.push(Difference { section, path, one: Some(one), other });
    }
    let mut there: Vec<_> = other.into_iter().collect();
    there.sort_by_key(|(_, field)| field.order);
    differences.extend(there.into_iter().map(|((section, path), field)| Difference {
        section,
        path,
        one: None,
        other: Some(field.text),
    }));
    Ok(differences)
}

/// The two values; where their texts are the same, since they are cut, the first place that is not.
fn texts(one: &Field, other: Option<&Field>) -> (String, Option<String>) {
    let Some(other) = other else { return (one.text.clone(), None) };
    if one.text != other.text {
        return (one.text.clone(), Some(other.text.clone()));
    }
    let at = one.first.iter().zip(&other.first).position(|(a, b)| a != b);
    let shown = |field: &Field| match at.and_then(|at| Some((at, *field.first.get(at)?))) {
        Some((at, byte)) => format!("{}, byte {at} is {byte:#04x}", field.text),
        None => format!("{}, another value further on", field.text),
    };
    (shown(one), Some(shown(other)))
}

fn fields(map: &Map<'_>, source: impl Read + Seek, filter: &Filter) -> io::Result<Fields> {
    let mut fields = Fields::new();
    let mut seen = HashMap::new();
    Rows::new(source)?.each(map, |row, bytes| {
        let span = row.span;
        let path = map.path(span);
        let place = row.section.map(std::convert::AsRef::as_ref);
        let compared = !matches!(
            (span.info, span.name),
            ("ram", "pages" | "end")
                | ("block" | "dirty-bitmap", _)
                | ("s390-storage_attributes" | "s390-skeys", _)
                | ("spapr/htab", "entries" | "end")
                | (
                    "framing",
                    "section header" | "section part header" | "section footer" | "vmdescription"
                )
        );
        if !compared || !filter.is_empty() && !filter.takes(place, &path) {
            return Ok(());
        }
        let section = match place {
            Some(place) => format!("{} {}", place.idstr, place.instance_id),
            None => "framing".to_string(),
        };
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        bytes.whole(span.offset, span.len, &mut |piece| {
            for byte in piece {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            Ok(())
        })?;
        let mut key = (section, path);
        // The same again, as after a counter of nothing: told apart by their number.
        let times = seen.entry(key.clone()).or_insert(0u32);
        *times += 1;
        if *times > 1 {
            key.1 += &format!("#{times}");
        }
        let field = Field {
            order: fields.len(),
            text: value::of(span, &row.bytes),
            hash,
            len: span.len,
            first: row.bytes.head.to_vec(),
        };
        fields.insert(key, field);
        Ok(())
    })?;
    Ok(fields)
}
