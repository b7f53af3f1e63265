//! Requests in flight of a SCSI device (`put_scsi_requests` in hw/scsi/scsi-bus.c, 1.0 on): one signed
//! byte before each, 0 or less at the end.
//!
//! ```text
//! i8 1 or 2, command block (16), be32 tag, be32 lun, what the host adapter adds, what the device adds
//! ```
//!
//! What the host adapter adds depends on its type, which is not in the section.

use super::super::flow::{Flow, Name};
use super::super::progress::Walk;
use crate::wire::{Kind, Result};

/// Bytes of a command block (`SCSI_CMD_BUF_SIZE`).
const COMMAND: u64 = 16;

/// Transfers the list of requests.
///
/// # Errors
/// The reader's; [`Kind::Undetermined`] behind the common part of a request.
pub fn requests<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<()> {
    walk.flow.map_mut().enter("requests", "requests", None);
    let more = walk.flow.scalars(Name::plain("more", "int8"), 1, 1)?;
    if more as u8 as i8 > 0 {
        walk.flow.bytes(Name::plain("cmd.buf", "buffer"), COMMAND)?;
        walk.flow.scalars(Name::plain("tag", "uint32"), 4, 1)?;
        walk.flow.scalars(Name::plain("lun", "uint32"), 4, 1)?;
        let what = "what a host adapter adds to a SCSI request in flight".to_owned();
        return Err(walk.fail(Kind::Undetermined(what), ""));
    }
    walk.flow.map_mut().leave();
    Ok(())
}
