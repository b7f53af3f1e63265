//! The drift table against a real binary: changed streams are loaded for real, and verdict and the
//! byte where the load stopped must be the model's. Without a binary of a release in the corpus
//! the test is shown as ignored, with the reason.
//!
//! `CROSSLOAD_QEMU` names the binary; otherwise it is `qemu-system-x86_64` in `PATH`. The same for devices
//! on channels: `CROSSLOAD_QEMU_S390X`, or `qemu-system-s390x`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crossload::dialect::Subsections;
use crossload::lab::drift::change::Edit;
use crossload::lab::drift::{Base, Rule, channel, tally};
use crossload::matrix::agreement::disagreement;
use crossload::qemu::incoming::{self, IncomingOptions};
use crossload::qemu::{Binary, Guest, Setup};
use crossload::release::provenance::Fixture;
use crossload::wire::Feed;
use libtest_mimic::{Arguments, Trial};
use rayon::prelude::*;
use support::library;

/// Changed streams of each of the two machine types.
const CASES: usize = 110;

fn main() -> ExitCode {
    let trials = vec![
        trial(
            "the_drift_table_agrees_with_the_installed_binary",
            installed("CROSSLOAD_QEMU", "qemu-system-x86_64"),
            replay,
        ),
        trial(
            "drift_on_channels_agrees_with_the_installed_binary",
            installed("CROSSLOAD_QEMU_S390X", "qemu-system-s390x"),
            on_channels,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A binary and its release, or why there is none.
type Installed = Result<(Binary, String), String>;

fn trial(name: &str, found: Installed, run: fn(&Binary, &str) -> Result<(), String>) -> Trial {
    let (reason, ignored) = (found.as_ref().err().cloned().unwrap_or_default(), found.is_err());
    let run = move || found.and_then(|(binary, release)| run(&binary, &release));
    let trial = Trial::test(name, || run().map_err(Into::into));
    trial.with_ignored_flag(ignored).with_kind(reason)
}

/// The binary that a variable names, or one in the path.
fn installed(variable: &str, file: &str) -> Installed {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let in_path = || {
        let path = std::env::var_os("PATH")?;
        let files = std::env::split_paths(&path).map(|folder| folder.join(file));
        files.into_iter().find(|file| file.is_file())
    };
    let path =
        named.or_else(in_path).ok_or(format!("no {file} in PATH, and {variable} not set"))?;
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
    judged(&outcomes)
}

/// The changed streams of one fixture, spread over all its sections: for each, what differs.
fn cases(binary: &Binary, fixture: &Fixture) -> Vec<Option<String>> {
    let own = |rule: &Rule| Base::of(library(), fixture, *rule).unwrap().filter(|b| b.own);
    let base = Rule::ALL.iter().find_map(own).expect("its own rules");
    let cases = tally::cases(&base, tally::count(&base) / CASES);
    let edits = cases.into_iter().map(|case| (case.path, case.edit)).collect();
    differing(binary, fixture, &base, &[], edits)
}

/// The question of 2015, with footers and, by an option of the binary, without.
fn on_channels(binary: &Binary, release: &str) -> Result<(), String> {
    let of = |f: &&Fixture| f.release == release && f.scenario == "ccw" && binary.has(&f.machine);
    let fixture = library().fixtures().iter().find(of);
    let fixture = fixture.ok_or(format!("no fixture of {release} has devices on channels"))?;
    let mut outcomes = Vec::new();
    for (footers, more) in [(true, &[][..]), (false, &WITHOUT_FOOTERS[..])] {
        let rule = Rule { footers, subsections: Subsections::Prefix };
        let base = Base::of(library(), fixture, rule).unwrap().ok_or("the rule does not apply")?;
        let all = channel::changes(&base);
        let step = (all.len() / CASES).max(1);
        let spread = all.into_iter().step_by(step);
        let edits = spread.map(|c| (format!("{} {}", c.what, c.spot), c.edit)).collect();
        outcomes.extend(differing(binary, fixture, &base, more, edits));
    }
    judged(&outcomes)
}

/// What a binary is told that is to send and to expect no footers.
const WITHOUT_FOOTERS: [&str; 2] = ["-global", "migration.send-section-footer=off"];

fn judged(outcomes: &[Option<String>]) -> Result<(), String> {
    let wrong: Vec<&str> = outcomes.iter().filter_map(Option::as_deref).collect();
    if outcomes.len() < 2 * CASES {
        return Err(format!("{} cases only", outcomes.len()));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{} of {}:\n{}", wrong.len(), outcomes.len(), wrong.join("\n")))
}

/// Changed streams loaded by the binary, with `more` arguments: for each, what differs.
fn differing(
    binary: &Binary,
    fixture: &Fixture,
    base: &Base,
    more: &[&str],
    edits: Vec<(String, Edit)>,
) -> Vec<Option<String>> {
    let more = more.iter().map(|argument| (*argument).to_owned());
    let setup = Setup {
        machine: fixture.machine.clone(),
        guest: Guest::Idle,
        arguments: fixture.arguments.iter().cloned().chain(more).collect(),
        ..Setup::default()
    };
    let limit = Duration::from_secs(60);
    let wanted = IncomingOptions { feed: Feed::Bulk, trace: false, save: false, limit };
    edits
        .par_iter()
        .map(|(path, edit)| {
            let stream = edit.bytes(&base.stream);
            let real = incoming::load(binary, &setup, &stream, &wanted).unwrap();
            let outcome = real.outcome(&Feed::Bulk);
            let why = disagreement(Some(&base.to), Some(&stream), &Feed::Bulk, &outcome)?;
            // What a loader does that goes past its own memory is not told, as in `verify`.
            let reported = !why.contains(": undefined: ");
            reported.then(|| format!("{}: {} {path}: {why}", base.fixture, edit.change))
        })
        .collect()
}
