//! The drift table against a real binary: changed streams are loaded for real, and verdict and the
//! byte where the load stopped must be the model's. Without a binary of a release in the corpus
//! the test is shown as ignored, with the reason.
//!
//! `CROSSLOAD_QEMU` names the binary; otherwise it is `qemu-system-x86_64` in `PATH`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crossload::lab::drift::{Base, Rule, tally};
use crossload::matrix::agreement::disagreement;
use crossload::qemu::incoming::{self, Wanted};
use crossload::qemu::{Binary, Guest, Setup};
use crossload::release::provenance::Fixture;
use crossload::wire::Feed;
use libtest_mimic::{Arguments, Trial};
use rayon::prelude::*;
use support::library;

/// Changed streams of each of the two machine types.
const CASES: usize = 110;

fn main() -> ExitCode {
    let found = installed();
    let reason = found.as_ref().err().cloned().unwrap_or_default();
    let ignored = found.is_err();
    let replay = move || found.and_then(|(binary, release)| replay(&binary, &release));
    let name = "the_drift_table_agrees_with_the_installed_binary";
    let trial = Trial::test(name, || replay().map_err(Into::into));
    let trials = vec![trial.with_ignored_flag(ignored).with_kind(reason)];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The binary and its release, or why there is none.
fn installed() -> Result<(Binary, String), String> {
    let named = std::env::var_os("CROSSLOAD_QEMU").map(PathBuf::from);
    let in_path = || {
        let path = std::env::var_os("PATH")?;
        let files = std::env::split_paths(&path).map(|folder| folder.join("qemu-system-x86_64"));
        files.into_iter().find(|file| file.is_file())
    };
    let path = named
        .or_else(in_path)
        .ok_or("no qemu-system-x86_64 in PATH, and CROSSLOAD_QEMU not set")?;
    let binary = Binary::at(&path).map_err(|error| error.to_string())?;
    let fixtures = library().fixtures().iter();
    let receipts = fixtures.map(|f| (f.release.as_str(), f.binary.as_str()));
    let release = binary.release(receipts).map(str::to_owned);
    let release = release.ok_or(format!("{}: of no release in the corpus", path.display()))?;
    Ok((binary, release))
}

/// Two machine types with a busy guest, the newest and the oldest that the binary has: on the one
/// with footers and, where it is old enough, on the other without.
fn replay(binary: &Binary, release: &str) -> Result<(), String> {
    let own: Vec<&Fixture> = library()
        .fixtures()
        .iter()
        .filter(|f| f.release == release && f.scenario == "legacy" && binary.has(&f.machine))
        .collect();
    let (Some(first), Some(last)) = (own.first(), own.last()) else {
        return Err(format!("no fixture of {release} fits the binary's machine types"));
    };
    let outcomes: Vec<Option<String>> =
        [first, last].into_iter().flat_map(|fixture| cases(binary, fixture)).collect();
    let wrong: Vec<&str> = outcomes.iter().filter_map(Option::as_deref).collect();
    if outcomes.len() < 2 * CASES {
        return Err(format!("{} cases only", outcomes.len()));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{} of {}:\n{}", wrong.len(), outcomes.len(), wrong.join("\n")))
}

/// The changed streams of one fixture, spread over all its sections: for each, what differs.
fn cases(binary: &Binary, fixture: &Fixture) -> Vec<Option<String>> {
    let own = |rule: &Rule| Base::of(library(), fixture, *rule).unwrap().filter(|b| b.own);
    let base = Rule::ALL.iter().find_map(own).expect("its own rules");
    let setup = Setup {
        machine: fixture.machine.clone(),
        guest: Guest::Idle,
        arguments: fixture.arguments.clone(),
        ..Setup::default()
    };
    let limit = Duration::from_secs(60);
    let wanted = Wanted { feed: Feed::Bulk, trace: false, save: false, limit };
    tally::cases(&base, tally::count(&base) / CASES)
        .par_iter()
        .map(|case| {
            let stream = case.edit.bytes(&base.stream);
            let real = incoming::load(binary, &setup, &stream, &wanted).unwrap();
            let outcome = real.outcome(&Feed::Bulk);
            let why = disagreement(Some(&base.to), Some(&stream), &Feed::Bulk, &outcome)?;
            Some(format!("{}: {} {}: {why}", base.fixture, case.edit.change, case.path))
        })
        .collect()
}
