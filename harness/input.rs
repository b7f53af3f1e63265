//! Room `input`: the files that people have, as the stream that is in them.
//!
//! What a file is, its first bytes tell, never its name. [`open()`] takes off one wrapping after the
//! other until a stream begins, and hands back a [`Source`]: the stream from its first byte on, to
//! be read and sought in as often as one likes, with what its containers say about it. Nothing is
//! ever in memory as a whole.
//!
//! | file | holds |
//! | --- | --- |
//! | [`kind`] | what a file is, by its first bytes; what is no stream, and what to do instead |
//! | [`source`] | the opened stream: reads, seeks, facts |
//! | [`mod@open`] | one wrapping after the other: files, pipes, devices |
//! | [`spool`] | a bounded copy of what cannot be read twice, without the contents of memory |
//! | [`store`] | where such a copy is |
//! | [`pack`] | gzip, bzip2, xz, lzop, zstd |
//! | [`lzop`] | the blocks of an lzop file |
//! | [`libvirt`] | the header of a save image |
//! | [`domain`] | what the domain XML in it says |
//! | [`qcow2`] | the VM state of an internal snapshot |
//! | [`snapshot`] | what is said of one |
//! | [`error`] | why a file cannot be read |

// Bytes from outside reach every line of this room: nothing here may panic.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod domain;
pub mod error;
pub mod kind;
pub mod libvirt;
pub mod lzop;
pub mod open;
pub mod pack;
pub mod qcow2;
pub mod snapshot;
pub mod source;
pub mod spool;
pub mod store;

pub use error::InputError;
pub use open::{open, open_bytes};
pub use source::{Facts, Source};

/// How a file is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Most bytes that are unpacked, or copied from a pipe.
    pub limit: u64,
    /// Most memory for unpacking, roughly, in bytes: what a packed file asks for more is refused.
    pub memory: u64,
    /// Name or number of the internal snapshot that is meant, where a disk has several.
    pub snapshot: Option<String>,
    /// Whether contents of memory are kept of what is unpacked, or copied from a pipe. Who does not ask for
    /// them does without, and needs hardly any room on a disk: they may read as zeros then.
    pub whole: bool,
}

/// [`Options::limit`] where nothing else was asked for: 16 GiB.
pub const LIMIT: u64 = 16 << 30;

/// [`Options::memory`] where nothing else was asked for: 128 MiB. `xz -9` needs 65, `zstd --long` 128.
pub const MEMORY: u64 = 128 << 20;

impl Default for Options {
    fn default() -> Self {
        Options { limit: LIMIT, memory: MEMORY, snapshot: None, whole: true }
    }
}

#[cfg(test)]
mod tests;
