//! The question of 2015, for the code that it was asked about: if someone adds a `qemu_put_be16` to
//! `virtio_ccw_save_config`, is it always detected?
//!
//! Bytes are put in where that function could have put them: between what it writes, behind it, and, for
//! comparison, behind the common part of the device. Bytes that are left out are the other way round: a
//! source without the new field, and a destination that waits for it.

use std::fmt;
use std::fmt::Write as _;

use super::base::{Base, Rule};
use super::change::{Change, Edit, places};
use super::outcome::{self, Class};
use super::{DriftError, Selection};
use crate::release::library::Library;
use crate::stream::{Loaded, load};
use crate::wire::Feed;

/// Where bytes are put in or left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// Behind any item that `virtio_ccw_save_config` writes but its last.
    Within,
    /// Behind its last.
    Behind,
    /// Behind the last queue: the end of the part that all virtio devices have.
    Common,
}

impl Spot {
    /// All, in the order of the table.
    pub const ALL: [Spot; 3] = [Spot::Within, Spot::Behind, Spot::Common];
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Spot::Within => "in the config",
            Spot::Behind => "after the config",
            Spot::Common => "after the common part",
        })
    }
}

/// What is inserted there, or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// One byte more.
    Byte,
    /// Two: a `be16`.
    Be16,
    /// One byte less.
    ByteLess,
    /// Two less.
    Be16Less,
}

impl Insertion {
    /// All, in the order of the table.
    pub const ALL: [Insertion; 4] =
        [Insertion::Byte, Insertion::Be16, Insertion::ByteLess, Insertion::Be16Less];

    fn of(change: Change) -> Option<Self> {
        match change {
            Change::Insert(1, _) => Some(Insertion::Byte),
            Change::Insert(2, _) => Some(Insertion::Be16),
            Change::Delete(1) => Some(Insertion::ByteLess),
            Change::Delete(2) => Some(Insertion::Be16Less),
            _ => None,
        }
    }
}

impl fmt::Display for Insertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Insertion::Byte => "a byte more",
            Insertion::Be16 => "a be16 more",
            Insertion::ByteLess => "a byte less",
            Insertion::Be16Less => "a be16 less",
        })
    }
}

/// How many changes of a kind became what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The framing rules.
    pub rule: Rule,
    /// Where.
    pub spot: Spot,
    /// What was done.
    pub what: Insertion,
    counts: [u64; Class::ALL.len()],
}

impl Row {
    /// How often a class.
    #[must_use]
    pub fn count(&self, class: Class) -> u64 {
        self.counts.get(class as usize).copied().unwrap_or(0)
    }

    /// How many changes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Makes the changes on all selected fixtures that have devices on channels, under each of the rules
/// that loads one.
///
/// # Errors
/// [`DriftError::Nothing`] where none has; a fixture that its own release does not load.
pub fn run(library: &Library, selection: &Selection) -> Result<Vec<Row>, DriftError> {
    let fits = |asked: &Option<String>, name: &str| asked.as_deref().is_none_or(|a| a == name);
    let fixtures = library
        .fixtures()
        .iter()
        .filter(|f| f.machine.rsplit('/').next().is_some_and(|name| name.starts_with(MACHINE)))
        .filter(|f| fits(&selection.release, &f.release) && fits(&selection.machine, &f.machine));
    let mut all = Vec::new();
    for fixture in fixtures {
        for rule in Rule::ALL {
            if let Some(base) = Base::of(library, fixture, rule)? {
                add(&mut all, &base);
            }
        }
    }
    if all.is_empty() {
        let machine = selection.machine.clone().unwrap_or_else(|| format!("{MACHINE}-..."));
        let release = selection.release.clone().unwrap_or_default();
        return Err(DriftError::Nothing { release, machine, hint: String::new() });
    }
    Ok(all)
}

/// Machine types with channels.
const MACHINE: &str = "s390-ccw-virtio";

/// Makes the changes on one base, and adds them to those of others under the same rules.
pub fn add(rows: &mut Vec<Row>, base: &Base) {
    let unchanged = base.loaded();
    each(base, &unchanged, |changed| {
        let read = load(&base.to, &mut changed.edit.reader(&base.stream), &Feed::Bulk);
        let class = outcome::outcome(&unchanged, changed.section, &changed.edit, &read).class;
        count(rows, (base.rule, changed.spot, changed.what), class);
    });
}

/// One of these changes.
#[derive(Debug, Clone)]
pub struct Changed {
    /// Index of the section.
    section: usize,
    /// Where.
    pub spot: Spot,
    /// What.
    pub what: Insertion,
    /// The stream as it is sent then.
    pub edit: Edit,
}

/// All changes of one base, in stream order.
#[must_use]
pub fn changes(base: &Base) -> Vec<Changed> {
    let mut all = Vec::new();
    each(base, &base.loaded(), |changed| all.push(changed));
    all
}

/// Calls `with` for each change.
fn each(base: &Base, unchanged: &Loaded<'_>, mut with: impl FnMut(Changed)) {
    for (section, sent) in unchanged.sections.iter().enumerate() {
        let places = places(unchanged, sent);
        let paths: Vec<String> = places.iter().map(|p| unchanged.map.path(p.span)).collect();
        let part = |name: &str| {
            let inside = |path: &&String| path.split('.').nth(1).is_some_and(|p| p == name);
            paths.iter().rposition(|path| inside(&path))
        };
        let Some(config) = part("ccw") else { continue };
        let queues = paths.iter().rposition(|path| {
            path.split('.').nth(1).is_some_and(|p| p == "num_queues" || p.starts_with("vq["))
        });
        for (at, place) in places.iter().enumerate().take(queues.unwrap_or(config) + 1) {
            let spot = match at {
                at if at < config => Spot::Within,
                at if at == config => Spot::Behind,
                at if Some(at) == queues => Spot::Common,
                _ => continue,
            };
            for edit in place.edits(&base.stream) {
                let Some(what) = Insertion::of(edit.change) else { continue };
                with(Changed { section, spot, what, edit });
            }
        }
    }
}

/// Counts one change.
fn count(rows: &mut Vec<Row>, (rule, spot, what): (Rule, Spot, Insertion), class: Class) {
    let same = |r: &&mut Row| (r.rule, r.spot, r.what) == (rule, spot, what);
    let add = |row: &mut Row| {
        if let Some(count) = row.counts.get_mut(class as usize) {
            *count += 1;
        }
    };
    if let Some(row) = rows.iter_mut().find(same) {
        add(row);
        return;
    }
    let mut row = Row { rule, spot, what, counts: [0; Class::ALL.len()] };
    add(&mut row);
    rows.push(row);
}

/// The table: a line for each rule, spot and kind.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let _ = write!(text, "{:<64}{:>8}", "", "changes");
    for class in Class::ALL {
        let _ = write!(text, "{:>13}", class.name());
    }
    text.push('\n');
    for rule in Rule::ALL {
        for spot in Spot::ALL {
            for what in Insertion::ALL {
                let same = |r: &&Row| (r.rule, r.spot, r.what) == (rule, spot, what);
                let Some(row) = rows.iter().find(same) else { continue };
                let name = format!("{}: {what} {spot}", rule.name());
                let _ = write!(text, "{name:<64}{:>8}", row.total());
                for class in Class::ALL {
                    let _ = write!(text, "{:>13}", row.count(class));
                }
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::library::build;
    use crate::stream::{Destination, Section, load_bytes, record, save};
    use crate::vmstate::compiled::Vmsd;
    use crate::vmstate::flow::Name;
    use crate::vmstate::schema::{Handlers, Tables};
    use crate::vmstate::{Renames, Saver, Values};
    use crate::wire::{Map, Result};

    /// Devices as they are before a driver has touched them: 7.2.22 sends these values with `-S`.
    struct Untouched;

    impl Values for Untouched {
        fn item(&mut self, map: &Map<'_>, name: Name<'_>, _: u32, into: &mut [u8]) -> Result<()> {
            into.fill(0);
            let path = format!("{}.{}", map.here(), name.shown);
            let value: u64 = match path.split_once('.').map_or("", |(_, rest)| rest) {
                "ccw.revision" => u64::MAX,
                "ccw.parent_obj.sch.id.reserved" => 0xff,
                "ccw.parent_obj.sch.id.cu_type" => 0x3832,
                "ccw.parent_obj.sch.id.cu_model" => 4,
                "ccw.parent_obj.sch.curr_status.pmcw.flags" => 1,
                "num_queues" => 1,
                path if path.ends_with("vector") => 0xffff,
                path if path.ends_with(".num") => 256,
                path if path.ends_with("pmcw.pim") || path.ends_with("pmcw.pam") => 0x80,
                path if path.ends_with("pmcw.pom") => 0xff,
                _ => 0,
            };
            for (place, byte) in into.iter_mut().rev().zip(value.to_le_bytes()) {
                *place = byte;
            }
            Ok(())
        }

        fn subsection(&mut self, _: &Map<'_>, _: &Vmsd) -> Result<Option<(usize, u32)>> {
            Ok(None)
        }
    }

    /// Two channel devices and what follows them, in 7.2.
    fn machine() -> Destination {
        let vmsd = |name: &str, info: &str, size: u32| {
            format!(
                r#""{name}": {{"name": "{name}", "version_id": 1, "minimum_version_id": 1,
                "fields": [{{"name": "x", "kind": {{"leaf": {{"info": "{info}",
                "size": {{"fixed": {size}}}}}}}}}]}}"#
            )
        };
        let handler = |path: &str, name: &str| {
            format!(
                r#"{{"idstr": "{path}{name}", "instance_id": 0, "alias_id": -1, "version_id": 1,
                "body": {{"vmsd": "{name}"}}}}"#
            )
        };
        let tables: Tables = serde_json::from_str(&format!(
            r#"{{"release": "7.2", "vmsd": {{{}, {}, {}}}}}"#,
            vmsd("virtio-rng", "virtio", 0),
            vmsd("virtio-balloon", "virtio", 0),
            vmsd("last", "uint64", 8)
        ))
        .unwrap();
        let handlers: Handlers = serde_json::from_str(&format!(
            r#"{{"release": "7.2", "machine": "s390-ccw-virtio-7.2", "scenario": "virtio",
                "origin": "test", "handlers": [{}, {}, {}]}}"#,
            handler("/fe.0.0001/", "virtio-rng"),
            handler("/fe.0.0002/", "virtio-balloon"),
            handler("", "last")
        ))
        .unwrap();
        let mut to = build(&handlers, &tables, &Renames::default()).unwrap();
        to.dialect.configuration = None;
        to.dialect.description = false;
        to
    }

    fn base(rule: Rule) -> Base {
        let mut to = machine();
        to.dialect.subsections = rule.subsections;
        to.dialect.footers = rule.footers;
        let mut values = Untouched;
        let mut saver = Saver::new(&mut values);
        save::header(&mut saver.writer);
        for (handler, registered) in to.handlers.iter().take(3).enumerate() {
            let section = Section {
                record: record::FULL,
                offset: 0,
                id: handler as u32 + 3,
                idstr: registered.idstr.clone().into_bytes(),
                instance_id: 0,
                version_id: 1,
                handler,
                body: 0,
                end: 0,
            };
            save::section_header(&mut saver.writer, &section);
            save::payload(&to, &section, &mut saver).unwrap();
            if rule.footers {
                save::footer(&mut saver.writer, section.id);
            }
        }
        saver.writer.u8(record::EOF);
        let stream = saver.writer.into_bytes();
        let loaded = load_bytes(&to, &stream, &Feed::Bulk);
        assert!(loaded.refused.is_none(), "{:?}", loaded.refused);
        drop(loaded);
        Base { fixture: "own".into(), rule, own: rule.footers, to, stream }
    }

    #[test]
    #[ignore = "60000 loads take a minute: cargo test the_answer_of_2015 -- --ignored"]
    fn the_answer_of_2015() {
        let mut rows = Vec::new();
        for rule in Rule::ALL {
            add(&mut rows, &base(rule));
        }
        let _scope = crate::snapshots::snapshots("lab");
        insta::assert_snapshot!("channel", table(&rows));
        // Footers find every one; without them some of each kind that adds bytes are never found.
        for row in &rows {
            assert!(row.total() > 0);
            if row.rule.footers {
                assert_eq!(row.count(Class::Never), 0, "{row:?}");
            }
        }
        let missed = |what| {
            let without = rows.iter().filter(|r| !r.rule.footers && r.what == what);
            without.map(|r| r.count(Class::Never)).sum::<u64>()
        };
        assert!(Insertion::ALL.into_iter().all(|what| missed(what) > 0));
    }
}
