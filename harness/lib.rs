//! crossload: does a QEMU migration stream written by one release load faithfully in another?
//!
//! A program that wants to read such streams begins with [`Stream`]: sections and fields of a file of
//! any kind, with no release known. One that asks which releases can load them begins with
//! [`Releases`]. Neither needs the features of this crate (`default-features = false`), a QEMU, or a
//! file beside the program; neither panics, whatever it is given.
//!
//! Rooms, in reading order; dependencies point only from right to left:
//!
//! ```text
//! wire <- dialect <- vmstate <- stream <- input <- release <- trace <- matrix <- report <- cli
//! ```
//!
//! | room | holds |
//! | --- | --- |
//! | [`wire`] | bounded big-endian reads under a feed, absolute offsets, the error type; the writer |
//! | [`dialect`] | the framing rules that differ between releases, as a value |
//! | [`vmstate`] | descriptions as data, and the engine that loads and saves by them |
//! | [`stream`] | header, sections, RAM, description, end of stream |
//! | [`input`] | the files that people have, as the stream that is in them |
//! | [`release`] | data from `corpus/` into destinations; importers |
//! | [`reading`] | the front door for other programs: [`Stream`] |
//! | [`judging`] | the same for those that ask who can load them: [`Releases`] |
//! | [`trace`] | meaning, reading, comparison, verdict |
//! | `qemu` | real binaries: capture, metered loads, trace events |
//! | [`matrix`] | `matrix.toml`, plan, run, policy, observed outcomes |
//! | [`lab`] | what-if experiments: drift, protocol designs, vendors |
//! | [`report`] | table and JSON from one model |
//! | [`cli`] | one file a verb |

pub use input::{InputError, Source};
pub use judging::Releases;
pub use matrix::targets::{Answer, Row, Targets, TargetsError};
pub use reading::{Contents, Field, Section, Stream, Value};
pub use trace::Verdict;

#[cfg(feature = "tool")]
pub mod cli;
pub mod dialect;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod input;
pub mod judging;
pub mod lab;
pub mod matrix;
#[cfg(all(unix, feature = "tool"))]
pub mod qemu;
pub mod reading;
pub mod release;
#[cfg(feature = "tool")]
pub mod report;
#[cfg(test)]
#[path = "tests/support/snapshots.rs"]
mod snapshots;
pub mod stream;
pub mod trace;
pub mod vmstate;
pub mod wire;
