//! Evolution: how a release's descriptions have changed by the time of the destination.
//!
//! Right steps (a field with a version of its own, a bumped section) and wrong ones (the bump
//! forgotten, a nested version bumped, a subsection moved) alike: which of them can be survived
//! is what is being asked.

use super::tree::{SCALARS, Tree, scalar};
use super::{Feature, Features, Side};
use crate::fuzzing::dice::Dice;
use crate::vmstate::old::leaf;
use crate::vmstate::schema::{
    Body, Compat, Count, Field, Handlers, Kind, OldLoader, Presence, Size, Subsection, Vmsd,
};

/// A hook that takes any description: its first field, and what it adds to that (codecs 4).
pub const OLD_HOOK: &str = "i440fx_load_old";

/// Changes `destination`, which begins as a copy of `source`, in up to three steps. A gated field
/// changes the source, too: both have the hook, the machine decides.
pub fn evolve(
    source: &mut Side,
    destination: &mut Side,
    dice: &mut Dice<'_>,
    features: &mut Features,
) {
    for _ in 0..dice.below(4) {
        step(source, destination, dice, features);
    }
    for side in [source, destination] {
        for handler in &mut side.handlers.handlers {
            if let Body::Vmsd(key) = &handler.body
                && let Some(vmsd) = side.tables.vmsd.get(key)
            {
                handler.version_id = vmsd.version_id;
            }
        }
    }
}

fn step(source: &mut Side, destination: &mut Side, dice: &mut Dice<'_>, features: &mut Features) {
    let count = destination.tables.vmsd.len();
    let Some(key) = destination.tables.vmsd.keys().nth(dice.below(count)).cloned() else { return };
    let kind = dice.below(11);
    match kind {
        6 => return add_subsection(destination, &key, dice, features),
        8 => return move_subsection(destination, &key, dice, features),
        9 => return gate(source, destination, &key, dice, features),
        _ => {}
    }
    let rare = if kind == 10 { dice.below(4) } else { 0 };
    if rare == 1 {
        return old_loader(source, destination, &key, dice, features);
    }
    let Some(vmsd) = destination.tables.vmsd.get_mut(&key) else { return };
    match kind {
        0 => bump(vmsd, features),
        1 => add_field(vmsd, dice, features),
        2 => {
            if !vmsd.fields.is_empty() {
                features.add(Feature::FieldRemoved);
                vmsd.fields.remove(dice.below(vmsd.fields.len()));
                maybe_bump(vmsd, dice, features);
            }
        }
        3 => {
            features.add(Feature::MinimumRaised);
            maybe_bump(vmsd, dice, features);
            vmsd.minimum_version_id = vmsd.version_id;
        }
        4 => {
            let at = dice.below(vmsd.fields.len());
            if at + 1 < vmsd.fields.len() {
                features.add(Feature::FieldsSwapped);
                vmsd.fields.swap(at, at + 1);
                maybe_bump(vmsd, dice, features);
            }
        }
        5 => {
            let at = dice.below(vmsd.fields.len());
            if let Some(field) = vmsd.fields.get_mut(at)
                && let Kind::Leaf { info, size } = &mut field.kind
                && let Some((wide, width)) = dice.pick(&SCALARS)
            {
                features.add(Feature::FieldWidened);
                *info = (*wide).to_string();
                *size = Size::Fixed(*width);
                maybe_bump(vmsd, dice, features);
            }
        }
        7 => rename_or_remove(vmsd, &key, dice, features),
        _ => {
            let at = dice.below(vmsd.fields.len());
            match (rare, vmsd.fields.get_mut(at)) {
                (3, Some(field)) => {
                    features.add(Feature::Unmodelled);
                    field.kind = Kind::Unknown { why: "a generated gap".to_string() };
                }
                (2, _) => rename_handler(&mut destination.handlers, dice, features),
                _ => {}
            }
        }
    }
}

/// Raises the minimum above all that the source sends, and leaves what is below to a hook; mostly the
/// source then sends what that reads.
fn old_loader(
    source: &mut Side,
    destination: &mut Side,
    key: &str,
    dice: &mut Dice<'_>,
    features: &mut Features,
) {
    let written = 1 + dice.below(2) as u32;
    let (Some(older), Some(newer)) =
        (source.tables.vmsd.get_mut(key), destination.tables.vmsd.get_mut(key))
    else {
        return;
    };
    features.add(Feature::OldLoader);
    let load = (!dice.one_in(4)).then(|| OLD_HOOK.to_string());
    newer.old = Some(OldLoader { minimum_version_id: dice.below(3) as u32, load });
    newer.version_id = newer.version_id.max(3);
    newer.minimum_version_id = newer.version_id;
    if dice.one_in(4) {
        return;
    }
    older.version_id = written;
    older.minimum_version_id = older.minimum_version_id.min(written);
    older.subsections.clear();
    older.fields.truncate(1);
    older.fields.extend(old_fields(written));
}

/// What the hook reads behind the first field, by version.
fn old_fields(version: u32) -> impl Iterator<Item = Field> {
    let levels = leaf("irq_levels", "uint32", 4, Count::Fixed(4));
    let smm = leaf("smm_enabled", "uint8", 1, Count::One);
    [smm, levels].into_iter().take(version as usize)
}

/// Gives a section a bus path before its name, or another instance, and lets it be known by the old
/// one, too.
fn rename_handler(handlers: &mut Handlers, dice: &mut Dice<'_>, features: &mut Features) {
    let at = dice.below(handlers.handlers.len());
    let Some(handler) = handlers.handlers.get_mut(at).filter(|h| h.compat.is_none()) else {
        return;
    };
    if dice.below(2) == 1 {
        features.add(Feature::SectionPrefixed);
        let compat = Compat { idstr: handler.idstr.clone(), instance_id: handler.instance_id };
        handler.idstr = format!("bus/{}", handler.idstr);
        handler.compat = Some(compat);
    } else {
        features.add(Feature::SectionAliased);
        handler.alias_id = i64::from(handler.instance_id);
        handler.instance_id += 1;
    }
}

fn bump(vmsd: &mut Vmsd, features: &mut Features) {
    features.add(Feature::VersionBumped);
    vmsd.version_id += 1;
}

fn maybe_bump(vmsd: &mut Vmsd, dice: &mut Dice<'_>, features: &mut Features) {
    if dice.below(2) == 1 {
        bump(vmsd, features);
    } else {
        features.add(Feature::BumpForgotten);
    }
}

fn add_field(vmsd: &mut Vmsd, dice: &mut Dice<'_>, features: &mut Features) {
    features.add(Feature::FieldAdded);
    let mut field = scalar(format!("g{}", vmsd.fields.len()), dice);
    if dice.below(2) == 1 {
        bump(vmsd, features);
        field.version_id = vmsd.version_id;
    } else {
        features.add(Feature::BumpForgotten);
    }
    // Most are added at the end, as reviewers ask for.
    let at = if dice.below(2) == 1 { vmsd.fields.len() } else { dice.below(vmsd.fields.len() + 1) };
    vmsd.fields.insert(at, field);
}

/// Gives the description another name, or takes a subsection from it.
fn rename_or_remove(vmsd: &mut Vmsd, key: &str, dice: &mut Dice<'_>, features: &mut Features) {
    if !vmsd.subsections.is_empty() && dice.below(2) == 1 {
        features.add(Feature::SubsectionRemoved);
        vmsd.subsections.remove(dice.below(vmsd.subsections.len()));
    } else if key != "k0" {
        features.add(Feature::SubsectionRenamed);
        vmsd.name =
            if dice.below(2) == 1 { "other".to_string() } else { format!("{}2", vmsd.name) };
    }
}

fn add_subsection(destination: &mut Side, key: &str, dice: &mut Dice<'_>, features: &mut Features) {
    let owner = destination.tables.vmsd.get(key).map_or_else(String::new, |v| v.name.clone());
    features.add(Feature::SubsectionAdded);
    let mut tree = Tree { tables: &mut destination.tables, dice, features };
    let name = tree.name(&owner);
    let inner = tree.extra(name);
    let at = dice.below(2);
    if let Some(vmsd) = destination.tables.vmsd.get_mut(key) {
        let at = at.min(vmsd.subsections.len());
        vmsd.subsections.insert(at, Subsection { vmsd: inner, needed: None });
    }
}

/// Moves a subsection to another description: half of the time to the one that its owner's last
/// nested field has, where a reader comes upon it first.
fn move_subsection(
    destination: &mut Side,
    key: &str,
    dice: &mut Dice<'_>,
    features: &mut Features,
) {
    let vmsd = &mut destination.tables.vmsd;
    let Some(any) = vmsd.keys().nth(dice.below(vmsd.len())).cloned() else { return };
    // If it has none, that of another: what a move makes is what was argued about most.
    let has = |v: &Vmsd| !v.subsections.is_empty();
    let other = vmsd.iter().find(|(_, v)| has(v)).map(|(key, _)| key.clone());
    let own = vmsd.get(key).is_some_and(has);
    let key = &other.filter(|_| !own).unwrap_or_else(|| key.to_string());
    let Some(owner) = vmsd.get_mut(key) else { return };
    let Some(moved) = owner.subsections.pop() else { return };
    features.add(Feature::SubsectionMoved);
    let deeper = owner.fields.iter().rev().find_map(|field| match &field.kind {
        Kind::Struct { vmsd } | Kind::Vstruct { vmsd, .. } | Kind::Nested { vmsd, .. } => {
            Some(vmsd.clone())
        }
        _ => None,
    });
    let to = deeper.filter(|_| dice.below(2) == 1).unwrap_or(any);
    let to = if to == moved.vmsd { key } else { &to };
    if let Some(vmsd) = vmsd.get_mut(to) {
        vmsd.subsections.push(moved);
    }
}

/// Makes the presence of a field depend on the machine: there in the source, or only in the
/// destination.
fn gate(
    source: &mut Side,
    destination: &mut Side,
    key: &str,
    dice: &mut Dice<'_>,
    features: &mut Features,
) {
    let at = dice.below(destination.tables.vmsd.get(key).map_or(0, |v| v.fields.len()));
    let there = dice.below(2) == 1;
    let name = destination
        .tables
        .vmsd
        .get(key)
        .and_then(|v| v.fields.get(at))
        .map_or_else(String::new, |f| f.name.clone());
    let gate = format!("{key}/{name}");
    for side in [&mut *source, &mut *destination] {
        let vmsd = side.tables.vmsd.get_mut(key);
        if let Some(field) = vmsd.and_then(|v| v.fields.iter_mut().find(|f| f.name == name)) {
            field.exists = Some(Presence::Observed(gate.clone()));
        }
    }
    features.add(Feature::GatedField);
    source.handlers.observed.insert(gate.clone(), there);
    destination.handlers.observed.insert(gate, !there);
}
