//! The driver against binaries that misbehave: scripts, and this test program in the place of one
//! that speaks to a monitor.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a binary says things")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use crossload::qemu::add::{Request, add};
use crossload::qemu::binary::MachineType;
use crossload::qemu::campaign;
use crossload::qemu::campaign::finding::Class;
use crossload::qemu::incoming::{IncomingOptions, RealLoad, load};
use crossload::qemu::process::{Ended, KEPT};
use crossload::qemu::verify::{KnownBinary, Selection, cases};
use crossload::qemu::{Binary, Guest, Setup};
use crossload::release::corpus::Corpus;
use crossload::release::library::Library;
use crossload::release::observed::ObservedVerdict;
use crossload::wire::Feed;
use rustix::process::{Pid, Signal, kill_process};

/// A script that stands for a binary.
pub struct Fake {
    _folder: tempfile::TempDir,
    pub binary: Binary,
}

pub fn fake(script: &str) -> Fake {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fake");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let machine = MachineType { name: "pc".to_owned(), newest: true };
    let binary = Binary {
        path,
        version: "7.2.0".parse().unwrap(),
        about: "7.2.0 (fake)".to_owned(),
        architecture: "x86_64".to_owned(),
        machines: vec![machine],
        human: false,
        devices: BTreeSet::new(),
    };
    Fake { _folder: folder, binary }
}

fn run(fake: &Fake, limit: Duration) -> RealLoad {
    let setup = Setup {
        machine: "pc".to_owned(),
        guest: Guest::Idle,
        arguments: vec![],
        ..Setup::default()
    };
    let wanted = IncomingOptions { feed: Feed::Bulk, trace: true, save: true, limit };
    load(&fake.binary, &setup, b"QEVM", &wanted).unwrap()
}

pub fn hangs() {
    let fake = fake("sleep 987 & echo $! >child; cp child \"$(dirname \"$0\")\"; wait");
    let begun = Instant::now();
    let real = run(&fake, Duration::from_millis(500));
    assert_eq!(real.verdict, ObservedVerdict::Hang);
    assert!(begun.elapsed() < Duration::from_secs(10));
    // Its child went with it.
    let child = fs::read_to_string(fake.binary.path.with_file_name("child")).unwrap();
    let child = format!("/proc/{}/stat", child.trim());
    let stat = || fs::read_to_string(&child).unwrap_or_default();
    // It was killed before the load came back; a busy machine takes its time to end it.
    let alive = || !(stat().is_empty() || stat().contains(") Z"));
    while alive() && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!alive(), "{}", stat());
}

pub fn dies() {
    let real = run(&fake("echo no such machine >&2; exit 1"), Duration::from_secs(20));
    assert_eq!(real.verdict, ObservedVerdict::Refused);
    assert_eq!((real.consumed, real.ended), (None, Some(Ended::Exited(1))));
    assert_eq!(real.stderr, "no such machine\n");
    let real = run(&fake("kill -SEGV $$"), Duration::from_secs(20));
    assert_eq!(real.ended, Some(Ended::Signalled(11)));
}

pub fn floods() {
    let real =
        run(&fake("head -c 5000000 /dev/zero | tr '\\0' x >&2; exit 1"), Duration::from_secs(20));
    assert_eq!((real.verdict, real.stderr.len()), (ObservedVerdict::Refused, KEPT));
}

/// One that a signal ends whatever it is given: a campaign keeps that once, and another that goes on in
/// the same folder finds nothing new.
pub fn crashes_once() {
    let mut fake = fake("kill -SEGV $$");
    fake.binary.machines = vec![MachineType { name: "pc-i440fx-7.2".to_owned(), newest: true }];
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    let known = [KnownBinary { binary: fake.binary.clone(), release: "7.2".to_owned() }];
    let scenarios = ["idle".to_owned()];
    let feeds = [Feed::Bulk];
    let selection =
        Selection { binaries: &known, feeds: &feeds, machines: &[], scenarios: &scenarios };
    let list = cases(&library, &selection).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = campaign::Options {
        jobs: 2,
        limit: Duration::from_secs(60),
        time: Duration::from_millis(100),
        feed: Feed::Bulk,
        shrink: 8,
        traced: 2,
    };
    let once = || campaign::run(&library, &list, folder.path(), &options, &|_| {}).unwrap();
    let first = once();
    let [finding] = &first.found[..] else { panic!("{first:?}") };
    assert_eq!(finding.class, Class::Crash);
    assert!(
        finding.ended.as_ref().is_some_and(|reported| reported.starts_with("killed by signal 11"))
    );
    assert!(finding.size < finding.found_with && first.session.loads > 2, "{first:?}");
    let kept = campaign::folder::Folder::new(folder.path());
    assert_eq!(kept.findings().unwrap(), first.found);
    let stream = folder.path().join("findings").join(finding.key()).join("smallest.stream");
    assert_eq!(fs::read(stream).unwrap().len() as u64, finding.size);
    let second = once();
    assert_eq!(second.found, []);
    let sessions = kept.sessions().unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(
        sessions.iter().map(|s| s.queued).sum::<u64>(),
        fs::read_dir(folder.path().join("queue")).unwrap().count() as u64
    );
}

pub fn is_no_qemu() {
    let e = Binary::at(&fake("echo hello").binary.path).unwrap_err().to_string();
    assert!(e.contains("expected 'QEMU emulator version") && e.contains("hello"), "{e}");
    let e = Binary::at(&fake("echo bad option >&2; exit 2").binary.path).unwrap_err().to_string();
    assert!(e.ends_with("ended with status 2; it said: bad option"), "{e}");
}

/// One that tells its version and then nothing more: it is asked one thing more, and started once.
pub fn asked_once() {
    let log = "echo \"$*\" >>\"$0.log\"";
    let fake = fake(&format!(
        "{log}; case \"$*\" in --version) echo QEMU emulator version 7.2.0;; *) exec sleep 1000;; esac"
    ));
    let asked = |fake: &Fake| {
        let log = fs::read_to_string(fake.binary.path.with_extension("log")).unwrap();
        log.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let limit = Duration::from_secs(2);
    let e = Binary::within(&fake.binary.path, limit).unwrap_err().to_string();
    assert!(e.contains("not done after 2s, killed"), "{e}");
    assert_eq!(asked(&fake), ["--version", "-M help"]);

    let fake = self::fake(&format!(
        "case \"$*\" in --version) echo QEMU emulator version 7.2.0;; \
         '-M help') echo pc-i440fx-7.2 PC '(default)';; '-device help') ;; \
         *) {log}; exec sleep 1000;; esac"
    ));
    let into = fake.binary.path.with_extension("into");
    let output = Command::new(env!("CARGO_BIN_EXE_crossload"))
        .args(["capture", "--scenario", "idle", "--scenario", "legacy", "--scenario", "nic"])
        .args(["--jobs", "1", "--limit", "5", "--qemu"])
        .arg(&fake.binary.path)
        .arg("--into")
        .arg(&into)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("nothing was heard of it"), "{said}");
    assert_eq!(asked(&fake).len(), 1);
    assert!(!into.exists());
}

pub fn babbles() {
    let fake = fake(
        "case \"$*\" in --version) echo QEMU emulator version 7.2.0;; *) exec yes oh dear >&2;; esac",
    );
    let e = Binary::at(&fake.binary.path).unwrap_err().to_string();
    assert!(e.contains("SIGKILL") && e.contains("oh dear") && e.contains("and was killed"), "{e}");
    assert!(e.len() < 3000, "{} bytes", e.len());
}

pub fn another_architecture() {
    let mut fake = speaking("arm");
    let binary = Binary::at(&fake.binary.path).unwrap();
    assert_eq!(binary.architecture, "aarch64");
    assert_eq!(binary.machines[0].name, "aarch64/virt-7.2");
    // One for which there are no guests.
    fake.binary.architecture = "hppa".to_owned();
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("corpus");
    fs::create_dir(&corpus).unwrap();
    let matrix = folder.path().join("matrix.toml");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix.toml"), &matrix).unwrap();
    let request = Request {
        binary: &fake.binary,
        release: "7.2".to_owned(),
        matrix: &matrix,
        corpus: &corpus,
        jobs: 1,
        limit: Duration::from_secs(30),
        machines: &[],
    };
    let e = add(&request).unwrap_err().to_string();
    assert!(e.contains("7.2.0 (fake) emulates hppa"), "{e}");
}

pub fn is_not_there() {
    let e = Binary::at(Path::new("no/such/qemu")).unwrap_err().to_string();
    assert!(e.contains("no/such/qemu: cannot be started"), "{e}");
}

/// The program itself is told to end while a binary hangs.
pub fn interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let reported = folder.path().join("pid");
    let script = format!(
        "case \"$*\" in --version) echo QEMU emulator version 7.2.0;; *help) echo pc-i440fx-7.2 PC;; \
         *) echo $$ >{0}.part; mv {0}.part {0}; exec sleep 1000;; esac",
        reported.display()
    );
    let fake = fake(&script);
    let work = folder.path().join("work");
    fs::create_dir(&work).unwrap();
    for signal in [Signal::INT, Signal::TERM] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_crossload"));
        program.args([
            "capture",
            "--scenario",
            "idle",
            "--machine",
            "pc-i440fx-7.2",
            "--jobs",
            "1",
        ]);
        program.arg("--into").arg(folder.path().join("into")).env("TMPDIR", &work);
        let mut program = program.arg("--qemu").arg(&fake.binary.path).spawn().unwrap();
        let pid = loop {
            assert!(program.try_wait().unwrap().is_none(), "it ended before it was told to");
            if let Ok(pid) = fs::read_to_string(&reported) {
                break pid.trim().to_owned();
            }
            thread::sleep(Duration::from_millis(5));
        };
        fs::remove_file(&reported).unwrap();
        assert_eq!(fs::read_dir(&work).unwrap().count(), 1, "it runs in a folder there");
        kill_process(Pid::from_child(&program), signal).unwrap();
        assert_eq!(program.wait().unwrap().code(), Some(130));
        let left: Vec<_> = fs::read_dir(&work).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        // It is gone, or dead and waits to be reaped by whoever inherits it.
        let state = Command::new("ps").args(["-o", "stat=", "-p", &pid]).output().unwrap().stdout;
        let state = String::from_utf8(state).unwrap();
        assert!(state.is_empty() || state.starts_with('Z'), "{pid} is left: {state}");
    }
}

// ---- One that speaks ---------------------------------------------------------------------------

/// The option that makes this program a binary that speaks: the word behind it says how.
pub const SPEAKS: &str = "--speaks";

/// What stands for a binary that speaks so.
fn speaking(how: &str) -> Fake {
    let this = std::env::current_exe().unwrap();
    fake(&format!("exec '{}' {SPEAKS} {how} \"$@\"", this.display()))
}

/// This program as a binary.
pub fn speak(how: &str, arguments: &[String]) -> ExitCode {
    let after = |option: &str| {
        let at = arguments.iter().position(|a| a == option)?;
        arguments.get(at + 1).cloned()
    };
    match (arguments.first().map(String::as_str), after("-qmp")) {
        (Some("--version"), _) => println!("QEMU emulator version 7.2.0 (fake)"),
        (Some("-M"), None) if how == "arm" => println!("virt-7.2  A board"),
        (Some("-M"), None) => println!("pc-i440fx-7.2  Standard PC (default)"),
        (Some("-M"), Some(socket)) if after("-M").as_deref() == Some("none") => {
            let socket = UnixStream::connect(socket.trim_start_matches("unix:")).unwrap();
            target(if how == "arm" { "aarch64" } else { "x86_64" }, socket);
            return ExitCode::FAILURE;
        }
        (_, Some(socket)) => {
            let socket = UnixStream::connect(socket.trim_start_matches("unix:")).unwrap();
            converse(how, socket);
            return ExitCode::FAILURE;
        }
        _ => {}
    }
    ExitCode::SUCCESS
}

const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": []}}"#;

/// One that was started without a machine, to tell what it emulates.
fn target(architecture: &str, mut socket: UnixStream) {
    writeln!(socket, "{GREETING}").unwrap();
    let asked = BufReader::new(socket.try_clone().unwrap()).lines();
    for _ in asked.map_while(Result::ok) {
        let _ = writeln!(socket, r#"{{"return": {{"arch": "{architecture}"}}}}"#);
    }
}

fn converse(how: &str, mut socket: UnixStream) {
    if how == "garbage" {
        socket.write_all(b"hello\n").unwrap();
        thread::sleep(Duration::from_secs(1000));
    }
    if how == "closes" {
        socket.shutdown(std::net::Shutdown::Both).unwrap();
        thread::sleep(Duration::from_secs(1000));
    }
    writeln!(socket, "{GREETING}").unwrap();
    let mut asked = BufReader::new(socket.try_clone().unwrap()).lines();
    let _ = asked.next();
    writeln!(socket, r#"{{"return": {{}}}}"#).unwrap();
    if how == "aborts" {
        for line in asked.map_while(Result::ok) {
            if line.contains("\"migrate\"") {
                // As 8.2 does: well into the stream, long after it has agreed to write one.
                let mut out = UnixStream::connect("out").unwrap();
                writeln!(socket, r#"{{"return": {{}}}}"#).unwrap();
                out.write_all(b"QEVM\0\0\0\x03").unwrap();
                eprintln!("writer.c:7: the assertion did not hold");
                std::process::abort();
            }
            // Its guest has halted.
            writeln!(socket, r#"{{"return": "HLT=1"}}"#).unwrap();
        }
        return;
    }
    if how == "garbage-later" {
        let _ = asked.next();
        socket.write_all(b"{\"return\": oh\n").unwrap();
        thread::sleep(Duration::from_secs(1000));
    }
    let mut stream = Vec::new();
    if how != "blind" {
        std::io::stdin().read_to_end(&mut stream).unwrap();
    }
    if how != "refuses" {
        for line in asked.map_while(Result::ok) {
            let answer = match line.contains("query-status") {
                true => r#"{"return": {"status": "paused", "running": false}}"#,
                false => r#"{"error": {"class": "GenericError", "desc": "not here"}}"#,
            };
            writeln!(socket, "{answer}").unwrap();
        }
    }
    eprintln!("fake: error while loading state for instance 0x0 of device 'timer'");
    eprintln!("fake: load of migration failed: Operation not permitted");
}

pub fn speaks_garbage() {
    for (how, reported) in [("garbage", "hello"), ("garbage-later", "oh"), ("closes", "closed")] {
        let fake = speaking(how);
        let real = run(&fake, Duration::from_secs(30));
        assert_eq!(real.verdict, ObservedVerdict::Hang, "{how}");
        assert!(real.stderr.contains(reported), "{how}: {}", real.stderr);
    }
}

/// `crossload verify` on one that speaks so: what it says, and that it ended with
/// status 1.
fn verified(how: &str, keep: &Path) -> String {
    let fake = speaking(how);
    let output = Command::new(env!("CARGO_BIN_EXE_crossload"))
        .args(["verify", "--release", "7.2", "--scenario", "idle", "--feed", "bulk"])
        .args(["--machine", "pc-i440fx-7.2", "--jobs", "1", "--qemu"])
        .arg(&fake.binary.path)
        .arg("--keep")
        .arg(keep)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let failed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}{failed}");
    said
}

/// Binaries that accept as the model does, but of which something else cannot be true.
pub fn accepts_strangely() {
    let folder = tempfile::tempdir().unwrap();
    let said = verified("blind", folder.path());
    assert!(said.contains("binary had taken 0 bytes"), "{said}");
    let said = verified("mute", folder.path());
    assert!(said.contains("the binary accepted, but traced nothing"), "{said}");
}

/// A binary that refuses what the model accepts: told, made small, kept, and exit status 1.
pub fn disagrees() {
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().join("kept");
    let said = verified("refuses", &keep);
    let loads = said.matches("model accepted").count();
    assert!(loads > 1, "{said}");
    assert!(said.contains(&format!("0 of {loads} loads agree, 0 are explained")), "{said}");
    assert!(said.contains(&format!("{loads} streams, as small")), "{said}");
    // Nothing but what the model wants of a stream is left of it.
    let bundles: Vec<_> = fs::read_dir(&keep).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(bundles.len(), loads);
    for bundle in bundles {
        let stream = fs::read(bundle.join("smallest.stream")).unwrap();
        assert!(stream.starts_with(b"QEVM") && stream.len() < 4096, "{} bytes", stream.len());
        let about = fs::read_to_string(bundle.join("about.txt")).unwrap();
        assert!(about.contains("model accepted") && about.contains("--release 7.2"), "{about}");
        assert!(about.contains("Operation not permitted"), "{about}");
    }
}
