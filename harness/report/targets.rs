//! Which releases take a machine, as a table for a terminal and as JSON.

use serde::Serialize;

use crate::matrix::sentence::judged_sentence;
use crate::matrix::targets::{Answer, Row, Targets};
use crate::trace::Verdict;

/// One row as JSON has it.
#[derive(Debug, Serialize)]
struct JsonRow<'a> {
    release: &'a str,
    verdict: &'static str,
    /// The section that was refused or read wrongly, by its idstr.
    section: Option<&'a str>,
    /// Absolute offset of the first byte of what was refused or read wrongly.
    offset: Option<u64>,
    /// Offset of the first byte that was not read.
    stopped: Option<u64>,
    reason: String,
    assumptions: &'a [String],
}

/// What a stream was asked about, as JSON has it.
#[derive(Debug, Serialize)]
struct JsonAnswer<'a> {
    stream: &'a str,
    machine: &'a str,
    sources: &'a [String],
    size: u64,
    unknown: &'a [String],
    targets: Vec<JsonRow<'a>>,
}

/// JSON: an object for each stream, with an object for each release, newest first.
#[must_use]
pub fn json(all: &[(String, Targets)]) -> String {
    let answers: Vec<JsonAnswer<'_>> = all
        .iter()
        .map(|(stream, targets)| JsonAnswer {
            stream,
            machine: &targets.machine,
            sources: &targets.sources,
            size: targets.size,
            unknown: &targets.unknown,
            targets: targets.rows.iter().map(|row| json_row(row, targets)).collect(),
        })
        .collect();
    let text = match answers.as_slice() {
        [one] => serde_json::to_string_pretty(one),
        all => serde_json::to_string_pretty(all),
    };
    text.unwrap_or_default() + "\n"
}

fn json_row<'a>(row: &'a Row, targets: &'a Targets) -> JsonRow<'a> {
    let judged = match &row.answer {
        Answer::Judged(judged) => Some(judged),
        _ => None,
    };
    let error = judged.and_then(|j| j.error.as_deref());
    let parted = judged.and_then(|j| j.difference.as_ref());
    let parted = parted.filter(|_| error.is_none());
    JsonRow {
        release: &row.release,
        verdict: row.answer.verdict().name(),
        section: error.and_then(|e| e.section.as_deref()),
        offset: error.map(|e| e.offset).or(parted.map(|d| d.offset)),
        stopped: judged.map(|j| j.stopped),
        reason: reason(row, targets),
        assumptions: &row.assumptions,
    }
}

fn source(targets: &Targets) -> &str {
    targets.sources.first().map_or("", String::as_str)
}

fn reason(row: &Row, targets: &Targets) -> String {
    row.reason(source(targets))
}

/// A row in a sentence; `source` is the release that wrote the stream.
#[must_use]
pub fn sentence_of(row: &Row, source: &str) -> String {
    answer_sentence(&row.answer, source)
}

/// An answer in a sentence; `source` is the release that wrote the stream.
#[must_use]
pub fn answer_sentence(answer: &Answer, source: &str) -> String {
    match answer {
        Answer::Judged(judged) => judged_sentence(judged, source),
        Answer::Unsupported(why) | Answer::Undetermined(why) => format!("{why}."),
    }
}

/// Whether a release takes a machine.
fn takes(row: &Row) -> bool {
    matches!(row.answer.verdict(), Verdict::Faithful | Verdict::Defaulted)
}

/// The newest release that takes all machines.
#[must_use]
pub fn newest(all: &[(String, Targets)]) -> Option<&str> {
    let rows = &all.first()?.1.rows;
    let takes_all = |release: &str| {
        all.iter()
            .all(|(_, targets)| targets.rows.iter().any(|row| row.release == release && takes(row)))
    };
    rows.iter().map(|row| row.release.as_str()).find(|release| takes_all(release))
}

/// Text: a line for each release; with several streams a table of streams and releases.
#[must_use]
pub fn text(all: &[(String, Targets)]) -> String {
    let mut text = match all {
        [(name, targets)] => one(name, targets),
        all => table(all),
    };
    text += &match newest(all) {
        Some(release) if all.len() == 1 => format!("\nThe newest build that takes it: {release}\n"),
        Some(release) => format!("\nThe newest build that takes all of them: {release}\n"),
        None if all.len() == 1 => "\nNo build of the corpus is known to take it.\n".to_owned(),
        None => "\nNo build of the corpus is known to take all of them.\n".to_owned(),
    };
    text
}

fn one(name: &str, targets: &Targets) -> String {
    let mut text = format!(
        "{name}: {}, {} bytes, written by {}\n\n",
        targets.machine,
        targets.size,
        targets.sources.join(" or ")
    );
    for row in &targets.rows {
        let verdict = row.answer.verdict().name();
        text += &format!("{:<8} {verdict:<13} {}\n", row.release, reason(row, targets));
    }
    let shown: Vec<&String> =
        targets.rows.iter().filter(|row| takes(row)).flat_map(|row| &row.assumptions).collect();
    let mut seen = std::collections::BTreeSet::new();
    let shown: Vec<&&String> = shown.iter().filter(|what| seen.insert(what.as_str())).collect();
    if !shown.is_empty() {
        text += "\nThis holds for a destination that is started with the same configuration:\n";
        text.extend(shown.iter().map(|what| format!("  {what}\n")));
    }
    text
}

fn table(all: &[(String, Targets)]) -> String {
    let Some((_, first)) = all.first() else { return String::new() };
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = format!("{:width$}", "");
    text.extend(first.rows.iter().map(|row| format!("  {:>7}", row.release)));
    text.push('\n');
    for (name, targets) in all {
        text += &format!("{name:width$}");
        text.extend(targets.rows.iter().map(|row| format!("  {:>7}", glyph(row))));
        text.push('\n');
    }
    text += "\n= faithful   + defaulted   x refused   X refused late   ! misparsed   ? undetermined   . unsupported\n";
    for (name, targets) in all {
        for row in targets.rows.iter().filter(|row| {
            matches!(
                row.answer.verdict(),
                Verdict::Refused | Verdict::RefusedLate | Verdict::Misparsed
            )
        }) {
            text += &format!("\n{name} into {}: {}", row.release, reason(row, targets));
        }
    }
    text
}

fn glyph(row: &Row) -> &'static str {
    match row.answer.verdict() {
        Verdict::Faithful => "=",
        Verdict::Defaulted => "+",
        Verdict::Refused => "x",
        Verdict::RefusedLate => "X",
        Verdict::Misparsed => "!",
        Verdict::Undetermined => "?",
        Verdict::Unsupported => ".",
    }
}
