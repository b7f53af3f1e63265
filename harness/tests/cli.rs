//! The command as its users meet it: output, exit status, what it says of bad input.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use crate::support::snapshots::snapshots;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const STREAM: &str = "corpus/10.0/pc-i440fx-10.0.idle.stream.zst";
const BEFORE: &str = "harness/release/changes/doctored/before.json";
const AFTER: &str = "harness/release/changes/doctored/after.json";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossload"));
    command.args(arguments).env("COLUMNS", "100").env_remove("CLICOLOR_FORCE");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn output(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the command starts")
}

#[rstest::rstest]
#[case("help", &["--help"], 0)]
#[case("help-explain", &["explain", "--help"], 0)]
#[case("one-release", &["--release", "11.1", "--scenario", "virtio"], 0)]
#[case("misparsed", &["matrix", "--machine", "pc-0.12", "--verdict", "misparsed"], 0)]
#[case("trickle", &["--feed", "trickle:8", "--source", "1.0.1", "--destination", "1.0.1"], 0)]
#[case("explain-misparsed", &["explain", "0.12.5/pc-0.12.idle", "0.13.0"], 1)]
#[case("explain-refused", &["explain", "10.0/pc-i440fx-10.0.virtio", "11.1"], 1)]
#[case("explain-refused-late", &["explain", "0.14.1/pc-0.14.idle", "2.8.1"], 1)]
#[case("explain-defaulted", &["explain", "1.0.1/pc-1.0.idle", "1.4.2"], 0)]
#[case("diff-dumps", &["diff", BEFORE, AFTER, "--notes"], 1)]
#[case("diff-same", &["diff", BEFORE, BEFORE], 0)]
#[case("diff-releases", &["diff", "3.0.0", "4.2.0"], 0)]
fn output_is_as_reviewed(#[case] name: &str, #[case] arguments: &[&str], #[case] status: i32) {
    let output = output(arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(status));
    let _scope = snapshots("cli");
    insta::assert_snapshot!(name, String::from_utf8(output.stdout).unwrap());
}

#[rstest::rstest]
#[case(&["--release", "9.9"], "crossload: no release '9.9': expected one of 0.12.5, ")]
#[case(&["--source", "11.1", "--machine", "pc-0.12"], "crossload: the selection is empty")]
#[case(&["--verdict", "fine"], "unknown verdict 'fine'")]
#[case(&["--feed", "trickle:0"], "unknown feed 'trickle:0'")]
#[case(&["--matrix", "none.toml"], "crossload: none.toml: no such file")]
#[case(&["--matrix", "Cargo.toml"], "crossload: Cargo.toml: TOML parse error")]
#[case(&["explain", "0.12.5", "0.13.0"], "crossload: no fixture '0.12.5' (did you mean '0.12.5/")]
#[case(&["explain", "0.12.5/pc-0.12.idle", "11.1"], "crossload: 11.1 has no machine type pc-0.12")]
#[case(&["verify", "--qemu", "none", "--stream", "x"], "crossload: none: cannot be started")]
#[case(&["verify", "--qemu", "none"], "crossload: none: ")]
#[case(&["observed", "--observed", "none.json"], "crossload: none.json: no such file")]
#[case(&["observed", "--corpus", "none"], "crossload: none: no such folder")]
#[case(&["--release", "7.3"], "no release '7.3' (did you mean")]
#[case(&["--machine", "pc-q36-7.2"], "no machine type 'pc-q36-7.2' (did you mean 'pc-q35-7.2'?)")]
#[case(&["--scenario", "virtoi"], "no scenario 'virtoi' (did you mean 'virtio'?)")]
#[case(&["explain", "0.12.5/pc-0.12.idel", "0.13.0"], "(did you mean '0.12.5/pc-0.12.idle'?)")]
#[case(&["drift", "--machine", "pc-i440fx-24"], "(did you mean 'pc-i440fx-2.4'?)")]
#[case(&["diff", "10.O", "11.1"], "no release and no file '10.O' (did you mean '10.0'?)")]
#[case(&["targets", STREAM, "--source", "10.O"], "no release '10.O' (did you mean '10.0'?)")]
#[case(&["targets", STREAM, "--machine", "pc-i440fx-10.00"], "(did you mean 'pc-i440fx-10.0'?)")]
#[case(&["can-migrate", "--from", "7.3", "--to", "10.0"], "no release '7.3' (did you mean")]
#[case(&["can-migrate", "--from", "7.2", "--to", "10.0", "--machine", "pc-q36-7.2"], "(did you mean 'pc-q35-7.2'?)")]
#[case(&["diff", "Cargo.toml", "11.1"], "Cargo.toml: no -dump-vmstate file")]
fn unusable_input_is_status_2(#[case] arguments: &[&str], #[case] says: &str) {
    let output = output(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(says), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[test]
fn a_broken_policy_is_status_1() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/matrix.toml")).unwrap();
    let (claims, _) = text.split_once("\n[[known]]").unwrap();
    let file = folder.path().join("matrix.toml");
    std::fs::write(&file, claims).unwrap();
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");
    #[cfg(unix)]
    std::os::unix::fs::symlink(corpus, folder.path().join("corpus")).unwrap();
    let output = output(&["--matrix", file.to_str().unwrap(), "--machine", "pc-0.12"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("misparsed (broken)") && stdout.contains("the policy is broken"));
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_failure() {
    let mut child = command(&["--machine", "pc-1.0", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0u8; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// What a program reads has the same changes, in both directions.
#[test]
fn a_diff_as_json_says_all() {
    let output = output(&["diff", BEFORE, AFTER, "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["version"], &report["holds"]), (&1.into(), &false.into()));
    let [there, back] = report["directions"].as_array().unwrap().as_slice() else { panic!() };
    assert_eq!(there["changes"].as_array().unwrap().len(), 13);
    assert_eq!((&there["from"], &back["from"]), (&"before.json".into(), &"after.json".into()));
    let gone = there["changes"].as_array().unwrap().iter();
    let gone = gone.filter(|change| change["change"]["kind"] == "field-gone");
    let fields: Vec<&str> = gone.filter_map(|c| c["change"]["field"].as_str()).collect();
    assert_eq!(fields, ["irq_state", "fuel"]);
}

#[rstest::rstest]
#[case(&["--color", "always"], &[], true)]
#[case(&["--color", "never"], &[("CLICOLOR_FORCE", "1")], false)]
#[case(&[], &[], false)]
#[case(&[], &[("CLICOLOR_FORCE", "1")], true)]
#[case(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false)]
fn colours_are_shown_where_they_are_wanted(
    #[case] option: &[&str],
    #[case] environment: &[(&str, &str)],
    #[case] shown: bool,
) {
    let mut command = command(&["diff", BEFORE, AFTER]);
    let output = command.args(option).envs(environment.iter().copied()).output().unwrap();
    assert_eq!(output.stdout.contains(&0x1b), shown);
}

/// Only a sample is loaded unless the whole is asked for, and how much that is is said first.
#[test]
fn drift_says_how_many_loads_it_is() {
    let arguments = ["drift", "--release", "0.13.0", "--machine", "pc-0.12", "--sample", "50"];
    let output = output(&arguments);
    let (stdout, stderr) = (output.stdout, output.stderr);
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(stderr.starts_with("drift: a sample of ") && stderr.contains("--whole"), "{stderr}");
    let loads: usize = stderr.split(' ').nth(4).unwrap().parse().unwrap();
    assert!((40..=50).contains(&loads), "{stderr}");
    assert!(stdout.starts_with("A sample: one in "), "{stdout}");
}

#[rstest::rstest]
#[case("bash", "_crossload()")]
#[case("zsh", "#compdef crossload")]
#[case("fish", "complete -c crossload")]
fn shells_are_told_what_to_complete(#[case] shell: &str, #[case] begins: &str) {
    let output = output(&["completions", shell]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(begins) && text.contains("can-migrate"), "{text}");
}

#[test]
fn every_verb_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let output = output(&["man", "--into", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("crossload.1").contains("misparsed"));
    let diff = page("crossload-diff.1");
    assert!(diff.contains(".TH crossload-diff 1") && diff.contains("vmstate"), "{diff}");
    assert!(fs::read_dir(folder.path()).unwrap().count() > 15);
}

#[test]
fn an_imported_corpus_runs() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("mine");
    let input = folder.path().join("input");
    std::fs::create_dir(&input).unwrap();
    let arguments = ["import", input.to_str().unwrap(), "--into", corpus.to_str().unwrap()];
    let output = output(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(corpus.join("matrix.toml").is_file());
}

/// Killed in the middle, as a limit on the length of files does it: the corpus has nothing of it, and
/// the next import finds out that nobody holds the corpus.
#[test]
#[cfg(unix)]
fn an_import_that_is_killed_leaves_the_corpus_as_it_was() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let (input, corpus) = (folder.path().join("input"), folder.path().join("corpus"));
    let fixture = "0.13.0/pc-0.12.idle.stream.zst";
    fs::create_dir_all(input.join("streams/0.13.0")).unwrap();
    fs::copy(root.join("corpus").join(fixture), input.join("streams").join(fixture)).unwrap();
    let about = fs::read_to_string(root.join("corpus/0.13.0/pc-0.12.idle.toml")).unwrap();
    let value = |key: &str| {
        let line = about.lines().find_map(|l| l.strip_prefix(&format!("{key} = "))).unwrap();
        line.replace('\'', "\"")
    };
    let index = format!(
        r#"{{"scenarios": {{"idle": {{"guest": {}, "arguments": []}}}}, "common_arguments": [],
            "streams": [{{"release": "0.13.0", "binary": "b", "machine": "pc-0.12",
            "scenario": "idle", "file": "streams/{fixture}", "size": {}, "sha256": {}}}]}}"#,
        value("guest"),
        value("size"),
        value("sha256")
    );
    fs::write(input.join("streams/index.json"), index).unwrap();
    let import = |limit: &str| {
        let command = format!("ulimit -c 0; {limit} exec \"$0\" import \"$1\" --into \"$2\"");
        Command::new("/bin/sh")
            .args(["-c", &command, env!("CARGO_BIN_EXE_crossload")])
            .args([&input, &corpus])
            // What a killed one prepares stays there.
            .env("TMPDIR", folder.path())
            .output()
            .unwrap()
    };
    let killed = import("ulimit -f 1;");
    assert_eq!(killed.status.code(), None, "{killed:?}");
    let left: Vec<_> = fs::read_dir(&corpus).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, [".lock"]);
    let done = import("");
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && said.contains("which is gone"), "{said}");
    assert!(corpus.join(fixture).is_file() && corpus.join("matrix.toml").is_file(), "{said}");
    assert!(!corpus.join(".lock").exists());
}
