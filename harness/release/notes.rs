//! Notes of an importer: what it passed over or left open, and where.

use std::fmt;

/// One thing, at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What there is to say; it begins many notes where it is true of many places.
    pub what: String,
    /// Where: a file, a handler, `vmsd/field`; empty where it is about no one place.
    pub place: String,
}

impl Note {
    /// A note about a place.
    pub fn at(place: impl Into<String>, what: impl Into<String>) -> Self {
        Note { what: what.into(), place: place.into() }
    }

    /// The same, of one release.
    #[must_use]
    pub fn of(mut self, release: &str) -> Self {
        self.what = format!("{release}: {}", self.what);
        self
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.what),
            place => write!(f, "{}: {place}", self.what),
        }
    }
}

/// Places that are named of those that the same is said of.
const NAMED: usize = 2;

/// Notes as lines for a person, each said once, in order of the first of its kind, with its first
/// places and how many there are more; with `all`, every note a line.
#[must_use]
pub fn lines(notes: &[Note], all: bool) -> String {
    if all {
        return notes.iter().map(|note| format!("note: {note}\n")).collect();
    }
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for Note { what, place } in notes {
        match kinds.iter_mut().find(|(kind, _)| kind == what) {
            Some((_, places)) if places.contains(&place.as_str()) => {}
            Some((_, places)) => places.push(place),
            None => kinds.push((what.as_str(), vec![place.as_str()])),
        }
    }
    let line = |(what, places): (&str, Vec<&str>)| {
        let named: Vec<&str> = places.iter().take(NAMED).copied().collect();
        let more = match places.len().saturating_sub(NAMED) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        format!("note: {}{more}\n", Note::at(named.join(", "), what))
    };
    kinds.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_many_places_is_one_line() {
        let mut notes: Vec<Note> =
            ["a", "b", "b", "c", "d"].map(|place| Note::at(place, "not told").of("7.2")).into();
        notes.insert(1, Note::at("e", "left out"));
        notes.push(Note::at("", "the corpus was held"));
        assert_eq!(
            lines(&notes, false),
            "note: 7.2: not told: a, b and 2 more\nnote: left out: e\nnote: the corpus was held\n"
        );
        let all = lines(&notes, true);
        assert_eq!(all.lines().count(), 7, "{all}");
        assert!(all.starts_with("note: 7.2: not told: a\nnote: left out: e\n"), "{all}");
    }
}
