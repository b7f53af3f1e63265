//! What a release has for a section: a recorded layout, or why there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::choose::{self, SectionQuery};
use super::layouts::LayoutCache;
use crate::release::catalogue::{Entry, Layouts};
use crate::release::library::LibraryError;
use crate::vmstate::schema::Tables;

/// An entry, and the layouts that it is one of.
pub(super) type FoundEntry = (Entry, Rc<Layouts>);

/// Why a release does not take a machine at all, or nobody can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lacking {
    /// It has no such machine type or device type.
    Type(String),
    /// The corpus does not say enough of it.
    Unknown(String),
}

/// The entry of a release for a section, in its catalogue or its scenarios.
pub(super) fn find(
    cache: &LayoutCache<'_>,
    release: &str,
    machine: &str,
    from: Option<&FoundEntry>,
    query: &SectionQuery<'_>,
    tables: &Tables,
) -> Result<Option<FoundEntry>, LibraryError> {
    let catalogue = cache.catalogue_on(release, machine)?;
    let recorded = |layouts: &Rc<Layouts>| {
        layouts.catalogue.types.get(device_of(from)).is_some_and(String::is_empty)
    };
    // What another model has says nothing of this one.
    if let Some((own, _)) = from.filter(|(entry, _)| choose::is_model(entry)) {
        let found = catalogue.and_then(|layouts| {
            let entry = choose::same_model(&layouts, own, machine)?.clone();
            Some((entry, layouts.clone()))
        });
        return Ok(found);
    }
    let gone = catalogue.is_some_and(|layouts| !recorded(&layouts));
    for layouts in layouts_of(cache, release, machine)? {
        let device = |(entry, _): &FoundEntry| {
            (!entry.device.is_empty())
                .then(|| choose::other(&layouts, tables, entry, query).cloned())
        };
        let found = match from.and_then(device) {
            // A device type that the release is known to have sends nothing of that name.
            Some(None)
                if layouts.catalogue.types.get(device_of(from)).is_some_and(String::is_empty) =>
            {
                return Ok(None);
            }
            Some(found @ Some(_)) => found,
            // A device type that it does not have, or that was not recorded, may be there by another
            // name.
            Some(None) if gone => {
                let sent = &query.sent.payload;
                // A name that the sender has, too, is of another device.
                let renamed = |e: &Entry| {
                    from.is_none_or(|(_, own)| !own.catalogue.types.contains_key(&e.device))
                };
                let like = |e: &&Entry| {
                    e.has_path && renamed(e) && choose::same_device(&layouts.head(e, HEAD), sent)
                };
                choose::own(&layouts, tables, query).filter(like).cloned()
            }
            Some(None) => choose::own(&layouts, tables, query).cloned(),
            None if from.is_some() => choose::plain(&layouts, tables, query).cloned(),
            None => choose::own(&layouts, tables, query).cloned(),
        };
        if let Some(entry) = found {
            return Ok(Some((entry, layouts.clone())));
        }
    }
    Ok(None)
}

/// What a section is taken for: another device type of its release that looks the same in every way,
/// if a destination lacks this one and has that. Nothing in a stream tells a tablet of virtio from a
/// multitouch screen, or an eMMC from an SD card.
pub(super) fn with_twin(own: &FoundEntry, destination: Option<&Layouts>) -> FoundEntry {
    let (entry, layouts) = own;
    let Some(types) = destination.map(|layouts| &layouts.catalogue.types) else {
        return own.clone();
    };
    let has = |device: &str| types.get(device).is_some_and(String::is_empty);
    if entry.device.is_empty() || types.contains_key(&entry.device) {
        return own.clone();
    }
    let head = layouts.head(entry, HEAD);
    let looks = |e: &Entry| {
        let (device, machines) = (String::new(), Vec::new());
        Entry { device, machines, payload: (0, e.payload.1), ..e.clone() }
    };
    let twin = layouts.catalogue.entries.iter().find(|e| {
        e.section == entry.section
            && has(&e.device)
            && looks(e) == looks(entry)
            && (!e.has_path || choose::same_device(&layouts.head(e, HEAD), &head))
    });
    twin.map_or_else(|| own.clone(), |twin| (twin.clone(), layouts.clone()))
}

/// Bytes of a PCI device's payload in which it says what it is.
const HEAD: u64 = 64;

/// Whether a release has the device type that a section is of, catalogued with sections of other
/// names than this one's.
pub(super) fn registers_other_sections(
    from: Option<&FoundEntry>,
    catalogue: Option<&Layouts>,
) -> bool {
    let device = device_of(from);
    let entries = catalogue.iter().flat_map(|layouts| &layouts.catalogue.entries);
    !device.is_empty() && entries.into_iter().any(|entry| entry.device == device)
}

/// Whether a release's board has an instance of a section on a machine type, whatever options it is
/// started with; `None` if the board of this very machine type was not recorded.
pub(super) fn board_has(
    layouts: &Layouts,
    machine: &str,
    section: &str,
    instance: u32,
) -> Option<bool> {
    let Layouts { catalogue, .. } = layouts;
    if !catalogue.machines.iter().any(|name| name == machine) {
        return None;
    }
    let plain = |e: &&Entry| e.device.is_empty() && e.varied.is_empty() && !e.has_path;
    let mut own = catalogue.entries.iter().filter(plain).filter(|e| catalogue.is_on(e, machine));
    Some(own.any(|e| e.section == section && e.instance_id == instance))
}

/// The lowest instance that a release registers of a section, of boards or of devices: devices of several
/// types with one section are numbered together.
pub(super) fn first_instance(from: Option<&FoundEntry>, entry: &Entry) -> u32 {
    let entries = from.into_iter().flat_map(|(_, layouts)| &layouts.catalogue.entries);
    let of_board = entry.device.is_empty();
    let same = entries.filter(|e| e.section == entry.section && e.device.is_empty() == of_board);
    same.map(|e| e.instance_id).min().unwrap_or(entry.instance_id)
}

fn device_of(from: Option<&FoundEntry>) -> &str {
    from.map(|(entry, _)| entry.device.as_str()).unwrap_or_default()
}

/// The layouts of a release, the fuller first.
pub(super) fn layouts_of(
    cache: &LayoutCache<'_>,
    release: &str,
    machine: &str,
) -> Result<Vec<Rc<Layouts>>, LibraryError> {
    let mut all: Vec<Rc<Layouts>> = cache.catalogue_on(release, machine)?.into_iter().collect();
    all.push(cache.scenarios(release, machine)?);
    Ok(all)
}

/// Whether a device type is missing: `Some(None)` if the release has none, `Some(Some(why))` if it
/// is not catalogued.
pub(super) fn lacks_device(
    types: &BTreeMap<String, String>,
    device: &str,
) -> Option<Option<String>> {
    if device.is_empty() {
        return None;
    }
    match types.get(device) {
        None => Some(None),
        Some(why) if !why.is_empty() => Some(Some(why.lines().last().unwrap_or("").to_owned())),
        Some(_) => None,
    }
}

/// All machine types that any release of the corpus is known to have.
///
/// # Errors
/// Files that cannot be read.
pub fn machine_types(cache: &LayoutCache<'_>) -> Result<BTreeSet<String>, LibraryError> {
    let mut all = BTreeSet::new();
    for (release, _) in cache.library.releases() {
        all.extend(cache.library.corpus().destinations(release).into_iter().map(|(on, _)| on));
        for architecture in cache.library.corpus().architectures(release) {
            let layouts = cache.catalogue(release, architecture)?;
            all.extend(
                layouts.iter().flat_map(|layouts| layouts.catalogue.all_machines.iter().cloned()),
            );
        }
    }
    Ok(all)
}

/// Whether a release has a machine type, as far as the corpus tells.
///
/// # Errors
/// Files that cannot be read.
pub fn lacks_machine(
    cache: &LayoutCache<'_>,
    release: &str,
    machine: &str,
) -> Result<Option<Lacking>, LibraryError> {
    let library = cache.library;
    if library.corpus().destinations(release).iter().any(|(on, _)| on == machine) {
        return Ok(None);
    }
    let none = || Lacking::Type(format!("{release} has no machine type {machine}"));
    if let Some(layouts) = cache.catalogue_on(release, machine)? {
        let has = layouts.catalogue.all_machines.iter().any(|name| name == machine);
        return Ok((!has).then(none));
    }
    // A machine type is never older than the release that brought it.
    let newer = crate::dialect::Generation::of(machine).is_some_and(|generation| {
        library.version(release).is_ok_and(|version| generation.newer_than(version))
    });
    Ok(Some(match newer {
        true => none(),
        false => Lacking::Unknown(format!("{release} was not recorded on {machine}")),
    }))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{board_has, first_instance, with_twin};
    use crate::release::catalogue::{Entry, Layouts};

    /// Layouts of these device types; each sends a section `input` that begins with some bytes.
    fn layouts(types: &[(&str, [u8; 16])]) -> Rc<Layouts> {
        let mut layouts = Layouts::default();
        for (device, payload) in types {
            let from = layouts.payloads.push(payload);
            let text = format!(
                r#"{{"device": "{device}", "section": "input", "has_path": true, "instance_id": 0,
                "alias_id": -1, "version_id": 1, "body": {{"vmsd": "input"}}, "machines": [],
                "payload": [{from}, 16]}}"#
            );
            let entry: Entry = serde_json::from_str(&text).expect("entry");
            layouts.catalogue.types.insert((*device).to_owned(), String::new());
            layouts.catalogue.entries.push(entry);
        }
        Rc::new(layouts)
    }

    const INPUT: [u8; 16] = [0, 0, 0, 2, 0xf4, 0x1a, 0x52, 0x10, 0, 0, 0, 0, 1, 0, 0x80, 9];
    const OTHER: [u8; 16] = [0, 0, 0, 2, 0xf4, 0x1a, 0x53, 0x10, 0, 0, 0, 0, 1, 0, 0x80, 9];

    #[test]
    fn devices_with_one_section_are_numbered_together() {
        let mut both =
            Rc::into_inner(layouts(&[("duplex", INPUT), ("output", INPUT)])).expect("one");
        both.catalogue.entries[1].instance_id = 2;
        let output = both.catalogue.entries[1].clone();
        let found = (output.clone(), Rc::new(both));
        assert_eq!(first_instance(Some(&found), &output), 0);
    }

    #[rstest::rstest]
    // The destination has a device that looks the same: it is taken for that.
    #[case(&[("touch", INPUT), ("tablet", INPUT)], &[("tablet", INPUT)], "tablet")]
    // It has both.
    #[case(&[("touch", INPUT), ("tablet", INPUT)], &[("tablet", INPUT), ("touch", INPUT)], "touch")]
    // What it has says that it is another.
    #[case(&[("touch", INPUT), ("tablet", OTHER)], &[("tablet", OTHER)], "touch")]
    #[case(&[("touch", INPUT)], &[("tablet", INPUT)], "touch")]
    fn a_device_that_a_release_lacks_may_be_one_that_looks_the_same(
        #[case] source: &[(&str, [u8; 16])],
        #[case] destination: &[(&str, [u8; 16])],
        #[case] expected: &str,
    ) {
        let from = layouts(source);
        let entry = from.catalogue.entries[0].clone();
        let (twin, _) = with_twin(&(entry, from), Some(&layouts(destination)));
        assert_eq!(twin.device, expected);
    }

    #[rstest::rstest]
    #[case("microvm", 0, Some(true))]
    #[case("microvm", 1, Some(false))]
    // Of a machine type that was not recorded nothing is known.
    #[case("pc-q35-7.2", 1, None)]
    fn what_a_board_registers(
        #[case] machine: &str,
        #[case] instance: u32,
        #[case] expected: Option<bool>,
    ) {
        let mut layouts = Layouts::default();
        layouts.catalogue.machines = vec!["microvm".to_owned()];
        let entry = |device: &str, varied: &str, instance: u32| -> Entry {
            let text = format!(
                r#"{{"device": "{device}", "varied": "{varied}", "section": "ioapic",
                "instance_id": {instance}, "alias_id": -1, "version_id": 1,
                "body": {{"vmsd": "ioapic"}}, "machines": ["microvm"], "payload": [0, 0]}}"#
            );
            serde_json::from_str(&text).expect("entry")
        };
        // A second one comes with a device, or with an option.
        layouts.catalogue.entries =
            vec![entry("", "", 0), entry("nic", "", 1), entry("", "-smp 2", 1)];
        assert_eq!(board_has(&layouts, machine, "ioapic", instance), expected);
    }
}
