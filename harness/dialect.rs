//! Room `dialect`: the framing rules that differ between releases, as one value.
//!
//! [`Dialect::of`] chooses by version and machine type; every field may be overridden. The facts
//! are those of the wire reference; the release in a comment is the first with that rule.
//!
//! | rule | 0.12 | 0.13 | 0.14-0.15 | 1.0-2.0 | 2.1-2.3 | 2.4+ |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | subsections | none | one byte | one byte, listed | prefix | prefix | prefix |
//! | look-ahead | - | - | - | one refill | full | full |
//! | footers, configuration | - | - | - | - | - | by machine type |

// Names and versions from outside reach this room: nothing here may panic.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod any;
pub mod capabilities;
pub mod commands;
pub mod machine;
pub mod order;
pub mod ram;
pub mod version;

pub use capabilities::Capabilities;
pub use machine::Generation;
pub use ram::RamRules;
pub use version::Version;

use crate::wire::{Fault, Refill, planted};
pub use commands::CommandRules;

/// How a loader decides that a subsection follows (wire reference 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsections {
    /// 0.12: there are none.
    None,
    /// 0.13: a byte 05 after any description.
    OneByte,
    /// 0.14 and 0.15: a byte 05 after a description that lists subsections.
    OneByteListed,
    /// 1.0 on: byte 05, a long enough length, and a name that starts with the description's own.
    Prefix,
}

/// What happens to a version below the minimum (4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldVersions {
    /// Up to 2.0: `load_state_old` from `minimum_version_id_old` on; without a hook, a crash.
    Always,
    /// 2.1 to 6.2, 1.7.2: only with a hook.
    WithHook,
    /// 7.0 on: refused.
    Never,
}

/// How PART and END find their handler (3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartLookup {
    /// Up to 2.9: the newest START or FULL record with that id.
    Newest,
    /// 2.10 on: the first handler in list order whose stored id, initially 0, is that id.
    Handlers,
}

/// What is read after the end-of-stream byte (2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterEnd {
    /// Up to 2.2: nothing.
    Nothing,
    /// 2.3: one more byte, always.
    Always,
    /// 2.4 on: one more byte where the local machine sends a description.
    IfLocal,
}

/// The configuration section (2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Configuration {
    /// `configuration/target-page-bits` is known (2.8).
    pub page_bits: bool,
    /// `configuration/capabilities` is known (4.0).
    pub capabilities: bool,
    /// The `mapped-ram` capability is known (9.0).
    pub mapped_ram: bool,
    /// `configuration/uuid` is known (4.2).
    pub uuid: bool,
}

/// Pointer elements of arrays (4.2 step 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointerMarkers {
    /// Up to 2.8: a NULL element is a crash.
    None,
    /// 2.9 to 11.0: one byte 0x30 for a NULL element.
    Null,
    /// 11.1: as before, and 0x31 before an auto-allocated one.
    NullOrValid,
}

/// The rules of one release on one machine type. See the module documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// Subsection recognition.
    pub subsections: Subsections,
    /// How hard the look-ahead for subsections tries.
    pub look_ahead: Refill,
    /// 0.14 and 0.15 assert that a subsection has no subsections.
    pub flat_subsections: bool,
    /// 2.4 to 3.0: a subsection without `needed` ends the list.
    pub needless_ends_list: bool,
    /// Versions below the minimum.
    pub old_versions: OldVersions,
    /// 2.1 on: the file's error flag is looked at after each element.
    pub checks_elements: bool,
    /// 2.1 on (1.7.2, 2.0.2): `VMS_MUST_EXIST` and the range checks that came with it.
    pub validates: bool,
    /// 0.13 on: aliases and compat entries in section lookup.
    pub aliases: bool,
    /// How PART and END find their handler.
    pub part_lookup: PartLookup,
    /// 2.4 on: an empty or cut section name is refused.
    pub checks_idstr: bool,
    /// Configuration section: known to the release and on for the machine type.
    pub configuration: Option<Configuration>,
    /// Section footers: on for the machine type.
    pub footers: bool,
    /// What is read after the end-of-stream byte.
    pub after_end: AfterEnd,
    /// Whether the local machine type sends a description.
    pub description: bool,
    /// Commands, from 2.5 on.
    pub commands: Option<CommandRules>,
    /// 0.14 on: refuses to load when a handler is unmigratable.
    pub blocks_unmigratable: bool,
    /// NULL pointers in arrays.
    pub pointers: PointerMarkers,
    /// Rules of the `ram` section.
    pub ram: RamRules,
    /// What the destination was started with; `None`: whatever a stream wants.
    pub capabilities: Option<Capabilities>,
}

impl Dialect {
    /// The rules of a release on a machine type.
    #[must_use]
    pub fn of(version: Version, machine: &str) -> Self {
        let generation = Generation::of(machine);
        let from = |major, minor| version >= Version::new(major, minor, 0);
        let framed = from(2, 4) && generation.is_none_or(|g| g >= Generation::new(2, 4));
        // Back-ports of 2.1's validation to the stable lines.
        let validates =
            from(2, 1) || version.is_stable_from(1, 7, 2) || version.is_stable_from(2, 0, 2);
        Dialect {
            subsections: match () {
                () if from(1, 0) && !planted(Fault::OneByteRule) => Subsections::Prefix,
                () if from(0, 14) && !planted(Fault::OneByteRule) => Subsections::OneByteListed,
                () if from(0, 13) => Subsections::OneByte,
                () => Subsections::None,
            },
            look_ahead: match () {
                () if planted(Fault::LookAheadOnce) => Refill::Once,
                () if from(2, 1) || planted(Fault::LookAheadFull) => Refill::Full,
                () => Refill::Once,
            },
            flat_subsections: from(0, 14) && !from(1, 0),
            needless_ends_list: from(2, 4) && !from(3, 1),
            old_versions: match () {
                () if from(7, 0) => OldVersions::Never,
                () if from(2, 1) || version.is_stable_from(1, 7, 2) => OldVersions::WithHook,
                () => OldVersions::Always,
            },
            checks_elements: from(2, 1),
            validates,
            aliases: from(0, 13) && !planted(Fault::AliasesIgnored),
            part_lookup: if from(2, 10) { PartLookup::Handlers } else { PartLookup::Newest },
            checks_idstr: from(2, 4),
            configuration: framed.then(|| Configuration {
                page_bits: from(2, 8),
                capabilities: from(4, 0),
                mapped_ram: from(9, 0),
                uuid: from(4, 2),
            }),
            footers: framed,
            after_end: match () {
                () if from(2, 4) => AfterEnd::IfLocal,
                () if from(2, 3) => AfterEnd::Always,
                () => AfterEnd::Nothing,
            },
            description: from(2, 3) && generation.is_none_or(|g| g >= Generation::new(2, 3)),
            commands: CommandRules::of(version),
            blocks_unmigratable: from(0, 14),
            pointers: match () {
                () if from(11, 1) => PointerMarkers::NullOrValid,
                () if from(2, 9) => PointerMarkers::Null,
                () => PointerMarkers::None,
            },
            ram: RamRules::of(version),
            capabilities: Some(Capabilities::default()),
        }
    }
}

#[cfg(test)]
mod tests;
