//! Room `stream`: header, sections, RAM, description, end of stream.
//!
//! ```text
//! header [configuration] { START | PART | END | FULL | COMMAND }* EOF [VMDESCRIPTION] trailing
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | [`destination`] | what a stream is loaded into: rules, handlers, descriptions, local values |
//! | [`mod@load`] | the main loop |
//! | `loaded` | what a load came to |
//! | `progress` | a load in progress: what the loop and the readers of sections share |
//! | `configuration` | the configuration section |
//! | [`command`] | migration commands |
//! | [`ram`] | the `ram` section |
//! | [`multifd`] | a channel of a multifd migration |
//! | [`block`] | `block` and `dirty-bitmap` |
//! | [`platform`] | what s390x and spapr send in records |
//! | [`frames`] | a stream of which nothing is known: where its sections begin and end |
//! | [`save`] | the inverse of [`mod@load`] |
//! | [`vmdescription`] | the JSON at the end |

// Bytes from outside reach this room: nothing here may panic.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod block;
pub mod command;
pub mod condense;
mod configuration;
pub mod destination;
pub mod frames;
pub mod load;
mod loaded;
pub mod multifd;
pub mod platform;
mod progress;
pub mod ram;
pub mod save;
pub mod vmdescription;

pub use destination::{Body, Destination, Handler, Platform, UNMIGRATABLE};
pub use load::{LoadOptions, load, load_bytes, load_payload, load_tersely, load_with};
pub use loaded::Loaded;
pub use progress::Section;

/// First four bytes of a stream: `QEVM`.
pub const MAGIC: u32 = 0x5145_564d;
/// The only format version that any release from 0.12 on reads.
pub const FORMAT: u32 = 3;

/// Record types of the main stream (wire reference 2).
pub mod record {
    /// Ends the main loop.
    pub const EOF: u8 = 0x00;
    /// First part of a live section.
    pub const START: u8 = 0x01;
    /// A further part.
    pub const PART: u8 = 0x02;
    /// The last part.
    pub const END: u8 = 0x03;
    /// A whole section.
    pub const FULL: u8 = 0x04;
    /// The JSON description, after EOF (2.3).
    pub const VMDESCRIPTION: u8 = 0x06;
    /// Right after the header (2.4).
    pub const CONFIGURATION: u8 = 0x07;
    /// A command (2.5).
    pub const COMMAND: u8 = 0x08;
    /// Number of the command that a package follows.
    pub const PACKAGED: u8 = 7;
    /// After a section's payload (2.4).
    pub const FOOTER: u8 = 0x7e;
}

#[cfg(test)]
mod tests;
