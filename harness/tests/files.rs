//! Files that a real binary writes: every form that memory can have in one, internal snapshots, and
//! the channels of a multifd migration. Without a binary they are shown as ignored.
//!
//! `CROSSLOAD_QEMU` names the binary; otherwise it is `qemu-system-x86_64` in `PATH`.

// Forms that a binary does not have are named, not failed.
#![allow(clippy::print_stderr)]
#![expect(clippy::expect_used, reason = "tests")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crossload::Stream;
use libtest_mimic::{Arguments, Failed, Trial};

/// What the human monitor is told before it migrates. A release that does not know a capability
/// says so, and has no such file.
const FORMS: &[(&str, &str)] = &[
    ("plain", ""),
    ("xbzrle", "migrate_set_capability xbzrle on"),
    ("compress", "migrate_set_capability compress on"),
    ("background_snapshot", "migrate_set_capability background-snapshot on"),
    ("ignore_shared", "migrate_set_capability x-ignore-shared on"),
    ("mapped_ram", "migrate_set_capability mapped-ram on"),
    (
        "mapped_ram_multifd",
        "migrate_set_capability mapped-ram on\nmigrate_set_capability multifd on",
    ),
    (
        "mapped_ram_direct_io",
        "migrate_set_capability mapped-ram on\nmigrate_set_capability multifd on\n\
         migrate_set_parameter direct-io on",
    ),
    ("zeros_as_pages", "migrate_set_parameter zero-page-detection none"),
];

/// Disks with internal snapshots: options for `qemu-img`; without any, one is written by hand.
const DISKS: &[(&str, &str)] = &[
    ("", ""),
    ("_version_2", "compat=0.10"),
    ("_small_clusters", "cluster_size=512"),
    ("_large_clusters", "cluster_size=2M,compression_type=zstd"),
    ("_extended_l2", "extended_l2=on,cluster_size=128k"),
    ("_refcounts_64", "refcount_bits=64"),
];

/// What `dump-guest-memory` writes, and what it is called.
const DUMPS: &[(&str, &str, &str)] = &[
    ("core_dump_elf", "dump-guest-memory", "an ELF core dump"),
    ("core_dump_kdump", "dump-guest-memory -z", "core dump flattened by makedumpfile"),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let binary = binary();
    let reason = if binary.is_some() { "" } else { "no qemu-system-x86_64" };
    let path = binary.clone().unwrap_or_default();
    let mut trials: Vec<Trial> = FORMS
        .iter()
        .map(|(name, commands)| {
            let path = path.clone();
            Trial::test(*name, move || form(&path, name, commands))
        })
        .collect();
    let (snapshots, multifd) = (path.clone(), path);
    for (name, options) in DISKS {
        let path = snapshots.clone();
        let name = format!("internal_snapshots{name}");
        trials.push(Trial::test(name, move || snapshot(&path, options)));
    }
    for (name, command, says) in DUMPS {
        let path = snapshots.clone();
        trials.push(Trial::test(*name, move || dump(&path, command, says)));
    }
    let path = snapshots.clone();
    trials.push(Trial::test("postcopy", move || postcopy(&path)));
    for compression in ["none", "zlib", "zstd"] {
        let path = multifd.clone();
        let name = format!("multifd_channels_{compression}");
        trials.push(Trial::test(name, move || channels(&path, compression)));
    }
    let trials = trials
        .into_iter()
        .map(|trial| trial.with_ignored_flag(binary.is_none()).with_kind(reason))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CROSSLOAD_QEMU") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("qemu-system-x86_64")).find(|f| f.is_file())
}

/// Runs a machine whose processor halts at once, and tells its monitor these lines. Returns what
/// the monitor said.
fn run(binary: &Path, folder: &Path, more: &[&str], lines: &str) -> String {
    let rom = folder.join("halt.rom");
    fs::write(&rom, [0xf4; 65536]).expect("file");
    let mut child = Command::new(binary)
        .args(["-M", "pc", "-accel", "tcg", "-m", "8", "-nodefaults", "-display", "none"])
        .args(["-vga", "none", "-monitor", "stdio", "-bios"])
        .arg(&rom)
        .args(more)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("stdin");
    // The monitor reads no further before a migration has ended.
    stdin.write_all(lines.as_bytes()).expect("pipe");
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    format!("{}{}", text(&output), String::from_utf8_lossy(&output.stderr))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether the monitor refused a capability or parameter that its release does not have.
fn unknown(said: &str) -> bool {
    said.contains("Invalid parameter") || said.contains("invalid parameter")
}

fn crossload(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossload"));
    command.arg("inspect").args(arguments).output().expect("the command starts")
}

/// Reads a file by the library and by the command: to its end, with nothing to find fault with.
fn is_whole(path: &Path) -> Result<(), Failed> {
    let contents = Stream::open(path)?.read()?;
    if let Some(refused) = contents.refused {
        return Err(format!("refused: {refused}").into());
    }
    if !contents.described || !contents.findings.is_empty() {
        return Err(format!("findings: {:?}", contents.findings).into());
    }
    let output = crossload(&[path.to_str().expect("UTF-8")]);
    match output.status.code() {
        Some(0) => Ok(()),
        _ => Err(text(&output).into()),
    }
}

fn form(binary: &Path, name: &str, commands: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("file");
    let uri = match name.starts_with("mapped") {
        true => format!("file:{}", path.display()),
        false => format!("\"exec:cat > {}\"", path.display()),
    };
    let lines = format!("stop\n{commands}\nmigrate {uri}\ninfo migrate\nquit\n");
    let said = run(binary, folder.path(), &[], &lines);
    if unknown(&said) {
        eprintln!("{name}: not in this release");
        return Ok(());
    }
    if !path.exists() {
        return Err(said.into());
    }
    if name.ends_with("direct_io") && fs::metadata(&path)?.len() == 0 {
        eprintln!("{name}: not on this file system");
        return Ok(());
    }
    is_whole(&path)
}

/// A disk without contents: header, reference counts, L1 table.
fn disk() -> Vec<u8> {
    const CLUSTER: usize = 1 << 16;
    let mut file = vec![0; 4 * CLUSTER];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"QFI\xfb\0\0\0\x03");
    put(20, &16u32.to_be_bytes());
    put(24, &(1u64 << 20).to_be_bytes());
    put(36, &1u32.to_be_bytes());
    put(40, &(3 * CLUSTER as u64).to_be_bytes());
    put(48, &(CLUSTER as u64).to_be_bytes());
    put(56, &1u32.to_be_bytes());
    put(96, &4u32.to_be_bytes());
    put(100, &104u32.to_be_bytes());
    put(CLUSTER, &(2 * CLUSTER as u64).to_be_bytes());
    for cluster in 0..4 {
        put(2 * CLUSTER + 2 * cluster, &[0, 1]);
    }
    file
}

fn snapshot(binary: &Path, options: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("disk.qcow2");
    if options.is_empty() {
        fs::write(&path, disk())?;
    } else {
        let mut command = Command::new("qemu-img");
        command.args(["create", "-q", "-f", "qcow2", "-o", options]).arg(&path).arg("8M");
        match command.output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                eprintln!("{options}: {}", String::from_utf8_lossy(&output.stderr));
                return Ok(());
            }
            Err(_) => {
                eprintln!("no qemu-img here: not tried");
                return Ok(());
            }
        }
    }
    let drive = format!("file={},if=ide,format=qcow2", path.display());
    let lines = "stop\nsavevm before\nsavevm after\ninfo snapshots\nquit\n";
    let said = run(binary, folder.path(), &["-drive", &drive], lines);
    let name = path.to_str().expect("UTF-8");
    let output = crossload(&[name]);
    let listed = String::from_utf8_lossy(&output.stderr).into_owned();
    if !listed.contains("1 'before': ") || !listed.contains("2 'after': ") {
        return Err(format!("{listed}\n{said}").into());
    }
    let read = |snapshot| {
        let output = crossload(&[name, "--snapshot", snapshot]);
        match output.status.code() {
            Some(0) => Ok(text(&output)),
            _ => Err(Failed::from(text(&output))),
        }
    };
    let (before, after) = (read("before")?, read("after")?);
    if !before.starts_with("in: qcow2 disk, internal snapshot 1 'before'") || read("1")? != before {
        return Err(before.into());
    }
    if !after.contains("vmdescription") {
        return Err(after.into());
    }
    Ok(())
}

fn dump(binary: &Path, command: &str, says: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let said = run(binary, folder.path(), &[], &format!("stop\n{command} core\nquit\n"));
    let path = folder.path().join("core");
    if !path.exists() {
        return Err(said.into());
    }
    let output = crossload(&[path.to_str().expect("UTF-8")]);
    let reported = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(2) if reported.contains(says) => Ok(()),
        _ => Err(reported.into()),
    }
}

/// A machine that is driven by lines which come later.
fn start(binary: &Path, folder: &Path, more: &[&str]) -> std::io::Result<std::process::Child> {
    let rom = folder.join("halt.rom");
    fs::write(&rom, [0xf4; 65536])?;
    Command::new(binary)
        .args(["-M", "pc", "-accel", "tcg", "-m", "8", "-nodefaults", "-display", "none"])
        .args(["-vga", "none", "-monitor", "stdio", "-bios"])
        .arg(rom)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// Hands on what comes from one machine to another, and keeps it.
fn between(listener: &TcpListener, port: u16) -> std::io::Result<Vec<u8>> {
    let (mut from, _) = listener.accept()?;
    let mut to = std::net::TcpStream::connect(("127.0.0.1", port))?;
    let (mut back, mut home) = (to.try_clone()?, from.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut back, &mut home));
    let mut all = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match from.read(&mut piece)? {
            0 => break,
            n => {
                all.extend(&piece[..n]);
                to.write_all(&piece[..n])?;
            }
        }
    }
    to.shutdown(std::net::Shutdown::Write)?;
    Ok(all)
}

/// A migration that really goes over to postcopy: the guest is handed over in a package, pages
/// follow that, and no description does.
fn postcopy(binary: &Path) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (port, free) = (listener.local_addr()?.port(), TcpListener::bind("127.0.0.1:0")?);
    let other = free.local_addr()?.port();
    drop(free);
    let mut to = start(binary, folder.path(), &["-incoming", "defer"])?;
    let mut at_home = to.stdin.take().expect("stdin");
    let capability = "migrate_set_capability postcopy-ram on";
    writeln!(at_home, "{capability}\nmigrate_incoming tcp:127.0.0.1:{other}")?;
    let mut from = start(binary, folder.path(), &[])?;
    let mut lines = from.stdin.take().expect("stdin");
    // Slowly enough that pages are left when the guest is handed over.
    writeln!(lines, "{capability}\nmigrate_set_parameter max-bandwidth 16k")?;
    let recorder = std::thread::spawn(move || {
        // The destination listens once it has read its lines.
        std::thread::sleep(Duration::from_secs(2));
        between(&listener, other)
    });
    writeln!(lines, "migrate -d tcp:127.0.0.1:{port}")?;
    std::thread::sleep(Duration::from_secs(3));
    writeln!(lines, "migrate_start_postcopy\nmigrate_set_parameter max-bandwidth 100M")?;
    let recorded = recorder.join().expect("recorder");
    writeln!(lines, "quit")?;
    writeln!(at_home, "quit")?;
    drop((lines, at_home));
    let (said, reported) = (from.wait_with_output()?, to.wait_with_output()?);
    let bytes = recorded.map_err(|e| format!("{e}: {}{}", text(&said), text(&reported)))?;
    let path = folder.path().join("file");
    fs::write(&path, &bytes)?;
    let output = crossload(&[path.to_str().expect("UTF-8")]);
    let rows = text(&output);
    if output.status.code() != Some(0) || !rows.contains("(PostcopyAdvise)") {
        return Err(format!("{rows}{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    if !rows.contains("(PostcopyRun)") {
        eprintln!("postcopy: all pages had been sent before it began");
        return Ok(());
    }
    let contents = Stream::open(&path)?.read()?;
    match contents.refused {
        None if contents.stopped == bytes.len() as u64 => Ok(()),
        refused => Err(format!("{refused:?} at {}", contents.stopped).into()),
    }
}

/// Takes connections until nobody comes any more, and records each.
fn record(listener: TcpListener) -> Vec<Vec<u8>> {
    let (done, all) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { break };
            let done = done.clone();
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = connection.read_to_end(&mut bytes);
                let _ = done.send(bytes);
            });
        }
    });
    let mut channels = Vec::new();
    while let Ok(bytes) = all.recv_timeout(Duration::from_secs(20)) {
        channels.push(bytes);
        if channels.len() == 3 {
            break;
        }
    }
    channels
}

fn channels(binary: &Path, compression: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let recorded = std::thread::spawn(move || record(listener));
    let lines = format!(
        "stop\nmigrate_set_capability multifd on\nmigrate_set_parameter multifd-channels 2\n\
         migrate_set_parameter multifd-compression {compression}\nmigrate tcp:127.0.0.1:{port}\nquit\n"
    );
    let said = run(binary, folder.path(), &[], &lines);
    let recorded = recorded.join().expect("recorder");
    if unknown(&said) {
        eprintln!("multifd with {compression}: not in this release");
        return Ok(());
    }
    if recorded.len() != 3 {
        return Err(format!("{} channels; {said}", recorded.len()).into());
    }
    let mut pages = 0;
    for (number, bytes) in recorded.iter().enumerate() {
        let path = folder.path().join(format!("channel{number}"));
        fs::write(&path, bytes)?;
        if bytes.starts_with(b"QEVM") {
            is_whole(&path)?;
            continue;
        }
        let output = crossload(&["--channel", path.to_str().expect("UTF-8")]);
        let reported = text(&output);
        if output.status.code() != Some(0) || !reported.contains("SYNC") {
            return Err(format!("{reported}{}", String::from_utf8_lossy(&output.stderr)).into());
        }
        if compression != "none" && !reported.contains(&format!(", {compression}, unpacked ")) {
            return Err(reported.into());
        }
        // "N packets, N of them with SYNC: N pages in N bytes, unpacked N; N zero pages; ..."
        let last = reported.lines().last().unwrap_or_default();
        let words: Vec<&str> = last.split([' ', ';']).collect();
        let number = |before: &str| -> u64 {
            let at = words.iter().position(|word| *word == before);
            at.and_then(|at| words.get(at + 1)?.parse().ok()).unwrap_or(0)
        };
        let normal = number("SYNC:");
        if number("unpacked") != normal * 4096 {
            return Err(reported.into());
        }
        pages += normal;
    }
    if pages == 0 {
        return Err("no page in any channel".into());
    }
    Ok(())
}
