//! Leaf codecs: what one element of a field is on the wire (codecs 2), and the hand-written
//! formats behind some of them.
//!
//! | file | holds |
//! | --- | --- |
//! | [`clock`] | the clock of s390x |
//! | `cpreg` | registers of ARM and PowerPC processors that are looked at in the end |
//! | [`pci`] | configuration space and interrupt pins |
//! | `scsi` | requests in flight of a SCSI device |
//! | `usb_redir` | lists of a redirected USB device |
//! | [`slirp`] | the user-mode network |
//! | [`virtio`] | the common part of a virtio device, and where its device part comes |

pub mod clock;
mod cpreg;
pub mod pci;
mod scsi;
pub mod slirp;
#[cfg(test)]
mod tests;
mod usb_redir;
pub mod virtio;

use super::check::cpreg::List;
use super::compiled::Codec;
use super::flow::{Flow, Name};
use super::progress::Walk;
use crate::dialect::Version;
use crate::wire::{Fault, Kind, Result, planted};

/// Transfers `count` elements of `size` bytes each. Returns the value of the last one, for counts
/// and predicates.
///
/// # Errors
/// The reader's, a failed check, or [`Kind::Undetermined`] for a codec that is not modelled.
pub fn leaf<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    codec: Codec,
    name: Name<'d>,
    size: u64,
    count: u64,
) -> Result<u64> {
    match codec {
        Codec::Plain(width) if walk.device == "cpu" => {
            if let Some(list) = List::of(name.shown).filter(|_| width == 8) {
                return cpreg::list(walk, list, name, count);
            }
            if name.shown == "env.spr" {
                return cpreg::special(walk, name, width, count);
            }
            if name.shown == "wfxt_timer" {
                cpreg::timer(walk, name)?;
            }
            walk.flow.scalars(name, width, count)
        }
        Codec::Plain(width) => walk.flow.scalars(name, width, count),
        Codec::Pair => walk.flow.scalars(name, 8, count.saturating_mul(2)),
        Codec::Fpreg => fpregs(walk, name, count).map(|()| 0),
        Codec::Buffer if walk.device == "globalstate" && name.shown == "runstate" => {
            let mut head = [0u8; 32];
            let len = head.len().min(usize::try_from(size).unwrap_or(0));
            if let Some(head) = head.get_mut(..len) {
                walk.flow.buffer(name, head)?;
            }
            walk.checks.runstate = head;
            // Up to 8.2 the text has 100 bytes; the names fill 32 at most. 9.0 put two flags
            // behind them, which old sources send as zeros.
            let mut left = size - len as u64;
            for (canonical, len) in
                [("has_vm_was_suspended", 1), ("vm_was_suspended", 1), ("unused", u64::MAX)]
            {
                walk.flow.bytes(Name { canonical, ..name }, left.min(len))?;
                left -= left.min(len);
            }
            Ok(0)
        }
        Codec::Buffer | Codec::Unused => {
            walk.flow.bytes(name, count.saturating_mul(size)).map(|()| 0)
        }
        Codec::Bitmap => {
            let short = if planted(Fault::BitmapFloor) { 63.min(size) } else { 0 };
            let words = (size - short).div_ceil(64);
            walk.flow.scalars(name, 8, count.saturating_mul(words))
        }
        Codec::NullPointer | Codec::PointerMarker => {
            for _ in 0..count {
                let at = walk.flow.offset();
                match walk.flow.compared(name, 1) {
                    (0x30, outcome) => outcome?,
                    (0x31, outcome) if codec == Codec::PointerMarker => outcome?,
                    (_, Err(e)) if !walk.flow.loads() => return Err(e),
                    (found, _) => {
                        let expected = match codec {
                            Codec::PointerMarker => "0x30 or 0x31",
                            _ => "0x30",
                        };
                        let kind = Kind::BadMarker { found: found as u8, expected };
                        return Err(walk.flow.fail(kind, at, name.shown));
                    }
                }
            }
            Ok(0)
        }
        Codec::Capability => {
            let len = walk.flow.scalars(name, 1, 1)?;
            walk.flow.bytes(name, len).map(|()| 0)
        }
        Codec::ByteArray => {
            let len = walk.flow.scalars(name, 4, 1)?;
            walk.flow.bytes(name, len).map(|()| 0)
        }
        Codec::Msix => pci::msix(walk, [name, name]).map(|()| 0),
        Codec::VirtioGpu => virtio::gpu::transfer(walk).map(|()| 0),
        Codec::EmptyList => match walk.flow.scalars(name, 1, 1)? {
            0 => Ok(0),
            _ => Err(walk.unmodelled(name.info)),
        },
        Codec::ScsiRequests => scsi::requests(walk).map(|()| 0),
        Codec::UsbPackets => usb_redir::packets(walk).map(|()| 0),
        Codec::UsbIds => usb_redir::ids(walk).map(|()| 0),
        Codec::Equal(_)
        | Codec::LessOrEqual
        | Codec::PciConfig
        | Codec::PciIrqState
        | Codec::Virtio => {
            let mut value = 0;
            for _ in 0..count {
                value = match codec {
                    Codec::Equal(width) => equal(walk, name, width)?,
                    Codec::LessOrEqual => less_or_equal(walk, name)?,
                    Codec::PciConfig => pci::config(walk, name, size)?,
                    Codec::PciIrqState => pci::irq_state(walk, name)?,
                    _ => virtio::device(walk)?,
                };
            }
            Ok(value)
        }
        Codec::Unknown => Err(walk.unmodelled(name.info)),
    }
}

/// x87 registers: mantissa and sign with exponent. From 2.10 on a description of its own.
fn fpregs<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, name: Name<'d>, count: u64) -> Result<()> {
    for i in 0..u32::try_from(count).unwrap_or(u32::MAX) {
        walk.flow.map_mut().enter(name.shown, name.canonical, Some(i));
        walk.flow.scalars(Name::plain("tmp_mant", "uint64"), 8, 1)?;
        walk.flow.scalars(Name::plain("tmp_exp", "uint16"), 2, 1)?;
        walk.flow.map_mut().leave();
    }
    Ok(())
}

/// A scalar that must be what the destination has.
fn equal<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, name: Name<'d>, width: u32) -> Result<u64> {
    let at = walk.flow.offset();
    // "int32 equal" is also the printed name of the less-or-equal codec up to 1.7.1 (codecs,
    // trap 4); the PCI version field is the only one that uses it.
    let reversed = name.shown == "version_id" && name.info == "int32 equal";
    let local = walk.local_value(name.canonical);
    let (received, outcome) = walk.flow.compared(name, width);
    let local = match local {
        Some(local) if walk.flow.loads() => local,
        _ => return outcome.map(|()| received),
    };
    let fits =
        if reversed { local as u32 as i32 <= received as u32 as i32 } else { local == received };
    if fits {
        outcome.map(|()| received)
    } else {
        Err(walk.flow.fail(Kind::NotEqual { received, local }, at, name.shown))
    }
}

/// be32 that must not exceed what the destination has.
fn less_or_equal<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, name: Name<'d>) -> Result<u64> {
    let at = walk.flow.offset();
    let local = walk.local_value(name.canonical);
    let (received, outcome) = walk.flow.compared(name, 4);
    let local = match local {
        Some(local) if walk.flow.loads() => local as u32 as i32,
        _ => return outcome.map(|()| received),
    };
    let value = received as u32 as i32;
    // 2.0.0 had the sense right but let negative values pass.
    let negative_passes = walk.context.release == Version::new(2, 0, 0)
        || walk.context.release == Version::new(2, 0, 1);
    if value <= local && (value >= 0 || negative_passes) {
        outcome.map(|()| received)
    } else {
        let kind = Kind::NotLessOrEqual { received: value.into(), local: local.into() };
        Err(walk.flow.fail(kind, at, name.shown))
    }
}
