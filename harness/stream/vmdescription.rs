//! VMDESCRIPTION: the JSON that a source appends to its stream (2.3 and later).
//!
//! [`locate`] finds it in a stream held in memory, [`parse`] gives it types, [`to_tables`] turns
//! it alone, with no release known, into descriptions and handlers. All notations are read:
//!
//! | release | arrays |
//! | --- | --- |
//! | up to 9.2 | one entry with `array_len`, or one entry per element with `index` |
//! | 10.0 to 11.0 | as before, but no `index` on a last element; a run of NULL elements has an entry of type `nullptr` |
//! | 11.1 | no `index` at all; a run of NULL elements has type `ptr-marker` |
//!
//! Entries of one array stay separate here, in stream order. Bodies of `vstruct`, `tmp` and list
//! codecs lie directly in the field object, and a list repeats their keys there: JSON with
//! duplicate keys, which is why the objects are read key by key.

mod tables;

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub use tables::{run_lengths, starts_with_null, to_tables};

/// Fields that one description may hold, all levels together; a plain PC has some thousands.
const MAX_FIELDS: usize = 1_000_000;

/// A parsed VMDESCRIPTION.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// Target page size of the source, in bytes.
    pub page_size: u32,
    /// The configuration section (8.2 and later).
    pub configuration: Option<Body>,
    /// FULL sections in stream order. Live sections (`ram`, `block`) are never listed.
    pub devices: Vec<Device>,
}

/// One FULL section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The section's idstr.
    pub name: String,
    /// The section's instance id.
    pub instance_id: u32,
    /// What was written. A hand-written saver gives `size` and one `data` field, and no name.
    pub body: Body,
}

/// What was written for one vmsd, nested or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// The vmsd's name; none for a hand-written saver and for a NULL struct element (2.9 to 9.2).
    pub vmsd_name: Option<String>,
    /// The version written.
    pub version: Option<u32>,
    /// Bytes in all; only hand-written savers say it here.
    pub size: Option<u32>,
    /// Fields that were present, in stream order.
    pub fields: Vec<DescField>,
    /// Subsections that were sent, in stream order.
    pub subsections: Vec<Body>,
}

/// One entry for a field, or for one element of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescField {
    /// The field's name, with `[k]` appended by the source where the vmsd uses a name repeatedly.
    pub name: String,
    /// Element number, where the notation gives one.
    pub index: Option<u32>,
    /// Elements that this entry stands for, where the notation gives it.
    pub array_len: Option<u32>,
    /// Codec name, or `struct`, `vstruct`, `nullptr`, `ptr-marker`, `unknown`.
    pub kind: String,
    /// Bytes written by this element, or by the first of a compressed array.
    pub size: u32,
    /// The nested description's body.
    pub body: Option<Body>,
    /// Further bodies in the same object: the other elements of a list.
    pub more: Vec<Body>,
}

/// Why a VMDESCRIPTION could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// Not JSON, or not shaped as a description; the message ends with line and column.
    #[error("the VMDESCRIPTION is not as expected: {0}")]
    Json(#[from] serde_json::Error),
}

/// Finds the JSON of the description: offset and length inside `stream`.
///
/// It follows an end-of-stream byte 0, a type byte 6 and its length (be32). A description that
/// ends with the stream is preferred; else the last plausible one, bytes after it being allowed.
#[must_use]
pub fn locate(stream: &[u8]) -> Option<(usize, usize)> {
    let mut with_trailing = None;
    for (at, head) in stream.windows(7).enumerate().rev() {
        let &[0, 6, a, b, c, d, b'{'] = head else { continue };
        let (start, len) = (at + 6, u32::from_be_bytes([a, b, c, d]) as usize);
        match stream.get(start..).and_then(|rest| rest.get(..len)) {
            Some([.., b'}']) if start + len == stream.len() => return Some((start, len)),
            Some([.., b'}']) if with_trailing.is_none() => with_trailing = Some((start, len)),
            _ => {}
        }
    }
    with_trailing
}

/// Parses a description.
///
/// # Errors
/// When `json` is not JSON, is nested too deeply (128 levels), has more than a million fields,
/// or lacks something that every release writes. The error gives line and column.
pub fn parse(json: &[u8]) -> Result<Description, DescriptionError> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let budget = Cell::new(MAX_FIELDS);
    let top = ObjectSeed(&budget).deserialize(&mut reader)?;
    reader.end()?;
    let missing = |what| DescriptionError::Json(serde_json::Error::missing_field(what));
    Ok(Description {
        page_size: top.page_size.ok_or_else(|| missing("page_size"))?,
        configuration: top.configuration,
        devices: top.devices.ok_or_else(|| missing("devices"))?,
    })
}

/// Any object of a description. They share their keys, so one reader serves them all.
#[derive(Default)]
struct Object {
    page_size: Option<u32>,
    configuration: Option<Body>,
    devices: Option<Vec<Device>>,
    name: Option<String>,
    instance_id: Option<u32>,
    index: Option<u32>,
    array_len: Option<u32>,
    kind: Option<String>,
    size: Option<u32>,
    /// The body whose keys are being read, if `has_body`.
    body: Body,
    has_body: bool,
    /// Bodies before it.
    earlier: Vec<Body>,
}

impl Object {
    /// The body that a key belongs to. `starts` opens another one if the last is in use.
    fn body(&mut self, starts: bool) -> &mut Body {
        if starts && self.body != Body::default() {
            self.earlier.push(std::mem::take(&mut self.body));
        }
        self.has_body = true;
        &mut self.body
    }

    fn into_body(self) -> Body {
        Body { size: self.size, ..self.body }
    }
}

/// Reads one object key by key; the cell counts the fields still allowed.
#[derive(Clone, Copy)]
struct ObjectSeed<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = Object;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Object, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of a VMDESCRIPTION")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut out = Object::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "page_size" => out.page_size = Some(map.next_value()?),
                "configuration" => {
                    out.configuration = Some(map.next_value_seed(self)?.into_body());
                }
                "devices" => out.devices = Some(map.next_value_seed(ListSeed(self, device))?),
                "name" => out.name = Some(map.next_value()?),
                "instance_id" => out.instance_id = Some(instance_id(map.next_value()?)?),
                "index" => out.index = Some(map.next_value()?),
                "array_len" => out.array_len = Some(map.next_value()?),
                "type" => out.kind = Some(map.next_value()?),
                "size" => out.size = Some(map.next_value()?),
                "struct" => *out.body(true) = map.next_value_seed(self)?.into_body(),
                "vmsd_name" => out.body(true).vmsd_name = Some(map.next_value()?),
                "version" => out.body(false).version = Some(map.next_value()?),
                "fields" => out.body(false).fields = map.next_value_seed(ListSeed(self, field))?,
                "subsections" => {
                    let list = ListSeed(self, |object, _| Ok(object.into_body()));
                    out.body(false).subsections = map.next_value_seed(list)?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(out)
    }
}

/// What a list's objects are to become.
type Convert<T> = fn(Object, &Cell<usize>) -> Result<T, &'static str>;

/// Reads a list of objects and converts each.
struct ListSeed<'a, T>(ObjectSeed<'a>, Convert<T>);

impl<'de, T> DeserializeSeed<'de> for ListSeed<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Vec<T>, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de, T> Visitor<'de> for ListSeed<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of a VMDESCRIPTION")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut out = Vec::new();
        while let Some(object) = list.next_element_seed(self.0)? {
            out.push((self.1)(object, self.0.0).map_err(A::Error::custom)?);
        }
        Ok(out)
    }
}

fn device(object: Object, _: &Cell<usize>) -> Result<Device, &'static str> {
    Ok(Device {
        name: object.name.clone().ok_or("a device without `name`")?,
        instance_id: object.instance_id.ok_or("a device without `instance_id`")?,
        body: object.into_body(),
    })
}

fn field(object: Object, budget: &Cell<usize>) -> Result<DescField, &'static str> {
    budget.set(budget.get().checked_sub(1).ok_or("more than a million fields")?);
    let last = object.has_body.then_some(object.body);
    let mut bodies = object.earlier.into_iter().chain(last);
    Ok(DescField {
        name: object.name.ok_or("a field without `name`")?,
        index: object.index,
        array_len: object.array_len,
        kind: object.kind.ok_or("a field without `type`")?,
        size: object.size.ok_or("a field without `size`")?,
        body: bodies.next(),
        more: bodies.collect(),
    })
}

/// Up to 4.2 the id is printed as a signed number: the same 32 bits.
fn instance_id<E: serde::de::Error>(value: i64) -> Result<u32, E> {
    u32::try_from(value)
        .or_else(|_| i32::try_from(value).map(i32::cast_unsigned))
        .map_err(|_| E::custom("an instance id that has more than 32 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(json: &str) -> Vec<u8> {
        let mut stream = b"QEVM\0\0\0\x03\0\x06junk\0\x06".to_vec();
        stream.extend(u32::try_from(json.len()).unwrap().to_be_bytes());
        stream.extend(json.as_bytes());
        stream
    }

    #[test]
    fn locates_at_the_end_and_before_trailing_bytes() {
        let mut stream = framed("{\"a\": 1}");
        assert_eq!(locate(&stream), Some((20, 8)));
        stream.extend(b"more");
        assert_eq!(locate(&stream), Some((20, 8)));
        stream.truncate(25);
        assert_eq!(locate(&stream), None);
        assert_eq!(locate(b""), None);
        // One that lies in the other, which ends with the stream.
        let inner = framed("{}");
        let outer = framed(&format!("{{{}}}", String::from_utf8(inner).unwrap()));
        assert_eq!(locate(&outer), Some((20, outer.len() - 20)));
    }

    #[test]
    fn reads_bodies_inside_the_field_object_with_repeated_keys() {
        let json = r#"{"page_size": 4096, "devices": [{"name": "x", "instance_id": -1,
            "vmsd_name": "x", "version": 1, "fields": [{"name": "q", "type": "qtailq",
            "vmsd_name": "e", "version": 2, "fields": [],
            "vmsd_name": "e", "version": 2, "fields": [{"name": "a", "type": "int8", "size": 1}],
            "size": 4}], "new key": [{}]}]}"#;
        let device = &parse(json.as_bytes()).unwrap().devices[0];
        assert_eq!(device.instance_id, u32::MAX);
        let field = &device.body.fields[0];
        assert_eq!(field.body.as_ref().unwrap().version, Some(2));
        assert_eq!(field.more[0].fields[0].kind, "int8");
    }

    #[test]
    fn reads_hand_written_savers_and_empty_structs() {
        let json = r#"{"page_size": 1, "devices": [{"name": "slirp", "instance_id": 0, "size": 3,
            "fields": [{"name": "data", "size": 3, "type": "buffer"}]},
            {"name": "p", "instance_id": 0, "vmsd_name": "p", "version": 1,
            "fields": [{"name": "n", "type": "struct", "struct": {}, "size": 1}]}]}"#;
        let devices = parse(json.as_bytes()).unwrap().devices;
        assert_eq!((devices[0].body.size, &devices[0].body.vmsd_name), (Some(3), &None));
        assert_eq!(devices[1].body.fields[0].body, Some(Body::default()));
    }

    #[test]
    fn says_where_it_is_wrong() {
        let json = "{\"page_size\": 1,\n \"devices\": [{\"instance_id\": 0}]}";
        let text = parse(json.as_bytes()).unwrap_err().to_string();
        assert!(text.contains("a device without `name` at line 2"), "{text}");
        assert!(parse(b"{\"devices\": []}").is_err());
        let text = parse(b"{\"page_size\": 1, \"devices\": 7}").unwrap_err().to_string();
        assert!(text.contains("expected a list of a VMDESCRIPTION"), "{text}");
        assert!(parse("{\"struct\": ".repeat(5000).as_bytes()).is_err());
    }
}
