//! Value checks of post-load functions that refuse (codecs 5.1), by description name.
//!
//! Checks that read guest memory or host features are not decidable from a stream and are not
//! here. The others see the values just loaded.

use super::compile::Vmsd;
use super::flow::c_string;
use crate::dialect::Version;
use crate::wire::Kind;

/// What a later check needs from an earlier description of the same section.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// `serial/tsr`: `tsr_retry`; 0 when the subsection is absent.
    tsr_retry: u64,
    /// `globalstate`: the start of its text, longer than any name.
    pub runstate: [u8; 32],
    /// PCI configuration space: MSI-X vectors of the local device, or of the received space where
    /// the local one is not known.
    pub msix_vectors: u64,
}

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

/// The value of the field whose name is or ends with `.name`; 0 if there is none.
#[must_use]
pub fn value(vmsd: &Vmsd, values: &[u64], name: &str) -> u64 {
    vmsd.fields
        .iter()
        .zip(values)
        .filter(|(f, _)| {
            f.name == name || f.name.strip_suffix(name).is_some_and(|head| head.ends_with('.'))
        })
        .map(|(_, v)| *v)
        .next_back()
        .unwrap_or(0)
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

/// Runs the check of a description, if it has one that can refuse in this release.
///
/// # Errors
/// The kind of refusal.
pub fn post_load(
    vmsd: &Vmsd,
    release: Version,
    values: &[u64],
    memory: &mut Memory,
    local: impl Fn(&str) -> Option<u64>,
) -> Result<(), Kind> {
    let from = |major, minor| release >= Version::new(major, minor, 0);
    let signed = |name: &str| i64::from(value(vmsd, values, name) as u32 as i32);
    let refuse = |text: String| Err(Kind::Check(text));
    match vmsd.name.as_str() {
        "cpu" if from(2, 10) && value(vmsd, values, "fpregs_format_vmstate") != 0 => {
            refuse("unsupported old non-softfloat CPU state".into())
        }
        // The write cache of a drive that was identified is set from its identify data, whether
        // or not there is a drive (1.2 to 2.1). A drive without a medium behind it has the
        // signature of an absent device.
        "ide_drive"
            if from(1, 2)
                && !from(2, 2)
                && value(vmsd, values, "identify_set") != 0
                && local("lcyl") == Some(0xff)
                && local("hcyl") == Some(0xff) =>
        {
            Err(Kind::Abort("identify data for a drive that is not there".into()))
        }
        "ide_drive/pio_state" => {
            // The table has six entries; up to 0.15 the check let index 6 pass.
            let most = if from(1, 0) { 5 } else { 6 };
            let index = value(vmsd, values, "end_transfer_fn_idx");
            if index > most {
                refuse(format!("transfer function {index}, at most {most}"))
            } else {
                Ok(())
            }
        }
        "serial/tsr" => {
            memory.tsr_retry = value(vmsd, values, "tsr_retry");
            Ok(())
        }
        // The wrapper of the ISA device has the same name but no registers of its own.
        "serial" if from(2, 7) && vmsd.fields.iter().any(|f| f.name == "lsr") => {
            let retry = std::mem::take(&mut memory.tsr_retry);
            let empty = value(vmsd, values, "lsr") & 0x40 != 0;
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
        "globalstate" => {
            let name = c_string(&memory.runstate);
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
        "lsiscsi" if from(3, 1) && !(0..=8).contains(&signed("msg_len")) => {
            refuse(format!("message length {}, expected 0 to 8", signed("msg_len")))
        }
        _ => Ok(()),
    }
}
