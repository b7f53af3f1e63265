//! The cells that are to be run: every fixture into every release. Cells are made nowhere else.

use super::cell::Cell;
use super::config::Config;
use crate::release::provenance::Fixture;
use crate::release::suggest;

/// A cell of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The cell.
    pub cell: Cell,
    /// What the destination lacks, if it cannot even start.
    pub lacks: Option<Lacks>,
    /// The machine type that the destination is started as, where it has another name for the
    /// same.
    pub instead: Option<String>,
}

/// What a destination does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacks {
    /// The machine type.
    Machine,
    /// A device of the scenario.
    Device,
}

impl std::fmt::Display for Lacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Lacks::Machine => "has no such machine type",
            Lacks::Device => "lacks a device of the scenario",
        })
    }
}

/// Which cells are wanted; an empty list wants all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// As source or as destination.
    pub releases: Vec<String>,
    /// As source.
    pub sources: Vec<String>,
    /// As destination.
    pub destinations: Vec<String>,
    /// Machine types.
    pub machines: Vec<String>,
    /// Scenarios.
    pub scenarios: Vec<String>,
}

impl Filter {
    /// Whether every cell is wanted.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Filter::default()
    }

    fn wants(&self, cell: &Cell) -> bool {
        let fits = |list: &[String], name: &String| list.is_empty() || list.contains(name);
        fits(&self.sources, &cell.source)
            && fits(&self.destinations, &cell.destination)
            && fits(&self.machines, &cell.machine)
            && fits(&self.scenarios, &cell.scenario)
            && (fits(&self.releases, &cell.source) || fits(&self.releases, &cell.destination))
    }

    /// Names that `config` does not list.
    fn unknown(&self, config: &Config) -> Option<PlanError> {
        let releases: Vec<&str> = config.releases.iter().map(|r| r.name.as_str()).collect();
        let machines: Vec<&str> = config.machines.iter().map(|m| m.name.as_str()).collect();
        let scenarios: Vec<&str> = config.scenarios.iter().map(|s| s.name.as_str()).collect();
        let wanted = [
            ("release", &self.releases, &releases),
            ("release", &self.sources, &releases),
            ("release", &self.destinations, &releases),
            ("machine type", &self.machines, &machines),
            ("scenario", &self.scenarios, &scenarios),
        ];
        wanted.into_iter().find_map(|(what, names, listed)| {
            let name = names.iter().find(|name| !listed.contains(&name.as_str()))?;
            let hint = suggest::hint(name, listed.iter().copied());
            let listed = listed.join(", ");
            Some(PlanError::Unknown { what, name: name.clone(), hint, listed })
        })
    }
}

/// Why there is no plan.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PlanError {
    #[error("no {what} '{name}'{hint}: expected one of {listed}")]
    Unknown { what: &'static str, name: String, hint: String, listed: String },
    #[error("the selection is empty: no fixture fits the filters")]
    Empty,
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The cells: by machine type, scenario, source, destination, each in order of the list.
    pub cells: Vec<Planned>,
    /// Whether nothing was filtered out.
    pub whole: bool,
}

impl Plan {
    /// Every fixture into every release, as far as `filter` wants it.
    ///
    /// # Errors
    /// A filter that names what `matrix.toml` does not list, or that leaves nothing.
    pub fn new(config: &Config, fixtures: &[Fixture], filter: &Filter) -> Result<Self, PlanError> {
        if let Some(error) = filter.unknown(config) {
            return Err(error);
        }
        let mut cells = Vec::new();
        for machine in &config.machines {
            for scenario in &config.scenarios {
                for source in &config.releases {
                    let has = fixtures.iter().any(|f| {
                        f.release == source.name
                            && f.machine == machine.name
                            && f.scenario == scenario.name
                    });
                    if !has {
                        continue;
                    }
                    for destination in &config.releases {
                        let has = machine.releases.contains(&destination.name);
                        let instead = match has {
                            true => None,
                            false => config.instead(machine, &destination.name),
                        };
                        let lacks = if !has && instead.is_none() {
                            Some(Lacks::Machine)
                        } else if !scenario.releases.contains(&destination.name) {
                            Some(Lacks::Device)
                        } else {
                            None
                        };
                        let cell = Cell {
                            source: source.name.clone(),
                            destination: destination.name.clone(),
                            machine: machine.name.clone(),
                            scenario: scenario.name.clone(),
                        };
                        let instead = instead.map(|m| m.name.clone());
                        cells.push(Planned { cell, lacks, instead });
                    }
                }
            }
        }
        cells.retain(|planned| filter.wants(&planned.cell));
        if cells.is_empty() {
            return Err(PlanError::Empty);
        }
        Ok(Plan { cells, whole: filter.is_all() })
    }
}
