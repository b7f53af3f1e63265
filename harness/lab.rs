//! Room `lab`: what-if experiments on real streams and on generated ones.
//!
//! | file | holds |
//! | --- | --- |
//! | [`designs`] | the protocol changes that were proposed or shipped, side by side |
//! | [`drift`] | a device's state is changed and nobody says so: where is it detected? |
//! | [`vendors`] | downstream releases: can this machine go to that vendor's build? |
//!
//! The rooms below it know nothing of it.

// Streams that are wrong on purpose go through this room: nothing here may panic.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod designs;
pub mod drift;
pub mod vendors;
