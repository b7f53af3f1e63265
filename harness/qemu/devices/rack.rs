//! Where devices go in one machine: each on a bus that takes it, at an address that is known
//! beforehand, so that the sections of a stream can be told apart by their paths.
//!
//! | bus, as `-device help` has it | place |
//! | --- | --- |
//! | PCI | by [`Placing`]: behind a PCI bridge, on the root bus, behind a root port of its own |
//! | ISA, System, i2c, none | what the machine type has |
//! | USB, SCSI, IDE, HDA, ... | a controller of the rack (`CONTROLLERS`) |

use std::collections::{BTreeMap, BTreeSet};

use super::backends::{Backing, SHARED, backing, identity};
use super::types::DeviceType;

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
        }
    }
}

/// Slots of a bridge; the first of 32 may be its own hotplug controller's.
const BRIDGE_SLOTS: std::ops::Range<usize> = 1..32;
/// Slots of a root bus that chipsets leave free.
const ROOT_SLOTS: std::ops::Range<usize> = 3..27;
/// Functions of a slot.
const FUNCTIONS: usize = 8;

/// What has a bus of each kind, and the property that says where on it.
struct Controller {
    bus: &'static str,
    device: &'static str,
    /// The name of the bus behind the controller's id: `.0` where it has one bus.
    suffix: &'static str,
    /// The address on it, which `{}` stands for; a path component, where it comes into idstrs.
    address: &'static str,
    path: &'static str,
    /// The first address, and how many there are; another controller takes what is beyond.
    from: usize,
    room: usize,
}

/// A controller whose devices say nothing of where they are.
const PLAIN: Controller = Controller {
    bus: "",
    device: "",
    suffix: "",
    address: "",
    path: "",
    from: 0,
    room: usize::MAX,
};

/// Controllers, by the kind of bus. A release without one leaves out what goes on it.
const CONTROLLERS: [Controller; 10] = [
    Controller {
        bus: "usb-bus",
        device: "qemu-xhci,p2=15,p3=15",
        suffix: ".0",
        address: "port={}",
        path: "{}",
        from: 1,
        room: 15,
    },
    Controller {
        bus: "SCSI",
        device: "virtio-scsi-pci",
        suffix: ".0",
        address: "scsi-id={}",
        path: "0:{}:0",
        ..PLAIN
    },
    Controller {
        bus: "IDE",
        device: "ich9-ahci",
        suffix: ".{}",
        address: "unit=0",
        room: 6,
        ..PLAIN
    },
    Controller { bus: "HDA", device: "intel-hda", suffix: ".0", address: "cad={}", ..PLAIN },
    Controller {
        bus: "virtio-serial-bus",
        device: "virtio-serial-pci",
        suffix: ".0",
        address: "nr={}",
        from: 1,
        ..PLAIN
    },
    Controller { bus: "sd-bus", device: "sdhci-pci", room: 1, ..PLAIN },
    Controller { bus: "nvme-bus", device: "nvme,serial=x", ..PLAIN },
    Controller { bus: "floppy-bus", device: "isa-fdc", address: "unit={}", room: 2, ..PLAIN },
    Controller { bus: "ccid-bus", device: "usb-ccid", suffix: ".0", room: 1, ..PLAIN },
    Controller { bus: "IndustryPack", device: "tpci200", suffix: ".0", room: 4, ..PLAIN },
];

/// Buses of the machine itself: nothing is said of where.
const OWN: [&str; 3] = ["ISA", "System", "i2c-bus"];

/// Whether a device goes on a bus of the machine itself, or on none.
#[must_use]
pub fn on_board(device: &DeviceType) -> bool {
    device.bus.as_deref().is_none_or(|bus| OWN.contains(&bus))
}

/// A device in a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugged {
    /// Its type.
    pub device: String,
    /// Its id on the command line.
    pub id: String,
    /// The path that idstrs of its sections begin with, where its bus gives one.
    pub path: Option<String>,
    /// Values of properties that vary its layout, as on the command line.
    pub varied: String,
    /// Itself on the command line.
    bare: Vec<String>,
    /// The same with everything behind it that it can have.
    backed: Vec<String>,
    /// The controller that it is behind, by number.
    behind: Option<usize>,
}

/// Devices with their places in one machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rack {
    /// The devices that are asked about.
    pub devices: Vec<Plugged>,
    /// Bridges and ports for them.
    frame: Vec<String>,
    /// Controllers, each with its path.
    controllers: Vec<(String, String)>,
}

impl Rack {
    /// Puts devices, each with values of properties for it, into a machine; those for which it has
    /// no bus are left out, and returned with the name of that bus.
    #[must_use]
    pub fn new<'d>(
        devices: &[(&'d DeviceType, String)],
        placing: Placing,
        has: impl Fn(&str) -> bool,
    ) -> (Rack, Vec<(&'d DeviceType, String)>) {
        let mut slots = Slots { placing, used: 0, frame: Vec::new() };
        let mut rack = Rack::default();
        let mut left_out = Vec::new();
        // By kind of bus: the controller's number and id, and what is used of it.
        let mut controllers: BTreeMap<&str, (usize, String, usize)> = BTreeMap::new();
        for (number, (device, varied)) in devices.iter().enumerate() {
            let bus = device.bus.as_deref();
            let mut behind = None;
            let (place, path) = match bus {
                None => (String::new(), None),
                Some(bus) if OWN.contains(&bus) => (String::new(), None),
                Some("PCI") => {
                    let (place, path) = slots.next();
                    (place, Some(path))
                }
                Some(bus) => {
                    let known = CONTROLLERS.iter().find(|c| c.bus == bus);
                    let Some(known) = known.filter(|c| has(type_name(c.device))) else {
                        left_out.push((*device, bus.to_owned()));
                        continue;
                    };
                    let room = known.from.saturating_add(known.room);
                    if controllers.get(bus).is_none_or(|(.., used)| *used >= room) {
                        let number = rack.controllers.len();
                        let id = format!("hc{number}");
                        let (place, path) = match type_name(known.device) {
                            name if name.starts_with("isa-") => (String::new(), String::new()),
                            // On a USB controller of its own, which takes no part in a path.
                            name if name.starts_with("usb-") => {
                                let host = format!("qemu-xhci,id=host{number}{}", slots.next().0);
                                rack.frame.extend(["-device".to_owned(), host]);
                                (format!(",bus=host{number}.0"), String::new())
                            }
                            _ => slots.next(),
                        };
                        rack.controllers.push((format!("{},id={id}{place}", known.device), path));
                        controllers.insert(known.bus, (number, id, known.from));
                    }
                    let Some((controller, id, used)) = controllers.get_mut(bus) else { continue };
                    behind = Some(*controller);
                    let above = rack.controllers.get(*controller).map_or("", |c| c.1.as_str());
                    let at = used.to_string();
                    *used += 1;
                    let here = known.address.replace("{}", &at);
                    let comma = if here.is_empty() { "" } else { "," };
                    let bus = match known.suffix {
                        "" => String::new(),
                        suffix => format!(",bus={id}{}", suffix.replace("{}", &at)),
                    };
                    let path = format!("{above}/{}", known.path.replace("{}", &at));
                    let path = (!known.path.is_empty()).then_some(path);
                    (format!("{bus}{comma}{here}"), path)
                }
            };
            let id = format!("dev{number}");
            let Backing { options: mut backed, properties } = backing(device, number);
            let mac = identity(device);
            let text = |more: &str| format!("{},id={id}{place}{mac}{more}{varied}", device.name);
            backed.extend(["-device".to_owned(), text(&properties)]);
            let bare = vec!["-device".to_owned(), text("")];
            rack.devices.push(Plugged {
                device: device.name.clone(),
                id,
                path,
                varied: varied.trim_start_matches(',').to_owned(),
                bare,
                backed,
                behind,
            });
        }
        rack.frame.splice(0..0, slots.frame);
        (rack, left_out)
    }

    /// Arguments of the machine with these of its devices; `backed` are those that have something
    /// behind them.
    #[must_use]
    pub fn arguments(&self, devices: &[&Plugged], backed: &BTreeSet<&str>) -> Vec<String> {
        let shared = SHARED.map(str::to_owned);
        let wanted = |number: usize| devices.iter().any(|device| device.behind == Some(number));
        let controllers = self.controllers.iter().enumerate().filter(|(n, _)| wanted(*n));
        let controllers =
            controllers.flat_map(|(_, (device, _))| ["-device".to_owned(), device.clone()]);
        let own = devices.iter().flat_map(|device| {
            let backed = backed.contains(device.id.as_str());
            if backed { device.backed.iter() } else { device.bare.iter() }.cloned()
        });
        let frame = self.frame.iter().cloned();
        shared.into_iter().chain(frame).chain(controllers).chain(own).collect()
    }

    /// Which of some devices a section of this name is of: the one that has its path, or else one
    /// behind the controller that has it.
    #[must_use]
    pub fn owner(&self, devices: &[&Plugged], idstr: &str) -> Option<usize> {
        let of = |path: &str| {
            !path.is_empty() && idstr.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        };
        let own = devices.iter().position(|device| device.path.as_deref().is_some_and(of));
        own.or_else(|| {
            devices.iter().position(|device| {
                let controller = device.behind.and_then(|number| self.controllers.get(number));
                controller.is_some_and(|(_, path)| of(path))
            })
        })
    }
}

fn type_name(device: &str) -> &str {
    device.split(',').next().unwrap_or(device)
}

/// PCI addresses, given out one after the other.
struct Slots {
    placing: Placing,
    used: usize,
    frame: Vec<String>,
}

impl Slots {
    /// The next free address: properties that say it, and the path of what is there.
    fn next(&mut self) -> (String, String) {
        let number = self.used;
        self.used += 1;
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
                (place, format!("0000:00:{above:02x}.0:{slot:02x}.0"))
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
                (place, format!("0000:00:{slot:02x}.{function}"))
            }
            Placing::Slot(bus) => {
                let slot = ROOT_SLOTS.start + number;
                (format!(",bus={bus},addr={slot:x}"), format!("0000:00:{slot:02x}.0"))
            }
            Placing::Port => {
                let (slot, function) = (ROOT_SLOTS.start + number / FUNCTIONS, number % FUNCTIONS);
                let many = if function == 0 { ",multifunction=on" } else { "" };
                // Ports that are asked about have slot 0, in a chassis of any number.
                let port = format!(
                    "pcie-root-port,id=port{number},chassis={},slot=1,bus=pcie.0,addr={slot:x}.{function}{many}",
                    number % 254 + 1
                );
                self.frame.extend(["-device".to_owned(), port]);
                let place = format!(",bus=port{number},addr=0");
                (place, format!("0000:00:{slot:02x}.{function}:00.0"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str, bus: Option<&str>) -> DeviceType {
        DeviceType {
            name: name.to_owned(),
            bus: bus.map(str::to_owned),
            properties: Some(Vec::new()),
        }
    }

    #[test]
    fn each_device_has_a_path_that_is_known_beforehand() {
        let all = [
            device("nic", Some("PCI")),
            device("mouse", Some("usb-bus")),
            device("beeper", Some("ISA")),
            device("card", Some("xen-bus")),
        ];
        let wanted: Vec<_> = all.iter().map(|d| (d, String::new())).collect();
        for (placing, nic, mouse) in [
            (Placing::Bridge, "0000:00:03.0:01.0", "0000:00:03.0:02.0/1"),
            (Placing::Root, "0000:00:03.1", "0000:00:03.2/1"),
            (Placing::Port, "0000:00:03.0:00.0", "0000:00:03.1:00.0/1"),
            (Placing::Slot("pci.0"), "0000:00:03.0", "0000:00:04.0/1"),
        ] {
            let (rack, left_out) = Rack::new(&wanted, placing, |_| true);
            let paths: Vec<_> = rack.devices.iter().map(|d| d.path.as_deref()).collect();
            assert_eq!(paths, [Some(nic), Some(mouse), None]);
            assert_eq!(left_out[0].1, "xen-bus");
            let line = rack
                .arguments(&rack.devices.iter().collect::<Vec<_>>(), &BTreeSet::new())
                .join(" ");
            assert!(
                line.ends_with("-device mouse,id=dev1,bus=hc0.0,port=1 -device beeper,id=dev2"),
                "{line}"
            );
        }
    }

    #[rstest::rstest]
    #[case("0000:00:03.0:01.0/2/usb-net", Some(1))]
    #[case("0000:00:03.0:01.0/1/usb-net", Some(0))]
    // The controller itself: one behind it.
    #[case("0000:00:03.0:01.0/xhci", Some(0))]
    #[case("0000:00:03.0:02.0/nic", Some(2))]
    #[case("0000:00:03.0:03.0/nic", None)]
    fn a_section_is_of_the_device_with_its_path(#[case] idstr: &str, #[case] owner: Option<usize>) {
        let all = [("disk", "usb-bus"), ("net", "usb-bus"), ("nic", "PCI")];
        let all = all.map(|(name, bus)| device(name, Some(bus)));
        let wanted: Vec<_> = all.iter().map(|d| (d, String::new())).collect();
        let (rack, _) = Rack::new(&wanted, Placing::Bridge, |_| true);
        assert_eq!(rack.owner(&rack.devices.iter().collect::<Vec<_>>(), idstr), owner);
    }

    #[test]
    fn a_slot_is_given_out_once() {
        let nic = device("nic", Some("PCI"));
        let wanted = vec![(&nic, String::new()); 150];
        for placing in [Placing::Bridge, Placing::Root, Placing::Port] {
            let (rack, _) = Rack::new(&wanted, placing, |_| true);
            let paths: std::collections::BTreeSet<_> =
                rack.devices.iter().map(|d| &d.path).collect();
            assert_eq!(paths.len(), 150, "{placing:?}");
        }
    }
}
