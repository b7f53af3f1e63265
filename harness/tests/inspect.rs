//! `inspect`: the dump of every release, the three ways to read a stream compared with each other, bad
//! input, and memory that does not grow with the stream.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod json;

use std::fs::{self, File};
use std::io::{BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use self::json::json;
use crate::support::confined;
use crate::support::snapshots::snapshots;
use crossload::dialect::Generation;
use crossload::release::corpus::Corpus;
use crossload::release::described::{self, Described};
use crossload::release::library::Library;
use crossload::release::provenance::Fixture;
use crossload::report::dump::annotate;
use crossload::stream::frames::{Depth, scan};
use crossload::stream::{Body, Destination, load, record};
use crossload::wire::Feed;

const NEWEST: (&str, &str) = ("11.1", "pc-i440fx-10.0");

fn library() -> Library {
    Library::open(Corpus::embedded().expect("corpus")).expect("library")
}

fn stream(library: &Library, fixture: &Fixture) -> Vec<u8> {
    library.corpus().stream(fixture).expect("stream")
}

fn own(library: &Library, fixture: &Fixture) -> Destination {
    let found = library.destination(&fixture.release, &fixture.machine, &fixture.scenario);
    found.expect("tables").unwrap_or_else(|| panic!("{}: no destination", fixture.id()))
}

fn newest(library: &Library) -> Vec<u8> {
    let fixture = library.fixture(NEWEST.0, NEWEST.1, "idle").expect("fixture");
    stream(library, fixture)
}

/// The stream by its own description.
fn describe(stream: &[u8]) -> Option<Described> {
    let json = described::find(&mut Cursor::new(stream)).expect("memory")?;
    let scan = scan(&mut &stream[..], Depth::Framing);
    Some(Described::new(&json, &scan).expect("description"))
}

fn inspect(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossload"));
    command.arg("inspect").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.output().expect("the command starts")
}

fn temporary(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("stream");
    fs::write(&path, bytes).expect("file");
    (folder, path)
}

fn name(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The idle stream of each release's newest machine type.
#[test]
fn dumps_are_as_reviewed() {
    let library = library();
    let _scope = snapshots("dump");
    for (release, _) in library.releases() {
        let idle = library.fixtures().iter();
        let idle = idle.filter(|f| f.release == *release && f.scenario == "idle");
        let Some(fixture) = idle.max_by_key(|f| Generation::of(&f.machine)) else { continue };
        let stream = stream(&library, fixture);
        let to = own(&library, fixture);
        let loaded = load(&to, &mut &stream[..], &Feed::Bulk);
        let dump = annotate(&loaded.map, &mut Cursor::new(&stream)).expect("memory");
        insta::assert_snapshot!(release.as_str(), format!("{}\n{dump}", fixture.id()));
    }
}

#[test]
fn every_stream_with_a_description_is_as_it_describes_itself() {
    let library = library();
    let mut seen = 0;
    for fixture in library.fixtures() {
        let stream = stream(&library, fixture);
        let Some(described) = describe(&stream) else { continue };
        let loaded = load(&described.destination, &mut &stream[..], &Feed::Bulk);
        assert_eq!(loaded.refused, None, "{}", fixture.id());
        assert_eq!(described.findings(&loaded), [""; 0], "{}", fixture.id());
        assert_eq!(loaded.stopped, stream.len() as u64, "{}", fixture.id());
        let to = own(&library, fixture);
        let release = load(&to, &mut &stream[..], &Feed::Bulk);
        assert_eq!(ends(&loaded.sections), ends(&release.sections), "{}", fixture.id());
        seen += 1;
    }
    assert!(seen > 0, "no stream has a description");
}

#[test]
fn frames_of_every_stream_are_guessed_right() {
    let library = library();
    for fixture in library.fixtures() {
        let stream = stream(&library, fixture);
        let scan = scan(&mut &stream[..], Depth::All);
        assert_eq!(scan.stopped, None, "{}", fixture.id());
        let to = scan.destination();
        let loaded = load(&to, &mut &stream[..], &Feed::Bulk);
        assert_eq!(loaded.refused, None, "{}", fixture.id());
        assert_eq!(loaded.stopped, stream.len() as u64, "{}", fixture.id());
        let to = own(&library, fixture);
        let release = load(&to, &mut &stream[..], &Feed::Bulk);
        assert_eq!(ends(&loaded.sections), ends(&release.sections), "{}", fixture.id());
    }
}

fn ends(sections: &[crossload::stream::Section]) -> Vec<(u64, u64, u64)> {
    sections.iter().map(|s| (s.offset, s.body, s.end)).collect()
}

#[test]
fn a_section_that_is_not_as_described_is_a_finding() {
    let mut stream = newest(&library());
    let json = described::find(&mut Cursor::new(&stream)).expect("memory").expect("description");
    let start = stream.len() - json.len();
    let at = json.windows(7).position(|w| w == b"\"timer\"").expect("a timer section");
    stream[start + at + 1] = b'T';
    let described = describe(&stream).expect("description");
    let loaded = load(&described.destination, &mut &stream[..], &Feed::Bulk);
    assert!(loaded.refused.is_some());
    let (_folder, path) = temporary(&stream);
    let output = inspect(&[name(&path)]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("\nrefused: unknown section or instance 'timer' 0"), "{text}");
}

#[test]
fn a_damaged_description_leaves_the_frames_and_is_a_finding() {
    let mut stream = newest(&library());
    let json = described::find(&mut Cursor::new(&stream)).expect("memory").expect("description");
    let start = stream.len() - json.len();
    stream[start + 1] = b'[';
    let (_folder, path) = temporary(&stream);
    let output = inspect(&[name(&path)]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("opaque, end guessed"), "{text}");
    assert!(text.contains("\nfinding: the VMDESCRIPTION is not as expected"), "{text}");
}

/// No prefix panics; each is refused, but where only the description is cut, which loaders accept.
#[test]
fn prefixes_are_refused_or_complete() {
    let library = library();
    let fixture = library.fixture(NEWEST.0, NEWEST.1, "idle").expect("fixture");
    let whole = newest(&library);
    let to = own(&library, fixture);
    let state = load(&to, &mut &whole[..], &Feed::Bulk);
    let last = state.map.spans().last().expect("spans");
    assert_eq!(last.name, "vmdescription");
    let (state_end, description) = (last.offset as usize, last.len as usize);
    let devices = state.sections.iter().find(|s| s.record == record::FULL).expect("device");
    let devices = devices.offset as usize;
    let cuts = (0..devices).step_by(251).chain((devices..state_end).step_by(17));
    for cut in cuts.chain((state_end..state_end + description).step_by(9973)) {
        let part = &whole[..cut];
        assert!(describe(part).is_none());
        let scan = scan(&mut &part[..], Depth::All);
        let frames = scan.destination();
        for to in [&to, &frames] {
            let loaded = load(to, &mut &part[..], &Feed::Bulk);
            assert_eq!(loaded.refused.is_none(), cut >= state_end, "cut at {cut}");
            annotate(&loaded.map, &mut Cursor::new(part)).expect("memory");
        }
    }
}

#[rstest::rstest]
#[case(&["none"], "crossload: none: cannot read: No such file")]
#[case(&["harness"], "crossload: harness: is a folder, expected a stream")]
#[case(&["Cargo.toml"], "crossload: Cargo.toml: not a migration stream: magic 0x")]
#[case(&["x", "--as", "7.2"], "crossload: x: cannot read: No such file")]
#[case(&["STREAM", "--as", "6.6", "--machine", "pc"], "no release '6.6': expected one of 0.12.5, ")]
#[case(&["STREAM", "--as", "7.2", "--machine", "pc"], "7.2 has no machine type pc with scenario idle")]
#[case(&["STREAM", "--format", "xml"], "invalid value 'xml'")]
#[case(&["STREAM", "--matrix", "none.toml", "--as", "7.2", "--machine", "pc"], "none.toml: no such file")]
fn unusable_arguments_are_status_2(#[case] arguments: &[&str], #[case] says: &str) {
    let (_folder, path) = temporary(b"QEVM\0\0\0\x03\0");
    let arguments: Vec<&str> =
        arguments.iter().map(|a| if *a == "STREAM" { name(&path) } else { a }).collect();
    refused(&inspect(&arguments), says);
}

#[test]
fn unusable_streams_are_status_2() {
    let whole = newest(&library());
    let mut packed = zstd::encode_all(&whole[..], 3).expect("zstd");
    packed.truncate(packed.len() / 2);
    let cases: [(&[u8], &str); 8] = [
        (b"", ": is empty, expected a migration stream"),
        (b"QEV", ": not a migration stream: magic 0x"),
        (b"QEVM\0\0\0\x02", ": stream format version 2, expected 3"),
        (b"QEVM\0\0\0\x03", ": end of stream, 1 more bytes expected at byte 0x8"),
        (&whole[..0x21], ": end of stream"),
        (&whole[..0x100], ": ram: record: end of stream"),
        (&whole[..0x8000], ": end of stream"),
        (&packed, ": not a whole zstd file"),
    ];
    for (bytes, says) in cases {
        let (_folder, path) = temporary(bytes);
        refused(&inspect(&[name(&path)]), says);
    }
}

fn refused(output: &Output, says: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(says), "{stderr}");
}

/// Of a virtio device a description says the length only: its fields are those of a release whose
/// layout fits.
#[rstest::rstest]
#[case("2.8.1", "pc-i440fx-2.4")]
#[case("7.2", "pc-i440fx-7.2")]
#[case("11.1", "pc-i440fx-10.0")]
fn virtio_devices_are_told_field_by_field(#[case] release: &str, #[case] machine: &str) {
    let library = library();
    let fixture = library.fixture(release, machine, "virtio").expect("fixture");
    let whole = stream(&library, fixture);
    let (_folder, path) = temporary(&whole);
    let (status, all) = json(&[name(&path)]);
    assert_eq!(status, 0);
    assert_eq!(all["read_by"]["by"], "description");
    let items = all["items"].as_array().expect("items");
    for device in ["virtio-net", "virtio-blk", "virtio-balloon"] {
        let named = |field: &str| {
            items
                .iter()
                .filter(|item| {
                    let path = item["path"].as_array().expect("path");
                    path[0] == device && path.last().expect("name") == field
                })
                .count()
        };
        assert!(named("guest_features") > 0 && named("pa") > 0, "{device}");
        // The release that it is of tells the same.
        let own = own(&library, fixture);
        let loaded = load(&own, &mut &whole[..], &Feed::Bulk);
        let reported =
            loaded.map.spans().iter().filter(|s| loaded.map.root(s) == device && s.name == "pa");
        assert_eq!(named("pa"), reported.count(), "{device}");
    }
}

#[test]
fn two_streams_of_one_machine_are_compared_field_by_field() {
    let library = library();
    let fixture = library.fixture("7.2", "pc-i440fx-7.2", "idle").expect("fixture");
    let one = stream(&library, fixture);
    let mut other = one.clone();
    let own = own(&library, fixture);
    let loaded = load(&own, &mut &one[..], &Feed::Bulk);
    let timer = loaded.value(&one, b"timer", "cpu_clock_offset").expect("timer");
    let at = timer.as_ptr() as usize - one.as_ptr() as usize;
    other[at + 7] ^= 1;
    let ((_a, one), (_b, other)) = (temporary(&one), temporary(&other));
    let output = inspect(&[name(&one), "--diff", name(&one)]);
    assert_eq!(output.status.code(), Some(0));
    let output = inspect(&[name(&one), "--diff", name(&other)]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.starts_with("timer 0: timer.cpu_clock_offset: ") && text.contains(" -> "),
        "{text}"
    );
    assert!(text.ends_with("1 field differs; contents of memory were not compared\n"), "{text}");
    let output = inspect(&[name(&one), "--diff", name(&other), "--section", "i8259"]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_a_release_leaves_unread_is_a_finding() {
    let library = library();
    let fixture = library.fixture("0.12.5", "pc-0.12", "idle").expect("fixture");
    let (_folder, path) = temporary(&stream(&library, fixture));
    let output = inspect(&[name(&path), "--as", "1.0.1", "--machine", "pc-0.12"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("\naccepted: 17625 of 547357 bytes were read"), "{text}");
    assert!(text.contains("are read by nobody"), "{text}");
}

/// A file with fixed places for pages: header, bitmap, pages a megabyte on, then the stream.
#[test]
fn mapped_ram_and_addresses_are_passed_over() {
    let be64 = |n: u64| n.to_be_bytes();
    let mut bytes = b"QEVM\0\0\0\x03\x07\0\0\0\x02pc".to_vec();
    bytes.extend(b"\x05\x1aconfiguration/capabilities\0\0\0\x01\0\0\0\x02");
    bytes.extend(b"\x0fx-ignore-shared\x0amapped-ram");
    bytes.extend(b"\x01\0\0\0\x02\x03ram\0\0\0\0\0\0\0\x04");
    bytes.extend(be64(0x2000 | 4));
    bytes.extend(b"\x06pc.ram");
    bytes.extend([be64(0x2000), be64(0)].concat());
    let header = bytes.len() as u64;
    bytes.extend(1u32.to_be_bytes());
    bytes.extend([be64(4096), be64(header + 28), be64(0x10_0000)].concat());
    bytes.resize(0x10_2000, 0x5a);
    bytes.extend(be64(0x10));
    bytes.extend(b"\x7e\0\0\0\x02\x03\0\0\0\x02");
    bytes.extend(be64(0x10));
    bytes.extend(b"\x7e\0\0\0\x02\0");
    let to = scan(&mut &bytes[..], Depth::All).destination();
    assert!(to.handlers.iter().any(|h| h.body == Body::Ram));
    let loaded = load(&to, &mut &bytes[..], &Feed::Bulk);
    assert_eq!(loaded.refused, None);
    assert_eq!(loaded.stopped, bytes.len() as u64);
}

/// Pages of the stream that must not be held: 1 GiB.
const PAGES: u64 = 1 << 18;

/// Writes a stream of `PAGES` pages and nothing else.
fn pages(to: impl Write) -> std::io::Result<()> {
    let mut to = BufWriter::with_capacity(1 << 20, to);
    let size = PAGES * 4096;
    to.write_all(b"QEVM\0\0\0\x03\x01\0\0\0\x01\x03ram\0\0\0\0\0\0\0\x04")?;
    to.write_all(&(size | 4).to_be_bytes())?;
    to.write_all(b"\x06pc.ram")?;
    to.write_all(&[size.to_be_bytes(), 0x10u64.to_be_bytes()].concat())?;
    to.write_all(b"\x03\0\0\0\x01")?;
    let page = [0x5a; 4096];
    for address in (0..size).step_by(4096) {
        let name: &[u8] = if address == 0 { b"\x06pc.ram" } else { b"" };
        let flags = if address == 0 { 8 } else { 0x28 };
        to.write_all(&u64::to_be_bytes(address | flags))?;
        to.write_all(name)?;
        to.write_all(&page)?;
    }
    to.write_all(&0x10u64.to_be_bytes())?;
    to.write_all(&[record::EOF])?;
    to.flush()
}

/// MiB that the command may have beyond its own file.
#[cfg(target_os = "linux")]
const ROOM: u64 = 16;

#[cfg(target_os = "linux")]
fn read_all(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("pages: ram = 1075838983 bytes of records"), "{text}");
    assert!(text.ends_with("accepted: all 1075839053 bytes were read\n"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_gigabyte_from_a_file_needs_little_memory() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("stream");
    pages(File::create(&path).expect("file")).expect("disk");
    read_all(&confined(ROOM, &["inspect", name(&path)]).output().expect("the command starts"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_gigabyte_from_a_pipe_needs_little_memory() {
    let mut child = confined(ROOM, &["inspect", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the command starts");
    pages(child.stdin.take().expect("pipe")).expect("pipe");
    read_all(&child.wait_with_output().expect("the command ends"));
}
