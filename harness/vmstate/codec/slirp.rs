//! The user-mode network (`slirp_state_load`, section `slirp`): forwarded sockets, the counter of IP
//! packets, and clients that were given an address.
//!
//! ```text
//! u8 42 and a socket, for each; u8 0; from version 2 on: be16 ip_id; from 3 on: clients
//! client: be16 allocated, 6 bytes of its address
//! ```

use super::super::flow::{Flow, Name};
use super::super::progress::Walk;
use crate::wire::{Kind, Result};

/// Version that is known (libslirp 4, in every release since 4.1).
pub const VERSION: u32 = 4;
/// Clients of its address server (`NB_BOOTP_CLIENTS`).
const CLIENTS: u32 = 16;

/// Transfers the section.
///
/// # Errors
/// The reader's; a version that is not known; [`Kind::Undetermined`] for a forwarded socket.
pub fn section<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, version_id: u32) -> Result<()> {
    if walk.flow.scalars(Name::plain("more", "uint8"), 1, 1)? != 0 {
        return Err(
            walk.fail(Kind::Undetermined("a socket of slirp that is forwarded".into()), "more")
        );
    }
    if version_id >= 2 {
        walk.flow.scalars(Name::plain("ip_id", "uint16"), 2, 1)?;
    }
    if version_id >= 3 {
        for i in 0..CLIENTS {
            walk.flow.map_mut().enter("bootp_clients", "bootp_clients", Some(i));
            walk.flow.scalars(Name::plain("allocated", "uint16"), 2, 1)?;
            walk.flow.bytes(Name::plain("macaddr", "buffer"), 6)?;
            walk.flow.map_mut().leave();
        }
    }
    Ok(())
}
