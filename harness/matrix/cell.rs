//! A cell: one load.

/// One load: the stream of `source` into `destination`, both as `machine` with the devices of
/// `scenario`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell {
    /// Release that wrote the stream.
    pub source: String,
    /// Release that is given it.
    pub destination: String,
    /// Machine type.
    pub machine: String,
    /// Scenario.
    pub scenario: String,
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cell { source, destination, machine, scenario } = self;
        write!(f, "{source}/{machine}.{scenario} into {destination}")
    }
}
