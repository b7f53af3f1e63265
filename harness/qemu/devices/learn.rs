//! Records all device types of a binary on all its machine types.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use rayon::prelude::*;

use super::super::QemuError;
use super::super::binary::Binary;
use super::board::Placing;
use super::board::{self, BOARDS, Board};
use super::rack::{Filled, Rack, on_board};
use super::trial::{Bench, Hints, Hung, RecordedMachine};
use super::types::{self, DeviceType};
use super::vary::variants;
use crate::dialect::Generation;
use crate::release::bundle::recording::{ALONE, RecordedDevice, Recording};
use crate::release::catalogue::chipset;

/// Machine types whose streams describe themselves, which is what tells sections apart.
const DESCRIBED: Generation = Generation::new(2, 4);

/// Devices with changed properties in one machine, at most.
const RACK: usize = 100;

/// What a binary says about its devices.
#[derive(Debug, Clone, Default)]
pub struct Learnt {
    /// Every device type: empty if it was recorded, else why it was not.
    pub types: BTreeMap<String, String>,
    /// Machines that were recorded.
    pub recordings: Vec<Recording>,
    /// Sections of which a machine has one at most, and what the binary says to a second one.
    pub alike: BTreeMap<String, String>,
    /// Machine types on which nothing could be recorded, and devices that are recorded on others only
    /// (`DEVICE on MACHINE`), and why.
    pub silent: BTreeMap<String, String>,
}

/// Records all device types of a binary, `jobs` machines at a time; each may take `limit` to start
/// and to load. `only`: these machine types; none: all that can be.
///
/// # Errors
/// When the binary cannot be started at all, or this side's files and sockets fail.
pub fn learn(
    binary: &Binary,
    only: &[String],
    jobs: usize,
    limit: Duration,
) -> Result<Learnt, QemuError> {
    let types = types::list(binary)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    let pool = pool.map_err(|e| QemuError::files(std::io::Error::other(e)))?;
    let learning = &Learning { binary, types: &types, limit, hung: Hung::default() };
    pool.install(|| {
        let mut learnt = Learnt::default();
        let wanted: Vec<(&str, Placing)> = machines(binary, only);
        let newest = |(machine, placing): &(&str, Placing)| {
            let of = wanted.iter().filter(|(_, other)| other == placing);
            of.max_by_key(|(name, _)| Generation::of(name)).is_some_and(|(name, _)| name == machine)
        };
        // On the newest machine types first: what cannot be recorded there is not tried elsewhere,
        // and what a device wants, and whether it goes with others, is known then.
        let (first, rest): (Vec<_>, Vec<_>) = wanted.iter().partition(|at| newest(at));
        let none = Hints::default();
        let record = |at: &(&str, Placing), hints: &Hints, wanted: &dyn Fn(&str) -> bool| {
            let asked: Vec<_> = types.iter().filter(|t| wanted(&t.name)).collect();
            learning.one(&asked, *at, hints)
        };
        let found: Vec<_> =
            (first.par_iter()).map(|at| record(at, &none, &|_| true)).collect::<Result<_, _>>()?;
        let mut left_out: BTreeMap<String, String> = BTreeMap::new();
        let mut no_bus: BTreeMap<String, String> = BTreeMap::new();
        let mut good: BTreeSet<String> = BTreeSet::new();
        let mut hints: BTreeMap<Placing, Hints> = BTreeMap::new();
        for ((_, placing), one) in first.iter().zip(found) {
            let devices = one.recordings.iter().flat_map(|r| &r.devices);
            good.extend(devices.map(|d| d.device.clone()));
            learnt.recordings.extend(one.recordings);
            left_out.extend(one.left_out);
            for (device, said) in one.no_bus {
                no_bus.entry(device).or_insert(said);
            }
            hints.insert(*placing, one.hints);
        }
        // What has no path in a machine with others is identified in a machine of its own, of each
        // chipset, as one may have on board what the other has not. How several of its type are
        // numbered, a machine with two shows.
        let pathless = types.iter().filter(|t| good.contains(&t.name) && on_board(t));
        let pathless: Vec<&DeviceType> = pathless.collect();
        for at in first.iter().filter(|(_, placing)| *placing != Placing::Root) {
            let hints = hints.get(&at.1).unwrap_or(&none);
            let alone: Vec<_> = (pathless.par_iter())
                .map(|device| record(at, hints, &|name| name == device.name))
                .collect::<Result<_, _>>()?;
            let alone = alone.into_iter().flat_map(|one| one.recordings);
            let twice: Vec<_> = (pathless.par_iter())
                .map(|device| learning.twice(device, *at, hints))
                .collect::<Result<_, _>>()?;
            let (twice, failed): (Vec<_>, Vec<_>) = twice.into_iter().partition(Result::is_ok);
            let said = failed.into_iter().filter_map(Result::err);
            learnt
                .alike
                .extend(said.filter_map(|said| Some((registered(&said)?.to_owned(), said))));
            let alone = alone.chain(twice.into_iter().flatten());
            let place = || ALONE.to_owned();
            learnt.recordings.extend(alone.map(|one| Recording { place: place(), ..one }));
        }
        // Properties are varied where most devices have a path.
        let most = first.iter().map(|at| (placed(&learnt.recordings, *at), at));
        if let Some((placed, (machine, placing))) = most.max_by_key(|(placed, _)| placed.len()) {
            let placed: Vec<_> = types.iter().filter(|t| placed.contains(&*t.name)).collect();
            let hints = hints.get(placing).unwrap_or(&none);
            let found: Vec<_> = (variants(&placed).par_chunks(RACK))
                .map(|some| learning.several(some, (machine, *placing), hints))
                .collect::<Result<_, _>>()?;
            learnt.recordings.extend(found.into_iter().flat_map(|one| one.recordings));
        }
        let found: Vec<_> = (rest.par_iter())
            .map(|at| {
                let hints = hints.get(&at.1).unwrap_or(&none);
                record(at, hints, &|name| good.contains(name))
            })
            .collect::<Result<_, _>>()?;
        for ((machine, _), one) in rest.iter().zip(found) {
            learnt.recordings.extend(one.recordings);
            let lost = one.no_bus.into_iter().chain(one.left_out);
            learnt.silent.extend(lost.map(|(device, why)| (format!("{device} on {machine}"), why)));
        }
        let boards: Vec<_> = boards(binary, only)
            .into_par_iter()
            .map(|(machine, options)| learning.board(machine, options))
            .collect::<Result<_, _>>()?;
        for (machine, result) in boards {
            match result {
                Ok(recording) => learnt.recordings.push(recording),
                Err(said) => drop(learnt.silent.insert(machine, said)),
            }
        }
        for device in &types {
            // A board without its bus says nothing of a device that another has a bus for.
            let said = left_out.get(&device.name).or_else(|| no_bus.get(&device.name));
            let why = match (good.contains(&device.name), said) {
                (true, _) => String::new(),
                (false, Some(said)) => said.clone(),
                (false, None) => "nothing was said".to_owned(),
            };
            learnt.types.insert(device.name.clone(), why);
        }
        Ok(learnt)
    })
}

/// Types of devices with a path that were recorded on a machine type with PCI devices in these places.
fn placed(recordings: &[Recording], (machine, placing): (&str, Placing)) -> BTreeSet<String> {
    let here = recordings.iter().filter(|r| r.machine == machine && r.place == placing.name());
    let devices = here.flat_map(|r| r.devices.iter().filter(|found| found.path.is_some()));
    devices.map(|found| found.device.clone()).collect()
}

/// Machine types of a binary with the places that PCI devices have there: those that were asked for;
/// else of each chipset the oldest, the newest and the last of each major number. What is the same on
/// both sides of one that was not recorded is taken to be the same there
/// ([`crate::release::catalogue::Catalogue::is_on`]).
fn machines<'b>(binary: &'b Binary, only: &[String]) -> Vec<(&'b str, Placing)> {
    let names: Vec<&str> = binary.machines.iter().map(|m| m.name.as_str()).collect();
    let mut all = Vec::new();
    for board in &BOARDS {
        let on = |name: &&str| chipset(name) == board.chipset;
        let of: Vec<&str> = names.iter().copied().filter(on).collect();
        let chosen = match only {
            [] => spread(&of),
            _ => of.into_iter().filter(|name| only.iter().any(|o| o == name)).collect(),
        };
        let placed = |name| board.placings.iter().map(move |placing| (name, *placing));
        all.extend(chosen.into_iter().flat_map(placed));
    }
    all
}

/// The oldest that describes its streams, the newest, and the last of each major number; and those
/// that have none.
fn spread<'b>(names: &[&'b str]) -> Vec<&'b str> {
    let number = |name: &str| {
        let (major, minor) = name.rsplit_once('-')?.1.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.split('.').next()?.parse::<u32>().ok()?))
    };
    let fits = |name: &&&str| Generation::of(name).is_none_or(|g| g >= DESCRIBED);
    let all: Vec<&str> = names.iter().filter(fits).copied().collect();
    let oldest = all.iter().filter_map(|name| number(name)).min();
    let last = |name: &&str| match number(name) {
        None => true,
        Some((major, minor)) => {
            let same = all.iter().filter_map(|n| number(n)).filter(|n| n.0 == major);
            Some((major, minor)) == oldest || same.max() == Some((major, minor))
        }
    };
    all.iter().filter(|name| last(name)).copied().collect()
}

fn boards<'b>(binary: &'b Binary, only: &[String]) -> Vec<(&'b str, &'static str)> {
    let mut names: Vec<&str> = machines(binary, only).into_iter().map(|(name, _)| name).collect();
    names.dedup();
    let varied = |name| board::of(name).into_iter().flat_map(|board| board.varied);
    names.into_iter().flat_map(|name| varied(name).map(move |options| (name, *options))).collect()
}

/// What came of one machine type.
struct One {
    recordings: Vec<Recording>,
    left_out: BTreeMap<String, String>,
    /// Devices for which it has no bus, and what is said of them.
    no_bus: BTreeMap<String, String>,
    hints: Hints,
}

/// A binary whose devices are being learnt.
struct Learning<'a> {
    binary: &'a Binary,
    /// All device types that it has.
    types: &'a [DeviceType],
    limit: Duration,
    hung: Hung,
}

impl Learning<'_> {
    /// A machine type with these options.
    fn bench<'b>(&'b self, machine: &'b str, common: &'b [String], hints: &'b Hints) -> Bench<'b> {
        Bench { binary: self.binary, machine, common, limit: self.limit, hints, hung: &self.hung }
    }

    /// These device types on one machine type.
    fn one(
        &self,
        wanted: &[&DeviceType],
        at: (&str, Placing),
        hints: &Hints,
    ) -> Result<One, QemuError> {
        let wanted: Vec<_> = wanted.iter().map(|device| (*device, String::new())).collect();
        self.several(&wanted, at, hints)
    }

    /// These devices with these values of properties on one machine type.
    fn several(
        &self,
        wanted: &[(&DeviceType, String)],
        (machine, placing): (&str, Placing),
        hints: &Hints,
    ) -> Result<One, QemuError> {
        let (recordings, left_out) = (Vec::new(), BTreeMap::new());
        let mut all = One { recordings, left_out, no_bus: BTreeMap::new(), hints: hints.clone() };
        let Some(board) = board::of(machine) else { return Ok(all) };
        let common = options(board);
        let mut wanted = wanted.to_vec();
        while !wanted.is_empty() {
            let has = |name: &str| self.types.iter().any(|t| t.name == name);
            let Filled { rack, full, no_bus } = Rack::filled(&wanted, board, placing, has);
            let tried = self.bench(machine, &common, &all.hints).record(&rack)?;
            let recorded = tried.recorded.into_iter();
            all.recordings.extend(recorded.map(|one| recording(machine, placing, one)));
            all.left_out.extend(tried.left_out);
            all.no_bus.extend(no_bus.into_iter().map(|(device, bus)| {
                (device.name.clone(), format!("nothing here has a bus of its kind: {bus}"))
            }));
            all.hints = tried.hints;
            // What has no room in this machine has it in the next.
            wanted = match full.len() < wanted.len() {
                true => full,
                false => Vec::new(),
            };
        }
        Ok(all)
    }

    /// Two of a device type and nothing else in one machine; what the binary said, if that cannot be.
    fn twice(
        &self,
        device: &DeviceType,
        (machine, placing): (&str, Placing),
        hints: &Hints,
    ) -> Result<Result<Recording, String>, QemuError> {
        let Some(board) = board::of(machine) else { return Ok(Err("no such board".to_owned())) };
        let common = options(board);
        let two = [(device, String::new()), (device, String::new())];
        let rack = Rack::filled(&two, board, placing, |_| false).rack;
        let recorded = self.bench(machine, &common, hints).whole(&rack)?;
        Ok(recorded.map(|recorded| recording(machine, placing, recorded)))
    }

    /// A board without devices; what the binary said, if it cannot be recorded.
    fn board(
        &self,
        machine: &str,
        options: &str,
    ) -> Result<(String, Result<Recording, String>), QemuError> {
        let needed = board::of(machine).map_or(&[][..], |board| board.needed);
        let common = needed.iter().copied().chain(options.split_whitespace());
        let common: Vec<String> = common.map(str::to_owned).collect();
        let recorded = self.bench(machine, &common, &Hints::default()).whole(&Rack::default())?;
        let recorded = recorded.map(|recorded| Recording {
            varied: options.to_owned(),
            place: String::new(),
            ..recording(machine, Placing::Bridge, recorded)
        });
        Ok((format!("{machine} {options}").trim_end().to_owned(), recorded))
    }
}

/// The section that a binary says it has already (`savevm_state_handler_insert`, since 9.0).
fn registered(said: &str) -> Option<&str> {
    let (_, name) = said.split_once("duplicate SaveStateEntry: id=")?;
    name.split(',').next()
}

/// Options of every machine with devices.
fn options(board: &Board) -> Vec<String> {
    board.needed.iter().chain(board.common).map(|option| (*option).to_owned()).collect()
}

fn recording(machine: &str, placing: Placing, recorded: RecordedMachine) -> Recording {
    let devices = recorded.devices.into_iter().map(|plugged| RecordedDevice {
        device: plugged.device,
        path: plugged.path,
        varied: plugged.varied,
    });
    Recording {
        machine: machine.to_owned(),
        place: placing.name().to_owned(),
        varied: String::new(),
        devices: devices.collect(),
        stream: recorded.stream,
        trace: recorded.trace,
    }
}

/// The descriptions of a binary's device classes (`-dump-vmstate`), as JSON text.
///
/// # Errors
/// When it does not write them.
pub fn dump(binary: &Binary, limit: Duration) -> Result<String, QemuError> {
    let newest = binary.machines.iter().find(|m| m.newest).or(binary.machines.first());
    let machine = newest.map_or("none", |m| m.name.as_str());
    let bytes = super::super::bundle::dump(binary, machine, limit)?;
    let name = Path::new("dump-vmstate").display().to_string();
    Ok(crate::release::files::utf8(&name, &bytes)?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{registered, spread};

    #[rstest::rstest]
    #[case(
        "qemu: -device bmc,id=b1: savevm_state_handler_insert: Detected duplicate SaveStateEntry: \
         id=ipmi-bmc-sim, instance_id=0x0",
        Some("ipmi-bmc-sim")
    )]
    #[case("qemu: -device vmgenid: at most one vmgenid device is permitted", None)]
    fn a_section_that_is_registered_already(#[case] said: &str, #[case] section: Option<&str>) {
        assert_eq!(registered(said), section);
    }

    #[test]
    fn the_last_of_each_major_number_the_oldest_and_the_newest() {
        let of = |names: &str| {
            let names: Vec<String> = names.split(' ').map(|n| format!("pc-q35-{n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let chosen = spread(&names);
            chosen.iter().map(|n| n.trim_start_matches("pc-q35-")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("10.0 9.2 9.1 4.2 4.1 2.12 2.10 2.4 2.3"), "10.0 9.2 4.2 2.12 2.4");
        assert_eq!(of("11.1 11.0 10.2 rhel"), "11.1 10.2 rhel");
    }
}
