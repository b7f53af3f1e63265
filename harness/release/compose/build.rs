//! Source and destination of a machine, as handlers with their local values.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::choose::{self, Asked};
use super::fill::filled;
use super::find::{
    Found, find, first, lacks_device, lacks_machine, registers_otherwise, shelves_of,
};
use super::machine::{Machine, Sent};
use super::recorded::{Recorded, place, recorded};
use super::shelf::{RAM, Shelves};
use super::transfer;
use super::{kvm, memory};
use crate::dialect::machine::{X86_64, architecture};
use crate::release::catalogue::Entry;
use crate::release::library::{Library, LibraryError};
use crate::stream::{self, Destination};
use crate::vmstate::codec::slirp;
use crate::vmstate::schema::{Answers, Body, Handler, Handlers, Tables};

/// What composed destinations have in the place of a scenario's name.
pub const COMPOSED: &str = "composed";

/// What is composed: a release, or a downstream build of it with descriptions of its own.
#[derive(Debug, Clone, Copy)]
pub struct Kit<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The release whose layouts it has.
    pub release: &'a str,
    /// Its descriptions.
    pub tables: &'a Tables,
}

impl<'a> Kit<'a> {
    /// A release of the corpus on x86_64; `None` if that has no tables of it.
    #[must_use]
    pub fn of(library: &'a Library, release: &'a str) -> Option<Self> {
        Some(Kit { name: release, release, tables: library.tables(release, X86_64)? })
    }

    /// The same with the tables of a machine type's architecture; `None` if there are none. Of a
    /// downstream nothing is known but of x86_64.
    fn on(&self, library: &'a Library, machine: &str) -> Option<Self> {
        match architecture(machine) {
            X86_64 => Some(*self),
            other if self.name == self.release => {
                Some(Kit { tables: library.tables(self.release, other)?, ..*self })
            }
            _ => None,
        }
    }

    /// What lacks where there are none.
    fn lacks(&self, machine: &str) -> Lacking {
        Lacking::Unknown(format!("{} was not recorded on {}", self.name, architecture(machine)))
    }
}

/// A destination for a machine, and what it rests on.
#[derive(Debug)]
pub struct Composed {
    /// The destination.
    pub destination: Destination,
    /// What was taken from the stream, because the destination is started with the same
    /// configuration, in words.
    pub assumptions: Vec<String>,
    /// How many sections of the stream nothing of a source is known to send: neither its catalogue has
    /// them, nor the dump of its device classes.
    pub foreign: usize,
    /// How much of the stream's description a source calls otherwise; see [`choose::strange`].
    pub strange: usize,
    /// Sections whose layout was not recorded on this machine type, by idstr: where it was.
    pub elsewhere: BTreeMap<String, String>,
    /// For each section of the stream, in its order, what it is in the release.
    pub(super) chosen: Vec<Chosen>,
    /// Of a source: its default values, by path identity, as its recorded payloads have them.
    defaults: HashMap<u64, Vec<u8>>,
}

/// Why a release does not take a machine at all, or nobody can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lacking {
    /// It has no such machine type or device type.
    Type(String),
    /// The corpus does not say enough of it.
    Unknown(String),
}

/// What one section is in a release.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    /// The entry.
    pub(super) entry: Option<Found>,
    /// What is decided of its layout.
    answers: Answers,
    /// What is not known, in words, where there is no entry.
    missing: Option<String>,
}

/// A machine as a build sent it. Layouts are the release's; what its configuration decides is what
/// the stream's description says, or the recorded values without one.
///
/// # Errors
/// Files that cannot be read. `Err` inside: why the release cannot have sent it.
pub fn source(
    shelves: &Shelves<'_>,
    kit: &Kit<'_>,
    machine: &Machine,
) -> Result<Result<Composed, Lacking>, LibraryError> {
    let Some(name) = &machine.machine else {
        return Ok(Err(Lacking::Unknown("the stream does not say its machine type".to_owned())));
    };
    let Some(kit) = &kit.on(shelves.library, name) else { return Ok(Err(kit.lacks(name))) };
    let more = more(shelves.library, kit, machine, true);
    let kit = &Kit { tables: more.as_ref().unwrap_or(kit.tables), ..*kit };
    let Kit { release, tables, .. } = *kit;
    let (mut strange, mut foreign) = (0, 0);
    let catalogue = shelves.catalogue_on(release, name)?;
    let sends = |section: &str| {
        let known = catalogue.iter().flat_map(|shelf| &shelf.catalogue.described);
        known.into_iter().any(|described| described == section)
    };
    let (brought, described) = &machine.brought;
    let mut chosen = Vec::new();
    // As the machine is configured, and as the release has them by default.
    let (mut handlers, mut own) = (Vec::new(), Vec::new());
    let loaders = shelves.loaders(release, name)?;
    for sent in &machine.sections {
        if let Some(known) = by_hand(sent, &loaders) {
            own.push(known.clone());
            handlers.push(known);
            chosen.push(Chosen { entry: None, answers: Answers::default(), missing: None });
            continue;
        }
        let body = machine.body(sent);
        let asked = Asked { sent, body, machine: name };
        let mut found = None;
        for shelf in shelves_of(shelves, release, name)? {
            found =
                choose::own(&shelf, tables, &asked).cloned().map(|entry| (entry, shelf.clone()));
            if found.is_some() {
                break;
            }
        }
        let missing = found.is_none().then(|| format!("section {} of {release}", sent.name()));
        foreign += usize::from(found.is_none() && !sends(sent.name()));
        let mut answers = Answers::default();
        if let Some((entry, _)) = &found {
            answers = entry.answers.clone();
            answers.extend(&sent.answers);
            strange += usize::from(entry.version_id != sent.version_id);
            if let (Body::Vmsd(key), Some(body)) = (&entry.body, body) {
                strange += choose::strange(tables, key, body);
                answers.extend(&choose::described(tables, key, body));
            }
            let (idstr, id) = (|| sent.idstr.clone(), sent.instance_id);
            handlers.push(handler(entry, idstr(), id, answers.clone()));
            own.push(handler(entry, idstr(), id, entry.answers.clone()));
        } else {
            // It is read as it describes itself.
            let same = |h: &&Handler| h.idstr == sent.idstr && h.instance_id == sent.instance_id;
            let what = missing.as_deref().unwrap_or_default();
            let described = described.iter().find(same).cloned();
            let described = described.unwrap_or_else(|| unknown(sent, what));
            own.push(described.clone());
            handlers.push(described);
        }
        chosen.push(Chosen { entry: found, answers, missing });
    }
    let mut extended = None;
    if chosen.iter().any(|chosen: &Chosen| chosen.missing.is_some()) {
        let mut tables = tables.clone();
        tables.vmsd.extend(brought.vmsd.clone());
        extended = Some(tables);
    }
    let kit = &Kit { tables: extended.as_ref().unwrap_or(tables), ..*kit };
    let mut destination = built(shelves, kit, name, handlers)?;
    let plain = built(shelves, kit, name, own)?;
    destination.dialect.description = machine.described;
    let defaults = recorded(&chosen, &plain).local.items;
    let (assumptions, elsewhere) = (Vec::new(), BTreeMap::new());
    Ok(Ok(Composed { destination, assumptions, foreign, strange, elsewhere, chosen, defaults }))
}

/// The destination that a build makes of a machine. `source` is the machine as it was sent, with
/// the values that its own load read ([`crate::vmstate::Local::items`]).
///
/// # Errors
/// Files that cannot be read. `Err` inside: why there is no such destination.
pub fn destination(
    shelves: &Shelves<'_>,
    kit: &Kit<'_>,
    machine: &Machine,
    source: &Composed,
) -> Result<Result<Composed, Lacking>, LibraryError> {
    let name = source.destination.machine.clone();
    if let Some(lacking) = lacks_machine(shelves, kit.release, &name)? {
        return Ok(Err(lacking));
    }
    let Some(kit) = &kit.on(shelves.library, &name) else { return Ok(Err(kit.lacks(&name))) };
    let more = more(shelves.library, kit, machine, kit.name == source.destination.release);
    let kit = &Kit { tables: more.as_ref().unwrap_or(kit.tables), ..*kit };
    let Kit { release, tables, .. } = *kit;
    let catalogue = shelves.catalogue_on(release, &name)?;
    // What PCs have in common, scenarios tell, too.
    let catalogued = catalogue.as_ref().is_some_and(|shelf| shelf.catalogue.has_board(&name));
    if !name.starts_with("pc-") && !catalogued {
        let what = format!("what {release} has on boards like {name} beyond its scenarios");
        return Ok(Err(Lacking::Unknown(what)));
    }
    let mut assumptions = Vec::new();
    let mut elsewhere = BTreeMap::new();
    let mut parts = Parts::default();
    let loaders = shelves.loaders(release, &name)?;
    for (sent, from) in machine.sections.iter().zip(&source.chosen) {
        if let Some(known) = by_hand(sent, &loaders) {
            parts.without_entry(known, None);
            continue;
        }
        let body = machine.body(sent);
        let asked = Asked { sent, body, machine: &name };
        let found = find(shelves, release, &name, from.entry.as_ref(), &asked, tables)?;
        if let (None, Some((entry, _)), Some(shelf)) = (&found, &from.entry, &catalogue)
            && let Some(why) = lacks_device(&shelf.catalogue.types, &entry.device)
        {
            match why {
                None => {
                    let what = format!("{release} has no device {}", entry.device);
                    return Ok(Err(Lacking::Type(what)));
                }
                Some(why) => {
                    let what = format!("device {} of {release}: {why}", entry.device);
                    parts.without_entry(unknown(sent, &what), Some(what));
                    continue;
                }
            }
        }
        if found.is_none() && registers_otherwise(from.entry.as_ref(), catalogue.as_deref()) {
            // Its device registers no section of this name: none is found.
            let nobody = Sent { idstr: String::new(), ..sent.clone() };
            let what = format!("{release} registers no section {}", sent.name());
            assumptions.push(what.clone());
            parts.without_entry(unknown(&nobody, &what), None);
            continue;
        }
        let Some((entry, shelf)) = found else {
            let what = format!("section {} in {release}", sent.name());
            parts.without_entry(unknown(sent, &what), Some(what));
            continue;
        };
        let idstr = match (entry.has_path, sent.path(sent.name())) {
            (true, Some(path)) => format!("{path}/{}", entry.section),
            _ => entry.section.clone(),
        };
        let before = from.entry.as_ref().map(|(entry, _)| entry);
        // Releases may count from another number; from there on they count alike.
        let base = before.map_or(0, |before| first(from.entry.as_ref(), before));
        let own_base = first(Some(&(entry.clone(), shelf.clone())), &entry);
        let instance_id = sent.instance_id.wrapping_sub(base).wrapping_add(own_base);
        let default = before.map(|before| &before.answers);
        let mut defaults = entry.answers.clone();
        if sent.version_id != entry.version_id {
            // A hook of which the sender knows nothing may go by the version, and was seen for another.
            defaults.present.retain(|path, _| from.answers.present.contains_key(path));
        }
        let (answers, taken) = transfer::answers(&from.answers, default, &defaults);
        if !shelf.catalogue.is_on(&entry, &name) {
            elsewhere.insert(idstr.clone(), entry.machines.join(", "));
        }
        assumptions.extend(taken.into_iter().map(|what| format!("{}: {what}", sent.idstr)));
        parts.own.push(handler(&entry, idstr.clone(), instance_id, entry.answers.clone()));
        parts.handlers.push(handler(&entry, idstr, instance_id, answers.clone()));
        parts.chosen.push(Chosen { entry: Some((entry, shelf)), answers, missing: None });
    }
    let Parts { own, handlers, chosen } = parts;
    let mut destination = built(shelves, kit, &name, handlers)?;
    destination.dialect.description = machine.described;
    destination.dialect.capabilities = Some(machine.capabilities);
    let on = machine.capabilities.names();
    assumptions.extend(on.map(|name| format!("migration capability {name} on")));
    let defaults = HashMap::new();
    let (foreign, strange) = (0, 0);
    let composed =
        Composed { destination, assumptions, foreign, strange, elsewhere, chosen, defaults };
    let default = built(shelves, kit, &name, own)?;
    let gone = memory::board_without(shelves, &source.destination.release, release, &name)?;
    Ok(Ok(locals(composed, &default, machine, source, &gone)))
}

/// A destination in the making: for each section of the stream its handler as the release has it by
/// default, the same as the machine is configured, and what it is.
#[derive(Debug, Default)]
struct Parts {
    own: Vec<Handler>,
    handlers: Vec<Handler>,
    chosen: Vec<Chosen>,
}

impl Parts {
    /// A section that no entry is of.
    fn without_entry(&mut self, handler: Handler, missing: Option<String>) {
        self.own.push(handler.clone());
        self.handlers.push(handler);
        self.chosen.push(Chosen { entry: None, answers: Answers::default(), missing });
    }
}

impl Composed {
    /// Sections of which the release is not known: what is missing, by section.
    #[must_use]
    pub fn missing(&self) -> Vec<&str> {
        self.chosen.iter().filter_map(|chosen| chosen.missing.as_deref()).collect()
    }

    /// How many local values that the source recorded are those of the stream: how much the stream
    /// looks like one of this release.
    #[must_use]
    pub fn likeness(&self) -> (usize, usize) {
        let items = &self.destination.local.items;
        let shared = self.defaults.iter().filter(|(identity, _)| items.contains_key(identity));
        let (mut same, mut all) = (0, 0);
        for (identity, own) in shared {
            all += own.len();
            let sent = items.get(identity).map_or(&[][..], Vec::as_slice);
            same += own.iter().zip(sent).filter(|(a, b)| a == b).count();
        }
        (same, all)
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
    let Recorded { mut local, places, registers } = recorded(&composed.chosen, default);
    local.from = Some(composed.destination.release.clone());
    for (identity, own) in &mut local.items {
        if let Some(sent) = sent.get(identity) {
            let before = before.get(identity).filter(|_| !places.contains(identity));
            *own = transfer::bytes(sent, before.map(Vec::as_slice), own);
        }
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

fn handler(entry: &Entry, idstr: String, instance_id: u32, answers: Answers) -> Handler {
    Handler {
        idstr,
        instance_id,
        alias_id: entry.alias_id,
        version_id: entry.version_id,
        compat: None,
        body: entry.body.clone(),
        answers,
        inherited_from: None,
    }
}

/// The tables of a release with what they lack and the machine's stream has, of the release that sent it
/// also what only the stream tells; `None` if that is nothing.
fn more(library: &Library, kit: &Kit<'_>, machine: &Machine, sent: bool) -> Option<Tables> {
    let told = sent.then(|| filled(kit.tables, &machine.brought.0)).flatten();
    let version = library.version(kit.release).ok()?;
    kvm::with_clock(told.as_ref().unwrap_or(kit.tables), machine, version).or(told)
}

/// Sections of what stands behind devices: name, version, alias. `audio` has no fields
/// (`vmstate_audio`), and is there as soon as there is an audio backend.
const BY_HAND: [(&str, u32, i64); 2] = [("slirp", slirp::VERSION, 0), ("audio", 1, -1)];

/// The handler of a section that no device registers and that has one form in every release, or of
/// one with a loader of its own.
fn by_hand(sent: &Sent, loaders: &[Handler]) -> Option<Handler> {
    if let Some(own) = loaders.iter().find(|h| h.idstr == sent.idstr) {
        return Some(Handler { instance_id: sent.instance_id, ..own.clone() });
    }
    if sent.idstr == kvm::CLOCK {
        let body = Body::Vmsd(kvm::CLOCK.to_owned());
        return Some(Handler { version_id: 1, body, ..unknown(sent, kvm::CLOCK) });
    }
    let (_, version_id, alias_id) = BY_HAND.into_iter().find(|(name, ..)| *name == sent.idstr)?;
    Some(Handler { alias_id, version_id, ..unknown(sent, &sent.idstr) })
}

/// A section of which nothing is known.
fn unknown(sent: &Sent, what: &str) -> Handler {
    Handler {
        idstr: sent.idstr.clone(),
        instance_id: sent.instance_id,
        alias_id: -1,
        version_id: u32::MAX,
        compat: None,
        body: Body::Loader(what.to_owned()),
        answers: Answers::default(),
        inherited_from: None,
    }
}

/// A destination with the live handlers and these.
fn built(
    shelves: &Shelves<'_>,
    kit: &Kit<'_>,
    machine: &str,
    mut sections: Vec<Handler>,
) -> Result<Destination, LibraryError> {
    // A downstream that bumps a description bumps the section that it is the body of.
    for handler in &mut sections {
        if let Body::Vmsd(key) = &handler.body
            && let Some(vmsd) = kit.tables.vmsd.get(key)
        {
            handler.version_id = handler.version_id.max(vmsd.version_id);
        }
    }
    // What is sent in parts is no section of the stream's here.
    let live = shelves.loaders(kit.release, machine)?;
    let live = live.iter().filter(|own| sections.iter().all(|h| h.idstr != own.idstr));
    let live: Vec<Handler> = live.cloned().collect();
    let ram = Handler {
        idstr: RAM.to_owned(),
        instance_id: 0,
        alias_id: 0,
        version_id: 4,
        compat: None,
        body: Body::Loader("ram_load".to_owned()),
        answers: Answers::default(),
        inherited_from: None,
    };
    let list = Handlers {
        release: kit.release.to_owned(),
        machine: machine.to_owned(),
        scenario: COMPOSED.to_owned(),
        origin: COMPOSED.to_owned(),
        handlers: std::iter::once(ram).chain(sections).chain(live).collect(),
        ..Handlers::default()
    };
    let mut destination = shelves.library.build(&list, kit.tables)?;
    kit.name.clone_into(&mut destination.release);
    Ok(destination)
}
