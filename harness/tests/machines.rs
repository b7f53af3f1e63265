//! Machines that nobody recorded: the model against what real binaries did with them, and composed
//! destinations against those of scenarios.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::library;
use crate::support::snapshots::snapshots;
use crossload::dialect::machine::architecture;
use crossload::matrix::targets::{Answer, OriginHints, Row, Targets, targets};
use crossload::release::catalogue::Catalogue;
use crossload::release::compose::LayoutCache;
use crossload::release::files::{LIMIT, unzstd};
use crossload::release::provenance::Fixture;
use crossload::trace::Verdict;
use serde::Deserialize;
use std::io::Cursor;

/// A set of devices on a machine type, and what each binary did with each stream.
#[derive(Debug, Deserialize)]
struct Observed {
    cells: Vec<Cell>,
}

#[derive(Debug, Deserialize)]
struct Cell {
    source: String,
    destination: String,
    size: u64,
    verdict: String,
    /// Where the binary stopped, to within 64 bytes.
    consumed: u64,
    #[serde(default)]
    stderr: String,
}

/// How far the place of a stop may be from the binary's: what it took at a time.
const STEP: u64 = 64;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/machines")
}

/// All sets: machine type, name, cells.
fn sets() -> Vec<(String, String, Observed)> {
    let mut sets = Vec::new();
    let mut paths: Vec<_> = fs::read_dir(folder()).expect("corpus/machines").flatten().collect();
    paths.sort_by_key(std::fs::DirEntry::path);
    for entry in paths {
        let name = entry.file_name().into_string().expect("name");
        let Some(stem) = name.strip_suffix(".json") else { continue };
        let (set, machine) = stem.split_once('.').expect("SET.MACHINE.json");
        let text = fs::read_to_string(entry.path()).expect("set");
        let observed = serde_json::from_str(&text).expect("set");
        sets.push((machine.to_owned(), set.to_owned(), observed));
    }
    sets
}

fn asked(stream: &[u8]) -> Targets {
    let cache = LayoutCache::new(library());
    targets(&cache, &mut Cursor::new(stream), &OriginHints::default(), &[]).expect("targets")
}

/// How a row and what a binary did do not agree; `None` if they do. A binary that accepts what we
/// call misparsed agrees: that it takes it in silence is what the verdict says.
fn differ(row: &Row, cell: &Cell) -> Option<String> {
    let verdict = row.answer.verdict();
    let same = match (verdict, cell.verdict.as_str()) {
        (Verdict::Faithful | Verdict::Defaulted | Verdict::Misparsed, "accepted") => true,
        (Verdict::Unsupported, "unsupported") => true,
        (Verdict::Refused | Verdict::RefusedLate, "refused") => {
            let Answer::Judged(judged) = &row.answer else { return Some("not judged".to_owned()) };
            judged.stopped.abs_diff(cell.consumed) <= 2 * STEP
        }
        _ => false,
    };
    (!same).then(|| {
        let said = crossload::report::targets::sentence_of(row, "");
        format!(
            "{verdict} ({said}), binary {} after {} bytes: {}",
            cell.verdict, cell.consumed, cell.stderr
        )
    })
}

#[test]
fn every_observed_machine_comes_out_as_it_did() {
    let (mut wrong, mut open) = (Vec::new(), Vec::new());
    let mut cells = 0;
    for (machine, set, observed) in sets() {
        let mut by_source: BTreeMap<&str, Vec<&Cell>> = BTreeMap::new();
        for cell in &observed.cells {
            by_source.entry(&cell.source).or_default().push(cell);
        }
        for (source, all) in by_source {
            let path = format!("streams/{source}.{machine}.{set}.zst");
            let packed = fs::read(folder().join(&path)).expect("stream");
            let stream = unzstd(&path, &packed, LIMIT).expect("stream");
            let reported = asked(&stream);
            assert_eq!(reported.size, all[0].size, "{path}");
            for cell in all {
                cells += 1;
                let row = reported.rows.iter().find(|row| row.release == cell.destination);
                let row = row.expect("a row for each release");
                if row.answer.verdict() == Verdict::Undetermined {
                    let why = crossload::report::targets::sentence_of(row, "");
                    open.push(format!("{path} into {}: {why}", cell.destination));
                    continue;
                }
                wrong.extend(
                    differ(row, cell).map(|how| format!("{path} into {}: {how}", cell.destination)),
                );
            }
        }
    }
    assert!(cells > 150, "{cells} cells");
    assert!(wrong.is_empty(), "{} of {cells}:\n{}", wrong.len(), wrong.join("\n"));
    // Those that have no answer yet are listed: nobody adds to them unseen, and a rule that takes one
    // away shows it.
    assert!(open.len() * 50 <= cells, "{} of {cells} have no answer", open.len());
    let list = format!("{cells} cells\n\nno answer:\n{}", open.join("\n"));
    let _scope = snapshots("targets");
    insta::assert_snapshot!("open", list);
}

/// A destination that is composed for a fixture's stream judges as the scenario's own does, or says
/// what it does not know.
#[test]
fn a_composed_destination_is_the_scenario_s() {
    let library = library();
    // Where devices were recorded: releases with the board of the fixture's machine type.
    let catalogued: Vec<(String, Catalogue)> = library
        .releases()
        .iter()
        .flat_map(|(name, _)| {
            library.corpus().architectures(name).into_iter().map(move |a| (name, a))
        })
        .filter_map(|(name, architecture)| {
            let known = library.corpus().catalogue(name, architecture).expect("catalogue")?;
            Some((name.clone(), known))
        })
        .collect();
    let has = |release: &str, machine: &str| {
        let of = |(name, known): &(String, Catalogue)| name == release && known.has_board(machine);
        catalogued.iter().any(of)
    };
    let (mut all, mut open, mut wrong) = (BTreeMap::new(), 0, Vec::new());
    let wanted = |f: &&Fixture| has(&f.release, &f.machine);
    for fixture in library.fixtures().iter().filter(wanted) {
        let stream = library.corpus().stream(fixture).expect("stream");
        let own = library.destination(&fixture.release, &fixture.machine, &fixture.scenario);
        let own = own.expect("destination").expect("own destination");
        let meaning = crossload::trace::Meaning::of(&own, &stream).expect("meaning");
        let cache = LayoutCache::new(library);
        let source = Some(fixture.release.clone());
        let machine = Some(fixture.machine.clone());
        let reported =
            targets(&cache, &mut Cursor::new(&stream[..]), &OriginHints { machine, source }, &[]);
        let reported = match reported {
            Ok(reported) => reported,
            Err(error) => {
                wrong.push(format!("{} is not read: {error}", fixture.id()));
                continue;
            }
        };
        for row in reported.rows.iter().filter(|row| has(&row.release, &fixture.machine)) {
            let to = library.destination(&row.release, &fixture.machine, &fixture.scenario);
            let Some(to) = to.expect("destination") else { continue };
            let feed = crossload::wire::Feed::Bulk;
            let judged = crossload::trace::judge(&meaning, &stream, &to, &feed);
            let verdict = row.answer.verdict();
            *all.entry(architecture(&fixture.machine)).or_insert(0) += 1;
            match verdict {
                Verdict::Undetermined => open += 1,
                _ if verdict.accepts() == judged.verdict.accepts() => {}
                _ => wrong.push(format!(
                    "{} into {}: composed {verdict}, scenario {}: {}",
                    fixture.id(),
                    row.release,
                    judged.verdict,
                    crossload::report::targets::sentence_of(row, "")
                )),
            }
        }
    }
    let total: i32 = all.values().sum();
    assert!(wrong.is_empty(), "{} of {total}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(open * 20 <= total, "{open} of {total} are undetermined");
    assert!(all.len() >= 4 && all.values().all(|loads| *loads >= 8), "{all:?}");
}

#[rstest::rstest]
#[case("pc-i440fx-7.2", "pc-i440fx-7.2")]
#[case("s390-ccw-virtio-7.2", "s390x/s390-ccw-virtio-7.2")]
// Of a family on record, with another number.
#[case("virt-2.8", "aarch64/virt-2.8")]
#[case("pseries-6.1", "ppc64/pseries-6.1")]
#[case("pc-q35-6.1", "pc-q35-6.1")]
// One without a number.
#[case("virt", "riscv64/virt")]
#[case("nobody-7.2", "nobody-7.2")]
fn a_stream_s_machine_type_has_its_architecture(#[case] name: &str, #[case] expected: &str) {
    assert_eq!(library().machine_type(name), expected);
}

/// A stream of a fixture with one more section and its description.
fn with_clock(stream: &[u8]) -> Vec<u8> {
    let (from, len) = crossload::stream::vmdescription::locate(stream).expect("description");
    // Before it: end of stream, a type byte, and its length.
    let end = from - 6;
    let mut all = stream[..end].to_vec();
    let name = b"kvmclock";
    all.extend([4, 0, 0, 0x7f, 0, name.len() as u8]);
    all.extend(name);
    all.extend([0u32, 1].map(u32::to_be_bytes).concat());
    all.extend(1_000_000_u64.to_be_bytes());
    let reliable = b"kvmclock/clock_is_reliable";
    all.extend([5, reliable.len() as u8]);
    all.extend(reliable);
    all.extend([0, 0, 0, 1, 1, 0x7e, 0, 0, 0x7f, 0]);
    let json = std::str::from_utf8(&stream[from..from + len]).expect("JSON");
    let more = r#", {"name": "kvmclock", "instance_id": 0, "vmsd_name": "kvmclock", "version": 1, "fields": [
        {"name": "clock", "type": "uint64", "size": 8}], "subsections": [
        {"vmsd_name": "kvmclock/clock_is_reliable", "version": 1, "fields": [
        {"name": "clock_is_reliable", "type": "bool", "size": 1}]}]}]}"#;
    let json = format!("{}{more}", json.strip_suffix("]}").expect("the end of a list of devices"));
    all.extend([0, 6]);
    all.extend((json.len() as u32).to_be_bytes());
    all.extend(json.as_bytes());
    all
}

/// A machine under KVM goes where one without goes: its clock has one form since 2.9.
#[test]
fn a_machine_under_kvm_has_an_answer() {
    let library = library();
    let fixture = library.fixture("7.2", "pc-i440fx-5.2", "nic").expect("fixture");
    let stream = library.corpus().stream(fixture).expect("stream");
    let cache = LayoutCache::new(library);
    let answers = |stream: &[u8]| {
        let asked = OriginHints { machine: None, source: Some("7.2".to_owned()) };
        let reported = targets(&cache, &mut Cursor::new(stream), &asked, &[]).expect("targets");
        let rows = reported.rows.into_iter();
        rows.map(|row| (row.release.clone(), row.answer.verdict())).collect::<Vec<_>>()
    };
    let with = answers(&with_clock(&stream));
    assert_eq!(with, answers(&stream));
    let taken = with.iter().filter(|(_, verdict)| verdict.accepts() == Some(true)).count();
    assert!(taken >= 3, "{with:?}");
}
