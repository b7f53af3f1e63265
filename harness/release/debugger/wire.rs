//! The debugger's files as they are written. What is expected and of no use on the wire (`_` names)
//! is passed over; what is not expected, as a later QEMU may add to its descriptions, is kept as
//! [`More`].

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::unknown_keys::More;

/// `tables/vmsd/<release>.json`, unpacked.
#[derive(Deserialize)]
pub(super) struct WireTables {
    pub(super) release: String,
    pub(super) flags: BTreeMap<String, u32>,
    pub(super) vmsd: BTreeMap<String, WireVmsd>,
    #[serde(flatten)]
    pub(super) more: More,
}

/// `VMStateDescription`.
#[derive(Deserialize)]
pub(super) struct WireVmsd {
    pub(super) symbol: String,
    pub(super) name: String,
    pub(super) version_id: u32,
    pub(super) minimum_version_id: u32,
    pub(super) minimum_version_id_old: Option<u32>,
    pub(super) load_state_old: Option<String>,
    pub(super) pre_load: Option<String>,
    pub(super) post_load: Option<String>,
    pub(super) needed: Option<String>,
    #[serde(default)]
    pub(super) unmigratable: u8,
    #[serde(default, rename = "pre_save")]
    _pre_save: IgnoredAny,
    #[serde(default, rename = "post_save")]
    _post_save: IgnoredAny,
    #[serde(default, rename = "priority")]
    _priority: IgnoredAny,
    /// Asked while a device is unplugged (4.2).
    #[serde(default, rename = "dev_unplug_pending")]
    _dev_unplug_pending: IgnoredAny,
    /// Decides where in the stream a section is written (8.0); a loader takes it anywhere.
    #[serde(default, rename = "early_setup")]
    _early_setup: IgnoredAny,
    pub(super) fields: Vec<WireField>,
    #[serde(default)]
    pub(super) subsections: Vec<WireSubsection>,
    #[serde(flatten)]
    pub(super) more: More,
}

/// A reference to a subsection.
#[derive(Deserialize)]
pub(super) struct WireSubsection {
    pub(super) vmsd: String,
    pub(super) needed: Option<String>,
    #[serde(flatten)]
    pub(super) more: More,
}

/// `VMStateField`; what is zero may be left out.
#[derive(Deserialize)]
pub(super) struct WireField {
    pub(super) name: String,
    pub(super) flags: u32,
    pub(super) size: u32,
    pub(super) offset: u64,
    pub(super) version_id: u32,
    #[serde(default)]
    pub(super) start: u64,
    #[serde(default)]
    pub(super) num: u32,
    #[serde(default)]
    pub(super) num_offset: u64,
    #[serde(default)]
    pub(super) size_offset: u64,
    #[serde(default)]
    pub(super) struct_version_id: u32,
    pub(super) info: Option<String>,
    pub(super) vmsd: Option<String>,
    pub(super) field_exists: Option<String>,
    #[serde(default, rename = "err_hint")]
    _err_hint: IgnoredAny,
    #[serde(flatten)]
    pub(super) more: More,
}

/// `SaveStateEntry`: an element of `tables/handlers/<release>/<machine>.<scenario>.json`.
#[derive(Deserialize)]
pub(super) struct WireHandler {
    pub(super) idstr: String,
    pub(super) instance_id: u32,
    /// Absent before 0.13, which knew no aliases.
    pub(super) alias_id: Option<i64>,
    pub(super) version_id: u32,
    pub(super) compat: Option<WireCompat>,
    pub(super) vmsd: Option<String>,
    pub(super) load_state: Option<String>,
    #[serde(default)]
    pub(super) ops: BTreeMap<String, String>,
    #[serde(default, rename = "section_id")]
    _section_id: IgnoredAny,
    #[serde(default, rename = "is_ram")]
    _is_ram: IgnoredAny,
    #[serde(default, rename = "no_migrate")]
    _no_migrate: IgnoredAny,
    #[serde(default, rename = "save_state")]
    _save_state: IgnoredAny,
    #[serde(default, rename = "save_live_state")]
    _save_live_state: IgnoredAny,
    #[serde(default, rename = "set_params")]
    _set_params: IgnoredAny,
    #[serde(flatten)]
    pub(super) more: More,
}

/// `CompatEntry`.
#[derive(Deserialize)]
pub(super) struct WireCompat {
    pub(super) idstr: String,
    pub(super) instance_id: u32,
}

/// Names of the flags that a field has set.
pub(super) struct Flags<'a>(pub(super) Vec<&'a str>);

impl Flags<'_> {
    /// What this importer understands or may ignore: `VMS_POINTER`, `VMS_ALLOC` and `VMS_BUFFER`
    /// tell where the bytes go in memory, not what is on the wire.
    pub(super) const KNOWN: [&'static str; 17] = [
        "VMS_SINGLE",
        "VMS_POINTER",
        "VMS_ARRAY",
        "VMS_STRUCT",
        "VMS_VARRAY_INT32",
        "VMS_BUFFER",
        "VMS_ARRAY_OF_POINTER",
        "VMS_VARRAY_UINT16",
        "VMS_VBUFFER",
        "VMS_MULTIPLY",
        "VMS_VARRAY_UINT8",
        "VMS_VARRAY_UINT32",
        "VMS_MUST_EXIST",
        "VMS_ALLOC",
        "VMS_MULTIPLY_ELEMENTS",
        "VMS_VSTRUCT",
        "VMS_ARRAY_OF_POINTER_AUTO_ALLOC",
    ];
    /// In the order in which `vmstate_n_elems` asks for them.
    const COUNTED: [&'static str; 4] =
        ["VMS_VARRAY_INT32", "VMS_VARRAY_UINT32", "VMS_VARRAY_UINT16", "VMS_VARRAY_UINT8"];

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// The flag of a run-time count, if there is one that decides.
    pub(super) fn counted(&self) -> Option<&'static str> {
        Self::COUNTED.into_iter().find(|name| self.has(name))
    }

    pub(super) fn is_struct(&self) -> bool {
        self.has("VMS_STRUCT") || self.has("VMS_VSTRUCT")
    }

    /// Whether the field's own memory holds just one element, so that an offset into it means
    /// that element.
    pub(super) fn is_plain(&self) -> bool {
        let elsewhere = ["VMS_POINTER", "VMS_ARRAY", "VMS_ARRAY_OF_POINTER", "VMS_VBUFFER"];
        self.counted().is_none() && !elsewhere.iter().any(|name| self.has(name))
    }
}
