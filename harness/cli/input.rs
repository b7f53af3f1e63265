//! Which `matrix.toml` and which corpus: those in the binary, or those named; fixtures by name.

use std::path::{Path, PathBuf};

use super::CliError;
use crate::dialect::Capabilities;
use crate::dialect::machine::canonical;
use crate::matrix::Config;
use crate::release::corpus::Corpus;
use crate::release::files;
use crate::release::library::Library;
use crate::release::provenance::{Fixture, is_machine, machine_scenario};
use crate::release::suggest;

/// Options that every verb on a corpus has.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Input {
    /// Use this matrix.toml instead of the one in the binary, and the corpus in the folder
    /// `corpus` beside it, or else in its own folder
    #[arg(long, value_name = "FILE")]
    pub matrix: Option<PathBuf>,
}

impl Input {
    /// The corpus and what is claimed of it, each held against the other.
    pub fn open(&self) -> Result<(Library, Config), CliError> {
        self.library(self.corpus()?)
    }

    /// The same for a verb about a file of the user: it reads few streams of the corpus, once.
    pub fn open_uncached(&self) -> Result<(Library, Config), CliError> {
        self.library(self.corpus()?.uncached())
    }

    fn corpus(&self) -> Result<Corpus, CliError> {
        Ok(match &self.matrix {
            None => Corpus::embedded()?,
            Some(file) => Corpus::open(&corpus_of(file))?,
        })
    }

    fn library(&self, corpus: Corpus) -> Result<(Library, Config), CliError> {
        let (library, config) = (Library::open(corpus)?, self.config()?);
        config.check(&library)?;
        Ok((library, config))
    }

    /// What is claimed, where nothing is held against it: a scenario may have no fixture yet.
    pub fn config(&self) -> Result<Config, CliError> {
        match &self.matrix {
            None => {
                let text = Corpus::embedded()?.text("matrix.toml")?.ok_or(CliError::NoMatrix)?;
                Ok(Config::parse("matrix.toml", &text)?)
            }
            Some(file) => config(file),
        }
    }
}

/// What the destination was started with.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct StartOptions {
    /// A migration capability that the destination has on, such as postcopy-ram; may be given more
    /// than once [default: none]
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
}

impl StartOptions {
    /// Its capabilities.
    pub fn capabilities(&self) -> Result<Capabilities, CliError> {
        let mut on = Capabilities::default();
        for name in &self.capabilities {
            on.turn_on(name).map_err(CliError::Capability)?;
        }
        Ok(on)
    }
}

/// An error for a scenario that is not listed.
#[cfg(unix)]
pub(super) fn check_scenarios(config: &Config, scenarios: &[String]) -> Result<(), CliError> {
    let known: Vec<&str> = config.scenarios.iter().map(|s| s.name.as_str()).collect();
    match scenarios.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(CliError::NoScenario {
            asked: name.clone(),
            hint: suggest::hint(name, known.iter().copied()),
            known: known.join(", "),
        }),
    }
}

/// An error for a machine type that a binary does not have.
#[cfg(unix)]
pub(super) fn check_machines(
    binary: &crate::qemu::Binary,
    machines: &[String],
) -> Result<(), CliError> {
    match machines.iter().find(|name| !binary.has(name)) {
        None => Ok(()),
        Some(name) => Err(CliError::NoMachine {
            about: binary.about.clone(),
            asked: name.clone(),
            hint: suggest::hint(name, binary.machines.iter().map(|m| m.name.as_str())),
        }),
    }
}

/// A machine type as somebody wrote it: NAME, or ARCHITECTURE/NAME.
pub(super) fn machine_type(written: &str) -> Result<String, String> {
    let machine = canonical(written);
    match is_machine(&machine) {
        true => Ok(machine),
        false => Err("expected NAME, or ARCHITECTURE/NAME".to_owned()),
    }
}

/// The fixture of that name: RELEASE/MACHINE.SCENARIO.
pub(super) fn find<'l>(library: &'l Library, name: &str) -> Result<&'l Fixture, CliError> {
    let found = name.split_once('/').and_then(|(release, stem)| {
        let (machine, scenario) = machine_scenario(stem.strip_prefix("x86_64/").unwrap_or(stem))?;
        library.fixture(release, machine, scenario)
    });
    let all: Vec<String> = library.fixtures().iter().map(Fixture::id).collect();
    found.ok_or_else(|| CliError::NoFixture {
        asked: name.to_owned(),
        hint: suggest::hint(name, all.iter().map(String::as_str)),
        example: library.fixtures().first().map_or_else(String::new, Fixture::id),
    })
}

/// The claims in a file.
pub(super) fn config(file: &Path) -> Result<Config, CliError> {
    let bytes = files::read(file)?.ok_or_else(|| CliError::NoFile(file.to_owned()))?;
    let name = file.display().to_string();
    Ok(Config::parse(&name, files::utf8(&name, &bytes)?)?)
}

/// Where the corpus of a `matrix.toml` is.
pub(super) fn corpus_of(file: &Path) -> PathBuf {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let corpus = folder.join("corpus");
    if corpus.is_dir() { corpus } else { folder.to_owned() }
}
