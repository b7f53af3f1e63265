//! A binary and what it says of itself: version, machine types, devices.

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::QemuError;
use super::groups::Scratch;
use super::monitor::Monitor;
use super::process::{Deadline, Ended, Process, ProcessError, Task, output};
use super::qmp::{Qmp, QmpError};
use crate::dialect::Version;

/// How long a binary may take to tell its version or list its machine types.
const LIMIT: Duration = Duration::from_secs(30);

/// The first release whose QMP passes on commands of the human monitor.
const HUMAN_COMMANDS: Version = Version::new(0, 14, 0);

/// What the corpus and its scenarios are of, as `query-target` calls it.
pub const ARCHITECTURE: &str = "x86_64";

/// Name of the monitor's socket, in a folder of its own.
const SOCKET: &str = "monitor";

/// Names that stand for the newest machine type of a chipset.
const CHIPSETS: [&str; 2] = ["pc", "q35"];

/// Why a binary cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum BinaryError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("{path}: expected 'QEMU emulator version MAJOR.MINOR.MICRO', it says {found:?}")]
    Version { path: PathBuf, found: String },
    #[error("{path}: expected a list of machine types, it says {found:?}")]
    Machines { path: PathBuf, found: String },
    #[error("{path}: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
}

/// An emulator on this machine, and its version receipt.
#[derive(Debug, Clone)]
pub struct Binary {
    /// Where it is.
    pub path: PathBuf,
    /// Its version number.
    pub version: Version,
    /// Version and packager's version, as in a fixture's provenance: `7.2.22 (Debian 1:7.2+...)`.
    pub about: String,
    /// Its machine types, without aliases, as it lists them.
    pub machines: Vec<MachineType>,
    /// Whether it is driven by its human monitor, as it must be where QMP cannot yet do it.
    pub human: bool,
    /// Its devices; none if it does not list them.
    pub devices: BTreeSet<String>,
}

/// A machine type of a binary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineType {
    /// Its name, never an alias.
    pub name: String,
    /// Whether it is the newest of its chipset: what the binary takes if none is named, or what the
    /// plain name of a chipset stands for.
    pub newest: bool,
}

impl Binary {
    /// How to add it beside a release of its number that is there already, in words.
    #[must_use]
    pub fn own_release(&self) -> String {
        format!("to add {} as a release of its own: --release {}", self.about, self.version)
    }

    /// Asks a binary for its version, machine types and devices.
    ///
    /// # Errors
    /// When it cannot be run, or does not answer as QEMU does.
    pub fn at(path: &Path) -> Result<Self, BinaryError> {
        Binary::within(path, LIMIT)
    }

    /// The same with a limit for each answer. One that hung is not asked again.
    ///
    /// # Errors
    /// As [`Binary::at`].
    pub fn within(path: &Path, limit: Duration) -> Result<Self, BinaryError> {
        let folder = |source| BinaryError::Folder { path: path.to_owned(), source };
        // It runs in folders of its own: a relative path would mean something else there. One
        // without a slash is looked for in PATH.
        let path = if path.components().count() > 1 {
            std::path::absolute(path).map_err(folder)?
        } else {
            path.to_owned()
        };
        let ask = |arguments: &[&str]| {
            let arguments = arguments.iter().map(|&a| a.to_owned()).collect();
            output(Task { program: &path, arguments, folder: Path::new("/"), stdin: None }, limit)
        };
        // An old binary takes a question mark where a later one takes a word; whatever else went
        // wrong, the other would fare no better.
        let either = |option: &str| match ask(&[option, "help"]) {
            Err(ProcessError::Failed { ended: Ended::Exited(_), .. }) => ask(&[option, "?"]),
            answer => answer,
        };
        let said = ask(&["--version"])?;
        let about = about(&said);
        let version = about.as_ref().and_then(|about| about.split([' ', '(']).next()?.parse().ok());
        let (Some(about), Some(version)) = (about, version) else {
            return Err(BinaryError::Version { path, found: first_line(&said) });
        };
        let said = either("-M")?;
        let machines = machines(&said);
        if machines.is_empty() {
            return Err(BinaryError::Machines { path, found: first_line(&said) });
        }
        let said = match either("-device") {
            Err(ProcessError::Failed { ended: Ended::Exited(_), .. }) => String::new(),
            answer => answer?,
        };
        let human = version < HUMAN_COMMANDS;
        Ok(Binary { path, version, about, machines, human, devices: devices(&said) })
    }

    /// What it emulates, as it says itself; where it cannot be asked, as its name says, and `x86_64`
    /// if that does not say it either.
    ///
    /// # Errors
    /// When it does not start without a machine, or does not answer.
    pub fn architecture(&self, limit: Duration) -> Result<String, QemuError> {
        if self.human {
            let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            let named = name.strip_prefix("qemu-system-").unwrap_or(ARCHITECTURE);
            return Ok(named.to_owned());
        }
        let folder = Scratch::new().map_err(QemuError::files)?;
        let listener = UnixListener::bind(folder.path().join(SOCKET)).map_err(QemuError::files)?;
        let mut arguments =
            ["-M", "none", "-nodefaults", "-nographic", "-S"].map(str::to_owned).to_vec();
        arguments.extend(Monitor::option(false, SOCKET));
        let task = Task { program: &self.path, arguments, folder: folder.path(), stdin: None };
        let deadline = Deadline::within(limit);
        let mut process = Process::start(task)?;
        let mut qmp = Qmp::accept(&listener, &mut process, deadline)?;
        let answer = qmp.command("query-target", deadline)?;
        let said = answer["arch"].as_str();
        said.map(str::to_owned).ok_or_else(|| {
            let found = answer.to_string();
            QmpError::Garbage { doing: "query-target".to_owned(), found }.into()
        })
    }

    /// Whether it has a machine type of this name.
    #[must_use]
    pub fn has(&self, machine: &str) -> bool {
        self.machines.iter().any(|m| m.name == machine)
    }

    /// The release series: MAJOR.MINOR of its version.
    #[must_use]
    pub fn series(&self) -> String {
        let number = self.about.split(' ').next().unwrap_or("");
        number.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
    }

    /// The release that a corpus knows it as: the one whose provenance has this very version, or
    /// has the same number of parts of it as its name.
    #[must_use]
    pub fn release<'a>(
        &self,
        known: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Option<&'a str> {
        let number = self.about.split(' ').next().unwrap_or("");
        let mut near = None;
        for (name, about) in known {
            if about == self.about {
                return Some(name);
            }
            let same =
                number == name || number.strip_prefix(name).is_some_and(|r| r.starts_with('.'));
            near = near.or(same.then_some(name));
        }
        near
    }
}

/// Version and packager from the first line of `--version`.
fn about(said: &str) -> Option<String> {
    let line = first_line(said);
    // Up to 2.x a comma and the copyright follow on the same line.
    let line = line.split(", Copyright").next().unwrap_or("");
    let (_, version) = line.split_once("version ")?;
    Some(version.trim().to_owned())
}

/// Machine types, from `NAME   DESCRIPTION [(alias of OTHER)] [(default)]`.
fn machines(said: &str) -> Vec<MachineType> {
    let meant: Vec<&str> = said
        .lines()
        .filter(|line| CHIPSETS.iter().any(|name| line.split(' ').next() == Some(name)))
        .filter_map(|line| line.split_once("(alias of ")?.1.split(')').next())
        .collect();
    // The headline ends in a colon, and an alias is no machine type.
    said.lines()
        .filter(|line| !line.ends_with(':') && !line.contains("(alias of "))
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, about)| MachineType {
            name: name.to_owned(),
            newest: about.contains("(default)") || meant.contains(&name),
        })
        .collect()
}

/// Devices, from `name "NAME", bus ...`.
fn devices(said: &str) -> BTreeSet<String> {
    let names = said.lines().filter_map(|line| line.strip_prefix("name \"")?.split('"').next());
    names.map(str::to_owned).collect()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_old_and_new_binaries() {
        let new = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright (c) 2003-2022\n";
        assert_eq!(about(new).as_deref(), Some("7.2.22 (Debian 1:7.2+dfsg-7)"));
        let old = "QEMU PC emulator version 0.12.5, Copyright (c) 2003-2008 Fabrice Bellard\n";
        assert_eq!(about(old).as_deref(), Some("0.12.5"));
        assert_eq!(about("sh: bad option"), None);
    }

    #[test]
    fn aliases_are_no_machine_types() {
        let said = "Supported machines are:\n\
                    pc        Standard PC (i440FX + PIIX, 1996) (alias of pc-i440fx-7.2)\n\
                    pc-i440fx-7.2  Standard PC (i440FX + PIIX, 1996) (default)\n\
                    pc-i440fx-7.1  Standard PC (i440FX + PIIX, 1996)\n\
                    q35       Standard PC (Q35 + ICH9, 2009) (alias of pc-q35-7.2)\n\
                    pc-q35-7.2 Standard PC (Q35 + ICH9, 2009)\n";
        let machine = |name: &str, newest| MachineType { name: name.to_owned(), newest };
        assert_eq!(
            machines(said),
            [
                machine("pc-i440fx-7.2", true),
                machine("pc-i440fx-7.1", false),
                machine("pc-q35-7.2", true)
            ]
        );
    }
}
