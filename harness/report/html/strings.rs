//! Texts that many cells share, stored once; cells have their numbers.

use std::collections::BTreeMap;

/// The texts.
#[derive(Debug, Default)]
pub struct Strings {
    places: BTreeMap<String, usize>,
    all: Vec<String>,
}

impl Strings {
    /// The number of a text.
    pub fn number(&mut self, text: impl Into<String>) -> usize {
        let text = text.into();
        if let Some(number) = self.places.get(&text) {
            return *number;
        }
        let number = self.all.len();
        self.all.push(text.clone());
        self.places.insert(text, number);
        number
    }

    /// All texts, each at the place that is its number.
    #[must_use]
    pub fn all(self) -> Vec<String> {
        self.all
    }
}
