//! Lists of a redirected USB device (hw/usb/redirect.c, 1.5 on): a signed number of elements, then each.
//!
//! ```text
//! usb-redir-bufpq         be32 packets, each: be32 length, be32 status, data
//! usb-redir-packet-id-q   be32 ids, each be64
//! ```
//!
//! What the redirection library says of itself (`usb-redir-parser`) is a length and bytes, which that
//! library reads.

use super::super::flow::{Flow, Name};
use super::super::progress::Walk;
use crate::wire::Result;

/// Transfers the packets that wait at an endpoint.
///
/// # Errors
/// The reader's.
pub fn packets<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<()> {
    walk.flow.map_mut().enter("bufpq", "bufpq", None);
    for index in 0..number(walk)? {
        walk.flow.map_mut().enter("packet", "packet", Some(index));
        let len = walk.flow.scalars(Name::plain("len", "uint32"), 4, 1)?;
        walk.flow.scalars(Name::plain("status", "uint32"), 4, 1)?;
        walk.flow.bytes(Name::plain("data", "buffer"), len)?;
        walk.flow.map_mut().leave();
    }
    walk.flow.map_mut().leave();
    Ok(())
}

/// Transfers the ids of packets that were cancelled or are under way.
///
/// # Errors
/// The reader's.
pub fn ids<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<()> {
    walk.flow.map_mut().enter("queue", "queue", None);
    let number = number(walk)?;
    walk.flow.scalars(Name::plain("id", "uint64"), 8, number.into())?;
    walk.flow.map_mut().leave();
    Ok(())
}

/// How many elements come; what is negative is none.
fn number<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<u32> {
    let number = walk.flow.scalars(Name::plain("size", "uint32"), 4, 1)? as u32;
    Ok(if number > i32::MAX as u32 { 0 } else { number })
}
