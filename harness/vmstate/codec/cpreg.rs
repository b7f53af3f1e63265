//! System registers of an ARM processor: two lists of which the whole is looked at in the end
//! ([`Registers`](super::super::check::cpreg::Registers)). Special purpose registers of a PowerPC one
//! ([`Model`](super::super::check::pvr::Model)).

use super::super::check::cpreg::List;
use super::super::check::pvr::PVR;
use super::super::flow::{Flow, Name};
use super::super::progress::Walk;
use crate::wire::{Kind, Result};

/// Registers that are looked at; the largest model has some 400.
const MOST: usize = 4096;

/// Transfers one of the two lists.
///
/// # Errors
/// The reader's.
pub fn list<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    list: List,
    name: Name<'d>,
    count: u64,
) -> Result<u64> {
    let identity = walk.flow.map_mut().identity(name.canonical);
    let mut received = Vec::new();
    let value = walk.flow.numbers(name, 8, count, &mut |number| {
        if received.len() < MOST {
            received.push(number);
        }
    })?;
    if let Some(own) = walk.context.local.bytes(identity).filter(|_| walk.flow.loads()) {
        walk.checks.registers.take(list, received, own);
    }
    Ok(value)
}

/// Transfers the special purpose registers of a PowerPC processor, of which its version is remembered.
///
/// # Errors
/// The reader's.
pub fn special<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    name: Name<'d>,
    width: u32,
    count: u64,
) -> Result<u64> {
    let identity = walk.flow.map_mut().identity(name.canonical);
    let mut at = 0;
    let mut version = None;
    let value = walk.flow.numbers(name, width, count, &mut |number| {
        if at == PVR {
            version = Some(number);
        }
        at += 1;
    })?;
    let own = walk.context.local.scalar(identity).filter(|_| walk.flow.loads());
    walk.checks.model.versions = version.zip(own);
    Ok(value)
}

/// A timer that only some processors have (FEAT_WFxT, 9.1 on): who has none does not send it, and
/// asserts that there is one when it comes.
///
/// # Errors
/// [`Kind::Abort`] where the loader's own stream is known and has none.
pub fn timer<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, name: Name<'d>) -> Result<()> {
    let local = walk.context.local;
    let has = local.subsections.iter().any(|(_, sent)| sent == "cpu/wfxt-timer");
    if walk.flow.loads() && local.from.is_some() && !has {
        let text = "a timer that this processor does not have".to_string();
        return Err(walk.fail(Kind::Abort(text), name.shown));
    }
    Ok(())
}
