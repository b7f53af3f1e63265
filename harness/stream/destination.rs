//! What a stream is loaded into: a release on a machine type with a device set.

use crate::dialect::{Dialect, Version};
use crate::vmstate::flow::c_string;
use crate::vmstate::{Local, Set};

/// A decoder: dialect, registered handlers, descriptions, local values.
#[derive(Debug)]
pub struct Destination {
    /// Name of the release, as in the corpus.
    pub release: String,
    /// Its number.
    pub version: Version,
    /// Machine type.
    pub machine: String,
    /// Scenario (device set).
    pub scenario: String,
    /// Framing rules.
    pub dialect: Dialect,
    /// Registered handlers in list order.
    pub handlers: Vec<Handler>,
    /// Descriptions that the handlers reach.
    pub set: Set,
    /// Local values.
    pub local: Local,
}

/// A registered handler (`SaveStateEntry`).
#[derive(Debug, Clone)]
pub struct Handler {
    /// Name, with the bus path where there is one.
    pub idstr: String,
    /// Instance.
    pub instance_id: u32,
    /// Further instance that is accepted; all ones for ordinary descriptions.
    pub alias_id: u32,
    /// Highest section version.
    pub version_id: u32,
    /// Old name and instance.
    pub compat: Option<(String, u32)>,
    /// Last component of the name: what the section is about, in every release.
    pub device: String,
    /// How many handlers of the same device come before this one, by name and instance.
    pub ordinal: u32,
    /// What loads it.
    pub body: Body,
}

/// Stands for the loader of a device that cannot be migrated.
pub const UNMIGRATABLE: &str = "qemu_savevm_state_blocked";

/// What loads a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A description.
    Vmsd(usize),
    /// The `ram` records.
    Ram,
    /// The `block` records.
    Block,
    /// The `dirty-bitmap` records.
    DirtyBitmap,
    /// Records that one platform only sends.
    Platform(Platform),
    /// The clock of s390x.
    Clock,
    /// A hand-written virtio loader.
    Virtio,
    /// The loader of the user-mode network.
    Slirp,
    /// A description without fields.
    Nothing,
    /// A device that says of itself that it cannot be migrated: the destination does not begin to load
    /// (`qemu_savevm_state_blocked`).
    Unmigratable,
    /// A loader that is not modelled: its name.
    Unknown(String),
}

/// A section made of records that platforms other than a PC send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Storage attributes of s390x (collaborative memory management).
    StorageAttributes,
    /// Storage keys of s390x.
    StorageKeys,
    /// The hash page table of a pseries guest.
    HashTable,
}

impl Platform {
    /// All of them.
    pub const ALL: [Platform; 3] =
        [Platform::StorageAttributes, Platform::StorageKeys, Platform::HashTable];

    /// The name under which QEMU registers it.
    #[must_use]
    pub const fn idstr(self) -> &'static str {
        match self {
            Platform::StorageAttributes => "s390-storage_attributes",
            Platform::StorageKeys => "s390-skeys",
            Platform::HashTable => "spapr/htab",
        }
    }

    /// By the name of the section, or that of its loader.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "s390-storage_attributes" | "cmma_load" => Platform::StorageAttributes,
            "s390-skeys" | "s390_storage_keys_load" => Platform::StorageKeys,
            "spapr/htab" | "htab_load" => Platform::HashTable,
            _ => return None,
        })
    }
}

impl Body {
    /// Whether a section is made of records, which the loader walks by itself: no description and no
    /// codec says what is in it.
    #[must_use]
    pub const fn is_records(&self) -> bool {
        matches!(self, Body::Ram | Body::Block | Body::DirtyBitmap | Body::Platform(_))
    }

    /// What a loader of those that tables do not name otherwise does, by the name of its section or its
    /// own.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            UNMIGRATABLE => Some(Body::Unmigratable),
            "todclock" | "s390_tod_load" | "gtod_load" => Some(Body::Clock),
            _ => Platform::of(name).map(Body::Platform),
        }
    }
}

impl Destination {
    /// The handler that takes a section of this name and instance: the first match in list order
    /// (`find_se`; wire reference 3.1).
    #[must_use]
    pub fn find(&self, idstr: &[u8], instance_id: u32) -> Option<usize> {
        let idstr = c_string(idstr);
        self.handlers.iter().position(|handler| {
            let exact = handler.idstr.as_bytes() == idstr;
            if !self.dialect.aliases {
                return exact && handler.instance_id == instance_id;
            }
            if exact && (handler.instance_id == instance_id || handler.alias_id == instance_id) {
                return true;
            }
            handler.compat.as_ref().is_some_and(|(name, instance)| {
                name.as_bytes() == idstr
                    && handler.idstr.contains(name.as_str())
                    && (*instance == instance_id || handler.alias_id == instance_id)
            })
        })
    }
}

impl Handler {
    /// Its name, with its number in brackets if it is not the first of its device.
    #[must_use]
    pub fn numbered(&self) -> String {
        match self.ordinal {
            0 => self.idstr.clone(),
            n => format!("{}[{n}]", self.idstr),
        }
    }

    /// What paths in it begin with.
    #[must_use]
    pub fn path(&self) -> String {
        match self.ordinal {
            0 => self.device.clone(),
            n => format!("{}[{n}]", self.device),
        }
    }

    /// Sets the ordinals of a list of handlers.
    pub fn number(handlers: &mut [Handler]) {
        let before = |own: &Handler| {
            let same = handlers.iter().filter(|h| h.device == own.device);
            same.filter(|h| (&h.idstr, h.instance_id) < (&own.idstr, own.instance_id)).count()
        };
        let ordinals: Vec<u32> = handlers.iter().map(|h| before(h) as u32).collect();
        for (handler, ordinal) in handlers.iter_mut().zip(ordinals) {
            handler.ordinal = ordinal;
        }
    }
}
