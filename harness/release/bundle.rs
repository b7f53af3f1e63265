//! Importer for a bundle: trace log of a self-load, `-dump-vmstate`, captured streams.

use crate::vmstate::schema::{Handlers, Tables};

/// What a stock binary of one release told of itself.
#[derive(Debug, Clone)]
pub struct BundleInput {
    /// The release.
    pub release: String,
    /// Its machine types.
    pub machines: Vec<BundleMachine>,
}

/// One machine type of a bundle.
#[derive(Debug, Clone)]
pub struct BundleMachine {
    /// Machine type.
    pub machine: String,
    /// JSON text of `-dump-vmstate`.
    pub dump: Option<String>,
    /// What was captured on it.
    pub scenarios: Vec<BundleScenario>,
}

/// One scenario of a bundle.
#[derive(Debug, Clone)]
pub struct BundleScenario {
    /// Scenario.
    pub scenario: String,
    /// Trace log of a self-load.
    pub trace: Option<String>,
    /// The captured stream.
    pub stream: Vec<u8>,
}

/// Tables of other releases to inherit from, preferred first.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// Descriptions and destinations of each.
    pub releases: Vec<(Tables, Vec<Handlers>)>,
}

/// What a bundle was turned into.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Descriptions.
    pub tables: Tables,
    /// Destinations.
    pub handlers: Vec<Handlers>,
    /// What was left open, in words.
    pub notes: Vec<String>,
}

/// Why a bundle was not understood.
#[derive(Debug, thiserror::Error)]
#[error("not written yet")]
pub struct BundleError;

/// Turns a bundle into tables and destinations.
pub fn import_bundle(_input: &BundleInput, _pool: &Pool) -> Result<Imported, BundleError> {
    Err(BundleError)
}
