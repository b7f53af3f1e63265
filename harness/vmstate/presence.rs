//! Presence predicates: what the `field_exists` hooks of the tables decide.
//!
//! A hook depends on the version being loaded, on values loaded before, or on the local machine.
//! Those of PC machines and their devices up to 11.1 are here, but for these, which depend on how a
//! device was configured, on the host, or on a loader of their own:
//!
//! | symbol | decides by |
//! | --- | --- |
//! | `pci_device_shpc_present` | property `shpc` of pci-bridge, whose default changed twice |
//! | `test_msix`, `test_no_msix` | property `msi` of ivshmem |
//! | `vfio_msix_present` | the device of the host |
//! | `slirp_family_inet`, `slirp_older_than_v4` | fields of slirp's own loader |
//! | `mac_table_fits`, `mac_table_doesnt_fit`, `max_queues_gt_1`, `has_ctrl_guest_offloads` | virtio-net, which [`super::codec::virtio`] loads |
//!
//! Another symbol is [`Predicate::Unknown`], which makes the load undetermined where it is reached,
//! and is listed by `release::unmodelled`.

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
    /// The version being loaded, or what an earlier field says if that is less, lies in this range;
    /// the field is 0 in a stream without it.
    VersionSaid(&'static str, u32, u32),
    /// An earlier field is not zero.
    NonZero(&'static str),
    /// An earlier field is at most as large as another.
    AtMost(&'static str, &'static str),
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

/// The symbol of the hook of a field, by the names of description and field, where it decides by what
/// is loaded: a trace has no symbols, and shows only what was decided on the stream that it is of.
///
/// From hw/scsi/esp.c (6.0 to 11.1), hw/ipmi/ipmi_kcs.c (3.0 on), hw/nvram/eeprom93xx.c,
/// hw/nvram/fw_cfg.c, hw/audio/ac97.c, hw/net/e1000.c, hw/net/pcnet.c, hw/ide/core.c, hw/timer/hpet.c,
/// hw/pci/pcie_aer.c and hw/ppc/spapr.c (2.4 on).
#[must_use]
pub fn symbol(vmsd: &str, field: &str) -> Option<&'static str> {
    Some(match (vmsd, field) {
        // Checks (`VMSTATE_VALIDATE`) have a text for a name.
        (_, "num_timers in range" | "num_timers must match") => "hpet_validate_num_timers",
        (_, "log_num <= log_max") => "pcie_aer_state_log_num_valid",
        ("esp", "lun") => "esp_is_version_6",
        ("esp", "mig_ti_cmd") => "esp_is_between_version_5_and_6",
        ("esp", "asc_mode") => "esp_is_version_8",
        ("esp", "cmdfifo" | "cmdfifo_cdb_offset" | "data_in_ready" | "data_ready" | "fifo")
        | ("esp", "ti_cmd") => "esp_is_version_5",
        ("esp", old) if old.starts_with("mig_") => "esp_is_before_version_5",
        ("ipmi-interface", "kcs") | ("ipmi-interface-kcs", "unused") => {
            "vmstate_kcs_before_version2"
        }
        ("eeprom", "size" | "unused") => "is_old_eeprom_version",
        ("ac97" | "pcnet", "unused") => "is_version_2",
        ("e1000", "unused") | ("fw_cfg", "cur_offset") => "is_version_1",
        ("ide_drive", "identify_data") => "is_identify_set",
        ("spapr", "unused" | "rtc_offset") => "version_before_3",
        _ => return None,
    })
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
        "version_before_3" => Predicate::VersionBelow(3),
        "is_version_1" => Predicate::VersionIs(1),
        "is_version_2" => Predicate::VersionIs(2),
        // hw/ipmi: the first version, under a name that was another device's.
        "vmstate_kcs_before_version2" => Predicate::VersionBelow(2),
        // eeprom93xx: versions are dates.
        "is_old_eeprom_version" => Predicate::VersionIs(20_061_112),
        // esp: the device around says by which version of the chip's state it was saved.
        "esp_is_before_version_5" => Predicate::VersionSaid("../mig_version_id", 0, 4),
        "esp_is_version_5" => Predicate::VersionSaid("../mig_version_id", 5, u32::MAX),
        "esp_is_version_6" => Predicate::VersionSaid("../mig_version_id", 6, u32::MAX),
        "esp_is_between_version_5_and_6" => Predicate::VersionSaid("../mig_version_id", 5, 6),
        "esp_is_version_8" => Predicate::VersionSaid("../mig_version_id", 8, u32::MAX),
        "pcie_aer_state_log_num_valid" => Predicate::AtMost("log_num", "log_max"),
        // The events kept while the ring is full; since the flag is unused, never.
        "xhci_er_full" => Predicate::NonZero("er_full"),
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
        // Up to 6.2 the hook looked at the wrong structure, and found nothing there to send; since
        // 7.0 such machine types do not send it on purpose.
        "vmstate_acpi_pcihp_use_acpi_index" => Predicate::Fixed(false),
        // x-disable-pcie is on for machine types up to 2.5 (HW_COMPAT_2_5 has it of both): PCI
        // configuration is in the section itself then, otherwise in a subsection.
        "vmxnet3_vmstate_test_pci_device" | "pvscsi_vmstate_test_pci_device" => {
            Predicate::Fixed(!from(2, 6))
        }
        // x-migrate-msix is off up to 2.9 (HW_COMPAT_2_9).
        "gen_rp_test_migrate_msix" => Predicate::Fixed(from(2, 10)),
        "migrate_is_pcie" => Predicate::Fixed(false),
        "migrate_is_not_pcie" => Predicate::Fixed(true),
        other => Predicate::Unknown(other.to_string()),
    }
}

/// Whether the outcome of a hook depends on the local machine alone, so that what a trace showed on
/// that machine is worth more than the rule.
#[must_use]
pub fn is_local(predicate: &Predicate) -> bool {
    matches!(predicate, Predicate::Fixed(_) | Predicate::Unknown(_))
}

impl Predicate {
    /// Whether the field is there. `value` gives an earlier field of the same description by the
    /// end of its name, and one of the description that it is nested in by that with `../` before
    /// it; `local_timers` is the destination's own number of HPET timers.
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
            Predicate::VersionSaid(field, least, most) => {
                let said = u64::from(version).min(value(field));
                (u64::from(*least)..=u64::from(*most)).contains(&said)
            }
            Predicate::AtMost(field, most) => value(field) <= value(most),
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

    #[rstest::rstest]
    #[case("esp_is_before_version_5", 4, 0, true)]
    #[case("esp_is_before_version_5", 6, 4, true)]
    #[case("esp_is_before_version_5", 6, 6, false)]
    #[case("esp_is_version_5", 6, 6, true)]
    #[case("esp_is_version_5", 6, 0, false)]
    #[case("esp_is_between_version_5_and_6", 7, 7, false)]
    #[case("esp_is_between_version_5_and_6", 7, 6, true)]
    #[case("esp_is_version_6", 7, 5, false)]
    #[case("esp_is_version_8", 8, 8, true)]
    #[case("esp_is_version_8", 8, 7, false)]
    fn a_version_that_the_device_around_says(
        #[case] symbol: &str,
        #[case] version: u32,
        #[case] said: u64,
        #[case] there: bool,
    ) {
        let known = predicate(symbol, Version::new(8, 0, 0), "pc-i440fx-8.0");
        let value = |name: &str| if name == "../mig_version_id" { said } else { 99 };
        assert_eq!(known.holds(version, value, 3), Ok(there));
    }

    #[rstest::rstest]
    #[case("vmstate_acpi_pcihp_use_acpi_index", "pc-i440fx-6.2", false)]
    #[case("vmstate_test_migrate_acpi_index", "pc-i440fx-6.2", false)]
    #[case("vmstate_test_migrate_acpi_index", "pc-i440fx-7.0", true)]
    #[case("vmxnet3_vmstate_test_pci_device", "pc-q35-2.5", true)]
    #[case("pvscsi_vmstate_test_pci_device", "pc-q35-2.6", false)]
    #[case("gen_rp_test_migrate_msix", "pc-q35-2.9", false)]
    #[case("gen_rp_test_migrate_msix", "pc-q35-2.10", true)]
    fn what_the_machine_type_decides(
        #[case] symbol: &str,
        #[case] machine: &str,
        #[case] there: bool,
    ) {
        let known = predicate(symbol, Version::new(8, 0, 0), machine);
        assert!(is_local(&known));
        assert_eq!(known.holds(1, |_| 1, 3), Ok(there));
    }

    #[rstest::rstest]
    #[case("esp", "mig_cmdbuf", Some("esp_is_before_version_5"))]
    #[case("esp", "mig_ti_cmd", Some("esp_is_between_version_5_and_6"))]
    #[case("eeprom", "size", Some("is_old_eeprom_version"))]
    #[case("ide_drive", "identify_data", Some("is_identify_set"))]
    #[case("spapr", "rtc_offset", Some("version_before_3"))]
    // Decided by the machine: a trace shows it.
    #[case("pci_bridge", "shpc", None)]
    fn a_hook_is_known_by_its_field(
        #[case] vmsd: &str,
        #[case] field: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(symbol(vmsd, field), expected);
        let known = expected.map(|s| predicate(s, Version::new(10, 0, 0), "pc-q35-10.0"));
        assert!(known.is_none_or(|known| !is_local(&known)));
    }

    #[test]
    fn a_log_has_no_more_entries_than_it_can() {
        let known = predicate("pcie_aer_state_log_num_valid", Version::new(8, 0, 0), "pc");
        let text = symbol("pcie_aer_err", "log_num <= log_max");
        assert_eq!(text, Some("pcie_aer_state_log_num_valid"));
        for (entries, valid) in [(8, true), (9, false)] {
            let value = |name: &str| if name == "log_num" { entries } else { 8 };
            assert_eq!(known.holds(1, value, 3), Ok(valid));
        }
    }
}
