//! What each device type of a binary puts on the wire, found out from the binary itself.
//!
//! | file | holds |
//! | --- | --- |
//! | [`types`] | device types and their properties, as the binary tells them |
//! | [`backends`] | what a device wants beside itself, by the kind of its properties |
//! | [`board`] | boards on which devices are recorded |
//! | [`slots`] | addresses on its buses |
//! | [`rack`] | where devices go in one machine, with the path of each |
//! | [`vary`] | properties with other values than their defaults |
//! | [`trial`] | a machine with many devices, recorded; culprits found out |
//! | [`learn`] | all device types on all machine types |
//! | [`add`] | all of them, from a binary into the corpus |

pub mod add;
pub mod backends;
pub mod board;
pub mod learn;
pub mod rack;
pub mod slots;
pub mod trial;
pub mod types;
pub mod vary;
