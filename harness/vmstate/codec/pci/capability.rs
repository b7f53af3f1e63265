//! Which bytes of PCI capabilities are compared: all but those that are writable or are cleared by a
//! write.
//!
//! Known from loads by 7.2.22, 10.0.13 and 11.1.3 of spaces in which one byte was turned over: a
//! binary that refuses says which bits it compares there (`get_pci_config_device`). Their answers
//! are in `compared.txt`, and a test compares these rules with them.

use super::space::{Mask, byte, capabilities, extended_capabilities, set};
use crate::dialect::Version;

/// Where a capability is not compared in full: offset in it, and the bits that are.
type Parts = &'static [(usize, u8)];

/// MSI: enable and queue size are writable, and the address but for its alignment; the data is.
const MSI: Parts = &[(2, 0x8e), (4, 0x03)];
/// MSI-X: enable and function mask are writable.
const MSIX: Parts = &[(3, 0x3f)];
/// Power management: the state is writable, for some devices also what wakes them and what their
/// data register shows.
const POWER: Parts = &[(4, 0xfc), (5, 0x60)];
/// PCI Express, first version: the link's state is not compared.
const EXPRESS_1: Parts = &[(0x12, 0), (0x13, 0)];
/// Second version: a prefix may be enabled.
const EXPRESS_2: Parts = &[(0x12, 0), (0x13, 0), (0x29, 0x7f)];
/// The same of a port: error reports, slot and root control, forwarding.
const PORT: Parts = &[
    (0x08, 0xf0),
    (0x0a, 0xf0),
    (0x12, 0),
    (0x13, 0),
    (0x18, 0x06),
    (0x19, 0xf0),
    (0x1a, 0xe6),
    (0x1c, 0xf8),
    (0x28, 0xdf),
    (0x29, 0x7f),
];
/// Whether something is in the slot of a port (slot status), which 8.1 and later do not compare.
const PRESENT: (usize, u8) = (0x1a, 0x40);
const NO_PRESENT: Version = Version::new(8, 1, 0);
/// Advanced error reporting: states are cleared, severity and masks are writable.
const ERRORS: Parts = &[
    (0x04, 0xcf),
    (0x05, 0x0f),
    (0x06, 0),
    (0x07, 0xfc),
    (0x0c, 0xcf),
    (0x0d, 0x0f),
    (0x0e, 0),
    (0x0f, 0xfc),
    (0x10, 0x3e),
    (0x11, 0x0e),
    (0x14, 0x3e),
    (0x15, 0x0e),
    (0x18, 0xbf),
    (0x19, 0xfe),
];
/// What of it ports have besides: several headers, and what was reported to a root.
const ROOT_ERRORS: Parts = &[(0x19, 0xfa), (0x2c, 0xf8), (0x30, 0x80), (0x33, 0x07)];
/// Access control services: the control word.
const ACCESS: Parts = &[(6, 0xa0)];
/// Address translation services (`pcie_ats_init`); of the control word enable and unit of translation are writable, as
/// 7.2.22 showed.
pub const TRANSLATION: u16 = 0x0f;
const TRANSLATED: Parts = &[(6, 0xf0), (7, 0x7f)];

/// Types of PCI Express ports: root, and those of a switch.
const PORTS: [u8; 3] = [4, 5, 6];

/// The bytes that are compared of the capability at `at`.
pub fn compared(mask: &mut Mask, local: &[u8], at: usize, release: Version) {
    let version = byte(local, at + 2) & 0x0f;
    match byte(local, at) {
        0x01 => whole(mask, at, 8, POWER),
        0x05 => whole(mask, at, 5, MSI),
        0x09 => virtio(mask, local, at),
        // The subsystem of a bridge.
        0x0d => whole(mask, at, 8, &[]),
        0x10 if version < 2 => whole(mask, at, 0x14, EXPRESS_1),
        0x10 if is_port(local, at) => {
            whole(mask, at, 0x3c, PORT);
            if release >= NO_PRESENT {
                let (slot, bit) = PRESENT;
                limit(mask, at + slot, !bit);
            }
        }
        0x10 => whole(mask, at, 0x3c, EXPRESS_2),
        0x11 => whole(mask, at, 12, MSIX),
        _ => whole(mask, at, 2, &[]),
    }
}

/// The same of all extended capabilities, which conventional spaces do not have.
pub fn extended(mask: &mut Mask, local: &[u8]) {
    let port = capabilities(local).any(|at| byte(local, at) == 0x10 && is_port(local, at));
    for (id, at) in extended_capabilities(local) {
        match id {
            0x01 => {
                whole(mask, at, 0x48, ERRORS);
                ROOT_ERRORS
                    .iter()
                    .filter(|_| port)
                    .for_each(|(i, bits)| limit(mask, at + i, *bits));
            }
            // A serial number.
            0x03 => whole(mask, at, 12, &[]),
            0x0d => whole(mask, at, 8, ACCESS),
            TRANSLATION => whole(mask, at, 8, TRANSLATED),
            _ => whole(mask, at, 4, &[]),
        }
    }
}

/// Whether the PCI Express capability at `at` is that of a port.
fn is_port(local: &[u8], at: usize) -> bool {
    PORTS.contains(&(byte(local, at + 2) >> 4))
}

/// No more than these bits.
fn limit(mask: &mut Mask, at: usize, bits: u8) {
    if let Some(place) = mask.get_mut(at) {
        *place &= bits;
    }
}

/// A capability of so many bytes, compared but for some parts.
fn whole(mask: &mut Mask, at: usize, len: usize, parts: Parts) {
    for i in 0..len {
        let bits = parts.iter().find(|(part, _)| *part == i).map_or(0xff, |(_, bits)| *bits);
        set(mask, at + i, bits);
    }
}

/// All but the window of the configuration access capability (type 5).
fn virtio(mask: &mut Mask, local: &[u8], at: usize) {
    let len = usize::from(byte(local, at + 2)).max(2);
    let window = byte(local, at + 3) == 5;
    for i in (0..len).filter(|i| !window || (*i < 8 && *i != 4)) {
        set(mask, at + i, 0xff);
    }
}
