//! Internal snapshots of every form, and tables that are not as they should be.

use super::{contents, opened, refused, stream};
use crate::fuzzing::containers::{Clusters, Disk};
use crate::input::{Options, open_bytes};

/// A state of some clusters: data, zeros, data that does not shrink, half of a cluster.
fn state(cluster: usize) -> Vec<u8> {
    let mut bytes = stream();
    bytes.resize(cluster + 100, 3);
    bytes.resize(4 * cluster, 0);
    let mut word = 1u32;
    while bytes.len() < 6 * cluster + cluster / 2 {
        word = word.wrapping_mul(0x9e37_79b1).wrapping_add(7);
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

#[rstest::rstest]
fn every_form_of_state_is_read(
    #[values(2, 3)] version: u32,
    #[values(9, 12, 16)] cluster_bits: u32,
    #[values(Clusters::Plain, Clusters::Packed)] clusters: Clusters,
    #[values(false, true)] zstd: bool,
    #[values(false, true)] extended: bool,
) {
    if version == 2 && (zstd || extended) || extended && cluster_bits < 14 {
        return;
    }
    for size in [0, 1, 1 << 20, (1 << 20) + 512] {
        let state = state(1 << cluster_bits);
        let snapshots = vec![("first".to_string(), state.clone())];
        let disk = Disk { version, cluster_bits, clusters, zstd, extended, size, snapshots };
        let source = opened(&disk.write().expect("disk")).expect("snapshot");
        let reported = source.facts().layers[0].to_string();
        assert!(reported.contains("internal snapshot 1 'first'"), "{reported}");
        assert!(contents(source) == state, "{version} {cluster_bits} {size}");
    }
}

#[test]
fn snapshots_are_chosen_by_name_or_number() {
    let named = |name: &str, more: &[u8]| (name.to_string(), [&stream()[..], more].concat());
    let snapshots =
        vec![named("a", b"1"), named("2", b"22"), ("disk".to_string(), vec![]), named("c", b"")];
    let disk = Disk { snapshots, ..Disk::default() }.write().expect("disk");
    let open = |asked: Option<&str>| {
        let options = Options { snapshot: asked.map(str::to_string), ..Options::default() };
        open_bytes("disk", disk.clone(), &options).map_err(|e| e.to_string())
    };
    let size = |asked| open(Some(asked)).expect(asked).size() - stream().len() as u64;
    // A name comes before a number.
    assert_eq!((size("a"), size("1"), size("2"), size("c"), size("4")), (1, 1, 2, 0, 0));
    let text = open(None).expect_err("several");
    assert!(text.contains("3 snapshots may be meant") && text.contains("--snapshot"), "{text}");
    assert!(text.contains("\n  1 'a': 65 bytes of VM state"), "{text}");
    assert!(open(Some("x")).expect_err("none").contains("no snapshot 'x'"));
    assert!(open(Some("disk")).expect_err("none").contains("without VM state"));
    let without = Disk::default().write().expect("disk");
    assert!(refused(&without).contains("a qcow2 disk without an internal snapshot"));
    let only = vec![("disk".to_string(), vec![])];
    let only = Disk { snapshots: only, ..Disk::default() }.write().expect("disk");
    assert!(refused(&only).contains("whose 1 snapshots are of the disk only"));
}

fn disk(clusters: Clusters) -> Vec<u8> {
    let snapshots = vec![("s".to_string(), state(1 << 16))];
    Disk { snapshots, clusters, ..Disk::default() }.write().expect("disk")
}

#[test]
fn a_header_that_is_not_as_it_should_be_is_refused() {
    for (at, bytes, says) in [
        (4, &[0, 0, 0, 4][..], "version 4 at byte 4, expected 2 or 3"),
        (20, &[0, 0, 0, 30], "cluster bits 30 at byte 20"),
        (32, &[0, 0, 0, 1], "encrypted"),
        (72, &[1, 0, 0, 0, 0, 0, 0, 0], "incompatible features"),
        (72, &[0, 0, 0, 0, 0, 0, 0, 4], "external data file"),
        (60, &[0, 2, 0, 0], "snapshots at byte 60, at most 65536"),
        (60, &[0, 0, 0xff, 0], "of the table of snapshots: failed to fill"),
        (64, &[1, 0, 0, 0, 0, 0, 0, 0], "the table of snapshots is at"),
    ] {
        let mut disk = disk(Clusters::Plain);
        disk[at..at + bytes.len()].copy_from_slice(bytes);
        let text = refused(&disk);
        assert!(text.contains(says), "{text}");
    }
    let mut cut = disk(Clusters::Plain);
    cut.truncate(40);
    assert!(refused(&cut).contains("cut short"));
}

/// Where the table, and in it the L1 table, of the only snapshot is.
fn places(disk: &[u8]) -> (usize, usize) {
    let be64 = |at: usize| u64::from_be_bytes(*disk[at..].first_chunk().expect("8")) as usize;
    let table = be64(64);
    (table, be64(table))
}

#[test]
fn tables_that_lead_nowhere_are_refused() {
    let whole = disk(Clusters::Plain);
    let (table, l1) = places(&whole);
    let beyond = 0x0080_0000_0000_0000u64;
    // The L1 table: beyond the end, inside of a cluster, too short.
    for (at, value, says) in [
        (table, beyond, "the L1 table of snapshot 1 is at"),
        (table, l1 as u64 + 8, "the L1 table of snapshot 1 is at"),
    ] {
        let mut disk = whole.clone();
        disk[at..at + 8].copy_from_slice(&value.to_be_bytes());
        let text = refused(&disk);
        assert!(text.contains(says), "{text}");
    }
    let mut short = whole.clone();
    short[table + 8..table + 12].copy_from_slice(&1u32.to_be_bytes());
    assert!(refused(&short).contains("its L1 table maps 0"));
    // An L2 table and a cluster: beyond the end, inside of a cluster.
    let entry = l1 + 8;
    let l2 =
        (u64::from_be_bytes(*whole[entry..].first_chunk().expect("8")) & (u64::MAX >> 1)) as usize;
    for (at, says) in [(entry, "L2 table at"), (l2, "cluster at")] {
        for value in [beyond, 0x200, 0x1_0200] {
            let mut disk = whole.clone();
            disk[at..at + 8].copy_from_slice(&u64::to_be_bytes(value));
            let text = refused(&disk);
            assert!(text.contains(says), "{text}");
        }
    }
    // A packed cluster: beyond the end, and nothing packed.
    let packed = disk(Clusters::Packed);
    let (_, l1) = places(&packed);
    let l2 = (u64::from_be_bytes(*packed[l1 + 8..].first_chunk().expect("8")) & (u64::MAX >> 1))
        as usize;
    for (value, says) in
        [(1u64 << 62 | 1 << 50, "packed cluster at"), (1 << 62, "packed cluster at 0x0")]
    {
        let mut disk = packed.clone();
        disk[l2..l2 + 8].copy_from_slice(&value.to_be_bytes());
        let text = refused(&disk);
        assert!(text.contains(says), "{text}");
    }
}

/// Tables of a few bytes can map any number of zeros: as of a packed file, no more comes out than allowed.
#[test]
fn a_state_that_its_file_does_not_have_is_bounded() {
    let mut disk = disk(Clusters::Plain);
    let (table, _) = places(&disk);
    disk[table + 40..table + 48].copy_from_slice(&(400u64 << 20).to_be_bytes());
    let open = |limit| open_bytes("disk", disk.clone(), &Options { limit, ..Options::default() });
    assert_eq!(open(400 << 20).expect("as much as is allowed").size(), 400 << 20);
    let refused = open(1 << 20).expect_err("must be refused").to_string();
    assert!(
        refused.contains("more than 1048576 bytes") && refused.contains("--max-bytes"),
        "{refused}"
    );
}
