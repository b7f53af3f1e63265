//! The device part of virtio-net (codecs 3.3).
//!
//! From 2.9 on it is a description with four kinds of description inside, each with a look-ahead
//! for subsections of its own; the bytes are those of the hand-written loaders before.

use super::super::super::flow::{Flow, Name};
use super::super::super::progress::Walk;
use super::common::{Common, Order};
use super::items::{compared, described, from, refuse_if, scalar, within};
use super::{net_queues, tables};
use crate::dialect::Version;
use crate::wire::{Kind, Result};

/// Guest feature: offloads can be changed at run time.
const CTRL_GUEST_OFFLOADS: u64 = 1 << 2;
/// Where configuration space has the number of queue pairs, le16.
const QUEUE_PAIRS: std::ops::Range<usize> = 8..10;
/// Bytes of the VLAN bitmap.
const VLANS: u64 = 512;
const MAC: u64 = 6;
/// Transfers the device part as of section version `version_id`.
///
/// # Errors
/// The reader's, or a failed check.
pub fn transfer<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    common: &Common,
    version_id: u32,
) -> Result<()> {
    within(walk, "net", None, |walk| {
        walk.flow.bytes(Name::plain("mac", "buffer"), MAC)?;
        waiting(walk, 0)?;
        scalar(walk, "mergeable_rx_bufs", 4)?;
        if version_id >= 3 {
            scalar(walk, "status", 2)?;
        }
        filters(walk, version_id)?;
        peer(walk, version_id)?;
        queue_pairs(walk, common)?;
        if !reads_offloads_late(walk) {
            offloads(walk, common)?;
        }
        look_ahead(walk, tables::NET)
    })
}

/// What the loaders of 2.4 to 2.6 read behind the subsections, although every release writes it
/// before them (codecs, trap 22).
///
/// # Errors
/// The reader's.
pub fn late_offloads<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, common: &Common) -> Result<()> {
    if reads_offloads_late(walk) {
        within(walk, "net", None, |walk| offloads(walk, common))
    } else {
        Ok(())
    }
}

/// The features that come in at the end of a load make or delete queues (2.5 on,
/// `virtio_net_change_num_queues`). Those before the first without entries count, and a pair and
/// the control queue are taken for granted.
///
/// # Errors
/// [`Kind::Abort`] where they are not there, [`Kind::Undefined`] for more pairs than the device has
/// memory for.
pub fn check<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, common: &Common) -> Result<()> {
    if !walk.flow.loads() || !from(walk, 2, 5) {
        return Ok(());
    }
    let Common { used, received, queues, .. } = *common;
    let first = net_queues::fits_queues_first(walk.context.release);
    // Without them the section was not read as far as this.
    let most = 2 * pairs(common).unwrap_or(1) + 1;
    let count = match used < received {
        true => used,
        // Queues that the stream does not have stay as they were made.
        false if !first => received.max(queues),
        false => received,
    };
    let odd = count >= 3 && count % 2 == 1;
    let kind = if received > most && (first || odd) {
        Kind::Undefined(format!(
            "{received} queues, expected at most {most}: the device has no more"
        ))
    } else if !odd {
        Kind::Abort(format!("{count} queues, expected an odd number from 3"))
    } else {
        return Ok(());
    };
    Err(walk.fail(kind, ""))
}

/// Pairs of queues that the device was made with. `None` where the order of bytes matters and cannot be
/// told. Where no driver has read the configuration yet, which fills it in
/// (`virtio_net_get_config`), as many as came are taken for all.
fn pairs(common: &Common) -> Option<u64> {
    let Some(&[first, second]) = common.config.get(QUEUE_PAIRS) else { return Some(1) };
    let pairs = match common.order {
        Some(Order::Little) => u16::from_le_bytes([first, second]),
        Some(Order::Big) => u16::from_be_bytes([first, second]),
        None if first == second => u16::from_le_bytes([first, second]),
        None => return None,
    };
    Some(match pairs {
        0 => (common.received.saturating_sub(1) / 2).max(1),
        pairs => u64::from(pairs),
    })
}

fn reads_offloads_late<'d, F: Flow<'d>>(walk: &Walk<'d, '_, F>) -> bool {
    walk.flow.loads() && from(walk, 2, 4) && !from(walk, 2, 7)
}

/// The descriptions inside exist from 2.9 on.
fn look_ahead<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, key: &str) -> Result<()> {
    if from(walk, 2, 9) { described(walk, key) } else { Ok(()) }
}

fn waiting<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, queue: u64) -> Result<()> {
    within(walk, "vqs", Some(queue), |walk| {
        scalar(walk, "tx_waiting", 4)?;
        look_ahead(walk, tables::NET_QUEUE)
    })
}

/// Receive filters. Booleans have four bytes up to section version 7.
fn filters<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, version_id: u32) -> Result<()> {
    if version_id >= 4 {
        let width = if version_id < 8 { 4 } else { 1 };
        scalar(walk, "promisc", width)?;
        scalar(walk, "allmulti", width)?;
    }
    if version_id >= 5 {
        // More addresses than the table holds are passed over: the same bytes. Since there is a
        // description (2.9) their number is an int then, and none if it is negative.
        let used = scalar(walk, "mac_table.in_use", 4)?;
        let int = walk.context.release >= Version::new(2, 9, 0);
        let macs = if int && (used as u32 as i32) < 0 { 0 } else { used };
        walk.flow.bytes(Name::plain("mac_table.macs", "buffer"), macs * MAC)?;
    }
    if version_id >= 6 {
        walk.flow.bytes(Name::plain("vlans", "buffer"), VLANS)?;
    }
    Ok(())
}

/// What depends on the network backend; a device sends what its own backend has.
fn peer<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, version_id: u32) -> Result<()> {
    if version_id >= 7 {
        backend(walk, "has_vnet_hdr", 4, "vnet_hdr")?;
        look_ahead(walk, tables::NET_VNET)?;
    }
    if version_id >= 9 {
        scalar(walk, "mac_table.multi_overflow", 1)?;
        scalar(walk, "mac_table.uni_overflow", 1)?;
    }
    if version_id >= 10 {
        for name in ["alluni", "nomulti", "nouni", "nobcast"] {
            scalar(walk, name, 1)?;
        }
    }
    if version_id >= 11 {
        backend(walk, "has_ufo", 1, "UFO")?;
        look_ahead(walk, tables::NET_UFO)?;
    }
    Ok(())
}

/// A flag that the local backend must be able to honour.
fn backend<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    name: &'static str,
    width: u32,
    what: &str,
) -> Result<()> {
    let at = walk.flow.offset();
    let (received, local) = compared(walk, name, width)?;
    refuse_if(walk, received != 0 && local == Some(0), at, name, || {
        format!("the sender uses {what}, which the local backend does not have")
    })
}

/// Multiqueue state, which is only there when the local device has more than one pair (1.4 on).
fn queue_pairs<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, common: &Common) -> Result<()> {
    let Some(own) = pairs(common) else {
        return Err(walk.unmodelled("queue pairs: byte order of the local configuration"));
    };
    let mut used = 1;
    if from(walk, 1, 4) && own > 1 {
        let at = walk.flow.offset();
        let most = scalar(walk, "max_queues", 2)?;
        refuse_if(walk, most != own, at, "max_queues", || {
            format!("{most} queue pairs, local device has {own}")
        })?;
        let at = walk.flow.offset();
        used = scalar(walk, "curr_queues", 2)?;
        refuse_if(walk, used > most, at, "curr_queues", || {
            format!("{used} queue pairs in use of {most}")
        })?;
    }
    (1..used).try_for_each(|i| waiting(walk, i))?;
    look_ahead(walk, tables::NET_WAITING)
}

/// Offloads that the guest chose (1.6 on).
fn offloads<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, common: &Common) -> Result<()> {
    if from(walk, 1, 6) && common.features & CTRL_GUEST_OFFLOADS != 0 {
        scalar(walk, "curr_guest_offloads", 8)?;
    }
    Ok(())
}
