//! JSON for the corpus: a value that fits on one line stays on one line, so that a field or a
//! handler is one line of a diff.

use serde::Serialize;
use serde_json::Value;

/// Columns, indentation included, that a line may take before its value is broken up.
const WIDTH: usize = 180;

/// `value` as JSON text, one space of indentation a level, with a newline at its end.
pub fn layout<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let mut out = String::new();
    put(&serde_json::to_value(value)?, 0, 0, &mut out);
    out.push('\n');
    Ok(out)
}

/// Writes `value` at `depth`; `taken` columns of its line are spoken for by indentation and key.
fn put(value: &Value, depth: usize, taken: usize, out: &mut String) {
    let flat = value.to_string();
    if depth > 0 && taken + flat.len() <= WIDTH && !has_rows(value) {
        out.push_str(&flat);
        return;
    }
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('{');
            for (i, (key, inner)) in map.iter().enumerate() {
                let key = format!("{}: ", Value::from(key.as_str()));
                start_row(i, depth, out);
                out.push_str(&key);
                put(inner, depth + 1, depth + 1 + key.len(), out);
            }
            end_rows('}', depth, out);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('[');
            for (i, inner) in list.iter().enumerate() {
                start_row(i, depth, out);
                put(inner, depth + 1, depth + 1, out);
            }
            end_rows(']', depth, out);
        }
        _ => out.push_str(&flat),
    }
}

/// A list of objects is always one row each, and so is everything around it: adding a row then
/// changes no other line.
fn has_rows(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|v| v.is_object() || has_rows(v)),
        Value::Object(map) => map.values().any(has_rows),
        _ => false,
    }
}

fn start_row(index: usize, depth: usize, out: &mut String) {
    out.push_str(if index == 0 { "\n" } else { ",\n" });
    out.extend(std::iter::repeat_n(' ', depth + 1));
}

fn end_rows(close: char, depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', depth));
    out.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_of_objects_is_one_row_each() {
        let value = json!({"name": "x", "fields": [{"a": 1, "b": {"c": 2}}, {"a": 2}], "none": []});
        let text = layout(&value).unwrap();
        let expected = "{\n \"name\": \"x\",\n \"fields\": [\n  {\"a\":1,\"b\":{\"c\":2}},\n  \
                        {\"a\":2}\n ],\n \"none\": []\n}\n";
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_long_value_is_broken_up_and_reads_back() {
        let value = json!({"text": ["word".repeat(40), "word".repeat(40)], "\"q\"": null});
        let text = layout(&value).unwrap();
        assert!(text.lines().count() > 4, "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
