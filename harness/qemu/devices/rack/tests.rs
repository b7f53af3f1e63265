//! Places and paths of devices.

use super::super::board::{self, PC};
use super::*;

fn device(name: &str, bus: Option<&str>) -> DeviceType {
    DeviceType { name: name.to_owned(), bus: bus.map(str::to_owned), properties: Some(Vec::new()) }
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
        let Filled { rack, no_bus, .. } = Rack::filled(&wanted, &PC, placing, |_| true);
        let paths: Vec<_> = rack.devices.iter().map(|d| d.path.as_deref()).collect();
        assert_eq!(paths, [Some(nic), Some(mouse), None]);
        assert_eq!(no_bus[0].1, "xen-bus");
        let line =
            rack.arguments(&rack.devices.iter().collect::<Vec<_>>(), &BTreeSet::new()).join(" ");
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
    let Filled { rack, .. } = Rack::filled(&wanted, &PC, Placing::Bridge, |_| true);
    assert_eq!(rack.owner(&rack.devices.iter().collect::<Vec<_>>(), idstr), owner);
}

#[rstest::rstest]
#[case("microvm", "virtio-bus", Some("virtio-mmio@00000000feb00200"), ",bus=virtio-mmio-bus.1")]
#[case(
    "aarch64/virt-7.2",
    "virtio-bus",
    Some("virtio-mmio@000000000a000200"),
    ",bus=virtio-mmio-bus.1"
)]
#[case(
    "riscv64/virt",
    "virtio-bus",
    Some("virtio-mmio@0000000010002000"),
    ",bus=virtio-mmio-bus.1"
)]
#[case("s390x/s390-ccw-virtio-7.2", "virtual-css-bus", Some("/fe.0.0002"), ",devno=fe.0.0002")]
#[case("ppc64/pseries-7.2", "spapr-vio-bus", Some("@72001000"), ",reg=0x72001000")]
#[case("ppc64/pseries-7.2", "PCI", Some("pci@800000020000000:03.0:02.0"), ",bus=bridge0,addr=2")]
// Behind a controller on the board's own bus.
#[case("s390x/s390-ccw-virtio-7.2", "SCSI", Some("/fe.0.0001/0:1:0"), ",bus=hc0.0,scsi-id=1")]
#[case("microvm", "SCSI", Some("virtio-mmio@00000000feb00000/0:1:0"), ",bus=hc0.0,scsi-id=1")]
// It has no such bus.
#[case("microvm", "PCI", None, "")]
#[case("pc-q35-7.2", "virtio-bus", None, "")]
fn a_board_has_addresses_of_its_own(
    #[case] machine: &str,
    #[case] bus: &str,
    #[case] path: Option<&str>,
    #[case] place: &str,
) {
    let board = board::of(machine).expect("board");
    let one = device("x", Some(bus));
    let wanted = [(&one, String::new()), (&one, String::new())];
    let Filled { rack, full, no_bus } = Rack::filled(&wanted, board, board.placings[0], |_| true);
    assert_eq!((rack.devices.get(1).and_then(|d| d.path.as_deref()), full.len()), (path, 0));
    match path {
        Some(_) => {
            let line = rack.arguments(&[&rack.devices[1]], &BTreeSet::new()).join(" ");
            assert!(line.ends_with(place), "{line}");
        }
        None => assert_eq!(no_bus.len(), 2),
    }
}

#[test]
fn what_has_no_room_is_left_for_another_machine() {
    let one = device("x", Some("virtio-bus"));
    let wanted = vec![(&one, String::new()); 11];
    let board = board::of("riscv64/virt").expect("board");
    let Filled { rack, full, no_bus } = Rack::filled(&wanted, board, Placing::Root, |_| true);
    assert_eq!((rack.devices.len(), full.len(), no_bus.len()), (8, 3, 0));
}

#[test]
fn a_slot_is_given_out_once() {
    let nic = device("nic", Some("PCI"));
    let wanted = vec![(&nic, String::new()); 150];
    for placing in [Placing::Bridge, Placing::Root, Placing::Port] {
        let Filled { rack, .. } = Rack::filled(&wanted, &PC, placing, |_| true);
        let paths: std::collections::BTreeSet<_> = rack.devices.iter().map(|d| &d.path).collect();
        assert_eq!(paths.len(), 150, "{placing:?}");
    }
}
