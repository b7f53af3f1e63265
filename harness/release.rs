//! Room `release`: data from `corpus/` into destinations; importers for the two table sources.

// Files and texts from outside reach this room: nothing here may panic.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod archive;
pub mod bundle;
pub mod catalogue;
pub mod changes;
pub mod compose;
pub mod corpus;
pub mod debugger;
pub mod described;
pub mod files;
pub mod import;
pub mod json;
pub mod library;
pub mod list_elements;
pub mod locked;
pub mod notes;
pub mod observed;
pub mod paths;
pub mod provenance;
pub mod sources;
pub mod suggest;
pub mod unmodelled;
