//! Descriptions as data: the one strict form in which every release's VMState tables are kept.
//!
//! A [`Tables`] file is what both importers (debugger tables, bundles of a stock binary) produce
//! and what `corpus/<release>/tables.json` holds. Names are QEMU's own. Nothing here knows how
//! to load; [`super::compile`] turns it into the form that the engine walks.
//!
//! | type | QEMU counterpart |
//! | --- | --- |
//! | [`Vmsd`] | `VMStateDescription` |
//! | [`Field`] | `VMStateField` |
//! | [`Kind`] | `flags & (VMS_STRUCT, VMS_VSTRUCT, ...)` with `info` or `vmsd` |
//! | [`Count`] | `vmstate_n_elems`: `VMS_ARRAY`, `VMS_VARRAY_*`, `VMS_MULTIPLY_ELEMENTS` |
//! | [`Size`] | `vmstate_size`: `field.size`, or `VMS_VBUFFER` with `VMS_MULTIPLY` |

mod handlers;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::handlers::{Answers, Body, Compat, Handler, Handlers};

/// Key of a description inside one release's [`Tables`]: the C symbol where the debugger gave
/// one (`vmstate_ide_drive`), else the vmsd name, with `#n` appended where one name has several
/// different descriptions.
pub type Key = String;

/// All descriptions of one release.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    /// The release these were read from, as in the corpus folder's name.
    pub release: String,
    /// Descriptions by key.
    pub vmsd: BTreeMap<Key, Vmsd>,
    /// What the source of these tables says that nothing here knows the meaning of, by the place
    /// where it says so: `vmstate_x`, `vmstate_x, field 3 (name)`. What depends on it is
    /// [`Kind::Unknown`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

/// What is unknown of a description that came from a bundle and is not in its dump: processors and boards
/// are in none. A load that depends on it is undetermined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// The minimum version: it is at most the one that was seen.
    #[serde(default)]
    pub minimum: bool,
    /// Subsections that were not sent.
    #[serde(default)]
    pub subsections: bool,
    /// Those that it may have; another it has not. Empty: it may have any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub among: Vec<String>,
}

impl Unknown {
    /// Whether it is open if there is a subsection of this name.
    #[must_use]
    pub fn may_have(&self, name: &str) -> bool {
        self.subsections && (self.among.is_empty() || self.among.iter().any(|n| n == name))
    }

    /// Whether nothing is unknown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Unknown::default()
    }
}

/// One `VMStateDescription`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vmsd {
    /// `.name`: what subsections are recognised by, and what messages print.
    pub name: String,
    /// `.version_id`: the highest version accepted, and the one nested structs are loaded with.
    pub version_id: u32,
    /// `.minimum_version_id`.
    pub minimum_version_id: u32,
    /// `.minimum_version_id_old` and `.load_state_old` (gone in 7.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<OldLoader>,
    /// `.needed` of a section-level description (2.4 and later): the C symbol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<String>,
    /// `.pre_load`: the C symbol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_load: Option<String>,
    /// `.post_load`: the C symbol. What it refuses is modelled by vmsd name in `vmstate::check`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_load: Option<String>,
    /// `.unmigratable`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unmigratable: bool,
    /// What its sources do not say; `untold` in the corpus.
    #[serde(default, rename = "untold", skip_serializing_if = "Unknown::is_empty")]
    pub unknown: Unknown,
    /// Where this description came from, when it was not read from this release itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited_from: Option<String>,
    /// Fields in wire order.
    pub fields: Vec<Field>,
    /// Subsections in table order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subsections: Vec<Subsection>,
}

/// `.load_state_old` with the lowest version that may use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldLoader {
    /// `.minimum_version_id_old`.
    pub minimum_version_id: u32,
    /// The C symbol of the hand-written loader, or `None` where there is no hook: up to 2.0 the
    /// loader then calls NULL, from 2.1 on (and 1.7.2) the minimum is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
}

/// A reference from a description to one of its subsections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subsection {
    /// Key of the subsection's description.
    pub vmsd: Key,
    /// The `needed` hook: its C symbol, where known. Never consulted on load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<String>,
}

/// One `VMStateField`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// `.name`.
    pub name: String,
    /// `.version_id`: the field is present from this version of its vmsd on, unless
    /// [`Field::exists`] says otherwise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version_id: u32,
    /// The presence hook; when given, it alone decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<Presence>,
    /// What one element is.
    pub kind: Kind,
    /// How many elements there are.
    #[serde(default, skip_serializing_if = "Count::is_one")]
    pub count: Count,
    /// Elements are reached through pointers (`VMS_ARRAY_OF_POINTER`): from 2.9 on a NULL element
    /// is one marker byte on the wire.
    #[serde(default, skip_serializing_if = "is_false")]
    pub array_of_pointer: bool,
    /// Every element has a marker byte before it (`VMS_ARRAY_OF_POINTER_AUTO_ALLOC`, 11.1).
    #[serde(default, skip_serializing_if = "is_false")]
    pub auto_alloc: bool,
    /// `VMS_MUST_EXIST`: an absent field fails the load.
    #[serde(default, skip_serializing_if = "is_false")]
    pub must_exist: bool,
    /// Set when type, presence or count was taken from another release's tables because this
    /// release's bundle leaves it open: that release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited_from: Option<String>,
}

/// How a field's presence is decided when it has a `field_exists` hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Presence {
    /// The C symbol of the hook; evaluated by `vmstate::presence`.
    Hook(String),
    /// A hook is known to exist, its name is not (bundles): the destination file says per machine
    /// type what the trace of a self-load showed. The string is the key of that observation,
    /// `vmsd name/field name/occurrence of that name among the fields`.
    Observed(String),
}

/// What one element of a field is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Kind {
    /// A codec by its `info` name (`uint32`, `timer`, `pci config`, `buffer`, `virtio`, ...) with
    /// the size of one element. The size matters to buffers; elsewhere it is the size in memory.
    Leaf {
        /// `VMStateInfo.name`.
        info: String,
        /// Bytes of one element.
        size: Size,
    },
    /// `VMS_STRUCT`: loaded with the nested description's own `version_id`.
    Struct {
        /// Key of the nested description.
        vmsd: Key,
    },
    /// `VMS_VSTRUCT` (3.0 and later): loaded with the given version.
    Vstruct {
        /// Key of the nested description.
        vmsd: Key,
        /// `.struct_version_id`.
        version_id: u32,
    },
    /// A codec that recurses into a description of its own: `tmp`, `qtailq`, `qlist`, `gtree`.
    /// The body is loaded with the field's `version_id`.
    Nested {
        /// `VMStateInfo.name`.
        info: String,
        /// Key of the body (for `gtree`: of the value).
        vmsd: Key,
        /// `gtree` only: key of the key's description; absent for a direct (be64) key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Key>,
    },
    /// The source of these tables does not say what is on the wire.
    Unknown {
        /// What is missing, in words; shown in `undetermined` verdicts.
        why: String,
    },
}

/// How many elements a field has.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Count {
    /// `VMS_SINGLE`.
    #[default]
    One,
    /// `VMS_ARRAY`.
    Fixed(u32),
    /// `VMS_VARRAY_*`: the value of an earlier field of the same description (a dotted path where
    /// it lies in a nested struct), times `multiply` (`VMS_MULTIPLY_ELEMENTS`).
    Field {
        /// Name of the counting field.
        name: String,
        /// Whether the counter is signed: then negative means none.
        #[serde(default, skip_serializing_if = "is_false")]
        signed: bool,
        /// Extra factor, 1 if there is none.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        multiply: u32,
    },
    /// `VMS_VARRAY_*` over memory that no field loads: a local value of the destination, which a
    /// table cannot know. `vmstate::local` knows the usual ones; `value` is what a description or
    /// trace of this release showed.
    Local {
        /// Observed number of elements.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<u32>,
    },
}

/// How many bytes one element has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Size {
    /// `field.size`.
    Fixed(u32),
    /// `VMS_VBUFFER`: the value of an earlier field, times `multiply` (`VMS_MULTIPLY`).
    Field {
        /// Name of the sizing field.
        name: String,
        /// Factor, 1 if there is none.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        multiply: u32,
    },
    /// `VMS_VBUFFER` in a subsection: the value of a field of the description that has it.
    Owner {
        /// Name of the sizing field.
        name: String,
    },
    /// `VMS_VBUFFER` over memory that no field loads; see [`Count::Local`].
    Local {
        /// Observed size in bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<u32>,
    },
}

impl Field {
    /// A field that is always there.
    #[must_use]
    pub fn plain(name: &str, kind: Kind, count: Count) -> Self {
        Field {
            name: name.to_owned(),
            version_id: 0,
            exists: None,
            kind,
            count,
            array_of_pointer: false,
            auto_alloc: false,
            must_exist: false,
            inherited_from: None,
        }
    }
}

impl Vmsd {
    /// A description of version 1 without anything but fields.
    #[must_use]
    pub fn plain(name: &str, fields: Vec<Field>) -> Self {
        Vmsd {
            name: name.to_owned(),
            version_id: 1,
            minimum_version_id: 1,
            fields,
            ..Vmsd::default()
        }
    }

    /// The name by which a VMDESCRIPTION calls field number `index`: with `[k]` where it is the
    /// `k`th of several fields of one name (`vmfield_get_type_name`, 2.3 on).
    #[must_use]
    pub fn described_as(&self, index: usize) -> String {
        let Some(field) = self.fields.get(index) else { return String::new() };
        let same = |fields: &[Field]| fields.iter().filter(|f| f.name == field.name).count();
        match same(&self.fields) {
            1 => field.name.clone(),
            _ => format!("{}[{}]", field.name, same(self.fields.get(..index).unwrap_or_default())),
        }
    }
}

impl Count {
    /// Whether this is a single element.
    #[must_use]
    pub fn is_one(&self) -> bool {
        matches!(self, Count::One)
    }
}

fn is_false(v: &bool) -> bool {
    !*v
}

fn is_zero(v: &u32) -> bool {
    *v == 0
}

fn one() -> u32 {
    1
}

fn is_one(v: &u32) -> bool {
    *v == 1
}
