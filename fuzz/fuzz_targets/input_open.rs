//! See `crossload::fuzzing::targets::input_open`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::target!(input_open);
