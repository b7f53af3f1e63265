//! Presence predicates: what the `field_exists` hooks of the tables decide.
//!
//! A hook depends on the version being loaded, on values loaded before, or on the local machine.
//! The complete set for PC machines up to 11.1 is here; another symbol is
//! [`Predicate::Unknown`], which makes the load undetermined where it is reached.

use crate::dialect::{Generation, Version};
use crate::wire::{Fault, planted};

/// A presence hook, with what it needs from the local machine already decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// Decided by machine type and release.
    Fixed(bool),
    /// The version being loaded is this one.
    VersionIs(u32),
    /// The version being loaded is below this one.
    VersionBelow(u32),
    /// An earlier field is not zero.
    NonZero(&'static str),
    /// x87 registers in a given form.
    Fpregs(Fpregs),
    /// `hpet`: the number of timers is in range (1.7.2, 2.0.2, 2.1 to 9.2).
    TimersInRange,
    /// `hpet`: the number of timers is the local one (10.0 on).
    TimersEqualLocal,
    /// Not known: the C symbol.
    Unknown(String),
}

/// The three forms of the x87 registers in the `cpu` section (0.12 to 2.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fpregs {
    /// Format 0: 80-bit values.
    Extended,
    /// Format 1, guessed to be MMX state.
    Mmx,
    /// Format 1, doubles.
    NoMmx,
}

/// The symbol of the hook behind a check (`VMSTATE_VALIDATE`), by the text that it is named with;
/// for tables that come from a trace, which has no symbols.
#[must_use]
pub fn validation(text: &str) -> Option<&'static str> {
    match text {
        "num_timers in range" | "num_timers must match" => Some("hpet_validate_num_timers"),
        _ => None,
    }
}

/// The predicate behind a hook's symbol, on a machine type of a release.
#[must_use]
pub fn predicate(symbol: &str, release: Version, machine: &str) -> Predicate {
    let from =
        |major, minor| Generation::of(machine).is_none_or(|g| g >= Generation::new(major, minor));
    match symbol {
        "fpregs_is_0" => Predicate::Fpregs(Fpregs::Extended),
        "fpregs_is_1_mmx" => Predicate::Fpregs(Fpregs::Mmx),
        "fpregs_is_1_no_mmx" => Predicate::Fpregs(Fpregs::NoMmx),
        "less_than_7" => Predicate::VersionBelow(7),
        "version_is_5" => Predicate::VersionIs(5),
        "is_version_1" => Predicate::VersionIs(1),
        "is_version_2" => Predicate::VersionIs(2),
        "is_identify_set" => Predicate::NonZero("identify_set"),
        "hpet_validate_num_timers" if release >= Version::new(10, 0, 0) => {
            Predicate::TimersEqualLocal
        }
        "hpet_validate_num_timers" => Predicate::TimersInRange,
        // acpi-pci-hotplug-with-bridge-support: on for pc-i440fx-2.0 and newer.
        "vmstate_test_use_acpi_pci_hotplug" | "vmstate_test_use_acpi_hotplug_bridge" => {
            Predicate::Fixed(from(2, 0))
        }
        "vmstate_test_no_use_acpi_pci_hotplug" | "vmstate_test_no_use_acpi_hotplug_bridge" => {
            Predicate::Fixed(!from(2, 0))
        }
        // smbus_no_migration_support is set for pc types up to 3.1.
        "piix4_vmstate_need_smbus" => Predicate::Fixed(from(4, 0)),
        // x-not-migrate-acpi-index is on up to 6.2.
        "vmstate_test_migrate_acpi_index" => Predicate::Fixed(from(7, 0)),
        "migrate_is_pcie" => Predicate::Fixed(false),
        "migrate_is_not_pcie" => Predicate::Fixed(true),
        other => Predicate::Unknown(other.to_string()),
    }
}

/// Whether the outcome of a hook hangs on the local machine alone, so that what a trace showed on
/// that machine is worth more than the rule.
#[must_use]
pub fn is_local(predicate: &Predicate) -> bool {
    matches!(predicate, Predicate::Fixed(_) | Predicate::Unknown(_))
}

impl Predicate {
    /// Whether the field is there. `value` gives an earlier field of the same description by the
    /// end of its name; `local_timers` is the destination's own number of HPET timers.
    ///
    /// # Errors
    /// The symbol, for a predicate that is not known.
    pub fn holds(
        &self,
        version: u32,
        value: impl Fn(&str) -> u64,
        local_timers: u64,
    ) -> Result<bool, &str> {
        Ok(match self {
            Predicate::Fixed(known) => *known,
            Predicate::VersionIs(v) => version == *v,
            Predicate::VersionBelow(v) => version < *v,
            Predicate::NonZero(field) => (value(field) != 0) != planted(Fault::PresenceInverted),
            Predicate::Fpregs(form) => {
                let format = value("fpregs_format_vmstate");
                // The guess of 0.12 to 2.9: all tags valid and no stack top means MMX.
                let mmx = value("fptag_vmstate") == 0xff && value("fpus_vmstate") & 0x3800 == 0;
                match form {
                    Fpregs::Extended => format == 0,
                    Fpregs::Mmx => format == 1 && mmx,
                    Fpregs::NoMmx => format == 1 && !mmx,
                }
            }
            Predicate::TimersInRange => (3..=32).contains(&value("num_timers")),
            Predicate::TimersEqualLocal => value("num_timers_save") == local_timers,
            Predicate::Unknown(symbol) => return Err(symbol),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_a_field_is_in() {
        let holds = |is: bool, version| {
            let predicate = if is { Predicate::VersionIs(7) } else { Predicate::VersionBelow(7) };
            predicate.holds(version, |_| 0, 3).map_err(str::to_string)
        };
        for (version, below, is) in
            [(4, true, false), (6, true, false), (7, false, true), (8, false, false)]
        {
            assert_eq!(holds(false, version), Ok(below), "{version}");
            assert_eq!(holds(true, version), Ok(is), "{version}");
        }
    }
}
