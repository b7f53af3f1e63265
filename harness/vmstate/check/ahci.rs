//! `ahci_state_post_load` (2.4 on): what a port and its queued transfers must be like.
//!
//! The check is that of the whole controller: it refuses after the last field of it, whatever port
//! it was.

use crate::vmstate::compiled::Vmsd;
use crate::wire::Kind;

/// The port's command engine is to run, it runs; the same of its receive engine.
const START: u64 = 1;
const LIST_ON: u64 = 1 << 15;
const FIS_RX: u64 = 1 << 4;
const FIS_ON: u64 = 1 << 14;

/// ATA commands that are queued.
const QUEUED: [u64; 5] = [0x60, 0x61, 0x63, 0x64, 0x65];

/// Commands that a port can have.
const SLOTS: i64 = 32;

/// What was seen of a controller that is being loaded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ahci {
    /// What the controller is refused for.
    wrong: Option<&'static str>,
    /// Whether a transfer of the present port is halted.
    halted: bool,
    /// Whether one is that has a list in guest memory.
    listed: bool,
}

impl Ahci {
    /// A queued transfer (`ncq state`).
    pub fn transfer(&mut self, vmsd: &Vmsd, values: &[u64]) {
        let of = |name| vmsd.value(values, name);
        let halted = of("halt") != 0;
        self.halted |= halted;
        let wrong = match () {
            () if (of("used") != 0) != halted => "a queued transfer is in use and not halted",
            () if !halted => return,
            () if !QUEUED.contains(&of("cmd")) => "a halted transfer's command is not queued",
            () if of("slot") != of("tag") => "a halted transfer's slot is not its tag",
            () => return,
        };
        self.wrong = self.wrong.or(Some(wrong));
    }

    /// A port (`ahci port`), after its transfers.
    pub fn port(&mut self, vmsd: &Vmsd, values: &[u64]) {
        let cmd = vmsd.value(values, "cmd");
        let busy = i64::from(vmsd.value(values, "busy_slot") as u32 as i32);
        let halted = std::mem::take(&mut self.halted);
        let on = |bit: u64| cmd & bit != 0;
        self.listed |= halted && on(START);
        let wrong = match () {
            () if on(LIST_ON) && !on(START) => "a port's command engine runs, but should not",
            () if on(FIS_ON) && !on(FIS_RX) => "a port's receive engine runs, but should not",
            () if halted && !on(START) => "a halted transfer's port does not run",
            () if !(-1..SLOTS).contains(&busy) => "a port is busy with a slot that is none",
            () => return,
        };
        self.wrong = self.wrong.or(Some(wrong));
    }

    /// The controller (`ahci`), after its ports.
    ///
    /// # Errors
    /// What was wrong with any of them.
    pub fn whole(&mut self) -> Result<(), Kind> {
        match std::mem::take(self) {
            Ahci { wrong: Some(wrong), .. } => Err(Kind::Check(wrong.into())),
            Ahci { listed: true, .. } => {
                Err(Kind::Undetermined("a halted transfer's list is in guest memory".into()))
            }
            Ahci { .. } => Ok(()),
        }
    }
}
