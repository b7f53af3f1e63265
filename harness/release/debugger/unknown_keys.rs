//! Keys of a debugger's file that this importer does not know: they are kept and reported once, with what
//! depends on them.

use std::collections::BTreeMap;

use serde_json::Value;

/// Keys with their values.
pub(super) type More = BTreeMap<String, Value>;

/// The unknown keys, by the place where they stand.
#[derive(Debug, Default)]
pub(super) struct UnknownKeys(BTreeMap<String, More>);

impl UnknownKeys {
    /// Adds those of a place; returns, in words, what the meaning of the place depends on.
    pub(super) fn add(&mut self, place: &str, more: &More) -> Option<String> {
        if more.is_empty() {
            return None;
        }
        self.0.entry(place.to_owned()).or_default().extend(more.clone());
        let set = more.iter().filter(|(_, value)| !is_unset(value));
        let set: Vec<String> = set.map(|(key, value)| format!("{key} = {value}")).collect();
        let why = format!("{} in {place}, which is not known to the importer", set.join(", "));
        (!set.is_empty()).then_some(why)
    }

    pub(super) fn into_places(self) -> BTreeMap<String, More> {
        self.0
    }
}

/// Whether a value is the one of a key that is not set.
fn is_unset(value: &Value) -> bool {
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
pub fn sentences(more: &BTreeMap<String, BTreeMap<String, Value>>) -> Vec<String> {
    let mut keys: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
    for (place, said) in more {
        for (key, value) in said {
            keys.entry(key).or_default().push((place, value));
        }
    }
    let sentence = |(key, places): (&str, Vec<(&str, &Value)>)| {
        let set = places.iter().filter(|(_, value)| !is_unset(value)).count();
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
