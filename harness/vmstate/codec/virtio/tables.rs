//! Descriptions that hand-written virtio code reaches (codecs 3.1, 3.7), so that no importer finds
//! them: the parts of the transports, `virtio` with its subsections, and the inner ones of the device
//! parts.
//!
//! Names, versions and order are those of the log of a release loading its own stream. Inner
//! descriptions of the device parts have no fields here: the codec transfers those, and the
//! description is walked for its look-ahead and its subsections.

use super::super::super::schema::{Count, Field, Kind, Size, Subsection, Tables, Vmsd};
use crate::dialect::Version;

/// Keys are names behind this prefix, which no importer gives.
macro_rules! key {
    ($name:literal) => {
        concat!("virtio:", $name)
    };
}

/// The PCI part.
pub const PCI: &str = key!("PCIDevice");
/// The part of a channel device (hw/s390x/virtio-ccw.c and css.c). A description since 2.10; what was
/// written by hand before, since there is a revision (2.4), has the same bytes.
pub const CCW: &str = key!("s390_virtio_ccw_dev");
/// What follows the device part, from 2.1 on.
pub const VIRTIO: &str = key!("virtio");
/// The same on a channel device, which has no extra state.
pub const VIRTIO_CCW: &str = "virtio-ccw:virtio";
/// The same on virtio-mmio, which has one of its own (`virtio_mmio_has_extra_state`, 4.2).
pub const VIRTIO_MMIO: &str = "virtio-mmio:virtio";
/// virtio-balloon as a whole, from 2.8 on.
pub const BALLOON: &str = key!("virtio-balloon-device");
/// virtio-net as a whole, from 2.9 on.
pub const NET: &str = key!("virtio-net-device");
/// One queue of virtio-net.
pub const NET_QUEUE: &str = key!("virtio-net-queue-tx_waiting");
/// virtio-net, header of the backend.
pub const NET_VNET: &str = key!("virtio-net-vnet");
/// virtio-net, UFO of the backend.
pub const NET_UFO: &str = key!("virtio-net-ufo");
/// virtio-net, the queues after the first.
pub const NET_WAITING: &str = key!("virtio-net-tx_waiting");

/// One scanout of virtio-gpu.
pub const GPU_SCANOUT: &str = key!("virtio-gpu-one-scanout");
/// The scanouts of virtio-gpu.
pub const GPU_SCANOUTS: &str = key!("virtio-gpu-scanouts");

/// Queues in the arrays of the subsections, used or not.
const QUEUES: u32 = 1024;

/// One description.
struct Layout {
    key: &'static str,
    /// First release that has it.
    since: Version,
    /// Its version there.
    version_id: u32,
    /// The release of a later version, and that version.
    newer: Option<(Version, u32)>,
    fields: &'static [Item],
    subsections: &'static [&'static str],
}

/// One field: name, what it is, how many.
struct Item(&'static str, What, Many);

/// What a field is.
enum What {
    Leaf(&'static str),
    Struct(&'static str),
    /// A leaf from this version of the description on.
    Later(u32, &'static str),
    Unknown(&'static str),
}

/// How many elements a field has.
enum Many {
    One,
    Fixed(u32),
    By(&'static str),
}

use Many::{By, Fixed, One};
use What::{Later, Leaf, Struct, Unknown};

const fn layout(key: &'static str, major: u32, minor: u32) -> Layout {
    let since = Version::new(major, minor, 0);
    Layout { key, since, version_id: 1, newer: None, fields: &[], subsections: &[] }
}

/// Subsections of `virtio` in order, with that of the transport, if it has one.
macro_rules! parts {
    ($($extra:expr)?) => {
        &[
            key!("virtio/device_endian"),
            key!("virtio/64bit_features"),
            key!("virtio/128bit_features"),
            key!("virtio/virtqueues"),
            key!("virtio/ringsize"),
            key!("virtio/broken"),
            $($extra,)?
            key!("virtio/started"),
            key!("virtio/packed_virtqueues"),
            key!("virtio/disabled"),
        ]
    };
}

const LAYOUTS: &[Layout] = &[
    layout(GPU_SCANOUT, 2, 4),
    layout(GPU_SCANOUTS, 2, 4),
    Layout {
        version_id: 2,
        fields: &[
            Item("version_id", Leaf("int32 le"), One),
            Item("config", Leaf("pci config"), One),
            Item("irq_state", Leaf("pci irq state"), One),
        ],
        ..layout(PCI, 0, 12)
    },
    Layout { subsections: parts!(key!("virtio/extra_state")), ..layout(VIRTIO, 2, 1) },
    Layout { subsections: parts!(), ..layout(VIRTIO_CCW, 2, 1) },
    Layout { subsections: parts!("virtio-mmio:virtio/extra_state"), ..layout(VIRTIO_MMIO, 2, 1) },
    Layout {
        fields: &[
            Item("parent_obj", Struct(key!("s390_ccw_dev")), One),
            Item("indicators", Struct(key!("s390_ind_addr_tmp")), One),
            Item("indicators2", Struct(key!("s390_ind_addr_tmp")), One),
            Item("summary_indicator", Struct(key!("s390_ind_addr_tmp")), One),
            Item("tmp", Struct(key!("s390_virtio_ccw_dev_tmp")), One),
            Item("routes", Struct(key!("s390_adapter_routes")), One),
            Item("thinint_isc", Leaf("uint8"), One),
            Item("revision", Leaf("int32"), One),
        ],
        ..layout(CCW, 2, 4)
    },
    Layout {
        fields: &[Item("sch", Struct(key!("s390_subch_dev")), One)],
        ..layout(key!("s390_ccw_dev"), 2, 4)
    },
    Layout {
        fields: &[
            Item("cssid", Leaf("uint8 equal"), One),
            Item("ssid", Leaf("uint8 equal"), One),
            Item("migrated_schid", Leaf("uint16"), One),
            Item("devno", Leaf("uint16 equal"), One),
            Item("thinint_active", Leaf("bool"), One),
            Item("curr_status", Struct(key!("s390_schib")), One),
            Item("sense_data", Leaf("uint8"), Fixed(32)),
            Item("channel_prog", Leaf("uint64"), One),
            Item("last_cmd", Struct(key!("s390_ccw1")), One),
            Item("last_cmd_valid", Leaf("bool"), One),
            Item("id", Struct(key!("s390_sense_id")), One),
            Item("ccw_fmt_1", Leaf("bool"), One),
            Item("ccw_no_data_cnt", Leaf("uint8"), One),
        ],
        subsections: &[key!("s390_subch_dev/orb")],
        ..layout(key!("s390_subch_dev"), 2, 4)
    },
    Layout {
        fields: &[
            Item("pmcw", Struct(key!("s390_pmcw")), One),
            Item("scsw", Struct(key!("s390_scsw")), One),
            Item("mba", Leaf("uint64"), One),
            Item("mda", Leaf("uint8"), Fixed(4)),
        ],
        ..layout(key!("s390_schib"), 2, 4)
    },
    Layout {
        fields: &[
            Item("intparm", Leaf("uint32"), One),
            Item("flags", Leaf("uint16"), One),
            Item("devno", Leaf("uint16"), One),
            Item("lpm", Leaf("uint8"), One),
            Item("pnom", Leaf("uint8"), One),
            Item("lpum", Leaf("uint8"), One),
            Item("pim", Leaf("uint8"), One),
            Item("mbi", Leaf("uint16"), One),
            Item("pom", Leaf("uint8"), One),
            Item("pam", Leaf("uint8"), One),
            Item("chpid", Leaf("uint8"), Fixed(8)),
            Item("chars", Leaf("uint32"), One),
        ],
        ..layout(key!("s390_pmcw"), 2, 4)
    },
    Layout {
        fields: &[
            Item("flags", Leaf("uint16"), One),
            Item("ctrl", Leaf("uint16"), One),
            Item("cpa", Leaf("uint32"), One),
            Item("dstat", Leaf("uint8"), One),
            Item("cstat", Leaf("uint8"), One),
            Item("count", Leaf("uint16"), One),
        ],
        ..layout(key!("s390_scsw"), 2, 4)
    },
    Layout {
        fields: &[
            Item("cmd_code", Leaf("uint8"), One),
            Item("flags", Leaf("uint8"), One),
            Item("count", Leaf("uint16"), One),
            Item("cda", Leaf("uint32"), One),
        ],
        ..layout(key!("s390_ccw1"), 2, 4)
    },
    Layout {
        fields: &[
            Item("reserved", Leaf("uint8"), One),
            Item("cu_type", Leaf("uint16"), One),
            Item("cu_model", Leaf("uint8"), One),
            Item("dev_type", Leaf("uint16"), One),
            Item("dev_model", Leaf("uint8"), One),
            Item("unused", Leaf("uint8"), One),
            Item("ciw", Struct(key!("s390_ciw")), Fixed(62)),
        ],
        ..layout(key!("s390_sense_id"), 2, 4)
    },
    Layout {
        fields: &[
            Item("type", Leaf("uint8"), One),
            Item("command", Leaf("uint8"), One),
            Item("count", Leaf("uint16"), One),
        ],
        ..layout(key!("s390_ciw"), 2, 4)
    },
    Layout {
        fields: &[Item("orb", Struct(key!("s390_orb")), One)],
        ..layout(key!("s390_subch_dev/orb"), 2, 10)
    },
    Layout {
        fields: &[
            Item("intparm", Leaf("uint32"), One),
            Item("ctrl0", Leaf("uint16"), One),
            Item("lpm", Leaf("uint8"), One),
            Item("ctrl1", Leaf("uint8"), One),
            Item("cpa", Leaf("uint32"), One),
        ],
        ..layout(key!("s390_orb"), 2, 10)
    },
    // Twice under one name: the pointer, and what it is made of.
    Layout {
        version_id: 0,
        fields: &[Item("tmp", Struct("virtio-ccw:s390_ind_addr_tmp"), One)],
        ..layout(key!("s390_ind_addr_tmp"), 2, 4)
    },
    Layout {
        version_id: 0,
        fields: &[Item("len", Leaf("int32"), One), Item("addr", Leaf("uint64"), One)],
        ..layout("virtio-ccw:s390_ind_addr_tmp", 2, 4)
    },
    Layout {
        version_id: 0,
        fields: &[Item("config_vector", Leaf("uint16"), One)],
        ..layout(key!("s390_virtio_ccw_dev_tmp"), 2, 4)
    },
    Layout {
        fields: &[Item("adapter", Struct(key!("s390_adapter_info")), One)],
        ..layout(key!("s390_adapter_routes"), 2, 4)
    },
    Layout {
        fields: &[Item("ind_offset", Leaf("uint64"), One)],
        subsections: &[key!("s390_adapter_info/summary_offset")],
        ..layout(key!("s390_adapter_info"), 2, 4)
    },
    Layout {
        fields: &[Item("summary_offset", Leaf("uint32"), One)],
        ..layout(key!("s390_adapter_info/summary_offset"), 2, 10)
    },
    Layout {
        fields: &[Item("device_endian", Leaf("uint8"), One)],
        ..layout(key!("virtio/device_endian"), 2, 1)
    },
    Layout {
        fields: &[Item("guest_features", Leaf("uint64"), One)],
        ..layout(key!("virtio/64bit_features"), 2, 4)
    },
    Layout {
        fields: &[Item("guest_features_ex", Leaf("uint64"), One)],
        ..layout(key!("virtio/128bit_features"), 10, 2)
    },
    Layout {
        fields: &[Item("vq", Struct(key!("virtqueue_state")), Fixed(QUEUES))],
        ..layout(key!("virtio/virtqueues"), 2, 4)
    },
    Layout {
        fields: &[
            Item("vring.avail", Leaf("uint64"), One),
            Item("vring.used", Leaf("uint64"), One),
        ],
        ..layout(key!("virtqueue_state"), 2, 4)
    },
    Layout {
        // 11.1 knows it but takes nothing from it.
        fields: &[Item("vq", Struct(key!("ringsize_state")), Fixed(QUEUES))],
        ..layout(key!("virtio/ringsize"), 2, 5)
    },
    Layout {
        fields: &[Item("vring.num_default", Leaf("uint32"), One)],
        ..layout(key!("ringsize_state"), 2, 5)
    },
    Layout { fields: &[Item("broken", Leaf("bool"), One)], ..layout(key!("virtio/broken"), 2, 8) },
    Layout {
        fields: &[Item("extra_state", Struct(key!("virtio_pci")), One)],
        ..layout(key!("virtio/extra_state"), 2, 5)
    },
    Layout {
        fields: &[Item("extra_state", Struct(key!("virtio_mmio")), One)],
        ..layout("virtio-mmio:virtio/extra_state", 4, 2)
    },
    Layout { subsections: &[key!("virtio_mmio/state")], ..layout(key!("virtio_mmio"), 4, 2) },
    Layout {
        fields: &[
            Item("guest_features", Leaf("uint32"), Fixed(2)),
            Item("vqs", Struct(key!("virtio_mmio/queue_state")), Fixed(QUEUES)),
        ],
        ..layout(key!("virtio_mmio/state"), 4, 2)
    },
    Layout {
        fields: &[
            Item("num", Leaf("uint16"), One),
            Item("enabled", Leaf("bool"), One),
            Item("desc", Leaf("uint32"), Fixed(2)),
            Item("avail", Leaf("uint32"), Fixed(2)),
            Item("used", Leaf("uint32"), Fixed(2)),
        ],
        ..layout(key!("virtio_mmio/queue_state"), 4, 2)
    },
    Layout {
        fields: &[Item("started", Leaf("bool"), One)],
        ..layout(key!("virtio/started"), 4, 1)
    },
    Layout {
        fields: &[Item("vq", Struct(key!("packed_virtqueue_state")), Fixed(QUEUES))],
        ..layout(key!("virtio/packed_virtqueues"), 4, 2)
    },
    Layout {
        fields: &[
            Item("last_avail_idx", Leaf("uint16"), One),
            Item("last_avail_wrap_counter", Leaf("bool"), One),
            Item("used_idx", Leaf("uint16"), One),
            Item("used_wrap_counter", Leaf("bool"), One),
            Item("inuse", Leaf("uint32"), One),
        ],
        ..layout(key!("packed_virtqueue_state"), 4, 2)
    },
    Layout {
        fields: &[Item("disabled", Leaf("bool"), One)],
        ..layout(key!("virtio/disabled"), 5, 0)
    },
    Layout { subsections: &[key!("virtio_pci/modern_state")], ..layout(key!("virtio_pci"), 2, 5) },
    Layout {
        fields: &[
            Item("dfselect", Leaf("uint32"), One),
            Item("gfselect", Leaf("uint32"), One),
            Item("guest_features", Leaf("uint32"), Fixed(2)),
            Item("vqs", Struct(key!("virtio_pci/modern_queue_state")), Fixed(QUEUES)),
        ],
        subsections: &[key!("virtio_pci/modern_state/features128")],
        ..layout(key!("virtio_pci/modern_state"), 2, 5)
    },
    Layout {
        fields: &[
            Item("num", Leaf("uint16"), One),
            Item("unused", Leaf("unused_buffer"), One),
            Item("enabled", Leaf("bool"), One),
            Item("desc", Leaf("uint32"), Fixed(2)),
            Item("avail", Leaf("uint32"), Fixed(2)),
            Item("used", Leaf("uint32"), Fixed(2)),
        ],
        ..layout(key!("virtio_pci/modern_queue_state"), 2, 5)
    },
    Layout {
        fields: &[Item("guest_features128", Leaf("uint32"), Fixed(2))],
        ..layout(key!("virtio_pci/modern_state/features128"), 10, 2)
    },
    Layout {
        subsections: &[
            key!("virtio-balloon-device/free-page-report"),
            key!("virtio-balloon-device/page-poison"),
        ],
        ..layout(BALLOON, 2, 8)
    },
    Layout {
        fields: &[
            Item("free_page_hint_cmd_id", Leaf("uint32"), One),
            Item("free_page_hint_status", Leaf("uint32"), One),
        ],
        ..layout(key!("virtio-balloon-device/free-page-report"), 4, 0)
    },
    Layout {
        fields: &[Item("poison_val", Leaf("uint32"), One)],
        ..layout(key!("virtio-balloon-device/page-poison"), 5, 1)
    },
    Layout {
        version_id: 11,
        subsections: &[key!("virtio-net-device/rss"), key!("virtio-net-device/backend")],
        ..layout(NET, 2, 9)
    },
    Layout {
        newer: Some((Version::new(10, 2, 0), 2)),
        fields: &[
            Item("rss_data.enabled", Leaf("bool"), One),
            Item("rss_data.redirect", Leaf("bool"), One),
            Item("rss_data.populate_hash", Leaf("bool"), One),
            Item("rss_data.hash_types", Leaf("uint32"), One),
            Item("rss_data.supported_hash_types", Later(2, "uint32"), One),
            Item("rss_data.indirections_len", Leaf("uint16"), One),
            Item("rss_data.default_queue", Leaf("uint16"), One),
            Item("rss_data.key", Leaf("uint8"), Fixed(40)),
            Item("rss_data.indirections_table", Leaf("uint16"), By("rss_data.indirections_len")),
        ],
        ..layout(key!("virtio-net-device/rss"), 5, 1)
    },
    Layout {
        fields: &[Item("backend", Unknown("state of a network backend"), One)],
        ..layout(key!("virtio-net-device/backend"), 11, 1)
    },
    Layout { version_id: 0, ..layout(NET_QUEUE, 2, 9) },
    Layout { version_id: 0, ..layout(NET_VNET, 2, 9) },
    Layout { version_id: 0, ..layout(NET_UFO, 2, 9) },
    Layout { version_id: 0, ..layout(NET_WAITING, 2, 9) },
];

/// The built-in descriptions of a release, by keys that cannot clash with imported ones.
#[must_use]
pub fn descriptions(release: Version) -> Tables {
    let vmsd = LAYOUTS
        .iter()
        .filter(|layout| layout.since <= release)
        .map(|layout| (layout.key.to_string(), vmsd(layout, release)))
        .collect();
    Tables { release: release.to_string(), vmsd, ..Tables::default() }
}

fn vmsd(layout: &Layout, release: Version) -> Vmsd {
    let known = |key: &&str| LAYOUTS.iter().any(|l| l.key == *key && l.since <= release);
    let version_id = match layout.newer {
        Some((since, version_id)) if since <= release => version_id,
        _ => layout.version_id,
    };
    Vmsd {
        name: layout.key.split_once(':').map_or(layout.key, |(_, name)| name).to_string(),
        version_id,
        minimum_version_id: version_id.min(1),
        fields: layout
            .fields
            .iter()
            .filter(|item| !matches!(item.1, Later(version, _) if version > version_id))
            .map(|item| field(item, release))
            .collect(),
        subsections: layout
            .subsections
            .iter()
            .filter(|key| known(key))
            .map(|key| Subsection { vmsd: (*key).to_string(), needed: None })
            .collect(),
        ..Vmsd::default()
    }
}

fn field(Item(name, what, many): &Item, release: Version) -> Field {
    Field {
        name: (*name).to_string(),
        version_id: if let Later(version, _) = what { *version } else { 0 },
        exists: None,
        kind: match what {
            Leaf(info) | Later(_, info) => leaf(info, release),
            Struct(key) => Kind::Struct { vmsd: (*key).to_string() },
            Unknown(why) => Kind::Unknown { why: (*why).to_string() },
        },
        count: match many {
            One => Count::One,
            Fixed(n) => Count::Fixed(*n),
            By(name) => Count::Field { name: (*name).to_string(), signed: false, multiply: 1 },
        },
        array_of_pointer: false,
        auto_alloc: false,
        must_exist: false,
        inherited_from: None,
    }
}

fn leaf(info: &str, release: Version) -> Kind {
    let size = match info {
        "uint16" | "uint16 equal" => 2,
        "uint32" | "int32" | "int32 le" => 4,
        "uint64" => 8,
        // 256, or 4096 behind a port: see `codec::pci::config`.
        "pci config" => 0,
        "pci irq state" => 16,
        _ => 1,
    };
    // Up to 1.7.1 the codec has another's name, and that other test (codecs, trap 4).
    let early = info == "int32 le" && release < Version::new(1, 7, 2);
    let info = if early { "int32 equal" } else { info };
    Kind::Leaf { info: info.to_string(), size: Size::Fixed(size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For a person to hold against codecs 3.2 and 3.3.
    #[test]
    fn descriptions_are_as_reviewed() {
        let mut text = String::new();
        for release in ["1.7.1", "1.7.2", "11.1.3"] {
            let tables = descriptions(release.parse().unwrap());
            for (key, vmsd) in &tables.vmsd {
                text += &format!(
                    "{release} {key} {} from {}\n",
                    vmsd.version_id, vmsd.minimum_version_id
                );
                for Field { name, version_id, kind, count, .. } in &vmsd.fields {
                    text += &format!("  {name}, since {version_id}: {kind:?}, {count:?}\n");
                }
                for subsection in &vmsd.subsections {
                    text += &format!("  subsection {}\n", subsection.vmsd);
                }
            }
        }
        let _scope = crate::snapshots::snapshots("virtio");
        insta::assert_snapshot!("descriptions", text);
    }

    #[test]
    fn every_reference_is_there_in_every_release() {
        for layout in LAYOUTS {
            let tables = descriptions(layout.since);
            for (key, vmsd) in &tables.vmsd {
                let nested = vmsd.fields.iter().filter_map(|f| match &f.kind {
                    Kind::Struct { vmsd } => Some(vmsd),
                    _ => None,
                });
                for used in nested.chain(vmsd.subsections.iter().map(|s| &s.vmsd)) {
                    assert!(tables.vmsd.contains_key(used), "{key} of {}: {used}", tables.release);
                }
            }
        }
    }

    #[test]
    fn a_release_has_what_it_had() {
        let names = |release: Version, key: &str| -> Vec<String> {
            let tables = descriptions(release);
            let vmsd = tables.vmsd.get(key).expect("description");
            vmsd.subsections.iter().map(|s| s.vmsd.clone()).collect()
        };
        assert!(!descriptions(Version::new(2, 0, 2)).vmsd.contains_key(VIRTIO));
        assert_eq!(names(Version::new(2, 1, 0), VIRTIO), [key!("virtio/device_endian")]);
        assert_eq!(names(Version::new(11, 1, 0), VIRTIO).len(), 10);
        let rss = |release| descriptions(release).vmsd[key!("virtio-net-device/rss")].clone();
        assert_eq!(rss(Version::new(5, 2, 0)).version_id, 1);
        assert_eq!(
            rss(Version::new(11, 1, 0)).fields.len(),
            rss(Version::new(5, 2, 0)).fields.len() + 1
        );
    }
}
