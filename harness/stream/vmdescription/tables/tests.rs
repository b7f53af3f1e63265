//! Tables of made-up descriptions that streams carry.

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
