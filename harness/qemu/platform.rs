//! Platforms: what the name of a machine type says about its board, and the arguments that every machine
//! of an architecture is started with.

use crate::dialect::machine::{X86_64, architecture, unqualified};
use crate::matrix::config::CHIPSETS;

/// Common arguments on x86_64, as in provenance; the files are in the emulator's folder. Those of
/// others are in [`common`].
pub const COMMON: [&str; 8] =
    ["-nodefaults", "-nographic", "-m", "2", "-bios", "guest.bin", "-L", "roms"];

/// A family of machine types that take the same devices and the same guest programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// As `chipset` in `matrix.toml`.
    pub chipset: &'static str,
    /// The name that stands for the newest of them, or that of the only one.
    pub plain: &'static str,
    /// What names of versioned machine types begin with; empty: there are none.
    begins: &'static str,
}

/// All of them. Whatever else a PC binary has is of the first.
pub const PLATFORMS: [Platform; CHIPSETS.len()] = [
    Platform { chipset: CHIPSETS[0], plain: "pc", begins: "pc-" },
    Platform { chipset: CHIPSETS[1], plain: "q35", begins: "pc-q35-" },
    Platform { chipset: CHIPSETS[2], plain: "microvm", begins: "" },
    Platform { chipset: CHIPSETS[3], plain: "virt", begins: "virt-" },
    Platform { chipset: CHIPSETS[4], plain: "pseries", begins: "pseries-" },
    Platform { chipset: CHIPSETS[5], plain: "s390-ccw-virtio", begins: "s390-ccw-virtio-" },
    Platform { chipset: CHIPSETS[6], plain: "virt", begins: "" },
];

impl Platform {
    /// Its architecture.
    #[must_use]
    pub fn architecture(&self) -> &'static str {
        architecture(self.chipset)
    }

    fn has(&self, machine: &str) -> bool {
        let name = unqualified(machine);
        let versioned = !self.begins.is_empty() && name.starts_with(self.begins);
        self.architecture() == architecture(machine) && (versioned || name == self.plain)
    }
}

/// The platform of a machine type; `None` if nothing is known of its board.
#[must_use]
pub fn of(machine: &str) -> Option<&'static Platform> {
    let [pc, others @ ..] = &PLATFORMS;
    let other = others.iter().find(|platform| platform.has(machine));
    other.or_else(|| (architecture(machine) == X86_64).then_some(pc))
}

/// Common arguments of all machines of an architecture, as in provenance; the files are in the
/// emulator's folder. `None` if there are no guests for it.
///
/// Memory is as little as boards take: a device tree of 1 MiB lies at an even MiB of it on riscv64,
/// as much is kept free for firmware on s390x, and pseries has memory in blocks of 256 MiB. A processor is named where the default is another from
/// release to release, or not of 64 bits.
#[must_use]
pub fn common(of: &str) -> Option<Vec<&'static str>> {
    let (memory, more): (_, &[&str]) = match of {
        X86_64 => return Some(COMMON.to_vec()),
        "aarch64" => ("2", &["-cpu", "cortex-a57"]),
        "ppc64" => ("256", &["-cpu", "power9_v2.0"]),
        "s390x" => ("4", &[]),
        "riscv64" => ("4", &[]),
        _ => return None,
    };
    let mut line = COMMON.to_vec();
    if let Some(at) = line.iter().position(|option| *option == "-m") {
        line.splice(at + 1..at + 2, [memory]);
    }
    line.extend(more);
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("pc-i440fx-7.2", Some("i440fx"))]
    #[case("pc-0.12", Some("i440fx"))]
    #[case("isapc", Some("i440fx"))]
    #[case("pc-q35-7.2", Some("q35"))]
    #[case("microvm", Some("microvm"))]
    #[case("aarch64/virt-7.2", Some("aarch64/virt"))]
    #[case("aarch64/virt", Some("aarch64/virt"))]
    #[case("aarch64/raspi3b", None)]
    #[case("arm/virt-7.2", None)]
    #[case("ppc64/pseries-7.2", Some("ppc64/pseries"))]
    #[case("s390x/s390-ccw-virtio-5.2", Some("s390x/s390-ccw-virtio"))]
    #[case("riscv64/virt", Some("riscv64/virt"))]
    #[case("riscv64/virt-7.2", None)]
    fn a_machine_type_tells_its_platform(#[case] machine: &str, #[case] chipset: Option<&str>) {
        assert_eq!(of(machine).map(|platform| platform.chipset), chipset);
    }

    #[test]
    fn every_platform_has_common_arguments() {
        for platform in PLATFORMS {
            let line = common(platform.architecture()).unwrap();
            assert!(line.len() >= COMMON.len() && line.contains(&"-bios"), "{line:?}");
        }
        assert_eq!(common("x86_64").unwrap(), COMMON);
        assert_eq!(common("ppc64").unwrap()[2..4], ["-m", "256"]);
        assert_eq!(common("hppa"), None);
    }
}
