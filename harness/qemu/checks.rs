//! Checks by which a real loader refuses for something that no stream tells: features of the host.
//! The model cannot follow them; a refusal by one is explained.

/// A text on standard error, and the check that it comes from.
const CHECKS: [(&str, &str); 1] = [(
    " unsupported. Allowed features: ",
    "virtio_set_features: the guest may only have features that the device has here",
)];

/// The check behind a refusal, if it is one of those.
#[must_use]
pub fn beyond(stderr: &str) -> Option<&'static str> {
    CHECKS.iter().find(|(text, _)| stderr.contains(text)).map(|(_, check)| *check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_known_by_its_text_and_nothing_else_is() {
        let said = "q: Features 0x1010101 unsupported. Allowed features: 0x71000ed4\nq: failed";
        assert!(beyond(said).is_some_and(|check| check.starts_with("virtio_set_features")));
        assert_eq!(beyond("q: load of migration failed: Invalid argument"), None);
    }
}
