//! See `crossload::fuzzing::targets::section_decode`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::generated!(section_decode);
