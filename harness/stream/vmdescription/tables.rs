//! A VMDESCRIPTION alone, with no release known, as descriptions and handlers.

use std::collections::BTreeMap;

use super::{Body, DescField, Description};
use crate::stream::Platform;
use crate::vmstate::compiled::Codec;
use crate::vmstate::schema::{
    self, Answers, Count, Field, Handler, Handlers, Key, Kind, Size, Subsection, Tables, Vmsd,
};

/// Descriptions and handlers that read exactly the stream which `description` came with.
///
/// Arrays have the lengths described. Where the elements of one array differ, each run of like
/// elements becomes a field of its own, named `name[i]` or `name[i..j]`. A vmsd name that occurs
/// with several layouts has the keys `name`, `name#2` and so on. A list (`qtailq`, `qlist`) of
/// unlike elements becomes a field for each of them and for each mark. Live sections are added, `ram` as version 4, since descriptions never
/// list them.
#[must_use]
pub fn to_tables(description: &Description) -> (Tables, Handlers) {
    let mut builder = Builder::default();
    let mut handlers = vec![Handler {
        idstr: "ram".to_owned(),
        instance_id: 0,
        alias_id: 0,
        version_id: 4,
        compat: None,
        body: schema::Body::Loader("ram_load".to_owned()),
        answers: Answers::default(),
        inherited_from: None,
    }];
    for device in &description.devices {
        // A hand-written saver's version is not told, so any is accepted.
        let version_id = device.body.version.unwrap_or(u32::MAX);
        handlers.push(Handler {
            idstr: device.name.clone(),
            instance_id: device.instance_id,
            alias_id: -1,
            version_id,
            compat: None,
            body: schema::Body::Vmsd(builder.vmsd(&device.body, &device.name, version_id)),
            answers: Answers::default(),
            inherited_from: None,
        });
    }
    handlers.extend(Platform::ALL.map(|which| Handler {
        idstr: which.idstr().to_owned(),
        instance_id: 0,
        alias_id: 0,
        version_id: 1,
        compat: None,
        body: schema::Body::Loader(which.idstr().to_owned()),
        answers: Answers::default(),
        inherited_from: None,
    }));
    let handlers = Handlers { origin: "description".to_owned(), handlers, ..Handlers::default() };
    (Tables { vmsd: builder.vmsd, ..Tables::default() }, handlers)
}

/// Collects descriptions, giving equal ones one key.
#[derive(Default)]
struct Builder {
    vmsd: BTreeMap<Key, Vmsd>,
}

impl Builder {
    /// The key of `body`'s description. `name` and `version_id` serve bodies that do not say.
    fn vmsd(&mut self, body: &Body, name: &str, version_id: u32) -> Key {
        let name = body.vmsd_name.as_deref().unwrap_or(name);
        let vmsd = Vmsd {
            name: name.to_owned(),
            version_id: body.version.unwrap_or(version_id),
            minimum_version_id: if body.version.is_none() { 0 } else { version_id },
            fields: self.fields(body),
            subsections: self.subsections(body),
            ..Vmsd::default()
        };
        self.insert(vmsd)
    }

    /// A subsection is optional wherever it is listed, so bodies that differ in nothing else
    /// share a description, unless their subsections of one name differ.
    fn insert(&mut self, vmsd: Vmsd) -> Key {
        let mut key = vmsd.name.clone();
        let mut number = 1;
        loop {
            let Some(known) = self.vmsd.get_mut(&key) else {
                self.vmsd.insert(key.clone(), vmsd);
                return key;
            };
            let same = known.version_id == vmsd.version_id && known.fields == vmsd.fields;
            let clash = vmsd.subsections.iter().any(|new| {
                let base = |s: &Subsection| s.vmsd.split('#').next().map(str::to_owned);
                known.subsections.iter().any(|old| base(old) == base(new) && old != new)
            });
            if same && !clash {
                for new in vmsd.subsections {
                    if !known.subsections.contains(&new) {
                        known.subsections.push(new);
                    }
                }
                return key;
            }
            number += 1;
            key = format!("{}#{number}", vmsd.name);
        }
    }

    fn subsections(&mut self, body: &Body) -> Vec<Subsection> {
        let mut list: Vec<Subsection> = Vec::new();
        for sub in &body.subsections {
            let vmsd = self.vmsd(sub, "", sub.version.unwrap_or(0));
            let sub = Subsection { vmsd, needed: None };
            if !list.contains(&sub) {
                list.push(sub);
            }
        }
        list
    }

    fn fields(&mut self, body: &Body) -> Vec<Field> {
        let vmsd = body.vmsd_name.as_deref().unwrap_or_default();
        let groups = body.fields.chunk_by(|a, b| a.name == b.name);
        groups
            .flat_map(|group| {
                let hidden = self.hidden(vmsd, group).map(|field| vec![field]);
                hidden.or_else(|| self.list(group)).unwrap_or_else(|| self.array(group))
            })
            .collect()
    }

    /// An array of pointers that is described up to 9.2 as if all elements were the first, which is
    /// NULL: images of the channel subsystem (`vmstate_css`, hw/s390x/css.c), of which one is there.
    fn hidden(&mut self, vmsd: &str, entries: &[DescField]) -> Option<Field> {
        let [entry] = entries else { return None };
        let null = entry.body.as_ref().is_some_and(|body| body.vmsd_name.is_none());
        if vmsd != "s390_css" || entry.name != "css" || !null {
            return None;
        }
        let byte = |name: &str| {
            let kind = Kind::Leaf { info: "uint8".to_owned(), size: Size::Fixed(1) };
            Field::plain(name, kind, Count::One)
        };
        let path = ["in_use", "type", "is_virtual"].map(byte).to_vec();
        let path = self.insert(Vmsd::plain("s390_chp_info", path));
        let paths = Field::plain("chpids", Kind::Struct { vmsd: path }, Count::Fixed(256));
        let image = self.insert(Vmsd::plain("s390_css_img", vec![paths]));
        let count = Count::Fixed(entry.array_len.unwrap_or(1));
        let field = Field::plain("css", Kind::Struct { vmsd: image }, count);
        Some(Field { array_of_pointer: true, ..field })
    }

    /// A list whose elements are not all laid out as the first, as where one has a buffer of its own
    /// length (`vmstate_uefi_variable`): a mark of one byte before each, and one behind the last.
    fn list(&mut self, entries: &[DescField]) -> Option<Vec<Field>> {
        let [DescField { name, kind, body: Some(first), more, .. }] = entries else { return None };
        if !matches!(kind.as_str(), "qtailq" | "qlist") || more.is_empty() {
            return None;
        }
        let bodies = std::iter::once(first).chain(more);
        let keys: Vec<Key> =
            bodies.map(|body| self.vmsd(body, "", body.version.unwrap_or(0))).collect();
        if keys.iter().all(|key| Some(key) == keys.first()) {
            return None;
        }
        let mark = |number: usize| {
            let kind = Kind::Leaf { info: "uint8".to_owned(), size: Size::Fixed(1) };
            Field::plain(&format!("{name}.mark[{number}]"), kind, Count::One)
        };
        let mut fields = Vec::new();
        for (number, vmsd) in keys.into_iter().enumerate() {
            fields.push(mark(number));
            fields.push(Field::plain(
                &format!("{name}[{number}]"),
                Kind::Struct { vmsd },
                Count::One,
            ));
        }
        fields.push(mark(fields.len() / 2));
        Some(fields)
    }

    /// The entries of one field, as runs of like elements.
    fn array(&mut self, entries: &[DescField]) -> Vec<Field> {
        let mut runs: Vec<(Kind, u32)> = Vec::new();
        let mut pointers = false;
        for (entry, len) in entries.iter().zip(run_lengths(entries)) {
            let mut kind = self.kind(entry);
            if len > 1 && starts_with_null(entry) {
                // Compressed to its first element, which is the one that tells nothing (to 9.2).
                pointers = true;
                kind = match entry.body {
                    None => {
                        let size = Size::Fixed(width(&entry.kind).unwrap_or(entry.size));
                        Kind::Leaf { info: entry.kind.clone(), size }
                    }
                    Some(_) => {
                        let why = "the elements of an array are not described: the first is NULL";
                        Kind::Unknown { why: why.to_owned() }
                    }
                };
            }
            match runs.last_mut() {
                Some((last, n)) if *last == kind => *n = n.saturating_add(len),
                _ => runs.push((kind, len)),
            }
        }
        let name = entries.first().map_or("", |e| e.name.as_str());
        let one_run = runs.len() == 1;
        let mut start = 0_u32;
        let mut fields = Vec::new();
        for (kind, n) in runs {
            let end = start.saturating_add(n);
            let name = match n {
                _ if one_run => name.to_owned(),
                1 => format!("{name}[{start}]"),
                _ => format!("{name}[{start}..{end}]"),
            };
            start = end;
            let count = if n == 1 { Count::One } else { Count::Fixed(n) };
            fields.push(Field { array_of_pointer: pointers, ..Field::plain(&name, kind, count) });
        }
        fields
    }

    fn kind(&mut self, entry: &DescField) -> Kind {
        let Some(body) = &entry.body else {
            // Sizes of bitmaps count bits in tables, bytes in descriptions.
            let unit = if entry.kind == "bitmap" { 8 } else { 1 };
            if starts_with_null(entry) {
                return Kind::Leaf { info: "nullptr".to_owned(), size: Size::Fixed(entry.size) };
            }
            let size = Size::Fixed(entry.size.saturating_mul(unit));
            return Kind::Leaf { info: entry.kind.clone(), size };
        };
        if body.vmsd_name.is_none() {
            // A NULL element before 10.0: an empty struct of one byte, the marker.
            return Kind::Leaf { info: "nullptr".to_owned(), size: Size::Fixed(entry.size) };
        }
        let version_id = body.version.unwrap_or(0);
        let vmsd = self.vmsd(body, "", version_id);
        match entry.kind.as_str() {
            "struct" => Kind::Struct { vmsd },
            "vstruct" => Kind::Vstruct { vmsd, version_id },
            "gtree" => Kind::Unknown { why: "a gtree's key is not described".to_owned() },
            info => Kind::Nested { info: info.to_owned(), vmsd, key: None },
        }
    }
}

/// Whether an entry is about a NULL element, in the notation up to 9.2: an empty struct, or the codec
/// of the others with the size of the marker.
#[must_use]
pub fn starts_with_null(entry: &DescField) -> bool {
    match &entry.body {
        Some(body) => body.vmsd_name.is_none() && body.fields.is_empty() && entry.size == 1,
        None => entry.size == 1 && width(&entry.kind).is_some_and(|width| width > 1),
    }
}

/// Bytes of a scalar of this codec.
fn width(info: &str) -> Option<u32> {
    match Codec::of(info) {
        Codec::Plain(width) | Codec::Equal(width) => Some(width),
        Codec::LessOrEqual => Some(4),
        _ => None,
    }
}

/// How many elements each entry of one array stands for. From 10.0 on an array of pointers has an
/// entry for each run of NULL elements and of others; the first, unless it is of NULL elements, gives
/// the whole array's length, later ones that of their run.
///
/// 11.1 leaves out a last element that is NULL where the one before it is not, or the other way round,
/// if an earlier run has more than one element: what it describes is a byte, or an element, short then
/// (`vmstate_save_vmsd_v` in migration/vmstate.c, where `max_elems` is 1 for a last element).
#[must_use]
pub fn run_lengths(entries: &[DescField]) -> Vec<u32> {
    let mut lengths: Vec<u32> = entries.iter().map(|e| e.array_len.unwrap_or(1)).collect();
    let markers = |e: &DescField| matches!(e.kind.as_str(), "nullptr" | "ptr-marker");
    if entries.first().is_some_and(markers) {
        return lengths;
    }
    if let [first, later @ ..] = lengths.as_mut_slice() {
        let rest = later.iter().fold(0_u32, |sum, n| sum.saturating_add(*n));
        if *first > rest {
            *first -= rest;
        }
    }
    lengths
}

#[cfg(test)]
mod tests;
