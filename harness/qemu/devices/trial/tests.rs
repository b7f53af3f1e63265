//! What a binary says of a machine that failed, and which device is meant.

use super::super::board::PC;
use super::super::board::Placing;
use super::super::rack::Filled;
use super::super::types::DeviceType;
use super::*;

/// Of a type with other values of properties nothing is known yet.
#[test]
fn what_hung_is_known_by_type_and_properties() {
    let of = |name: &str| DeviceType {
        name: name.into(),
        bus: Some("PCI".into()),
        properties: Some(vec![]),
    };
    let (nic, disk) = (of("nic"), of("disk"));
    let wanted = [(&nic, "rate=0"), (&nic, ""), (&disk, "rate=0")];
    let wanted = wanted.map(|(device, varied)| (device, varied.to_owned()));
    let Filled { rack, .. } = Rack::filled(&wanted, &PC, Placing::Bridge, |_| true);
    let hung = Hung::default();
    hung.note(&rack.devices[0], "start: hangs");
    let known: Vec<bool> = rack.devices.iter().map(|d| hung.said_of(d).is_some()).collect();
    assert_eq!(known, [true, false, false]);
}

#[rstest::rstest]
#[case("qemu: -device nic,id=dev1,addr=1: no", Some(1))]
#[case("qemu: -device nic,id=dev12,addr=1: no", None)]
#[case("qemu: warning: dev1\nqemu: Device 'dev0' has no netdev", Some(0))]
#[case("State blocked by non-migratable device '0000:00:03.0:02.0/nic'", Some(1))]
#[case("State blocked by non-migratable device '0000:00:04.0/nic'", None)]
#[case("qemu: -device nic,id=dev1,addr=1: no driver\nPerhaps you wanted another?", Some(1))]
#[case("killed by signal 6", None)]
fn culprits_are_named(#[case] said: &str, #[case] index: Option<usize>) {
    let nic = DeviceType { name: "nic".into(), bus: Some("PCI".into()), properties: Some(vec![]) };
    let Filled { rack, .. } =
        Rack::filled(&[(&nic, String::new()), (&nic, String::new())], &PC, Placing::Bridge, |_| {
            true
        });
    assert_eq!(culprit(said, &rack, &rack.devices.iter().collect::<Vec<_>>()), index);
}

#[test]
fn a_rom_by_a_plain_name_only() {
    let said = |name: &str| format!("qemu: -device x: failed to find romfile \"{name}\"");
    assert_eq!(missing_rom(&said("efi-x.rom")).as_deref(), Some("efi-x.rom"));
    assert_eq!(missing_rom(&said("../x")), None);
}
