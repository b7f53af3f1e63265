//! Option ROMs that binaries ask for by name: those of a downstream's machine types have names of their
//! own (`compat-256k-efi-virtio.rom`), which only the error message says. A name that a binary missed once
//! is provided from then on.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static LEARNT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Most names that are learnt: a binary that asks for ever more is not meant to start.
const MOST: usize = 256;

/// Learns the name that a binary complained about; false if it did not, or complained before.
pub(super) fn learn(said: &str) -> bool {
    let Some(name) = missing(said) else { return false };
    let mut learnt = LEARNT.lock().unwrap_or_else(PoisonError::into_inner);
    learnt.len() < MOST && learnt.insert(name.to_owned())
}

/// Every name that was learnt.
pub(super) fn learnt() -> Vec<String> {
    let learnt = LEARNT.lock().unwrap_or_else(PoisonError::into_inner);
    learnt.iter().cloned().collect()
}

/// The name in `failed to find romfile "NAME"`; none that would lead out of the folder of ROMs.
fn missing(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("failed to find romfile \"")?;
    let (name, _) = rest.split_once('"')?;
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
    plain.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_learnt_once() {
        let said = "qemu: -device x: failed to find romfile \"of-no-device.rom\"\n";
        assert!(learn(said) && !learn(said));
        assert!(learnt().contains(&"of-no-device.rom".to_owned()));
    }

    #[rstest::rstest]
    #[case("failed to find romfile \"a.rom\"", Some("a.rom"))]
    #[case("failed to find romfile \"../a.rom\"", None)]
    #[case("failed to find romfile \"..\"", None)]
    #[case("failed to find romfile \"\"", None)]
    #[case("failed to find romfile \"a", None)]
    #[case("not a valid device", None)]
    fn only_a_plain_name_is_taken(#[case] said: &str, #[case] name: Option<&str>) {
        assert_eq!(missing(said), name);
    }
}
