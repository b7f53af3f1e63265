//! Room `matrix`.

pub mod observed;
