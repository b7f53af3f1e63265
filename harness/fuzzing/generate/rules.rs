//! What a destination must do about subsections, old versions and the end: stated a second time,
//! independently of the room `dialect`, so that a mistake there is noticed.

use crate::dialect::{AfterEnd, CommandRules, Dialect, OldVersions, Subsections, Version};
use crate::wire::Refill;

/// See the module documentation.
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
