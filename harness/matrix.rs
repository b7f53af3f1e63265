//! Room `matrix`: `matrix.toml`, plan, run, policy, observed outcomes.
//!
//! | file | holds |
//! | --- | --- |
//! | [`config`] | `matrix.toml`, checked; its manual |
//! | [`initial`] | a first `matrix.toml`, and what one lacks of a corpus |
//! | [`vendors`] | downstream releases in `matrix.toml` |
//! | [`select`] | release ranges, and which cells an entry is about |
//! | [`cell`] | one load |
//! | [`plan`] | the cells |
//! | [`mod@run`] | the cells, judged |
//! | [`policy`] | what a verdict means in a direction, and what is known |
//! | [`sentence`] | why a cell came out as it did, in one sentence |
//! | [`observed`] | what real binaries did |
//! | [`agreement`] | the model against them |
//! | [`devices`] | every catalogued device alone, into every release |
//! | [`targets`] | which releases take the machine in a stream |
//! | [`stderr`] | what real binaries print, as classes of refusal |

pub mod agreement;
pub mod cell;
pub mod config;
pub mod devices;
#[cfg(test)]
mod faults;
pub mod initial;
pub mod plan;
pub mod policy;
mod read;
pub mod run;
mod schema;
pub mod select;
pub mod sentence;
pub mod stderr;
pub mod targets;
pub mod vendors;

pub use crate::release::observed;
pub use cell::Cell;
pub use config::Config;
pub use plan::{Filter, Plan};
pub use policy::{Direction, Standing};
pub use run::{CellResult, Instead, Outcome, Run, run};
