//! Kinds of fields that a release's own tables leave open, from the release that has them by another
//! name.
//!
//! A table that comes of a stock binary knows the kind of a field only if a stream carried it; a field
//! that just older streams have, it has by name alone (7.2 reads the `ti_rptr` of esp up to 5.2 as
//! `mig_ti_rptr`). An entry of `renames.toml` says that the bytes are the same.

use std::collections::BTreeMap;

use crate::vmstate::Renames;
use crate::vmstate::schema::{Field, Kind, Size, Tables, Vmsd};

/// Which field of a description: name to compare by, its occurrence, and how many have that name.
type Place = (String, usize, usize);

/// Completes the tables of all releases of an architecture from each other.
pub(super) fn complete(tables: &mut BTreeMap<String, Tables>, renames: &Renames) {
    let open: Vec<(String, String, usize)> = (tables.iter())
        .flat_map(|(release, tables)| tables.vmsd.iter().map(move |(key, v)| (release, key, v)))
        .flat_map(|(release, key, vmsd)| {
            let open = vmsd.fields.iter().enumerate().filter(|(_, field)| is_open(field));
            open.map(move |(index, _)| (release.clone(), key.clone(), index))
        })
        .collect();
    for (release, key, index) in open {
        let found = tables.get(&release).and_then(|t| t.vmsd.get(&key)).and_then(|vmsd| {
            let wanted = place(vmsd, index, renames)?;
            let name = vmsd.fields.get(index)?.name.clone();
            let others = tables.iter().filter(|(other, _)| **other != release);
            others.rev().find_map(|(_, other)| known(other, &vmsd.name, &name, &wanted, renames))
        });
        let field = tables
            .get_mut(&release)
            .and_then(|t| t.vmsd.get_mut(&key))
            .and_then(|vmsd| vmsd.fields.get_mut(index));
        if let (Some(field), Some((kind, from))) = (field, found) {
            field.kind = kind;
            field.inherited_from = Some(from);
        }
    }
}

fn is_open(field: &Field) -> bool {
    matches!(field.kind, Kind::Unknown { .. })
}

fn place(vmsd: &Vmsd, index: usize, renames: &Renames) -> Option<Place> {
    let name = |field: &Field| renames.canonical(&vmsd.name, &field.name);
    let own = name(vmsd.fields.get(index)?);
    let same = |field: &&Field| name(field) == own;
    let occurrence = vmsd.fields.iter().take(index).filter(same).count();
    let uses = vmsd.fields.iter().filter(same).count();
    Some((own, occurrence, uses))
}

/// The kind of the field at that place in a description of this name, if it is called otherwise.
fn known(
    tables: &Tables,
    vmsd: &str,
    name: &str,
    wanted: &Place,
    renames: &Renames,
) -> Option<(Kind, String)> {
    let named = tables.vmsd.values().filter(|other| other.name == vmsd);
    named
        .flat_map(|other| other.fields.iter().enumerate().map(move |at| (other, at)))
        .filter(|(_, (_, field))| field.name != name)
        .filter(|(_, (_, field))| matches!(field.kind, Kind::Leaf { size: Size::Fixed(_), .. }))
        .find(|(other, (index, _))| place(other, *index, renames).as_ref() == Some(wanted))
        .map(|(_, (_, field))| (field.kind.clone(), tables.release.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(release: &str, fields: &str) -> Tables {
        let text = format!(
            r#"{{"release":"{release}","vmsd":{{"chip":{{"name":"chip","version_id":1,
                "minimum_version_id":1,"fields":[{fields}]}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[rstest::rstest]
    // Only a rename says that they are the same bytes.
    #[case("to = 'mig_a'", true)]
    #[case("to = 'mig_b'", false)]
    fn a_kind_is_taken_from_the_older_name(#[case] to: &str, #[case] found: bool) {
        let renames = format!("[[rename]]\nvmsd = 'chip'\nfrom = 'a'\n{to}\nreason = 'as is'");
        let renames = Renames::parse(&renames).unwrap();
        let leaf = r#"{"name":"a","kind":{"leaf":{"info":"uint32","size":{"fixed":4}}}}"#;
        let open = r#"{"name":"mig_a","kind":{"unknown":{"why":"not seen"}}}"#;
        let mut all = BTreeMap::from([
            ("5.2".to_owned(), tables("5.2", leaf)),
            ("7.2".to_owned(), tables("7.2", open)),
        ]);
        complete(&mut all, &renames);
        let field = &all["7.2"].vmsd["chip"].fields[0];
        assert_eq!(!is_open(field), found);
        assert_eq!(field.inherited_from.as_deref(), found.then_some("5.2"));
    }
}
