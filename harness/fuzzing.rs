//! Room `fuzzing`: generators that know what they wrote, oracles that compare a load with it, and the
//! bodies of the fuzz targets in `fuzz/`.
//!
//! | noun | what it is |
//! | --- | --- |
//! | generator | makes a case from the fuzzer's bytes: descriptions, their evolution, values, framing, a feed |
//! | truth | the writer's map of what is where |
//! | prediction | a second opinion on how a destination must read the truth ([`ambiguity`]) |
//! | oracle | decoder against truth and prediction ([`oracle`]) |
//! | target | a generator with an oracle: takes bytes, counts what it saw, fails with a reproducer |
//!
//! | file | holds |
//! | --- | --- |
//! | [`dice`], [`generate`] | choices, and what is made of them |
//! | [`edit`], [`mutate`] | changes of generated streams, and of real ones |
//! | [`ambiguity`], [`oracle`] | the second opinion, and the decoder compared with it |
//! | [`follow`] | the second opinion on changed fixtures |
//! | [`targets`] | the bodies of the targets |
//! | [`window`] | parts of captured streams |
//! | [`pool`], [`seed`], [`dictionary`] | the corpus for fuzzing, seeds and dictionary from it |
//! | [`packed`] | seeds kept from earlier runs |
//! | [`containers`] | writers of what the room `input` reads |
//! | [`smoke`], [`counters`], [`strict`] | runs without a fuzzer; counts of any run; what is a failure in it |
//!
//! Nothing here may panic on any input: a failure is a value, and the glue in `fuzz/` makes a
//! crash of it.

pub mod ambiguity;
pub mod containers;
pub mod counters;
pub mod dice;
pub mod dictionary;
pub mod edit;
pub mod follow;
pub mod generate;
pub mod mutate;
pub mod oracle;
pub mod packed;
pub mod pool;
pub mod seed;
pub mod smoke;
pub mod strict;
pub mod targets;
#[cfg(test)]
mod tests;
pub mod window;

/// Why a target failed: a text with everything needed to understand it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// Outcome of one execution.
pub type Outcome = Result<(), Failure>;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, as in `cargo fuzz run NAME`.
    pub name: &'static str,
    /// Whether its inputs begin with a shape ([`generate::case`]).
    pub shaped: bool,
    /// Runs one input, and counts what came of it.
    pub run: fn(&[u8], &mut counters::Counts) -> Outcome,
}

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target { name: "subsection_decode", shaped: true, run: targets::subsection_decode::run },
    Target { name: "section_decode", shaped: true, run: targets::section_decode::run },
    Target { name: "stream_decode", shaped: false, run: targets::stream_decode::run },
    Target { name: "fixture_mutate", shaped: false, run: targets::fixture_mutate::run },
    Target { name: "feed_independence", shaped: true, run: targets::feed_independence::run },
    Target { name: "roundtrip", shaped: true, run: targets::roundtrip::run },
    Target { name: "description_parse", shaped: false, run: targets::description_parse::run },
    Target { name: "import_parse", shaped: false, run: targets::import_parse::run },
    Target { name: "input_open", shaped: false, run: targets::input_open::run },
    Target { name: "designs_decode", shaped: false, run: targets::designs_decode::run },
];

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|t| t.name == name)
}
