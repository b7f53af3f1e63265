//! Generators: description trees, their evolution, values, and the framing around them.
//!
//! | file | makes |
//! | --- | --- |
//! | [`tree`] | descriptions as a source has them |
//! | [`evolve`] | what became of them in the destination |
//! | [`values`] | the bytes of items, and which subsections are sent |
//! | [`pairs`] | source and destination, made once for the same choices |
//! | [`rules`] | by what rules a destination loads |
//! | [`case`] | source, destination, framing and feed together |
//! | [`stream`] | header, sections, footers, end: a whole stream with the map of what is where |

pub mod case;
pub mod evolve;
pub mod pairs;
pub mod rules;
pub mod stream;
pub mod tree;
pub mod values;

use crate::release::library;
use crate::stream::Destination;
use crate::vmstate::Renames;
use crate::vmstate::schema::{Handlers, Tables};

/// One release, made up: descriptions, and handlers on a machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Side {
    /// Descriptions.
    pub tables: Tables,
    /// Registered handlers, and the outcomes of presence hooks that depend on the machine.
    pub handlers: Handlers,
}

impl Side {
    /// Whether it could be a source: no description lists two subsections of one name.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let name = |key: &str| self.tables.vmsd.get(key).map(|v| v.name.as_str());
        self.tables.vmsd.values().all(|vmsd| {
            let names: Vec<_> = vmsd.subsections.iter().map(|s| name(&s.vmsd)).collect();
            names.iter().enumerate().all(|(i, name)| !names.iter().take(i).any(|n| n == name))
        })
    }

    /// Whether each subsection's name begins with that of its owner, as the prefix rule asks for.
    #[must_use]
    pub fn is_well_named(&self) -> bool {
        let named = |key: &str, owner: &str| {
            self.tables.vmsd.get(key).is_some_and(|v| v.name.starts_with(owner) && v.name != owner)
        };
        self.tables.vmsd.values().all(|v| v.subsections.iter().all(|s| named(&s.vmsd, &v.name)))
    }

    /// Compiles both into something that a stream can be loaded into.
    ///
    /// # Errors
    /// What does not fit, in words: a fault of the generator.
    pub fn compile(&self) -> Result<Destination, String> {
        library::build(&self.handlers, &self.tables, &Renames::default())
    }
}

/// What a generated case makes use of; counted, so that a test can demand each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Feature {
    NestedStruct,
    StructArray,
    VersionedStruct,
    List,
    ScalarArray,
    VariableArray,
    Buffer,
    VariableBuffer,
    Unused,
    MarkedPointers,
    VersionedField,
    Subsection,
    SubsectionOfNested,
    SubsectionOfSubsection,
    SubsectionSent,
    PrefixName,
    SpelledRecord,
    MagicByte,
    FieldAdded,
    FieldRemoved,
    FieldWidened,
    FieldsSwapped,
    VersionBumped,
    BumpForgotten,
    SubsectionAdded,
    SubsectionRemoved,
    SubsectionRenamed,
    SubsectionMoved,
    MinimumRaised,
    GatedField,
    Unmodelled,
    NewerToOlder,
    Footers,
    SeveralSections,
    Description,
    SectionPrefixed,
    SectionAliased,
    Commands,
    HollowElements,
    Tree,
    Temporary,
    NullPointers,
    Bitmap,
    CountedBitmap,
    OldLoader,
}

/// The features of a case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features(pub u64);

impl Features {
    /// Notes one.
    pub fn add(&mut self, feature: Feature) {
        self.0 |= 1 << feature as u8;
    }

    /// Whether one was noted.
    #[must_use]
    pub fn has(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u8 != 0
    }
}
