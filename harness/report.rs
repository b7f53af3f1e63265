//! Room `report`: the results of a run, for people and for programs.
//!
//! | file | holds |
//! | --- | --- |
//! | [`findings`] | cells with one cause, as one finding |
//! | [`table`] | the grids, the findings and the summary as text |
//! | [`suggestions`] | known entries that may be meant for broken cells |
//! | [`new_release`] | what a new release changes against the one before |
//! | [`json`] | all of it as JSON, and what its keys mean |
//! | [`side_by_side`] | what was written and what was read, around one byte |
//! | [`diff`] | what changed between two builds, as text and JSON |
//! | [`evidence`] | loads between two builds, as evidence for what their descriptions say |
//! | [`devices`] | the matrix over devices, by cause |
//! | [`targets`] | which releases take a machine, as text and JSON |
//! | [`ci`] | the same in the formats that CI reads |
//! | [`html`] | a folder of pages for a browser |
//! | [`dump`] | what every byte of a stream was read as |

pub mod ci;
pub mod devices;
pub mod diff;
pub mod dump;
pub mod evidence;
pub mod findings;
pub mod html;
pub mod json;
pub mod new_release;
pub mod side_by_side;
pub mod suggestions;
pub mod table;
pub mod targets;
