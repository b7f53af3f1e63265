//! On which of a board's virtio-mmio transports a device is: its address is in the names of the device's
//! sections. A device for which no bus is named gets the last one that is free.

use std::collections::BTreeSet;

use super::machine::Machine;
use crate::dialect::Version;
use crate::release::catalogue::chipset;

/// What the path of a device on a transport begins with (`virtio_mmio_bus_get_dev_path`).
const PREFIX: &str = "virtio-mmio@";

/// The virtio-mmio transports of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transports {
    /// Address of the first.
    pub base: u64,
    /// Distance between two.
    pub step: u64,
    /// How many there are.
    pub count: u64,
}

impl Transports {
    /// Those that microvm has in every release: `microvm_devices_init` in hw/i386/microvm.c. Since it has a
    /// second interrupt controller (6.0) there are 24. What has no versions promises nothing.
    pub const MICROVM: Transports = Transports { base: 0xfeb0_0000, step: 0x200, count: 8 };

    /// Those of a machine type in a release; nothing, where all releases have the same number.
    #[must_use]
    pub fn of(machine: &str, release: Version) -> Option<Self> {
        let count = if release < Version::new(6, 0, 0) { Self::MICROVM.count } else { 24 };
        (chipset(machine) == "microvm").then_some(Transports { count, ..Self::MICROVM })
    }

    fn place(self, address: u64) -> Option<u64> {
        let place = address.checked_sub(self.base)? / self.step;
        (place < self.count).then_some(place)
    }

    /// Whether the devices of a machine are on the last transports, one behind the other, as they are
    /// where no bus was named.
    fn are_from_the_end(self, machine: &Machine) -> bool {
        let paths = machine.sections.iter().filter_map(|sent| address(&sent.idstr));
        let used: Option<BTreeSet<u64>> = paths.map(|at| self.place(at)).collect();
        used.is_some_and(|used| (0..self.count).rev().zip(used.iter().rev()).all(|(a, b)| a == *b))
    }
}

/// The address of the transport that a name begins with.
fn address(idstr: &str) -> Option<u64> {
    let (address, _) = idstr.strip_prefix(PREFIX)?.split_once('/')?;
    u64::from_str_radix(address, 16).ok()
}

/// The name of a section on a transport, as a release that has another number of them calls it;
/// nothing, where it is the same.
#[must_use]
pub fn moved(
    machine: &Machine,
    idstr: &str,
    from: Option<Transports>,
    to: Option<Transports>,
) -> Option<String> {
    let ((from, to), at) = (from.zip(to)?, address(idstr)?);
    if from == to || !from.are_from_the_end(machine) {
        return None;
    }
    let (_, rest) = idstr.split_once('/')?;
    let behind = from.count - from.place(at)?;
    // More devices than it has transports: one that is nowhere.
    let place = to.count.checked_sub(behind)?;
    Some(format!("{PREFIX}{:016x}/{rest}", to.base + place * to.step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::compose::machine::SentSection;

    fn machine(addresses: &[&str]) -> Machine {
        let sent = |at: &&str| SentSection {
            idstr: format!("{PREFIX}{at}/virtio-net"),
            ..SentSection::default()
        };
        Machine { sections: addresses.iter().map(sent).collect(), ..Machine::default() }
    }

    #[rstest::rstest]
    #[case(&["00000000feb00e00"], "5.2", "7.2", Some("virtio-mmio@00000000feb02e00/virtio-net"))]
    #[case(&["00000000feb00e00", "00000000feb00c00"], "5.2", "11.1", Some("virtio-mmio@00000000feb02e00/virtio-net"))]
    #[case(&["00000000feb02e00"], "7.2", "5.2", Some("virtio-mmio@00000000feb00e00/virtio-net"))]
    #[case(&["00000000feb02e00"], "7.2", "10.0", None)]
    // On a bus that was named.
    #[case(&["00000000feb00000"], "5.2", "7.2", None)]
    #[case(&["00000000feb00e00", "00000000feb00000"], "5.2", "7.2", None)]
    fn where_no_bus_is_named_a_device_is_on_the_last_transport(
        #[case] addresses: &[&str],
        #[case] from: &str,
        #[case] to: &str,
        #[case] expected: Option<&str>,
    ) {
        let machine = machine(addresses);
        let of = |release: &str| Transports::of("microvm", release.parse().unwrap());
        let first = &machine.sections[0].idstr;
        assert_eq!(moved(&machine, first, of(from), of(to)).as_deref(), expected);
        assert_eq!(moved(&machine, "0000:00:02.0/virtio-net", of(from), of(to)), None);
        let virt = |release: &str| Transports::of("aarch64/virt-7.2", release.parse().unwrap());
        assert_eq!(moved(&machine, first, virt(from), virt(to)), None);
    }
}
