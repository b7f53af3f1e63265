//! Room `vmstate`: descriptions as data, and the engine that loads and saves by them.

pub mod schema;
