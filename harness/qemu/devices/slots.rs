//! Addresses on the buses of a board, and the paths of what is there.

use super::board::{Board, Placing};

/// Slots of a bridge; the first of 32 may be its own hotplug controller's.
const BRIDGE_SLOTS: std::ops::Range<usize> = 1..32;
/// Slots of a root bus that chipsets leave free.
const ROOT_SLOTS: std::ops::Range<usize> = 3..27;
/// Functions of a slot.
const FUNCTIONS: usize = 8;

/// The first register of a device on spapr's virtual I/O bus, and the distance between two.
const REGISTERS: (usize, usize) = (0x7200_0000, 0x1000);

/// Addresses on buses of the board, given out one after the other.
pub(super) struct Slots<'b> {
    board: &'b Board,
    placing: Placing,
    /// PCI addresses that are given out.
    used: usize,
    /// Transports, device numbers or registers that are.
    others: usize,
    /// Bridges and ports that the addresses are behind.
    pub(super) frame: Vec<String>,
}

impl<'b> Slots<'b> {
    pub(super) fn new(board: &'b Board, placing: Placing) -> Self {
        Slots { board, placing, used: 0, others: 0, frame: Vec::new() }
    }

    /// Whether the board has a bus of this kind at all.
    pub(super) fn has(&self, bus: &str) -> bool {
        match bus {
            "PCI" => self.placing != Placing::Nowhere,
            "virtio-bus" => self.board.transports.is_some(),
            _ => true,
        }
    }

    /// The next free address on a kind of bus: properties that say it, and the path of what is
    /// there; `None` if there is none.
    pub(super) fn next(&mut self, bus: &str) -> Option<(String, String)> {
        if bus == "PCI" {
            return self.has(bus).then(|| self.pci());
        }
        let number = self.others;
        let next = match bus {
            "virtio-bus" => {
                let transports = self.board.transports.filter(|all| (number as u64) < all.count)?;
                let address = transports.base + transports.step * number as u64;
                (format!(",bus=virtio-mmio-bus.{number}"), format!("virtio-mmio@{address:016x}"))
            }
            "virtual-css-bus" => {
                let device = format!("fe.0.{:04x}", number + 1);
                (format!(",devno={device}"), format!("/{device}"))
            }
            // What stands before the register, only the device knows.
            _ => {
                let register = REGISTERS.0 + REGISTERS.1 * number;
                (format!(",reg={register:#x}"), format!("@{register:x}"))
            }
        };
        self.others += 1;
        Some(next)
    }

    fn pci(&mut self) -> (String, String) {
        let number = self.used;
        self.used += 1;
        let root = self.board.root;
        match self.placing {
            Placing::Bridge => {
                let per = BRIDGE_SLOTS.len();
                let (bridge, slot) = (number / per, number % per + BRIDGE_SLOTS.start);
                let above = ROOT_SLOTS.start + bridge;
                if slot == BRIDGE_SLOTS.start {
                    let bridge = format!(
                        "pci-bridge,id=bridge{bridge},chassis_nr={},bus=pci.0,addr={above:x}",
                        255 - bridge
                    );
                    self.frame.extend(["-device".to_owned(), bridge]);
                }
                let place = format!(",bus=bridge{bridge},addr={slot:x}");
                (place, format!("{root}:{above:02x}.0:{slot:02x}.0"))
            }
            Placing::Root => {
                // Function 0 is a bridge of a slot with several functions, which takes the mark of
                // that from the devices that are asked about.
                let per = FUNCTIONS - 1;
                let (slot, function) = (ROOT_SLOTS.start + number / per, number % per + 1);
                if function == 1 {
                    let carrier = format!(
                        "pcie-root-port,id=carrier{slot},chassis={slot},slot=1,bus=pcie.0,\
                         addr={slot:x}.0,multifunction=on"
                    );
                    self.frame.extend(["-device".to_owned(), carrier]);
                }
                let place = format!(",bus=pcie.0,addr={slot:x}.{function}");
                (place, format!("{root}:{slot:02x}.{function}"))
            }
            Placing::Slot(bus) => {
                let slot = ROOT_SLOTS.start + number;
                (format!(",bus={bus},addr={slot:x}"), format!("{root}:{slot:02x}.0"))
            }
            Placing::Port | Placing::Nowhere => {
                let (slot, function) = (ROOT_SLOTS.start + number / FUNCTIONS, number % FUNCTIONS);
                let many = if function == 0 { ",multifunction=on" } else { "" };
                // Ports that are asked about have slot 0, in a chassis of any number.
                let port = format!(
                    "pcie-root-port,id=port{number},chassis={},slot=1,bus=pcie.0,addr={slot:x}.{function}{many}",
                    number % 254 + 1
                );
                self.frame.extend(["-device".to_owned(), port]);
                let place = format!(",bus=port{number},addr=0");
                (place, format!("{root}:{slot:02x}.{function}:00.0"))
            }
        }
    }
}
