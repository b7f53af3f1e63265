//! Framing rules that no observation shows, held against real fixtures with one thing changed:
//! what the machine type in the configuration section may be (wire reference 2.4).

mod support;

use crossload::stream::{load, record};
use crossload::wire::Feed;
use rstest::rstest;

use support::{library, own, stream};

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
