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

/// Whether a machine type is one of a target that begins big-endian: the default order of its virtio
/// devices (`virtio_default_endian`). Types of targets that are built in both orders are not among them.
#[must_use]
pub fn is_big_endian(machine: &str) -> bool {
    const FAMILIES: [&str; 10] = [
        "s390-ccw-virtio",
        "s390-virtio",
        "pseries",
        "powernv",
        "ppce500",
        "mac99",
        "g3beige",
        "40p",
        "sun4u",
        "hppa",
    ];
    FAMILIES.iter().any(|family| {
        let rest = machine.strip_prefix(family);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '8', '9', '1']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_begin_big_endian() {
        for machine in ["s390-ccw-virtio-7.2", "pseries-7.2", "pseries", "powernv9", "mac99"] {
            assert!(is_big_endian(machine), "{machine}");
        }
        for machine in ["pc-i440fx-7.2", "virt-7.2", "virt", "microvm", "", "pseriesx"] {
            assert!(!is_big_endian(machine), "{machine}");
        }
    }

    #[test]
    fn generation_is_the_number_at_the_end() {
        assert_eq!(Generation::of("pc-0.12"), Some(Generation::new(0, 12)));
        assert_eq!(Generation::of("pc-i440fx-10.0"), Some(Generation::new(10, 0)));
        assert_eq!(Generation::of("pc-q35-2.4"), Some(Generation::new(2, 4)));
        assert_eq!(Generation::of("isapc"), None);
        assert!(Generation::new(2, 9) < Generation::new(2, 10));
    }
}
