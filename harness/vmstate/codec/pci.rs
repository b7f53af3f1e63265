//! PCI configuration space and interrupt pins (codecs 2.1, 3.1).
//!
//! A loader compares the received configuration with its own: vendor, device, revision, class,
//! header type, the capability-list bit and pointer, the type bits of BARs, and capabilities
//! apart from what they make writable (`capability.rs`). The rest is taken over. The local
//! configuration is the one in the destination's own fixture. Of a BAR, the bits below its size are
//! compared; sizes are not on the wire, so `BAR_SIZES` has those of the usual devices.

mod capability;
mod space;

use super::super::flow::{Flow, Name};
use super::super::progress::Walk;
use crate::dialect::Version;
use crate::wire::{Fault, Kind, Result, planted};
pub use capability::TRANSLATION;
use space::{CAPABILITY_POINTER, EXPRESS, Mask, STATUS, STATUS_CAPABILITIES, byte, set};
pub use space::{capabilities, extended_capabilities, msix_vectors};

/// Size of conventional configuration space.
pub const CONVENTIONAL: usize = 256;
/// The part of an Express space behind the conventional one, where it is an item of its own.
pub const EXTENDED: &str = "extended_config";
/// The capability of PCI Express.
const EXPRESS_CAPABILITY: u8 = 0x10;

/// Bytes of a header that are compared in full.
const HEADER: [usize; 9] = [0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b, 0x0e];
const HEADER_TYPE: usize = 0x0e;
/// The header type of a bridge.
const BRIDGE: u8 = 1;
const BARS: usize = 0x10;

/// Sizes of BARs by device: those that are the same in every release. For another device only the
/// type bits of a BAR that is not all zero are compared.
const BAR_SIZES: [(&str, usize, u32); 14] = [
    ("ide", 4, 0x10),
    ("uhci", 4, 0x20),
    ("e1000", 0, 0x2_0000),
    ("e1000", 1, 0x40),
    ("rtl8139", 0, 0x100),
    ("rtl8139", 1, 0x100),
    ("pcnet", 0, 0x20),
    ("pcnet", 1, 0x20),
    ("ne2000", 0, 0x100),
    ("lsiscsi", 0, 0x100),
    ("lsiscsi", 1, 0x400),
    ("lsiscsi", 2, 0x2000),
    ("cirrus_vga", 0, 0x200_0000),
    ("cirrus_vga", 1, 0x1000),
];

/// Transfers configuration space of `size` bytes and compares it with the local one. Leaves the
/// number of MSI-X vectors in the walk's memory. A size of 0 stands for that of a device which is an
/// Express one only behind a port: 256 bytes, and the rest of 4096 where it has that capability
/// (`virtio_pci_realize` takes it away elsewhere).
///
/// # Errors
/// The reader's, or [`Kind::PciConfig`] at the first compared byte that differs.
pub fn config<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    name: Name<'d>,
    size: u64,
) -> Result<u64> {
    let at = walk.flow.offset();
    let mut space = [0u8; EXPRESS];
    let size = size.saturating_sub(u64::from(planted(Fault::PciConfigShort)));
    let len = usize::try_from(size).unwrap_or(EXPRESS).min(EXPRESS);
    let len = if size == 0 { CONVENTIONAL } else { len };
    let Some(received) = space.get_mut(..len) else { return Ok(0) };
    walk.flow.buffer(name, received)?;
    let mut item = |name: &str| {
        let identity = walk.flow.map_mut().identity(name);
        walk.context.local.bytes(identity)
    };
    let (local, rest) = (item(name.canonical), item(EXTENDED));
    let express = match local {
        Some(_) => rest.is_some(),
        None => capabilities(received).any(|at| byte(received, at) == EXPRESS_CAPABILITY),
    };
    let extended = size == 0 && express;
    if let (true, Some(received)) = (extended, space.get_mut(len..)) {
        walk.flow.buffer(Name::plain(EXTENDED, name.info), received)?;
    }
    let local = local.map(|local| [local, rest.filter(|_| extended).unwrap_or(&[])].concat());
    walk.checks.msix_vectors = msix_vectors(local.as_deref().unwrap_or(&space));
    let Some(local) = local.filter(|_| walk.flow.loads()) else { return Ok(0) };
    let mask = compared(&local, walk.device, walk.context.release);
    for (i, ((own, got), mask)) in local.iter().zip(space.iter()).zip(&mask).enumerate() {
        if (own ^ got) & mask != 0 {
            let kind = Kind::PciConfig { at: i as u32, received: *got, local: *own };
            return Err(walk.flow.fail(kind, at, name.shown));
        }
    }
    Ok(0)
}

/// Transfers the four interrupt pins.
///
/// # Errors
/// The reader's, or a pin that is neither 0 nor 1; the words after it stay unread.
pub fn irq_state<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, name: Name<'d>) -> Result<u64> {
    for pin in 0..4 {
        let at = walk.flow.offset();
        let (level, outcome) = walk.flow.compared(name, 4);
        if level > 1 && walk.flow.loads() {
            let kind = Kind::Check(format!("irq state {pin} is {level:#x}: must be 0 or 1"));
            return Err(walk.flow.fail(kind, at, name.shown));
        }
        outcome?;
    }
    Ok(0)
}

/// Transfers MSI-X state: the table of vectors, and the bits of those that are pending. How many
/// there are is in the configuration space that came before; a device without the capability sends
/// nothing.
///
/// # Errors
/// The reader's.
pub fn msix<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    [table, pending]: [Name<'d>; 2],
) -> Result<()> {
    let vectors = walk.checks.msix_vectors;
    walk.flow.bytes(table, 16 * vectors)?;
    walk.flow.bytes(pending, vectors.div_ceil(8))
}

/// What a device compares that has this space.
fn compared(local: &[u8], device: &str, release: Version) -> Mask {
    let mut mask = [0u8; EXPRESS];
    for at in HEADER {
        set(&mut mask, at, 0xff);
    }
    set(&mut mask, STATUS, STATUS_CAPABILITIES);
    set(&mut mask, CAPABILITY_POINTER, 0xff);
    let mut bar = 0;
    // Behind its two a bridge has the numbers of its buses, which whoever sets it up writes.
    let bars = if byte(local, HEADER_TYPE) & 0x7f == BRIDGE { 2 } else { 6 };
    while bar < bars {
        let at = BARS + 4 * bar;
        let low = byte(local, at);
        let known = BAR_SIZES.iter().find(|(name, index, _)| *name == device && *index == bar);
        // A BAR that is all zero may not be implemented, and then nothing is compared.
        if let Some((_, _, size)) = known {
            for (i, bits) in (size - 1).to_le_bytes().into_iter().enumerate() {
                set(&mut mask, at + i, bits);
            }
        } else if low & 1 != 0 {
            set(&mut mask, at, 0x03);
        } else if low & 0x0e != 0 {
            set(&mut mask, at, 0x0f);
        }
        bar += if low & 0x07 == 0x04 { 2 } else { 1 };
    }
    if byte(local, STATUS) & STATUS_CAPABILITIES != 0 {
        for at in capabilities(local) {
            capability::compared(&mut mask, local, at, release);
        }
        capability::extended(&mut mask, local);
    }
    mask
}

#[cfg(test)]
mod tests;
