//! Whose each section of a recording is, and which of them are one entry.

use serde_json::json;

use super::*;
use crate::release::bundle::TraceLog;
use crate::release::library::build;
use crate::vmstate::Renames;
use crate::vmstate::schema::Answers;

fn recording(machine: &str, devices: &[&str]) -> Recording {
    let place = if devices.len() == 1 { ALONE } else { "bridge" };
    let found = |device: &&str| RecordedDevice {
        device: (*device).to_owned(),
        ..RecordedDevice::default()
    };
    Recording {
        machine: machine.to_owned(),
        place: place.to_owned(),
        varied: String::new(),
        devices: devices.iter().map(found).collect(),
        stream: Vec::new(),
        trace: TraceLog::default(),
    }
}

/// Whose section a handler of a machine with these devices is.
fn owner(builder: &mut CatalogueBuilder, devices: &[&str], idstr: &str, id: u32) -> Option<String> {
    on(builder, "pc-i440fx-7.2", devices, idstr, id)
}

fn on(
    builder: &mut CatalogueBuilder,
    machine: &str,
    devices: &[&str],
    idstr: &str,
    id: u32,
) -> Option<String> {
    let handler = Handler {
        idstr: idstr.to_owned(),
        instance_id: id,
        alias_id: -1,
        version_id: 1,
        compat: None,
        body: Body::Vmsd(idstr.to_owned()),
        answers: Answers::default(),
        inherited_from: None,
    };
    let owner = builder.owner(&recording(machine, devices), &handler, &mut BTreeSet::new());
    owner.map(|(found, ..)| found.device)
}

#[test]
fn a_section_without_a_path_is_of_the_device_that_had_it_alone() {
    let mut builder = CatalogueBuilder::new("7.2", &BinaryReport::default());
    // What the board itself has is no device's, but for another instance of it.
    assert_eq!(owner(&mut builder, &[], "kbd", 0).as_deref(), Some(""));
    assert_eq!(owner(&mut builder, &["i8042"], "kbd", 0), None);
    // Of another board it is a device's.
    let other = on(&mut builder, "pc-q35-7.2", &["i8042"], "kbd", 0);
    assert_eq!(other.as_deref(), Some("i8042"));
    let mut builder = CatalogueBuilder::new("7.2", &BinaryReport::default());
    owner(&mut builder, &[], "kbd", 0);
    // Before it was seen alone, among others, it may be of anything; what no board has stands
    // without a device.
    assert_eq!(owner(&mut builder, &["bmc", "i8042"], "kbd", 1), None);
    assert_eq!(owner(&mut builder, &["bmc", "i8042"], "bmc-state", 0).as_deref(), Some(""));
    assert_eq!(owner(&mut builder, &["i8042"], "kbd", 1).as_deref(), Some("i8042"));
    assert_eq!(owner(&mut builder, &["bmc", "i8042"], "kbd", 1).as_deref(), Some("i8042"));
}

fn nic(varied: &str, version_id: u32) -> Entry {
    Entry {
        device: "nic".to_owned(),
        place: "bridge".to_owned(),
        varied: varied.to_owned(),
        section: "nic".to_owned(),
        has_path: true,
        instance_id: 0,
        alias_id: -1,
        version_id,
        body: Body::Vmsd("nic".to_owned()),
        answers: Answers::default(),
        blocks: BTreeMap::new(),
        machines: Vec::new(),
        payload: (0, 2),
    }
}

#[test]
fn a_changed_property_that_changes_no_layout_is_left_out() {
    let mut builder = CatalogueBuilder::new("7.2", &BinaryReport::default());
    builder.payloads = vec![7, 8];
    for (varied, version_id) in [("", 1), ("msi=off", 1), ("old=on", 2)] {
        let entry = nic(varied, version_id);
        let looks = Looks {
            entry: serde_json::to_string(&entry).unwrap(),
            compared: BTreeMap::new(),
            subsections: BTreeSet::new(),
            len: 2,
        };
        builder.found.insert(looks, (entry, BTreeSet::new()));
    }
    let (catalogue, payloads) = builder.finish(&BinaryReport::default());
    let left: Vec<_> = catalogue.entries.iter().map(|e| e.varied.as_str()).collect();
    assert_eq!(left, ["", "old=on"]);
    assert_eq!(payloads, [7, 8, 7, 8]);
}

/// The same section in other slots of two machines, and one that compares something else.
#[test]
fn what_compares_the_same_is_one_entry_wherever_it_is() {
    let field =
        |name, info| json!({"name": name, "kind": {"leaf": {"info": info, "size": {"fixed": 1}}}});
    let vmsd = json!({"name": "nic", "version_id": 1, "minimum_version_id": 1,
        "fields": [field("model", "uint8 equal"), field("irq", "uint8")]});
    let handlers = ["03.0/nic", "04.0/nic"].map(|idstr| {
        json!({"idstr": idstr, "instance_id": 0, "alias_id": -1, "version_id": 1,
            "body": {"vmsd": "nic"}})
    });
    let tables = json!({"release": "7.2", "vmsd": {"nic": vmsd}});
    let list = json!({"release": "7.2", "machine": "pc-i440fx-5.2", "scenario": "none",
        "origin": "this test", "handlers": handlers});
    let list: Handlers = serde_json::from_value(list).unwrap();
    let tables = serde_json::from_value(tables).unwrap();
    let to = build(&list, &tables, &Renames::default()).unwrap();
    let mut builder = CatalogueBuilder::new("7.2", &BinaryReport::default());
    for (machine, index, payload) in
        [("pc-i440fx-5.2", 0, [7, 8]), ("pc-i440fx-7.2", 1, [7, 9]), ("pc-i440fx-6.2", 1, [6, 8])]
    {
        builder.catalogue.machines.push(machine.to_owned());
        builder.keep(nic("", 1), &recording(machine, &["nic"]), &to, index, &payload);
    }
    let (catalogue, payloads) = builder.finish(&BinaryReport::default());
    let mut left: Vec<String> =
        catalogue.entries.iter().map(|entry| entry.machines.join(", ")).collect();
    left.sort();
    assert_eq!(left, ["pc-i440fx-5.2..pc-i440fx-7.2", "pc-i440fx-6.2"]);
    assert_eq!(payloads, [6, 8, 7, 8]);
}
