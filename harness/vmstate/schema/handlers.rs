//! Destinations as they are kept in the corpus: the handlers that are registered, and what the
//! configuration decides of their sections.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::Key;
#[cfg(doc)]
use super::{Presence, Tables};

/// One destination of a release: a machine type with a device set, and the handlers that are
/// registered there. `corpus/<release>/destinations/<machine>.<scenario>.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handlers {
    /// The release.
    pub release: String,
    /// Machine type, never an alias.
    pub machine: String,
    /// Scenario (device set).
    pub scenario: String,
    /// `debugger` or `bundle`.
    pub origin: String,
    /// Registered handlers in list order, as `find_se` searches them.
    pub handlers: Vec<Handler>,
    /// Results of hooks whose names are not known, by the key in [`Presence::Observed`], where
    /// they are the same for every device. [`Handler::answers`] come first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observed: BTreeMap<String, bool>,
    /// As [`Tables::more`], by handler.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

/// One `SaveStateEntry`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handler {
    /// `.idstr`, with the bus path where there is one.
    pub idstr: String,
    /// `.instance_id`.
    pub instance_id: u32,
    /// `.alias_id`; -1 for ordinary descriptions, 0 for old-style and live handlers.
    pub alias_id: i64,
    /// `.version_id`: the highest section version accepted.
    pub version_id: u32,
    /// `.compat`: the name and instance under which 0.12 knew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compat: Option<Compat>,
    /// What loads the section.
    pub body: Body,
    /// What the configuration of this destination decides of the section's layout.
    #[serde(default, skip_serializing_if = "Answers::is_empty")]
    pub answers: Answers,
    /// The release whose handler list gave alias or compat ids, where a bundle leaves them open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited_from: Option<String>,
}

/// What the configuration of a destination decides of one section's layout, which its description
/// leaves open: presence by hooks that look at the device, and numbers of elements and bytes that
/// lie in memory which no field loads. By path inside the section: names of fields as a
/// VMDESCRIPTION gives them (`config[1]` is the second field of that name) and names of
/// subsections, joined by dots; elements of an array share a path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Whether a field with a presence hook is there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub present: BTreeMap<String, bool>,
    /// How many elements a field has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub count: BTreeMap<String, u32>,
    /// How many bytes (of a bitmap: bits) one element has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub size: BTreeMap<String, u32>,
}

impl Answers {
    /// Whether nothing is decided.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.present.is_empty() && self.count.is_empty() && self.size.is_empty()
    }

    /// Takes over what `other` decides.
    pub fn extend(&mut self, other: &Answers) {
        self.present.extend(other.present.iter().map(|(path, is)| (path.clone(), *is)));
        self.count.extend(other.count.iter().map(|(path, n)| (path.clone(), *n)));
        self.size.extend(other.size.iter().map(|(path, n)| (path.clone(), *n)));
    }

    /// Whether anything is decided at a path or inside it.
    #[must_use]
    pub fn has_below(&self, path: &str) -> bool {
        fn any<V>(map: &BTreeMap<String, V>, path: &str) -> bool {
            let from = map.range::<str, _>((Bound::Included(path), Bound::Unbounded));
            let mut below = from.map_while(|(key, _)| key.strip_prefix(path));
            below.any(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('.'))
        }
        any(&self.present, path) || any(&self.count, path) || any(&self.size, path)
    }

    /// The path of `name` in the struct or subsection at `path`; the section itself is at the empty
    /// path.
    #[must_use]
    pub fn join(path: &str, name: &str) -> String {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    }
}

/// `CompatEntry`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compat {
    /// The name without a bus path.
    pub idstr: String,
    /// Its counter.
    pub instance_id: u32,
}

/// What loads a section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Body {
    /// A description, by key.
    Vmsd(Key),
    /// A hand-written loader, by the C symbol (`ram_load`, `virtio_net_load`, `cpu_load`, ...).
    Loader(String),
}
