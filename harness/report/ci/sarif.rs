//! SARIF 2.1.0, as code scanning reads it.
//!
//! A result for each finding: an error where the policy is broken, a note where it is not. It points
//! at what is to be looked at: the line of `matrix.toml` that names a known case, which is suppressed
//! with its reason, or else the provenance of the first stream. The rules are the verdicts.
//! Shapes of our own: what there is to generate them from the schema builds for longer than all of
//! the report.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Line, Summary, places};
use crate::matrix::Standing;
use crate::report::findings::{Finding, findings};
use crate::trace::Verdict;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
struct Run {
    tool: Tool,
    results: Vec<Found>,
    #[serde(rename = "columnKind")]
    column_kind: &'static str,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    #[serde(rename = "semanticVersion")]
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct Rule {
    id: &'static str,
    #[serde(rename = "shortDescription")]
    short: Message,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
struct Found {
    #[serde(rename = "ruleId")]
    rule: &'static str,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    #[serde(rename = "partialFingerprints")]
    fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
}

#[derive(Serialize)]
struct Location {
    #[serde(rename = "physicalLocation")]
    physical: Physical,
}

#[derive(Serialize)]
struct Physical {
    #[serde(rename = "artifactLocation")]
    artifact: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
    #[serde(rename = "uriBaseId", skip_serializing_if = "Option::is_none")]
    base: Option<&'static str>,
}

#[derive(Serialize)]
struct Region {
    #[serde(rename = "startLine")]
    line: usize,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    justification: String,
}

/// The log.
///
/// # Errors
/// The serializer's; none that these shapes can have.
pub fn sarif(summary: &Summary<'_>) -> Result<String, serde_json::Error> {
    let mut results: Vec<Found> =
        findings(summary.cells).iter().map(|finding| found(summary, finding)).collect();
    results.extend(summary.run.problems.iter().map(|problem| {
        let name = problem.split(": ").next().unwrap_or(problem);
        let line = Line { file: format!("{}/{name}.toml", summary.corpus), line: 1 };
        result("fixture", "error", problem.clone(), line, "fixture")
    }));
    results
        .extend(summary.stale().map(|(line, what)| result("stale", "error", what, line, "stale")));
    let rules = Verdict::ALL.iter().map(|v| (v.name(), meaning(*v))).chain([
        ("panicked", "The model failed on a stream."),
        ("fixture", "A stream that its own release does not load."),
        ("stale", "A known case that is none any more."),
    ]);
    let rule =
        |(id, text): (&'static str, &str)| Rule { id, short: Message { text: text.to_owned() } };
    let driver = Driver {
        name: "crossload",
        version: env!("CARGO_PKG_VERSION"),
        rules: rules.map(rule).collect(),
    };
    let run = Run { tool: Tool { driver }, results, column_kind: "unicodeCodePoints" };
    let log = Log { schema: SCHEMA, version: "2.1.0", runs: [run] };
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

fn found(summary: &Summary<'_>, finding: &Finding) -> Found {
    let text = format!(
        "{} ({}), {} {}: {}. {}",
        finding.verdict,
        finding.standing.name(),
        finding.cells,
        if finding.cells == 1 { "cell" } else { "cells" },
        places(finding),
        finding.sentence
    );
    let level = if finding.standing == Standing::Broken { "error" } else { "note" };
    // What it is about stays the same when more releases show it.
    let what = format!("{} {}", finding.verdict, finding.first);
    let mut found = result(finding.verdict, level, text, summary.line(finding), &what);
    if let Standing::Known(index) = finding.standing
        && let Some(known) = summary.config.known.get(index)
    {
        let justification = format!("{} [{}]", known.reason, known.reference);
        found.suppressions.push(Suppression { kind: "external", justification });
    }
    found
}

fn result(rule: &'static str, level: &'static str, text: String, at: Line, what: &str) -> Found {
    let hash = Sha256::digest(format!("{rule} {} {what}", at.file));
    let print: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let absolute = at.file.starts_with('/');
    let uri = if absolute { format!("file://{}", escaped(&at.file)) } else { escaped(&at.file) };
    let artifact = Artifact { uri, base: (!absolute).then_some("%SRCROOT%") };
    let region = Region { line: at.line.max(1) };
    Found {
        rule,
        level,
        message: Message { text },
        locations: [Location { physical: Physical { artifact, region } }],
        fingerprints: BTreeMap::from([("crossload/v1", print)]),
        suppressions: Vec::new(),
    }
}

/// A path as a part of a URI.
fn escaped(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text += &format!("%{byte:02X}"),
        }
    }
    text
}

fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Faithful => "Every byte was read as what it was written as.",
        Verdict::Defaulted => {
            "Read as it was written; defaults were kept for state that was not sent."
        }
        Verdict::Misparsed => "Accepted, but something was read wrongly or never, and nobody told.",
        Verdict::Refused => "Refused, with nothing read wrongly before.",
        Verdict::RefusedLate => "Refused, but something was read wrongly first.",
        Verdict::Unsupported => "No such machine type or device.",
        Verdict::Undetermined => "The tables do not say enough.",
    }
}
