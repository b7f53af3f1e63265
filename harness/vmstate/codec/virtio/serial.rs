//! The device part of virtio-serial, section `virtio-console` (codecs 3.6).

use super::super::super::flow::Flow;
use super::super::super::progress::Walk;
use super::blk;
use super::items::{compared, from, refuse_if, scalar, within};
use crate::dialect::order::is_big_endian;
use crate::wire::{Kind, Result};

/// Transfers the device part: nothing in section version 1.
///
/// # Errors
/// The reader's, or a failed check.
pub fn transfer<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, version_id: u32) -> Result<()> {
    if version_id < 2 {
        return Ok(());
    }
    within(walk, "serial", None, |walk| {
        scalar(walk, "cols", 2)?;
        scalar(walk, "rows", 2)?;
        let map = ports_map(walk)?;
        let count = scalar(walk, "nr_active_ports", 4)?;
        (0..count)
            .try_for_each(|i| within(walk, "port", Some(i), |walk| port(walk, version_id, &map)))
    })
}

/// Transfers the number of ports and the bitmap of those that exist. From 2.0 on the bitmap has
/// the local length, whatever number was received.
fn ports_map<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<Vec<u32>> {
    let at = walk.flow.offset();
    // What is saved again has the local length, too.
    let local = walk.local_value("max_nr_ports");
    let (received, _) = compared(walk, "max_nr_ports", 4)?;
    // Of a device of before virtio 1 on a big-endian machine the number is in the order of its
    // configuration space, and so swapped on the way (`get_config` of virtio-serial); no device has
    // as many ports as would be read the other way.
    let big_endian = is_big_endian(walk.context.machine);
    let number = |n: u64| match big_endian && n > u64::from(u16::MAX) {
        true => u64::from((n as u32).swap_bytes()),
        false => n,
    };
    let (received, local) = (number(received), local.map(number));
    let most = local.unwrap_or(received);
    let trusted = !from(walk, 2, 0);
    refuse_if(walk, trusted && received > most, at, "max_nr_ports", || {
        format!("{received} ports, local device has {most}")
    })?;
    let ports = if trusted { received } else { most };
    let mut map = Vec::new();
    for i in 0..ports.div_ceil(32) {
        let word = within(walk, "ports_map", Some(i), |walk| {
            let at = walk.flow.offset();
            let (word, local) = compared(walk, "bits", 4)?;
            refuse_if(walk, local.is_some_and(|own| own != word), at, "bits", || {
                format!("ports {word:#x}, local device has {:#x}", local.unwrap_or(0))
            })?;
            Ok(word)
        })?;
        map.push(word as u32);
    }
    Ok(map)
}

/// Transfers the state of one port, which must be in the bitmap.
fn port<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, version_id: u32, map: &[u32]) -> Result<()> {
    let at = walk.flow.offset();
    let id = scalar(walk, "id", 4)?;
    let word = usize::try_from(id / 32).ok().and_then(|i| map.get(i)).copied().unwrap_or(0);
    if word >> (id % 32) & 1 == 0 && walk.flow.loads() {
        let text = format!("port {id} does not exist");
        // 0.13 uses the port that it did not find.
        let kind = if from(walk, 0, 14) { Kind::Check(text) } else { Kind::Abort(text) };
        return Err(walk.flow.fail(kind, at, "id"));
    }
    scalar(walk, "guest_connected", 1)?;
    scalar(walk, "host_connected", 1)?;
    if version_id < 3 || scalar(walk, "elem_popped", 4)? == 0 {
        return Ok(());
    }
    scalar(walk, "iov_idx", 4)?;
    scalar(walk, "iov_offset", 8)?;
    blk::element(walk)
}
