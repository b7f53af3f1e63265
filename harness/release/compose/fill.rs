//! Fills in what the tables of a release leave open from the stream of a machine of its own: a field that
//! no stream on record carries is described by one that does.

use crate::vmstate::schema::{Field, Kind, Tables, Vmsd};

/// The tables with fields of an unknown kind as `reported` has them, which a stream's description says
/// ([`crate::release::described::described_tables`]); `None` if it has none. It is of the same release:
/// there a name and a version mean the same.
#[must_use]
pub fn filled(tables: &Tables, reported: &Tables) -> Option<Tables> {
    let open = |vmsd: &Vmsd| vmsd.fields.iter().any(is_open);
    let mut changed: Vec<(String, Vmsd)> = Vec::new();
    for (key, vmsd) in tables.vmsd.iter().filter(|(_, vmsd)| open(vmsd)) {
        let same = |other: &&Vmsd| other.name == vmsd.name && other.version_id == vmsd.version_id;
        let described: Vec<&Vmsd> = reported.vmsd.values().filter(same).collect();
        let mut own = vmsd.clone();
        for (index, field) in own.fields.iter_mut().enumerate().filter(|(_, field)| is_open(field))
        {
            let name = vmsd.described_as(index);
            let all = described.iter().flat_map(|other| &other.fields);
            let mut all = all.filter(|other| other.name == name && !is_open(other));
            // One that is described in several ways is not understood.
            if let Some(first) = all.next()
                && all.all(|other| (&other.kind, &other.count) == (&first.kind, &first.count))
            {
                (field.kind, field.count) = (first.kind.clone(), first.count.clone());
            }
        }
        if own != *vmsd {
            changed.push((key.clone(), own));
        }
    }
    if changed.is_empty() {
        return None;
    }
    let mut tables = tables.clone();
    tables.vmsd.extend(reported.vmsd.clone());
    tables.vmsd.extend(changed);
    Some(tables)
}

fn is_open(field: &Field) -> bool {
    matches!(field.kind, Kind::Unknown { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::described::described_tables;
    use crate::stream::vmdescription::parse;

    const TABLES: &str = r#"{"release": "10.0", "vmsd": {"d": {"name": "d", "version_id": 2,
        "minimum_version_id": 1, "fields": [
            {"name": "a", "kind": {"leaf": {"info": "uint8", "size": {"fixed": 1}}}},
            {"name": "b", "kind": {"unknown": {"why": "never sent"}}}]}}}"#;

    fn described(version: u32, name: &str) -> String {
        format!(
            r#"{{"page_size": 4096, "devices": [{{"name": "d", "instance_id": 0, "vmsd_name": "d",
                "version": {version}, "fields": [{{"name": "a", "type": "uint8", "size": 1}},
                {{"name": "{name}", "array_len": 3, "type": "uint16", "size": 2}}]}}]}}"#
        )
    }

    #[rstest::rstest]
    #[case(2, "b", true)]
    // Another version, another name: it says nothing of this field.
    #[case(1, "b", false)]
    #[case(2, "c", false)]
    fn a_field_is_as_the_stream_describes_it(
        #[case] version: u32,
        #[case] name: &str,
        #[case] reported: bool,
    ) {
        let tables: Tables = serde_json::from_str(TABLES).expect("tables");
        let description = parse(described(version, name).as_bytes()).expect("description");
        let filled = filled(&tables, &described_tables(&description).0);
        assert_eq!(filled.is_some(), reported);
        let Some(filled) = filled else { return };
        let field = &filled.vmsd["d"].fields[1];
        let text = serde_json::to_string(field).expect("JSON");
        assert_eq!(
            text,
            r#"{"name":"b","kind":{"leaf":{"info":"uint16","size":{"fixed":2}}},"count":{"fixed":3}}"#
        );
    }
}
