//! Descriptions that hand-written virtio code reaches (codecs 3.1, 3.7), so that no importer finds
//! them: the parts of the transports, `virtio` with its subsections, and the inner ones of the device
//! parts.
//!
//! Names, versions and order are those of the log of a release loading its own stream. Inner
//! descriptions of the device parts have no fields here: the codec transfers those, and the
//! description is walked for its look-ahead and its subsections.

use crate::dialect::Version;

/// Keys are names behind this prefix, which no importer gives.
macro_rules! key {
    ($name:literal) => {
        concat!("virtio:", $name)
    };
}
#[cfg(test)]
pub(super) use key;

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
pub(super) struct Layout {
    pub(super) key: &'static str,
    /// First release that has it.
    pub(super) since: Version,
    /// Its version there.
    pub(super) version_id: u32,
    /// The release of a later version, and that version.
    pub(super) newer: Option<(Version, u32)>,
    pub(super) fields: &'static [Item],
    pub(super) subsections: &'static [&'static str],
}

/// One field: name, what it is, how many.
pub(super) struct Item(pub(super) &'static str, pub(super) ItemKind, pub(super) ItemCount);

/// What a field is.
pub(super) enum ItemKind {
    Leaf(&'static str),
    Struct(&'static str),
    /// A leaf from this version of the description on.
    Later(u32, &'static str),
    Unknown(&'static str),
}

/// How many elements a field has.
pub(super) enum ItemCount {
    One,
    Fixed(u32),
    By(&'static str),
}

use ItemCount::{By, Fixed, One};
use ItemKind::{Later, Leaf, Struct, Unknown};

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

pub(super) const LAYOUTS: &[Layout] = &[
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
