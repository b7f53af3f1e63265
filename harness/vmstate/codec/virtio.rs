//! virtio devices (codecs 3.2 to 3.7): the entry points, and the order of the parts.
//!
//! ```text
//! common part -> device part -> from 2.1 on: subsections of the description `virtio`
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `transport` | what a device is on: PCI, a channel, memory |
//! | `common` | transport, features, configuration, queues |
//! | `net`, `blk`, `balloon`, `serial` | the device parts |
//! | `net_queues` | queues of `net` that are made as the stream has them |
//! | `gpu` | the second field of virtio-gpu |
//! | `items` | items and descriptions as every part sends them |
//! | `iommu` | domains of virtio-iommu |
//! | `mem` | sizes and blocks of virtio-mem |
//! | `tables`, `descriptions` | descriptions that no importer sees, because hand-written code reaches them |
//!
//! Item names are the same in every release, whatever its code calls them, so that maps of two
//! releases can be compared. Checks that read guest memory or host features cannot be decided
//! from a stream and pass here: features that the host does not offer, and queue indices against
//! the rings.

mod balloon;
mod blk;
mod common;
mod descriptions;
pub mod gpu;
mod iommu;
mod items;
mod mem;
mod net;
mod net_queues;
mod serial;
mod tables;
#[cfg(test)]
mod tests;
mod transport;

use std::ops::RangeInclusive;

use super::super::compile::Target;
use super::super::compiled::Set;
use super::super::flow::Flow;
use super::super::progress::Walk;
use crate::dialect::Version;
use crate::wire::{Kind, Result};

use items::{described, from};

pub use descriptions::descriptions;

/// A device whose part is modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    Net,
    Blk,
    Balloon,
    Serial,
    /// No part of its own, as of -rng, -input, -9p, -rtc; of -scsi, whose requests are in its disks; of
    /// -gpu, whose resources are in a field of their own; of
    /// vhost-user-blk and vhost-vsock. With its version.
    Plain(u32),
    Mem,
    /// Domains, and whether requests bypass them.
    Iommu,
}

impl Device {
    /// By the last part of the section's name.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "virtio-net" => Device::Net,
            "virtio-blk" => Device::Blk,
            "virtio-balloon" => Device::Balloon,
            "virtio-console" => Device::Serial,
            "virtio-rng" | "virtio-scsi" | "virtio-gpu" | "virtio-input" => Device::Plain(1),
            "virtio-9p" | "virtio-rtc" | "vhost-user-blk" => Device::Plain(1),
            "virtio-vhost_vsock" => Device::Plain(0),
            "virtio-mem" => Device::Mem,
            "virtio-iommu" => Device::Iommu,
            _ => return None,
        })
    }

    /// Section versions that the hand-written loader of a release takes.
    fn versions(self, release: Version) -> RangeInclusive<u32> {
        match self {
            Device::Net => 2..=11,
            Device::Blk => 2..=2,
            Device::Plain(version_id) => version_id..=version_id,
            Device::Balloon | Device::Mem => 1..=1,
            Device::Iommu if release < Version::new(7, 0, 0) => 1..=1,
            Device::Iommu => 2..=2,
            Device::Serial if release < Version::new(0, 13, 0) => 1..=1,
            Device::Serial if release < Version::new(0, 14, 0) => 0..=2,
            Device::Serial => 0..=3,
        }
    }
}

/// Adds the descriptions that this codec needs to a destination's set.
///
/// # Errors
/// A description that refers to one that is not there: its key. Never for the built-in ones.
pub fn add_descriptions(set: &mut Set, target: &Target<'_>) -> std::result::Result<(), String> {
    let tables = descriptions(target.release);
    tables.vmsd.keys().try_for_each(|key| set.add(&tables, key, target).map(|_| ()))
}

/// The description whose subsections every virtio device sends, in a destination's set.
#[must_use]
pub fn described_parts(set: &Set) -> Option<usize> {
    set.index_of(tables::VIRTIO)
}

/// The single field `virtio` of a section description (2.8 on): the whole of a device.
///
/// # Errors
/// The reader's, a failed check, or [`Kind::Undetermined`] for a device that is not modelled.
pub fn device<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<u64> {
    let device = known(walk)?;
    // The description takes the newest version only.
    let version_id = *device.versions(walk.context.release).end();
    parts(walk, device, version_id)?;
    Ok(0)
}

/// A section with a hand-written loader (up to 2.7), which checks the section's version itself.
///
/// # Errors
/// The reader's, a failed check, or [`Kind::Undetermined`] for a device that is not modelled.
pub fn section<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, version_id: u32) -> Result<()> {
    let device = known(walk)?;
    let versions = device.versions(walk.context.release);
    let vmsd = || walk.device.to_string();
    let kind = if version_id > *versions.end() {
        Kind::VersionTooNew { vmsd: vmsd(), version_id, supported: *versions.end() }
    } else if version_id < *versions.start() {
        Kind::VersionTooOld { vmsd: vmsd(), version_id, minimum: *versions.start() }
    } else {
        return parts(walk, device, version_id);
    };
    Err(walk.fail(kind, ""))
}

fn known<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<Device> {
    let name = walk.device;
    Device::of(name).ok_or_else(|| walk.unmodelled(&format!("virtio ({name})")))
}

fn parts<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    device: Device,
    version_id: u32,
) -> Result<()> {
    let common = common::transfer(walk)?;
    match device {
        Device::Net => net::transfer(walk, &common, version_id)?,
        Device::Blk => blk::transfer(walk, &common)?,
        Device::Balloon => balloon::transfer(walk)?,
        Device::Serial => serial::transfer(walk, version_id)?,
        Device::Mem => mem::transfer(walk)?,
        Device::Iommu => iommu::transfer(walk, version_id)?,
        Device::Plain(_) => {}
    }
    if from(walk, 2, 1) {
        described(walk, transport::of(walk).parts())?;
    }
    if device == Device::Net {
        net::late_offloads(walk, &common)?;
        net::check(walk, &common)?;
    }
    Ok(())
}
