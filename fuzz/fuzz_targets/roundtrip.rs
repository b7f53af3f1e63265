//! See `crossload::fuzzing::targets::roundtrip`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::generated!(roundtrip);
