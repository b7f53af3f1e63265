//! A binary and what it says of itself: version, machine types, devices.

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::QemuError;
use super::connection::QmpError;
use super::groups::Scratch;
use super::monitor::Monitor;
use super::platform::PLATFORMS;
use super::process::{Deadline, Ended, Process, ProcessError, Task, output};
use super::qmp::Qmp;
use crate::dialect::Version;
use crate::dialect::machine::{X86_64, of_architecture};
use crate::release::provenance::is_name;

/// How long a binary may take to tell its version or list its machine types.
const LIMIT: Duration = Duration::from_secs(30);

/// The first release whose QMP passes on commands of the human monitor.
const HUMAN_COMMANDS: Version = Version::new(0, 14, 0);

/// The first release that starts without a machine, by QMP.
const NO_MACHINE: Version = Version::new(1, 3, 0);

/// Name of the monitor's socket, in a folder of its own.
const SOCKET: &str = "monitor";

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
    #[error("{path}: what it emulates it does not tell: {why}")]
    Target { path: PathBuf, why: String },
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
    /// What it emulates, as `query-target` calls it.
    pub architecture: String,
    /// Its machine types, without aliases, as it lists them; with the architecture where it is not
    /// x86_64.
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
    /// Whether it is the newest of its platform: what the binary takes if none is named, what the
    /// plain name of a platform stands for, or the only one of that.
    pub newest: bool,
}

impl Binary {
    /// How to add it beside a release of its number that is there already, in words.
    #[must_use]
    pub fn own_release(&self) -> String {
        format!("to add {} as a release of its own: --release {}", self.about, self.version)
    }

    /// Asks a binary for its version, architecture, machine types and devices.
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
        let human = version < HUMAN_COMMANDS;
        let listed = said;
        let said = match either("-device") {
            Err(ProcessError::Failed { ended: Ended::Exited(_), .. }) => String::new(),
            answer => answer?,
        };
        let devices = devices(&said);
        let architecture = match version < NO_MACHINE {
            true => named(&path),
            false => target(&path, limit)?,
        };
        let machines = machines(&listed, &architecture);
        if machines.is_empty() {
            return Err(BinaryError::Machines { path, found: first_line(&listed) });
        }
        Ok(Binary { path, version, about, architecture, machines, human, devices })
    }

    /// A machine type of it by its name, with the architecture or without.
    #[must_use]
    pub fn qualified(&self, name: &str) -> String {
        match name.contains('/') {
            true => name.to_owned(),
            false => of_architecture(&self.architecture, name),
        }
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

/// What a binary emulates, as it says itself when it is started without a machine.
fn target(path: &Path, limit: Duration) -> Result<String, BinaryError> {
    let failed =
        |error: QemuError| BinaryError::Target { path: path.to_owned(), why: error.to_string() };
    let ask = || -> Result<String, QemuError> {
        let folder = Scratch::new().map_err(QemuError::files)?;
        let listener = UnixListener::bind(folder.path().join(SOCKET)).map_err(QemuError::files)?;
        let mut arguments =
            ["-M", "none", "-nodefaults", "-nographic", "-S"].map(str::to_owned).to_vec();
        arguments.extend(Monitor::option(false, SOCKET));
        let task = Task { program: path, arguments, folder: folder.path(), stdin: None };
        let deadline = Deadline::within(limit);
        let mut process = Process::start(task)?;
        let mut qmp = Qmp::accept(&listener, &mut process, deadline)?;
        let answer = qmp.command("query-target", deadline)?;
        let said = answer["arch"].as_str().filter(|name| is_name(name));
        said.map(str::to_owned).ok_or_else(|| {
            let found = answer.to_string();
            QmpError::Garbage { doing: "query-target".to_owned(), found }.into()
        })
    };
    ask().map_err(failed)
}

/// The same of one that cannot be asked: as its name says, and `x86_64` if that does not say it
/// either.
fn named(path: &Path) -> String {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    name.strip_prefix("qemu-system-").unwrap_or(X86_64).to_owned()
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
fn machines(said: &str, architecture: &str) -> Vec<MachineType> {
    let own = || PLATFORMS.iter().filter(|platform| platform.architecture() == architecture);
    let is_plain = |name: &str| own().any(|platform| platform.plain == name);
    // The headline ends in a colon.
    let lines = said.lines().filter(|line| !line.ends_with(':'));
    let lines: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(' ')).collect();
    let newest: Vec<&str> = lines
        .iter()
        .filter(|(name, _)| is_plain(name))
        .filter_map(|(_, about)| about.split_once("(alias of ")?.1.split(')').next())
        .collect();
    // An alias is no machine type.
    lines
        .iter()
        .filter(|(name, about)| !name.is_empty() && !about.contains("(alias of "))
        .map(|(name, about)| MachineType {
            name: of_architecture(architecture, name),
            newest: about.contains("(default)") || newest.contains(name) || is_plain(name),
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
            machines(said, "x86_64"),
            [
                machine("pc-i440fx-7.2", true),
                machine("pc-i440fx-7.1", false),
                machine("pc-q35-7.2", true)
            ]
        );
    }

    #[test]
    fn another_architecture_is_part_of_the_name() {
        let said = "Supported machines are:\n\
                    none   empty machine\n\
                    virt   QEMU 7.2 ARM Virtual Machine (alias of virt-7.2)\n\
                    virt-7.1 QEMU 7.1 ARM Virtual Machine\n\
                    virt-7.2 QEMU 7.2 ARM Virtual Machine\n";
        let machine = |name: &str, newest| MachineType { name: name.to_owned(), newest };
        assert_eq!(
            machines(said, "aarch64"),
            [
                machine("aarch64/none", false),
                machine("aarch64/virt-7.1", false),
                machine("aarch64/virt-7.2", true)
            ]
        );
        let said = "spike  RISC-V Spike board (default)\nvirt RISC-V VirtIO board\n";
        let found = machines(said, "riscv64");
        assert_eq!(found[1], machine("riscv64/virt", true));
        // There is no platform of that name on it.
        assert!(!machines(said, "riscv32")[1].newest);
    }
}
