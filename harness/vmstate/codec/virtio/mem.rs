//! The device part of virtio-mem (`vmstate_virtio_mem_device`, 5.1 on): what both sides must be
//! configured alike, sizes, and a bit for each block of memory that is plugged.
//!
//! Machine types from 8.0 on send the first and the bits before guest memory, in a section of their own
//! (`x-early-migration`, off in `hw_compat_7_2`).

use super::super::super::flow::Flow;
use super::super::super::progress::Walk;
use super::items::{from, scalar, within};
use crate::dialect::Generation;
use crate::wire::{Kind, Result};

/// Machine types that send the better part in a section of its own.
const EARLY: Generation = Generation::new(8, 0);
/// Blocks of the largest device that is looked at: of 2 MiB, 16 TiB.
const MOST: u64 = 1 << 23;

/// Transfers the device part.
///
/// # Errors
/// The reader's; [`Kind::Undetermined`] for sizes that make no number of blocks.
pub fn transfer<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<()> {
    within(walk, "mem", None, |walk| {
        let early = from(walk, 8, 0) && walk.context.generation.is_none_or(|g| g >= EARLY);
        let mut blocks = 0;
        if !early {
            scalar(walk, "addr", 8)?;
            let region = scalar(walk, "region_size", 8)?;
            let block = scalar(walk, "block_size", 8)?;
            scalar(walk, "node", 4)?;
            blocks = region.checked_div(block).unwrap_or(u64::MAX);
        }
        scalar(walk, "usable_region_size", 8)?;
        if !early {
            scalar(walk, "size", 8)?;
        }
        scalar(walk, "requested_size", 8)?;
        if blocks > MOST {
            let what = format!("{blocks} blocks of virtio-mem");
            return Err(walk.fail(Kind::Undetermined(what), "bitmap"));
        }
        for _ in 0..blocks.div_ceil(64) {
            scalar(walk, "bitmap", 8)?;
        }
        Ok(())
    })
}
