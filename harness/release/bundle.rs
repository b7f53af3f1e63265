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
//! All machine types and scenarios of a release fill the same partial descriptions (`partial`,
//! `describe`): an old machine type, whose stream has no VMDESCRIPTION, has its codecs from a newer
//! one. What stays open is taken from other releases' tables under narrow conditions and with a mark
//! (`inherit`), or stays [`Kind::Unknown`](crate::vmstate::schema::Kind::Unknown) (`assemble`).

pub mod answers;
mod assemble;
mod describe;
pub mod dump;
mod handlers;
mod inherit;
mod known;
mod partial;
pub mod recording;
mod resolve;
#[cfg(test)]
mod tests;
pub mod trace_log;
mod undumped;

use std::collections::BTreeSet;

use crate::release::notes::Note;
use crate::stream::vmdescription::{self, Description, DescriptionError};
use crate::vmstate::schema::{Answers, Body, Handler, Handlers, Tables};
use handlers::SentSection;
use partial::{Id, Partials};
pub use trace_log::TraceLog;

/// `Handlers::origin` of what this importer makes.
pub const ORIGIN: &str = "bundle";

/// What a stock binary of one release says about itself.
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
    /// What the trace of a self-load says.
    pub trace: Option<TraceLog>,
    /// The captured stream.
    pub stream: Vec<u8>,
}

/// Tables of other releases to inherit from, preferred first. Those of the bundle's own release
/// are passed over, so that both sources can be compared with each other.
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
    pub notes: Vec<Note>,
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
struct ParsedScenario {
    machine: String,
    scenario: String,
    trace: Option<TraceLog>,
    description: Option<Description>,
    /// Partial descriptions of the sections, in stream order.
    sections: Vec<(SentSection, Option<Id>)>,
}

/// Turns a bundle into tables and destinations.
///
/// # Errors
/// When a trace log, a dump or a VMDESCRIPTION does not have its form, or a self-load failed.
/// What is missing is no error: it is noted.
pub fn import_bundle(input: BundleInput, pool: &Pool) -> Result<Imported, BundleError> {
    let release = input.release;
    let (dump, mut reported) = parse(input.machines)?;
    let mut partials = Partials::new(dump);
    for scenario in &mut reported {
        scenario.adopt(&mut partials);
    }
    partials.complete(0);
    for scenario in &mut reported {
        scenario.describe(&mut partials);
    }
    let others = inherit::OtherReleases::new(pool, &release);
    let mut assembler = assemble::Assembler::new(&release, &partials, &others);
    let mut handlers = Vec::new();
    let mut notes = Vec::new();
    for scenario in &mut reported {
        if scenario.sections.is_empty() {
            let ParsedScenario { machine, scenario, .. } = scenario;
            let place = format!("{machine}.{scenario}");
            notes.push(Note::at(place, "left out: neither trace nor VMDESCRIPTION"));
            continue;
        }
        let mut list = Handlers {
            release: release.clone(),
            machine: scenario.machine.clone(),
            scenario: scenario.scenario.clone(),
            origin: ORIGIN.to_owned(),
            ..Handlers::default()
        };
        let mut sent = Vec::new();
        for (mut section, id) in std::mem::take(&mut scenario.sections) {
            section.vmsd =
                id.and_then(|id| Some((partials.get(id)?.name.clone(), assembler.key(id))));
            sent.push(section);
        }
        handlers::add_handlers(&mut list, sent, &others, &mut notes);
        handlers.push(list);
    }
    let tables = assembler.tables();
    for list in &mut handlers {
        let own = |of: &&ParsedScenario| of.machine == list.machine && of.scenario == list.scenario;
        let Some(scenario) = reported.iter().find(own) else { continue };
        for handler in &mut list.handlers {
            let Some((answers, differ)) = scenario.answers(tables, handler) else { continue };
            handler.answers = answers;
            let place = format!("{}.{}", list.machine, list.scenario);
            notes.extend(differ.iter().map(|path| {
                Note::at(format!("{path} of {} in {place}", handler.idstr), "differs by element")
            }));
        }
    }
    notes.append(&mut assembler.notes);
    notes.extend(partials.conflicts.iter().cloned());
    let notes: BTreeSet<Note> = notes.into_iter().collect();
    let notes = notes.into_iter().collect();
    Ok(Imported { tables: assembler.into_tables(), handlers, notes })
}

/// Reads the text of a trace, called `file`, that a scenario has.
///
/// # Errors
/// When it does not have its form, or the self-load failed.
pub fn traced(file: &str, text: &str) -> Result<TraceLog, BundleError> {
    trace_log::parse(text).map_err(|source| BundleError::Trace { file: file.to_owned(), source })
}

fn parse(machines: Vec<BundleMachine>) -> Result<(dump::Dump, Vec<ParsedScenario>), BundleError> {
    let mut dump = dump::Dump::default();
    let mut reported = Vec::new();
    for machine in machines {
        if let Some(json) = &machine.dump {
            let file = machine.machine.clone();
            dump.add(json).map_err(|source| BundleError::Dump { file, source })?;
        }
        for scenario in machine.scenarios {
            let json = vmdescription::locate(&scenario.stream)
                .and_then(|(start, len)| scenario.stream.get(start..)?.get(..len));
            let description = json.map(vmdescription::parse).transpose();
            let description = description.map_err(|source| {
                let file = format!("{}.{}", machine.machine, scenario.scenario);
                BundleError::Description { file, source }
            })?;
            reported.push(ParsedScenario {
                machine: machine.machine.clone(),
                scenario: scenario.scenario,
                trace: scenario.trace,
                description,
                sections: Vec::new(),
            });
        }
    }
    Ok((dump, reported))
}

impl ParsedScenario {
    /// Takes the trace into the partial descriptions.
    fn adopt(&mut self, partials: &mut Partials) {
        let Some(trace) = &self.trace else { return };
        for section in &trace.sections {
            let id = section.load.as_ref().map(|load| partials.adopt(load, trace.shows_hooks));
            let sent = SentSection {
                idstr: section.idstr.clone(),
                instance_id: section.instance_id,
                version_id: section.version_id,
                vmsd: None,
            };
            self.sections.push((sent, id));
        }
    }

    /// What its self-load and its VMDESCRIPTION tell of a section's layout.
    fn answers(&self, tables: &Tables, handler: &Handler) -> Option<(Answers, BTreeSet<String>)> {
        let Body::Vmsd(key) = &handler.body else { return None };
        let (idstr, instance_id) = (&handler.idstr, handler.instance_id);
        let mut traced = self.trace.iter().flat_map(|trace| &trace.sections);
        let traced = traced.find(|s| s.idstr == *idstr && s.instance_id == instance_id);
        let mut described = self.description.iter().flat_map(|all| &all.devices);
        let described = described.find(|d| d.name == *idstr && d.instance_id == instance_id);
        let load = traced.and_then(|section| section.load.as_ref());
        Some(answers::of(tables, key, load, described.map(|device| &device.body)))
    }

    /// Takes the VMDESCRIPTION into the partial descriptions, and its sections where there is no trace.
    fn describe(&mut self, partials: &mut Partials) {
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
                None => describe::partial_of(partials, &device.body),
            };
            describe::describe(partials, id, &device.body, traced);
            if !traced {
                let sent = SentSection {
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
