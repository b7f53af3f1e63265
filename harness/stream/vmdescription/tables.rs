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
mod tests {
    use super::*;
    use crate::stream::vmdescription::parse;

    fn fields(json: &str) -> Vec<(String, Count)> {
        let json = format!(
            r#"{{"page_size": 1, "devices": [{{"name": "d", "instance_id": 0, "vmsd_name": "d",
            "version": 3, "fields": [{json}]}}]}}"#
        );
        let (tables, handlers) = to_tables(&parse(json.as_bytes()).unwrap());
        assert_eq!(handlers.handlers[1].version_id, 3);
        tables.vmsd["d"].fields.iter().map(|f| (f.name.clone(), f.count.clone())).collect()
    }

    #[test]
    fn one_array_in_every_notation() {
        let element = r#""name": "a", "type": "uint8", "size": 1"#;
        let two = vec![("a".to_owned(), Count::Fixed(2))];
        assert_eq!(fields(&format!("{{{element}, \"array_len\": 2}}")), two);
        assert_eq!(fields(&format!("{{{element}, \"index\": 0}}, {{{element}}}")), two);
        assert_eq!(fields(&format!("{{{element}}}, {{{element}}}")), two);
    }

    /// Elements of a list that are alike are one field; else each has its own, with the marks.
    #[rstest::rstest]
    #[case(2, &["q"])]
    #[case(3, &["q.mark[0]", "q[0]", "q.mark[1]", "q[1]", "q.mark[2]"])]
    fn a_list_of_unlike_elements_is_told_apart(#[case] second: u32, #[case] expected: &[&str]) {
        let body = |size: u32| {
            let buffer = format!(r#"{{"name": "b", "type": "buffer", "size": {size}}}"#);
            format!(r#""vmsd_name": "e", "version": 1, "fields": [{buffer}]"#)
        };
        let (first, second) = (body(2), body(second));
        let json = format!(r#"{{"name": "q", "type": "qtailq", {first}, {second}, "size": 9}}"#);
        let names: Vec<String> = fields(&json).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn runs_of_null_elements_split_an_array() {
        let json = r#"{"name": "a", "type": "uint8", "size": 1, "array_len": 4},
            {"name": "a", "type": "nullptr", "size": 1, "array_len": 2}"#;
        let expected =
            [("a[0..2]".to_owned(), Count::Fixed(2)), ("a[2..4]".to_owned(), Count::Fixed(2))];
        assert_eq!(fields(json), expected);
    }

    /// `[NULL, a, b, NULL]` and the like, as each release describes them; `None`: an element that
    /// tells nothing.
    #[rstest::rstest]
    // Up to 9.2 the first element stands for all, or each has an index.
    #[case(r#"{T, "size": 1, "array_len": 4}"#, &[(4, "pointers to uint16")])]
    #[case(r#"{T, "size": 1, "index": 0}, {T, "size": 2, "index": 1}, {T, "size": 1, "index": 2}"#,
        &[(1, "nullptr"), (1, "uint16"), (1, "nullptr")])]
    #[case(r#"{S, "struct": {}, "size": 1, "array_len": 4}"#, &[(4, "not known")])]
    #[case(r#"{S, "struct": {}, "size": 1, "index": 0}, {S, "struct": B, "size": 2, "index": 1}"#,
        &[(1, "nullptr"), (1, "struct")])]
    // 10.0: a run each.
    #[case(r#"{N, "size": 1}, {T, "size": 2, "array_len": 2}, {N, "size": 1}"#,
        &[(1, "nullptr"), (2, "uint16"), (1, "nullptr")])]
    #[case(r#"{N, "size": 1, "array_len": 3}, {T, "size": 2}"#, &[(3, "nullptr"), (1, "uint16")])]
    #[case(r#"{T, "size": 2, "array_len": 4}, {N, "size": 1}, {T, "size": 2}"#,
        &[(2, "uint16"), (1, "nullptr"), (1, "uint16")])]
    // 11.1 calls the marker otherwise.
    #[case(r#"{P, "size": 1, "array_len": 2}, {T, "size": 2, "array_len": 2}"#,
        &[(2, "ptr-marker"), (2, "uint16")])]
    fn null_elements_in_every_notation(#[case] json: &str, #[case] expected: &[(u32, &str)]) {
        let body = r#"{"vmsd_name": "in", "version": 1, "fields": []}"#;
        let json = json
            .replace("{T", r#"{"name": "a", "type": "uint16""#)
            .replace("{S", r#"{"name": "a", "type": "struct""#)
            .replace("{N", r#"{"name": "a", "type": "nullptr""#)
            .replace("{P", r#"{"name": "a", "type": "ptr-marker""#)
            .replace(": B", &format!(": {body}"));
        let json = format!(
            r#"{{"page_size": 1, "devices": [{{"name": "d", "instance_id": 0, "vmsd_name": "d",
            "version": 3, "fields": [{json}]}}]}}"#
        );
        let (tables, _) = to_tables(&parse(json.as_bytes()).unwrap());
        let found: Vec<(u32, String)> = tables.vmsd["d"]
            .fields
            .iter()
            .map(|field| {
                let n = if let Count::Fixed(n) = field.count { n } else { 1 };
                let kind = match &field.kind {
                    Kind::Leaf { info, .. } if field.array_of_pointer => {
                        format!("pointers to {info}")
                    }
                    Kind::Leaf { info, .. } => info.clone(),
                    Kind::Struct { .. } => "struct".to_owned(),
                    _ => "not known".to_owned(),
                };
                (n, kind)
            })
            .collect();
        let expected: Vec<(u32, String)> =
            expected.iter().map(|(n, kind)| (*n, (*kind).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_name_with_two_layouts_gets_two_keys_and_subsections_are_united() {
        let body = |fields: &str, subs: &str| {
            format!(
                r#"{{"name": "s", "type": "struct", "size": 1, "struct": {{"vmsd_name": "n",
                "version": 1, "fields": [{fields}], "subsections": [{subs}]}}}}"#
            )
        };
        let sub = r#"{"vmsd_name": "n/x", "version": 1, "fields": []}"#;
        let leaf = r#"{"name": "l", "type": "int8", "size": 1}"#;
        let json = [body("", ""), body("", sub), body(leaf, "")].join(",");
        let json = format!(
            r#"{{"page_size": 1, "devices": [{{"name": "d", "instance_id": 0, "vmsd_name": "d",
            "version": 3, "fields": [{json}]}}]}}"#
        );
        let (tables, _) = to_tables(&parse(json.as_bytes()).unwrap());
        let keys: Vec<_> = tables.vmsd.keys().collect();
        assert_eq!(keys, ["d", "n", "n#2", "n/x"]);
        assert_eq!(tables.vmsd["n"].subsections.len(), 1);
        let names: Vec<_> = tables.vmsd["d"].fields.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["s[0..2]", "s[2]"]);
    }

    #[test]
    fn a_run_of_null_that_comes_first_has_its_own_length() {
        for null in ["nullptr", "ptr-marker"] {
            let json = format!(
                r#"{{"name": "a", "type": "{null}", "size": 1, "array_len": 3}},
                {{"name": "a", "type": "uint8", "size": 1}},
                {{"name": "a", "type": "{null}", "size": 1}}"#
            );
            let names: Vec<String> = fields(&json).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["a[0..3]", "a[3]", "a[4]"]);
        }
    }

    #[test]
    fn images_of_the_channel_subsystem_are_there_though_described_as_null() {
        let json = r#"{"page_size": 1, "devices": [{"name": "s390_css", "instance_id": 0,
            "vmsd_name": "s390_css", "version": 1, "fields": [
            {"name": "css", "array_len": 256, "type": "struct", "struct": {}, "size": 1}]}]}"#;
        let (tables, _) = to_tables(&parse(json.as_bytes()).unwrap());
        let css = &tables.vmsd["s390_css"].fields[0];
        assert!(css.array_of_pointer && css.count == Count::Fixed(256));
        assert_eq!(css.kind, Kind::Struct { vmsd: "s390_css_img".to_owned() });
        assert_eq!(tables.vmsd["s390_css_img"].fields[0].count, Count::Fixed(256));
        assert_eq!(tables.vmsd["s390_chp_info"].fields.len(), 3);
    }
}
