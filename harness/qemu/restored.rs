//! What became of the state: fields of a stream compared with the same fields as the destination saved
//! them again. This sees what bytes alone cannot: a value that was taken and then dropped.

use std::collections::BTreeSet;

use crate::stream::{Destination, load};
use crate::trace::recomputed::{Table, is_default};
use crate::trace::values::{self, values};
use crate::trace::{Meaning, judge_reading};
use crate::wire::Feed;

/// Longest value that is shown, in bytes.
const SHOWN: usize = 8;

/// A field that did not come back as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Its path.
    pub path: String,
    /// What was sent, in hex; `None`: nothing.
    pub sent: Option<String>,
    /// What was saved again, in hex; `None`: nothing.
    pub saved: Option<String>,
    /// Whether `recomputed.toml` says why, or it is a default that the verdict names.
    pub explained: bool,
    /// What the difference is, whoever wrote the stream.
    pub kind: Kind,
}

/// What a difference is by its codec and its place, whatever the values are about: of a changed
/// stream no table can say more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Bytes that no field has: they are read and forgotten. No loss.
    Padding,
    /// A truth value other than 0 and 1, saved as 1. No loss: it is as true.
    Truth,
    /// State of a subsection that was not saved again: the destination found it to be what it is
    /// without.
    Unneeded,
    /// A subsection that was not sent, and is there now.
    Came,
    /// A section that was not sent: the destination's own values. No loss.
    Unsent,
    /// Another value than was sent, or none: lost, unless something says why.
    Other,
}

impl Kind {
    /// All, in order, each with its words for a count of several.
    pub const ALL: [(Kind, &'static str); 6] = [
        (Kind::Padding, "padding"),
        (Kind::Truth, "truth values written as 1"),
        (Kind::Unneeded, "optional state that need not be sent again"),
        (Kind::Came, "optional state that came"),
        (Kind::Unsent, "state of sections that were not sent"),
        (Kind::Other, "lost or other than sent"),
    ];

    /// `sent`: the sections of the stream.
    fn of(change: &values::Change<'_>, sections: &BTreeSet<&str>) -> Self {
        // The name of a subsection is a component with a slash, or the item itself.
        let optional = change.info == "subsection"
            || change.path.rsplit('.').skip(1).any(|part| part.contains('/'));
        match (change.before, change.after) {
            _ if change.info == "unused_buffer" => Kind::Padding,
            (Some(sent), Some(saved)) if change.info == "bool" && is_true(sent, saved) => {
                Kind::Truth
            }
            (Some(_), None) if optional => Kind::Unneeded,
            (None, Some(_)) if !sections.contains(section(&change.path)) => Kind::Unsent,
            (None, Some(_)) if optional => Kind::Came,
            _ => Kind::Other,
        }
    }
}

/// The section that a path begins with.
fn section(path: &str) -> &str {
    path.split_once('.').map_or(path, |(section, _)| section)
}

/// Whether each truth value that differs was true before and after.
fn is_true(sent: &[u8], saved: &[u8]) -> bool {
    sent.len() == saved.len()
        && sent.iter().zip(saved).all(|(sent, saved)| sent == saved || (*sent != 0 && *saved == 1))
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Change { path, sent, saved, .. } = self;
        match (sent, saved) {
            (Some(sent), Some(saved)) => write!(f, "{path}: {sent} became {saved}"),
            (Some(sent), None) => write!(f, "{path}: {sent} was not saved again"),
            (None, Some(saved)) => write!(f, "{path}: {saved} is new"),
            (None, None) => write!(f, "{path}"),
        }
    }
}

/// Holds a stream of `source`, if its sender is known, against the state that a destination saved
/// after loading it. Both are read by that destination; memory and framing are left out.
///
/// # Errors
/// When the destination's model does not load what the destination saved.
pub fn changes(
    table: &Table,
    source: Option<&Destination>,
    to: &Destination,
    stream: &[u8],
    saved: &[u8],
) -> Result<Vec<Change>, String> {
    let sent = load(to, &mut &stream[..], &Feed::Bulk);
    let again = load(to, &mut &saved[..], &Feed::Bulk);
    if let Some(error) = again.refused {
        return Err(format!("the model refuses what {} saved: {error}", to.release));
    }
    let meaning = source.and_then(|source| Meaning::of(source, stream).ok());
    let judged = meaning.map(|meaning| judge_reading(&meaning, &sent, to));
    let (before, after) = (values(&sent.map, stream), values(&again.map, saved));
    let changes = values::changes(&before, &after);
    let sections: BTreeSet<&str> = before.values().map(|value| section(&value.path)).collect();
    let own = |change: values::Change<'_>| {
        let known = |s: &Destination| table.explains(&change, s.version, to.version).is_some();
        let default = judged.as_ref().is_some_and(|judged| is_default(&change, judged, to));
        let explained = default || source.is_some_and(known);
        let (sent, saved) = (change.before.map(hex), change.after.map(hex));
        Change { kind: Kind::of(&change, &sections), path: change.path, sent, saved, explained }
    };
    Ok(changes.into_iter().map(own).collect())
}

fn hex(bytes: &[u8]) -> String {
    let mut text: String = bytes.iter().take(SHOWN).map(|b| format!("{b:02x}")).collect();
    if bytes.len() > SHOWN {
        text += "...";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("rtc.unused", "unused_buffer", Some(vec![1, 2]), Some(vec![0, 0]), Kind::Padding)]
    #[case("xhci.enabled", "bool", Some(vec![7]), Some(vec![1]), Kind::Truth)]
    #[case("xhci.enabled", "bool", Some(vec![7]), Some(vec![0]), Kind::Other)]
    #[case("xhci.enabled", "bool", Some(vec![0]), Some(vec![1]), Kind::Other)]
    #[case("fdc.fdc/reset_sensei.n", "int32", Some(vec![1]), None, Kind::Unneeded)]
    #[case("fdc.fdc/reset_sensei", "subsection", None, Some(vec![5]), Kind::Came)]
    #[case("dma[1].mode", "uint8", None, Some(vec![5]), Kind::Unsent)]
    #[case("fdc.mode", "uint8", None, Some(vec![5]), Kind::Other)]
    #[case("fdc.fdc/reset_sensei.n", "int32", Some(vec![1]), Some(vec![2]), Kind::Other)]
    #[case("fdc.data_len", "uint32", Some(vec![1]), None, Kind::Other)]
    fn a_difference_is_told_by_its_codec_and_place(
        #[case] path: &str,
        #[case] info: &str,
        #[case] before: Option<Vec<u8>>,
        #[case] after: Option<Vec<u8>>,
        #[case] kind: Kind,
    ) {
        let sections = BTreeSet::from(["rtc", "xhci", "fdc"]);
        let path = path.to_owned();
        let (before, after) = (before.as_deref(), after.as_deref());
        let change = values::Change { path, info, before, after };
        assert_eq!(Kind::of(&change, &sections), kind);
    }
}
