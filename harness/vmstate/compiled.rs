//! Compiled descriptions: what the engine walks.

use std::collections::{BTreeMap, HashMap};

use super::presence::Predicate;
use super::schema;

/// The descriptions of one destination.
#[derive(Debug, Default)]
pub struct Set {
    /// All descriptions that the handlers can reach.
    pub vmsds: Vec<Vmsd>,
    pub(super) by_key: HashMap<String, usize>,
}

impl Set {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Set::default()
    }

    /// A description by index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Vmsd> {
        self.vmsds.get(index)
    }

    /// The index of the description that was added as `key`.
    #[must_use]
    pub fn index_of(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }
}

/// A description.
#[derive(Debug)]
pub struct Vmsd {
    /// Name.
    pub name: String,
    /// Highest version.
    pub version_id: u32,
    /// Lowest version of the ordinary path.
    pub minimum_version_id: u32,
    /// The old path: lowest version, and the layouts by version.
    pub old: Option<Old>,
    /// Blocks migration.
    pub unmigratable: bool,
    /// What the tables leave open.
    pub unknown: schema::Unknown,
    /// Fields in wire order.
    pub fields: Vec<Field>,
    /// Subsections in table order: name and description.
    pub subsections: Vec<(String, usize)>,
}

impl Vmsd {
    /// Of the values of its fields, that of the field whose name is or ends with `.name`; 0 if there is
    /// none.
    #[must_use]
    pub fn value(&self, values: &[u64], name: &str) -> u64 {
        self.fields
            .iter()
            .zip(values)
            .filter(|(f, _)| {
                f.name == name || f.name.strip_suffix(name).is_some_and(|head| head.ends_with('.'))
            })
            .map(|(_, v)| *v)
            .next_back()
            .unwrap_or(0)
    }
}

/// The path below the minimum version.
#[derive(Debug)]
pub struct Old {
    /// `minimum_version_id_old`.
    pub minimum_version_id: u32,
    /// Symbol of the hook; `None`: there is none.
    pub load: Option<String>,
    /// Version -> description to load instead.
    pub layouts: BTreeMap<u32, usize>,
}

/// A field.
#[derive(Debug)]
pub struct Field {
    /// Name as the release has it.
    pub name: String,
    /// Name by which it is compared.
    pub canonical: String,
    /// Later releases read it as unused bytes, on purpose.
    pub dropped: bool,
    /// First version that has it.
    pub version_id: u32,
    /// Presence hook.
    pub exists: Option<Predicate>,
    /// `VMS_MUST_EXIST`.
    pub must_exist: bool,
    /// What one element is.
    pub kind: Kind,
    /// How many elements there are.
    pub count: Count,
    /// Elements are pointers: NULL markers may occur.
    pub array_of_pointer: bool,
    /// Every element has a marker.
    pub auto_alloc: bool,
}

/// What one element is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A codec, its `info` name for maps, and the element size.
    Leaf(Codec, String, Amount),
    /// A nested description with the version it is loaded with; `None`: its own.
    Struct(usize, Option<u32>),
    /// `qtailq`, `qlist`: 01 before each element, 00 at the end.
    List(usize),
    /// `gtree`: count, then 01 key value, 00 at the end. No key description: be64.
    Tree(Option<usize>, usize),
    /// Not said by the tables.
    Unknown(String),
}

/// A number of elements or bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amount {
    /// Known.
    Fixed(u64),
    /// Value of the earlier field with this index, times a factor.
    Slot(usize, u64),
    /// Value of a field of the description that this one is a subsection of.
    Owner(String),
    /// A local value that is not known: whose.
    Unknown(String),
}

/// How many elements a field has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    /// One, without an index in the path.
    One,
    /// An array.
    Many(Amount),
}

/// The closed list of leaf codecs (wire reference 4.2, codecs 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// A big-endian scalar of this width, without a check.
    Plain(u32),
    /// A scalar of this width that must equal the local value.
    Equal(u32),
    /// be32, not above the local value.
    LessOrEqual,
    /// Raw bytes of the element size.
    Buffer,
    /// Bytes that are ignored.
    Unused,
    /// x87 register, 8 + 2 bytes.
    Fpreg,
    /// PCI configuration space.
    PciConfig,
    /// PCI interrupt pins: be32 each, 0 or 1.
    PciIrqState,
    /// MSI-X vectors of a PCI device.
    Msix,
    /// Two be64 words.
    Pair,
    /// be64 words for so many bits.
    Bitmap,
    /// The whole of a virtio device.
    Virtio,
    /// Resources and scanouts of virtio-gpu.
    VirtioGpu,
    /// Requests in flight of a SCSI device.
    ScsiRequests,
    /// Packets that wait at an endpoint of a redirected USB device.
    UsbPackets,
    /// Ids of packets of a redirected USB device.
    UsbIds,
    /// A list of which nobody saw an element: the mark at its end.
    EmptyList,
    /// A byte 0x30 for each NULL element.
    NullPointer,
    /// A byte 0x30 or, of an element that follows, 0x31 (11.1).
    PointerMarker,
    /// A capability name: one-byte length, text.
    Capability,
    /// be32 length, bytes (`GByteArray` of 11.1; what a library keeps of a redirected USB device).
    ByteArray,
    /// Not modelled.
    Unknown,
}

impl Codec {
    /// The codec of an `info` name.
    #[must_use]
    pub fn of(info: &str) -> Self {
        match info {
            // powered_off: an ARM processor's, a flag that became a state (target/arm/machine.c).
            "bool" | "int8" | "uint8" | "powered_off" => Codec::Plain(1),
            // uint16_from_uint8: an old eeprom's size, read only.
            "uint16_from_uint8" => Codec::Plain(1),
            "int16" | "uint16" | "int32_as_uint16" => Codec::Plain(2),
            "int32" | "uint32" | "uint64_as_uint32" | "fd" => Codec::Plain(4),
            // Registers that are put together and taken apart: of ARM (get_cpsr, get_fpscr), and of
            // PowerPC (get_vscr, whose codec has its field's name).
            "cpsr" | "fpscr" | "cpu/altivec/vscr" => Codec::Plain(4),
            // fpreg_1_*: 8 bytes that are widened to a register.
            "int64" | "uint64" | "timer" | "float64" | "CPU_Double_U" | "cpu double"
            | "fpreg_1_mmx" | "fpreg_1_no_mmx" => Codec::Plain(8),
            // Half a vector register of PowerPC each (get_fpr, get_vsr), a whole one (get_avr), and
            // an entry of its segment look-aside buffer (get_slbe): be64, or two.
            "fpr" | "vsr" => Codec::Plain(8),
            "avr" | "slbe" => Codec::Pair,
            "uint8 equal" => Codec::Equal(1),
            "uint16 equal" => Codec::Equal(2),
            "int32 equal" | "uint32 equal" => Codec::Equal(4),
            "int64 equal" | "uint64 equal" => Codec::Equal(8),
            "int32 le" => Codec::LessOrEqual,
            // Registers of a hotplug controller: as many bytes as it has slots (`SHPC_SIZEOF`).
            "buffer" | "shpc" => Codec::Buffer,
            "unused_buffer" => Codec::Unused,
            "fpreg" => Codec::Fpreg,
            "pci config" => Codec::PciConfig,
            "pci irq state" => Codec::PciIrqState,
            "msix state" => Codec::Msix,
            "bitmap" => Codec::Bitmap,
            "virtio" => Codec::Virtio,
            "virtio-gpu" => Codec::VirtioGpu,
            "scsi-requests" => Codec::ScsiRequests,
            "usb-redir-bufpq" => Codec::UsbPackets,
            "usb-redir-packet-id-q" => Codec::UsbIds,
            "qtailq" | "qlist" => Codec::EmptyList,
            "nullptr" => Codec::NullPointer,
            "ptr-marker" => Codec::PointerMarker,
            "capability" => Codec::Capability,
            "GByteArray" | "usb-redir-parser" => Codec::ByteArray,
            _ => Codec::Unknown,
        }
    }
}
