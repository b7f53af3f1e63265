//! A VMDESCRIPTION alone, with no release known, as descriptions and handlers.

use std::collections::BTreeMap;

use super::{Body, DescField, Description};
use crate::stream::platform::Platform;
use crate::vmstate::schema::{
    self, Answers, Count, Field, Handler, Handlers, Key, Kind, Size, Subsection, Tables, Vmsd,
};

/// Descriptions and handlers that read exactly the stream which `description` came with.
///
/// Arrays have the lengths described. Where the elements of one array differ, each run of like
/// elements becomes a field of its own, named `name[i]` or `name[i..j]`. A vmsd name that occurs
/// with several layouts has the keys `name`, `name#2` and so on. Lists (`qtailq`, `qlist`) get
/// the layout of their first element. Live sections are added, `ram` as version 4, since descriptions never
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
            old: None,
            needed: None,
            pre_load: None,
            post_load: None,
            unmigratable: false,
            untold: schema::Untold::default(),
            inherited_from: None,
            fields: self.fields(body),
            subsections: self.subsections(body),
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
            .flat_map(|group| match self.hidden(vmsd, group) {
                Some(field) => vec![field],
                None => self.array(group),
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
            plain(name, kind, Count::One)
        };
        let path = ["in_use", "type", "is_virtual"].map(byte).to_vec();
        let path = self.insert(known("s390_chp_info", path));
        let paths = plain("chpids", Kind::Struct { vmsd: path }, Count::Fixed(256));
        let image = self.insert(known("s390_css_img", vec![paths]));
        let count = Count::Fixed(entry.array_len.unwrap_or(1));
        let field = plain("css", Kind::Struct { vmsd: image }, count);
        Some(Field { array_of_pointer: true, ..field })
    }

    /// The entries of one field, as runs of like elements.
    fn array(&mut self, entries: &[DescField]) -> Vec<Field> {
        let mut runs: Vec<(Kind, u32)> = Vec::new();
        for (entry, len) in entries.iter().zip(run_lengths(entries)) {
            let kind = self.kind(entry);
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
            fields.push(plain(&name, kind, if n == 1 { Count::One } else { Count::Fixed(n) }));
        }
        fields
    }

    fn kind(&mut self, entry: &DescField) -> Kind {
        let Some(body) = &entry.body else {
            // Sizes of bitmaps count bits in tables, bytes in descriptions.
            let unit = if entry.kind == "bitmap" { 8 } else { 1 };
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

/// A field that is always there.
fn plain(name: &str, kind: Kind, count: Count) -> Field {
    Field {
        name: name.to_owned(),
        version_id: 0,
        exists: None,
        kind,
        count,
        array_of_pointer: false,
        auto_alloc: false,
        must_exist: false,
        inherited_from: None,
    }
}

/// A description of version 1 that no stream described.
fn known(name: &str, fields: Vec<Field>) -> Vmsd {
    Vmsd {
        name: name.to_owned(),
        version_id: 1,
        minimum_version_id: 1,
        old: None,
        needed: None,
        pre_load: None,
        post_load: None,
        unmigratable: false,
        untold: schema::Untold::default(),
        inherited_from: None,
        fields,
        subsections: Vec::new(),
    }
}

/// How many elements each entry of one array stands for. From 10.0 to 11.0 the first entry gives
/// the whole array's length if its elements are not NULL, every other that of its run (wire.md 7.4).
#[must_use]
pub fn run_lengths(entries: &[DescField]) -> Vec<u32> {
    let mut lengths: Vec<u32> = entries.iter().map(|e| e.array_len.unwrap_or(1)).collect();
    let null = |entry: &DescField| matches!(entry.kind.as_str(), "nullptr" | "ptr-marker");
    if let [first, later @ ..] = lengths.as_mut_slice()
        && !entries.first().is_some_and(null)
    {
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

    #[test]
    fn runs_of_null_elements_split_an_array() {
        let json = r#"{"name": "a", "type": "uint8", "size": 1, "array_len": 4},
            {"name": "a", "type": "nullptr", "size": 1, "array_len": 2}"#;
        let expected =
            [("a[0..2]".to_owned(), Count::Fixed(2)), ("a[2..4]".to_owned(), Count::Fixed(2))];
        assert_eq!(fields(json), expected);
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
