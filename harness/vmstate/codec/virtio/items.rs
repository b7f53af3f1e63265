//! Items and descriptions as the common part, every device part and every transport send them.

use super::super::super::flow::{Flow, Name};
use super::super::super::local::COMPARED;
use super::super::super::progress::{Engine, Walk};
use crate::dialect::Version;
use crate::wire::{Kind, Result};

/// Whether the loader is of release `major.minor` or later.
pub(super) fn from<'d, F: Flow<'d>>(walk: &Walk<'d, '_, F>, major: u32, minor: u32) -> bool {
    walk.context.release >= Version::new(major, minor, 0)
}

/// Walks a built-in description at its own version, in the current node.
pub(super) fn described<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, key: &str) -> Result<()> {
    let set = walk.context.set;
    match set.index_of(key).and_then(|index| Some((index, set.get(index)?.version_id))) {
        Some((index, version_id)) => walk.vmsd(index, version_id),
        None => Err(walk.fail(Kind::Undetermined(format!("description {key}")), "")),
    }
}

/// Runs `part` in a node below the current one.
pub(super) fn within<'d, F: Flow<'d>, T>(
    walk: &mut Walk<'d, '_, F>,
    name: &'static str,
    index: Option<u64>,
    part: impl FnOnce(&mut Walk<'d, '_, F>) -> Result<T>,
) -> Result<T> {
    let index = index.map(|i| u32::try_from(i).unwrap_or(u32::MAX));
    walk.flow.map_mut().enter(name, name, index);
    let value = part(walk)?;
    walk.flow.map_mut().leave();
    Ok(value)
}

/// One big-endian scalar of `width` bytes.
pub(super) fn scalar<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    name: &'static str,
    width: u32,
) -> Result<u64> {
    let info = match width {
        1 => "uint8",
        2 => "uint16",
        4 => "uint32",
        _ => "uint64",
    };
    walk.flow.scalars(Name::plain(name, info), width, 1)
}

/// One scalar that the loader compares with its own: the received and the local value. The local
/// one is only known where checks are to be made.
pub(super) fn compared<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    name: &'static str,
    width: u32,
) -> Result<(u64, Option<u64>)> {
    let local = walk.local_value(name).filter(|_| walk.flow.loads());
    let received = walk.flow.scalars(Name::plain(name, COMPARED), width, 1)?;
    Ok((received, local))
}

/// A refusal of the item `name` at `at`, when loading and `wrong`; `text` says why.
pub(super) fn refuse_if<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    wrong: bool,
    at: u64,
    name: &str,
    text: impl FnOnce() -> String,
) -> Result<()> {
    if wrong && walk.flow.loads() {
        return Err(walk.flow.fail(Kind::Check(text()), at, name));
    }
    Ok(())
}
