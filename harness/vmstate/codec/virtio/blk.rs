//! The device part of virtio-blk (codecs 3.4), and the queue element that it shares with
//! virtio-serial.
//!
//! An element is a structure of the sender's memory, pointers included: its size is that of the
//! release on a 64-bit host, its integers are little-endian. Packed rings (off by default) would
//! add a word behind it; a stream does not say beforehand whether the host offers them.

use super::super::super::flow::{Flow, Name};
use super::super::super::progress::Walk;
use super::common::Common;
use super::items::{from, refuse_if, scalar, within};
use crate::wire::{Kind, Result};

/// Transfers the list of requests in flight.
///
/// # Errors
/// The reader's, or a failed check.
pub fn transfer<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, common: &Common) -> Result<()> {
    within(walk, "blk", None, |walk| {
        let mut index = 0;
        while within(walk, "request", Some(index), |walk| request(walk, common))? {
            index += 1;
        }
        Ok(())
    })
}

fn request<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, common: &Common) -> Result<bool> {
    if scalar(walk, "more", 1)? == 0 {
        return Ok(false);
    }
    if from(walk, 2, 7) && common.queues > 1 {
        let at = walk.flow.offset();
        let queue = scalar(walk, "vq_idx", 4)?;
        refuse_if(walk, queue >= common.queues, at, "vq_idx", || {
            format!("request of queue {queue}, local device has {}", common.queues)
        })?;
    }
    element(walk)?;
    Ok(true)
}

/// Bytes of an element: 0.12 keeps one address array for both directions.
const ELEMENT_OLD: u64 = 40_976;
const ELEMENT: u64 = 49_168;
/// Descriptors in an element.
const MOST: u32 = 1024;

/// Transfers one queue element, in the node `element`.
///
/// # Errors
/// The reader's, or [`Kind::Abort`] for counts that 2.6 and later assert on, after the whole
/// element.
pub fn element<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<()> {
    let size = if from(walk, 0, 13) { ELEMENT } else { ELEMENT_OLD };
    within(walk, "element", None, |walk| {
        let mut counts = [0; 2];
        let read = parts(walk, size, &mut counts);
        // Asserted on once the buffer is filled, as far as there were bytes for it.
        if from(walk, 2, 6) && walk.flow.loads() {
            let mut asserted = ["out_num", "in_num"].into_iter().zip(counts);
            if let Some((name, count)) = asserted.find(|(_, count)| *count > MOST) {
                let text = format!("{name} is {count}, asserted to be at most {MOST}");
                return Err(walk.flow.fail(Kind::Abort(text), walk.flow.offset(), name));
            }
        }
        read
    })
}

/// The parts of an element in order, and its counts as far as they came.
fn parts<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    size: u64,
    counts: &mut [u32; 2],
) -> Result<()> {
    scalar(walk, "index", 4)?;
    for (name, count) in ["out_num", "in_num"].into_iter().zip(counts) {
        *count = (scalar(walk, name, 4)? as u32).swap_bytes();
    }
    walk.flow.bytes(Name::plain("descriptors", "buffer"), size - 12)
}
