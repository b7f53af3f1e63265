//! What the integration tests share: the repository's corpus, opened once; where snapshots lie.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod snapshots;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crossload::release::corpus::Corpus;
use crossload::release::library::Library;
use crossload::release::provenance::Fixture;
use crossload::stream::Destination;

/// The command with so many MiB of address space beyond the program's own file, which it maps, and files
/// of at most 4 MiB (8192 blocks of 512 bytes).
#[cfg(target_os = "linux")]
pub fn confined(mib: u64, arguments: &[&str]) -> std::process::Command {
    let program = env!("CARGO_BIN_EXE_crossload");
    let own = std::fs::metadata(program).expect("the program").len();
    let limit = own / 1024 + mib * 1024;
    let mut command = std::process::Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -v {limit} && ulimit -f 8192 && exec \"$0\" \"$@\""),
        program,
    ]);
    command.args(arguments).stdout(std::process::Stdio::piped());
    command
}

/// The folder `corpus` of the repository.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The corpus of the repository with its tables.
pub fn library() -> &'static Library {
    static LIBRARY: LazyLock<Library> =
        LazyLock::new(|| Library::open(Corpus::open(&folder()).expect("corpus")).expect("library"));
    &LIBRARY
}

/// The fixture whose stream lies at `path`.
pub fn fixture(path: &Path) -> &'static Fixture {
    let found = library().fixtures().iter().find(|f| path.ends_with(f.stream_path()));
    found.unwrap_or_else(|| panic!("{}: no provenance", path.display()))
}

/// The bytes of a fixture.
pub fn stream(fixture: &Fixture) -> Vec<u8> {
    library().corpus().stream(fixture).expect("stream")
}

/// A fixture's own release as its destination.
pub fn own(fixture: &Fixture) -> Destination {
    into(fixture, &fixture.release).unwrap_or_else(|| panic!("{}: no tables", fixture.id()))
}

/// The destination of a release that has a fixture's machine type and scenario.
pub fn into(fixture: &Fixture, release: &str) -> Option<Destination> {
    let built = library().destination(release, &fixture.machine, &fixture.scenario);
    built.expect("destination")
}
