//! `matrix.toml`, checked: releases, machine types, scenarios, policy, known cases; the only list of them.
//! Strict: unknown keys, unknown names, duplicates and missing reasons are errors.
//!
//! | table | keys |
//! | --- | --- |
//! | `[[release]]` | `name`, `about`: where the binary came from |
//! | `[[machine]]` | `name`, after `ARCHITECTURE/` if it is not of x86_64; `releases`: those that have it (all if left out); a downstream's may say `equals`, another machine type listed, and `differs`, in what it is not the same |
//! | `[[scenario]]` | `name`, `about`, `guest`, `arguments`, `chipset`: one of [`CHIPSETS`] or a list of them (`i440fx` if left out), `exercises`: sections and subsections that a capture must carry (a section by its device's name, any if left out), `releases`: those with its devices (all if left out) |
//! | `[policy]` | `forward`: verdicts allowed from a release to itself and to newer ones; `backward`: to older ones |
//! | `[[known]]` | cells that break policy for a known reason: `source`, `destination`, `machines`, `scenarios`, `feeds`, `verdict`, `reason`, `reference` |
//! | `[[known_device]]` | devices that, alone, break policy for a known reason: `source`, `destination`, `devices`, `verdict`, `reason`, `reference` |
//! | `[[runtime]]` | observed refusals for a value which no table states: `source`, `destination`, `machines`, `scenarios`, `message`, `reason` |
//! | `[[mutation]]` | changed streams whose outcome is explained: `source`, `destination`, `machine`, `scenario`, `what`, `at`, `reason` |
//! | `[[finding]]` | what a release's binary could not do when it was captured: `release`, `machine`, `scenarios`, `what` |
//! | `[[vendor]]` | a downstream release: [`super::vendors`] |
//!
//! `source`, `destination` and `releases` are release ranges ([`super::select::releases`]). `machines` and
//! `scenarios` are lists of names, all of them if left out. `feeds` is a list of feeds, any if
//! left out.

use super::select::Selection;
use super::vendors::Vendor;
use crate::release::library::Library;
use crate::release::provenance::Fixture;
use crate::trace::Verdict;
use crate::wire::Feed;

/// Boards that scenarios are for: of a PC the two chipsets and the one without; of other
/// architectures the board's name, with the architecture. The first is meant if none is named.
pub const CHIPSETS: [&str; 7] = [
    "i440fx",
    "q35",
    "microvm",
    "aarch64/virt",
    "ppc64/pseries",
    "s390x/s390-ccw-virtio",
    "riscv64/virt",
];

/// What is wrong with a `matrix.toml`.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConfigError {
    #[error("{file}: {source}")]
    Toml { file: String, source: Box<toml::de::Error> },
    #[error("{file}, line {line}: {problem}")]
    At { file: String, line: usize, problem: Problem },
    #[error("{file}: {problem}")]
    Whole { file: String, problem: Problem },
}

/// What an entry has that it must not have, or lacks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Problem {
    #[error("no {0} is listed")]
    None(&'static str),
    #[error("{what} '{name}' is listed twice")]
    Duplicate { what: &'static str, name: String },
    #[error("{what} '{name}' is not listed")]
    Unlisted { what: &'static str, name: String },
    #[error("{0} is an empty list: leave it out to mean all")]
    Empty(&'static str),
    #[error("{0} must not be empty")]
    Blank(&'static str),
    #[error("{key}: {problem}")]
    Value { key: &'static str, problem: String },
    #[error("no policy may allow {0}: name such cells as known")]
    NeverAllowed(Verdict),
    #[error("the corpus has nothing of release '{0}'")]
    NoSuchRelease(String),
    #[error("the corpus has release '{0}', which is not listed")]
    UnlistedRelease(String),
    #[error("no fixture is of {what} '{name}'")]
    NoFixture { what: &'static str, name: String },
    #[error("no cell uses fixture {id}: {why}")]
    Unused { id: String, why: String },
}

/// A release under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Name, as in the corpus.
    pub name: String,
    /// Where the binary came from.
    pub about: String,
}

/// A machine type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Name, never an alias.
    pub name: String,
    /// Releases that have it.
    pub releases: Vec<String>,
    /// The machine type that it is but for its name, and what differs all the same.
    pub equals: Option<Equal>,
}

/// What a downstream's machine type is a copy of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equal {
    /// The machine type.
    pub machine: String,
    /// What differs, in words.
    pub differs: String,
}

/// A scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Name.
    pub name: String,
    /// What it exercises.
    pub about: String,
    /// The guest program, by name.
    pub guest: String,
    /// Command line.
    pub arguments: Vec<String>,
    /// The chipsets that have what it needs, of [`CHIPSETS`].
    pub chipsets: Vec<String>,
    /// Sections and subsections that a captured stream must carry.
    pub exercises: Vec<String>,
    /// Releases that have its devices.
    pub releases: Vec<String>,
}

/// Which verdicts a cell may have, by direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// From a release to itself and to newer ones.
    pub forward: Vec<Verdict>,
    /// To older ones.
    pub backward: Vec<Verdict>,
}

/// Cells that break policy for a known reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Which cells.
    pub selection: Selection,
    /// Under which feeds; empty means any.
    pub feeds: Vec<Feed>,
    /// Their verdict.
    pub verdict: Verdict,
    /// Why it is so.
    pub reason: String,
    /// Where that can be read: a commit, a thread, a section of a reference.
    pub reference: String,
    /// Line in the file.
    pub line: usize,
}

/// Devices that break policy for a known reason, alone (`crossload devices`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDevice {
    /// Releases that send them.
    pub sources: Vec<String>,
    /// Releases that are given them.
    pub destinations: Vec<String>,
    /// Device types; `*` stands for any text.
    pub devices: Vec<String>,
    /// What they come to.
    pub verdict: Verdict,
    /// Why it is so.
    pub reason: String,
    /// Where that can be read.
    pub reference: String,
    /// Line in the file.
    pub line: usize,
}

/// Observed cells in which a real loader refuses for a value that no table states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// Which cells.
    pub selection: Selection,
    /// What the real loader prints.
    pub message: String,
    /// Why no table states it.
    pub reason: String,
    /// Line in the file.
    pub line: usize,
}

/// Changed streams of which model and real binary need not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// Which fixture and destinations.
    pub selection: Selection,
    /// The change, in the words of the observation.
    pub what: String,
    /// Where it is, if that matters: byte offset.
    pub at: Option<u64>,
    /// Why the two differ.
    pub reason: String,
    /// Line in the file.
    pub line: usize,
}

/// What a release's binary could not do when it was to be captured: so it has no fixture there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The release.
    pub release: String,
    /// The machine type, listed or not.
    pub machine: String,
    /// The scenarios.
    pub scenarios: Vec<String>,
    /// What happened, with what the binary said.
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Finding { release, machine, scenarios, what } = self;
        write!(f, "{release} on {machine} ({}): {what}", scenarios.join(", "))
    }
}

/// A checked `matrix.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of the file, for messages.
    pub file: String,
    /// Releases, oldest first.
    pub releases: Vec<Release>,
    /// Machine types in order of the file.
    pub machines: Vec<Machine>,
    /// Scenarios in order of the file.
    pub scenarios: Vec<Scenario>,
    /// The policy.
    pub policy: Policy,
    /// Known cases in order of the file; the first that fits a cell counts.
    pub known: Vec<Known>,
    /// The same of devices alone.
    pub known_devices: Vec<KnownDevice>,
    /// Runtime checks.
    pub runtime: Vec<Runtime>,
    /// Explained changes.
    pub mutations: Vec<Mutation>,
    /// What binaries could not do.
    pub findings: Vec<Finding>,
    /// Downstream releases, each after what it is a downstream of.
    pub vendors: Vec<Vendor>,
}

impl Config {
    /// Compares it with a corpus: each must have what the other says.
    ///
    /// # Errors
    /// A release that only one of the two has; a fixture that no cell would use, or whose guest
    /// or arguments are not its scenario's; a machine type without fixtures.
    pub fn check(&self, library: &Library) -> Result<(), ConfigError> {
        self.fits(library).map_err(|problem| {
            let file = self.file.clone();
            ConfigError::Whole { file, problem }
        })
    }

    /// The machine type that stands in for one which a release does not have: the one that it equals,
    /// or that equals it, or the same as it.
    #[must_use]
    pub fn instead(&self, machine: &Machine, release: &str) -> Option<&Machine> {
        let root =
            |m: &Machine| m.equals.as_ref().map_or_else(|| m.name.clone(), |e| e.machine.clone());
        let own = root(machine);
        let mut others = self.machines.iter().filter(|m| m.name != machine.name && root(m) == own);
        others.find(|m| m.releases.iter().any(|name| name == release))
    }

    /// What is said to differ between machine types that are the same.
    #[must_use]
    pub fn differs(&self, names: [&String; 2]) -> String {
        let those = self.machines.iter().filter(|m| names.contains(&&m.name));
        let said: Vec<&str> =
            those.filter_map(|m| Some(m.equals.as_ref()?.differs.as_str())).collect();
        said.join("; ")
    }

    /// Place of a release among all, oldest first.
    #[must_use]
    pub fn place(&self, release: &str) -> Option<usize> {
        self.releases.iter().position(|r| r.name == release)
    }

    fn fits(&self, library: &Library) -> Result<(), Problem> {
        let recorded = library.releases();
        if let Some(r) = self.releases.iter().find(|r| !recorded.iter().any(|(n, _)| *n == r.name))
        {
            return Err(Problem::NoSuchRelease(r.name.clone()));
        }
        if let Some((name, _)) = recorded.iter().find(|(name, _)| self.place(name).is_none()) {
            return Err(Problem::UnlistedRelease(name.clone()));
        }
        for fixture in library.fixtures() {
            self.uses(fixture).map_err(|why| Problem::Unused { id: fixture.id(), why })?;
        }
        let none = |what, name: &String| Err(Problem::NoFixture { what, name: name.clone() });
        for Machine { name, .. } in &self.machines {
            if !library.fixtures().iter().any(|f| f.machine == *name) {
                return none("machine type", name);
            }
        }
        Ok(())
    }

    /// Scenarios of which nobody has captured anything yet: nothing is wrong with that, but nothing
    /// is known of them either.
    #[must_use]
    pub fn uncaptured(&self, fixtures: &[Fixture]) -> Vec<&str> {
        let has = |name: &str| fixtures.iter().any(|f| f.scenario == name);
        self.scenarios.iter().map(|s| s.name.as_str()).filter(|name| !has(name)).collect()
    }

    /// Whether the plan can use a fixture, or in words why not.
    fn uses(&self, fixture: &Fixture) -> Result<(), String> {
        let Fixture { release, machine, scenario, .. } = fixture;
        let unlisted = |what, name| format!("{what} '{name}' is not listed");
        let m = self.machines.iter().find(|m| m.name == *machine);
        let m = m.ok_or_else(|| unlisted("machine type", machine))?;
        let s = self.scenarios.iter().find(|s| s.name == *scenario);
        let s = s.ok_or_else(|| unlisted("scenario", scenario))?;
        for (what, name, releases) in
            [("machine type", machine, &m.releases), ("scenario", scenario, &s.releases)]
        {
            if !releases.contains(release) {
                return Err(format!("{what} '{name}' says that {release} does not have it"));
            }
        }
        if (&fixture.guest, &fixture.arguments) != (&s.guest, &s.arguments) {
            return Err(format!("guest or arguments are not those of scenario '{scenario}'"));
        }
        Ok(())
    }
}
