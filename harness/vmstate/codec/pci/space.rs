//! Bytes of a configuration space, its list of capabilities, and the bits of it that are compared.

/// Size of PCI Express configuration space; a conventional one has 256 bytes.
pub(super) const EXPRESS: usize = 4096;

/// The status register, and its bit that says whether there are capabilities.
pub(super) const STATUS: usize = 0x06;
pub(super) const STATUS_CAPABILITIES: u8 = 0x10;
/// Where the offset of the first capability is.
pub(super) const CAPABILITY_POINTER: usize = 0x34;

/// The byte at an offset; 0 behind the end.
pub(super) fn byte(space: &[u8], at: usize) -> u8 {
    space.get(at).copied().unwrap_or(0)
}

/// Which bits of each byte are compared (`cmask & ~wmask & ~w1cmask`).
pub(super) type Mask = [u8; EXPRESS];

/// Has these bits of a byte compared.
pub(super) fn set(mask: &mut Mask, at: usize, bits: u8) {
    if let Some(place) = mask.get_mut(at) {
        *place |= bits;
    }
}

/// Offsets of the capabilities in a configuration space, in list order.
pub fn capabilities(space: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut next = usize::from(byte(space, CAPABILITY_POINTER) & 0xfc);
    let mut left = 48;
    std::iter::from_fn(move || {
        if next < 0x40 || left == 0 || byte(space, STATUS) & STATUS_CAPABILITIES == 0 {
            return None;
        }
        left -= 1;
        let here = next;
        next = usize::from(byte(space, here + 1) & 0xfc);
        Some(here)
    })
}

/// Number of MSI-X vectors of a device, 0 without the capability.
#[must_use]
pub fn msix_vectors(space: &[u8]) -> u64 {
    capabilities(space).find(|at| byte(space, *at) == 0x11).map_or(0, |at| {
        u64::from(byte(space, at + 2)) + 1 + (u64::from(byte(space, at + 3) & 0x07) << 8)
    })
}
