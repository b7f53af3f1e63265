//! See `crossload::fuzzing::targets::subsection_decode`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::generated!(subsection_decode);
