//! What a device type needs beside itself, by the kind of its properties: a drive, a character device,
//! memory, a generator of random numbers ... Nothing here depends on the name of a device.

use super::super::tpm;
use super::types::DeviceType;

/// Global options and values of properties that one device is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backing {
    /// Options before the device, such as `-chardev null,id=c3`.
    pub options: Vec<String>,
    /// `,property=value` for each.
    pub properties: String,
}

/// Bytes of a drive, which has no file behind it: 4 MiB.
const DRIVE: u64 = 4 << 20;

/// What every machine has for devices that share it.
pub const SHARED: [&str; 2] = ["-audiodev", "none,id=audio0"];

/// The audio backend in [`SHARED`].
const AUDIO: &str = "audio0";

/// An Ethernet address, the same for all: one that a binary makes up is counted through a machine, and
/// comes into configuration space (PCI Express serial numbers).
const MAC: &str = "52:54:00:12:34:56";

/// `,property=value` for what a binary would else give each device by counting, and for what newer ones
/// give it no longer by themselves: the audio backend (8.2).
#[must_use]
pub fn identity(device: &DeviceType) -> String {
    let properties = device.properties.iter().flatten().filter(|p| p.kind == "str");
    properties
        .filter_map(|property| match property.name.as_str() {
            "mac" => Some(format!(",mac={MAC}")),
            _ if property.description.contains("audiodev") => {
                Some(format!(",{}={AUDIO}", property.name))
            }
            _ => None,
        })
        .collect()
}

/// What device number `number` of a machine gets for the kinds of properties that it has; `memory`
/// is how much stands behind a memory device.
#[must_use]
pub fn backing(device: &DeviceType, number: usize, memory: &str) -> Backing {
    let mut backing = Backing::default();
    for property in device.properties.iter().flatten() {
        let id = format!("{}{number}", property.name.replace('.', "-"));
        let about = property.description.as_str();
        let (options, value): (Vec<String>, String) = match property.kind.as_str() {
            "str" if about.contains("block device") => {
                let node = format!("driver=null-co,node-name={id},size={DRIVE},read-zeroes=on");
                (vec!["-blockdev".into(), node], id)
            }
            "str" | "string" if about.contains("chardev") || property.name == "chardev" => {
                (vec!["-chardev".into(), format!("null,id={id}")], id)
            }
            // A TPM of our own listens where a machine has one (`qemu::tpm`).
            "str" if property.name == "tpmdev" => {
                let socket = format!("socket,id=chardev-{id},path={}", tpm::SOCKET);
                let emulator = format!("emulator,id={id},chardev=chardev-{id}");
                (["-chardev", &socket, "-tpmdev", &emulator].map(str::to_owned).into(), id)
            }
            "str" if property.name == "fsdev" => {
                let local = format!("local,id={id},path=.,security_model=none");
                (vec!["-fsdev".into(), local], id)
            }
            // Names that only have to be there.
            "str" if matches!(property.name.as_str(), "serial" | "mount_tag") => {
                (Vec::new(), format!("x{number}"))
            }
            "link<memory-backend>" if property.name == "memdev" => {
                let object = format!("memory-backend-ram,id={id},size={memory}");
                (vec!["-object".into(), object], id)
            }
            // Of shared memory as two machines would have it; the older form of the property.
            "link<memory-backend>" if property.name == "hostmem" => {
                let object = format!("memory-backend-ram,id={id},size={memory}");
                (vec!["-object".into(), object], id)
            }
            "link<rng-backend>" => (vec!["-object".into(), format!("rng-builtin,id={id}")], id),
            "link<cryptodev-backend>" => {
                (vec!["-object".into(), format!("cryptodev-backend-builtin,id={id}")], id)
            }
            "link<can-bus>" => (vec!["-object".into(), format!("can-bus,id={id}")], id),
            "link<ipmi-bmc>" => (vec!["-device".into(), format!("ipmi-bmc-sim,id={id}")], id),
            // Ports and slots are distinguished by number.
            "uint8" | "uint16" if matches!(property.name.as_str(), "chassis" | "chassis_nr") => {
                (Vec::new(), (number % 254 + 1).to_string())
            }
            _ => continue,
        };
        backing.options.extend(options);
        backing.properties += &format!(",{}={value}", property.name);
    }
    backing
}

#[cfg(test)]
mod tests {
    use super::super::types::Property;
    use super::*;

    #[test]
    fn a_property_is_filled_by_its_kind() {
        let property = |name: &str, kind: &str, about: &str| Property {
            name: name.to_owned(),
            kind: kind.to_owned(),
            description: about.to_owned(),
            default: None,
        };
        let device = DeviceType {
            name: "any".to_owned(),
            bus: None,
            properties: Some(vec![
                property("disk", "str", "Node name or ID of a block device to use as a backend"),
                property("entropy", "link<rng-backend>", ""),
                property("size", "uint32", ""),
                property("tpmdev", "str", "ID of a tpm to use as a backend"),
            ]),
        };
        let Backing { options, properties } = backing(&device, 7, "128M");
        assert_eq!(properties, ",disk=disk7,entropy=entropy7,tpmdev=tpmdev7");
        assert_eq!(options[2..4], ["-object", "rng-builtin,id=entropy7"]);
        assert_eq!(options[4..6], ["-chardev", "socket,id=chardev-tpmdev7,path=tpm"]);
        assert_eq!(options[6..], ["-tpmdev", "emulator,id=tpmdev7,chardev=chardev-tpmdev7"]);
    }

    #[rstest::rstest]
    #[case("mac", "str", "", ",mac=52:54:00:12:34:56")]
    #[case("speaker", "str", "ID of an audiodev to use as a backend", ",speaker=audio0")]
    // Another kind of the same name, and another name.
    #[case("mac", "bool", "", "")]
    #[case("macaroni", "str", "", "")]
    fn an_address_is_not_left_to_counting(
        #[case] name: &str,
        #[case] kind: &str,
        #[case] about: &str,
        #[case] expected: &str,
    ) {
        let (name, kind) = (name.to_owned(), kind.to_owned());
        let property = Property { name, kind, description: about.to_owned(), default: None };
        let properties = Some(vec![property]);
        let device = DeviceType { name: "any".to_owned(), bus: None, properties };
        assert_eq!(identity(&device), expected);
    }
}
