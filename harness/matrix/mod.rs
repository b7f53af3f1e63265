//! Room `matrix`: `matrix.toml`, plan, run, policy, observed outcomes.

pub mod agreement;
pub mod observed;
pub mod texts;
