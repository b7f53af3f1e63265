//! Machine types: architecture, name, and the generation that is part of a versioned type's name.
//!
//! A machine type is called `ARCHITECTURE/NAME`, as `aarch64/virt-7.2`, in the corpus, in
//! `matrix.toml` and in every message. Where no architecture is said it is [`X86_64`]. A stream has
//! the name alone, and so has the command line of a binary.

use super::Version;

/// The architecture of a machine type for which none is said, as `query-target` calls it.
pub const X86_64: &str = "x86_64";

/// The architecture of a machine type.
#[must_use]
pub fn architecture(machine: &str) -> &str {
    machine.split_once('/').map_or(X86_64, |(architecture, _)| architecture)
}

/// The name of a machine type as its binary calls it, and as streams have it.
#[must_use]
pub fn unqualified(machine: &str) -> &str {
    machine.split_once('/').map_or(machine, |(_, name)| name)
}

/// The machine type `name` of an architecture.
#[must_use]
pub fn of_architecture(architecture: &str, name: &str) -> String {
    match architecture {
        X86_64 => name.to_owned(),
        other => format!("{other}/{name}"),
    }
}

/// Whether the virtio devices of a machine type are behind a channel subsystem, with or without the
/// architecture before its name.
#[must_use]
pub fn has_channels(machine: &str) -> bool {
    unqualified(machine).starts_with("s390-ccw-virtio")
}

/// How many bits of an address are within a page of memory: 12, but 10 up to virt-2.7 of ARM, whose
/// processors may have smaller pages (`minimum_page_bits`, which `virt` sets since 2.8).
#[must_use]
pub fn page_bits(machine: &str) -> u32 {
    let old = Generation::of(machine).is_some_and(|own| own < Generation::new(2, 8));
    if old && is_numbered_virt(machine) { 10 } else { 12 }
}

/// Page bits that are taken to be sent where none are: the fewest that the target may have
/// (`qemu_target_page_bits_min`). ARM alone has processors with smaller pages, and it alone has a `virt`
/// with a number, which tells it where no architecture is said.
#[must_use]
pub fn fewest_page_bits(machine: &str) -> u32 {
    let arm = matches!(architecture(machine), "aarch64" | "arm") || is_numbered_virt(machine);
    if arm { 10 } else { 12 }
}

fn is_numbered_virt(machine: &str) -> bool {
    unqualified(machine).starts_with("virt-")
}

/// A machine type as somebody wrote it, with or without the architecture that needs none.
#[must_use]
pub fn canonical(written: &str) -> String {
    of_architecture(architecture(written), unqualified(written))
}

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
    fn an_architecture_is_said_before_the_name() {
        assert_eq!((architecture("pc-1.0"), unqualified("pc-1.0")), (X86_64, "pc-1.0"));
        let arm = of_architecture("aarch64", "virt-7.2");
        assert_eq!((architecture(&arm), unqualified(&arm)), ("aarch64", "virt-7.2"));
        assert_eq!(Generation::of(&arm), Some(Generation::new(7, 2)));
        assert_eq!(Generation::of("riscv64/virt"), None);
        assert_eq!(canonical("x86_64/pc-1.0"), "pc-1.0");
        assert_eq!(canonical(&arm), arm);
    }

    #[test]
    fn old_boards_of_arm_have_small_pages() {
        let bits = |machine| page_bits(machine);
        assert_eq!((bits("aarch64/virt-2.7"), bits("virt-2.6")), (10, 10));
        assert_eq!((bits("aarch64/virt-2.8"), bits("aarch64/virt-10.0")), (12, 12));
        assert_eq!((bits("riscv64/virt"), bits("pc-i440fx-2.6")), (12, 12));
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
