//! The RAM blocks of a destination.

use std::collections::BTreeSet;

use super::composed::Composed;
use super::layouts::LayoutCache;
use super::machine::Machine;
use crate::release::library::LibraryError;

/// RAM blocks that the board of a machine type has in one release and not in another, as far as both
/// were captured on it.
pub(super) fn board_without(
    cache: &LayoutCache<'_>,
    source: &str,
    destination: &str,
    machine: &str,
) -> Result<BTreeSet<Vec<u8>>, LibraryError> {
    let (from, to) = (cache.scenarios(source, machine)?, cache.scenarios(destination, machine)?);
    Ok(match (&from.always, &to.always) {
        (Some(from), Some(_)) => from.difference(&to.ever).cloned().collect(),
        _ => BTreeSet::new(),
    })
}

/// RAM blocks of the destination: those of the stream, as it is started with the same configuration;
/// but a block that the release does not make for the board or for a device is not there.
pub(super) fn blocks(
    composed: &mut Composed,
    machine: &Machine,
    source: &Composed,
    gone: &BTreeSet<Vec<u8>>,
) -> Vec<(Vec<u8>, u64)> {
    let mut blocks = machine.blocks.clone();
    blocks.retain(|(name, _)| !gone.contains(name));
    for ((sent, from), to) in machine.sections.iter().zip(&source.chosen).zip(&composed.chosen) {
        let (Some((from, _)), Some((to, _))) = (&from.entry, &to.entry) else { continue };
        // Scenarios do not tell blocks by device.
        if from.device.is_empty() || from.device != to.device {
            continue;
        }
        let Some(path) = sent.path(sent.name()) else { continue };
        for gone in from.blocks.keys().filter(|name| !to.blocks.contains_key(*name)) {
            let name = format!("{path}/{gone}");
            blocks.retain(|(block, _)| block != name.as_bytes());
        }
    }
    // `pc.ram`, `mach-virt.ram`, `s390.ram` ...
    let is_memory = |name: &[u8]| name.ends_with(b".ram");
    let files: Vec<String> = blocks
        .iter()
        .filter(|(name, _)| {
            name.ends_with(b"rom") || name.ends_with(b".bios") || name.starts_with(b"pc.")
        })
        .filter(|(name, _)| !is_memory(name))
        .map(|(name, len)| format!("{} {len:#x}", String::from_utf8_lossy(name)))
        .collect();
    if !files.is_empty() {
        composed.assumptions.push(format!(
            "firmware and option ROM files of the same length as the source's: {}",
            files.join(", ")
        ));
    }
    let memory = blocks.iter().filter(|(name, _)| is_memory(name));
    composed.assumptions.extend(memory.map(|(_, len)| format!("memory of {len:#x} bytes")));
    blocks
}
