//! Child processes that misbehave.

use super::*;

fn sh(script: &str) -> Process {
    Process::start(Task {
        program: Path::new("/bin/sh"),
        arguments: vec!["-c".into(), script.into()],
        folder: Path::new("/"),
        stdin: None,
    })
    .unwrap()
}

fn second() -> Deadline {
    Deadline::within(Duration::from_secs(10))
}

#[test]
fn output_and_status_of_an_ordinary_end() {
    let mut process = sh("echo out; echo err >&2; exit 3");
    assert_eq!(process.wait(second()).unwrap(), Some(Ended::Exited(3)));
    assert_eq!((process.stdout().as_str(), process.stderr().as_str()), ("out\n", "err\n"));
}

#[test]
fn a_flood_does_not_block_it() {
    let mut process = sh("head -c 3000000 /dev/zero | tr '\\0' x >&2");
    assert_eq!(process.wait(second()).unwrap(), Some(Ended::Exited(0)));
    assert_eq!(process.stderr().len(), KEPT);
}

#[test]
fn one_that_babbles_is_ended() {
    let mut process = sh("exec yes 'what a day' >&2");
    assert_eq!(
        process.wait(Deadline::within(Duration::from_secs(60))).unwrap(),
        Some(Ended::Signalled(9))
    );
    let reported = process.stderr();
    assert!(reported.ends_with("bytes, and was killed]") && reported.len() < KEPT + 100);
    assert!(
        stderr_note(&reported).len() < SHOWN + 100 && stderr_note(&reported).contains("what a day")
    );
}

#[test]
#[cfg(target_os = "linux")]
fn one_that_fills_the_disk_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let skip = LARGEST >> 20;
    let script =
        format!("sleep 0.2; exec dd if=/dev/zero of={} bs=1M seek={skip} count=1", out.display());
    let ended = sh(&script).wait(second()).unwrap();
    // The signal, or the error of a shell that does not die of it.
    assert!(ended.is_some_and(|ended| !ended.is_success()), "{ended:?}");
}

#[test]
fn one_that_hangs_is_killed_with_its_children() {
    let mut process = sh("sleep 1000 & echo $!; wait");
    assert_eq!(process.wait(Deadline::within(Duration::from_millis(300))).unwrap(), None);
    assert_eq!(process.kill().unwrap(), Ended::Signalled(9));
    let child = process.stdout().trim().to_owned();
    let stat = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    // Gone, or a zombie that its new parent has not reaped yet; when, is up to the machine.
    let alive = || !(stat().is_empty() || stat().contains(") Z"));
    let begun = Instant::now();
    while alive() && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!alive(), "{}", stat());
}

#[test]
fn a_grandchild_that_keeps_the_pipe_delays_nobody() {
    let mut process = sh("setsid sleep 3 & exit 0");
    assert_eq!(process.wait(second()).unwrap(), Some(Ended::Exited(0)));
    let begun = Instant::now();
    assert_eq!(process.stderr(), "");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn errors_begin_with_the_program_and_tell_what_it_said() {
    let task = |script: &str| Task {
        program: Path::new("/bin/sh"),
        arguments: vec!["-c".into(), script.into()],
        folder: Path::new("/"),
        stdin: None,
    };
    let e = output(task("echo bad option >&2; exit 1"), Duration::from_secs(10)).unwrap_err();
    assert_eq!(e.to_string(), "/bin/sh: ended with status 1; it said: bad option");
    let e = output(task("sleep 1000"), Duration::from_millis(50)).unwrap_err();
    assert_eq!(e.to_string(), "/bin/sh: not done after 50ms, killed");
    let none = Task { program: Path::new("/no/such"), ..task("") };
    assert!(matches!(Process::start(none), Err(ProcessError::Spawn { .. })));
}
