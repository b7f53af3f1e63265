//! The room `fuzzing` compiled a second time, as a crate of its own without coverage counters: generators
//! and oracles are not what is fuzzed, and libFuzzer looks at every counter that an input changes.

pub use crossload::{dialect, input, lab, matrix, release, stream, trace, vmstate, wire};

pub use rooms::fuzzing;

/// Where the room is: by a folder, so that its files are looked for where it has them.
#[path = "../../../harness"]
mod rooms {
    pub mod fuzzing;
}
