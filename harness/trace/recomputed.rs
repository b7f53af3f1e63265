//! Values that a release computes anew when it loads or saves, so that it holds other ones than it was
//! sent: the table `corpus/recomputed.toml`.
//!
//! It explains the differences between a stream that a destination accepted and the state that it
//! saved again at once. Every entry has its reason.

use serde::Deserialize;

use super::values::Change;
use super::{Judged, Verdict};
use crate::dialect::Version;
use crate::stream::Destination;

/// The table.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Values that differ, or that came.
    #[serde(default)]
    pub recomputed: Vec<Entry>,
    /// Streams that were not saved to their end.
    #[serde(default)]
    pub cut: Vec<Cut>,
}

/// What becomes of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Its value is computed anew from other state.
    Recomputed,
    /// Its value is not taken over.
    Lost,
    /// It was not in the stream; the destination sends it nevertheless.
    Added,
}

/// Items that differ.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Path of the item in the names of the destination; a `*` matches anything.
    pub item: String,
    /// What becomes of it.
    pub fate: Fate,
    /// Which of its bytes may differ; any if left out.
    pub bytes: Option<Vec<usize>>,
    /// First destination that does so; any if left out.
    pub from: Option<Release>,
    /// First destination that no longer does.
    pub before: Option<Release>,
    /// First source of whose streams this is true; any if left out.
    pub source_from: Option<Release>,
    /// First source of whose streams this is no longer true.
    pub source_before: Option<Release>,
    /// Whether only loads of today need it, by `crossload verify`: what is on record was saved at
    /// once, by other machines.
    #[serde(default)]
    pub live: bool,
    /// Why.
    pub reason: String,
}

/// Streams of which the end is missing, so that they hold no device state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The release that saved them.
    pub destination: String,
    /// Machine type.
    pub machine: String,
    /// Scenario.
    pub scenario: String,
    /// Why.
    pub reason: String,
}

/// A release number in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Release(pub Version);

impl TryFrom<String> for Release {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Release)
    }
}

impl Table {
    /// Reads the table.
    ///
    /// # Errors
    /// With line and column: not TOML, an unknown key, a bad release number; an entry without a
    /// reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Table = toml::from_str(text).map_err(|e| e.to_string())?;
        let reasons = table.recomputed.iter().map(|e| (&e.item, &e.reason));
        let mut reasons = reasons.chain(table.cut.iter().map(|c| (&c.machine, &c.reason)));
        match reasons.find(|(_, reason)| reason.trim().is_empty()) {
            Some((what, _)) => Err(format!("{what}: expected a reason")),
            None => Ok(table),
        }
    }

    /// Index of the first entry that explains a change between what `source` sent and what
    /// `destination` saved.
    #[must_use]
    pub fn explains(
        &self,
        change: &Change<'_>,
        source: Version,
        destination: Version,
    ) -> Option<usize> {
        self.recomputed.iter().position(|entry| {
            entry.from.is_none_or(|r| destination >= r.0)
                && entry.before.is_none_or(|r| destination < r.0)
                && entry.source_from.is_none_or(|r| source >= r.0)
                && entry.source_before.is_none_or(|r| source < r.0)
                && entry.fits(change)
                && matches(&entry.item, &change.path)
        })
    }
}

impl Entry {
    fn fits(&self, change: &Change<'_>) -> bool {
        match (change.before, change.after, &self.bytes) {
            (None, _, _) => self.fate == Fate::Added,
            (Some(_), None, _) => self.fate == Fate::Lost,
            (Some(_), Some(_), None) => self.fate != Fate::Added,
            (Some(before), Some(after), Some(bytes)) => {
                let differ = |i: &usize| before.get(*i) != after.get(*i);
                let mut places = (0..before.len().max(after.len())).filter(differ);
                self.fate != Fate::Added && places.all(|i| bytes.contains(&i))
            }
        }
    }
}

/// Whether an item that only the second stream has was named by the verdict: as optional state
/// that the source does not know, or as never read.
#[must_use]
pub fn is_default(change: &Change<'_>, judged: &Judged, to: &Destination) -> bool {
    if change.before.is_some() {
        return false;
    }
    let within = |whole: &str| {
        let rest = change.path.strip_prefix(whole);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    judged.verdict == Verdict::Misparsed
        || judged.defaults.iter().filter_map(|d| d.split_once(' ')).any(|(what, name)| {
            let mut sections = to.handlers.iter().filter(|h| h.numbered() == name);
            within(name) || what == "section" && sections.any(|h| within(&h.path()))
        })
}

/// Whether `text` is `pattern`, in which each `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    let mut ends = (0..=rest.len()).filter_map(|i| rest.get(i..));
    ends.any(|rest| matches(tail, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: Option<&'static [u8]>, after: Option<&'static [u8]>) -> Change<'static> {
        Change { path: "rtc.cmos".to_owned(), info: "uint8", before, after }
    }

    fn explained(entry: &str, change: &Change<'_>) -> bool {
        let text = format!("[[recomputed]]\nitem = 'rtc.*s'\nreason = 'r'\n{entry}");
        let table = Table::parse(&text).expect("a table");
        table.explains(change, Version::new(1, 0, 0), Version::new(2, 0, 0)).is_some()
    }

    #[rstest::rstest]
    #[case("fate = 'recomputed'", true)]
    #[case("fate = 'lost'", true)]
    #[case("fate = 'added'", false)]
    #[case("fate = 'recomputed'\nbytes = [0, 1]", true)]
    #[case("fate = 'recomputed'\nbytes = [0]", false)]
    #[case("fate = 'recomputed'\nfrom = '2.0'\nbefore = '2.1'", true)]
    #[case("fate = 'recomputed'\nfrom = '2.1'", false)]
    #[case("fate = 'recomputed'\nbefore = '2.0'", false)]
    #[case("fate = 'recomputed'\nsource_before = '1.0'", false)]
    #[case("fate = 'recomputed'\nsource_from = '1.0'", true)]
    #[case("fate = 'recomputed'\nsource_from = '1.1'", false)]
    fn an_entry_is_about_item_bytes_and_releases(#[case] entry: &str, #[case] expected: bool) {
        assert_eq!(explained(entry, &change(Some(&[1, 2, 3]), Some(&[1, 0, 3]))), expected);
    }

    #[test]
    fn what_came_and_what_went_are_told_apart() {
        assert!(explained("fate = 'added'", &change(None, Some(&[1]))));
        assert!(!explained("fate = 'recomputed'", &change(None, Some(&[1]))));
        assert!(explained("fate = 'lost'", &change(Some(&[1]), None)));
        assert!(!explained("fate = 'recomputed'", &change(Some(&[1]), None)));
    }

    #[rstest::rstest]
    #[case("[[recomputed]]\nitem = 'a'\nfate = 'lost'\nreason = ' '", "a: expected a reason")]
    #[case("[[recomputed]]\nitem = 'a'\nfate = 'gone'\nreason = 'r'", "unknown variant `gone`")]
    #[case("[[recomputed]]\nitem = 'a'\nwhy = 'r'", "unknown field `why`")]
    #[case("[[recomputed]]\nitem = 'a'\nfrom = '2'", "'2' is not a release number")]
    fn a_bad_table_is_refused(#[case] text: &str, #[case] says: &str) {
        let e = Table::parse(text).expect_err(text);
        assert!(e.contains(says), "{e}");
    }
}
