//! Real binaries: the driver against fakes that misbehave, and, where there is a binary, capture,
//! verify and add. Without one those are shown as ignored, with the reason.
//!
//! `CROSSLOAD_QEMU` names the binary; otherwise it is `qemu-system-x86_64` in `PATH`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "qemu/added.rs"]
mod added;
#[path = "qemu/fakes.rs"]
mod fakes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crossload::dialect::Generation;
use crossload::matrix::Config;
use crossload::matrix::agreement::{Agreement, Compared};
use crossload::qemu::Binary;
use crossload::qemu::capture::capture;
use crossload::qemu::groups::end_when_interrupted;
use crossload::qemu::restored::Change;
use crossload::qemu::scenario::{fits_binary, lacks, newest};
use crossload::qemu::verify::{
    Case, KnownBinary, Options, Selection, Stream, Verified, cases, cases_with, mutations, verify,
};
use crossload::release::corpus::Corpus;
use crossload::release::library::Library;
use crossload::release::observed::ObservedVerdict;
use crossload::stream::load_bytes;
use crossload::wire::{Feed, Span};
use libtest_mimic::{Arguments, Failed, Trial};

/// Changed streams of one run; `.ci/run` asks the command for more.
const MUTATIONS: usize = 50;

fn main() -> ExitCode {
    // In the place of a binary: see `fakes`.
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [option, how, arguments @ ..] = given.as_slice()
        && option == fakes::SPEAKS
    {
        return fakes::speak(how, arguments);
    }
    // Whoever interrupts the tests ends the emulators, too.
    end_when_interrupted();
    let arguments = Arguments::from_args();
    let mut trials = vec![
        always("one_that_hangs_is_a_result", fakes::hangs),
        always("one_that_dies_is_a_result", fakes::dies),
        always("one_that_floods_is_a_result", fakes::floods),
        always("one_that_speaks_garbage_is_a_result", fakes::speaks_garbage),
        always("one_that_disagrees_is_told_made_small_and_kept", fakes::disagrees),
        always("one_that_accepts_strangely_is_told", fakes::accepts_strangely),
        always("one_that_crashes_is_kept_once_by_a_campaign", fakes::crashes_once),
        always("one_that_is_no_qemu_is_an_error", fakes::is_no_qemu),
        always("one_that_is_not_there_is_an_error", fakes::is_not_there),
        always("one_that_hangs_is_not_left_when_interrupted", fakes::interrupted),
        always("one_that_hangs_is_not_asked_again", fakes::asked_once),
        always("one_that_babbles_is_ended_and_told_in_short", fakes::babbles),
        always("one_of_another_architecture_is_named", fakes::another_architecture),
    ];
    let binary = binary();
    let (binary, reason) = match binary {
        Some(path) => match release(&path, &corpus().0) {
            Some(_) => (Some(path), String::new()),
            None => (None, format!("{} is of no release of the corpus", path.display())),
        },
        None => (None, "no qemu-system-x86_64 in PATH, and CROSSLOAD_QEMU not set".to_owned()),
    };
    let real: [(&str, Test); 10] = [
        ("captures_exercise_what_they_are_for", captures),
        ("fixtures_load_as_the_model_says", fixtures),
        ("changed_fixtures_load_as_the_model_says", changed),
        ("a_stream_of_ones_own_loads_as_the_model_says", own),
        ("a_release_is_added_once", added::added),
        ("the_gate_is_shut_for_a_build_that_breaks_migration", gate),
        ("one_that_dies_while_saving_is_added_but_for_that", added::dies_while_saving),
        ("an_option_rom_that_is_asked_for_is_there", asks_for_a_rom),
        ("a_state_is_saved_again_as_it_was", saved),
        ("the_human_monitor_does_as_well", human),
    ];
    for (name, test) in real {
        let path = binary.clone().unwrap_or_default();
        let trial = Trial::test(name, move || outcome(|| test(&path)));
        trials.push(trial.with_ignored_flag(binary.is_none()).with_kind(&reason));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test of the binary at this path.
type Test = fn(&Path);

fn always(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || outcome(test))
}

fn outcome(test: impl FnOnce() + std::panic::UnwindSafe) -> Result<(), Failed> {
    test();
    Ok(())
}

/// The binary that the tests use.
fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CROSSLOAD_QEMU") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("qemu-system-x86_64")).find(|f| f.is_file())
}

// ---- A real one --------------------------------------------------------------------------------

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn corpus() -> (Library, Config) {
    let library = Library::open(Corpus::open(&root().join("corpus")).unwrap()).unwrap();
    let text = fs::read_to_string(root().join("matrix.toml")).unwrap();
    (library, Config::parse("matrix.toml", &text).unwrap())
}

/// The release of the corpus that a binary is; `None` if it has none of its number.
fn release(path: &Path, library: &Library) -> Option<KnownBinary> {
    let binary = Binary::at(path).unwrap();
    let receipts = library.fixtures().iter().map(|f| (f.release.as_str(), f.binary.as_str()));
    let release = binary.release(receipts)?.to_owned();
    Some(KnownBinary { binary, release })
}

fn known(path: &Path, library: &Library) -> KnownBinary {
    release(path, library).expect("the corpus knows the binary")
}

/// What each guest program is for, as the stream must have it.
fn captures(path: &Path) {
    let (library, config) = corpus();
    let KnownBinary { binary, release } = known(path, &library);
    for scenario in config.scenarios.iter().filter(|s| fits_binary(&binary, s)) {
        assert_eq!(lacks(&binary, scenario), None, "{}", scenario.name);
        assert!(!scenario.exercises.is_empty(), "{}", scenario.name);
        for machine in newest(&binary, scenario) {
            // A stream that lacks what the scenario is for is an error.
            let limit = Duration::from_secs(60);
            let captured = capture(&binary, "0.0", scenario, &machine.name, limit).unwrap();
            let to = library.destination(&release, &machine.name, &scenario.name).unwrap();
            let Some(to) = to else { continue };
            // What a guest that does nothing would leave at zero.
            let (device, field) = match scenario.name.as_str() {
                "virtqueue" => ("virtio-balloon", "vq[2].last_avail_idx"),
                "legacy" => ("cpu", "fpregs[7].tmp.tmp_mant"),
                _ => continue,
            };
            let loaded = load_bytes(&to, &captured.stream, &Feed::Bulk);
            let bytes = loaded.value(&captured.stream, device.as_bytes(), field).expect(field);
            assert!(bytes.iter().any(|byte| *byte != 0), "{}: {field} is zero", scenario.name);
        }
    }
    // The same device under a guest that does not touch it.
    let mut hollow = config.scenarios.iter().find(|s| s.name == "legacy").unwrap().clone();
    hollow.guest = "idle".to_owned();
    let machine = &newest(&binary, &hollow)[0].name;
    let e = capture(&binary, "0.0", &hollow, machine, Duration::from_secs(60)).unwrap_err();
    assert!(e.to_string().contains("carries no ide_drive/pio_state"), "{e}");
    assert!(
        e.to_string().contains("it has the sections I440FX") && e.to_string().contains(", ide, "),
        "{e}"
    );
}

/// A build goes through the gate against itself. One that sends the same section in another layout
/// does not, and the section is named; nor does one that is compared with what is on record.
fn gate(path: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("changed");
    let path = path.display().to_string();
    let script = format!(
        "#!/bin/sh\nexec '{path}' \"$@\" -global PIIX4_PM.acpi-pci-hotplug-with-bridge-support=off\n"
    );
    fs::write(&changed, script).unwrap();
    fs::set_permissions(&changed, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let changed = changed.display().to_string();
    let run = |new: &str, old: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_crossload"))
            .args(["gate", "--scenario", "idle", "--qemu", new, "--against", old])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), said + &String::from_utf8_lossy(&output.stderr))
    };
    let (status, said) = run(&path, &path);
    assert!(status == Some(0) && said.contains("The gate is open."), "{said}");
    assert!(said.contains("idle: faithful; the binary: accepted"), "{said}");
    let (library, _) = corpus();
    let recorded = known(Path::new(&path), &library).release;
    for old in [&path, &recorded] {
        let (status, said) = run(&changed, old);
        assert!(status == Some(1) && said.contains("The gate is shut."), "{said}");
        assert!(said.contains("which no description tells") && said.contains("piix4_pm"), "{said}");
    }
}

/// Everything that these binaries can be given.
fn all<'a>(binaries: &'a [KnownBinary], feeds: &'a [Feed]) -> Selection<'a> {
    Selection { binaries, feeds, machines: &[], scenarios: &[] }
}

fn all_agree(library: &Library, config: &Config, list: &[Case<'_>]) {
    assert!(!list.is_empty());
    let options =
        Options { jobs: 2, limit: Duration::from_secs(60), save: false, trace: true, shrink: 0 };
    let verified = verify(library, list, &options, &Arc::new(AtomicU64::new(0))).unwrap();
    let cells = verified.into_iter().map(|v| v.compared).collect();
    let mut agreement = Agreement { cells, changed: Vec::new() };
    let _ = agreement.explain(config);
    for one in agreement.cells.iter().filter(|one| one.explained.is_none()) {
        assert_eq!(one.disagreement, None, "{} {}.{}", one.source, one.machine, one.scenario);
    }
}

fn fixtures(path: &Path) {
    let (library, config) = corpus();
    let known = [known(path, &library)];
    all_agree(
        &library,
        &config,
        &cases(&library, &all(&known, &[Feed::Bulk, Feed::Random(1)])).unwrap(),
    );
}

fn changed(path: &Path) {
    let (library, config) = corpus();
    let known = [known(path, &library)];
    let list = mutations(&library, &all(&known, &[Feed::Trickle(256)]), MUTATIONS, 7).unwrap();
    all_agree(&library, &config, &list);
}

/// A stream that is in no corpus: queues of virtio-net without entries, which end the loader.
fn own(path: &Path) {
    let (library, config) = corpus();
    let known = [known(path, &library)];
    let (machine, scenario) = ("pc-i440fx-5.2".to_owned(), "virtio".to_owned());
    let fixture = library.fixture("5.2", &machine, &scenario).unwrap();
    let to = library.destination(&known[0].release, &machine, &scenario).unwrap().unwrap();
    let mut bytes = library.corpus().stream(fixture).unwrap();
    let loaded = crossload::stream::load(&to, &mut &bytes[..], &Feed::Bulk);
    let queue = |span: &&Span<'_>| loaded.map.path(span).ends_with("virtio-net.vq[1].num");
    let at = loaded.map.spans().iter().find(queue).unwrap().offset as usize;
    bytes[at..at + 4].fill(0);
    let stream = Stream { name: "own.stream".to_owned(), bytes };
    let feeds = [Feed::Bulk, Feed::Trickle(8)];
    let selection =
        Selection { machines: &[machine], scenarios: &[scenario], ..all(&known, &feeds) };
    let list = cases_with(&library, &selection, &stream).unwrap();
    assert_eq!(list.len(), 2, "once a feed, whoever sent such a machine");
    all_agree(&library, &config, &list);
}

fn saved(path: &Path) {
    let (library, _) = corpus();
    let known = [known(path, &library)];
    let list = cases(&library, &all(&known, &[Feed::Bulk])).unwrap();
    let options =
        Options { jobs: 2, limit: Duration::from_secs(60), save: true, trace: true, shrink: 0 };
    let verified = verify(&library, &list, &options, &Arc::new(AtomicU64::new(0))).unwrap();
    let accepted = |one: &Verified| one.real.verdict == ObservedVerdict::Accepted;
    let mut differ = 0;
    for one in verified.iter().filter(|one| accepted(one)) {
        let Compared { source, machine, scenario, .. } = &one.compared;
        assert_eq!(one.real.unsaved, None, "{source}/{machine}.{scenario}");
        // Clocks run on between load and save; whatever else differs has its reason, too.
        // A board without versions has more in a newer release.
        let more = |c: &&Change| c.sent.is_none() && Generation::of(machine).is_none();
        let strange: Vec<_> = one.changes.iter().filter(|c| !c.explained && !more(c)).collect();
        assert!(strange.is_empty(), "{source}/{machine}.{scenario}: {strange:?}");
        differ += one.changes.len();
    }
    assert!(differ > 100, "{differ} fields differ");
    let own = verified.iter().filter(|one| one.compared.source == known[0].release);
    assert!(own.clone().count() > 0 && own.clone().all(accepted));
}

/// The same stream, driven as releases without QMP must be.
fn human(path: &Path) {
    let (library, config) = corpus();
    let mut known = known(path, &library);
    known.binary.human = true;
    let idle = config.scenarios.iter().find(|s| s.name == "idle").unwrap();
    let machine = newest(&known.binary, idle)[0].name.clone();
    let limit = Duration::from_secs(60);
    let one = capture(&known.binary, "0.0", idle, &machine, limit).unwrap();
    assert_eq!(one.own.verdict, ObservedVerdict::Accepted);
    let known = [known];
    let mut list = cases(&library, &all(&known, &[Feed::Bulk])).unwrap();
    list.retain(|case| case.fixture.scenario == "idle");
    all_agree(&library, &config, &list);
    // A machine type that is not there: it dies before it can be spoken to.
    let e = capture(&known[0].binary, "0.0", idle, "pc-none", limit).unwrap_err().to_string();
    assert!(e.contains("before it could be spoken to"), "{e}");
    // A device that it cannot make: its monitor is there already, and it says why it ended.
    let mut broken = idle.clone();
    broken.arguments = ["-device", "e1000,netdev=none"].map(str::to_owned).to_vec();
    for human in [true, false] {
        let binary = Binary { human, ..known[0].binary.clone() };
        let e = capture(&binary, "0.0", &broken, &machine, limit).unwrap_err().to_string();
        assert!(e.contains("netdev"), "{e}");
    }
}

/// A binary that wants an option ROM of a name of its own, as those of downstreams do.
fn asks_for_a_rom(path: &Path) {
    let (_, config) = corpus();
    let idle = config.scenarios.iter().find(|s| s.name == "idle").unwrap();
    let script = format!(
        // Asked what it is, without a machine, it wants nothing.
        "case \"$*\" in *'-M none'* | *'-machine none'*) exec {0} \"$@\" ;; esac\n\
         for it in \"$@\"; do [ \"$it\" = -nographic ] || continue\n\
         [ -f roms/compat-of-its-own.rom ] || {{ \
         echo 'fake: failed to find romfile \"compat-of-its-own.rom\"' >&2; exit 1; }}\n\
         done\nexec {0} \"$@\"",
        path.display()
    );
    let fake = fakes::fake(&script);
    let binary = Binary::at(&fake.binary.path).unwrap();
    let machine = newest(&binary, idle)[0].name.clone();
    let one = capture(&binary, "0.0", idle, &machine, Duration::from_secs(60)).unwrap();
    assert_eq!(one.own.verdict, ObservedVerdict::Accepted);
}
