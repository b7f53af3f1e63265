//! Framing rules that no observation shows, tested on real fixtures with one thing changed: what the
//! machine type in the configuration section may be (wire reference 2.4).

use crossload::stream::{load, record};
use crossload::wire::Feed;
use rstest::rstest;

use crate::support::{library, own, stream};

/// Where the configuration section begins: after magic and version.
const CONFIGURATION: usize = 8;

/// A stream with another machine type in its configuration section.
fn renamed(stream: &[u8], machine: &[u8]) -> Vec<u8> {
    let at = CONFIGURATION + 1;
    let len = u32::from_be_bytes(stream[at..at + 4].try_into().expect("four bytes")) as usize;
    let new = u32::try_from(machine.len()).expect("a short name").to_be_bytes();
    [&stream[..at], &new, machine, &stream[at + 4 + len..]].concat()
}

/// The received name must be how the local one begins; that it is as long is not looked at.
#[rstest]
#[case::the_same(|name: &str| name.to_owned(), true)]
#[case::shorter(|name: &str| name[..name.len() - 1].to_owned(), true)]
#[case::empty(|_: &str| String::new(), true)]
#[case::longer(|name: &str| format!("{name}0"), false)]
#[case::other(|name: &str| name.replace("pc", "pd"), false)]
#[case::far_too_long(|name: &str| name.repeat(1000), false)]
fn the_machine_type_is_compared_by_prefix(
    #[case] change: fn(&str) -> String,
    #[case] accepted: bool,
) {
    let mut tried = 0;
    for fixture in library().fixtures().iter().filter(|f| f.scenario == "idle") {
        let own = own(fixture);
        if own.dialect.configuration.is_none() {
            continue;
        }
        let stream = renamed(&stream(fixture), change(&fixture.machine).as_bytes());
        let loaded = load(&own, &mut &stream[..], &Feed::Bulk);
        let class = loaded.refused.as_ref().map(|e| e.kind.class());
        let expected = if accepted { None } else { Some("configuration") };
        assert_eq!(class, expected, "{}: {:?}", fixture.id(), loaded.refused);
        tried += 1;
    }
    assert!(tried > 5, "{tried} fixtures");
}

/// A destination whose machine type has a configuration section takes no stream without one, and
/// the other way round.
#[test]
fn the_configuration_is_there_or_not() {
    for fixture in library().fixtures().iter().filter(|f| f.scenario == "idle") {
        let (own, stream) = (own(fixture), stream(fixture));
        let has = stream[CONFIGURATION] == record::CONFIGURATION;
        assert_eq!(has, own.dialect.configuration.is_some(), "{}", fixture.id());
        let changed = if has {
            let end = CONFIGURATION + 5 + fixture.machine.len();
            [&stream[..CONFIGURATION], &stream[end..]].concat()
        } else {
            let section = [&[record::CONFIGURATION, 0, 0, 0, 2], &b"pc"[..]].concat();
            [&stream[..CONFIGURATION], &section, &stream[CONFIGURATION..]].concat()
        };
        let loaded = load(&own, &mut &changed[..], &Feed::Bulk);
        let class = loaded.refused.map(|e| e.kind.class());
        let expected = if has { "configuration" } else { "section type" };
        assert_eq!(class, Some(expected), "{}", fixture.id());
    }
}

/// Where the bytes of a section's field begin: after `mark`, which is in the stream once.
fn behind(stream: &[u8], mark: &[u8]) -> usize {
    let found: Vec<usize> = stream
        .windows(mark.len())
        .enumerate()
        .filter_map(|(at, window)| (window == mark).then_some(at + mark.len()))
        .collect();
    assert_eq!(found.len(), 1, "{}", String::from_utf8_lossy(mark));
    found[0]
}

/// Sizes of ACPI blocks end the process when they are more than the block can grow to; how far that
/// is changed with 6.0. Tried on 5.2, 7.2, 10.0 and 11.1.
#[rstest]
#[case::tables_full("5.2", 0, 0x20_0000, true)]
#[case::tables_over("5.2", 0, 0x20_0001, false)]
#[case::tables_wrapped("5.2", 0, u64::MAX, false)]
#[case::linker_then_as_it_is("5.2", 8, 0x1000, true)]
#[case::linker_then_over("5.2", 8, 0x1001, false)]
#[case::linker_now_full("7.2", 8, 0x1_0000, true)]
#[case::linker_now_over("7.2", 8, 0x1_0001, false)]
#[case::root_pointer_full("7.2", 16, 0x1000, true)]
#[case::root_pointer_over("7.2", 16, 0x1001, false)]
fn acpi_blocks_grow_only_so_far(
    #[case] release: &str,
    #[case] field: usize,
    #[case] size: u64,
    #[case] accepted: bool,
) {
    let is = |f: &&crossload::release::provenance::Fixture| {
        f.release == release && f.machine == "pc-i440fx-5.2" && f.scenario == "idle"
    };
    let fixture = library().fixtures().iter().find(is).expect("the fixture");
    let mut changed = stream(fixture);
    let at = behind(&changed, b"\x0efw_cfg/acpi_mr\0\0\0\x01") + field;
    changed[at..at + 8].copy_from_slice(&size.to_be_bytes());
    let own = own(fixture);
    let loaded = load(&own, &mut &changed[..], &Feed::Bulk);
    let class = loaded.refused.as_ref().map(|e| e.kind.class());
    assert_eq!(class, (!accepted).then_some("abort"), "{:?}", loaded.refused);
}

/// A value that is compared with the local one is compared before anyone asks whether all of it
/// was there: what is missing is zeros.
#[test]
fn a_cut_in_a_compared_value_is_a_wrong_value() {
    let mut tried = 0;
    for fixture in library().fixtures().iter().filter(|f| f.scenario == "idle") {
        let (own, stream) = (own(fixture), stream(fixture));
        let whole = load(&own, &mut &stream[..], &Feed::Bulk);
        let nirq = whole.map.spans().iter().find(|s| s.name == "nirq");
        let Some(at) = nirq.and_then(|s| usize::try_from(s.offset).ok()) else { continue };
        for (kept, class) in [(0, "value"), (3, "value"), (4, "end of stream")] {
            let loaded = load(&own, &mut &stream[..at + kept], &Feed::Bulk);
            let found = loaded.refused.expect("it is cut").kind.class();
            assert_eq!(found, class, "{}, {kept} bytes kept", fixture.id());
        }
        tried += 1;
    }
    assert!(tried > 5, "{tried} fixtures");
}

/// The state of the vapic device wants an option ROM in main memory, with a length in its third
/// byte, unless it is inactive and nowhere. Guest memory is in the stream.
#[rstest]
#[case::inactive(0, 0, true)]
#[case::active_without(2, 0, false)]
#[case::somewhere_without(0, 0x1000, false)]
#[case::beyond_memory(0, 0xffff_f000, false)]
#[case::with_one(2, 0x200, true)]
#[case::near_one(2, 0x3ff, true)]
#[case::beside_one(2, 0x400, false)]
fn the_vapic_wants_its_option_rom(#[case] state: u32, #[case] place: u32, #[case] accepted: bool) {
    let is = |f: &&crossload::release::provenance::Fixture| {
        f.release == "7.2" && f.machine == "pc-i440fx-7.2" && f.scenario == "idle"
    };
    let fixture = library().fixtures().iter().find(is).expect("the fixture");
    let mut changed = stream(fixture);
    let own = own(fixture);
    let fields: Vec<usize> = {
        let whole = load(&own, &mut &changed[..], &Feed::Bulk);
        let of = |name: &str| {
            let is = |s: &&crossload::wire::map::Span<'_>| {
                s.name == name && whole.map.path(s).starts_with("kvm-tpr-opt")
            };
            whole.map.spans().iter().find(is).map(|s| s.offset as usize).expect("the field")
        };
        vec![of("state"), of("rom_state_paddr")]
    };
    for (at, value) in fields.into_iter().zip([state, place]) {
        changed[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    // The first page of memory is sent as zeros: it gets a ROM of 512 bytes at 0x200.
    let zero = [&[0, 0, 0, 0, 0, 0, 0, 2, 6][..], b"pc.ram\0"].concat();
    let at = changed.windows(zero.len()).position(|w| w == zero).expect("the first page");
    let mut page = [&[0, 0, 0, 0, 0, 0, 0, 8, 6][..], b"pc.ram", &[0; 4096]].concat();
    page[15 + 0x202] = 1;
    changed.splice(at..at + zero.len(), page);
    let loaded = load(&own, &mut &changed[..], &Feed::Bulk);
    let class = loaded.refused.as_ref().map(|e| e.kind.class());
    assert_eq!(class, (!accepted).then_some("value"), "{:?}", loaded.refused);
}

/// The subsystem ids of e1000e are properties of the local device: a load compares them.
#[rstest]
#[case("subsys")]
#[case("subsys_ven")]
fn e1000e_keeps_its_subsystem(#[case] field: &str) {
    let mut tried = 0;
    for fixture in library().fixtures().iter().filter(|f| f.scenario == "q35") {
        let (own, mut changed) = (own(fixture), stream(fixture));
        let at = {
            let whole = load(&own, &mut &changed[..], &Feed::Bulk);
            let is = |s: &&crossload::wire::map::Span<'_>| s.name == field;
            whole.map.spans().iter().find(is).map(|s| s.offset as usize).expect("the field")
        };
        changed[at] ^= 1;
        let refused = load(&own, &mut &changed[..], &Feed::Bulk).refused.expect("another board");
        assert_eq!(refused.kind.class(), "value", "{}: {refused}", fixture.id());
        tried += 1;
    }
    assert!(tried > 0);
}
