//! What changed between the descriptions of two builds, and what each change does to a load.
//!
//! Both sides are brought into one form ([`descriptions`]): `-dump-vmstate` files, or the tables
//! of a release of the corpus. Sections are paired by device type and name, fields by their place
//! and [canonical](crate::vmstate::Renames::canonical) name ([`align`]), and each difference is
//! judged by what a loader does with it ([`compare`]): a field that is sent and not read shifts
//! all that follows, a version above the highest accepted one is refused, a subsection that is
//! not known is refused when it is sent. What a description does not say (what a presence hook
//! decides, what a codec puts on the wire) makes a change one that *may* break, never one that
//! does.
//!
//! | file | holds |
//! | --- | --- |
//! | [`descriptions`] | the common form, and its two sources |
//! | [`align`] | which field of one list is which of another |
//! | [`compare`] | two descriptions, and what breaks |
//! | `leaf` | two fields, and how much one looks like the other |
//! | [`gates`] | on which machine types a hook let a field through |
//! | [`kind`] | the kinds of changes, in sentences |

pub mod align;
pub mod compare;
pub mod descriptions;
pub mod gates;
pub mod kind;
mod leaf;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use descriptions::{Descriptions, DescriptionsError, Section};
pub use kind::{ChangeKind, Level};

use crate::vmstate::Renames;

/// One change, in every section that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it does to a load.
    pub level: Level,
    /// Description that it is in: the innermost one.
    pub description: String,
    /// What changed.
    pub what: ChangeKind,
    /// Sections that have the description, as they are called on the wire.
    pub sections: BTreeSet<String>,
    /// Device types that register those.
    pub devices: BTreeSet<String>,
}

/// All changes of one direction.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Those that break first; in each level by description, in order of the fields.
    pub list: Vec<Change>,
    /// How many sections were compared.
    pub compared: usize,
    /// Of them, how many have no change above a note.
    pub alike: usize,
}

impl Changes {
    /// Changes of a level.
    pub fn at(&self, level: Level) -> impl Iterator<Item = &Change> {
        self.list.iter().filter(move |change| change.level == level)
    }
}

/// What changed for streams that `from` writes and `to` loads.
#[must_use]
pub fn changes(from: &Descriptions, to: &Descriptions, renames: &Renames) -> Changes {
    let mut out = Changes::default();
    let mut groups: BTreeMap<(Level, String), Vec<(ChangeKind, usize)>> = BTreeMap::new();
    for pair in pairs(from, to) {
        let mut found = Vec::new();
        match pair.to {
            None => {
                let known = pair.from.types.iter().any(|name| to.has_type(name));
                let asked = !pair.from.types.is_empty() && to.has_types();
                let (level, what) = match known || !asked {
                    true => (Level::MayBreak, ChangeKind::SectionGone),
                    false => (Level::Breaks, ChangeKind::TypeGone { now: vec![] }),
                };
                found.push((level, pair.from.name.clone(), what));
            }
            Some(target) => {
                found.extend(pair.gone);
                compare::sections(pair.from, target, renames, &mut found);
                out.compared += 1;
                out.alike += usize::from(found.iter().all(|(level, ..)| *level == Level::Note));
            }
        }
        for (level, description, what) in found {
            let group = groups.entry((level, description.clone())).or_default();
            let index = match group.iter().find(|(known, _)| *known == what) {
                Some((_, index)) => *index,
                None => {
                    group.push((what.clone(), out.list.len()));
                    out.list.push(Change {
                        level,
                        description,
                        what,
                        sections: BTreeSet::new(),
                        devices: BTreeSet::new(),
                    });
                    out.list.len() - 1
                }
            };
            if let Some(change) = out.list.get_mut(index) {
                change.sections.insert(pair.from.name.clone());
                change.devices.extend(pair.from.types.iter().cloned());
            }
        }
    }
    out.list.sort_by(|a, b| (a.level, &a.description).cmp(&(b.level, &b.description)));
    out
}

/// A section of the source, and what becomes of it.
struct Pair<'d> {
    from: &'d Section,
    to: Option<&'d Section>,
    /// That its device type is gone, where another registers the section.
    gone: Option<(Level, String, ChangeKind)>,
}

fn pairs<'d>(from: &'d Descriptions, to: &'d Descriptions) -> Vec<Pair<'d>> {
    let own = |section: &&Section, name: &str| section.name == name;
    let mut pairs = Vec::new();
    for section in &from.sections {
        let shares = |other: &&Section| !other.types.is_disjoint(&section.types);
        let pair = |to, gone| Pair { from: section, to, gone };
        // One type may register several sections: the one of that name, if there is any.
        let typed = to.sections.iter().filter(shares);
        let named = || to.sections.iter().filter(|other| own(other, &section.name));
        if let Some(same) = typed.clone().find(|other| own(other, &section.name)) {
            pairs.push(pair(Some(same), None));
            continue;
        }
        let renamed = (!from.several(section)).then(|| typed.clone().next()).flatten();
        if let Some(other) = renamed {
            pairs.push(pair(Some(other), None));
            continue;
        }
        // Where nobody says which types there are, the name is all.
        let best = named().max_by_key(|other| compare::likeness(section, other));
        let untyped = section.types.is_empty() || best.is_some_and(|b| b.types.is_empty());
        if best.is_none() || untyped || from.board_only(section) {
            pairs.push(pair(best, None));
            continue;
        }
        let now: Vec<String> = named().flat_map(|other| other.types.iter().cloned()).collect();
        // A base class, or a variant: others that send the same go on.
        let others = from
            .sections
            .iter()
            .filter(|other| own(other, &section.name) && other.types.is_disjoint(&section.types));
        let goes_on = others.flat_map(|other| &other.types).any(|name| now.contains(name));
        let level = if goes_on { Level::Note } else { Level::MayBreak };
        let gone = (level, section.name.clone(), ChangeKind::TypeGone { now });
        pairs.push(pair(best, Some(gone)));
    }
    pairs
}
