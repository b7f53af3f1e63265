//! Findings: cells that are not good, grouped by cause.

use crate::matrix::sentence::{cause, sentence};
use crate::matrix::{Cell, CellResult, Instead, Run, Standing};

/// Cells with one cause.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How they stand to the policy.
    pub standing: Standing,
    /// Name of their verdict.
    pub verdict: &'static str,
    /// The cells.
    pub places: Vec<Place>,
    /// How many cells.
    pub cells: usize,
    /// What happened in the first of them, in a sentence with byte offsets.
    pub sentence: String,
    /// Name of the first of them, where there are more.
    pub example: Option<String>,
    /// The first of them.
    pub first: Cell,
}

/// Every source into every destination, on every machine type in every scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Releases that wrote the stream.
    pub sources: Vec<String>,
    /// Releases that loaded it.
    pub destinations: Vec<String>,
    /// Machine types.
    pub machines: Vec<String>,
    /// Scenarios.
    pub scenarios: Vec<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} into {} ({}: {})",
            self.sources.join(", "),
            self.destinations.join(", "),
            self.machines.join(", "),
            self.scenarios.join(", ")
        )
    }
}

/// The findings of a run: broken ones first, then known ones, then those that are only reported;
/// among these in order of the cells.
#[must_use]
pub fn findings(cells: &[CellResult]) -> Vec<Finding> {
    let mut groups: Vec<(Standing, &'static str, String, Vec<&CellResult>)> = Vec::new();
    for cell in cells.iter().filter(|c| c.standing != Standing::Good) {
        let key = (cell.standing, cell.outcome.name(), cause(&cell.outcome));
        match groups.iter_mut().find(|g| (g.0, g.1, &g.2) == (key.0, key.1, &key.2)) {
            Some(group) => group.3.push(cell),
            None => groups.push((key.0, key.1, key.2, vec![cell])),
        }
    }
    let mut findings: Vec<Finding> = groups
        .into_iter()
        .filter_map(|(standing, verdict, _, cells)| {
            let first = cells.first()?;
            Some(Finding {
                standing,
                verdict,
                places: places(&cells),
                cells: cells.len(),
                sentence: sentence(&first.outcome, &first.cell.source) + &named(first),
                example: (cells.len() > 1).then(|| first.cell.to_string()),
                first: first.cell.clone(),
            })
        })
        .collect();
    findings.sort_by_key(|finding| finding.standing);
    findings
}

/// What there is to say of a destination that knows the machine type by another name.
#[must_use]
pub fn named(cell: &CellResult) -> String {
    let Some(Instead { machine, differs, renamed }) = &cell.instead else { return String::new() };
    let name = format!(
        " It was started as {machine}, which is said to equal {} (what differs: {differs})",
        cell.cell.machine
    );
    match renamed {
        Some(verdict) => format!("{name}; with that name in the stream: {verdict}."),
        None => name + ".",
    }
}

/// The findings of a whole run.
#[must_use]
pub fn of(run: &Run) -> Vec<Finding> {
    findings(&run.cells)
}

/// Cells as few places, each a full product.
fn places(cells: &[&CellResult]) -> Vec<Place> {
    let one = |name: &String| vec![name.clone()];
    let mut places: Vec<Place> = cells
        .iter()
        .map(|c| Place {
            sources: one(&c.cell.source),
            destinations: one(&c.cell.destination),
            machines: one(&c.cell.machine),
            scenarios: one(&c.cell.scenario),
        })
        .collect();
    let sides: [fn(&mut Place) -> &mut Vec<String>; 4] =
        [|p| &mut p.scenarios, |p| &mut p.machines, |p| &mut p.destinations, |p| &mut p.sources];
    for side in sides {
        places = merged(places, side);
    }
    places
}

/// Places that differ in nothing but one side, made one.
fn merged(places: Vec<Place>, side: fn(&mut Place) -> &mut Vec<String>) -> Vec<Place> {
    let mut out: Vec<Place> = Vec::new();
    for mut place in places {
        let names = std::mem::take(side(&mut place));
        let same = out.iter_mut().find(|other| {
            let mut rest = (*other).clone();
            side(&mut rest).clear();
            rest == place
        });
        match same {
            Some(other) => side(other).extend(names),
            None => {
                *side(&mut place) = names;
                out.push(place);
            }
        }
    }
    out
}
