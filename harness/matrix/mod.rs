//! Room `matrix`: `matrix.toml`, plan, run, policy, observed outcomes.

pub mod agreement;
pub use crate::release::observed;
pub mod texts;
