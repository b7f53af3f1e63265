//! Every fixture, one case each: it must load into its own release to the last byte, say of
//! itself what the map says, be written again byte for byte, fail cleanly when cut anywhere, and
//! mean the same however its bytes arrive.
//!
//! A stream dropped into `corpus/<release>/` with its provenance is picked up here by itself.

use std::path::PathBuf;

use crossload::dialect::Version;
use crossload::release::files::sha256;
use crossload::release::provenance::Fixture;
use crossload::stream::vmdescription::{locate, parse};
use crossload::stream::{Destination, Loaded, load, save};
use crossload::trace::values::is_state;
use crossload::trace::{Meaning, Verdict, description, judge};
use crossload::wire::Feed;
use rstest::rstest;

use crate::support::{fixture, into, library, own, stream};

/// Prefixes of a fixture that are tried, spread over its device state.
const PREFIXES: u64 = 40;
/// Fixtures of which every prefix is tried: subsections by the one-byte rule, and by prefix with
/// configuration and footers.
const EVERY_PREFIX: [&str; 2] = ["0.13.0/pc-0.12.idle", "11.1/pc-i440fx-5.2.idle"];

/// The program does not ask again for the hash of what is in it.
#[test]
fn streams_in_the_program_are_what_their_provenance_says() {
    let wrong = |f: &&Fixture| sha256(&stream(f)) != f.sha256;
    let wrong: Vec<String> = library().fixtures().iter().filter(wrong).map(|f| f.id()).collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[rstest]
fn loads_into_its_own_release_to_the_last_byte(#[files("corpus/*/*.stream.zst")] path: PathBuf) {
    let fixture = fixture(&path);
    let (own, stream) = (own(fixture), stream(fixture));
    let meaning = Meaning::of(&own, &stream).expect("a fixture");
    let judged = judge(&meaning, &stream, &own, &Feed::Bulk);
    assert_eq!(judged.verdict, Verdict::Faithful, "{judged:?}");
}

#[rstest]
fn says_of_itself_what_the_map_says(#[files("corpus/*/*.stream.zst")] path: PathBuf) {
    let fixture = fixture(&path);
    let (own, stream) = (own(fixture), stream(fixture));
    let Some((from, len)) = locate(&stream) else {
        let described = own.dialect.description;
        assert!(!described, "{}: no description found", fixture.id());
        return;
    };
    let described = parse(&stream[from..from + len]).expect("description");
    let loaded = load(&own, &mut &stream[..], &Feed::Bulk);
    assert!(described.devices.len() > 5, "{} devices", described.devices.len());
    let differences = description::differences(&described, &loaded);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[rstest]
fn is_written_again_byte_for_byte(#[files("corpus/*/*.stream.zst")] path: PathBuf) {
    let fixture = fixture(&path);
    let (own, stream) = (own(fixture), stream(fixture));
    let loaded = load(&own, &mut &stream[..], &Feed::Bulk);
    let (again, map) = save::save_again(&own, &loaded, &stream).expect("writing");
    let differs = again.iter().zip(&stream).position(|(a, b)| a != b);
    assert!(again == stream, "{} bytes of {}, first {differs:?}", again.len(), stream.len());
    // What was written as what is what was read as what: device state alone, as framing and live
    // sections are taken over.
    let spans = |map: &crossload::wire::Map<'_>| -> Vec<(u64, u64, u64)> {
        let state = map.spans().iter().filter(|s| is_state(s));
        state.map(|s| (s.offset, s.len, s.identity)).collect()
    };
    assert_eq!(spans(&map), spans(&loaded.map));
}

#[rstest]
fn fails_cleanly_when_cut(#[files("corpus/*/*.stream.zst")] path: PathBuf) {
    let fixture = fixture(&path);
    let (own, stream) = (own(fixture), stream(fixture));
    let meaning = Meaning::of(&own, &stream).expect("a fixture");
    let (from, to) = device_state(&meaning.loaded);
    let every = EVERY_PREFIX.contains(&fixture.id().as_str());
    // An odd step, so that it hits all alignments.
    let step = if every { 1 } else { ((to - from) / PREFIXES) | 1 };
    for len in (from..to).step_by(step as usize) {
        cut(&meaning, &own, &stream[..len as usize]);
    }
}

/// From the end of the first section with state (RAM comes before) to the end-of-stream byte.
fn device_state(loaded: &Loaded<'_>) -> (u64, u64) {
    let whole = loaded.sections.iter().filter(|s| s.record == 4);
    let from = whole.clone().map(|s| s.offset).min().expect("a device");
    let to = whole.map(|s| s.end).max().expect("a device");
    (from, to)
}

/// A prefix is refused, or found to be accepted wrongly; nothing is read that is not there.
fn cut(meaning: &Meaning<'_>, own: &Destination, prefix: &[u8]) {
    let size = prefix.len() as u64;
    let loaded = load(own, &mut &prefix[..], &Feed::Bulk);
    let end = loaded.map.spans().last().map_or(0, |s| s.offset + s.len);
    assert!(loaded.stopped.max(loaded.taken).max(end) <= size, "cut at {size}, read to {end}");
    if let Some(error) = &loaded.refused {
        assert!(error.offset <= size, "cut at {size}: {error}");
        return;
    }
    let verdict = judge(meaning, prefix, own, &Feed::Bulk).verdict;
    assert_eq!(verdict, Verdict::Misparsed, "cut at {size}");
}

#[rstest]
fn means_the_same_however_it_arrives(#[files("corpus/*/*.stream.zst")] path: PathBuf) {
    let fixture = fixture(&path);
    let (own, stream) = (own(fixture), stream(fixture));
    let meaning = Meaning::of(&own, &stream).expect("a fixture");
    let feeds = [
        Feed::Trickle(1),
        Feed::Trickle(8),
        Feed::Random(1),
        Feed::Random(2010),
        Feed::Random(u64::MAX),
    ];
    // Before 2.1 look-ahead gives up on a short read.
    let whole = library().releases().iter().filter(|(_, v)| *v >= Version::new(2, 1, 0));
    for (release, _) in whole {
        let Some(to) = into(fixture, release) else { continue };
        let bulk = judge(&meaning, &stream, &to, &Feed::Bulk);
        for feed in &feeds {
            let other = judge(&meaning, &stream, &to, feed);
            let outcome = |j: &crossload::trace::Judged| {
                (j.verdict, j.stopped, j.error.clone(), j.difference.clone())
            };
            assert_eq!(outcome(&other), outcome(&bulk), "into {release}, {feed}");
        }
    }
}
