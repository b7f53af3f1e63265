//! The transport of a virtio device, by the path of its section: an address of PCI, a channel's
//! (`/fe.0.0001/`), or `virtio-mmio@` and an address.

use super::super::super::flow::Flow;
use super::super::super::progress::Walk;
use super::items::{described, from, scalar, within};
use super::tables;
use crate::dialect::Version;
use crate::dialect::machine::has_channels;
use crate::wire::Result;

/// A transport of virtio devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `virtio-...-pci`.
    Pci,
    /// `virtio-...-ccw`: s390x.
    Ccw,
    /// `virtio-...-device` on a board's virtio-mmio.
    Mmio,
}

/// The transport of the section that is walked.
pub fn of<'d, F: Flow<'d>>(walk: &Walk<'d, '_, F>) -> Transport {
    by_path(walk.flow.map().section(), walk.context.release, walk.context.machine)
}

/// The transport that the name of a section tells.
///
/// Up to virt-2.6 devices of virtio-mmio have no path (`virtio_mmio_bus_get_dev_path`, property
/// `format_transport_address`), and none up to s390-ccw-virtio-2.6 has one (`css_dev_path`). Those of PCI have one
/// since 0.13.
fn by_path(idstr: Option<&str>, release: Version, machine: &str) -> Transport {
    let Some(idstr) = idstr else { return Transport::Pci };
    let Some((path, _)) = idstr.rsplit_once('/') else {
        return match has_channels(machine) {
            true => Transport::Ccw,
            false if release < Version::new(0, 13, 0) => Transport::Pci,
            false => Transport::Mmio,
        };
    };
    let place = path.rsplit('/').next().unwrap_or(path);
    let is_channel = {
        let mut parts = place.split('.');
        let hex = |part: Option<&str>, most: usize| {
            part.is_some_and(|part| {
                (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit())
            })
        };
        hex(parts.next(), 2)
            && hex(parts.next(), 1)
            && hex(parts.next(), 4)
            && parts.next().is_none()
    };
    match place {
        _ if is_channel => Transport::Ccw,
        _ if place.starts_with("virtio-mmio@") => Transport::Mmio,
        _ => Transport::Pci,
    }
}

impl Transport {
    /// The description of what follows the device part.
    pub const fn parts(self) -> &'static str {
        match self {
            Transport::Pci => tables::VIRTIO,
            Transport::Ccw => tables::VIRTIO_CCW,
            Transport::Mmio => tables::VIRTIO_MMIO,
        }
    }

    /// Transfers what comes before the status (`load_config` of the bus).
    ///
    /// # Errors
    /// The reader's, a failed check, or [`Kind::Undetermined`](crate::wire::Kind::Undetermined) for a
    /// release whose form is not known.
    pub fn head<'d, F: Flow<'d>>(self, walk: &mut Walk<'d, '_, F>) -> Result<()> {
        match self {
            Transport::Pci => within(walk, "pci", None, |walk| described(walk, tables::PCI)),
            // Before, without a revision, and in part without the interrupt's class.
            Transport::Ccw if !from(walk, 2, 4) => Err(walk.unmodelled("virtio-ccw before 2.4")),
            Transport::Ccw => within(walk, "ccw", None, |walk| described(walk, tables::CCW)),
            Transport::Mmio => within(walk, "mmio", None, |walk| {
                for name in ["host_features_sel", "guest_features_sel", "guest_page_shift"] {
                    scalar(walk, name, 4)?;
                }
                Ok(())
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("0000:00:03.0/virtio-net", Transport::Pci)]
    #[case("0000:00:01.0:00.0/virtio-net", Transport::Pci)]
    #[case("pci@800000020000000:01.0/virtio-net", Transport::Pci)]
    #[case("/fe.0.0001/virtio-net", Transport::Ccw)]
    #[case("/fe.3.ffff/virtio-blk", Transport::Ccw)]
    #[case("virtio-mmio@000000000a003e00/virtio-blk", Transport::Mmio)]
    #[case("virtio-blk", Transport::Mmio)]
    fn a_path_tells_the_transport(#[case] idstr: &str, #[case] transport: Transport) {
        assert_eq!(by_path(Some(idstr), Version::new(7, 2, 0), "virt-2.6"), transport);
    }

    #[test]
    fn on_s390x_all_are_on_channels() {
        let of = |machine| by_path(Some("virtio-blk"), Version::new(7, 2, 0), machine);
        assert_eq!(of("s390-ccw-virtio-2.4"), Transport::Ccw);
        assert_eq!(of("s390x/s390-ccw-virtio-2.4"), Transport::Ccw);
        assert_eq!(of("aarch64/virt-2.6"), Transport::Mmio);
    }

    #[test]
    fn in_0_12_nothing_has_a_path() {
        assert_eq!(by_path(Some("virtio-blk"), Version::new(0, 12, 5), "pc"), Transport::Pci);
        assert_eq!(by_path(None, Version::new(7, 2, 0), "pc"), Transport::Pci);
    }
}
