//! Descriptions written as tables, compiled and given streams byte by byte.

mod pointers;
mod uniform;

use rstest::rstest;
use serde_json::{Value, json};

use super::Renames;
use super::schema::Tables;
use super::walk::most_steps;
use crate::release::library;
use crate::stream::{Destination, Loaded, load_bytes};
use crate::wire::Feed;

/// One section `dev` of these fields, and other descriptions; without footers.
fn destination(fields: Value, others: &[(&str, Value)]) -> Destination {
    of_release("10.0", fields, others)
}

fn of_release(release: &str, fields: Value, others: &[(&str, Value)]) -> Destination {
    let vmsd = |name: &str, fields: Value| {
        json!({"name": name, "version_id": 1, "minimum_version_id": 1,
            "fields": fields})
    };
    let mut tables = json!({"release": release, "vmsd": {"dev": vmsd("dev", fields)}});
    for (name, fields) in others {
        tables["vmsd"][*name] = vmsd(name, fields.clone());
    }
    let handlers = json!({"release": release, "machine": "pc-0.12", "scenario": "none",
        "origin": "this test", "handlers": [{"idstr": "dev", "instance_id": 0, "alias_id": -1,
        "version_id": 1, "body": {"vmsd": "dev"}}]});
    let tables = serde_json::from_value(tables).expect("tables");
    let handlers = serde_json::from_value(handlers).expect("handlers");
    library::build(&handlers, &tables, &Renames::default()).expect("descriptions")
}

fn leaf(name: &str, width: u32) -> Value {
    let info = format!("uint{}", 8 * width);
    json!({"name": name, "kind": {"leaf": {"info": info, "size": {"fixed": width}}}})
}

/// The section with this payload.
fn load<'d>(to: &'d Destination, payload: &[u8]) -> Loaded<'d> {
    let head = b"QEVM\0\0\0\x03\x04\0\0\0\0\x03dev\0\0\0\0\0\0\0\x01";
    load_bytes(to, &[&head[..], payload, &[0]].concat(), &Feed::Bulk)
}

/// Where items begin in the payload, or the refusal.
fn offsets(loaded: &Loaded<'_>) -> Result<Vec<u64>, String> {
    match &loaded.refused {
        Some(error) => Err(error.kind.to_string()),
        None => {
            let state = loaded.map.spans().iter().filter(|s| s.info != "framing");
            Ok(state.map(|s| s.offset - 25).collect())
        }
    }
}

#[rstest]
// Count, mark, key and value of one node, mark.
#[case(&[0, 0, 0, 0, 0], Ok(&[0, 4][..]))]
#[case(&[0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 7, 9, 0], Ok(&[0, 4, 5, 13, 14][..]))]
#[case(&[0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 7, 9, 0], Err("1 tree nodes, 2 announced"))]
#[case(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 9, 0], Err("1 tree nodes, 0 announced"))]
fn a_tree_has_as_many_nodes_as_it_says(
    #[case] payload: &[u8],
    #[case] expected: Result<&[u64], &str>,
) {
    let tree = json!([{"name": "t", "version_id": 1,
        "kind": {"nested": {"info": "gtree", "vmsd": "node"}}}]);
    let to = destination(tree, &[("node", json!([leaf("v", 1)]))]);
    assert_eq!(offsets(&load(&to, payload)), expected.map(<[u64]>::to_vec).map_err(str::to_owned));
}

#[test]
fn keys_of_a_tree_may_have_a_description() {
    let tree = json!([{"name": "t", "version_id": 1,
        "kind": {"nested": {"info": "gtree", "vmsd": "node", "key": "key"}}}]);
    let others = [("node", json!([leaf("v", 1)])), ("key", json!([leaf("k", 2)]))];
    let to = destination(tree, &others);
    let loaded = load(&to, &[0, 0, 0, 1, 1, 0, 7, 9, 0]);
    assert_eq!(offsets(&loaded), Ok(vec![0, 4, 5, 7, 8]));
}

/// Elements without a byte: exactly as many as the bytes before them allow.
#[test]
fn work_ends_at_its_bound_and_not_before() {
    let later = json!({"name": "later", "version_id": 2,
        "kind": {"leaf": {"info": "uint8", "size": {"fixed": 1}}}});
    let elements = json!({"name": "element", "kind": {"struct": {"vmsd": "empty"}},
        "count": {"field": {"name": "n"}}});
    let to = destination(json!([leaf("n", 4), elements]), &[("empty", json!([later]))]);
    let load = |n: u32| load(&to, &n.to_be_bytes());
    let (mut least, mut most) = (0, 1 << 20);
    while least + 1 < most {
        let middle = (least + most) / 2;
        let accepted = load(middle).refused.is_none();
        *(if accepted { &mut least } else { &mut most }) = middle;
    }
    let allowed = most_steps(25 + 4);
    assert_eq!(load(least).steps, allowed);
    let refused = load(most);
    assert_eq!(refused.steps, allowed + 1);
    let text = refused.refused.expect("too many").to_string();
    assert!(text.contains("fields and elements for so few bytes"), "{text}");
}

/// What is not the usual is kept when a table is written.
#[test]
fn tables_are_written_as_they_were_read() {
    let field = json!({"name": "f", "version_id": 2, "must_exist": true,
        "exists": {"observed": "dev/f/0"}, "array_of_pointer": true, "auto_alloc": true,
        "kind": {"leaf": {"info": "buffer", "size": {"field": {"name": "n", "multiply": 3}}}},
        "count": {"field": {"name": "n", "signed": true, "multiply": 2}},
        "inherited_from": "9.0"});
    let table = json!({"release": "10.0", "vmsd": {"dev": {"name": "dev", "version_id": 3,
        "minimum_version_id": 1, "old": {"minimum_version_id": 0, "load": "dev_load_old"},
        "needed": "dev_needed", "pre_load": "dev_pre_load", "post_load": "dev_post_load",
        "unmigratable": true, "inherited_from": "9.0", "fields": [leaf("n", 1), field],
        "subsections": [{"vmsd": "dev/x", "needed": "x_needed"}]}}});
    let read: Tables = serde_json::from_value(table.clone()).expect("tables");
    assert_eq!(serde_json::to_value(&read).expect("written"), table);
}
