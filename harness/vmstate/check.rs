//! Value checks of post-load functions that refuse (codecs 5.1), by description name.
//!
//! Checks of host features are not decidable from a stream and are not here. The others see the
//! values just loaded, local ones, and the part of guest memory that [`Guest`] keeps.

mod ahci;
pub mod caps;
pub mod cpreg;
pub mod pvr;

use self::ahci::Ahci;
use self::caps::Capabilities;
use self::cpreg::Registers;
use self::pvr::Model;
use super::compiled::Vmsd;
use super::flow::c_string;
use super::guest::Guest;
use super::local::{self, Local};
use crate::dialect::Version;
use crate::wire::Kind;

/// What a later check needs from an earlier description of the same section.
#[derive(Debug, Clone, Default)]
pub struct CheckState {
    /// `serial/tsr`: `tsr_retry`; 0 when the subsection is absent.
    tsr_retry: u64,
    /// `globalstate`: the start of its text, longer than any name.
    pub runstate: [u8; 32],
    /// PCI configuration space: MSI-X vectors of the local device, or of the received space where
    /// the local one is not known.
    pub msix_vectors: u64,
    /// System registers of an ARM processor.
    pub registers: Registers,
    /// Which PowerPC processor it is.
    pub model: Model,
    /// Capabilities of a pseries machine.
    capabilities: Capabilities,
    /// Ports of an AHCI controller.
    ahci: Ahci,
    /// Streams of an audio codec: how many have come, and of those that play or record which have
    /// a number that their table of running ones does not have.
    audio: (usize, Option<u64>),
}

/// Numbers that streams of an audio codec may have: that of the output counts from the middle of a
/// table of 32 (`running_real`). The two others that are sent belong to nothing.
const RUNNING: [u64; 2] = [16, 32];

/// Names of run states over all releases (QAPI `RunState`).
const RUN_STATES: [&str; 17] = [
    "debug",
    "inmigrate",
    "internal-error",
    "io-error",
    "paused",
    "postmigrate",
    "prelaunch",
    "finish-migrate",
    "restore-vm",
    "running",
    "save-vm",
    "shutdown",
    "suspended",
    "watchdog",
    "guest-panicked",
    "colo",
    "preconfig",
];

/// `PL011_FIFO_DEPTH`.
const PL011_FIFO: i64 = 16;

/// `HF_GUEST_MASK`.
const GUEST_MODE: u64 = 1 << 21;

/// Sizes in `fw_cfg/acpi_mr`, and the blocks that get them.
const ACPI_BLOCKS: [(&str, &str); 3] = [
    ("table_mr_size", "/rom@etc/acpi/tables"),
    ("linker_mr_size", "/rom@etc/table-loader"),
    ("rsdp_mr_size", "/rom@etc/acpi/rsdp"),
];

/// Whether a description of this name may have a check, or something of it is remembered for one:
/// where this says no, none runs.
#[must_use]
pub fn has_check(vmsd: &str) -> bool {
    matches!(
        vmsd,
        "cpu"
            | "cpu/compat"
            | "cpu/wfxt-timer"
            | "ide_drive"
            | "ide_drive/pio_state"
            | "hda-audio-stream"
            | "hda-audio"
            | "ncq state"
            | "ahci port"
            | "ahci"
            | "serial/tsr"
            | "serial"
            | "e1000e"
            | "kvm-tpr-opt"
            | "fw_cfg/acpi_mr"
            | "globalstate"
            | "hpet"
            | "USBDevice"
            | "lsiscsi"
            | "pl011"
            | "spapr"
    ) || vmsd.starts_with(caps::SUBSECTION)
}

/// Sets what a pre-load hook presets, for fields that the section may not carry.
pub fn pre_load(vmsd: &Vmsd, values: &mut [u64]) {
    // hpet_pre_load (0.13 to 9.2): version 1 has no count and means three timers.
    if vmsd.name == "hpet" {
        for (field, value) in vmsd.fields.iter().zip(values) {
            if field.name == "num_timers" {
                *value = 3;
            }
        }
    }
}

/// What checks see beside the values just loaded.
pub struct CheckContext<'a> {
    /// Release of the loader.
    pub release: Version,
    /// Local values.
    pub local: &'a Local,
    /// The local value of an item of the current node.
    pub scalar: &'a dyn Fn(&str) -> Option<u64>,
    /// A byte of guest memory, of those that [`Guest`] keeps.
    pub guest: &'a dyn Fn(u64) -> u8,
}

impl std::fmt::Debug for CheckContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckContext").field("release", &self.release).finish_non_exhaustive()
    }
}

/// Whether the destination's own stream, if one is known, is without a subsection.
fn lacks(local: &Local, name: &str) -> bool {
    !local.sections.is_empty() && local.subsections.iter().all(|(_, own)| own != name)
}

/// Runs the check of a description, if it has one that can refuse in this release.
///
/// # Errors
/// The kind of refusal.
pub fn post_load(
    vmsd: &Vmsd,
    values: &[u64],
    state: &mut CheckState,
    context: &CheckContext<'_>,
) -> Result<(), Kind> {
    if !has_check(&vmsd.name) {
        return Ok(());
    }
    let CheckContext { release, local, scalar, guest } = *context;
    let from = |major, minor| release >= Version::new(major, minor, 0);
    let signed = |name: &str| i64::from(vmsd.value(values, name) as u32 as i32);
    let refuse = |text: String| Err(Kind::Check(text));
    match vmsd.name.as_str() {
        "cpu" if from(2, 10) && vmsd.value(values, "fpregs_format_vmstate") != 0 => {
            refuse("unsupported old non-softfloat CPU state".into())
        }
        "cpu/compat" => {
            state.model.compat = vmsd.value(values, "compat_pvr");
            Ok(())
        }
        // Of a PowerPC processor.
        "cpu" if vmsd.fields.iter().any(|f| f.name == "env.spr") => {
            std::mem::take(&mut state.model).check(release)
        }
        // The timer of FEAT_WFxT (target/arm/cpu.c, 9.1 on): a processor that has it sends it always,
        // and one that has it not is asked for its memory by an assertion.
        "cpu/wfxt-timer" if lacks(local, &vmsd.name) => {
            Err(Kind::Abort("a timer that the local processor does not have".into()))
        }
        // Of an ARM processor.
        "cpu" if vmsd.fields.iter().any(|f| f.name == "cpreg_vmstate_array_len") => {
            std::mem::take(&mut state.registers).check(release)
        }
        // cpu_post_load: a build with KVM (4.1 on, also where it emulates) wants a processor that is in
        // a nested guest to have the kernel's state of it, which no stream of an emulated one has.
        "cpu" if from(4, 1) && vmsd.value(values, "hflags") & GUEST_MODE != 0 => {
            refuse("a nested guest's flag is set, but there is no nested state".into())
        }
        cap if cap.starts_with(caps::SUBSECTION) => {
            if let [field] = &vmsd.fields[..] {
                let level = vmsd.value(values, &field.name);
                state.capabilities.came(vmsd, level, scalar(&field.name));
            }
            Ok(())
        }
        "spapr" => std::mem::take(&mut state.capabilities).check(),
        // The write cache of a drive that was identified is set from its identify data, whether
        // or not there is a drive (1.2 to 2.1). A drive without a medium behind it has the
        // signature of an absent device.
        "ide_drive"
            if from(1, 2)
                && !from(2, 2)
                && vmsd.value(values, "identify_set") != 0
                && scalar("lcyl") == Some(0xff)
                && scalar("hcyl") == Some(0xff) =>
        {
            Err(Kind::Abort("identify data for a drive that is not there".into()))
        }
        "ide_drive/pio_state" => {
            // The table has six entries; up to 0.15 the check let index 6 pass.
            let most = if from(1, 0) { 5 } else { 6 };
            let index = vmsd.value(values, "end_transfer_fn_idx");
            if index > most {
                refuse(format!("transfer function {index}, at most {most}"))
            } else {
                Ok(())
            }
        }
        "hda-audio-stream" => {
            let (come, beyond) = &mut state.audio;
            let number = vmsd.value(values, "stream");
            if RUNNING.get(*come).is_some_and(|most| number >= *most) {
                *beyond = beyond.or(Some(number));
            }
            *come += 1;
            Ok(())
        }
        // hda_audio_post_load looks up whether a stream runs by a number that it does not check.
        "hda-audio" => match std::mem::take(&mut state.audio) {
            (_, Some(number)) => {
                Err(Kind::Undefined(format!("stream {number}: past the table of running ones")))
            }
            _ => Ok(()),
        },
        "ncq state" => {
            state.ahci.transfer(vmsd, values);
            Ok(())
        }
        "ahci port" => {
            state.ahci.port(vmsd, values);
            Ok(())
        }
        "ahci" => state.ahci.whole(),
        "serial/tsr" => {
            state.tsr_retry = vmsd.value(values, "tsr_retry");
            Ok(())
        }
        // The wrapper of the ISA device has the same name but no registers of its own.
        "serial" if from(2, 7) && vmsd.fields.iter().any(|f| f.name == "lsr") => {
            let retry = std::mem::take(&mut state.tsr_retry);
            let empty = vmsd.value(values, "lsr") & 0x40 != 0;
            match (retry > 0, empty) {
                (true, true) => refuse(format!(
                    "inconsistent state in serial device (tsr empty, tsr_retry={retry})"
                )),
                (false, false) => refuse(
                    "inconsistent state in serial device (tsr not empty, tsr_retry=0)".into(),
                ),
                _ => Ok(()),
            }
        }
        // e1000e_post_load: the ids of the subsystem are properties, which a load does not set.
        "e1000e" => {
            let other = ["subsys", "subsys_ven"]
                .into_iter()
                .find(|name| scalar(name).is_some_and(|own| own != vmsd.value(values, name)));
            other.map_or(Ok(()), |name| refuse(format!("{name} is not that of the local device")))
        }
        // vapic_post_load (1.1 on): a state other than inactive, or one that an old qemu-kvm could not
        // tell from it, wants its option ROM in main memory, and the ROM has a length.
        "kvm-tpr-opt" => {
            let (state, place) =
                (vmsd.value(values, "state"), vmsd.value(values, "rom_state_paddr"));
            let Some((_, size)) = local.blocks.iter().find(|b| local::is_main(&b.0)) else {
                return Ok(());
            };
            let length = (place & !(Guest::BLOCK - 1)) + Guest::LENGTH;
            let usable = length < *size && guest(length) != 0;
            if (state == 0 && place == 0) || usable {
                Ok(())
            } else {
                refuse(format!("state {state} wants an option ROM at {place:#x}; none is there"))
            }
        }
        // fw_cfg_acpi_mr_restore_post_load (5.1 on) resizes three blocks to these sizes, and takes a
        // size that does not fit for a fault of the program.
        "fw_cfg/acpi_mr" => {
            let too_long = ACPI_BLOCKS.into_iter().find_map(|(field, block)| {
                let (_, own) = local.blocks.iter().find(|b| b.0 == block.as_bytes())?;
                let (size, most) =
                    (vmsd.value(values, field), local::max_length(block.as_bytes(), *own, release));
                (size > most).then(|| format!("{field} {size:#x}: {block} has at most {most:#x}"))
            });
            too_long.map_or(Ok(()), |text| Err(Kind::Abort(text)))
        }
        "globalstate" => {
            let name = c_string(&state.runstate);
            if RUN_STATES.iter().any(|known| known.as_bytes() == name) {
                Ok(())
            } else {
                refuse(format!("run state '{}' is not known", String::from_utf8_lossy(name)))
            }
        }
        "USBDevice" => {
            let (index, len) = (signed("setup_index"), signed("setup_len"));
            let early = release.is_stable_from(1, 7, 2) || (from(2, 0) && !from(2, 1));
            let wrong = if early {
                index < 0 || len < 0 || index >= 4096 || len >= 4096
            } else {
                from(2, 1) && !from(4, 0) && (index < 0 || len < 0 || index > len || len > 4096)
            };
            if wrong { refuse(format!("USB setup index {index}, length {len}")) } else { Ok(()) }
        }
        // pl011_post_load (8.0 on): where the next character is, and how many there are.
        "pl011" if from(8, 0) => {
            let (place, count) = (signed("read_pos"), signed("read_count"));
            if (0..PL011_FIFO).contains(&place) && (0..=PL011_FIFO).contains(&count) {
                Ok(())
            } else {
                refuse(format!("character {place} of {count}: the FIFO has {PL011_FIFO}"))
            }
        }
        "lsiscsi" if from(3, 1) && !(0..=8).contains(&signed("msg_len")) => {
            refuse(format!("message length {}, expected 0 to 8", signed("msg_len")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
