//! Room `matrix`: `matrix.toml`, plan, run, policy, observed outcomes.

pub mod agreement;
#[cfg(test)]
mod faults;
pub use crate::release::observed;
pub mod texts;
