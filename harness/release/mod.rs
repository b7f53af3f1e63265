//! Room `release`: data from `corpus/` into destinations; importers for the two table sources.

pub mod bundle;
pub mod corpus;
pub mod debugger;
pub mod import;
