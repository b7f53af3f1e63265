//! Room `qemu`: real binaries. The only room that starts processes; it knows no verdict rules.
//!
//! | file | holds |
//! | --- | --- |
//! | [`process`] | a child under control: group, drained output, deadlines, always reaped |
//! | [`groups`] | which of them run, and that none is left when this program is interrupted |
//! | [`monitor`] | what is asked of it: by [`qmp`], or by the human monitor ([`hmp`]), over a [`connection`] |
//! | [`binary`] | version receipt, machine types |
//! | [`platform`] | families of machine types, and what all machines of an architecture are started with |
//! | [`guest`] | firmware of our own, assembled |
//! | [`emulator`] | a running machine: command line, files, halt, save |
//! | [`tpm`] | a TPM of our own for it |
//! | [`scenario`] | a scenario of matrix.toml in a binary: where it runs, what it lacks, what it must carry |
//! | [`capture`] | a scenario run to its halt, saved, and loaded by the same binary |
//! | [`incoming`] | one load under a metered feed: how it ended, where, what was traced, what was saved again |
//! | [`events`] | the fields that a traced load read, compared with those that the model read |
//! | `roms` | option ROMs that binaries ask for by name |
//! | [`restored`] | the state as it was saved again, compared with the stream |
//! | [`mutate`] | changes of a fixture that know its structure |
//! | [`bundle`] | captures as a folder that can be imported |
//! | [`devices`] | what each device type of a binary puts on the wire |
//! | [`matrix_toml`] | a release in matrix.toml |
//! | [`add`] | the whole act of adding a release |
//! | [`gate`] | two builds, each given what the other saved |
//! | [`observe`] | outcomes as observations of the corpus |
//! | [`checks`] | refusals for what no stream tells |
//! | [`shrink`] | the smallest stream that is not agreed on |
//! | [`verify`] | loads by a binary, compared with the model |
//! | [`campaign`] | changed streams into binaries at length, chosen by the model |
//! | [`machines`] | machines that nobody recorded, compared with the model |

pub mod add;
pub mod binary;
pub mod bundle;
pub mod campaign;
pub mod capture;
pub mod checks;
pub mod connection;
pub mod devices;
pub mod emulator;
pub mod events;
pub mod gate;
pub mod groups;
pub mod guest;
pub mod hmp;
pub mod incoming;
pub mod machines;
pub mod matrix_toml;
pub mod monitor;
pub mod mutate;
pub mod observe;
pub mod platform;
pub mod process;
pub mod qmp;
pub mod restored;
mod roms;
pub mod scenario;
pub mod shrink;
pub mod tpm;
pub mod verify;

use std::time::Duration;

pub use binary::Binary;
pub use emulator::Setup;
pub use guest::Guest;

use crate::dialect::Version;
use crate::release::library::LibraryError;

/// Why a real binary could not be compared with anything. What a binary does with a stream is
/// never an error, it is a result.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum QemuError {
    #[error(transparent)]
    Binary(#[from] binary::BinaryError),
    #[error(transparent)]
    Process(#[from] process::ProcessError),
    #[error("{}", .0)]
    Qmp(#[from] connection::QmpError),
    #[error("temporary files: {0}")]
    Files(#[source] std::io::Error),
    #[error("the socket to the loader: {0}")]
    Socket(#[source] std::io::Error),
    #[error("guest program: {0}")]
    Assemble(#[from] iced_x86::IcedError),
    #[error("the guest did not halt within {limit:?}")]
    NoHalt { limit: Duration },
    #[error("the state could not be saved: {why}")]
    Save { why: String },
    #[error("{what}: the binary does not load its own stream: {why}")]
    OwnRefused { what: String, why: String },
    #[error("{what}: captured, but {problem}")]
    Hollow { what: String, problem: String },
    #[error("{what}: {problem}")]
    Scenario { what: String, problem: String },
    #[error(transparent)]
    File(#[from] crate::release::files::FileError),
    #[error(transparent)]
    Lock(#[from] crate::release::locked::LockError),
    #[error(transparent)]
    Corpus(#[from] crate::release::corpus::CorpusError),
    #[error(transparent)]
    Import(#[from] crate::release::import::ImportError),
    #[error(transparent)]
    Config(#[from] crate::matrix::config::ConfigError),
    #[error(transparent)]
    Plan(#[from] crate::matrix::plan::PlanError),
    #[error("{file}: the release cannot be put in: {why}")]
    MatrixToml { file: String, why: String },
    #[error(
        "{about}: only a release from {needed} on traces its loads, without which it cannot be added"
    )]
    TooOld { about: String, needed: Version },
    #[error("{release} is there already, but as {known}; {own}")]
    OtherBinary { release: String, known: String, own: String },
    #[error("what was recorded of its devices: {why}")]
    Recordings { why: Box<crate::release::bundle::BundleError> },
    #[error("{about} emulates {found}, for which there are no guest programs and no scenarios")]
    Architecture { about: String, found: String },
    #[error("{about}: no machine type {name}")]
    NoMachine { about: String, name: String },
    #[error("recomputed.toml: {why}")]
    Recomputed { why: String },
    #[error("{path}: not started again, as it hung before it could be spoken to", path = path.display())]
    HungBefore { path: std::path::PathBuf },
    #[error("{release}: nothing could be captured")]
    NothingCaptured { release: String },
    #[error(transparent)]
    Library(#[from] LibraryError),
}

impl QemuError {
    pub(crate) fn files(source: std::io::Error) -> Self {
        QemuError::Files(source)
    }
}
