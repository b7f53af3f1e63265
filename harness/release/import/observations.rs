//! What real binaries did: `observed/` and `saved-again/` of the input into the corpus.

use std::collections::BTreeMap;

use super::Run;
use super::read::{ImportError, bytes, json_error, parse, text};
use crate::release::corpus::{Corpus, CorpusError, SavedAgain, json_lines};
use crate::release::files::{self, LIMIT};
use crate::release::observed::{Mutation, Observed};
use crate::release::provenance::machine_scenario;

/// Path of the changed streams' observations, in the input and in the corpus.
const MUTATIONS: &str = "observed/mutations.jsonl";

impl Run<'_> {
    pub(super) fn observed(&mut self) -> Result<(), ImportError> {
        let mut known = Corpus::open(self.into)?.observed()?;
        for path in self.found("observed")? {
            if path == MUTATIONS {
                continue;
            }
            let name = path.strip_prefix("observed/").and_then(|p| p.strip_suffix(".json"));
            let Some(stem) = name.filter(|stem| machine_scenario(stem).is_some()) else {
                self.pass_over(&path, "not <machine>.<scenario>.json");
                continue;
            };
            let new: Observed = parse(&path, &text(self.dir, &path)?)?;
            let found = format!("{}.{}", new.machine, new.scenario);
            if found != stem {
                let expected = stem.to_owned();
                return Err(ImportError::Misplaced { path, expected, found });
            }
            let at = known
                .iter()
                .position(|o| (&o.machine, &o.scenario) == (&new.machine, &new.scenario));
            let old = at.map(|at| known.swap_remove(at));
            self.write_json(&path, &merged(&path, old, new)?)?;
        }
        Ok(())
    }

    pub(super) fn mutations(&mut self) -> Result<(), ImportError> {
        if !self.dir.join(MUTATIONS).is_file() {
            return Ok(());
        }
        let mut all = Corpus::open(self.into)?.mutations()?;
        for new in json_lines::<Mutation>(MUTATIONS, &text(self.dir, MUTATIONS)?)? {
            if !all.contains(&new) {
                all.push(new);
            }
        }
        let mut lines = String::new();
        for mutation in &all {
            lines +=
                &serde_json::to_string(mutation).map_err(|source| json_error(MUTATIONS, source))?;
            lines.push('\n');
        }
        self.write(MUTATIONS, lines.as_bytes())
    }

    pub(super) fn saved_again(&mut self) -> Result<(), ImportError> {
        let sizes: BTreeMap<String, u64> =
            Corpus::open(self.into)?.observed()?.iter().flat_map(saved_sizes).collect();
        for path in self.found("saved-again")? {
            if SavedAgain::from_path(&path).is_none_or(|saved| saved.path() != path) {
                let form = "not <machine>.<scenario>/<source>-to-<destination>.stream.zst";
                self.pass_over(&path, form);
                continue;
            }
            let packed = bytes(self.dir, &path)?;
            let found = files::unzstd(&path, &packed, LIMIT)?.len() as u64;
            if let Some(&expected) = sizes.get(&path).filter(|&&expected| expected != found) {
                return Err(CorpusError::Size { path, expected, found }.into());
            }
            self.keep_stream(&path, &packed)?;
        }
        Ok(())
    }
}

/// What the corpus knew, then what is new; an error where they contradict each other.
fn merged(path: &str, old: Option<Observed>, new: Observed) -> Result<Observed, ImportError> {
    let Some(mut all) = old else { return Ok(new) };
    for cell in new.cells {
        let pair = (&cell.source, &cell.destination);
        match all.cells.iter().find(|c| (&c.source, &c.destination) == pair) {
            Some(known) if *known == cell => {}
            Some(_) => {
                return Err(ImportError::ObservationChanged {
                    path: path.to_owned(),
                    source_release: cell.source,
                    destination: cell.destination,
                });
            }
            None => all.cells.push(cell),
        }
    }
    Ok(all)
}

/// Path and length of every stream that was saved again and kept.
fn saved_sizes(observed: &Observed) -> Vec<(String, u64)> {
    let kept = observed.cells.iter().filter_map(|cell| {
        let saved = SavedAgain {
            machine: observed.machine.clone(),
            scenario: observed.scenario.clone(),
            source: cell.source.clone(),
            destination: cell.destination.clone(),
        };
        Some((saved.path(), cell.saved_again?))
    });
    kept.collect()
}
