//! The clock of s390x (`s390_tod_load`, section `todclock`, 2.4 on; hw/s390x/tod.c, before 3.0 in
//! s390-virtio-ccw.c): a byte that is zero where the source could not read it, else one of epoch and a
//! be64.

use super::super::flow::{Flow, Name};
use super::super::progress::Walk;
use crate::wire::Result;

/// Transfers the section.
///
/// # Errors
/// The reader's.
pub fn section<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<()> {
    if walk.flow.scalars(Name::plain("present", "uint8"), 1, 1)? != 0 {
        walk.flow.scalars(Name::plain("high", "uint8"), 1, 1)?;
        walk.flow.scalars(Name::plain("low", "uint64"), 8, 1)?;
    }
    Ok(())
}
