//! A machine type that a release's catalogue lacks, between two on which a section looks otherwise: as on
//! which of the two it is there, what the source sent may tell.
//!
//! What differs from one machine type to another is set by their compatibility properties, which are the
//! same list in every release. So where a section changes from the one to the other in the source's release
//! in the very bytes and answers in which it changes in the destination's, it is one property that does it,
//! and the stream shows whether the machine type has it.

use std::collections::BTreeMap;

use super::find::FoundEntry;
use crate::release::catalogue::{Entry, Layouts};
use crate::vmstate::schema::Answers;

/// Bytes at the beginning of a payload with a bus path in which a PCI device is configured: version and
/// configuration space.
const HEAD: u64 = 4 + 256;

/// How an entry differs from another: what is to be found in a section that is as the other.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    /// Bytes by place: of the one, of the other.
    bytes: BTreeMap<usize, (u8, u8)>,
    /// Presence and counts by field: of the one, of the other.
    answers: BTreeMap<String, (Option<u32>, Option<u32>)>,
    /// How much longer the other is.
    longer: i64,
    /// Versions, where they differ.
    versions: Option<(u32, u32)>,
}

/// The entry of a layouts, with a machine type on which it was seen, for a section of a machine type on which
/// `entry` was not: of those like it the one that the stream tells. `sender` is what the source's release
/// has for it, `payload` and `answers` what was sent.
pub(super) fn as_sent<'s>(
    layouts: &'s Layouts,
    entry: &Entry,
    sender: &FoundEntry,
    (payload, answers): (&[u8], &Answers),
    machine: &str,
) -> Option<(&'s Entry, &'s str)> {
    let (before, behind) = layouts.catalogue.nearest(machine)?;
    let own = [on(layouts, entry, before)?, on(layouts, entry, behind)?];
    let (like, from) = sender;
    let theirs = [on(from, like, before)?, on(from, like, behind)?];
    let change = change(from, theirs);
    if change == Change::default() || change != self::change(layouts, own) {
        return None;
    }
    match side(&change, theirs, payload, answers)? {
        Side::Before => Some((own[0], before)),
        Side::Behind => Some((own[1], behind)),
    }
}

/// The one entry like another that is on a machine type.
fn on<'s>(layouts: &'s Layouts, like: &Entry, machine: &str) -> Option<&'s Entry> {
    let key = |e: &Entry| {
        let names = (e.device.clone(), e.section.clone(), e.place.clone(), e.varied.clone());
        (names, e.has_path, e.instance_id)
    };
    let wanted = key(like);
    let entries = layouts.catalogue.entries.iter().filter(|e| e.section == like.section);
    let mut found = entries.filter(|e| key(e) == wanted && layouts.catalogue.is_on(e, machine));
    let one = found.next()?;
    found.next().is_none().then_some(one)
}

fn change(layouts: &Layouts, [one, other]: [&Entry; 2]) -> Change {
    let longer = i64::try_from(other.payload.1).unwrap_or(i64::MAX)
        - i64::try_from(one.payload.1).unwrap_or(i64::MAX);
    // Behind a place where one is longer, bytes are other fields.
    let compared = if longer == 0 { u64::MAX } else { HEAD * u64::from(one.has_path) };
    let (left, right) = (layouts.head(one, compared), layouts.head(other, compared));
    let pairs = left.into_iter().zip(right).enumerate();
    let bytes = pairs.filter(|(_, (a, b))| a != b).collect();
    let (left, right) = (flat(&one.answers), flat(&other.answers));
    let keys = left.keys().chain(right.keys());
    let answers = keys.map(|key| (key.clone(), (left.get(key).copied(), right.get(key).copied())));
    let answers = answers.filter(|(_, (a, b))| a != b).collect();
    let versions = (one.version_id, other.version_id);
    Change { bytes, answers, longer, versions: Some(versions).filter(|(a, b)| a != b) }
}

fn flat(answers: &Answers) -> BTreeMap<String, u32> {
    let present = answers.present.iter().map(|(k, v)| (format!("present {k}"), u32::from(*v)));
    let count = answers.count.iter().map(|(k, v)| (format!("count {k}"), *v));
    let size = answers.size.iter().map(|(k, v)| (format!("size {k}"), *v));
    present.chain(count).chain(size).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    Behind,
}

/// As which of two entries that differ so a section is, in all in which they do.
fn side(change: &Change, entries: [&Entry; 2], payload: &[u8], answers: &Answers) -> Option<Side> {
    let answers = flat(answers);
    let is = |index: usize| {
        let pick = |(a, b): (u8, u8)| if index == 0 { a } else { b };
        let bytes = change.bytes.iter().all(|(at, pair)| payload.get(*at) == Some(&pick(*pair)));
        let said = change
            .answers
            .iter()
            .all(|(key, (a, b))| answers.get(key).copied() == if index == 0 { *a } else { *b });
        // A section may be longer for other reasons; what tells nothing else is told by its length.
        let alone = change.bytes.is_empty() && change.answers.is_empty();
        let long = entries.get(index).is_some_and(|e| e.payload.1 == payload.len() as u64);
        bytes && said && (!alone || long)
    };
    match (is(0), is(1)) {
        (true, false) => Some(Side::Before),
        (false, true) => Some(Side::Behind),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::release::catalogue::Payloads;
    use crate::vmstate::schema::Body;

    /// A layouts with a card on two machine types, each with its payload and whether it sends a field.
    fn layouts(before: (&[u8], bool), behind: (&[u8], bool)) -> Rc<Layouts> {
        let mut layouts = Layouts { payloads: Payloads::default(), ..Layouts::default() };
        for ((payload, is_there), machine) in [(before, "pc-q35-8.2"), (behind, "pc-q35-9.2")] {
            let from = layouts.payloads.push(payload);
            let mut answers = Answers::default();
            answers.present.insert("nic/extra".to_owned(), is_there);
            layouts.catalogue.machines.push(machine.to_owned());
            layouts.catalogue.entries.push(Entry {
                device: "nic".to_owned(),
                place: "port".to_owned(),
                varied: String::new(),
                section: "nic".to_owned(),
                has_path: true,
                instance_id: 0,
                alias_id: -1,
                version_id: 1,
                body: Body::Vmsd("nic".to_owned()),
                answers,
                blocks: BTreeMap::new(),
                machines: vec![machine.to_owned()],
                payload: (from, payload.len() as u64),
            });
        }
        Rc::new(layouts)
    }

    const OLD: &[u8] = &[0, 7, 1];
    const NEW: &[u8] = &[0, 7, 2];

    /// The destination's two payloads (a further byte is its own), what was sent, and as on which machine
    /// type it comes out.
    #[rstest::rstest]
    #[case(([9, 7, 1], [9, 7, 2]), OLD, Some("pc-q35-8.2"))]
    #[case(([9, 7, 1], [9, 7, 2]), NEW, Some("pc-q35-9.2"))]
    // Neither, as a property was changed.
    #[case(([9, 7, 1], [9, 7, 2]), &[0, 7, 3], None)]
    // Here it is another byte that changes, or another change, or one more.
    #[case(([9, 1, 1], [9, 2, 1]), OLD, None)]
    #[case(([9, 7, 1], [9, 7, 4]), OLD, None)]
    #[case(([9, 7, 1], [8, 7, 2]), OLD, None)]
    // Nothing changes.
    #[case(([9, 7, 1], [9, 7, 1]), OLD, None)]
    fn what_changes_alike_shows_as_which_it_is(
        #[case] (before, behind): ([u8; 3], [u8; 3]),
        #[case] sent: &[u8],
        #[case] expected: Option<&str>,
    ) {
        let source = layouts((OLD, false), (NEW, false));
        let own = layouts((&before, false), (&behind, false));
        let answers = source.catalogue.entries[0].answers.clone();
        let sender = (source.catalogue.entries[0].clone(), source.clone());
        let entry = &own.catalogue.entries[0];
        let found = as_sent(&own, entry, &sender, (sent, &answers), "pc-q35-9.0");
        assert_eq!(found.map(|(_, machine)| machine), expected);
    }

    /// A field that one machine type has and the other has not, and a section that is longer for it.
    #[rstest::rstest]
    #[case(true, true, Some("pc-q35-9.2"))]
    #[case(true, false, Some("pc-q35-8.2"))]
    // The destination has it on both.
    #[case(false, true, None)]
    fn a_field_that_is_there_shows_it_too(
        #[case] changes: bool,
        #[case] sent: bool,
        #[case] expected: Option<&str>,
    ) {
        let longer = [OLD, &[0]].concat();
        let source = layouts((OLD, false), (&longer, true));
        let own = if changes {
            layouts((OLD, false), (&longer, true))
        } else {
            layouts((OLD, true), (OLD, true))
        };
        let mut answers = Answers::default();
        answers.present.insert("nic/extra".to_owned(), sent);
        let sender = (source.catalogue.entries[0].clone(), source.clone());
        let payload = if sent { &longer[..] } else { OLD };
        let entry = &own.catalogue.entries[0];
        let found = as_sent(&own, entry, &sender, (payload, &answers), "pc-q35-9.0");
        assert_eq!(found.map(|(_, machine)| machine), expected);
    }
}
