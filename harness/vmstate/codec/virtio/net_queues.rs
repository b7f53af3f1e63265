//! How many queues virtio-net makes when it loads a stream: some releases make those of the stream first.

use crate::dialect::Version;
use crate::wire::Kind;

/// Entries of the control queue.
const CONTROL: u64 = 64;

/// What comes of a stream without queues.
///
/// # Errors
/// [`Kind::Undefined`] where queues are fitted first: it deletes the first pair twice. Of that 7.2.22
/// and 10.0.13 mostly die; some streams make 7.2.22 hang.
pub fn without_queues(release: Version) -> std::result::Result<(), Kind> {
    match fits_queues_first(release) {
        true => Err(Kind::Undefined("no queues: the first pair is deleted twice".into())),
        false => Ok(()),
    }
}

/// How many entries were allocated for a queue, where that is not what was made: the queues of a
/// stream with less than a pair and the control queue leave the latter alone, as the first.
#[must_use]
pub fn allocated(release: Version, index: u64, received: u64) -> Option<u64> {
    (received < 3 && fits_queues_first(release)).then_some(if index == 0 { CONTROL } else { 0 })
}

/// Whether as many queues as the stream has are made before they are loaded (10.1 on, and stable
/// releases with its correction of "Add queues before loading them").
#[must_use]
pub fn fits_queues_first(release: Version) -> bool {
    release >= Version::new(10, 0, 3) || release.is_stable_from(7, 2, 20)
}
