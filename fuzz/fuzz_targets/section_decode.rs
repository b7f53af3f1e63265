//! See `crossload::fuzzing::targets::section_decode`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::target!("section_decode");
