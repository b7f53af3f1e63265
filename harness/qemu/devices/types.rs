//! The device types of a binary, as it lists them: which it can create, on which bus, and what properties
//! each has.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::QemuError;
use super::super::binary::Binary;
use super::super::connection::QmpError;
use super::super::emulator::{Emulator, Role, Setup};
use super::super::guest::Guest;
use super::super::process::{Deadline, Task, output};

/// How long a binary may take to list its devices, or the properties of one.
const LIMIT: Duration = Duration::from_secs(30);

/// How long one that closed its monitor may take to end.
const PARTING: Duration = Duration::from_secs(5);

/// A machine type without anything, which every binary with QMP has.
const NO_MACHINE: &str = "none";

/// A device type that `-device NAME` can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceType {
    /// Its name.
    pub name: String,
    /// The kind of bus that it goes on, as `-device help` calls it; `None`: on none.
    pub bus: Option<String>,
    /// Its properties; `None` if the binary could not tell them.
    pub properties: Option<Vec<Property>>,
}

/// A property of a device type (`device-list-properties`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its type: `bool`, `uint32`, `str`, `link<rng-backend>` ...
    pub kind: String,
    /// What it is for, where the binary says so.
    pub description: String,
    /// Its value where nothing is said, as the binary tells it (`default-value`, since 5.0).
    pub default: Option<Value>,
}

impl DeviceType {
    /// A property by name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().flatten().find(|p| p.name == name)
    }
}

impl Property {
    /// Another value than the default, by its kind; a number has three.
    #[must_use]
    pub fn other(&self, which: usize) -> Option<String> {
        let default = self.default.as_ref()?;
        match self.kind.as_str() {
            "bool" => default.as_bool().map(|on| if on { "off" } else { "on" }.to_owned()),
            "OnOffAuto" => Some(if default == "off" { "on" } else { "off" }.to_owned()),
            "uint8" | "uint16" | "uint32" | "int32" => {
                let own = default.as_i64()?;
                Some([own.checked_add(1)?, own.checked_mul(2)?, own / 2].get(which)?.to_string())
            }
            _ => None,
        }
    }
}

/// All device types of a binary, in order of name, without processors.
///
/// # Errors
/// When the binary cannot be run.
pub fn list(binary: &Binary) -> Result<Vec<DeviceType>, QemuError> {
    let arguments = ["-device", "help"].map(str::to_owned).to_vec();
    let folder = std::path::Path::new("/");
    let said = output(Task { program: &binary.path, arguments, folder, stdin: None }, LIMIT)?;
    let mut types = parse(&said);
    let mut asked: Option<Emulator> = None;
    for device in &mut types {
        let deadline = Deadline::within(LIMIT);
        let mut emulator = match asked.take() {
            Some(emulator) => emulator,
            None => Emulator::start(binary, &nothing(), Role::Run, deadline)?,
        };
        let arguments = json!({ "typename": device.name });
        match emulator.monitor.execute("device-list-properties", arguments, deadline) {
            Ok(list) => device.properties = Some(properties(&list)),
            Err(QmpError::Refused { .. }) => {}
            // A type whose module is not installed ends the binary, which may take it a while; the
            // next type is asked of another one.
            Err(_) => {
                emulator.process.wait(Deadline::within(PARTING))?;
                continue;
            }
        }
        asked = Some(emulator);
    }
    Ok(types)
}

/// A machine of no type, to ask the binary.
fn nothing() -> Setup {
    Setup { machine: NO_MACHINE.to_owned(), guest: Guest::Idle, ..Setup::default() }
}

/// From `name "NAME", bus BUS, ...` and a headline for each category.
fn parse(said: &str) -> Vec<DeviceType> {
    let mut types: Vec<DeviceType> = said
        .lines()
        .scan(String::new(), |category, line| {
            if let Some(title) = line.strip_suffix(':') {
                *category = title.to_owned();
            }
            Some((category.clone(), line))
        })
        .filter(|(category, _)| category != "CPU devices")
        .filter_map(|(_, line)| {
            let (name, rest) = line.strip_prefix("name \"")?.split_once('"')?;
            let bus = rest.strip_prefix(", bus ").and_then(|rest| rest.split(',').next());
            Some(DeviceType {
                name: name.to_owned(),
                bus: bus.map(str::to_owned),
                properties: None,
            })
        })
        .collect();
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types.dedup_by(|a, b| a.name == b.name);
    types
}

fn properties(list: &Value) -> Vec<Property> {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<Property> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(|value| Property {
            name: text(value, "name"),
            kind: text(value, "type"),
            description: text(value, "description"),
            default: value.get("default-value").cloned(),
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_left_out_and_a_name_stands_once() {
        let said = "Storage devices:\nname \"nvme\", bus PCI, desc \"x\"\nname \"pc-dimm\", desc \"y\"\n\
                    \nCPU devices:\nname \"486-x86_64-cpu\"\n\nUncategorized devices:\nname \"nvme\", bus PCI\n";
        let types = parse(said);
        let found: Vec<_> = types.iter().map(|t| (t.name.as_str(), t.bus.as_deref())).collect();
        assert_eq!(found, [("nvme", Some("PCI")), ("pc-dimm", None)]);
    }

    #[rstest::rstest]
    #[case("bool", json!(true), Some("off"))]
    #[case("OnOffAuto", json!("auto"), Some("off"))]
    #[case("uint32", json!(4), Some("5"))]
    #[case("str", json!("x"), None)]
    #[case("uint64", json!(4), None)]
    fn another_value_than_the_default(
        #[case] kind: &str,
        #[case] default: Value,
        #[case] expected: Option<&str>,
    ) {
        let (name, description) = ("any".to_owned(), String::new());
        let default = Some(default);
        let property = Property { name, kind: kind.to_owned(), description, default };
        assert_eq!(property.other(0).as_deref(), expected);
    }

    #[test]
    fn properties_come_with_kind_and_description() {
        let reported = json!([{"name": "rng", "type": "link<rng-backend>"},
            {"name": "drive", "type": "str", "description": "Node name"}]);
        let all = properties(&reported);
        assert_eq!((all[0].name.as_str(), all[0].description.as_str()), ("drive", "Node name"));
        assert_eq!(all[1].kind, "link<rng-backend>");
    }
}
