//! The byte order of a target: which targets begin big-endian.

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
    // Without an architecture before it.
    let machine = machine.rsplit('/').next().unwrap_or(machine);
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
        for machine in
            ["s390-ccw-virtio-7.2", "pseries-7.2", "pseries", "s390x/s390-ccw-virtio-7.2", "mac99"]
        {
            assert!(is_big_endian(machine), "{machine}");
        }
        for machine in ["pc-i440fx-7.2", "virt-7.2", "virt", "microvm", "", "pseriesx"] {
            assert!(!is_big_endian(machine), "{machine}");
        }
    }
}
