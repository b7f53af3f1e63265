//! The device part of virtio-balloon (codecs 3.5).

use super::super::super::flow::Flow;
use super::super::super::progress::Walk;
use super::items::{described, from, scalar, within};
use super::tables;
use crate::wire::Result;

/// Transfers the device part. From 2.8 on it is a description with a look-ahead of its own.
///
/// # Errors
/// The reader's, or an unknown subsection.
pub fn transfer<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<()> {
    within(walk, "balloon", None, |walk| {
        scalar(walk, "num_pages", 4)?;
        scalar(walk, "actual", 4)?;
        if from(walk, 2, 8) { described(walk, tables::BALLOON) } else { Ok(()) }
    })
}
