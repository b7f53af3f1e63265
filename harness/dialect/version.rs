//! Release numbers: parsed, ordered, compared; the only place that knows how one is written.

use std::fmt;
use std::str::FromStr;

/// A QEMU release number. `5.2` is 5.2.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u32,
    minor: u32,
    micro: u32,
}

impl Version {
    /// A release number from its parts.
    #[must_use]
    pub const fn new(major: u32, minor: u32, micro: u32) -> Self {
        Version { major, minor, micro }
    }

    /// Whether this is a stable release of `major.minor` from `micro` on: what a back-port needs.
    #[must_use]
    pub fn is_stable_from(self, major: u32, minor: u32, micro: u32) -> bool {
        self.major == major && self.minor == minor && self.micro >= micro
    }
}

impl FromStr for Version {
    type Err = String;

    /// Reads `MAJOR.MINOR[.MICRO]`; anything after a following `-`, `+` or `~` (a distribution's
    /// suffix) is ignored.
    fn from_str(s: &str) -> Result<Self, String> {
        let bad =
            || format!("'{s}' is not a release number: expected MAJOR.MINOR or MAJOR.MINOR.MICRO");
        let plain = s.split(['-', '+', '~']).next().unwrap_or(s);
        let parts: Vec<u32> =
            plain.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
        match parts.as_slice() {
            [major, minor] => Ok(Version::new(*major, *minor, 0)),
            [major, minor, micro] => Ok(Version::new(*major, *minor, *micro)),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_as_released() {
        let names =
            ["0.12.5", "0.13.0", "0.15.1", "1.0", "1.7.2", "2.0.0", "2.10", "7.2.22", "11.1"];
        let versions: Vec<Version> = names.iter().map(|n| n.parse().expect(n)).collect();
        assert!(versions.is_sorted());
        assert_eq!("7.2.9+ds-1".parse(), Ok(Version::new(7, 2, 9)));
        for name in ["", "7", "a.b", "1.2.3.4", "1..2"] {
            assert!(name.parse::<Version>().is_err(), "{name} must be refused");
        }
    }
}
