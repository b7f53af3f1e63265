//! Where devices go in one machine: each on a bus that takes it, at an address that is known
//! beforehand, so that the sections of a stream can be told apart by their paths.
//!
//! | bus, as `-device help` has it | place |
//! | --- | --- |
//! | PCI | by [`Placing`]: behind a PCI bridge, on the root bus, behind a root port of its own |
//! | virtio-bus, virtual-css-bus, spapr-vio-bus | a transport, a device number, a register of the board's |
//! | ISA, System, i2c, none | what the machine type has |
//! | USB, SCSI, IDE, HDA, ... | a controller of the rack (`CONTROLLERS`) |

use std::collections::{BTreeMap, BTreeSet};

use super::backends::{Backing, SHARED, backing, identity};
use super::board::{Board, Placing};
use super::slots::Slots;
use super::types::DeviceType;
use crate::release::bundle::recording::split_path;

/// What has a bus of each kind, and the property that says where on it.
struct Controller {
    bus: &'static str,
    /// `{}` stands for what the names of the board's virtio devices end in.
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
        device: "virtio-scsi-{}",
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
        device: "virtio-serial-{}",
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

/// Buses of the board whose addresses are given out.
const BOARD: [&str; 4] = ["PCI", "virtio-bus", "virtual-css-bus", "spapr-vio-bus"];

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
    unbacked: Vec<String>,
    /// The same with everything behind it that it can have.
    backed: Vec<String>,
    /// The controller that it is behind, by number.
    behind: Option<usize>,
}

/// A machine with devices, and those that are not in it, each with what is said of it.
#[derive(Debug)]
pub struct Filled<'d> {
    /// The machine.
    pub rack: Rack,
    /// Devices, with their values of properties, for which its buses have no room left.
    pub full: Vec<(&'d DeviceType, String)>,
    /// Devices for which it has no bus, with the kind of it.
    pub no_bus: Vec<(&'d DeviceType, String)>,
}

impl<'d> Filled<'d> {
    /// Leaves a device out: its bus is full, or else there is none.
    fn leave(&mut self, full: bool, device: &'d DeviceType, varied: &str, bus: &str) {
        match full {
            true => self.full.push((device, varied.to_owned())),
            false => self.no_bus.push((device, bus.to_owned())),
        }
    }
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
    /// Puts devices, each with values of properties for it, into a machine.
    #[must_use]
    pub fn filled<'d>(
        devices: &[(&'d DeviceType, String)],
        board: &Board,
        placing: Placing,
        has: impl Fn(&str) -> bool,
    ) -> Filled<'d> {
        let mut slots = Slots::new(board, placing);
        let mut out = Filled { rack: Rack::default(), full: Vec::new(), no_bus: Vec::new() };
        // By kind of bus: the controller's number and id, and what is used of it.
        let mut controllers: BTreeMap<&str, (usize, String, usize)> = BTreeMap::new();
        for (number, (device, varied)) in devices.iter().enumerate() {
            let bus = device.bus.as_deref();
            let mut behind = None;
            let (place, path) = match bus {
                None => (String::new(), None),
                Some(bus) if OWN.contains(&bus) => (String::new(), None),
                Some(bus) if BOARD.contains(&bus) => match slots.next(bus) {
                    Some((place, path)) => (place, Some(path)),
                    None => {
                        out.leave(slots.has(bus), device, varied, bus);
                        continue;
                    }
                },
                Some(bus) => {
                    let known = CONTROLLERS.iter().find(|c| c.bus == bus);
                    let name = known.map(|c| c.device.replace("{}", board.virtio));
                    let Some((known, name)) = known.zip(name.filter(|name| has(type_name(name))))
                    else {
                        out.leave(false, device, varied, bus);
                        continue;
                    };
                    let room = known.from.saturating_add(known.room);
                    if controllers.get(bus).is_none_or(|(.., used)| *used >= room) {
                        let number = out.rack.controllers.len();
                        let id = format!("hc{number}");
                        let above = bus_of(&name);
                        let at = match above {
                            "ISA" => Some(Default::default()),
                            // On a USB controller of its own, which takes no part in a path.
                            "usb-bus" => slots.next("PCI").map(|(at, _)| {
                                let host = format!("qemu-xhci,id=host{number}{at}");
                                out.rack.frame.extend(["-device".to_owned(), host]);
                                (format!(",bus=host{number}.0"), String::new())
                            }),
                            above => slots.next(above),
                        };
                        let Some((place, path)) = at else {
                            out.leave(slots.has(above), device, varied, bus);
                            continue;
                        };
                        out.rack.controllers.push((format!("{name},id={id}{place}"), path));
                        controllers.insert(known.bus, (number, id, known.from));
                    }
                    let Some((controller, id, used)) = controllers.get_mut(bus) else { continue };
                    behind = Some(*controller);
                    let above = out.rack.controllers.get(*controller).map_or("", |c| c.1.as_str());
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
            let Backing { options: mut backed, properties } = backing(device, number, board.memory);
            let mac = identity(device);
            let text = |more: &str| format!("{},id={id}{place}{mac}{more}{varied}", device.name);
            backed.extend(["-device".to_owned(), text(&properties)]);
            let unbacked = vec!["-device".to_owned(), text("")];
            out.rack.devices.push(Plugged {
                device: device.name.clone(),
                id,
                path,
                varied: varied.trim_start_matches(',').to_owned(),
                unbacked,
                backed,
                behind,
            });
        }
        out.rack.frame.splice(0..0, slots.frame);
        out
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
            if backed { device.backed.iter() } else { device.unbacked.iter() }.cloned()
        });
        let frame = self.frame.iter().cloned();
        shared.into_iter().chain(frame).chain(controllers).chain(own).collect()
    }

    /// Which of some devices a section of this name is of: the one that has its path, or else one
    /// behind the controller that has it.
    #[must_use]
    pub fn owner(&self, devices: &[&Plugged], idstr: &str) -> Option<usize> {
        let of = |path: &str| !path.is_empty() && split_path(path, idstr).is_some();
        let own = devices.iter().position(|device| device.path.as_deref().is_some_and(of));
        own.or_else(|| {
            devices.iter().position(|device| {
                let controller = device.behind.and_then(|number| self.controllers.get(number));
                controller.is_some_and(|(_, path)| of(path))
            })
        })
    }
}

/// The kind of bus that a controller is on.
fn bus_of(controller: &str) -> &'static str {
    match type_name(controller) {
        name if name.starts_with("isa-") => "ISA",
        name if name.starts_with("usb-") => "usb-bus",
        name if name.ends_with("-ccw") => "virtual-css-bus",
        name if name.ends_with("-device") => "virtio-bus",
        _ => "PCI",
    }
}

fn type_name(device: &str) -> &str {
    device.split(',').next().unwrap_or(device)
}

#[cfg(test)]
mod tests;
