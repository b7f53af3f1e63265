//! Captures as a folder that `crossload import` takes: streams with their index, traces of
//! self-loads, `-dump-vmstate`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::QemuError;
use super::binary::Binary;
use super::capture::Captured;
use super::emulator::common_arguments;
use super::groups::Scratch;
use super::process::{Task, output};
use crate::dialect::Version;
use crate::dialect::machine::unqualified;
use crate::release::locked::LockedFolder;

/// The first release with `-dump-vmstate`.
const DUMPS: Version = Version::new(2, 2, 0);

/// Packing of streams and traces.
const LEVEL: i32 = 19;

/// Writes captures of one binary, which are of one release, and, where it dumps them, its
/// descriptions on each of their machine types: all of it or nothing. `limit` is for each of its
/// answers.
///
/// # Errors
/// When a file cannot be written, or the binary does not dump its descriptions.
pub fn write(
    folder: &Path,
    binary: &Binary,
    captured: &[Captured],
    limit: Duration,
) -> Result<(), QemuError> {
    let mut all = vec![("streams/index.json".into(), index(captured).to_string().into_bytes())];
    let mut machines: BTreeMap<&str, &str> = BTreeMap::new();
    for Captured { fixture, stream, own } in captured {
        all.push((Path::new("streams").join(fixture.stream_path()), packed(stream)?));
        let trace = Path::new("bundles").join(fixture.id()).join("load.trace.zst");
        all.push((trace, packed(own.trace.as_bytes())?));
        machines.insert(&fixture.machine, &fixture.release);
    }
    let dumps = binary.version >= DUMPS;
    for (machine, release) in machines.into_iter().filter(|_| dumps) {
        let path = format!("bundles/{release}/{machine}.dump-vmstate.json.zst");
        all.push((path.into(), packed(&dump(binary, machine, limit)?)?));
    }
    LockedFolder::lock(folder, "capture")?.change(&all)?;
    Ok(())
}

/// `streams/index.json`.
fn index(captured: &[Captured]) -> Value {
    let mut scenarios = BTreeMap::new();
    let mut streams = Vec::new();
    for Captured { fixture, .. } in captured {
        let about = json!({ "guest": fixture.guest, "arguments": fixture.arguments });
        scenarios.insert(&fixture.scenario, about);
        streams.push(json!({
            "release": fixture.release,
            "binary": fixture.binary,
            "machine": fixture.machine,
            "scenario": fixture.scenario,
            "file": format!("streams/{}", fixture.stream_path()),
            "size": fixture.size,
            "sha256": fixture.sha256,
        }));
    }
    // All are of one binary, and so of one architecture.
    let common = captured.first().map(|one| common_arguments(&one.fixture.machine));
    json!({ "scenarios": scenarios, "common_arguments": common.unwrap_or_default(), "streams": streams })
}

/// `-dump-vmstate` of a machine type.
///
/// # Errors
/// When the binary does not write it in time.
pub fn dump(binary: &Binary, machine: &str, limit: Duration) -> Result<Vec<u8>, QemuError> {
    let folder = Scratch::new().map_err(QemuError::files)?;
    let arguments =
        ["-M", unqualified(machine), "-nodefaults", "-nographic", "-dump-vmstate", "dump.json"];
    let arguments = arguments.map(str::to_owned).to_vec();
    output(Task { program: &binary.path, arguments, folder: folder.path(), stdin: None }, limit)?;
    std::fs::read(folder.path().join("dump.json")).map_err(QemuError::files)
}

fn packed(bytes: &[u8]) -> Result<Vec<u8>, QemuError> {
    zstd::encode_all(bytes, LEVEL).map_err(QemuError::files)
}
