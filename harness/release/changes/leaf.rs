//! Fields of two descriptions, and how similar two of them are.

use super::descriptions::Item;
use super::kind::Level;

/// Whether a field is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    Never,
    Hook,
    Always,
}

/// A field of a list, or of a struct in it that was opened.
#[derive(Debug, Clone)]
pub(super) struct Leaf<'d> {
    /// Name of its description.
    pub(super) owner: &'d str,
    /// The name by which it is compared.
    pub(super) canonical: String,
    /// What it is.
    pub(super) item: &'d Item,
    /// Whether it is there.
    pub(super) presence: Presence,
    /// One of several fields of its name, of which a hook chooses.
    pub(super) alternative: bool,
}

/// Whether a field is a struct that may be taken for the fields in it.
pub(super) fn is_opened(leaf: &Leaf<'_>) -> bool {
    leaf.item.nested.is_some() && leaf.item.count.is_none_or(|n| n == 1)
}

/// What a field that only one side has does.
pub(super) fn uncertain(leaf: &Leaf<'_>) -> Level {
    match leaf.presence {
        Presence::Always => Level::Breaks,
        _ if leaf.alternative => Level::Note,
        _ => Level::MayBreak,
    }
}

/// How much two fields look like one; 0: not at all.
pub(super) fn score(a: &Leaf<'_>, b: &Leaf<'_>) -> u32 {
    let long = u32::from(as_long(a.item, b.item));
    if a.item.unused || b.item.unused {
        return if a.item.unused && b.item.unused { 2 * long } else { 0 };
    }
    let named = if a.canonical == b.canonical { 4 } else { 0 };
    let laid_out = match (&a.item.nested, &b.item.nested) {
        (Some(one), Some(other)) if one.name == other.name => 3,
        _ => 0,
    };
    if named + laid_out == 0 { 0 } else { named + laid_out + long }
}

/// Whether two fields are as long as each other, as far as is known.
pub(super) fn as_long(a: &Item, b: &Item) -> bool {
    let (Some(one), Some(other)) = (a.size, b.size) else {
        return match (a.count, b.count) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
    };
    match (a.bytes(), b.bytes()) {
        (Some(one), Some(other)) => one == other,
        // Where a length is not told, a buffer may be one element or many.
        (all_one, all_other) => one == other || all_one == Some(other) || all_other == Some(one),
    }
}

/// How many of the fields the unused bytes stand for, if they fill them.
pub(super) fn fills(unused: &Leaf<'_>, fields: &[&Leaf<'_>]) -> Option<usize> {
    if !unused.item.unused || unused.presence != Presence::Always {
        return None;
    }
    let all = unused.item.bytes().or(unused.item.size)?;
    let sizes = fields.iter().map_while(|field| {
        let size = field.item.size.filter(|_| field.presence == Presence::Always)?;
        Some((size, field.item.count))
    });
    let mut left = all;
    for (index, (size, count)) in sizes.clone().enumerate() {
        let Some(rest) = left.checked_sub(size.checked_mul(count.unwrap_or(1))?) else { break };
        left = rest;
        if left == 0 {
            return Some(index + 1);
        }
    }
    // The last may be an array of a length that is not told.
    let mut left = all;
    for (index, (size, count)) in sizes.enumerate() {
        if count.is_none() && size > 0 && left > size && left.is_multiple_of(size) {
            return Some(index + 1);
        }
        left = left.checked_sub(size.checked_mul(count.unwrap_or(1))?)?;
    }
    None
}
