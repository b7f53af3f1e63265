//! Capture: a scenario run until its guest halts, stopped, saved, and loaded by the same binary.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rayon::prelude::*;

use super::QemuError;
use super::binary::Binary;
use super::connection::QmpError;
use super::emulator::{Emulator, Role, Setup, common_arguments};
use super::incoming::{IncomingOptions, RealLoad, load};
use super::monitor::ended;
use super::process::Deadline;
use super::roms;
use super::scenario::{carried, missing, setup};
use crate::matrix::config::Scenario;
use crate::release::files::sha256;
use crate::release::observed::ObservedVerdict;
use crate::release::provenance::{Fixture, Origin};
use crate::wire::Feed;

/// A captured stream with its provenance, and how the binary itself loaded it.
#[derive(Debug)]
pub struct Captured {
    /// Provenance.
    pub fixture: Fixture,
    /// The stream.
    pub stream: Vec<u8>,
    /// Its load by the same binary, traced.
    pub own: RealLoad,
}

/// Runs a scenario on a machine type to its halt and saves it; `release` is a name for the
/// provenance, `limit` is for the run and again for the load.
///
/// # Errors
/// When the binary does not start with these arguments, the guest does not halt, the stream does
/// not carry what the scenario is for, or the binary does not accept it to the last byte.
pub fn capture(
    binary: &Binary,
    release: &str,
    scenario: &Scenario,
    machine: &str,
    limit: Duration,
) -> Result<Captured, QemuError> {
    let setup = &setup(scenario, machine)?;
    let deadline = Deadline::within(limit);
    let mut emulator = loop {
        match halted(binary, setup, deadline) {
            Err(QemuError::Qmp(QmpError::Died { stderr, .. })) if roms::learn(&stderr) => {}
            emulator => break emulator?,
        }
    };
    emulator.monitor.stop(deadline)?;
    let stream = match emulator.save(deadline) {
        Err(QemuError::Qmp(error)) => {
            return Err(ended(error, &mut emulator.process, "while it was saving").into());
        }
        saved => saved?,
    };
    drop(emulator);
    let fixture = Fixture {
        release: release.to_owned(),
        machine: setup.machine.clone(),
        scenario: scenario.name.clone(),
        binary: binary.about.clone(),
        guest: setup.guest.to_string(),
        common_arguments: common_arguments(&setup.machine),
        arguments: setup.arguments.clone(),
        size: stream.len() as u64,
        sha256: sha256(&stream),
        origin: Origin::Captured,
    };
    let missing = missing(scenario, &stream);
    if !missing.is_empty() {
        let missing = missing.join(", ");
        let carried = carried(&stream).join(", ");
        let problem = format!("the stream carries no {missing}; it has the sections {carried}");
        return Err(QemuError::Hollow { what: fixture.id(), problem });
    }
    let wanted = IncomingOptions { feed: Feed::Bulk, trace: true, save: false, limit };
    let own = load(binary, setup, &stream, &wanted)?;
    let refused = |why: String| QemuError::OwnRefused { what: fixture.id(), why };
    match own.verdict {
        ObservedVerdict::Accepted if own.consumed == Some(fixture.size) => {
            Ok(Captured { fixture, stream, own })
        }
        ObservedVerdict::Accepted => {
            let taken = own.consumed.unwrap_or(0);
            Err(refused(format!("it took only {taken} of {} bytes", fixture.size)))
        }
        ObservedVerdict::Refused => Err(refused(own.stderr)),
        ObservedVerdict::Hang => Err(refused(format!("it had not finished after {limit:?}"))),
    }
}

/// A machine whose guest has halted.
fn halted(binary: &Binary, setup: &Setup, deadline: Deadline) -> Result<Emulator, QemuError> {
    let mut emulator = Emulator::start(binary, setup, Role::Run, deadline)?;
    emulator.wait_for_halt(deadline)?;
    Ok(emulator)
}

/// Captures scenarios on machine types, `jobs` at a time, in the order asked; `done` is called after each. Once the binary has
/// hung before it could be spoken to, it is not started again: nothing says that it would do better
/// with other arguments.
///
/// # Errors
/// When no threads can be had; inside, see [`capture`].
pub fn all(
    binary: &Binary,
    release: &str,
    wanted: &[(&Scenario, &str)],
    jobs: usize,
    limit: Duration,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<Result<Captured, QemuError>>, QemuError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    let pool = pool.map_err(|e| QemuError::files(std::io::Error::other(e)))?;
    let hung = AtomicBool::new(false);
    let one = |(scenario, machine): &(&Scenario, &str)| {
        if hung.load(Ordering::Relaxed) {
            return Err(QemuError::HungBefore { path: binary.path.clone() });
        }
        let captured = capture(binary, release, scenario, machine, limit);
        done();
        if let Err(QemuError::Qmp(QmpError::Silent { .. })) = captured {
            hung.store(true, Ordering::Relaxed);
        }
        captured
    };
    Ok(pool.install(|| wanted.par_iter().map(one).collect()))
}
