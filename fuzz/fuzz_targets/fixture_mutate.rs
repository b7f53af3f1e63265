//! See `crossload::fuzzing::targets::fixture_mutate`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::generated!(fixture_mutate, crossload_fuzz::corpus);
