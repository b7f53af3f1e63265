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

/// First byte of the extended capabilities.
const EXTENDED: usize = 0x100;

/// The extended capabilities, which conventional spaces do not have: id and offset of each, in list order.
pub fn extended_capabilities(space: &[u8]) -> impl Iterator<Item = (u16, usize)> + '_ {
    let word = |at: usize| u16::from_le_bytes([byte(space, at), byte(space, at + 1)]);
    // So many have room in a space; a list with a loop ends.
    let (mut next, mut left) = (EXTENDED, 64);
    std::iter::from_fn(move || {
        let here = next;
        if here < EXTENDED || left == 0 || word(here) == 0 {
            return None;
        }
        left -= 1;
        next = usize::from(word(here + 2) >> 4);
        Some((word(here), here))
    })
}

/// Number of MSI-X vectors of a device, 0 without the capability.
#[must_use]
pub fn msix_vectors(space: &[u8]) -> u64 {
    capabilities(space).find(|at| byte(space, *at) == 0x11).map_or(0, |at| {
        u64::from(byte(space, at + 2)) + 1 + (u64::from(byte(space, at + 3) & 0x07) << 8)
    })
}
