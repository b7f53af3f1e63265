//! See `crossload::fuzzing::targets::designs_decode`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::target!(designs_decode);
