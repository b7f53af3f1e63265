//! Room `vmstate`: descriptions as data, and the engine that loads and saves by them.
//!
//! | file | holds |
//! | --- | --- |
//! | [`schema`] | descriptions as they are kept in the corpus |
//! | [`compiled`] | descriptions with names resolved, for one destination |
//! | [`compile`] | how they come to be |
//! | [`presence`] | the presence predicates (`field_exists` hooks) |
//! | `processor` | what is open of a description that no dump has |
//! | [`local`] | what a destination has in memory before a load |
//! | [`rename`] | fields that two releases call differently |
//! | [`flow`] | the two directions: [`flow::Loader`] and [`flow::Saver`] |
//! | [`guest`] | what a loader keeps of guest memory |
//! | [`progress`] | a walk in progress: what the engine and the codecs share |
//! | [`walk`] | the engine: one walk over a description, for both directions |
//! | [`check`] | value checks of post-load functions |
//! | [`old`] | the layouts behind `load_state_old` |
//! | [`codec`] | hand-written formats: pci, virtio, x87 registers |

// Bytes and tables from outside reach this room: nothing here may panic.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod check;
pub mod codec;
pub mod compile;
pub mod compiled;
pub mod flow;
pub mod guest;
pub mod local;
pub mod old;
pub mod presence;
mod processor;
pub mod progress;
pub mod rename;
pub mod schema;
#[cfg(test)]
mod tests;
pub mod walk;

pub use compiled::Set;
pub use flow::{Flow, Loader, Saver, Values};
pub use local::Local;
pub use progress::{Engine, Walk};
pub use rename::Renames;
