//! crossload: does a QEMU migration stream written by one release load faithfully in another?
//!
//! A program that wants to read such streams begins with [`Stream`]: sections and fields of a file of
//! any kind, with no release known. One that asks which releases can load them begins with
//! [`Releases`]. Neither needs the features of this crate (`default-features = false`), a QEMU, or a
//! file beside the program; neither panics, whatever it is given.
//!
//! # Reading a stream
//!
//! A file of any kind that people have (`migrate file:`, `virsh save`, `savevm`, packed or not) is opened
//! by [`Stream::open`]; [`Stream::read`] lists what is in it, and [`Stream::value`] reads one field.
//!
//! ```
//! use crossload::{Stream, Value};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let library = crossload::Releases::embedded()?;
//! # let library = library.library();
//! # let fixture = library.fixture("7.2", "pc-i440fx-7.2", "idle").expect("in the corpus");
//! # let bytes = library.corpus().stream(fixture)?;
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("vm.save");
//! # std::fs::write(&file, bytes)?;
//! let stream = Stream::open(&file)?;
//! let contents = stream.read()?;
//! if let Some(error) = &contents.refused {
//!     println!("only up to byte {:#x}: {error}", error.offset);
//! }
//! for (number, section) in contents.sections.iter().enumerate() {
//!     println!("{} {} at {:#x}", section.idstr, section.instance_id, section.body);
//!     for field in contents.fields.iter().filter(|field| field.section == Some(number)) {
//!         // Pages of memory in a row are one field of this codec.
//!         if field.codec != "ram" {
//!             println!("  {} ({}) = {:?}", field.path, field.codec, stream.value(field)?);
//!         }
//!     }
//! }
//! # let rip = contents.fields.iter().find(|field| field.path == "cpu.env.eip").expect("a PC");
//! # assert!(matches!(stream.value(rip)?, Value::Unsigned(_)));
//! # Ok(())
//! # }
//! ```
//!
//! Where a file can be read once only, [`input::Options`] say how much of it is kept, and [`Stream::of`]
//! takes what was opened with them: a reader of device state does without the contents of memory.
//!
//! # Who can load it
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let releases = crossload::Releases::embedded()?;
//! # let library = releases.library();
//! # let fixture = library.fixture("7.2", "pc-i440fx-7.2", "idle").expect("in the corpus");
//! # let stream = crossload::Stream::from_bytes(library.corpus().stream(fixture)?)?;
//! let releases = crossload::Releases::embedded()?;
//! let answers = releases.judge(&stream)?;
//! let newest = answers.rows.iter().find(|row| row.takes() == Some(true));
//! assert_eq!(newest.map(|row| row.release.as_str()), Some("11.1"));
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
//! These two, [`input`] and what they hand out are for other programs, and stay as they are within a
//! version; the rest is public for the tests and the program of this crate.
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
//! | [`reading`] | the interface for other programs: [`Stream`] |
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
