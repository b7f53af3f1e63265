//! "Did you mean ...?": the closest known name to one that is not known.

/// How much of two names must be alike.
const ALIKE: f64 = 0.8;

/// The closest of some names, if one is close enough.
#[must_use]
pub fn closest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Nobody mistypes a longer one.
    let weighed = known.into_iter().filter(|other| name.len().max(other.len()) <= 100);
    let scored = weighed.map(|other| (strsim::jaro_winkler(name, other), other));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(score, _)| *score >= ALIKE).map(|(_, other)| other)
}

/// The same as part of a message: ` (did you mean 'pc-q35-7.2'?)`, or nothing.
#[must_use]
pub fn hint<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    closest(name, known).map_or_else(String::new, |meant| format!(" (did you mean '{meant}'?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("pc-i440fx-7.3", Some("pc-i440fx-7.2"))]
    #[case("pc-q36-7.2", Some("pc-q35-7.2"))]
    #[case("virtoi", Some("virtio"))]
    #[case("10.O", Some("10.0"))]
    #[case("7.3", Some("7.2"))]
    #[case("8.2", Some("8.2.0"))]
    #[case("6.1", None)]
    #[case("9.9", None)]
    #[case("", None)]
    fn names_that_were_meant(#[case] name: &str, #[case] meant: Option<&str>) {
        let known =
            ["pc-i440fx-7.2", "pc-q35-7.2", "virtio", "virtqueue", "5.2", "7.2", "8.2.0", "10.0"];
        assert_eq!(closest(name, known), meant);
    }
}
