//! See `crossload::fuzzing::targets::description_parse`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::target!(description_parse);
