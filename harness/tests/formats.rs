//! What CI reads: it says what the matrix says, in shapes that its readers take.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SELECTED: [&str; 4] = ["--machine", "pc-0.12", "--scenario", "idle"];

fn crossload(arguments: &[&str], summary: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossload"));
    command.current_dir(ROOT).args(SELECTED).args(arguments).env("NO_COLOR", "1");
    command.env_remove("GITHUB_STEP_SUMMARY");
    command.envs(summary.map(|file| ("GITHUB_STEP_SUMMARY", file)));
    command.output().expect("crossload runs")
}

fn text(format: &str) -> String {
    let output = crossload(&["--format", format], None);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Cells of the JSON report that stand so.
fn count(standing: &str) -> usize {
    let report = json(&text("json"));
    let cells = report["cells"].as_array().unwrap().iter();
    cells
        .filter(|c| {
            c["verdict"] != "unsupported" && (standing.is_empty() || c["standing"] == standing)
        })
        .count()
}

/// A matrix.toml in which nothing is known, beside the repository's corpus.
fn nothing_known() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let claims = fs::read_to_string(Path::new(ROOT).join("matrix.toml")).unwrap();
    let file = folder.path().join("matrix.toml");
    fs::write(&file, claims.split_once("\n[[known]]").unwrap().0).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(Path::new(ROOT).join("corpus"), folder.path().join("corpus"))
        .unwrap();
    let file = file.to_str().unwrap().to_owned();
    (folder, file)
}

fn attribute(node: roxmltree::Node<'_, '_>, name: &str) -> usize {
    node.attribute(name).unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

#[test]
fn junit_counts_what_there_is() {
    let xml = text("junit");
    let document = roxmltree::Document::parse(&xml).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    let all = |name: &str| document.descendants().filter(|n| n.has_tag_name(name)).count();
    assert_eq!((all("testcase"), attribute(root, "tests")), (count(""), count("")));
    assert_eq!((all("skipped"), all("failure")), (count("known"), 0));
    assert!(count("known") > 10 && all("system-out") == count("reported"));
    // Jenkins refuses what its schema does not have.
    let known = ["name", "tests", "failures", "errors"];
    assert!(root.attributes().all(|a| known.contains(&a.name())), "{xml}");
}

#[test]
fn what_breaks_the_policy_fails_in_every_format() {
    let (_folder, file) = nothing_known();
    let broken = |format: &str| {
        let output = crossload(&["--matrix", &file, "--format", format], None);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let xml = broken("junit");
    let document = roxmltree::Document::parse(&xml).unwrap();
    let failures: Vec<_> = document.descendants().filter(|n| n.has_tag_name("failure")).collect();
    assert_eq!(failures.len(), count("known"));
    assert_eq!(attribute(document.root_element(), "failures"), failures.len());
    assert!(failures.iter().any(|f| f.attribute("type") == Some("misparsed")));
    let sarif = json(&broken("sarif"));
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let errors: Vec<_> = results.iter().filter(|r| r["level"] == "error").collect();
    assert!(!errors.is_empty());
    for error in errors {
        let uri = &error["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        let file = uri.as_str().and_then(|uri| uri.strip_prefix("file://")).unwrap();
        assert!(Path::new(file).is_file() && file.ends_with(".idle.toml"), "{uri}");
    }
    let github = broken("github");
    assert!(github.lines().any(|l| l.starts_with("::error file=/")), "{github}");
    assert!(github.ends_with("the policy is broken\n"), "{github}");
    let markdown = broken("markdown");
    assert!(markdown.starts_with("## crossload: the policy is broken\n"), "{markdown}");
    assert!(markdown.contains("|**`!`**"), "{markdown}");
}

#[test]
fn sarif_points_at_lines_that_say_it() {
    let log = json(&text("sarif"));
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 5);
    let mut prints = Vec::new();
    for result in results {
        assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
        prints.push(result["partialFingerprints"]["crossload/v1"].as_str().unwrap());
        let place = &result["locations"][0]["physicalLocation"];
        let file = place["artifactLocation"]["uri"].as_str().unwrap();
        let line = usize::try_from(place["region"]["startLine"].as_u64().unwrap()).unwrap();
        let lines = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        let line = lines.lines().nth(line - 1).unwrap();
        match result["suppressions"].as_array() {
            Some(_) => assert_eq!((file, line), ("matrix.toml", "[[known]]")),
            None => assert!(line.starts_with("release = "), "{file}: {line}"),
        }
    }
    let n = prints.len();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), n, "two results have one fingerprint");
}

/// Against the schemas themselves, which are not ours to carry: `harness/scripts/check-formats`.
#[test]
#[ignore = "needs SARIF_SCHEMA and JUNIT_SCHEMA, files with the schemas: harness/scripts/check-formats"]
fn the_official_schemas_take_them() {
    let schema = fs::read_to_string(std::env::var_os("SARIF_SCHEMA").unwrap()).unwrap();
    // Its patterns of languages have a bracket that stands for itself, which is not so everywhere.
    let schema = schema.replace("[a-zA-Z]{2}]?", r"[a-zA-Z]{2}\\]?");
    let schema = jsonschema::validator_for(&json(&schema)).unwrap();
    let (_folder, file) = nothing_known();
    for more in [&[][..], &["--matrix", &file]] {
        let of = |format: &str| {
            let arguments = [more, &["--format", format]].concat();
            String::from_utf8(crossload(&arguments, None).stdout).unwrap()
        };
        let log = json(&of("sarif"));
        let wrong: Vec<String> = schema.iter_errors(&log).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        let mut spoilt = log.clone();
        spoilt["runs"][0]["results"][0]["level"] = "fatal".into();
        assert!(!schema.is_valid(&spoilt));
        let folder = tempfile::tempdir().unwrap();
        let xml = folder.path().join("junit.xml");
        let lint = |text: &str| {
            fs::write(&xml, text).unwrap();
            let schema = std::env::var_os("JUNIT_SCHEMA").unwrap();
            let mut command = Command::new("xmllint");
            command.args(["--noout", "--schema"]).arg(schema).arg(&xml).output().unwrap()
        };
        let junit = of("junit");
        let said = lint(&junit);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        assert!(!lint(&junit.replace("<testcase name=", "<testcase nom=")).status.success());
    }
}

#[test]
fn github_has_annotations_and_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("summary.md");
    fs::write(&file, "from the step before\n").unwrap();
    let output = crossload(&["--format", "github"], Some(&file));
    let said = String::from_utf8(output.stdout).unwrap();
    let notices: Vec<&str> = said.lines().filter(|l| l.starts_with("::notice ")).collect();
    assert!(notices.len() > 2 && !said.contains("::error"), "{said}");
    assert!(notices.iter().all(|l| l.starts_with("::notice file=matrix.toml,line=")), "{said}");
    let summary = fs::read_to_string(&file).unwrap();
    assert!(
        summary.starts_with("from the step before\n## crossload: the policy holds\n"),
        "{summary}"
    );
    assert!(summary.ends_with(&text("markdown")));
    assert!(summary.contains("|**0.12.5**|`=`|`(!)`|"), "{summary}");
}
