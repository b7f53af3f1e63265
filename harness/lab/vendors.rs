//! Vendors: downstream releases, which `matrix.toml` describes by what they add to a base release
//! ([`crate::matrix::vendors`]), and the question whether a machine can go from one vendor's build
//! to another's.
//!
//! | file | holds |
//! | --- | --- |
//! | [`mod@derive`] | a downstream's descriptions, made from those of its base |
//! | [`layout`] | a section's layout, field by field, as one release writes or reads it |
//! | [`migrate`] | the answer for any state: yes, no, or only if certain features are not in use |
//! | [`state`] | the answer for the state in a stream |
//!
//! A name is `VENDOR:RELEASE`, or `RELEASE` alone for upstream.

pub mod derive;
pub mod layout;
pub mod migrate;
pub mod state;

pub use derive::Build;
pub use migrate::{Answer, Feature, can_migrate};
pub use state::Decision;

use crate::release::corpus::CorpusError;
use crate::release::library::LibraryError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum VendorError {
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error("vendor {vendor}: {problem}")]
    Entry { vendor: String, problem: String },
    #[error("no release '{asked}'{hint}: expected RELEASE or VENDOR:RELEASE, one of {known}")]
    NoRelease { asked: String, hint: String, known: String },
    #[error("{from} and {to} have no machine type{asked} and devices in common")]
    NothingInCommon { from: String, to: String, asked: String },
    #[error("{0}")]
    Tables(String),
    #[error("{from} reads the stream as nothing that the corpus has:\n  {why}")]
    Stream { from: String, why: String },
    #[error("the stream is of {machine} {scenario} of {from}, which {to} does not have")]
    NoPlace { from: String, to: String, machine: String, scenario: String },
    #[error("cannot read the stream: {source}")]
    Unreadable { source: std::io::Error },
}
