//! Why a real loader need not do what the model does: it refused by a check of something that no
//! stream tells or that the model does not keep, or it went on with memory that no stream filled.

use crate::wire::{Error, Kind};

/// What a binary refused for, by its text on standard error, and the check that says so.
const CHECKS: [(&str, &str); 3] = [
    (
        " unsupported. Allowed features: ",
        "virtio_set_features: the guest may only have features that the device has here",
    ),
    // Rings are in guest memory, wherever the guest put them.
    (
        " < last_avail_idx ",
        "virtio_load (2.6 on): the ring of used descriptors has another index than the device",
    ),
    (
        " Guest index ",
        "virtio_load (0.14 to 5.2): the ring of available descriptors has another index",
    ),
];
const CONFIG: &str = "get_pci_config_device: Bad config data";

/// Why the two differ, if it is for one of those reasons: what the binary `said` when it refused,
/// and what the model refused for.
#[must_use]
pub fn beyond(said: Option<&str>, model: Option<&Error>) -> Option<String> {
    let kind = model.map(|error| &error.kind);
    if let Some(Kind::Undefined(what)) = kind {
        return Some(format!("what the binary does is not defined: {what}"));
    }
    let said = said?;
    if let Some((_, check)) = CHECKS.iter().find(|(text, _)| said.contains(text)) {
        return Some((*check).to_string());
    }
    // What it compares with its own space is what its memory held before.
    let cut = matches!(kind, Some(Kind::EndOfInput { .. }));
    (cut && said.contains(CONFIG)).then(|| {
        "get_pci_config_device: compares the whole space before it looks whether it came".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_known_by_its_text_and_nothing_else_is() {
        let said = "q: Features 0x1010101 unsupported. Allowed features: 0x71000ed4\nq: failed";
        let check = beyond(Some(said), None).unwrap();
        assert!(check.starts_with("virtio_set_features"), "{check}");
        assert_eq!(beyond(Some("q: load of migration failed: Invalid argument"), None), None);
        assert_eq!(beyond(None, None), None);
        let rings = [
            ("q: VQ 0 size 0x8 < last_avail_idx 0xffff - used_idx 0x0", true),
            (
                "q: VQ 0 size 0x8 Guest index 0x1 inconsistent with Host index 0x9: delta 0xfff8",
                true,
            ),
            // This one needs no ring.
            ("q: VQ 0 address 0x0 inconsistent with Host index 0x9", false),
        ];
        for (said, expected) in rings {
            assert_eq!(beyond(Some(said), None).is_some(), expected, "{said}");
        }
    }

    #[test]
    fn a_space_that_is_cut_off_is_compared_and_one_that_is_whole_is_no_excuse() {
        let said = Some("q: get_pci_config_device: Bad config data: i=0x0 read: 29 device: 86");
        let cut = Kind::EndOfInput { missing: 256 }.at(63);
        assert!(beyond(said, Some(&cut)).unwrap().starts_with("get_pci_config_device"));
        assert_eq!(beyond(said, None), None);
        assert_eq!(beyond(said, Some(&Kind::BadMagic { found: 7 }.at(0))), None);
    }

    #[test]
    fn what_is_not_defined_is_explained_and_what_is_not_modelled_is_not() {
        let undefined = Kind::Undefined("past its array".into()).at(9);
        assert!(beyond(None, Some(&undefined)).unwrap().ends_with("past its array"));
        assert_eq!(beyond(None, Some(&Kind::Undetermined("codec x".into()).at(9))), None);
    }
}
