//! Room `trace`: meaning, reading, comparison, verdict.
//!
//! The *meaning* of a fixture is the map that its own release makes of it; the *reading* is the
//! map that a destination makes of the same bytes. A verdict is the one against the other, and
//! nothing else: no list says which cell is what.

pub mod compare;
pub mod description;
pub mod recomputed;
pub mod sentence;
pub mod values;
pub mod verdict;

pub use compare::Difference;
pub use verdict::{Judged, Meaning, SourceStream, Verdict, judge, judge_outline, judge_reading};
