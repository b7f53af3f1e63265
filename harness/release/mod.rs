//! Room `release`: data from `corpus/` into destinations; importers for the two table sources.

mod archive;
pub mod bundle;
pub mod corpus;
pub mod debugger;
pub mod files;
pub mod import;
pub mod json;
pub mod library;
pub mod provenance;
