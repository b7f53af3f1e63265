//! Any machine: the destination for a stream that nobody recorded, composed from what a release is
//! known to put on the wire (see the design, "Any machine").
//!
//! ```text
//! stream -> Machine (sections, description, RAM blocks)
//! Machine + release that wrote it -> source: its layouts, with what the stream's own description says
//! Machine + source + other release -> destination: its layouts, with what follows from "the
//!     destination is started with the same configuration"
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | [`machine`] | what a stream tells of the machine that sent it |
//! | [`layouts`] | the layouts of a release: its catalogue, and what its scenarios show |
//! | [`choose`] | which recorded layout a section has |
//! | [`find`] | what a release has for a section, or why it has nothing |
//! | [`transfer`] | what a destination has, from what was seen of both releases and what was sent |
//! | [`fill`] | what tables leave open and a stream tells |
//! | `recorded` | local values as they were recorded |
//! | [`memory`] | RAM blocks of a destination |
//! | [`kvm`] | what machines have under KVM only |
//! | [`composed`] | what is composed, from what, and why it may not be |
//! | [`mod@source`] | the machine as its release sent it |
//! | [`mod@destination`] | what another release makes of it |
//! | `build` | handlers of both, and a destination of them |
//!
//! One rule decides every local value ([`transfer`]): where the stream has what the source has by
//! default, the destination has what *it* has by default; where the stream differs, the machine is
//! configured so, and the destination is too.

mod between;
mod build;
pub mod choose;
pub mod composed;
pub mod destination;
pub mod fill;
pub mod find;
pub mod kvm;
pub mod layouts;
pub mod machine;
pub mod memory;
mod recorded;
pub mod source;
pub mod transfer;
mod translation;
pub mod transport;

pub use composed::{BuildTables, Composed};
pub use destination::destination;
pub use find::Lacking;
pub use find::{lacks_machine, machine_types};
pub use layouts::LayoutCache;
pub use machine::Machine;
pub use source::source;
