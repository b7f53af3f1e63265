//! What a debugger's file says that this importer does not know: kept, told once, and what hangs
//! on it said.

use std::collections::BTreeMap;

use serde_json::Value;

/// Keys with their values.
pub(super) type More = BTreeMap<String, Value>;

/// What was kept, by the place where it was said.
#[derive(Debug, Default)]
pub(super) struct Kept(BTreeMap<String, More>);

impl Kept {
    /// Keeps what was said in a place; returns, in words, what the meaning of the place hangs on.
    pub(super) fn keep(&mut self, place: &str, more: &More) -> Option<String> {
        if more.is_empty() {
            return None;
        }
        self.0.entry(place.to_owned()).or_default().extend(more.clone());
        let set = more.iter().filter(|(_, value)| !says_nothing(value));
        let set: Vec<String> = set.map(|(key, value)| format!("{key} = {value}")).collect();
        let why = format!("{} in {place}, which is not known to the importer", set.join(", "));
        (!set.is_empty()).then_some(why)
    }

    pub(super) fn places(self) -> BTreeMap<String, More> {
        self.0
    }
}

/// Whether a value is what stands where a key is not set.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(true) => false,
    }
}

/// One sentence for each key that was kept in `more` (see `Tables::more`).
#[must_use]
pub fn reported(more: &BTreeMap<String, BTreeMap<String, Value>>) -> Vec<String> {
    let mut keys: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
    for (place, said) in more {
        for (key, value) in said {
            keys.entry(key).or_default().push((place, value));
        }
    }
    let sentence = |(key, places): (&str, Vec<(&str, &Value)>)| {
        let set = places.iter().filter(|(_, value)| !says_nothing(value)).count();
        let first = places.first().map_or("", |(place, _)| place);
        let hangs = match (set, first) {
            (0, _) | (_, "the file") => "nothing hangs on it",
            _ => "what hangs on it is undetermined",
        };
        let places = match places.len() {
            1 => first.to_owned(),
            n => format!("{first} and {} other places", n - 1),
        };
        format!("{key}, in {places}, is not known: kept; {hangs}")
    };
    keys.into_iter().map(sentence).collect()
}
