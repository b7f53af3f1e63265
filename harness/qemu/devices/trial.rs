//! One machine with many devices, started, saved, and loaded by the same binary under trace; devices that
//! make this fail are found and left out.
//!
//! A binary mostly names the culprit: the option that it cannot follow, the section that cannot
//! migrate, a file that it misses. Where it names none, or dies, halves are tried until the culprit
//! is alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::QemuError;
use super::super::binary::Binary;
use super::super::connection::QmpError;
use super::super::emulator::{Emulator, Role, Setup};
use super::super::incoming::{IncomingOptions, load};
use super::super::monitor;
use super::super::process::{Deadline, ProcessError};
use super::rack::{Plugged, Rack};
use crate::release::bundle::{TraceLog, traced};
use crate::release::observed::ObservedVerdict;
use crate::wire::Feed;

/// Starts of one machine that are spent on finding culprits; a rack has some hundred devices, and each may cost several.
const STARTS: usize = 2000;

/// What is said of a binary that does not answer in time (`QmpError::TimeOut`).
const HANGS: &str = ": no answer within ";

/// A machine that could be saved and loaded.
#[derive(Debug, Clone)]
pub struct RecordedMachine {
    /// The devices in it.
    pub devices: Vec<Plugged>,
    /// Arguments, without those that every machine has.
    pub arguments: Vec<String>,
    /// Its stream.
    pub stream: Vec<u8>,
    /// What the trace of its load says.
    pub trace: TraceLog,
}

/// What came of a rack: machines that could be recorded, and why a device is in none.
#[derive(Debug, Default)]
pub struct Tried {
    /// The machines.
    pub recorded: Vec<RecordedMachine>,
    /// What was said of devices that are in none of them, by type.
    pub left_out: BTreeMap<String, String>,
    /// What another machine type need not find out again.
    pub hints: Hints,
}

/// What is known of devices beforehand, from another machine type.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// Types that want something behind them.
    pub backed: BTreeSet<String>,
    /// Types that would not go with others.
    pub alone: BTreeSet<String>,
    /// Option ROMs that were asked for.
    pub roms: BTreeSet<String>,
    /// A machine type that starts without devices, and how long that took.
    pub empty: Option<(String, Duration)>,
}

/// Devices with whose backends a start did not end, by type and values of properties, and what was said:
/// no other machine of the same recording waits for one of them again.
#[derive(Debug, Default)]
pub struct Hung(Mutex<BTreeMap<(String, String), String>>);

impl Hung {
    fn said_of(&self, device: &Plugged) -> Option<String> {
        let hung = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hung.get(&(device.device.clone(), device.varied.clone())).cloned()
    }

    fn note(&self, device: &Plugged, said: &str) {
        let mut hung = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hung.insert((device.device.clone(), device.varied.clone()), said.to_owned());
    }
}

/// How one machine ended.
enum Outcome {
    Recorded(RecordedMachine),
    /// It failed, and what it said.
    Failed(String),
}

/// A binary on a machine type.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'a> {
    /// The binary.
    pub binary: &'a Binary,
    /// Machine type.
    pub machine: &'a str,
    /// Arguments that all its machines have.
    pub common: &'a [String],
    /// Time for each load, and most for each start.
    pub limit: Duration,
    /// What is known beforehand.
    pub hints: &'a Hints,
    /// What hung in any machine so far.
    pub hung: &'a Hung,
}

impl Bench<'_> {
    /// Records as many devices of a rack as can be, in as few machines as can be.
    ///
    /// # Errors
    /// When the binary cannot be started at all, or this side's files and sockets fail.
    pub fn record(&self, rack: &Rack) -> Result<Tried, QemuError> {
        let mut trial = Trial::new(*self, rack);
        match &self.hints.empty {
            Some((machine, took)) if machine == self.machine => {
                trial.tried.hints.empty.clone_from(&self.hints.empty);
                trial.patience = patience(*took, self.limit);
            }
            _ => {
                let begun = Instant::now();
                if let Outcome::Failed(said) = trial.run(&[])? {
                    // Not even the machine alone.
                    let none = rack.devices.iter().map(|d| (d.device.clone(), said.clone()));
                    return Ok(Tried { left_out: none.collect(), ..trial.tried });
                }
                let took = begun.elapsed();
                trial.tried.hints.empty = Some((self.machine.to_owned(), took));
                trial.patience = patience(took, self.limit);
            }
        }
        let known = |device: &&Plugged| self.hints.alone.contains(&device.device);
        let (single, together): (Vec<_>, Vec<_>) = rack.devices.iter().partition(known);
        // What would not go with the others may go by itself.
        let mut alone = trial.cull(together)?;
        alone.extend(single.into_iter().map(|device| (device, String::new())));
        while let Some((device, said)) = alone.pop() {
            trial.tried.hints.alone.insert(device.device.clone());
            if let Some((doing, _)) = said.split_once(HANGS) {
                // How long was waited for it is another time another.
                let said = format!("{doing}: no answer");
                trial.tried.left_out.insert(device.device.clone(), said);
                continue;
            }
            match trial.run(&[device])? {
                Outcome::Recorded(one) => trial.tried.recorded.push(one),
                Outcome::Failed(own) => {
                    let said = if own.is_empty() { said } else { own };
                    trial.tried.left_out.insert(device.device.clone(), said);
                }
            }
        }
        let Trial { backed, roms, mut tried, .. } = trial;
        let backed = rack.devices.iter().filter(|d| backed.contains(d.id.as_str()));
        tried.hints.backed = backed.map(|d| d.device.clone()).collect();
        tried.hints.roms = roms;
        Ok(tried)
    }

    /// Records the machine with all devices of a rack; what the binary said, if that cannot be.
    ///
    /// # Errors
    /// As [`Bench::record`].
    pub fn whole(&self, rack: &Rack) -> Result<Result<RecordedMachine, String>, QemuError> {
        let mut trial = Trial::new(*self, rack);
        Ok(match trial.run(&rack.devices.iter().collect::<Vec<_>>())? {
            Outcome::Recorded(recorded) => Ok(recorded),
            Outcome::Failed(said) => Err(said),
        })
    }
}

struct Trial<'a> {
    bench: Bench<'a>,
    rack: &'a Rack,
    /// Option ROMs that were asked for.
    roms: BTreeSet<String>,
    /// Devices that would not go without something behind them, by id.
    backed: BTreeSet<&'a str>,
    tried: Tried,
    starts: usize,
    /// Time for each start.
    patience: Duration,
}

/// How long a machine with devices may take to start, where the one without took `empty`. One device
/// that never returns from its start is found by seven more that hang, which need not take the whole
/// of `limit` each. A hundred devices were seen to take five times as long as none.
fn patience(empty: Duration, limit: Duration) -> Duration {
    (Duration::from_secs(5) + 10 * empty).min(limit)
}

/// Devices that would not go with others, each with what was said.
type Culprits<'a> = Vec<(&'a Plugged, String)>;

impl<'a> Trial<'a> {
    fn new(bench: Bench<'a>, rack: &'a Rack) -> Self {
        let roms = bench.hints.roms.clone();
        let backed = rack.devices.iter().filter(|d| bench.hints.backed.contains(&d.device));
        let backed = backed.map(|d| d.id.as_str()).collect();
        let (tried, patience) = (Tried::default(), bench.limit);
        Trial { bench, rack, roms, backed, tried, starts: 0, patience }
    }

    /// Records these devices but for culprits, which it returns.
    fn cull(&mut self, mut devices: Vec<&'a Plugged>) -> Result<Culprits<'a>, QemuError> {
        let mut culprits = Vec::new();
        // What was changed for the start before: if that hangs or dies now, it is the cause.
        let mut changed: Option<&str> = None;
        while !devices.is_empty() && self.starts < STARTS {
            // Meanwhile another machine may have found out.
            devices.retain(|device| match self.bench.hung.said_of(device) {
                Some(said) => {
                    culprits.push((*device, said));
                    false
                }
                None => true,
            });
            if devices.is_empty() {
                break;
            }
            let said = match self.run(&devices)? {
                Outcome::Recorded(recorded) => {
                    self.tried.recorded.push(recorded);
                    return Ok(culprits);
                }
                Outcome::Failed(said) => said,
            };
            let last = changed.take().and_then(|id| devices.iter().position(|d| d.id == id));
            let alone = (devices.len() == 1).then_some(0);
            let found = culprit(&said, self.rack, &devices).or(last).or(alone);
            if let Some(index) = found {
                let device = devices.get(index).copied();
                if let Some(device) = device.filter(|d| self.backed.insert(&d.id)) {
                    changed = Some(&device.id);
                } else {
                    let device = devices.remove(index);
                    if said.contains(HANGS) {
                        self.bench.hung.note(device, &said);
                    }
                    culprits.push((device, said));
                }
                continue;
            }
            let rest = devices.split_off(devices.len() / 2);
            culprits.extend(self.cull(devices)?);
            devices = rest;
        }
        culprits.extend(devices.into_iter().map(|d| (d, "too many starts failed".to_owned())));
        Ok(culprits)
    }

    /// One machine: started, saved, loaded. A missing option ROM is supplied and the start repeated.
    fn run(&mut self, devices: &[&'a Plugged]) -> Result<Outcome, QemuError> {
        loop {
            self.starts += 1;
            let outcome = self.once(devices)?;
            match &outcome {
                Outcome::Failed(said) => match missing_rom(said) {
                    Some(rom) if self.roms.insert(rom.clone()) => {}
                    _ => return Ok(outcome),
                },
                Outcome::Recorded(_) => return Ok(outcome),
            }
        }
    }

    fn once(&self, devices: &[&'a Plugged]) -> Result<Outcome, QemuError> {
        let Bench { binary, machine, common, limit, .. } = self.bench;
        let mut arguments = common.to_vec();
        arguments.extend(self.rack.arguments(devices, &self.backed));
        let setup = Setup {
            machine: machine.to_owned(),
            arguments,
            roms: self.roms.clone(),
            ..Setup::default()
        };
        let stream = match saved(binary, &setup, Deadline::within(self.patience)) {
            Ok(stream) => stream,
            Err(error) => return failed(error),
        };
        let wanted = IncomingOptions { feed: Feed::Bulk, trace: true, save: false, limit };
        let own = load(binary, &setup, &stream, &wanted)?;
        Ok(match own.verdict {
            ObservedVerdict::Accepted => Outcome::Recorded(RecordedMachine {
                devices: devices.iter().map(|d| (*d).clone()).collect(),
                arguments: setup.arguments,
                stream,
                trace: log(machine, &own.trace)?,
            }),
            ObservedVerdict::Refused => Outcome::Failed(own.stderr),
            ObservedVerdict::Hang => {
                Outcome::Failed(format!("its load had not ended after {limit:?}"))
            }
        })
    }
}

/// What the trace of a load says. The text, of megabytes, is not kept.
pub(super) fn log(of: &str, trace: &str) -> Result<TraceLog, QemuError> {
    traced(of, trace).map_err(|why| QemuError::Recordings { why: Box::new(why) })
}

/// Runs a machine until its guest halts, and saves it.
fn saved(binary: &Binary, setup: &Setup, deadline: Deadline) -> Result<Vec<u8>, QemuError> {
    let mut emulator = Emulator::start(binary, setup, Role::Run, deadline)?;
    emulator.wait_for_halt(deadline)?;
    emulator.monitor.stop(deadline)?;
    match emulator.save(deadline) {
        Err(QemuError::Qmp(error)) => {
            Err(monitor::ended(error, &mut emulator.process, "while saving").into())
        }
        saved => saved,
    }
}

/// A binary that did not do it, in its words; what is a failure of this side stays an error.
fn failed(error: QemuError) -> Result<Outcome, QemuError> {
    Ok(Outcome::Failed(match error {
        QemuError::Qmp(QmpError::Died { doing, ended, stderr }) => match stderr.trim() {
            "" => format!("{ended} {doing}"),
            // A message does not say that it crashed.
            said if !matches!(ended, super::super::process::Ended::Exited(_)) => {
                format!("{ended} {doing}; it said: {said}")
            }
            said => said.to_owned(),
        },
        QemuError::Qmp(QmpError::Process(error @ ProcessError::Spawn { .. })) => {
            return Err(QemuError::Process(error));
        }
        QemuError::Qmp(error) => error.to_string(),
        error @ (QemuError::Save { .. } | QemuError::NoHalt { .. }) => error.to_string(),
        error => return Err(error),
    }))
}

/// Which device a message is about: the one whose id it has, or whose section. The last line that
/// names one counts; advice may follow it.
fn culprit(said: &str, rack: &Rack, devices: &[&Plugged]) -> Option<usize> {
    let lines = || said.lines().rev().filter(|line| !line.contains("warning:"));
    let named = |line: &str| {
        devices.iter().position(|device| {
            let id = device.id.as_str();
            line.match_indices(id).any(|(at, _)| {
                let before = line.get(..at).and_then(|text| text.chars().last());
                let after = line.get(at + id.len()..).and_then(|text| text.chars().next());
                // `dev1` is not `dev12`, and a backend has the number behind another name.
                matches!(before, Some('=' | '\'' | '/' | ' ' | '"'))
                    && !after.is_some_and(|c| c.is_ascii_alphanumeric())
            })
        })
    };
    // "State blocked by non-migratable device '0000:00:03.0/nvme'".
    let section = |line: &str| rack.owner(devices, line.split('\'').nth(1)?);
    lines().find_map(named).or_else(|| lines().find_map(section))
}

/// The option ROM that a binary says it cannot find.
fn missing_rom(said: &str) -> Option<String> {
    let line = said.lines().find(|line| line.contains("failed to find romfile"))?;
    let name = line.split('"').nth(1)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
