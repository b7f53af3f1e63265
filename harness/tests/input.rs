//! The files that people have, each made by a real program where one can be had here, through the
//! command: what it says of them, and that neither memory nor disk grows with what is hostile.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{confined, library, stream};
use crossload::fuzzing::containers::{Clusters, Disk, pack, save_image};

const NEWEST: (&str, &str) = ("11.1", "pc-i440fx-10.0");

const XML: &str = "<domain type='qemu'><name>vm1</name><os><type arch='x86_64' \
     machine='pc-i440fx-10.0'>hvm</type></os></domain>";

/// A real stream.
fn real() -> Vec<u8> {
    stream(library().fixture(NEWEST.0, NEWEST.1, "idle").expect("fixture"))
}

fn crossload(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossload"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.output().expect("the command starts")
}

fn text(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text += &String::from_utf8_lossy(&output.stderr);
    text
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("file");
    path
}

fn name(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Every kind of file, as it goes through every verb that takes one.
#[test]
fn each_kind_of_file_is_read_by_each_verb() {
    let whole = real();
    let folder = tempfile::tempdir().expect("folder");
    let put = |name: &str, bytes: &[u8]| put(folder.path(), name, bytes);
    let packed = |name: &str, bytes: &[u8]| pack(name, bytes).expect("packer");
    let disk = |clusters| {
        let snapshots = vec![("s".to_string(), whole.clone())];
        Disk { snapshots, clusters, ..Disk::default() }.write().expect("disk")
    };
    let mut raw = whole.clone();
    raw.resize(9 << 20, 0);
    let files = [
        ("plain", whole.clone(), ""),
        ("gzip", packed("gzip", &whole), "in: gzip\n"),
        ("bzip2", packed("bzip2", &whole), "in: bzip2\n"),
        ("xz", packed("xz", &whole), "in: xz\n"),
        ("lzop", packed("lzop", &whole), "in: lzop\n"),
        ("zstd", packed("zstd", &whole), "in: zstd\n"),
        (
            "save image",
            save_image((2, 1), false, true, XML, &packed("gzip", &whole)),
            "in: libvirt save image, version 2, gzip; the machine was running\nin: gzip\ndomain \
             'vm1' (qemu), machine type pc-i440fx-10.0, x86_64\n",
        ),
        ("qcow2", disk(Clusters::Plain), "in: qcow2 disk, internal snapshot 1 's'"),
        ("qcow2 packed", disk(Clusters::Packed), "in: qcow2 disk, internal snapshot 1 's'"),
        (
            "xz of a save image",
            packed("xz", &save_image((2, 0), false, true, XML, &whole)),
            "in: xz\nin: libvirt",
        ),
        ("raw vmstate", raw, ""),
    ];
    let plain = crossload(&["inspect", name(&put("first", &whole))]);
    let plain = String::from_utf8_lossy(&plain.stdout).into_owned();
    for (kind, bytes, says) in files {
        let path = put(kind, &bytes);
        let output = crossload(&["inspect", name(&path)]);
        let reported = text(&output);
        assert_eq!(output.status.code(), Some(0), "{kind}: {reported}");
        assert!(reported.starts_with(says), "{kind}: {}", &reported[..300]);
        // The rows are those of the plain stream.
        let rows = |text: &str| {
            let at = text.find("offset   |").expect("rows");
            let end = text.find("\nnote: ").or(text.find("\naccepted")).expect("end");
            text[at..end].to_string()
        };
        assert!(rows(&reported) == rows(&plain), "{kind}");
        let asked = ["can-migrate", "--from", NEWEST.0, "--to", NEWEST.0, name(&path)];
        let output = crossload(&asked);
        assert_eq!(output.status.code(), Some(0), "{kind}: {}", text(&output));
        // The same through a pipe.
        let mut piped = Command::new(env!("CARGO_BIN_EXE_crossload"));
        piped.args(["inspect", "-"]).stdin(fs::File::open(&path).expect("file"));
        let output = piped.output().expect("the command starts");
        assert_eq!(output.status.code(), Some(0), "{kind}: {}", text(&output));
    }
}

/// What is read once only, and kept without the contents of memory, is shown and judged as the file is.
#[rstest::rstest]
#[case::json(&["inspect", "FILE", "--format", "json"])]
#[case::frames(&["inspect", "FILE", "--as", "10.0"])]
#[case::targets(&["targets", "FILE"])]
#[case::explain(&["explain", "FILE", "7.2"])]
#[case::can_migrate(&["can-migrate", "--from", "7.2", "--to", "10.0", "FILE"])]
fn a_pipe_tells_what_the_file_tells(#[case] arguments: &[&str]) {
    let whole = stream(library().fixture("7.2", "pc-i440fx-7.2", "idle").expect("fixture"));
    let folder = tempfile::tempdir().expect("folder");
    let path = put(folder.path(), "file", &whole);
    let asked = |called: &str| {
        let arguments = arguments.iter().map(|a| if *a == "FILE" { called } else { *a });
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossload"));
        command.args(arguments).stdin(fs::File::open(&path).expect("file"));
        let output = command.output().expect("the command starts");
        (
            output.status.code(),
            text(&output).replace(&format!("{called:?}"), "\"FILE\"").replace(called, "FILE"),
        )
    };
    let (file, pipe) = (asked(name(&path)), asked("-"));
    assert_eq!(file.0, pipe.0, "{}", pipe.1);
    // A dash is in other words, too.
    assert_eq!(file.1.replace('-', "FILE"), pipe.1.replace('-', "FILE"));
}

/// The real packers, where they are installed.
#[rstest::rstest]
#[case("gzip")]
#[case("bzip2")]
#[case("xz")]
#[case("lzop")]
#[case("zstd")]
fn what_real_packers_write_is_read(#[case] packer: &str) {
    let mut child = match Command::new(packer)
        .args(["-c", "-9"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    {
        Ok(child) => child,
        Err(_) => {
            eprintln!("no {packer} here: not tried");
            return;
        }
    };
    let whole = real();
    let mut stdin = child.stdin.take().expect("stdin");
    let writer = std::thread::spawn({
        let whole = whole.clone();
        move || stdin.write_all(&whole).expect("pipe")
    });
    let packed = child.wait_with_output().expect("packer");
    writer.join().expect("writer");
    assert!(packed.status.success() && packed.stdout.len() < whole.len());
    let folder = tempfile::tempdir().expect("folder");
    let path = put(folder.path(), "file", &packed.stdout);
    let output = crossload(&["inspect", name(&path)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).starts_with(&format!("in: {packer}\n")));
}

#[test]
fn what_cannot_be_read_is_status_2_and_named() {
    let folder = tempfile::tempdir().expect("folder");
    let whole = real();
    let disk = Disk::default().write().expect("disk");
    let core = [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0".to_vec(), vec![0; 64]].concat();
    for (bytes, says) in [
        (core, "an ELF core dump"),
        (disk, "a qcow2 disk without an internal snapshot"),
        (vec![0; 1 << 16], "zeros, as an empty disk"),
        (b"LinuxGuestRecord".to_vec(), "a Xen save file"),
        (save_image((2, 0), false, true, XML, b""), "no stream was written"),
        (save_image((9, 0), false, true, XML, &whole), "header version 0x00000009"),
    ] {
        let path = put(folder.path(), "file", &bytes);
        for arguments in [
            vec!["inspect", name(&path)],
            vec!["can-migrate", "--from", "7.2", "--to", "10.0", name(&path)],
        ] {
            let output = crossload(&arguments);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{stderr}");
            assert!(stderr.contains(says), "{stderr}");
        }
    }
}

/// The disks that `qemu-img` makes, where it is installed: each is named.
#[rstest::rstest]
#[case("qcow", "a qcow disk of version 1")]
#[case("qcow2", "a qcow2 disk without an internal snapshot")]
#[case("vmdk", "a VMDK disk")]
#[case("vdi", "a VDI disk")]
#[case("vhdx", "a VHDX disk")]
#[case("vpc", "a VHD disk")]
#[case("qed", "a QED disk")]
#[case("parallels", "a Parallels disk")]
#[case("raw", "zeros, as an empty disk")]
fn what_qemu_img_makes_is_named(#[case] format: &str, #[case] says: &str) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("disk");
    let mut command = Command::new("qemu-img");
    let made = command.args(["create", "-q", "-f", format]).arg(&path).arg("4M").output();
    if !made.is_ok_and(|output| output.status.success()) {
        eprintln!("no qemu-img here that makes {format}: not tried");
        return;
    }
    for arguments in [vec!["inspect", name(&path)], vec!["targets", name(&path)]] {
        let output = crossload(&arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(says), "{}", text(&output));
    }
}

#[test]
fn what_follows_with_colo_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let whole = [real(), b"\0\0\0\x01\0\0\0\x03the first checkpoint".to_vec()].concat();
    let output = crossload(&["inspect", name(&put(folder.path(), "file", &whole))]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("\nnote: checkpoints of COLO follow, 28 bytes"));
}

#[test]
fn an_image_that_was_not_finished_is_a_finding() {
    let folder = tempfile::tempdir().expect("folder");
    let image = save_image((2, 0), false, false, XML, &real());
    let path = put(folder.path(), "file", &image);
    let output = crossload(&["inspect", name(&path)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("\nfinding: the save image is not complete"));
}

#[test]
fn a_stream_cut_inside_its_description_is_a_finding() {
    let folder = tempfile::tempdir().expect("folder");
    let mut whole = real();
    whole.truncate(whole.len() - 1000);
    let path = put(folder.path(), "file", &whole);
    let output = crossload(&["inspect", name(&path)]);
    let reported = text(&output);
    assert_eq!(output.status.code(), Some(1), "{reported}");
    assert!(
        reported.contains("\nfinding: the stream is cut inside its description: "),
        "{reported}"
    );
    assert!(reported.contains("\nnote: where the opaque sections end is a guess"), "{reported}");
    assert!(reported.contains("\naccepted: all "), "{reported}");
    // Every loader takes it, and so it is judged.
    let output = crossload(&["targets", name(&path)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).ends_with("The newest build that takes it: 11.1\n"), "{}", text(&output));
}

/// What is cut says where it is, and the same however it is read.
#[rstest::rstest]
#[case::header(7, "end of stream, 1 more bytes expected at byte 0x4 (4)")]
#[case::beginning(100, "end of stream, ")]
#[case::end(500_000, "end of stream, ")]
fn what_is_cut_says_where(#[case] len: usize, #[case] says: &str) {
    let folder = tempfile::tempdir().expect("folder");
    let mut whole = real();
    whole.truncate(len.min(whole.len() - 120_000));
    let path = put(folder.path(), "file", &whole);
    for called in [name(&path), "-"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossload"));
        command.args(["inspect", called]).stdin(fs::File::open(&path).expect("file"));
        let output = command.output().expect("the command starts");
        let reported = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{reported}");
        assert!(reported.contains(says) && reported.contains(" at byte 0x"), "{reported}");
    }
}

/// A stream that is too long to be held as it is: bytes are where they are in the file.
#[test]
fn a_long_stream_is_explained_where_its_bytes_are() {
    let short = stream(library().fixture("5.2", "pc-i440fx-2.4", "idle").expect("fixture"));
    let end = short.windows(5).position(|bytes| bytes == b"\x03\0\0\0\x02").expect("END");
    let mut part = b"\x02\0\0\0\x02\0\0\0\0\0\x10\0\x08\x06pc.ram".to_vec();
    part.extend([7; 4096]);
    part.extend(b"\0\0\0\0\0\0\0\x10\x7e\0\0\0\x02");
    let parts = part.repeat((17 << 20) / part.len());
    let long = [&short[..end], &parts, &short[end..]].concat();
    let folder = tempfile::tempdir().expect("folder");
    let asked = |bytes: &[u8]| {
        let path = put(folder.path(), "file", bytes);
        let output = crossload(&["explain", name(&path), "2.4.1"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        text(&output)
    };
    // Both are refused at the same subsection.
    let at = |n: usize| (format!("byte {} of {}: ", 28_056 + n, short.len() + n), 28_056 + n);
    for (bytes, n) in [(&short, 0), (&long, parts.len())] {
        let (reported, (cause, row)) = (asked(bytes), at(n));
        assert!(reported.contains(&cause), "{reported}");
        let marked = reported.lines().find(|line| line.starts_with('>')).expect("a row");
        assert!(marked.contains(&format!(" {row} | 05 14 63")), "{reported}");
    }
}

/// Runs the command with endless input, which it must leave by itself.
fn endless(arguments: &[&str], head: &[u8], byte: u8) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossload"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("stdin");
    let head = head.to_vec();
    let writer = std::thread::spawn(move || {
        // A pipe that the other side has closed ends it.
        if stdin.write_all(&head).is_ok() {
            let _ = std::io::copy(&mut std::io::repeat(byte), &mut stdin);
        }
    });
    let output = child.wait_with_output().expect("the command ends");
    writer.join().expect("writer");
    output
}

#[test]
fn endless_input_is_left() {
    let output = endless(&["inspect", "-"], b"", 0);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("zeros"), "{}", text(&output));
    let output = endless(&["inspect", "-"], b"QEVM\0\0\0\x03", 0);
    assert!(text(&output).contains("bytes was not read"));
    assert_eq!(output.status.code(), Some(0));
    let output = endless(&["inspect", "-"], b"QEVM", 0);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("format version 0, expected 3"), "{}", text(&output));
    let whole = real();
    let output = endless(&["inspect", "-"], &whole, 0);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = endless(&["inspect", "-", "--max-bytes", "8M"], &whole, 7);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("more than 8388608 bytes"), "{}", text(&output));
    #[cfg(target_os = "linux")]
    {
        let output = crossload(&["inspect", "/dev/zero"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output).contains("zeros"), "{}", text(&output));
    }
}

/// A container of a machine with much memory, with 48 MiB of address space for the command beyond
/// what the program itself maps, and 4 MiB for what it copies or unpacks.
#[cfg(target_os = "linux")]
#[rstest::rstest]
#[case("gzip")]
#[case("bzip2")]
#[case("xz")]
#[case("lzop")]
#[case("zstd")]
#[case("qcow2")]
#[case("pipe")]
fn little_memory_is_enough(#[case] kind: &str) {
    // 64 MiB of pages, the streams of which do not shrink much.
    const PAGES: u64 = 1 << 14;
    let size = PAGES * 4096;
    let mut bytes = b"QEVM\0\0\0\x03\x01\0\0\0\x01\x03ram\0\0\0\0\0\0\0\x04".to_vec();
    bytes.extend((size | 4).to_be_bytes());
    bytes.extend(b"\x06pc.ram");
    bytes.extend([size.to_be_bytes(), 0x10u64.to_be_bytes()].concat());
    bytes.extend(b"\x03\0\0\0\x01");
    for address in (0..size).step_by(4096) {
        let first = address == 0;
        bytes.extend((address | if first { 8 } else { 0x28 }).to_be_bytes());
        bytes.extend(if first { &b"\x06pc.ram"[..] } else { b"" });
        bytes.extend((0..512u64).flat_map(|i| (address * i).to_le_bytes()));
    }
    bytes.extend(0x10u64.to_be_bytes());
    bytes.push(0);
    let packed = match kind {
        "qcow2" => {
            let snapshots = vec![("s".to_string(), bytes.clone())];
            Disk { snapshots, ..Disk::default() }.write().expect("disk")
        }
        "pipe" => bytes.clone(),
        packer => pack(packer, &bytes).expect("packer"),
    };
    let folder = tempfile::tempdir().expect("folder");
    let path = put(folder.path(), "file", &packed);
    let mut command = confined(48, &["inspect", if kind == "pipe" { "-" } else { name(&path) }]);
    command.stdin(fs::File::open(&path).expect("file"));
    let mut child = command.spawn().expect("the command starts");
    let mut reported = String::new();
    child.stdout.take().expect("stdout").read_to_string(&mut reported).expect("UTF-8");
    assert_eq!(child.wait().expect("ends").code(), Some(0), "{reported}");
    assert!(
        reported.ends_with(&format!("accepted: all {} bytes were read\n", bytes.len())),
        "{reported}"
    );
}

/// Many records of what a recorded channel may hold any number of: none is kept.
#[cfg(target_os = "linux")]
#[rstest::rstest]
#[case::commands(b"", b"\x08\0\x02\0\x04\0\0\0\x01", 0)]
#[case::packages(b"", b"\x08\0\x07\0\x04\0\0\0\x01\0", 0)]
#[case::packages_in_packages(b"", b"\x08\0\x07\0\x04\xff\xff\xff\xff", 1)]
#[case::postcopy(
    b"\x08\0\x03\0\x10\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x10\0",
    b"\x08\0\x06\0\x19\0\x06pc.ram\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0",
    0
)]
#[case::parts(
    b"\x01\0\0\0\x01\x03ram\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x10",
    b"\x02\0\0\0\x01\0\0\0\0\0\0\0\x10",
    0
)]
fn any_number_of_records_needs_little_memory(
    #[case] head: &[u8],
    #[case] record: &[u8],
    #[case] status: i32,
) {
    let bytes = [b"QEVM\0\0\0\x03", head, &record.repeat(700_000), b"\0"].concat();
    let folder = tempfile::tempdir().expect("folder");
    let path = put(folder.path(), "file", &bytes);
    let mut command = confined(48, &["inspect", name(&path)]);
    let ended = command.stdout(Stdio::null()).status().expect("the command starts");
    assert_eq!(ended.code(), Some(status));
}
