//! The report for a person: a grid per machine type and scenario, the findings, a summary.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::findings::{Finding, findings};
use crate::matrix::{CellResult, Config, Run, Standing};
use crate::trace::Verdict;

/// Width of a column of the grid: a release's name and a space.
const COLUMN: usize = 8;

/// The glyph of a verdict; no verdict is a panic.
#[must_use]
pub fn glyph(verdict: Option<Verdict>) -> char {
    match verdict {
        Some(Verdict::Faithful) => '=',
        Some(Verdict::Defaulted) => '+',
        Some(Verdict::Misparsed) => '!',
        Some(Verdict::Refused) => 'x',
        Some(Verdict::RefusedLate) => 'X',
        Some(Verdict::Unsupported) => '.',
        Some(Verdict::Undetermined) => '?',
        None => '#',
    }
}

/// What the glyphs mean.
pub const LEGEND: &str = "\
=  faithful      every byte was read as what it was written as
+  defaulted     the same, and defaults were kept for optional state that was not sent
x  refused       refused, with nothing read wrongly before
X  refused-late  refused, but something was read wrongly first
!  misparsed     accepted, but something was read wrongly or never: the silent failure
?  undetermined  the tables do not say enough
.  unsupported   not started: no such machine type or device there, or none on record
#  panicked      the model failed
A glyph in parentheses is a cell that breaks the policy for a reason that is known.
";

/// The report, with colours as escape sequences: the sum and what is wrong, the grids, what is known
/// to be wrong, the sum once more. Grids of one machine type that are alike are one, and what breaks
/// nothing is only counted, unless the `whole` is wanted.
#[must_use]
pub fn table(config: &Config, run: &Run, cells: &[CellResult], whole: bool) -> String {
    let mut text = summary(run, cells);
    let (broken, others): (Vec<Finding>, Vec<Finding>) =
        findings(cells).into_iter().partition(|finding| finding.standing == Standing::Broken);
    text.extend(broken.iter().map(|finding| format!("\n{}", finding_text(finding, config))));
    text += &problems(config, run);
    text += "\n";
    for machine in &config.machines {
        text += &grids(config, cells, &machine.name, whole);
    }
    text += LEGEND;
    let (known, reported): (Vec<Finding>, Vec<Finding>) =
        others.into_iter().partition(|finding| matches!(finding.standing, Standing::Known(_)));
    let shown = if whole { reported.as_slice() } else { &[] };
    text.extend(
        known.iter().chain(shown).map(|finding| format!("\n{}", finding_text(finding, config))),
    );
    text += "\n";
    text += &uncaptured(config, cells);
    if !whole && !reported.is_empty() {
        let cells: usize = reported.iter().map(|finding| finding.cells).sum();
        let rest = format!(
            "{cells} cells more are told of, and break nothing: --all says why, and has every grid by \
             itself.\n"
        );
        text += &painted(DIM, &rest);
    }
    text + &verdict(run, cells)
}

/// The grids of a machine type; unless all are wanted, those that are alike as one.
fn grids(config: &Config, cells: &[CellResult], machine: &str, all: bool) -> String {
    let mut groups: Vec<(Vec<&str>, String)> = Vec::new();
    for scenario in &config.scenarios {
        let grid = grid(config, cells, machine, &scenario.name);
        let Some((_, body)) = grid.split_once('\n') else { continue };
        match groups.iter_mut().find(|(_, known)| !all && known == body) {
            Some((names, _)) => names.push(&scenario.name),
            None => groups.push((vec![&scenario.name], body.to_owned())),
        }
    }
    let one = |(names, body): &(Vec<&str>, String)| {
        format!("{} {}\n{body}", painted(HEAD, machine), names.join(", "))
    };
    groups.iter().map(one).collect()
}

/// Fixtures that cannot be used, and entries of `matrix.toml` that name nothing.
fn problems(config: &Config, run: &Run) -> String {
    let mut text = String::new();
    for problem in &run.problems {
        line(&mut text, &format!("\n{}: {problem}", painted(BAD, "fixture")));
    }
    for known in run.stale.iter().filter_map(|index| config.known.get(*index)) {
        let (file, line_) = (&config.file, known.line);
        let stale = painted(BAD, "stale");
        line(
            &mut text,
            &format!("\n{stale}: {file}, line {line_}: this known entry names no cell any more"),
        );
    }
    text
}

/// What binaries could not do when they were captured, of the releases that the cells are about.
fn uncaptured(config: &Config, cells: &[CellResult]) -> String {
    let about =
        |name: &str| cells.iter().any(|c| c.cell.source == name || c.cell.destination == name);
    let mut text = String::new();
    for finding in config.findings.iter().filter(|f| about(&f.release)) {
        line(&mut text, &format!("{}: {finding}\n", painted(NOTE, "not captured")));
    }
    text
}

/// One grid; empty if no such cell was started.
#[must_use]
pub fn grid(config: &Config, cells: &[CellResult], machine: &str, scenario: &str) -> String {
    let cells: Vec<&CellResult> =
        cells.iter().filter(|c| c.cell.machine == machine && c.cell.scenario == scenario).collect();
    let in_order = |wanted: &dyn Fn(&CellResult, &str) -> bool| -> Vec<&str> {
        let names = config.releases.iter().map(|r| r.name.as_str());
        names.filter(|name| cells.iter().any(|c| wanted(c, name))).collect()
    };
    let rows = in_order(&|c, name| c.cell.source == name);
    let all = in_order(&|c, name| c.cell.destination == name);
    // Releases that cannot even start are named once, not drawn.
    let starts = |c: &CellResult| c.outcome.verdict() != Some(Verdict::Unsupported);
    let columns = in_order(&|c, name| c.cell.destination == name && starts(c));
    if columns.is_empty() {
        return String::new();
    }
    let absent: Vec<&str> = all.into_iter().filter(|name| !columns.contains(name)).collect();
    let mut text = format!("{} {scenario}\n", painted(HEAD, machine));
    let mut head = format!("{:<COLUMN$}", "");
    for name in &columns {
        let _ = write!(head, "{name:<COLUMN$}");
    }
    line(&mut text, &head);
    for source in rows {
        let mut row = format!("{source:<COLUMN$}");
        for destination in &columns {
            let cell = cells
                .iter()
                .find(|c| c.cell.source == source && c.cell.destination == *destination);
            let shown = cell.map_or((String::new(), PLAIN), |c| shown(c));
            let _ = write!(
                row,
                "{}{:pad$}",
                painted(shown.1, &shown.0),
                "",
                pad = COLUMN.saturating_sub(shown.0.len())
            );
        }
        line(&mut text, &row);
    }
    if !absent.is_empty() {
        line(&mut text, &painted(DIM, &format!(".       {}", absent.join(" "))));
    }
    text + "\n"
}

/// A cell of the grid and its colour.
fn shown(cell: &CellResult) -> (String, Style) {
    let glyph = glyph(cell.outcome.verdict());
    match cell.standing {
        Standing::Good => (glyph.into(), GOOD),
        Standing::Reported => (glyph.into(), NOTE),
        Standing::Known(_) => (format!("({glyph})"), NOTE),
        Standing::Broken => (glyph.into(), BAD),
    }
}

/// A finding as a paragraph.
#[must_use]
pub fn finding_text(finding: &Finding, config: &Config) -> String {
    let style = match finding.standing {
        Standing::Broken => BAD,
        _ => NOTE,
    };
    let mut text = String::new();
    let kind = painted(style, &format!("{} ({})", finding.verdict, finding.standing.name()));
    let places: Vec<String> = finding.places.iter().map(ToString::to_string).collect();
    line(&mut text, &format!("{kind}: {}", places.join("\n    and ")));
    let example = finding.example.as_ref().map_or(String::new(), |e| format!("{e}: "));
    line(&mut text, &format!("    {example}{}", finding.sentence));
    if let Standing::Known(index) = finding.standing
        && let Some(known) = config.known.get(index)
    {
        line(&mut text, &format!("    known: {} [{}]", known.reason, known.reference));
    }
    text
}

/// How many cells came out how, and whether the policy holds.
#[must_use]
pub fn summary(run: &Run, cells: &[CellResult]) -> String {
    let mut parts = Vec::new();
    for verdict in Verdict::ALL {
        let n = cells.iter().filter(|c| c.outcome.verdict() == Some(verdict)).count();
        if n > 0 {
            parts.push(format!("{n} {verdict}"));
        }
    }
    let panicked = cells.iter().filter(|c| c.outcome.verdict().is_none()).count();
    if panicked > 0 {
        parts.push(format!("{panicked} panicked"));
    }
    let counts = parts.join(", ");
    format!("{} cells under feed {}: {counts}.\n{}", cells.len(), run.feed, verdict(run, cells))
}

/// Whether the policy holds, in a line.
fn verdict(run: &Run, cells: &[CellResult]) -> String {
    let broken = cells.iter().filter(|c| c.standing == Standing::Broken).count();
    let known = cells.iter().filter(|c| matches!(c.standing, Standing::Known(_))).count();
    let verdict = match run.holds() {
        true => painted(GOOD, "the policy holds"),
        false => painted(BAD, "the policy is broken"),
    };
    format!("{verdict}: {broken} cells break it, {known} more are known to.\n")
}

/// Appends a line without spaces at its end.
fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

pub(super) const PLAIN: Style = Style::new();
pub(super) const HEAD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const NOTE: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

pub(super) fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
