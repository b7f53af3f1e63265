//! The room `fuzzing` once more, as a crate of its own, so that what makes cases and what holds loads against
//! them has no counters for the fuzzer: they are for what is fuzzed, and libFuzzer goes through all that an
//! input hits.

pub use crossload::{dialect, input, lab, matrix, release, stream, trace, vmstate, wire};

pub use rooms::fuzzing;

/// Where the room is: by a folder, so that its files are looked for where it has them.
#[path = "../../../harness"]
mod rooms {
    pub mod fuzzing;
}
