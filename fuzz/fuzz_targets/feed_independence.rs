//! See `crossload::fuzzing::targets::feed_independence`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::generated!(feed_independence);
