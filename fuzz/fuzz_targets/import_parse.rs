//! See `crossload::fuzzing::targets::import_parse`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::target!(import_parse);
