//! Address translation services of virtio devices (`ats=on`): the configuration space says whether requests
//! are aligned to pages. 5.2 says so on every machine type, later releases on those that do not have
//! `x-ats-page-aligned=off` of `hw_compat_5_1`. What the source sent says it for the source.

use crate::dialect::{Generation, Version};
use crate::vmstate::codec::pci::{CONVENTIONAL, TRANSLATION, extended_capabilities};

/// Where the capability says it, and the bit.
const ALIGNED: (usize, u8) = (4, 0x20);
/// Machine types from which on it is said, in releases that go by it.
const FROM: Generation = Generation::new(5, 2);

/// Sets it in an extended configuration space as a release has it on a machine type.
pub(super) fn set_alignment(extended: &mut [u8], release: Version, machine: &str) {
    if release < Version::new(5, 2, 0) {
        return;
    }
    let by_machine = release >= Version::new(6, 0, 0);
    let is_aligned = !by_machine || Generation::of(machine).is_none_or(|own| own >= FROM);
    let space = [&[0; CONVENTIONAL], &*extended].concat();
    let Some((_, at)) = extended_capabilities(&space).find(|(id, _)| *id == TRANSLATION) else {
        return;
    };
    if let Some(byte) = extended.get_mut(at + ALIGNED.0 - CONVENTIONAL) {
        *byte = if is_aligned { *byte | ALIGNED.1 } else { *byte & !ALIGNED.1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("5.2.0", "pc-q35-2.7", true)]
    #[case("7.2.22", "pc-q35-2.7", false)]
    #[case("7.2.22", "pc-q35-5.1", false)]
    #[case("7.2.22", "pc-q35-5.2", true)]
    #[case("11.1.3", "microvm", true)]
    fn whether_requests_are_aligned(
        #[case] release: &str,
        #[case] machine: &str,
        #[case] expected: bool,
    ) {
        for before in [0, 0x20] {
            let mut space = vec![0; 0xf00];
            space[..5].copy_from_slice(&[0x0f, 0, 1, 0, before]);
            set_alignment(&mut space, release.parse().unwrap(), machine);
            assert_eq!(space[4], if expected { 0x20 } else { 0 });
        }
        // Another capability.
        let mut space = vec![0; 0xf00];
        space[0] = 0x03;
        set_alignment(&mut space, release.parse().unwrap(), machine);
        assert_eq!(space[4], 0);
    }
}
