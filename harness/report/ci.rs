//! The matrix in the formats that CI systems read.
//!
//! | file | format |
//! | --- | --- |
//! | [`junit`] | JUnit XML: a suite for each machine type and scenario, a case for each cell |
//! | [`sarif`] | SARIF 2.1.0: a result for each finding, at the line that is to be looked at |
//! | [`markdown`] | grids, findings and summary for a job's summary or a comment |
//! | [`github`] | annotations as GitHub's runner reads them from standard output |

pub mod github;
pub mod junit;
pub mod markdown;
pub mod sarif;

use crate::matrix::{Cell, CellResult, Config, Run, Standing};

use super::findings::Finding;

/// A run, and where its files are.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'r> {
    /// What is claimed.
    pub config: &'r Config,
    /// What came of it.
    pub run: &'r Run,
    /// The cells to tell of.
    pub cells: &'r [CellResult],
    /// Folder of the corpus, as a path from the root of the repository.
    pub corpus: &'r str,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl Summary<'_> {
    /// What is to be looked at for a finding: the entry that names it, else the provenance of the
    /// first stream.
    fn line(&self, finding: &Finding) -> Line {
        let known = match finding.standing {
            Standing::Known(index) => self.config.known.get(index),
            _ => None,
        };
        match known {
            Some(known) => Line { file: self.config.file.clone(), line: known.line },
            None => self.provenance(&finding.first),
        }
    }

    /// The file that says where a cell's stream comes from.
    fn provenance(&self, cell: &Cell) -> Line {
        let Cell { source, machine, scenario, .. } = cell;
        Line { file: format!("{}/{source}/{machine}.{scenario}.toml", self.corpus), line: 1 }
    }

    /// Known entries that name no cell any more: line and text.
    fn stale(&self) -> impl Iterator<Item = (Line, String)> {
        let entries = self.run.stale.iter().filter_map(|index| self.config.known.get(*index));
        entries.map(|known| {
            let line = Line { file: self.config.file.clone(), line: known.line };
            (line, format!("this known entry names no cell any more: {}", known.reason))
        })
    }
}

/// Places of a finding, in words.
fn places(finding: &Finding) -> String {
    let places: Vec<String> = finding.places.iter().map(ToString::to_string).collect();
    places.join(" and ")
}
