//! virtio (codecs 3.2 to 3.7): not yet.

use super::super::flow::Flow;
use super::super::walk::Walk;
use crate::wire::Result;

/// The whole of a device.
///
/// # Errors
/// Undetermined.
pub fn device<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<u64> {
    Err(walk.unmodelled("virtio"))
}

/// A section with a hand-written loader.
///
/// # Errors
/// Undetermined.
pub fn section<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, _version_id: u32) -> Result<()> {
    Err(walk.unmodelled("virtio"))
}

/// Adds the built-in descriptions.
///
/// # Errors
/// None yet.
pub fn add_descriptions(
    _set: &mut super::super::compile::Set,
    _target: &super::super::compile::Target<'_>,
) -> std::result::Result<(), String> {
    Ok(())
}
