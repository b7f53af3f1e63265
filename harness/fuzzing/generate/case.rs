//! A whole case: a source, what became of it in the destination, the framing, and a feed.

use super::evolve::evolve;
use super::stream::{self, Framing, Written};
use super::values::Generated;
use super::{Feature, Features, Side};
use crate::dialect::{AfterEnd, CommandRules, Dialect, OldVersions, Subsections, Version};
use crate::fuzzing::Outcome;
use crate::fuzzing::ambiguity::Truth;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::dice::Dice;
use crate::fuzzing::oracle::{self, To};
use crate::stream::{Destination, load_bytes};
use crate::wire::{Feed, Refill};

/// What a destination must do about subsections, old versions and the end. Said once more here,
/// beside the dialect room, so that a mistake there is noticed.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Name in tables of counts: the first release with these rules.
    pub name: &'static str,
    /// A release that has them.
    pub release: Version,
    /// How a subsection is recognised.
    pub subsections: Subsections,
    /// How hard the look-ahead tries.
    pub look_ahead: Refill,
    /// Whether the error flag is looked at after each element.
    pub checks_elements: bool,
    /// Whether a field that must exist is asked for.
    pub validates: bool,
    /// Versions below the minimum.
    pub old_versions: OldVersions,
    /// What is read after the end-of-stream byte.
    pub after_end: AfterEnd,
    /// Whether there are commands.
    pub commands: bool,
}

impl Rules {
    const fn new(name: &'static str, release: Version, subsections: Subsections) -> Self {
        Rules {
            name,
            release,
            subsections,
            look_ahead: Refill::Once,
            checks_elements: false,
            validates: false,
            old_versions: OldVersions::Always,
            after_end: AfterEnd::Nothing,
            commands: false,
        }
    }

    /// These rules, with all else as in `dialect`.
    #[must_use]
    pub fn applied(self, dialect: &Dialect) -> Dialect {
        Dialect {
            subsections: self.subsections,
            look_ahead: self.look_ahead,
            checks_elements: self.checks_elements,
            validates: self.validates,
            old_versions: self.old_versions,
            after_end: self.after_end,
            commands: self.commands.then_some(CommandRules::NEWEST),
            flat_subsections: self.subsections == Subsections::OneByteListed,
            aliases: self.subsections != Subsections::None,
            ..dialect.clone()
        }
    }
}

/// The sets of rules that differ in how subsections are found.
pub const RULES: [Rules; 5] = [
    Rules::new("0.12", Version::new(0, 12, 5), Subsections::None),
    Rules::new("0.13", Version::new(0, 13, 0), Subsections::OneByte),
    Rules::new("0.14", Version::new(0, 14, 1), Subsections::OneByteListed),
    Rules::new("1.0", Version::new(1, 0, 1), Subsections::Prefix),
    Rules {
        look_ahead: Refill::Full,
        checks_elements: true,
        validates: true,
        old_versions: OldVersions::Never,
        after_end: AfterEnd::IfLocal,
        commands: true,
        ..Rules::new("2.1", Version::new(10, 0, 0), Subsections::Prefix)
    },
];

/// See the module documentation.
#[derive(Debug)]
pub struct Case {
    /// The writer.
    pub source: Side,
    /// The reader.
    pub destination: Side,
    /// What both agree on.
    pub framing: Framing,
    /// How the bytes arrive.
    pub feed: Feed,
    /// What the case makes use of.
    pub features: Features,
    /// The writer, compiled.
    pub by: Destination,
}

impl Case {
    /// Makes a case whose destination evolved from the source, if `evolves`, and compiles that
    /// destination. `None` if the
    /// generator made something that does not compile, which is counted.
    pub fn make(
        dice: &mut Dice<'_>,
        evolves: bool,
        counts: &mut Counts,
    ) -> Option<(Self, Destination)> {
        let mut features = Features::default();
        let framing = Framing::choose(dice, &mut features);
        let feed = feed(dice);
        let mut source = stream::source(dice, &mut features);
        let mut destination = source.clone();
        if evolves {
            evolve(&mut source, &mut destination, dice, &mut features);
            if dice.one_in(3) && destination.is_sound() {
                features.add(Feature::NewerToOlder);
                std::mem::swap(&mut source, &mut destination);
            }
        }
        let (Ok(mut by), Ok(to)) = (source.compile(), destination.compile()) else {
            counts.other("not compiled");
            return None;
        };
        by.dialect = framing.dialect(by.version);
        Some((Case { source, destination, framing, feed, features, by }, to))
    }

    /// Writes the stream, and counts the case. `None` if the values do not fit (a version below a
    /// nested minimum), which is counted, too.
    pub fn write(&self, dice: &mut Dice<'_>, counts: &mut Counts) -> Option<Written<'_>> {
        let mut features = self.features;
        let mut values =
            Generated::new(dice, &mut features, &self.by.set, &self.destination.tables);
        let sections = self.source.handlers.handlers.len();
        let Ok(written) = stream::write(&self.by, sections, self.framing, &mut values) else {
            counts.other("not writable");
            return None;
        };
        counts.cases += 1;
        counts.features.0 |= features.0;
        Some(written)
    }
}

/// Runs `each` on the destination `to`, described by `side`, by the rules of each dialect.
///
/// # Errors
/// That of `each`.
pub fn by_every_rule(
    to: &mut Destination,
    side: &Side,
    framing: Framing,
    mut each: impl FnMut(To<'_>) -> Outcome,
) -> Outcome {
    for rules in RULES {
        to.dialect = framing.dialect(rules.release);
        let expected = rules.applied(&to.dialect);
        each(To { rules: rules.name, side, compiled: to, expected: &expected })?;
    }
    Ok(())
}

/// Loads what is true into a destination and holds the outcome against it.
///
/// # Errors
/// A reproducer in words.
pub fn decode(truth: Truth<'_, '_>, to: To<'_>, feed: &Feed, counts: &mut Counts) -> Outcome {
    let loaded = load_bytes(to.compiled, truth.bytes, feed);
    oracle::check(truth, to, feed, &loaded, counts).map(|_| ())
}

/// A feed that every prediction can follow.
pub fn feed(dice: &mut Dice<'_>) -> Feed {
    match dice.below(4) {
        0 | 1 => Feed::Bulk,
        2 => Feed::Trickle(1 + dice.below(32)),
        _ => {
            let count = 1 + dice.below(4);
            Feed::Schedule((0..count).map(|_| 1 + dice.below(40)).collect())
        }
    }
}
