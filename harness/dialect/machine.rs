//! Machine types: the generation that is part of a versioned type's name.

use super::Version;

/// The release whose behaviour a versioned machine type keeps: `pc-i440fx-2.4` is 2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation {
    major: u32,
    minor: u32,
}

impl Generation {
    /// A generation from its parts.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Generation { major, minor }
    }

    /// Whether a release of this version is older than the machine type.
    #[must_use]
    pub fn newer_than(self, version: Version) -> bool {
        version < Version::new(self.major, self.minor, 0)
    }

    /// The generation of a machine type, or `None` for one without (`isapc`, `none`, `microvm`):
    /// those run no compat code, so they have what the release itself has.
    #[must_use]
    pub fn of(machine: &str) -> Option<Self> {
        let (_, number) = machine.rsplit_once('-')?;
        let (major, minor) = number.split_once('.')?;
        Some(Generation { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_is_the_number_at_the_end() {
        assert_eq!(Generation::of("pc-0.12"), Some(Generation::new(0, 12)));
        assert_eq!(Generation::of("pc-i440fx-10.0"), Some(Generation::new(10, 0)));
        assert_eq!(Generation::of("pc-q35-2.4"), Some(Generation::new(2, 4)));
        assert_eq!(Generation::of("isapc"), None);
        assert!(Generation::new(2, 9) < Generation::new(2, 10));
    }
}
