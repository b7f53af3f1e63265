//! Properties of device types, each given another value than its default: a recording shows which of them
//! changes what is sent.

use std::collections::BTreeMap;

use super::types::DeviceType;

/// A property that more device types have belongs to their bus or to a class above them, and means
/// the same for all.
const SHARED: usize = 12;
/// So many types stand for all that have a shared property.
const EXAMPLES: usize = 3;
/// Where a device is, which is not how it is configured; and files that may not be there.
const PLACES: [&str; 4] = ["addr", "romfile", "bootindex", "multifunction"];

/// Each device with each of its properties changed, as on the command line (`,property=value`).
#[must_use]
pub fn variants<'d>(types: &[&'d DeviceType]) -> Vec<(&'d DeviceType, String)> {
    let mut having: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for property in types.iter().flat_map(|device| device.properties.iter().flatten()) {
        *having.entry((&property.name, &property.kind)).or_default() += 1;
    }
    let mut used: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut all = Vec::new();
    for device in types {
        for property in device.properties.iter().flatten() {
            let key = (property.name.as_str(), property.kind.as_str());
            let Some(value) = property.other(0) else { continue };
            let used = used.entry(key).or_default();
            let shared = having.get(&key).is_some_and(|types| *types > SHARED);
            if PLACES.contains(&key.0) || (shared && *used >= EXAMPLES) {
                continue;
            }
            *used += 1;
            all.push((*device, format!(",{}={value}", property.name)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::types::Property;
    use super::*;

    #[test]
    fn a_property_of_the_bus_is_varied_on_a_few() {
        let property = |name: &str| Property {
            name: name.to_owned(),
            kind: "bool".to_owned(),
            description: String::new(),
            default: Some(json!(false)),
        };
        let device = |number: usize| DeviceType {
            name: format!("d{number:02}"),
            bus: None,
            properties: Some(vec![property("addr"), property("ats"), property("own")]),
        };
        let mut types: Vec<DeviceType> = (0..20).map(device).collect();
        for other in &mut types[5..] {
            other.properties.iter_mut().for_each(|all| all.retain(|p| p.name != "own"));
        }
        let all = variants(&types.iter().collect::<Vec<_>>());
        let count = |varied: &str| all.iter().filter(|(_, with)| with == varied).count();
        assert_eq!((count(",ats=on"), count(",own=on"), count(",addr=on")), (EXAMPLES, 5, 0));
    }
}
