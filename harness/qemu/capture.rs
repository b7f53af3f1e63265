//! Capture: a scenario run until its guest halts, stopped, saved, and loaded by the same binary.

use std::time::Duration;

use super::QemuError;
use super::binary::Binary;
use super::emulator::{COMMON, Emulator, Role, Setup};
use super::incoming::{Real, Wanted, load};
use super::process::Deadline;
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
    pub own: Real,
}

/// Runs a scenario to its halt and saves it; `release` and `scenario` are names for the
/// provenance, `limit` is for the run and again for the load.
///
/// # Errors
/// When the binary does not start with these arguments, the guest does not halt, or the binary
/// does not accept its own stream to the last byte.
pub fn capture(
    binary: &Binary,
    release: &str,
    scenario: &str,
    setup: &Setup,
    limit: Duration,
) -> Result<Captured, QemuError> {
    let deadline = Deadline::within(limit);
    let mut emulator = Emulator::start(binary, setup, Role::Run, deadline)?;
    emulator.wait_for_halt(deadline)?;
    emulator.stop(deadline)?;
    let stream = emulator.save(deadline)?;
    drop(emulator);
    let fixture = Fixture {
        release: release.to_owned(),
        machine: setup.machine.clone(),
        scenario: scenario.to_owned(),
        binary: binary.about.clone(),
        guest: setup.guest.to_string(),
        common_arguments: COMMON.map(str::to_owned).to_vec(),
        arguments: setup.arguments.clone(),
        size: stream.len() as u64,
        sha256: sha256(&stream),
        origin: Origin::Captured,
    };
    let wanted = Wanted { feed: Feed::Bulk, trace: true, save: false, limit };
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
