//! One entry of `matrix.toml`: checks of its keys, and errors with its line.

use toml::Spanned;

use crate::matrix::config::{CHIPSETS, ConfigError, Problem};
use crate::matrix::schema::Chipsets;
use crate::matrix::select::{Selection, releases};
use crate::trace::Verdict;

/// All names that an entry may use.
pub(super) struct KnownNames {
    pub(super) releases: Vec<String>,
    pub(super) machines: Vec<String>,
    pub(super) scenarios: Vec<String>,
}

/// Where an entry is.
#[derive(Clone, Copy)]
pub(super) struct Entry<'t> {
    /// Name of the file.
    file: &'t str,
    /// What it says.
    text: &'t str,
    /// Offset of the entry's header.
    start: usize,
}

impl<'t> Entry<'t> {
    /// The place of an entry in a file of this name and text.
    pub(super) fn of<T>(file: &'t str, text: &'t str, entry: &Spanned<T>) -> Self {
        Entry { file, text, start: entry.span().start }
    }

    /// An error about the entry.
    pub(super) fn at(self, problem: Problem) -> ConfigError {
        ConfigError::At { file: self.file.to_owned(), line: self.line(), problem }
    }

    /// What is wrong with the value of a key.
    pub(super) fn value(self, key: &'static str) -> impl Fn(String) -> ConfigError {
        move |problem| self.at(Problem::Value { key, problem })
    }

    /// Line of its header, counted from 1.
    pub(super) fn line(self) -> usize {
        let before = self.text.get(..self.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    /// That texts say something, in this order.
    pub(super) fn require_text<const N: usize>(
        self,
        texts: [(&'static str, &str); N],
    ) -> Result<(), ConfigError> {
        match texts.into_iter().find(|(_, text)| text.trim().is_empty()) {
            Some((key, _)) => Err(self.at(Problem::Blank(key))),
            None => Ok(()),
        }
    }

    /// That a name says something, and that none before it is the same.
    pub(super) fn name<'n>(
        self,
        what: &'static str,
        name: &str,
        mut before: impl Iterator<Item = &'n String>,
    ) -> Result<(), ConfigError> {
        self.require_text([("name", name)])?;
        match before.any(|other| other == name) {
            true => Err(self.at(Problem::Duplicate { what, name: name.to_owned() })),
            false => Ok(()),
        }
    }

    /// A verdict by its name.
    pub(super) fn verdict(self, key: &'static str, name: &str) -> Result<Verdict, ConfigError> {
        name.parse().map_err(self.value(key))
    }

    /// Which cells the entry is about.
    pub(super) fn selection(
        self,
        (source, destination): (&str, &str),
        (machines, scenarios): (Option<&[String]>, Option<&[String]>),
        all: &KnownNames,
    ) -> Result<Selection, ConfigError> {
        Ok(Selection {
            sources: self.range("source", source, &all.releases)?,
            destinations: self.range("destination", destination, &all.releases)?,
            machines: self.names(("machines", "machine type"), machines, &all.machines)?,
            scenarios: self.names(("scenarios", "scenario"), scenarios, &all.scenarios)?,
        })
    }

    /// Releases that have what the entry is about: all, if it does not say.
    pub(super) fn releases(
        self,
        range: Option<&str>,
        all: &[String],
    ) -> Result<Vec<String>, ConfigError> {
        range.map_or(Ok(all.to_vec()), |range| self.range("releases", range, all))
    }

    /// Releases in a range.
    pub(super) fn range(
        self,
        key: &'static str,
        range: &str,
        all: &[String],
    ) -> Result<Vec<String>, ConfigError> {
        releases(range, all).map_err(self.value(key))
    }

    /// Names out of a list: all, if the entry has none.
    pub(super) fn names(
        self,
        (key, what): (&'static str, &'static str),
        names: Option<&[String]>,
        all: &[String],
    ) -> Result<Vec<String>, ConfigError> {
        let Some(names) = names else { return Ok(all.to_vec()) };
        if names.is_empty() {
            return Err(self.at(Problem::Empty(key)));
        }
        match names.iter().find(|name| !all.contains(name)) {
            Some(name) => Err(self.at(Problem::Unlisted { what, name: name.clone() })),
            None => Ok(names.to_vec()),
        }
    }

    /// Chipsets: the first, if the entry has none.
    pub(super) fn chipsets(self, names: Option<&Chipsets>) -> Result<Vec<String>, ConfigError> {
        let names = match names {
            None => vec![CHIPSETS[0].to_owned()],
            Some(Chipsets::One(name)) => vec![name.clone()],
            Some(Chipsets::Many(names)) => names.clone(),
        };
        if names.is_empty() {
            return Err(self.at(Problem::Empty("chipset")));
        }
        match names.iter().find(|name| !CHIPSETS.contains(&name.as_str())) {
            None => Ok(names),
            Some(name) => {
                let problem = format!("'{name}', expected {}", CHIPSETS.join(" or "));
                Err(self.at(Problem::Value { key: "chipset", problem }))
            }
        }
    }
}
