//! Known entries of `matrix.toml` that may be meant for cells that break the policy.

use std::collections::BTreeMap;

use super::findings::findings;
use crate::matrix::sentence::cause;
use crate::matrix::{CellResult, Config, Standing};

/// Cells that break the policy for one cause, and the entries that may be about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The cells, as findings name them.
    pub cells: String,
    /// Places in [`Config::known`]: first those that name a cell that came out so by the same
    /// cause, else those with this verdict that one side of a cell fits.
    pub entries: Vec<usize>,
    /// Whether it is the cause that they share.
    pub same_cause: bool,
}

/// What may be meant for the broken cells of a run of everything.
#[must_use]
pub fn suggestions(config: &Config, cells: &[CellResult]) -> Vec<Suggestion> {
    let key = |c: &CellResult| (c.outcome.name(), cause(&c.outcome));
    let mut by_cause: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
    for cell in cells {
        if let Standing::Known(index) = cell.standing {
            let entries = by_cause.entry(key(cell)).or_default();
            if !entries.contains(&index) {
                entries.push(index);
            }
        }
    }
    let broken: Vec<CellResult> =
        cells.iter().filter(|c| c.standing == Standing::Broken).cloned().collect();
    let text = findings(&broken).into_iter().filter_map(|finding| {
        let places: Vec<String> = finding.places.iter().map(ToString::to_string).collect();
        // All cells of a finding have one cause.
        let first = broken.iter().find(|c| {
            finding.places.iter().any(|p| {
                p.sources.contains(&c.cell.source)
                    && p.destinations.contains(&c.cell.destination)
                    && p.machines.contains(&c.cell.machine)
                    && p.scenarios.contains(&c.cell.scenario)
            }) && c.outcome.name() == finding.verdict
        })?;
        let (entries, same_cause) = match by_cause.get(&key(first)) {
            Some(entries) => (entries.clone(), true),
            None => (similar(config, first), false),
        };
        let cells = places.join(" and ");
        (!entries.is_empty()).then_some(Suggestion { cells, entries, same_cause })
    });
    text.collect()
}

/// Entries with the cell's verdict, machine type and scenario that have one side of it.
fn similar(config: &Config, cell: &CellResult) -> Vec<usize> {
    let fits = |index: &usize| {
        config.known.get(*index).is_some_and(|known| {
            let of = &known.selection;
            Some(known.verdict) == cell.outcome.verdict()
                && of.machines.contains(&cell.cell.machine)
                && of.scenarios.contains(&cell.cell.scenario)
                && (of.sources.contains(&cell.cell.source)
                    || of.destinations.contains(&cell.cell.destination))
        })
    };
    (0..config.known.len()).filter(fits).collect()
}

/// The same in words; empty if there is nothing to say.
#[must_use]
pub fn text(config: &Config, suggestions: &[Suggestion]) -> String {
    let mut text = String::new();
    for one in suggestions {
        let why = match one.same_cause {
            true => "the same happens in cells that these entries name",
            false => "these entries have one side of it",
        };
        text += &format!("did you mean? {}: {why}\n", one.cells);
        for known in one.entries.iter().filter_map(|index| config.known.get(*index)) {
            text += &format!("    {}, line {}: {}\n", config.file, known.line, known.reason);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Filter, Plan, run};
    use crate::release::corpus::Corpus;
    use crate::release::library::Library;
    use crate::wire::Feed;

    /// An entry as it would be written with only the releases of its day: a release that comes
    /// between breaks the policy, and the entry is what is meant.
    #[test]
    fn a_release_that_comes_between_is_meant_by_the_entry_of_its_neighbours() {
        let corpus = Corpus::embedded().unwrap();
        let text = corpus.text("matrix.toml").unwrap().unwrap();
        let bounds = "destination = \">=0.15 <4.2\"";
        assert!(text.contains(bounds));
        let text = text.replace(bounds, "destination = \"1.0.1..3.0.0\"");
        let config = Config::parse("matrix.toml", &text).unwrap();
        let library = Library::open(corpus).unwrap();
        let filter = Filter {
            machines: vec!["pc-0.12".to_owned()],
            scenarios: vec!["idle".to_owned()],
            ..Filter::default()
        };
        let plan = Plan::new(&config, library.fixtures(), &filter).unwrap();
        let run = run(&library, &config, &plan, &Feed::Bulk).unwrap();
        let all = suggestions(&config, &run.cells);
        let [one] = all.as_slice() else { panic!("{all:?}") };
        assert!(one.same_cause);
        assert_eq!(one.cells, "0.13.0, 0.14.1 into 0.15.1 (pc-0.12: idle)");
        let shown = super::text(&config, &all);
        assert!(shown.contains("Version 2 of piix4_pm has two layouts"), "{shown}");
    }
}
