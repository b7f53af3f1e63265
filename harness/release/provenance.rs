//! Provenance of a fixture: the TOML file beside each captured stream.

use serde::{Deserialize, Serialize};

use crate::dialect::machine::X86_64;

/// One captured stream: where it came from and what it must be. The bytes lie beside it, in
/// [`Fixture::stream_path`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// The release that wrote the stream, as in the corpus folder's name.
    pub release: String,
    /// Machine type, never an alias; `ARCHITECTURE/NAME` if it is not of x86_64.
    pub machine: String,
    /// Scenario: which devices, and what the guest did.
    pub scenario: String,
    /// The binary, in words: exact version and who built it.
    pub binary: String,
    /// The guest program, by name.
    pub guest: String,
    /// Command line that all scenarios share, in words where it depends on the scenario.
    pub common_arguments: Vec<String>,
    /// Command line of the scenario.
    pub arguments: Vec<String>,
    /// Length of the stream in bytes.
    pub size: u64,
    /// SHA-256 of the stream, lower-case hex.
    pub sha256: String,
    /// How the stream came to be.
    pub origin: Origin,
}

/// How a stream came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Saved by a real binary.
    Captured,
    /// Written or changed by a program.
    Generated,
}

impl Fixture {
    /// `<release>/<machine>.<scenario>`: the name of the fixture in messages, and its path in the
    /// corpus without an extension.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}.{}", self.release, self.machine, self.scenario)
    }

    /// Path of the stream in the corpus.
    #[must_use]
    pub fn stream_path(&self) -> String {
        format!("{}.stream.zst", self.id())
    }

    /// Path of the provenance in the corpus.
    #[must_use]
    pub fn provenance_path(&self) -> String {
        format!("{}.toml", self.id())
    }
}

/// Splits `<machine>.<scenario>`: machine types have dots in them, scenarios do not.
#[must_use]
pub fn machine_scenario(stem: &str) -> Option<(&str, &str)> {
    stem.rsplit_once('.').filter(|(m, s)| is_machine(m) && is_name(s))
}

/// Whether `name` may name a machine type, with its architecture or without.
#[must_use]
pub fn is_machine(name: &str) -> bool {
    match name.split_once('/') {
        None => is_name(name),
        // One that needs no architecture has one name only.
        Some((architecture, rest)) => {
            is_name(architecture) && is_name(rest) && architecture != X86_64
        }
    }
}

/// Whether `name` may name a release, architecture or scenario: it becomes part of a path.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenario_is_what_follows_the_last_dot() {
        assert_eq!(machine_scenario("pc-i440fx-2.4.virtio"), Some(("pc-i440fx-2.4", "virtio")));
        assert_eq!(machine_scenario("idle"), None);
        assert_eq!(machine_scenario("pc-1.0."), None);
        let arm = "aarch64/virt-7.2.idle";
        assert_eq!(machine_scenario(arm), Some(("aarch64/virt-7.2", "idle")));
        for bad in ["x86_64/pc-1.0.idle", "../virt.idle", "a/b/virt.idle", "/virt.idle"] {
            assert_eq!(machine_scenario(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for bad in ["", "..", "../x", "a/b", "a\\b", ".hidden"] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_name("11.1") && is_name("pc-q35-8.2") && is_name("4.2.0-rc1"));
    }
}
