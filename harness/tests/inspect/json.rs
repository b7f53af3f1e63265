//! Streams as JSON.

use std::fs::File;
use std::process::Command;

use crossload::report::dump::{SCHEMA, VERSION};

use super::{NEWEST, inspect, library, name, newest, stream, temporary};

/// A stream as JSON, compared with the schema.
pub fn json(arguments: &[&str]) -> (i32, serde_json::Value) {
    let output = inspect(&[&["--format", "json"], arguments].concat());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("schema");
    let validator = jsonschema::validator_for(&schema).expect("schema");
    let errors: Vec<String> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    assert_eq!(json["version"], VERSION);
    (output.status.code().expect("ends"), json)
}

/// The bytes that an item's value stands for.
fn bytes_of(item: &serde_json::Value) -> Option<Vec<u8>> {
    let scalar = |value: &serde_json::Value, width: usize| {
        let number = match value {
            serde_json::Value::Bool(b) => u64::from(*b),
            n => n.as_u64().unwrap_or_else(|| n.as_i64().expect("integer").cast_unsigned()),
        };
        number.to_be_bytes()[8 - width..].to_vec()
    };
    let len = item["bytes"].as_u64().expect("bytes") as usize;
    match &item["value"] {
        serde_json::Value::Null => None,
        serde_json::Value::String(hex) => {
            let digits = hex.as_bytes().chunks(2);
            let byte = |pair: &[u8]| {
                u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex")
            };
            Some(digits.map(byte).collect())
        }
        serde_json::Value::Array(all) => {
            let width = len / all.len();
            Some(all.iter().flat_map(|one| scalar(one, width)).collect())
        }
        one => Some(scalar(one, len)),
    }
}

#[test]
fn json_is_whole_and_tree_and_pipe_tell_the_same() {
    let whole = newest(&library());
    let (_folder, path) = temporary(&zstd::encode_all(&whole[..], 3).expect("zstd"));
    let (status, json) = json(&[name(&path), "--as", NEWEST.0, "--machine", NEWEST.1]);
    assert_eq!(status, 0);
    assert_eq!(json["stream"]["size"], whole.len());
    assert_eq!(json["stream"]["packed"], true);
    assert_eq!(json["stream"]["containers"][0], "zstd");
    assert_eq!(json["read_by"]["release"], NEWEST.0);
    assert_eq!(json["end"]["outcome"], "accepted");
    assert_eq!(json["end"]["left_out"], 0);
    let mut at = 0;
    for item in json["items"].as_array().expect("items") {
        assert_eq!(item["offset"].as_u64(), Some(at), "{item}");
        let len = item["bytes"].as_u64().expect("bytes");
        match bytes_of(item) {
            Some(bytes) => assert_eq!(bytes, whole[at as usize..][..len as usize], "{item}"),
            // Contents of memory, and the description.
            None => assert!(
                ["pages", "vmdescription"].contains(
                    &item["path"].as_array().and_then(|path| path.last()?.as_str()).expect("path")
                ),
                "{item}"
            ),
        }
        at += len;
    }
    assert_eq!(at, whole.len() as u64);

    let mut piped = Command::new(env!("CARGO_BIN_EXE_crossload"));
    piped.args(["inspect", "-"]).stdin(File::open(&path).expect("file"));
    let piped = piped.output().expect("the command starts");
    assert_eq!(piped.status.code(), Some(0));
    assert_eq!(piped.stdout, inspect(&[name(&path)]).stdout);
}

/// Every stream that describes itself: no value of its JSON is cut.
#[test]
fn json_of_other_streams_is_as_the_schema_says() {
    let library = library();
    for (release, machine, scenario) in [
        ("0.12.5", "pc-0.12", "legacy"),
        ("2.8.1", "pc-i440fx-2.4", "virtio"),
        ("7.2", "pc-i440fx-7.2", "desk"),
    ] {
        let Some(fixture) = library.fixture(release, machine, scenario) else { continue };
        let whole = stream(&library, fixture);
        let (_folder, path) = temporary(&whole);
        let (status, json) = json(&[name(&path)]);
        assert_eq!(status, 0, "{}", fixture.id());
        let covered: u64 = json["items"]
            .as_array()
            .expect("items")
            .iter()
            .filter_map(|i| i["bytes"].as_u64())
            .sum();
        assert_eq!(covered, whole.len() as u64, "{}", fixture.id());
        let guesses = json["notes"].to_string().contains("is a guess");
        assert_eq!(guesses, json["read_by"]["by"] == "frames", "{}", fixture.id());
    }
    // One that is refused, and one that is cut.
    let whole = newest(&library);
    let (_folder, path) = temporary(&whole[..whole.len() - 5000]);
    assert_eq!(json(&[name(&path)]).0, 1);
    let (_folder, path) = temporary(&whole[..0x8000]);
    let (status, json) = json(&[name(&path)]);
    assert_eq!((status, json["end"]["error"]["class"].as_str()), (2, Some("end of stream")));
}

#[test]
fn one_section_or_one_field_is_shown() {
    let library = library();
    let fixture = library.fixture("7.2", "pc-i440fx-7.2", "nic").expect("fixture");
    let (_folder, path) = temporary(&stream(&library, fixture));
    let (status, all) = json(&[name(&path)]);
    assert_eq!(status, 0);
    let items = |json: &serde_json::Value| json["items"].as_array().expect("items").clone();
    let in_e1000: Vec<_> = items(&all)
        .into_iter()
        .filter(|i| i["section"].as_str().is_some_and(|s| s.ends_with("/e1000")))
        .collect();
    assert!(in_e1000.len() > 20);
    let (status, some) = json(&[name(&path), "--section", "e1000"]);
    assert_eq!((status, items(&some)), (0, in_e1000.clone()));
    let (status, some) = json(&[name(&path), "--section", "e1000", "--field", "parent_obj"]);
    assert_eq!(status, 0);
    assert!(!items(&some).is_empty() && items(&some).iter().all(|i| i["path"][1] == "parent_obj"));
    let output = inspect(&[name(&path), "--section", "e1001"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("nothing of that; the sections are ram 0, "), "{text}");
    assert!(text.contains("/e1000 0"), "{text}");
}
