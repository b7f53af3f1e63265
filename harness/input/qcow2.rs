//! The VM state of an internal snapshot of a qcow2 disk (`savevm`, `virsh snapshot-create` without
//! external files), by QEMU's docs/interop/qcow2.
//!
//! The state lies behind the disk's own contents, in the same address space: its first byte is at
//! the disk's size, rounded up to what one L1 entry maps. A snapshot has an L1 table of its own.
//!
//! | file | holds |
//! | --- | --- |
//! | [`header`] | the header, and the table of snapshots |
//! | [`clusters`] | from a place in the state to bytes of the file: L1, L2, packed clusters |

pub mod clusters;
pub mod header;

use std::sync::Arc;

use super::error::InputError;
pub use super::snapshot::Snapshot;
use super::source::Window;
use clusters::VmState;
pub use header::Header;

/// The VM state of the snapshot that is `asked` for by name or number, or of the only one that
/// has any.
///
/// # Errors
/// When the disk cannot be read, or has no such snapshot, or several that may be meant.
pub fn open(
    name: &str,
    disk: &Window,
    asked: Option<&str>,
) -> Result<(Window, Snapshot), InputError> {
    let wrong = |why: String| InputError::Qcow2 { name: name.to_string(), why };
    let header = Header::read(disk).map_err(wrong)?;
    let snapshots = header.snapshots(disk).map_err(wrong)?;
    let snapshot = choose(name, &snapshots, asked)?;
    let state = VmState::new(disk.clone(), &header, &snapshot).map_err(wrong)?;
    Ok((Window::new(Arc::new(state), snapshot.vm_state_size), snapshot))
}

fn choose(name: &str, snapshots: &[Snapshot], asked: Option<&str>) -> Result<Snapshot, InputError> {
    let list = || {
        let lines = snapshots.iter().map(|s| format!("  {s}"));
        lines.collect::<Vec<String>>().join("\n")
    };
    let unclear = |why: String| InputError::Snapshot { name: name.to_string(), why, list: list() };
    let with_state = |s: &&Snapshot| s.vm_state_size > 0;
    let found: Vec<&Snapshot> = match asked {
        None => snapshots.iter().filter(with_state).collect(),
        Some(asked) => {
            let named: Vec<_> = snapshots.iter().filter(|s| s.name == asked).collect();
            let numbered = || snapshots.iter().filter(|s| s.id == asked).collect();
            if named.is_empty() { numbered() } else { named }
        }
    };
    match (found.as_slice(), asked) {
        ([one], _) if one.vm_state_size > 0 => Ok((*one).clone()),
        ([one], _) => Err(unclear(format!("snapshot {one} is of the disk only, without VM state"))),
        ([], Some(asked)) => Err(unclear(format!("no snapshot '{asked}'"))),
        ([], None) if snapshots.is_empty() => Err(InputError::Other {
            name: name.to_string(),
            what: "a qcow2 disk without an internal snapshot".to_string(),
            instead: "`savevm` writes one; a stream of its own comes from `virsh save` or `migrate`",
        }),
        ([], None) => Err(InputError::Other {
            name: name.to_string(),
            what: format!("a qcow2 disk whose {} snapshots are of the disk only", snapshots.len()),
            instead: "`savevm` writes one with the machine's state",
        }),
        (several, _) => Err(unclear(format!("{} snapshots may be meant", several.len()))),
    }
}
