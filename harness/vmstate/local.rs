//! What a destination has in memory before a load, as far as loading depends on it.
//!
//! A loader compares some fields with its own values (`... equal` codecs, PCI configuration
//! space), sizes some arrays by memory that no field loads, and knows its own RAM blocks and
//! queues. A table says none of that. What a release has on a machine type with a device set is
//! read off the fixture that the same release made there: its configuration bytes, block lengths
//! and queue sizes are the local ones. Counts that appear in no stream are listed here.

use std::collections::{BTreeSet, HashMap};

use super::check::caps::FIELD;
use super::check::cpreg::List;
use super::check::pvr::PVR;
use crate::dialect::Version;
use crate::wire::{Map, Span};

/// Values of one destination, read off its own fixture (or the nearest release's, see `from`).
#[derive(Debug, Clone, Default)]
pub struct Local {
    /// Bytes of compared items, by path identity.
    pub items: HashMap<u64, Vec<u8>>,
    /// RAM blocks by name, with their lengths. Empty: unknown.
    pub blocks: Vec<(Vec<u8>, u64)>,
    /// Subsections in that fixture: path and name.
    pub subsections: Vec<(String, String)>,
    /// Devices that have a section in that fixture.
    pub sections: BTreeSet<String>,
    /// The release whose fixture these were read off; `None` when there is none.
    pub from: Option<String>,
}

impl Local {
    /// The bytes of an item, if known.
    #[must_use]
    pub fn bytes(&self, identity: u64) -> Option<&[u8]> {
        self.items.get(&identity).map(Vec::as_slice)
    }

    /// The value of a big-endian scalar, if known.
    #[must_use]
    pub fn scalar(&self, identity: u64) -> Option<u64> {
        let bytes = self.bytes(identity)?;
        (bytes.len() <= 8).then(|| bytes.iter().fold(0, |v, b| v << 8 | u64::from(*b)))
    }

    /// What of a load is worth remembering: its items in the order of the map, each with its bytes out
    /// of `read`, which is what was loaded. An item that ends behind it is left out.
    pub fn needed_items<'m, 'd>(
        map: &'m Map<'d>,
        read: &'m [u8],
    ) -> impl Iterator<Item = (&'m Span<'d>, &'m [u8])> {
        map.spans().iter().filter(|span| Local::is_needed(span.info, span.name)).filter_map(
            |span| {
                let from = usize::try_from(span.offset).ok()?;
                let to = from.checked_add(usize::try_from(span.len).ok()?)?;
                Some((span, significant(span, read.get(from..to)?)))
            },
        )
    }

    /// Remembers the items of a load by path identity.
    pub fn remember(&mut self, map: &Map<'_>, read: &[u8]) {
        self.items.extend(
            Local::needed_items(map, read).map(|(span, bytes)| (span.identity, bytes.to_vec())),
        );
    }

    /// Whether an item of this codec and name is worth remembering: compared by its codec, or that a
    /// pointer is NULL, or
    /// telling something of the local device that a check needs (`lcyl` and `hcyl`: whether an
    /// IDE drive is there; `num_timers_save`: how many HPET timers; `subsys` and
    /// `subsys_ven`: which board e1000e says it is; the system registers of an ARM
    /// processor; `env.spr`: which PowerPC processor it is; the levels of a pseries machine's
    /// capabilities).
    #[must_use]
    pub(super) fn is_needed(info: &str, name: &str) -> bool {
        info.ends_with(" equal")
            || matches!(info, "int32 le" | "pci config" | "nullptr" | COMPARED)
            || matches!(name, "lcyl" | "hcyl" | "num_timers_save" | "subsys" | "subsys_ven")
            || List::of(name).is_some()
            || name == SPECIAL
            || name.starts_with(FIELD)
    }
}

/// What of an item is worth remembering: of the special purpose registers the version, as others go on
/// with time.
fn significant<'m>(span: &Span<'_>, bytes: &'m [u8]) -> &'m [u8] {
    let registers = (span.name == SPECIAL).then(|| bytes.chunks_exact(span.width.max(1) as usize));
    registers.and_then(|mut all| all.nth(PVR)).unwrap_or(bytes)
}

/// The special purpose registers of a PowerPC processor.
const SPECIAL: &str = "env.spr";

/// Whether a block is the memory at guest address 0 of a board with option ROMs: `pc_machine` and
/// microvm (`default_ram_id`).
#[must_use]
pub fn is_main(block: &[u8]) -> bool {
    matches!(block, b"pc.ram" | b"microvm.ram")
}

/// Bytes of it that a loader may look at later: option ROMs are in them.
pub const LOW: u64 = 1 << 20;

/// How far a resizable block can grow on a destination where it has `own` bytes.
///
/// The ACPI tables get 2 MiB in every release; since 6.0 the loader script gets 64 KiB and the root
/// pointer a page. Before, and for any other ROM, it is what is there.
#[must_use]
pub fn max_length(block: &[u8], own: u64, release: Version) -> u64 {
    let from_6 = release >= Version::new(6, 0, 0);
    match block {
        b"/rom@etc/acpi/tables" => 0x20_0000,
        b"/rom@etc/table-loader" if from_6 => 0x1_0000,
        b"/rom@etc/acpi/rsdp" if from_6 => 0x1000,
        _ => own,
    }
}

/// Codec name by which hand-written formats mark what they compare with local values.
pub const COMPARED: &str = "compared";

/// Number of elements (or bytes) of an array whose count lies in memory that no field loads.
///
/// | vmsd | field | count | why |
/// | --- | --- | --- | --- |
/// | ide_drive, ide_drive/pio_state | io_buffer | 131076 | IDE_DMA_BUF_SECTORS (256) * 512 + 4, every release |
/// | fdc | fifo | 512 | FD_SECTOR_LEN, every release |
/// | Fifo8 | data | 16 | UART_FIFO_LENGTH: the serial port is its only user on a PC |
/// | memory hotplug state | devs | 0 | no DIMM slots without `-m slots=` |
/// | CPU hotplug state | devs | 1 | one possible CPU without `-smp` |
/// | ahci | dev | 6 | the ports of ich9-ahci, every release |
///
/// Ports, slots and interrupters of xhci-core depend on properties, the counts of virtio-mem and sdhci
/// on more: none is here.
#[must_use]
pub fn count(vmsd: &str, field: &str) -> Option<u32> {
    Some(match (vmsd, field) {
        ("ide_drive" | "ide_drive/pio_state", "io_buffer") => 131_076,
        ("fdc", "fifo") => 512,
        ("Fifo8", "data") => 16,
        ("memory hotplug state", "devs") => 0,
        ("CPU hotplug state", "devs") => 1,
        ("ahci", "dev") => 6,
        _ => return None,
    })
}

/// The field whose value is the count of an array, where no table says so: a dump does not tell what
/// an array is counted by, or the loader counts by memory that a check before it has made the same.
///
/// | vmsd | field | counted by | why |
/// | --- | --- | --- | --- |
/// | hpet | timer | num_timers_save | 10.0 on: refused unless it is the local number of timers |
/// | cpu | cpreg_vmstate_indexes, _values | cpreg_vmstate_array_len | of ARM, as received (target/arm/machine.c) |
/// | spapr_dtb | fdt_blob | fdt_size | bytes of the device tree, as received (hw/ppc/spapr.c) |
/// | spapr_iommu | mig_table | mig_nb_table | as received; the table is made for it (hw/ppc/spapr_iommu.c) |
#[must_use]
pub fn counter(vmsd: &str, field: &str) -> Option<&'static str> {
    match (vmsd, field) {
        ("hpet", "timer") => Some("num_timers_save"),
        ("cpu", "cpreg_vmstate_indexes" | "cpreg_vmstate_values") => {
            Some("cpreg_vmstate_array_len")
        }
        ("spapr_iommu", "mig_table") => Some("mig_nb_table"),
        ("spapr_dtb", "fdt_blob") => Some("fdt_size"),
        _ => None,
    }
}
