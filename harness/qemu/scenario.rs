//! Whether a binary can run a scenario of `matrix.toml`: on which machine types, what it lacks for it, and
//! whether a captured stream has what the scenario is for.

use std::collections::BTreeSet;

use super::binary::{Binary, MachineType};
use super::emulator::Setup;
use super::{QemuError, platform};
use crate::matrix::config::Scenario;
use crate::stream::frames::{Depth, scan};

/// What is run for a scenario on a machine type.
///
/// # Errors
/// A guest program of a name that is not known.
pub fn setup(scenario: &Scenario, machine: &str) -> Result<Setup, QemuError> {
    let what = format!("{machine}.{}", scenario.name);
    let guest = scenario.guest.parse();
    let guest = guest.map_err(|problem| QemuError::Scenario { what, problem })?;
    let arguments = scenario.arguments.clone();
    Ok(Setup { machine: machine.to_owned(), guest, arguments, ..Setup::default() })
}

/// Whether a scenario is meant for a machine type: its chipset has the buses that it names.
#[must_use]
pub fn fits(scenario: &Scenario, machine: &str) -> bool {
    let platform = platform::of(machine);
    platform.is_some_and(|own| scenario.chipsets.iter().any(|name| name == own.chipset))
}

/// Whether a scenario is meant for any machine type of a binary.
#[must_use]
pub fn fits_binary(binary: &Binary, scenario: &Scenario) -> bool {
    binary.machines.iter().any(|machine| fits(scenario, &machine.name))
}

/// The machine types on which a binary runs a scenario if none is named: its newest.
#[must_use]
pub fn newest<'b>(binary: &'b Binary, scenario: &Scenario) -> Vec<&'b MachineType> {
    binary.machines.iter().filter(|m| m.newest && fits(scenario, &m.name)).collect()
}

/// What a binary lacks for a scenario, in words.
#[must_use]
pub fn lacks(binary: &Binary, scenario: &Scenario) -> Option<String> {
    // A binary that lists no devices is taken to have them all.
    if binary.devices.is_empty() {
        return None;
    }
    let named = scenario.arguments.iter().zip(scenario.arguments.iter().skip(1));
    let mut devices = named.filter(|(option, _)| *option == "-device").map(|(_, value)| value);
    let device = devices.find_map(|value| {
        let name = value.split(',').next().unwrap_or(value);
        (!binary.devices.contains(name)).then_some(name)
    })?;
    Some(format!("it has no device {device}"))
}

/// Which of the names that a scenario is there for a stream does not carry.
#[must_use]
pub fn missing<'s>(scenario: &'s Scenario, stream: &[u8]) -> Vec<&'s str> {
    scenario.exercises.iter().map(String::as_str).filter(|name| !carries(stream, name)).collect()
}

/// Names of the sections of a stream, without their bus paths.
#[must_use]
pub fn carried(mut stream: &[u8]) -> Vec<String> {
    let sections = scan(&mut stream, Depth::All).sections;
    let plain = |idstr: String| idstr.rsplit('/').next().unwrap_or_default().to_owned();
    let names: BTreeSet<String> = sections.into_iter().map(|s| plain(s.idstr)).collect();
    names.into_iter().collect()
}

/// Whether a name is there as that of a section or subsection: behind its length, or as the end of
/// a bus path, and before a number that is below 2^24.
fn carries(stream: &[u8], name: &str) -> bool {
    let is = |at: usize| {
        let before = at.checked_sub(1).and_then(|i| stream.get(i)).copied();
        let begins = before.is_some_and(|b| usize::from(b) == name.len() || b == b'/');
        begins && stream.get(at + name.len()) == Some(&0)
    };
    stream.windows(name.len().max(1)).enumerate().any(|(at, w)| w == name.as_bytes() && is(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(exercises: &[&str], arguments: &[&str]) -> Scenario {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        Scenario {
            name: "s".to_owned(),
            about: "about".to_owned(),
            guest: "idle".to_owned(),
            arguments: owned(arguments),
            chipsets: vec!["i440fx".to_owned()],
            exercises: owned(exercises),
            releases: Vec::new(),
        }
    }

    #[test]
    fn a_stream_without_what_it_is_for_is_hollow() {
        let mut stream = b"\x04\0\0\0\x01\x14\x30000:00:03.0/vmxnet3\0\0".to_vec();
        stream.extend(b"\x05\x0fvmxnet3/x-state\0\0\0\x01");
        assert!(missing(&scenario(&["vmxnet3", "vmxnet3/x-state"], &[]), &stream).is_empty());
        // As text, such as in a description, it does not count, nor as a part of another name.
        stream.extend(b"\"vmxnet3/y-state\" e1000e");
        let more = scenario(&["vmxnet3/y-state", "e1000e", "vmxnet"], &[]);
        let gone = missing(&more, &stream);
        assert_eq!(gone, ["vmxnet3/y-state", "e1000e", "vmxnet"]);
    }

    #[test]
    fn a_device_that_is_not_there_is_named() {
        let binary = Binary {
            path: "qemu".into(),
            version: "7.2.0".parse().unwrap(),
            about: "7.2.0".to_owned(),
            machines: Vec::new(),
            architecture: "x86_64".to_owned(),
            human: false,
            devices: ["e1000".to_owned()].into(),
        };
        assert_eq!(lacks(&binary, &scenario(&[], &["-device", "e1000,id=a"])), None);
        let one = scenario(&[], &["-device", "e1000", "-device", "tpm-tis,tpmdev=t"]);
        assert_eq!(lacks(&binary, &one).as_deref(), Some("it has no device tpm-tis"));
    }

    #[test]
    fn chipsets_are_told_by_name() {
        let mut one = scenario(&[], &[]);
        assert!(fits(&one, "pc-i440fx-7.2") && fits(&one, "pc-0.12") && !fits(&one, "pc-q35-7.2"));
        one.chipsets = vec!["q35".to_owned()];
        assert!(fits(&one, "pc-q35-7.2") && !fits(&one, "pc-i440fx-7.2"));
        one.chipsets = ["microvm", "aarch64/virt"].map(str::to_owned).to_vec();
        assert!(fits(&one, "microvm") && fits(&one, "aarch64/virt-7.2"));
        // The riscv64 board of that name is another, and of this one nothing is known.
        assert!(!fits(&one, "riscv64/virt") && !fits(&one, "aarch64/raspi3b"));
    }
}
