//! A composed destination: the machine of a stream in another release.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::between;
use super::build::{by_hand, completed_tables, destination_of, handler, unknown};
use super::choose::SectionQuery;
use super::composed::{BuildTables, Choice, Composed};
use super::find::Lacking;
use super::find::{
    board_has, find, first_instance, lacks_device, lacks_machine, registers_other_sections,
    with_twin,
};
use super::layouts::LayoutCache;
use super::machine::{Machine, SentSection};
use super::memory;
use super::recorded::{RecordedDefaults, place, recorded};
use super::transfer;
use super::translation;
use super::transport::{Transports, moved};
use crate::release::library::LibraryError;
use crate::stream::{self, Destination};
use crate::vmstate::schema::{Answers, Handler};

/// The destination that a build makes of a machine. `source` is the machine as it was sent, with
/// the values that its own load read ([`crate::vmstate::Local::items`]).
///
/// # Errors
/// Files that cannot be read. `Err` inside: why there is no such destination.
pub fn destination(
    cache: &LayoutCache<'_>,
    build: &BuildTables<'_>,
    machine: &Machine,
    source: &Composed,
) -> Result<Result<Composed, Lacking>, LibraryError> {
    let name = source.destination.machine.clone();
    if let Some(lacking) = lacks_machine(cache, build.release, &name)? {
        return Ok(Err(lacking));
    }
    let Some(build) = &build.on(cache.library, &name) else { return Ok(Err(build.lacks(&name))) };
    let completed_tables =
        completed_tables(cache.library, build, machine, build.name == source.destination.release);
    let build =
        &BuildTables { tables: completed_tables.as_ref().unwrap_or(build.tables), ..*build };
    let BuildTables { release, tables, .. } = *build;
    let catalogue = cache.catalogue_on(release, &name)?;
    // What PCs have in common, scenarios tell, too.
    let catalogued = catalogue.as_ref().is_some_and(|layouts| layouts.catalogue.has_board(&name));
    if !name.starts_with("pc-") && !catalogued {
        let what = format!("what {release} has on boards like {name} beyond its scenarios");
        return Ok(Err(Lacking::Unknown(what)));
    }
    let mut elsewhere = BTreeMap::new();
    let mut parts = Parts::default();
    let own = cache.library.version(release).ok();
    let transports = (
        Transports::of(&name, source.destination.version),
        own.and_then(|own| Transports::of(&name, own)),
    );
    let loaders = cache.loaders(release, &name)?;
    for (sent, from) in machine.sections.iter().zip(&source.chosen) {
        let types = catalogue.as_ref().map(|layouts| &layouts.catalogue.types);
        let known = sent.device.as_deref().zip(types);
        if let Some((device, _)) = known.filter(|(of, types)| lacks_device(types, of) == Some(None))
        {
            return Ok(Err(Lacking::Type(format!("{release} has no device {device}"))));
        }
        let sender = from.entry.as_ref().map(|own| with_twin(own, catalogue.as_deref()));
        if let Some(known) = by_hand(sent, &loaders) {
            parts.without_entry(known, None);
            continue;
        }
        let body = machine.body(sent);
        let query = SectionQuery { sent, body, machine: &name };
        let found = find(cache, release, &name, sender.as_ref(), &query, tables)?;
        if let (None, Some((entry, _)), Some(layouts)) = (&found, &sender, &catalogue)
            && let Some(why) = lacks_device(&layouts.catalogue.types, &entry.device)
        {
            match why {
                None => {
                    let what = format!("{release} has no device {}", entry.device);
                    return Ok(Err(Lacking::Type(what)));
                }
                Some(why) if blocks(&why, &entry.section) => {
                    parts.without_entry(unknown(sent, stream::UNMIGRATABLE), None);
                    continue;
                }
                Some(why) => {
                    let what = format!("device {} of {release}: {why}", entry.device);
                    parts.without_entry(unknown(sent, &what), Some(what));
                    continue;
                }
            }
        }
        if found.is_none() && registers_other_sections(sender.as_ref(), catalogue.as_deref()) {
            // Its device registers no section of this name: none is found.
            let what = format!("{release} registers no section {}", sent.name());
            parts.nobody(sent, what);
            continue;
        }
        let Some((entry, layouts)) = found else {
            let what = format!("section {} in {release}", sent.name());
            parts.without_entry(unknown(sent, &what), Some(what));
            continue;
        };
        let idstr = match (entry.has_path, sent.path(sent.name())) {
            (true, Some(path)) => format!("{path}/{}", entry.section),
            _ => entry.section.clone(),
        };
        let elsewhere_on_board = moved(machine, &idstr, transports.0, transports.1);
        if let Some(own) = &elsewhere_on_board {
            parts.assumptions.push(format!("{}: no bus was named for it, so {own}", sent.idstr));
        }
        let idstr = elsewhere_on_board.unwrap_or(idstr);
        let before = sender.as_ref().map(|(entry, _)| entry);
        if let Some((of, twin)) = from.entry.as_ref().map(|(own, _)| own).zip(before)
            && of.device != twin.device
        {
            let what = format!("{}: it is a {}, not a {}", sent.idstr, twin.device, of.device);
            parts.assumptions.push(what);
        }
        // Releases may count from another number; from there on they count alike.
        let base = before.map_or(0, |before| first_instance(sender.as_ref(), before));
        let own_base = first_instance(Some(&(entry.clone(), layouts.clone())), &entry);
        let further = sent.instance_id.wrapping_sub(base);
        let again = further > 0 || parts.own.iter().any(|h| h.idstr == idstr);
        let alike = layouts.catalogue.alike.get(&entry.section).filter(|_| again);
        if let Some(said) = alike.filter(|said| !said.is_empty()) {
            let what = format!("{release} has one {} at most: {said}", entry.section);
            return Ok(Err(Lacking::Type(what)));
        }
        if further > 0 && alike.is_some() {
            let what = format!("{release} registers every {} as {own_base}", entry.section);
            parts.nobody(sent, what);
            continue;
        }
        let instance_id = own_base.wrapping_add(further);
        let had = sender.as_ref().is_some_and(|(before, layouts)| {
            board_has(layouts, &name, &before.section, sent.instance_id) == Some(true)
        });
        if further > 0
            && had
            && board_has(&layouts, &name, &entry.section, instance_id) == Some(false)
        {
            let what = format!("{release} has no {} {instance_id} on {name}", entry.section);
            parts.nobody(sent, what);
            continue;
        }
        let known =
            sender.as_ref().filter(|_| !layouts.catalogue.is_on(&entry, &name)).and_then(|own| {
                let sent = (&sent.payload[..], &from.answers);
                let (entry, like) = between::as_sent(&layouts, &entry, own, sent, &name)?;
                Some((entry.clone(), like.to_owned()))
            });
        if let Some((_, like)) = &known {
            let what = format!("{}: as on {like}, as what was sent shows", sent.idstr);
            parts.assumptions.push(what);
        }
        let is_known = known.is_some();
        let entry = known.map_or(entry, |(entry, _)| entry);
        let default = before.map(|before| &before.answers);
        let mut defaults = entry.answers.clone();
        if sent.version_id != entry.version_id {
            // A hook of which the sender knows nothing may go by the version, and was seen for another.
            defaults.present.retain(|path, _| from.answers.present.contains_key(path));
        }
        let (answers, taken) = transfer::answers(&from.answers, default, &defaults);
        if !is_known && !layouts.catalogue.is_on(&entry, &name) {
            elsewhere.insert(idstr.clone(), entry.machines.join(", "));
        }
        parts.assumptions.extend(taken.into_iter().map(|what| format!("{}: {what}", sent.idstr)));
        parts.own.push(handler(&entry, idstr.clone(), instance_id, entry.answers.clone()));
        parts.handlers.push(handler(&entry, idstr, instance_id, answers.clone()));
        parts.chosen.push(Choice { entry: Some((entry, layouts)), answers, missing: None });
    }
    let Parts { own, handlers, chosen, mut assumptions } = parts;
    let mut destination = destination_of(cache, build, &name, handlers)?;
    destination.dialect.description = machine.described;
    destination.dialect.capabilities = Some(machine.capabilities);
    let on = machine.capabilities.names();
    assumptions.extend(on.map(|name| format!("migration capability {name} on")));
    let defaults = HashMap::new();
    let (foreign, mismatches) = (0, 0);
    let composed =
        Composed { destination, assumptions, foreign, mismatches, elsewhere, chosen, defaults };
    let default = destination_of(cache, build, &name, own)?;
    let gone = memory::board_without(cache, &source.destination.release, release, &name)?;
    Ok(Ok(locals(composed, &default, machine, source, &gone)))
}

/// Whether a device type is not catalogued as its own section blocks migration.
fn blocks(why: &str, section: &str) -> bool {
    let device = why.split_once("State blocked by non-migratable device '");
    let idstr = device.and_then(|(_, rest)| rest.split('\'').next());
    idstr.is_some_and(|idstr| idstr.rsplit('/').next() == Some(section))
}

/// A destination in the making: for each section of the stream its handler as the release has it by
/// default, the same as the machine is configured, what it is, and what was taken to be so.
#[derive(Debug, Default)]
struct Parts {
    own: Vec<Handler>,
    handlers: Vec<Handler>,
    chosen: Vec<Choice>,
    assumptions: Vec<String>,
}

impl Parts {
    /// A section that nothing registers: it is not found.
    fn nobody(&mut self, sent: &SentSection, why: String) {
        let nobody = SentSection { idstr: String::new(), ..sent.clone() };
        self.without_entry(unknown(&nobody, &why), None);
        self.assumptions.push(why);
    }

    /// A section that no entry is of.
    fn without_entry(&mut self, handler: Handler, missing: Option<String>) {
        self.own.push(handler.clone());
        self.handlers.push(handler);
        self.chosen.push(Choice { entry: None, answers: Answers::default(), missing });
    }
}

/// Gives a destination its local values; `default` has the layouts under which they were recorded.
fn locals(
    mut composed: Composed,
    default: &Destination,
    machine: &Machine,
    source: &Composed,
    gone: &BTreeSet<Vec<u8>>,
) -> Composed {
    let sent = &source.destination.local.items;
    let before = &source.defaults;
    let RecordedDefaults { mut local, places, extended, registers } =
        recorded(&composed.chosen, default);
    local.from = Some(composed.destination.release.clone());
    for (identity, own) in &mut local.items {
        if let Some(sent) = sent.get(identity) {
            let before = before.get(identity).filter(|_| !places.contains(identity));
            *own = transfer::bytes(sent, before.map(Vec::as_slice), own);
        }
    }
    for (_, space) in local.items.iter_mut().filter(|(identity, _)| extended.contains(identity)) {
        let Destination { version, machine, .. } = &composed.destination;
        translation::set_alignment(space, *version, machine);
    }
    for (index, identity) in registers {
        let (sent, before) = (sent.get(&identity), before.get(&identity));
        if sent.zip(before).is_none_or(|(sent, before)| sent == before) {
            continue;
        }
        // The machine's registers are those of no model that was recorded.
        let what = format!(
            "system registers of this model of processor in {}",
            composed.destination.release
        );
        let at = place(&composed.destination, index);
        if let Some(handler) = at.and_then(|at| composed.destination.handlers.get_mut(at)) {
            handler.body = stream::Body::Unknown(what.clone());
        }
        if let Some(chosen) = composed.chosen.get_mut(index) {
            chosen.missing = Some(what);
        }
    }
    local.blocks = memory::blocks(&mut composed, machine, source, gone);
    composed.destination.local = local;
    composed
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[rstest::rstest]
    #[case(
        "migrate: State blocked by non-migratable device '0000:00:0b.1:00.0/nvme'",
        "nvme",
        true
    )]
    // It was its controller.
    #[case(
        "migrate: State blocked by non-migratable device '0000:00:0b.1:00.0/nvme'",
        "nvme_ns",
        false
    )]
    #[case("migrate: State blocked by non-migratable device 'nvme'", "nvme", true)]
    #[case("-device nvme: drive property not set", "nvme", false)]
    fn a_type_blocks_by_its_own_section(
        #[case] why: &str,
        #[case] section: &str,
        #[case] is: bool,
    ) {
        assert_eq!(blocks(why, section), is);
    }
}
