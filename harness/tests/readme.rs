//! The README's grids are those of today, and its commands exist.

use std::process::Command;

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md")
}

fn crossload(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_crossload"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .expect("crossload runs");
    String::from_utf8(output.stdout).expect("text")
}

/// The grids that README shows, of the releases that it shows: a new one breaks none of them.
#[rstest::rstest]
#[case("pc-0.12", "idle")]
#[case("pc-i440fx-2.4", "idle")]
fn grids_are_those_of_today(#[case] machine: &str, #[case] scenario: &str) {
    let readme = readme();
    let mark = format!("<!-- grid: {machine} {scenario} -->\n```text\n");
    let (_, rest) = readme.split_once(&mark).expect("README has the mark");
    let (shown, _) = rest.split_once("```\n").expect("README closes the block");
    let mut arguments = vec!["--machine", machine, "--scenario", scenario];
    for line in shown.lines().skip(1) {
        let mut words = line.split_whitespace().peekable();
        if line.starts_with(' ') || words.next_if_eq(&".").is_some() {
            arguments.extend(words.flat_map(|release| ["--destination", release]));
        } else {
            arguments.extend(words.next().iter().flat_map(|release| ["--source", release]));
        }
    }
    assert!(arguments.len() > 30, "README shows no whole grid: {arguments:?}");
    let all = crossload(&arguments);
    // The sum comes first.
    let title = format!("{machine} {scenario}\n");
    let grid = all.split("\n\n").find(|part| part.starts_with(&title)).expect("the grid");
    assert_eq!(shown.trim_end(), grid.trim_end(), "copy the grid of today into README.md");
}

#[test]
fn verbs_are_those_of_the_command() {
    let help = crossload(&["--help"]);
    let readme = readme();
    let commands = help.split("Commands:").nth(1).and_then(|h| h.split("Options:").next());
    for verb in
        commands.expect("help lists verbs").lines().filter_map(|l| l.split_whitespace().next())
    {
        let known = verb == "help" || readme.contains(&format!("`crossload {verb}"));
        assert!(known, "README does not mention the verb {verb}");
    }
}
