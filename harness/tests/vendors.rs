//! Vendors: the worked downstreams are answered, and every answer of `can-migrate` is compared with the
//! matrix: descriptions against streams that were really sent.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::io::Cursor;
use std::process::{Command, Output};

use crate::support::library;
use crate::support::snapshots::snapshots;
use crossload::lab::vendors::migrate::{can_migrate, can_migrate_all};
use crossload::lab::vendors::state::can_migrate_stream;
use crossload::lab::vendors::{Answer, Build, Decision, VendorError};
use crossload::matrix::Config;
use crossload::matrix::vendors::Vendor;
use crossload::release::library::Library;
use crossload::release::provenance::Fixture;
use rayon::prelude::*;

const MATRIX: &str = include_str!("../../matrix.toml");

fn vendors() -> Vec<Vendor> {
    Config::parse("matrix.toml", MATRIX).unwrap().vendors
}

fn build(vendors: &[Vendor], name: &str) -> Build {
    Build::of(library(), vendors, name).unwrap()
}

#[test]
fn the_worked_downstreams_are_answered() {
    let _scope = snapshots("lab");
    let vendors = vendors();
    let mut text = String::new();
    for (from, to, machine) in [
        ("1.4.2", "com.example.enterprise:6.9", "pc-1.0"),
        ("com.example.enterprise:6.9", "1.4.2", "pc-1.0"),
        ("com.example.enterprise:6.9", "2.3.1", "pc-1.0"),
        ("2.3.1", "com.example.enterprise:6.9", "pc-1.0"),
        ("com.example.enterprise:6.9", "net.example.telco:6.9-1", "pc-1.0"),
        ("7.2", "com.example.cloud:7.2-4", "pc-i440fx-7.2"),
        ("com.example.cloud:7.2-4", "7.2", "pc-i440fx-7.2"),
        ("com.example.cloud:7.2-4", "10.0", "pc-i440fx-7.2"),
    ] {
        let (a, b) = (build(&vendors, from), build(&vendors, to));
        // Scenarios with the same answer as the one before are not repeated.
        let mut last = None;
        for (name, answer) in can_migrate_all(library(), &a, &b, Some(machine)).unwrap() {
            if last.as_ref() != Some(&answer) {
                text += &format!("{from} to {to}, {name}: {answer}\n");
            }
            last = Some(answer);
        }
    }
    insta::assert_snapshot!("can-migrate", text);
}

/// Decides for a fixture.
fn decide(library: &Library, from: &Build, to: &Build, fixture: &Fixture) -> Decision {
    let mut stream = Cursor::new(crate::support::stream(fixture));
    let own =
        |machine: &str, scenario: &str| machine == fixture.machine && scenario == fixture.scenario;
    can_migrate_stream(library, from, to, own, &mut stream).unwrap()
}

/// What the descriptions say of any state holds for the state that is there: never `yes` where
/// the load fails, never `no` where it does not, and where it depends, on what is in the stream.
#[test]
fn answers_agree_with_what_becomes_of_every_fixture() {
    let library = library();
    let names = library.releases().iter().map(|release| release.0.as_str());
    let builds: Vec<Build> = names.map(|name| build(&[], name)).collect();
    let pairs: Vec<_> =
        library.fixtures().iter().flat_map(|f| builds.iter().map(move |to| (f, to))).collect();
    let judge = |(fixture, to): &(&Fixture, &Build)| {
        let from = builds.iter().find(|b| b.name == fixture.release).unwrap();
        let (machine, scenario) = (&fixture.machine, &fixture.scenario);
        let answer = can_migrate(library, from, to, machine, scenario).unwrap()?;
        let decision = decide(library, from, to, fixture);
        let (kind, agrees) = match &answer {
            Answer::Yes => (0, decision.is_yes()),
            // That a loader aborts on what a subsection holds, a stream alone tells.
            Answer::OnlyIf(_) if decision.to_string().contains(": the loader aborts: ") => {
                (1, true)
            }
            Answer::OnlyIf(_) => (1, decision.is_yes() == decision.in_use.is_empty()),
            Answer::No(_) => (2, !decision.is_yes() && !decision.in_use.is_empty()),
        };
        let wrong = || format!("{} to {}: {answer}\nbut {decision}", fixture.id(), to.name);
        Some((kind, (!agrees).then(wrong)))
    };
    let judged: Vec<(usize, Option<String>)> = pairs.par_iter().filter_map(judge).collect();
    let cells = [0, 1, 2].map(|kind| judged.iter().filter(|j| j.0 == kind).count());
    let wrong: Vec<&str> = judged.iter().filter_map(|j| j.1.as_deref()).collect();
    assert!(wrong.is_empty(), "{} of {cells:?}:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(cells.iter().all(|n| *n > 100), "{cells:?}");
}

fn command(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossload"));
    command.arg("can-migrate").args(arguments).output().unwrap()
}

/// The same state as a fixture of the corpus, as a plain file and as a compressed one.
#[rstest::rstest]
#[case("pc-1.0.idle", 0, "yes, ")]
#[case("pc-1.0.legacy", 1, "no, refused: ")]
fn a_stream_decides_which_features_are_in_use(
    #[case] stem: &str,
    #[case] status: i32,
    #[case] says: &str,
) {
    let name = format!("2.3.1/{stem}");
    let (machine, scenario) = stem.rsplit_once('.').unwrap();
    let fixture = library().fixture("2.3.1", machine, scenario).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("vm.stream");
    std::fs::write(&plain, crate::support::stream(fixture)).unwrap();
    let packed = crate::support::folder().join(fixture.stream_path());
    let of_fixture = command(&["--from", "2.3.1", "--to", "com.example.enterprise:6.9", &name]);
    let text = String::from_utf8(of_fixture.stdout).unwrap();
    assert_eq!(of_fixture.status.code(), Some(status), "{text}");
    assert!(text.starts_with(&format!("{name}, read as {machine} {scenario}: {says}")), "{text}");
    for file in [plain.to_str().unwrap(), packed.to_str().unwrap()] {
        let of_file = command(&[
            "--from",
            "2.3.1",
            "--to",
            "com.example.enterprise:6.9",
            "--machine",
            machine,
            file,
        ]);
        assert_eq!(of_file.status.code(), Some(status));
        let reported = String::from_utf8(of_file.stdout).unwrap();
        // A machine with the same devices, whatever its guest did.
        let (as_, answer) = reported.split_once(": ").unwrap();
        assert!(as_.starts_with(&format!("{file}, read as {machine} ")), "{as_}");
        assert_eq!(Some(answer), text.split_once(": ").map(|reported| reported.1));
    }
    let _scope = snapshots("lab");
    insta::assert_snapshot!(format!("can-migrate-{scenario}"), text);
}

#[rstest::rstest]
#[case(&["2.3.1/pc-1.0.nothing"], "no fixture '2.3.1/pc-1.0.nothing' (did you mean '2.3.1/pc-")]
#[case(&["Cargo.toml"], "crossload: Cargo.toml: not a migration stream: magic 0x")]
#[case(&["0.12.5/pc-0.12.idle", "--machine", "pc-1.0"], "no such machine type and device set")]
#[case(&["--machine", "pc-9.9"], "have no machine type pc-9.9 (did you mean 'pc-1.0'?)")]
fn a_stream_that_cannot_be_read_is_status_2(#[case] more: &[&str], #[case] says: &str) {
    let output = command(&[&["--from", "2.3.1", "--to", "2.4.1"], more].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(says), "{stderr}");
}

#[rstest::rstest]
#[case("", "")]
#[case("base='9.9'", "base: '9.9': expected one of 0.12.5, ")]
#[case("id='a'", "id: expected a reversed domain")]
#[case("derived=' '", "derived: must say where")]
#[case("release=''", "release: must not be empty")]
#[case("relaese='1'", "unknown field `relaese`")]
#[case("release='6.9'\nid='com.example.enterprise'", "listed twice")]
fn bad_vendors_are_refused(#[case] change: &str, #[case] says: &str) {
    let mut entry = toml::toml! { id = "com.a" release = "1" base = "1.0.1" derived = "x" };
    let change: toml::Table = toml::from_str(change).unwrap();
    entry.extend(change);
    let text = format!("{MATRIX}\n[[vendor]]\n{entry}");
    match Config::parse("matrix.toml", &text) {
        Ok(_) => assert_eq!(says, ""),
        Err(error) => assert!(!says.is_empty() && error.to_string().contains(says), "{error}"),
    }
}

#[test]
fn a_vendor_that_does_not_fit_its_base_is_refused() {
    let mut vendors = vendors();
    let unknown = Build::of(library(), &vendors, "com.nobody:1");
    assert!(matches!(unknown, Err(VendorError::NoRelease { .. })));
    let name = vendors[0].name();
    vendors[0].subsection[0].owner = "nothing".to_string();
    let error = Build::of(library(), &vendors, &name).unwrap_err().to_string();
    assert!(error.contains("owner 'nothing': the tables of 1.4.2 have no such key"), "{error}");
}
