//! Which bytes of a space are compared.

use super::*;
use crate::release::corpus::Corpus;
use crate::release::library::Library;
use crate::stream::load_bytes;
use crate::wire::Feed;

const RELEASE: Version = Version::new(7, 2, 0);

/// A space with these capabilities, one behind the other.
fn space(capabilities: &[&[u8]]) -> [u8; EXPRESS] {
    let mut space = [0u8; EXPRESS];
    space[STATUS] = STATUS_CAPABILITIES;
    space[CAPABILITY_POINTER] = 0x40;
    for (at, bytes) in (0x40..).step_by(0x40).zip(capabilities) {
        space[at..at + bytes.len()].copy_from_slice(bytes);
        let last = at + 0x40 >= 0x40 * (capabilities.len() + 1);
        space[at + 1] = if last { 0 } else { at as u8 + 0x40 };
    }
    space
}

#[rstest::rstest]
#[case::power_management(&[0x01], "ffffffff fc60ffff")]
#[case::msi(&[0x05], "ffff8eff 03")]
#[case::express_1(&[0x10], "ffffffff ffffffff ffffffff ffffffff ffff")]
#[case::virtio(&[0x09, 0, 16, 1], "ffffffff ffffffff ffffffff ffffffff")]
#[case::virtio_window(&[0x09, 0, 20, 5], "ffffffff 00ffffff")]
#[case::msix(&[0x11], "ffffff3f ffffffff ffffffff")]
#[case::bridge(&[0x0d], "ffffffff ffffffff")]
#[case::unknown(&[0x33, 0, 20, 5], "ffff")]
fn masks_of_each_capability(#[case] bytes: &[u8], #[case] expected: &str) {
    let mask = compared(&space(&[bytes]), "", RELEASE);
    let shown: String = mask[0x40..0x80].iter().map(|bits| format!("{bits:02x}")).collect();
    assert_eq!(shown.trim_end_matches("00"), expected.replace(' ', ""));
}

#[test]
fn masks_follow_the_capability_list() {
    let mut space = space(&[&[0x11, 0, 2]]);
    space[0x10] = 1;
    assert_eq!(msix_vectors(&space), 3);
    let mask = compared(&space, "", RELEASE);
    assert_eq!((mask[0x00], mask[0x04], mask[0x10], mask[0x14]), (0xff, 0, 3, 0));
    assert_eq!((mask[0x42], mask[0x43], mask[0x44], mask[0x4c]), (0xff, 0x3f, 0xff, 0));
    assert_eq!(compared(&space, "ide", RELEASE)[0x20], 0x0f);
    space[0x41] = 0x40;
    assert!(capabilities(&space).count() <= 48, "a loop in the list ends");
    space[0x100..0x104].copy_from_slice(&[0x01, 0x00, 0x02, 0x10]);
    assert_eq!(compared(&space, "", RELEASE)[0x108], 0xff, "so does a loop of extended ones");
    space[0x42..0x44].fill(0xff);
    assert_eq!(msix_vectors(&space), 2048);
}

/// Below its size, a base address is compared; of a device without known sizes nothing is.
#[rstest::rstest]
#[case("e1000", "ffff0100 3f")]
#[case("lsiscsi", "ff000000 ff030000 ff1f")]
#[case("uhci", "00000000 00000000 00000000 00000000 1f")]
#[case("unknown", "")]
fn masks_of_base_addresses(#[case] device: &str, #[case] expected: &str) {
    let mask = compared(&space(&[]), device, RELEASE);
    let shown: String = mask[0x10..0x28].iter().map(|bits| format!("{bits:02x}")).collect();
    assert_eq!(shown.trim_end_matches("00"), expected.replace(' ', ""));
}

/// Where a device has its third base address, a bridge has the numbers of its buses.
#[test]
fn a_bridge_has_two_base_addresses() {
    let compared = |header: u8| {
        let mut space = space(&[]);
        (space[0x0e], space[0x14], space[0x18]) = (header, 0x01, 0x03);
        let mask = compared(&space, "pci_bridge", RELEASE);
        (mask[0x14], mask[0x18])
    };
    assert_eq!((compared(0), compared(1), compared(0x81)), ((3, 3), (3, 0), (3, 0)));
}

/// What real binaries said; see `compared.txt`.
#[test]
fn masks_are_those_of_real_binaries() {
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    let fixture = library.fixture("7.2", "pc-q35-7.2", "q35").unwrap();
    let stream = library.corpus().stream(fixture).unwrap();
    let mut lines = 0;
    for line in include_str!("compared.txt").lines().filter(|line| !line.starts_with('#')) {
        let [release, device, expected] =
            line.split(' ').collect::<Vec<_>>().try_into().expect("three words");
        let to = library.destination(release, "pc-q35-7.2", "q35").unwrap().unwrap();
        let loaded = load_bytes(&to, &stream, &Feed::Bulk);
        let local = loaded.value(&stream, device.as_bytes(), "config").unwrap();
        let mask = compared(local, device, release.parse().unwrap());
        for (i, bits) in mask[0x40..0x180].iter().enumerate() {
            let at = i + 0x40;
            assert_eq!(format!("{bits:02x}"), expected[2 * i..2 * i + 2], "{line:.30} {at:#x}");
        }
        lines += 1;
    }
    assert_eq!(lines, 12);
}
