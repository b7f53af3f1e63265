//! See `crossload::fuzzing::targets::stream_decode`; structure-aware unless `CROSSLOAD_PLAIN` is set.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::target!(stream_decode, crossload_fuzz::corpus);

#[cfg(fuzzing)]
mod structure {
    use crossload_fuzz::fuzzing::targets::stream_decode::{cross, mutate};
    crossload_fuzz::structured!(mutate, cross);
}
