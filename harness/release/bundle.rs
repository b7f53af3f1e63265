//! Importer for a bundle: trace logs of self-loads, `-dump-vmstate`, captured streams.
//!
//! A stock binary of 2.6 or later tells nearly all of its tables itself, no debug information
//! needed:
//!
//! | source | tells |
//! | --- | --- |
//! | trace (`trace_log`) | every vmsd entered and its version; all its fields in order, present or not, with element counts; the sections in order |
//! | VMDESCRIPTION of the stream | codecs, sizes on the wire, kinds of nesting |
//! | `-dump-vmstate` (`dump`) | presence hooks, field and minimum versions, sizes in memory, all subsections |
//!
//! All machine types and scenarios of a release fill the same drafts (`draft`, `describe`): an
//! old machine type, whose stream has no VMDESCRIPTION, learns codecs from a newer one. What
//! stays open is taken from other releases' tables under narrow conditions and with a mark
//! (`inherit`), or stays [`Kind::Unknown`](crate::vmstate::schema::Kind::Unknown) (`finish`).

mod describe;
mod draft;
mod dump;
mod finish;
mod handlers;
mod inherit;
mod settle;
#[cfg(test)]
mod tests;
mod trace_log;

use std::collections::{BTreeMap, BTreeSet};

use crate::stream::vmdescription::{self, Description, DescriptionError};
use crate::vmstate::schema::{Handlers, Tables};
use draft::{Drafts, Id, Presence};
use handlers::Sent;
use trace_log::TraceLog;

/// `Handlers::origin` of what this importer makes.
pub const ORIGIN: &str = "bundle";

/// What a stock binary of one release told of itself.
#[derive(Debug, Clone, Default)]
pub struct BundleInput {
    /// The release.
    pub release: String,
    /// Its machine types.
    pub machines: Vec<BundleMachine>,
}

/// One machine type of a bundle.
#[derive(Debug, Clone, Default)]
pub struct BundleMachine {
    /// Machine type.
    pub machine: String,
    /// JSON text of `-dump-vmstate`.
    pub dump: Option<String>,
    /// What was captured on it.
    pub scenarios: Vec<BundleScenario>,
}

/// One scenario of a bundle.
#[derive(Debug, Clone, Default)]
pub struct BundleScenario {
    /// Scenario.
    pub scenario: String,
    /// Trace log of a self-load.
    pub trace: Option<String>,
    /// The captured stream.
    pub stream: Vec<u8>,
}

/// Tables of other releases to inherit from, preferred first. Those of the bundle's own release
/// are passed over, so that both sources can be held against each other.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// Descriptions and destinations of each.
    pub releases: Vec<(Tables, Vec<Handlers>)>,
}

/// What a bundle was turned into.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// Descriptions.
    pub tables: Tables,
    /// One list for each scenario that has a trace or a VMDESCRIPTION.
    pub handlers: Vec<Handlers>,
    /// What was left open or contradicts itself, in words.
    pub notes: Vec<String>,
}

/// Why a bundle was not understood. `file` names the part: `MACHINE` or `MACHINE.SCENARIO`.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum BundleError {
    #[error("{file}: trace log, {source}")]
    Trace { file: String, source: trace_log::TraceError },
    #[error("{file}: -dump-vmstate: {source}")]
    Dump { file: String, source: serde_json::Error },
    #[error("{file}: {source}")]
    Description { file: String, source: DescriptionError },
}

/// One scenario, parsed.
struct Told {
    machine: String,
    scenario: String,
    trace: Option<TraceLog>,
    description: Option<Description>,
    /// Drafts of the sections, in stream order.
    sections: Vec<(Sent, Option<Id>)>,
    /// What its self-load showed, by device.
    presence: Vec<(String, Presence)>,
}

/// Turns a bundle into tables and destinations.
///
/// # Errors
/// When a trace log, a dump or a VMDESCRIPTION does not have its form, or a self-load failed.
/// What is missing is no error: it is noted.
pub fn import_bundle(input: &BundleInput, pool: &Pool) -> Result<Imported, BundleError> {
    let (dump, mut told) = parse(input)?;
    let mut drafts = Drafts::new(dump);
    for scenario in &mut told {
        scenario.adopt(&mut drafts);
    }
    drafts.complete(0);
    for scenario in &mut told {
        scenario.describe(&mut drafts);
    }
    let heritage = inherit::Heritage::new(pool, &input.release);
    let mut finisher = finish::Finisher::new(&input.release, &drafts, &heritage);
    let mut handlers = Vec::new();
    let mut notes = Vec::new();
    for scenario in &mut told {
        if scenario.sections.is_empty() {
            let Told { machine, scenario, .. } = scenario;
            notes.push(format!("{machine}.{scenario}: neither trace nor VMDESCRIPTION; left out"));
            continue;
        }
        let mut list = Handlers {
            release: input.release.clone(),
            machine: scenario.machine.clone(),
            scenario: scenario.scenario.clone(),
            origin: ORIGIN.to_owned(),
            ..Handlers::default()
        };
        let mut sent = Vec::new();
        for (mut section, id) in std::mem::take(&mut scenario.sections) {
            section.vmsd = id.and_then(|id| Some((drafts.get(id)?.name.clone(), finisher.key(id))));
            sent.push(section);
        }
        handlers::add_handlers(&mut list, sent, &heritage, &mut notes);
        handlers.push(list);
    }
    let lists = told.iter().filter(|scenario| !scenario.presence.is_empty());
    for scenario in lists {
        let found = handlers
            .iter_mut()
            .find(|list| list.machine == scenario.machine && list.scenario == scenario.scenario);
        if let Some(list) = found {
            list.observed = observed(scenario, &drafts, &finisher.hooked, &mut notes);
        }
    }
    notes.append(&mut finisher.notes);
    notes.extend(drafts.conflicts.iter().cloned());
    let notes: BTreeSet<String> = notes.into_iter().collect();
    let notes = notes.into_iter().collect();
    Ok(Imported { tables: finisher.into_tables(), handlers, notes })
}

fn parse(input: &BundleInput) -> Result<(dump::Dump, Vec<Told>), BundleError> {
    let mut dump = dump::Dump::default();
    let mut told = Vec::new();
    for machine in &input.machines {
        if let Some(json) = &machine.dump {
            let file = machine.machine.clone();
            dump.add(json).map_err(|source| BundleError::Dump { file, source })?;
        }
        for scenario in &machine.scenarios {
            let file = || format!("{}.{}", machine.machine, scenario.scenario);
            let trace = scenario.trace.as_deref().map(trace_log::parse).transpose();
            let trace = trace.map_err(|source| BundleError::Trace { file: file(), source })?;
            let json = vmdescription::locate(&scenario.stream)
                .and_then(|(start, len)| scenario.stream.get(start..)?.get(..len));
            let description = json.map(vmdescription::parse).transpose();
            let description =
                description.map_err(|source| BundleError::Description { file: file(), source })?;
            told.push(Told {
                machine: machine.machine.clone(),
                scenario: scenario.scenario.clone(),
                trace,
                description,
                sections: Vec::new(),
                presence: Vec::new(),
            });
        }
    }
    Ok((dump, told))
}

impl Told {
    /// Takes the trace into the drafts.
    fn adopt(&mut self, drafts: &mut Drafts) {
        let Some(trace) = &self.trace else { return };
        for section in &trace.sections {
            let id = section.load.as_ref().map(|load| drafts.adopt(load, trace.tells_hooks));
            let device = section.idstr.rsplit('/').next().unwrap_or_default().to_owned();
            self.presence.push((device, drafts.take_presence()));
            let sent = Sent {
                idstr: section.idstr.clone(),
                instance_id: section.instance_id,
                version_id: section.version_id,
                vmsd: None,
            };
            self.sections.push((sent, id));
        }
    }

    /// Takes the VMDESCRIPTION into the drafts, and its sections where there is no trace.
    fn describe(&mut self, drafts: &mut Drafts) {
        let traced = self.trace.is_some();
        for device in self.description.iter().flat_map(|description| &description.devices) {
            if device.body.vmsd_name.is_none() {
                continue;
            }
            let known = self.sections.iter().find(|(sent, _)| {
                sent.idstr == device.name && sent.instance_id == device.instance_id
            });
            let id = match known.and_then(|(_, id)| *id) {
                Some(id) => id,
                None => describe::draft_of(drafts, &device.body),
            };
            describe::describe(drafts, id, &device.body, traced);
            let presence = drafts.take_presence();
            if !traced {
                let name = device.name.rsplit('/').next().unwrap_or_default().to_owned();
                self.presence.push((name, presence));
            }
            if !traced {
                let sent = Sent {
                    idstr: device.name.clone(),
                    instance_id: device.instance_id,
                    version_id: device.body.version.unwrap_or(0),
                    vmsd: None,
                };
                self.sections.push((sent, Some(id)));
            }
        }
    }
}

/// What one self-load showed of the fields with presence hooks: by field where all devices agree,
/// otherwise by device and field. A hook that gave both results for one device, being about guest
/// data, is left out for it.
fn observed(
    told: &Told,
    drafts: &Drafts,
    hooked: &BTreeMap<(Id, usize), bool>,
    notes: &mut Vec<String>,
) -> BTreeMap<String, bool> {
    let mut seen: BTreeMap<String, BTreeMap<&str, Option<bool>>> = BTreeMap::new();
    for (device, (id, index), shown) in
        told.presence.iter().flat_map(|(device, all)| all.iter().map(move |(k, v)| (device, k, v)))
    {
        let Some(alone) = hooked.get(&(*id, *index)) else { continue };
        let Some(draft) = drafts.get(*id) else { continue };
        let Some(field) = draft.fields.get(*index) else { continue };
        let key = draft.observation_key(field);
        let result = (shown.present != shown.absent).then_some(shown.present);
        let devices = seen.entry(key.clone()).or_default();
        let known = devices.entry(device).or_insert(result);
        if *known != result || result.is_none() {
            *known = None;
            if *alone {
                let Told { machine, scenario, .. } = told;
                notes.push(format!("{machine}.{scenario}: {key} was seen present and absent"));
            }
        }
    }
    let mut observed = BTreeMap::new();
    for (key, devices) in seen {
        let first = devices.values().next().copied().flatten();
        if devices.values().all(|result| *result == first) {
            observed.extend(first.map(|result| (key, result)));
        } else {
            let told = devices.iter().filter_map(|(device, result)| Some((device, (*result)?)));
            observed.extend(told.map(|(device, result)| (format!("{device}: {key}"), result)));
        }
    }
    observed
}
