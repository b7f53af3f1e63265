//! See `crossload::fuzzing::targets::feed_independence`.
#![cfg_attr(fuzzing, no_main)]

crossload_fuzz::target!("feed_independence");
