//! The device part of virtio-iommu (`vmstate_virtio_iommu_device`, 5.0 on): a tree of domains, and from
//! version 2 (7.0) on whether requests of no domain pass.

use super::super::super::flow::Flow;
use super::super::super::progress::Walk;
use super::items::{scalar, within};
use crate::wire::{Kind, Result};

/// First version with the flag.
const BYPASS: u32 = 2;

/// Transfers the device part.
///
/// # Errors
/// The reader's; [`Kind::Undetermined`] for a domain, which trees and a list are in: no stream with
/// one was seen.
pub fn transfer<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, version_id: u32) -> Result<()> {
    within(walk, "iommu", None, |walk| {
        scalar(walk, "domains", 4)?;
        if scalar(walk, "more", 1)? != 0 {
            return Err(walk.fail(Kind::Undetermined("domains of virtio-iommu".into()), "domains"));
        }
        if version_id >= BYPASS {
            scalar(walk, "config.bypass", 1)?;
        }
        Ok(())
    })
}
