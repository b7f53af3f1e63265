//! Markdown: grids, findings, summary, for a job's summary, a comment or a wiki.

use std::fmt::Write as _;

use super::{Summary, places};
use crate::matrix::{CellResult, Standing};
use crate::report::findings::{Finding, findings};
use crate::report::table::glyph;
use crate::trace::Verdict;

/// The whole of it.
#[must_use]
pub fn markdown(summary: &Summary<'_>) -> String {
    let holds = if summary.run.holds() { "the policy holds" } else { "the policy is broken" };
    let mut text = format!("## crossload: {holds}\n\n");
    text += &counts(summary);
    let (reported, first): (Vec<Finding>, Vec<Finding>) =
        findings(summary.cells).into_iter().partition(|f| f.standing == Standing::Reported);
    let (broken, known): (Vec<Finding>, Vec<Finding>) =
        first.into_iter().partition(|f| f.standing == Standing::Broken);
    for problem in &summary.run.problems {
        let _ = writeln!(text, "- **fixture**: {}", escaped(problem));
    }
    for (line, what) in summary.stale() {
        let _ =
            writeln!(text, "- **stale**: {}, line {}: {}", line.file, line.line, escaped(&what));
    }
    if !broken.is_empty() {
        text += "\n### What breaks the policy\n\n";
        text.extend(broken.iter().map(|finding| summary_of(summary, finding)));
    }
    text += "\n### Grids\n\nRows are the releases that wrote a stream, columns those that load it: `=` faithful, `+` defaulted, `x` refused, `X` refused late, **`!` misparsed**, `?` undetermined; in parentheses: known.\n";
    for machine in &summary.config.machines {
        for scenario in &summary.config.scenarios {
            text += &grid(summary, &machine.name, &scenario.name);
        }
    }
    for (title, some) in [("Known", known), ("Allowed by the policy", reported)] {
        if !some.is_empty() {
            let _ = write!(text, "\n<details><summary>{title}: {}</summary>\n\n", some.len());
            text.extend(some.iter().map(|finding| summary_of(summary, finding)));
            text += "\n</details>\n";
        }
    }
    text
}

fn counts(summary: &Summary<'_>) -> String {
    let mut text = String::new();
    for verdict in Verdict::ALL {
        let n = summary.cells.iter().filter(|c| c.outcome.verdict() == Some(verdict)).count();
        if n > 0 {
            let _ = write!(text, "{}{n} {verdict}", if text.is_empty() { "" } else { ", " });
        }
    }
    let standing =
        |wanted: fn(Standing) -> bool| summary.cells.iter().filter(|c| wanted(c.standing)).count();
    let broken = standing(|s| s == Standing::Broken);
    let known = standing(|s| matches!(s, Standing::Known(_)));
    let n = summary.cells.len();
    format!(
        "{n} cells under feed `{}`: {text}. {broken} break the policy, {known} more are known to.\n",
        summary.run.feed
    )
}

/// A grid as a table; empty if nothing was started.
fn grid(summary: &Summary<'_>, machine: &str, scenario: &str) -> String {
    let here: Vec<&CellResult> = summary
        .cells
        .iter()
        .filter(|c| c.cell.machine == machine && c.cell.scenario == scenario)
        .filter(|c| c.outcome.verdict() != Some(Verdict::Unsupported))
        .collect();
    let names = |of: fn(&CellResult) -> &str| -> Vec<&str> {
        let listed = summary.config.releases.iter().map(|r| r.name.as_str());
        listed.filter(|name| here.iter().any(|c| of(c) == *name)).collect()
    };
    let (rows, columns) = (names(|c| &c.cell.source), names(|c| &c.cell.destination));
    if columns.is_empty() {
        return String::new();
    }
    let mut text = format!("\n**{machine}**, {scenario}\n\n| |{}|\n", columns.join("|"));
    let _ = writeln!(text, "|---{}|", "|:-:".repeat(columns.len()));
    for row in rows {
        let _ = write!(text, "|**{row}**");
        for column in &columns {
            let at = |c: &&&CellResult| c.cell.source == row && c.cell.destination == *column;
            text.push('|');
            if let Some(result) = here.iter().find(at) {
                let glyph = glyph(result.outcome.verdict());
                text += &match result.standing {
                    Standing::Known(_) => format!("`({glyph})`"),
                    Standing::Broken => format!("**`{glyph}`**"),
                    _ => format!("`{glyph}`"),
                };
            }
        }
        text += "|\n";
    }
    text
}

fn summary_of(summary: &Summary<'_>, finding: &Finding) -> String {
    let mut text = format!(
        "- **{}** ({}): {}  \n  {}\n",
        finding.verdict,
        finding.standing.name(),
        escaped(&places(finding)),
        escaped(&finding.sentence)
    );
    if let Standing::Known(index) = finding.standing
        && let Some(known) = summary.config.known.get(index)
    {
        let (reason, reference) = (escaped(&known.reason), escaped(&known.reference));
        let _ = writeln!(
            text,
            "  _Known, {} line {}_: {reason} [{reference}]",
            summary.config.file, known.line
        );
    }
    text
}

/// Text in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out += "&lt;",
            '\n' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
