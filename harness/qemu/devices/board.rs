//! Boards on which devices are recorded: what buses each has, and how people configure it.

use crate::release::catalogue::chipset;
use crate::release::compose::transport::Transports;

/// Where PCI devices go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placing {
    /// Behind PCI bridges: conventional devices.
    Bridge,
    /// On the root bus of PCI Express: devices integrated in the root complex.
    Root,
    /// Each behind a root port of its own: PCI Express endpoints.
    Port,
    /// In slots of the machine's own bus, `pci.0` or `pcie.0`, with nothing else.
    Slot(&'static str),
    /// Nowhere: the board has no PCI.
    Nowhere,
}

impl Placing {
    /// A word for it, as the catalogue has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Placing::Bridge => "bridge",
            Placing::Root => "root",
            Placing::Port => "port",
            Placing::Slot(_) => "slot",
            Placing::Nowhere => "board",
        }
    }
}

/// A family of machine types.
#[derive(Debug, Clone, Copy)]
pub struct Board {
    /// Names of its machine types without the generation.
    pub chipset: &'static str,
    /// Where PCI devices go: a machine for each.
    pub placings: &'static [Placing],
    /// What idstrs of its PCI devices begin with (`root_bus_path`, `spapr_phb_root_bus_path`).
    pub root: &'static str,
    /// What the names of virtio devices and controllers end in that go best with it.
    pub virtio: &'static str,
    /// Transports at fixed addresses, in order of their numbers; none: it has none.
    pub transports: Option<Transports>,
    /// Options without which some of its machine types do not start under TCG.
    pub needed: &'static [&'static str],
    /// Options of every machine with devices: room for memory devices, also for those that keep
    /// theirs, where the board takes them.
    pub common: &'static [&'static str],
    /// Memory behind a memory device: a multiple of every block size that one has.
    pub memory: &'static str,
    /// As people configure it: what differs from the plain one.
    pub varied: &'static [&'static str],
}

/// A PC, to which the others are said in what differs.
pub(super) const PC: Board = Board {
    chipset: "pc-i440fx",
    placings: &[Placing::Bridge],
    root: "0000:00",
    virtio: "pci",
    transports: None,
    needed: &[],
    common: &["-m", "64,slots=16,maxmem=8G", "-machine", "nvdimm=on"],
    memory: "128M",
    varied: &[
        "",
        "-smp 2",
        "-m 64,slots=4,maxmem=1G",
        "-serial null -serial null -parallel null -usb",
    ],
};

/// All boards. Addresses of transports are those of the boards' memory maps (`hw/arm/virt.c`,
/// `hw/riscv/virt.c`, `hw/i386/microvm.c`).
pub const BOARDS: [Board; 7] = [
    PC,
    Board { chipset: "pc-q35", placings: &[Placing::Root, Placing::Port], ..PC },
    Board {
        chipset: "microvm",
        placings: &[Placing::Nowhere],
        virtio: "device",
        transports: Some(Transports::MICROVM),
        common: &["-m", "64"],
        varied: &["", "-smp 2", "-machine pit=off,pic=off,rtc=on", "-serial null"],
        ..PC
    },
    Board {
        chipset: "aarch64/virt",
        placings: &[Placing::Root, Placing::Port],
        transports: Some(Transports { base: 0x0a00_0000, step: 0x200, count: 32 }),
        varied: &[
            "",
            "-smp 2",
            "-m 64,slots=4,maxmem=1G",
            "-machine gic-version=3",
            "-machine gic-version=3,its=off",
            "-machine virtualization=on",
            "-machine secure=on",
            "-machine iommu=smmuv3",
            "-machine highmem=off",
            "-machine acpi=off",
            "-machine gic-version=3,virtualization=on",
            "-cpu cortex-a53",
            "-cpu cortex-a72",
            "-cpu cortex-a76",
            "-cpu neoverse-n1",
            "-cpu max",
            "-cpu cortex-a72 -machine gic-version=3",
            "-cpu neoverse-n1 -machine gic-version=3",
            "-cpu max -machine gic-version=3",
            "-cpu cortex-a57 -machine virtualization=on",
            "-cpu max -machine virtualization=on",
        ],
        ..PC
    },
    Board {
        chipset: "ppc64/pseries",
        root: "pci@800000020000000",
        // On by default for old machine types, which do not start with it.
        needed: &["-machine", "cap-htm=off"],
        common: &["-m", "256,slots=16,maxmem=16G"],
        memory: "256M",
        varied: &[
            "",
            "-smp 2",
            "-m 256,slots=4,maxmem=2G",
            "-machine ic-mode=xics",
            "-machine ic-mode=xive",
            "-cpu power8_v2.0",
            "-cpu power10_v2.0",
        ],
        ..PC
    },
    Board {
        chipset: "s390x/s390-ccw-virtio",
        // What makes a PCI device one of this board cannot be migrated (`zpci`).
        placings: &[Placing::Nowhere],
        virtio: "ccw",
        common: &["-m", "64"],
        varied: &["", "-smp 2", "-cpu max"],
        ..PC
    },
    Board {
        chipset: "riscv64/virt",
        placings: &[Placing::Root, Placing::Port],
        transports: Some(Transports { base: 0x1000_1000, step: 0x1000, count: 8 }),
        common: &["-m", "64"],
        varied: &["", "-smp 2", "-machine aclint=on", "-machine aia=aplic", "-cpu max"],
        ..PC
    },
];

/// The board of a machine type; `None` if devices are not recorded on it.
#[must_use]
pub fn of(machine: &str) -> Option<&'static Board> {
    BOARDS.iter().find(|board| board.chipset == chipset(machine))
}

#[cfg(test)]
mod tests {
    use super::of;

    #[rstest::rstest]
    #[case("pc-q35-7.2", Some("pc-q35"))]
    #[case("microvm", Some("microvm"))]
    #[case("aarch64/virt-7.2", Some("aarch64/virt"))]
    #[case("riscv64/virt", Some("riscv64/virt"))]
    #[case("virt-7.2", None)]
    #[case("pc-1.0", None)]
    #[case("s390x/s390-ccw-virtio-2.12", Some("s390x/s390-ccw-virtio"))]
    fn a_machine_type_has_a_board(#[case] machine: &str, #[case] expected: Option<&str>) {
        assert_eq!(of(machine).map(|board| board.chipset), expected);
    }
}
