//! Room `wire`: bounded big-endian reads under a feed, absolute offsets, the error type, the map
//! of what each byte was read as, and the inverse for writing. Knows no versions and no devices.
//!
//! | file | holds |
//! | --- | --- |
//! | [`reader`] | the window over a stream: reads, look-ahead, refills |
//! | [`feed`] | how the bytes arrive: in full refills, in a trickle, by a schedule |
//! | [`map`] | spans: which bytes were read (or written) as what |
//! | [`error`] | what was refused, where, and what was expected |
//! | [`writer`] | the inverse of the reader |
//! | [`fault`] | deliberate faults, in tests only |

// Bytes from outside reach every line of this room: nothing here may panic.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod error;
pub mod fault;
pub mod feed;
pub mod map;
pub mod reader;
pub mod writer;

pub use error::{Error, Kind, Result};
pub use fault::{Fault, planted};
pub use feed::Feed;
pub use map::{Map, Span};
pub use reader::{Reader, Refill};
pub use writer::Writer;
