//! The configuration section.

use rstest::rstest;

use super::{Bytes, on, outcome};
use crate::dialect::machine::unqualified;

const MACHINE: &str = "pc-i440fx-2.4";

fn subsection(bytes: Bytes, name: &str, version_id: u32) -> Bytes {
    bytes.raw(&[5]).counted(&format!("configuration/{name}")).be32(version_id)
}

fn said(release: &str, bytes: Bytes) -> String {
    outcome(&on(release, MACHINE), &bytes.end().raw(&[0])).1
}

fn named(name: &str) -> Bytes {
    Bytes::stream().configuration(name)
}

#[rstest]
#[case(MACHINE, "")]
#[case("", "")]
#[case("pc-i440fx-2", "")]
#[case("pc-i440fx-2.4x", "machine type received is 'pc-i440fx-2.4x', local is 'pc-i440fx-2.4'")]
#[case("pc-q35-2.4", "machine type received is 'pc-q35-2.4', local is 'pc-i440fx-2.4'")]
fn the_local_name_begins_with_the_received_one(#[case] name: &str, #[case] expected: &str) {
    assert_eq!(said("2.8.1", named(name)), expected);
}

#[test]
fn it_is_there_or_the_load_is_refused() {
    let expected = "configuration section missing: byte 0x00, expected 0x07";
    assert_eq!(said("2.8.1", Bytes::stream()), expected);
    assert_eq!(outcome(&on("2.8.1", MACHINE), &Bytes::stream()).1, expected);
    // A machine type that does not send it does not read it either.
    assert!(outcome(&on("2.8.1", "pc-i440fx-2.3"), &named(MACHINE)).1.contains("section type 7"));
}

#[rstest]
#[case(
    "2.7.0",
    1,
    12,
    "subsection 'configuration/target-page-bits' is not known in 'configuration'"
)]
#[case("2.8.0", 1, 12, "")]
#[case("2.8.0", 1, 13, "configuration: received target page bits 13, local are 12")]
#[case("2.8.0", 2, 12, "configuration/target-page-bits: version 2 is too new, at most 1")]
#[case("2.8.0", 0, 12, "configuration/target-page-bits: version 0 is too old, at least 1")]
// Only the low byte of a version is looked at.
#[case("2.8.0", 0x101, 12, "")]
fn page_bits(
    #[case] release: &str,
    #[case] version_id: u32,
    #[case] bits: u32,
    #[case] expected: &str,
) {
    let stream = subsection(named(MACHINE), "target-page-bits", version_id).be32(bits);
    let text = said(release, stream);
    assert!(text.starts_with(expected) && text.is_empty() == expected.is_empty(), "{text}");
}

#[rstest]
#[case("s390x/s390-ccw-virtio-7.2", 12, "")]
#[case("aarch64/virt-7.2", 12, "configuration: received target page bits 10, local are 12")]
#[case("aarch64/virt-2.7", 10, "")]
#[case("virt-2.7", 10, "")]
#[case("riscv64/virt", 12, "")]
fn page_bits_that_are_not_sent_are_the_fewest(
    #[case] machine: &str,
    #[case] own: u32,
    #[case] expected: &str,
) {
    let stream = |bits: Option<u32>| {
        let stream = named(unqualified(machine));
        let sent = |bits| subsection(named(unqualified(machine)), "target-page-bits", 1).be32(bits);
        outcome(&on("7.2.0", machine), &bits.map_or(stream, sent).end().raw(&[0])).1
    };
    assert_eq!(stream(None), expected);
    assert_eq!(stream(Some(own)), "");
}

#[rstest]
#[case("3.1.0", &["x-ignore-shared"], "subsection 'configuration/capabilities' is not known in 'configuration'")]
#[case("4.0.0", &[], "")]
#[case("4.0.0", &["x-ignore-shared"], "configuration: capability x-ignore-shared is off, but received capability is on")]
#[case("4.0.0", &["xbzrle"], "configuration: received unknown capability xbzrle")]
#[case("8.2.0", &["mapped-ram"], "configuration: received unknown capability mapped-ram")]
#[case("9.0.0", &["mapped-ram"], "configuration: capability mapped-ram is off, but received capability is on")]
#[case("9.0.0", &["mapped-ram", "xbzrle"], "configuration: received unknown capability xbzrle")]
fn capabilities(#[case] release: &str, #[case] names: &[&str], #[case] expected: &str) {
    let stream = subsection(named(MACHINE), "capabilities", 1).be32(names.len() as u32);
    let stream = names.iter().fold(stream, |b, name| b.counted(name));
    assert_eq!(said(release, stream), expected);
}

#[test]
fn a_uuid_is_read_from_4_2_on() {
    let stream = || subsection(named(MACHINE), "uuid", 1).zeros(16);
    assert_eq!(said("4.2.0", stream()), "");
    let unknown = "subsection 'configuration/uuid' is not known in 'configuration'";
    assert_eq!(said("4.1.0", stream()), unknown);
}

#[test]
fn what_does_not_look_like_a_subsection_is_the_next_record() {
    let next = |bytes: Bytes| outcome(&on("4.2.0", MACHINE), &bytes.zeros(20));
    let len = named(MACHINE).0.len() as u64;
    for name in ["configuration", "other/capabilities", ""] {
        let (stopped, text) = next(named(MACHINE).raw(&[5]).counted(name));
        assert!(
            text.contains("section type 5") && stopped == len + 1,
            "{name}: {text} at {stopped}"
        );
    }
    // With one byte more than the section's own name it is one.
    let (_, text) = next(named(MACHINE).raw(&[5]).counted("configuration/"));
    assert!(text.contains("'configuration/' is not known"), "{text}");
    // A name that is cut off is none.
    let cut = named(MACHINE).raw(&[5, 20]).raw(b"configuration/");
    assert!(outcome(&on("4.2.0", MACHINE), &cut).1.contains("section type 5"));
}

#[test]
fn two_subsections_follow_one_another() {
    let stream = subsection(named(MACHINE), "target-page-bits", 1).be32(12);
    let stream = subsection(stream, "capabilities", 1).be32(0);
    assert_eq!(said("4.2.0", subsection(stream, "uuid", 1).zeros(16)), "");
}
