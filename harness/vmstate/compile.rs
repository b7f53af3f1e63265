//! From tables to what the engine walks: names resolved to indices, hooks to predicates, codecs
//! to a closed list, for one destination (release, machine type, observations).

use std::collections::{BTreeMap, HashMap};

use super::local;
use super::old;
use super::presence::{self, Predicate};
use super::processor;
use super::rename::Renames;
use super::schema::{self, Answers};
use crate::dialect::{Dialect, Version};

/// The descriptions of one destination.
#[derive(Debug, Default)]
pub struct Set {
    /// All descriptions that the handlers can reach.
    pub vmsds: Vec<Vmsd>,
    by_key: HashMap<String, usize>,
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
    pub untold: schema::Untold,
    /// Fields in wire order.
    pub fields: Vec<Field>,
    /// Subsections in table order: name and description.
    pub subsections: Vec<(String, usize)>,
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

/// What compiling needs beside the tables.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Release.
    pub release: Version,
    /// Machine type.
    pub machine: &'a str,
    /// Framing rules.
    pub dialect: &'a Dialect,
    /// Rename table.
    pub renames: &'a Renames,
    /// Results of hooks that are the same for every device.
    pub observed: &'a BTreeMap<String, bool>,
}

/// A place inside a section, with what the destination's configuration decides there.
#[derive(Debug, Clone)]
struct Place<'a> {
    answers: &'a Answers,
    path: String,
}

impl Place<'_> {
    fn inside(&self, name: &str) -> Self {
        Place { answers: self.answers, path: Answers::join(&self.path, name) }
    }
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

    /// Adds the description `key` and all that it reaches. Returns its index.
    ///
    /// # Errors
    /// A key that the tables do not have, by name.
    pub fn add(
        &mut self,
        tables: &schema::Tables,
        key: &str,
        target: &Target<'_>,
    ) -> Result<usize, String> {
        if let Some(index) = self.by_key.get(key) {
            return Ok(*index);
        }
        let source = tables
            .vmsd
            .get(key)
            .ok_or_else(|| format!("tables of {} have no description '{key}'", tables.release))?;
        let index = self.reserve();
        self.by_key.insert(key.to_string(), index);
        self.fill(index, tables, source, target, None)?;
        Ok(index)
    }

    /// Adds the description `key` as that of one section, of whose layout `answers` are known.
    /// What they do not reach is shared with other sections.
    ///
    /// # Errors
    /// See [`Set::add`].
    pub fn add_section(
        &mut self,
        tables: &schema::Tables,
        key: &str,
        target: &Target<'_>,
        answers: &Answers,
    ) -> Result<usize, String> {
        self.add_at(tables, key, target, Some(&Place { answers, path: String::new() }))
    }

    fn add_at(
        &mut self,
        tables: &schema::Tables,
        key: &str,
        target: &Target<'_>,
        at: Option<&Place<'_>>,
    ) -> Result<usize, String> {
        let at = at.filter(|at| at.answers.reach(&at.path));
        let (Some(at), Some(source)) = (at, tables.vmsd.get(key)) else {
            return self.add(tables, key, target);
        };
        let index = self.reserve();
        self.fill(index, tables, source, target, Some(at))?;
        Ok(index)
    }

    fn fill(
        &mut self,
        index: usize,
        tables: &schema::Tables,
        source: &schema::Vmsd,
        target: &Target<'_>,
        at: Option<&Place<'_>>,
    ) -> Result<(), String> {
        let vmsd = self.build(tables, source, target, at)?;
        if let Some(place) = self.vmsds.get_mut(index) {
            *place = vmsd;
        }
        Ok(())
    }

    fn reserve(&mut self) -> usize {
        let index = self.vmsds.len();
        self.vmsds.push(Vmsd {
            name: String::new(),
            version_id: 0,
            minimum_version_id: 0,
            old: None,
            unmigratable: false,
            untold: schema::Untold::default(),
            fields: Vec::new(),
            subsections: Vec::new(),
        });
        index
    }

    fn build(
        &mut self,
        tables: &schema::Tables,
        source: &schema::Vmsd,
        target: &Target<'_>,
        at: Option<&Place<'_>>,
    ) -> Result<Vmsd, String> {
        let mut fields = Vec::with_capacity(source.fields.len());
        for (i, field) in source.fields.iter().enumerate() {
            let at = at.map(|at| at.inside(&source.described_as(i)));
            fields.push(self.field(tables, source, i, field, target, at.as_ref())?);
        }
        let mut subsections = Vec::new();
        for subsection in &source.subsections {
            if subsection.needed.is_none() && target.dialect.needless_ends_list {
                // Known only where a debugger read the tables; a bundle never says.
                if tables.vmsd.get(&subsection.vmsd).is_some_and(|v| v.inherited_from.is_none())
                    && source.subsections.iter().any(|s| s.needed.is_some())
                {
                    break;
                }
            }
            let name = tables.vmsd.get(&subsection.vmsd).map_or("", |v| v.name.as_str());
            let at = at.map(|at| at.inside(name));
            let index = self.add_at(tables, &subsection.vmsd, target, at.as_ref())?;
            subsections.push((name.to_string(), index));
        }
        let old = match &source.old {
            None => None,
            Some(loader) => Some(self.old(source, loader, tables, target, at)?),
        };
        Ok(Vmsd {
            name: source.name.clone(),
            version_id: source.version_id,
            minimum_version_id: source.minimum_version_id,
            old,
            unmigratable: source.unmigratable,
            untold: processor::untold(source),
            fields,
            subsections,
        })
    }

    fn old(
        &mut self,
        source: &schema::Vmsd,
        loader: &schema::OldLoader,
        tables: &schema::Tables,
        target: &Target<'_>,
        at: Option<&Place<'_>>,
    ) -> Result<Old, String> {
        let mut layouts = BTreeMap::new();
        if let Some(symbol) = &loader.load {
            for (version, layout) in old::layouts(symbol, source, target.release) {
                let index = self.reserve();
                self.fill(index, tables, &layout, target, at)?;
                layouts.insert(version, index);
            }
        }
        Ok(Old {
            minimum_version_id: loader.minimum_version_id,
            load: loader.load.clone(),
            layouts,
        })
    }

    fn field(
        &mut self,
        tables: &schema::Tables,
        vmsd: &schema::Vmsd,
        at: usize,
        field: &schema::Field,
        target: &Target<'_>,
        place: Option<&Place<'_>>,
    ) -> Result<Field, String> {
        let kind = match &field.kind {
            schema::Kind::Leaf { info, size } => {
                let size = match size {
                    schema::Size::Fixed(n) => match counted(vmsd, at, field) {
                        Some(bytes) if info == "buffer" => bytes,
                        _ => Amount::Fixed(u64::from(*n)),
                    },
                    schema::Size::Field { name, multiply } => slot(vmsd, at, name, *multiply),
                    schema::Size::Owner { name } => Amount::Owner(name.clone()),
                    schema::Size::Local { value } => {
                        let told = place.and_then(|p| p.answers.size.get(&p.path)).copied();
                        local_amount(vmsd, at, field, told.or(*value))
                    }
                };
                Kind::Leaf(Codec::of(info), info.clone(), size)
            }
            schema::Kind::Struct { vmsd } => {
                Kind::Struct(self.add_at(tables, vmsd, target, place)?, None)
            }
            schema::Kind::Vstruct { vmsd, version_id } => {
                Kind::Struct(self.add_at(tables, vmsd, target, place)?, Some(*version_id))
            }
            schema::Kind::Nested { info, vmsd, key } => {
                let body = self.add_at(tables, vmsd, target, place)?;
                match info.as_str() {
                    "tmp" => Kind::Struct(body, Some(field.version_id)),
                    "qtailq" | "qlist" => Kind::List(body),
                    "gtree" => {
                        let key = match key {
                            Some(key) => Some(self.add(tables, key, target)?),
                            None => None,
                        };
                        Kind::Tree(key, body)
                    }
                    other => Kind::Unknown(format!("codec '{other}'")),
                }
            }
            schema::Kind::Unknown { why } => Kind::Unknown(why.clone()),
        };
        let count = match &field.count {
            schema::Count::One => Count::One,
            schema::Count::Fixed(n) => Count::Many(Amount::Fixed(u64::from(*n))),
            schema::Count::Field { name, multiply, .. } => {
                Count::Many(slot(vmsd, at, name, *multiply))
            }
            schema::Count::Local { value } => {
                let told = place.and_then(|p| p.answers.count.get(&p.path)).copied();
                Count::Many(local_amount(vmsd, at, field, told.or(*value)))
            }
        };
        let (canonical, dropped) = target.renames.of(&vmsd.name, &field.name);
        Ok(Field {
            name: field.name.clone(),
            canonical,
            dropped,
            version_id: field.version_id,
            exists: exists(vmsd, at, field, target, place),
            must_exist: field.must_exist,
            kind,
            count,
            array_of_pointer: field.array_of_pointer,
            auto_alloc: field.auto_alloc,
        })
    }
}

/// The predicate of a field: by its hook's symbol, or as it was seen on this destination.
fn exists(
    vmsd: &schema::Vmsd,
    at: usize,
    field: &schema::Field,
    target: &Target<'_>,
    place: Option<&Place<'_>>,
) -> Option<Predicate> {
    let exists = field.exists.as_ref()?;
    let occurrence =
        vmsd.fields.iter().take(at).filter(|earlier| earlier.name == field.name).count();
    let key = format!("{}/{}/{occurrence}", vmsd.name, field.name);
    let here = place.and_then(|place| place.answers.present.get(&place.path));
    let seen = |key: &str| here.or_else(|| target.observed.get(key)).copied().map(Predicate::Fixed);
    Some(match exists {
        schema::Presence::Hook(symbol) => {
            let known = presence::predicate(symbol, target.release, target.machine);
            match seen(&key) {
                Some(seen) if presence::is_local(&known) => seen,
                _ => known,
            }
        }
        schema::Presence::Observed(key) => {
            match (presence::symbol(&vmsd.name, &field.name), seen(key)) {
                (Some(symbol), _) => presence::predicate(symbol, target.release, target.machine),
                (None, Some(seen)) => seen,
                (None, None) => Predicate::Unknown(format!("presence of {key}")),
            }
        }
    })
}

fn slot(vmsd: &schema::Vmsd, at: usize, name: &str, multiply: u32) -> Amount {
    let factor = u64::from(multiply);
    match vmsd.fields.iter().take(at).rposition(|f| f.name == name) {
        Some(index) => Amount::Slot(index, factor),
        None => Amount::Unknown(format!(
            "count of {} by {name}, which is no field before it",
            vmsd.name
        )),
    }
}

/// The count of a field by one before it that no table names.
fn counted(vmsd: &schema::Vmsd, at: usize, field: &schema::Field) -> Option<Amount> {
    let name = local::counter(&vmsd.name, &field.name)?;
    let before = vmsd.fields.iter().take(at).any(|f| f.name == name);
    before.then(|| slot(vmsd, at, name, 1))
}

fn local_amount(
    vmsd: &schema::Vmsd,
    at: usize,
    field: &schema::Field,
    seen: Option<u32>,
) -> Amount {
    if let Some(amount) = counted(vmsd, at, field) {
        return amount;
    }
    match seen.or_else(|| local::count(&vmsd.name, &field.name)) {
        Some(n) => Amount::Fixed(u64::from(n)),
        None => Amount::Unknown(format!("local count of {}/{}", vmsd.name, field.name)),
    }
}
