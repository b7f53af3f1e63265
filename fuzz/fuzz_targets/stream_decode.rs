//! See `crossload::fuzzing::targets::stream_decode`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::target!("stream_decode");
