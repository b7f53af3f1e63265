//! The fields of list elements, from QEMU's source: a list that was empty when a binary was recorded shows
//! none, neither in a trace nor in a stream's description, and a trace shows no codecs.

use std::collections::BTreeMap;

use crate::vmstate::schema::{Count, Field, Kind, Size, Tables, Vmsd};

/// A list, and the description of its elements.
struct List {
    /// The description that has it, and how its field is called, or begins.
    owner: (&'static str, &'static str),
    /// The description of an element.
    element: &'static str,
    /// The only field of that and the description behind it, where the scalars are one further in.
    within: Option<(&'static str, &'static str)>,
    /// Scalars with codec and bytes.
    fields: &'static [(&'static str, &'static str, u32)],
}

/// | list | source |
/// | --- | --- |
/// | channel reports that wait | `vmstate_crw_container`, hw/s390x/css.c (2.11 on): flags and source of each |
/// | interrupts that wait | `qemu_s390_flic_io`, hw/intc/s390_flic.c (2.12 on) |
const LISTS: [List; 2] = [
    List {
        owner: ("s390_css", "pending_crws"),
        element: "s390_crw_container",
        within: Some(("crw", "s390_crw")),
        fields: &[("flags", "uint16", 2), ("rsid", "uint16", 2)],
    },
    List {
        owner: ("qemu-s390-flic-full", "io["),
        element: "qemu-s390-flic-io",
        within: None,
        fields: &[
            ("id", "uint16", 2),
            ("nr", "uint16", 2),
            ("parm", "uint32", 4),
            ("word", "uint32", 4),
        ],
    },
];

/// Completes the tables of releases by what is known of their lists.
pub fn complete(tables: &mut BTreeMap<String, Tables>) {
    for tables in tables.values_mut() {
        for list in &LISTS {
            let (owner, name) = list.owner;
            let mut empty = (tables.vmsd.values_mut())
                .filter(|vmsd| vmsd.name == owner)
                .flat_map(|vmsd| &mut vmsd.fields)
                .filter(|field| field.name.starts_with(name) && is_empty_list(field))
                .peekable();
            if empty.peek().is_none() {
                continue;
            }
            for field in empty {
                let Kind::Leaf { info, .. } = &field.kind else { continue };
                let vmsd = list.element.to_owned();
                // An element is read with the version of the list's field (`VMSTATE_QTAILQ_V`).
                field.version_id = 1;
                field.kind = Kind::Nested { info: info.clone(), vmsd, key: None };
            }
            describe(tables, list);
        }
    }
}

/// Codec and bytes of a scalar in an element.
#[must_use]
pub fn scalar(vmsd: &str, field: &str) -> Option<(&'static str, u32)> {
    let list =
        LISTS.iter().find(|list| list.within.map_or(list.element, |(_, vmsd)| vmsd) == vmsd)?;
    list.fields.iter().find(|(name, ..)| *name == field).map(|(_, info, size)| (*info, *size))
}

fn is_empty_list(field: &Field) -> bool {
    matches!(&field.kind, Kind::Leaf { info, .. } if info == "qtailq" || info == "qlist")
}

/// Adds the description of an element, where the tables have none.
fn describe(tables: &mut Tables, list: &List) {
    let mut put = |name: &str, fields| {
        tables.vmsd.entry(name.to_owned()).or_insert(Vmsd::plain(name, fields));
    };
    let scalars = list.fields.iter().map(|(name, info, size)| {
        let kind = Kind::Leaf { info: (*info).to_owned(), size: Size::Fixed(*size) };
        Field::plain(name, kind, Count::One)
    });
    let scalars = scalars.collect();
    let Some((field, inner)) = list.within else { return put(list.element, scalars) };
    put(inner, scalars);
    let kind = Kind::Struct { vmsd: inner.to_owned() };
    put(list.element, vec![Field::plain(field, kind, Count::One)]);
}

#[cfg(test)]
mod tests {
    use crate::release::corpus::Corpus;
    use crate::release::library::Library;
    use crate::stream::load_bytes;
    use crate::wire::Feed;

    /// Two reports put before the end of the list of a captured stream.
    #[rstest::rstest]
    #[case(&[], "")]
    #[case(&[1, 0x84, 0, 0, 7, 1, 0x84, 0, 0, 8], "")]
    #[case(&[1, 0x84, 0, 0, 7, 2, 0x84, 0, 0, 8], "")]
    #[case(&[1, 0x84], "s390_css")]
    fn elements_of_a_list_that_no_recording_had(#[case] put: &[u8], #[case] refused: &str) {
        let library = Library::open(Corpus::embedded().unwrap()).unwrap();
        let (release, machine, scenario) = ("10.0", "s390x/s390-ccw-virtio-7.2", "bare");
        let to = library.destination(release, machine, scenario).unwrap().unwrap();
        let fixture = library.fixture(release, machine, scenario).unwrap();
        let mut stream = library.corpus().stream(fixture).unwrap();
        let own = load_bytes(&to, &stream, &Feed::Bulk);
        let list = own.map.spans().iter().find(|s| own.map.path(s).contains("pending_crws"));
        let at = list.unwrap().offset as usize;
        stream.splice(at..at, put.iter().copied());
        let loaded = load_bytes(&to, &stream, &Feed::Bulk);
        let said = loaded.refused.map(|error| error.to_string()).unwrap_or_default();
        assert_eq!((said.is_empty(), said.contains(refused)), (refused.is_empty(), true), "{said}");
    }
}
