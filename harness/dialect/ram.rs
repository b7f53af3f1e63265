//! Rules of the `ram` section by release (wire reference 6.1, codecs 3.10).

use super::Version;

/// Record of a page that is all one byte (`COMPRESS`, later `ZERO`).
pub const ZERO: u64 = 0x002;
/// Block list (v4) or total size (v3).
pub const MEM_SIZE: u64 = 0x004;
/// A page's bytes.
pub const PAGE: u64 = 0x008;
/// End of this section's records.
pub const EOS: u64 = 0x010;
/// Same block as the record before.
pub const CONTINUE: u64 = 0x020;
/// A page as a difference.
pub const XBZRLE: u64 = 0x040;
/// RDMA.
pub const HOOK: u64 = 0x080;
/// A zlib-compressed page.
pub const COMPRESS_PAGE: u64 = 0x100;
/// Multifd flush mark.
pub const MULTIFD_FLUSH: u64 = 0x200;

/// How the flags of a record are distinguished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flags {
    /// 0.12 to 2.0: MEM_SIZE first, then the first of ZERO, PAGE, XBZRLE; others are ignored.
    OneByOne,
    /// 1.7.2, 2.0.2, 2.1: as before, but exclusive, and what remains unknown is refused.
    Exclusive,
    /// 2.2 on: the exact combination, apart from CONTINUE.
    Exact,
}

/// The rules of one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RamRules {
    /// Section version 3 (0.12) is taken: no names, total instead of a list. Up to 1.0.
    pub v3: bool,
    /// Section version 4 is taken. From 0.13 on.
    pub v4: bool,
    /// How flags are distinguished.
    pub flags: Flags,
    /// 1.2 on.
    pub xbzrle: bool,
    /// 1.6 on.
    pub hook: bool,
    /// 2.4 to 9.0.
    pub compress: bool,
    /// 2.10 on: a compressed page is refused where the capability is off.
    pub asks_compress: bool,
    /// 8.1 on.
    pub multifd_flush: bool,
    /// 2.1 on: an address beyond its block is refused.
    pub checks_offsets: bool,
    /// 2.3 on: blocks of another length are resized where they can be (`/rom@...`, which the
    /// firmware loader makes resizable).
    pub resizes: bool,
    /// 8.2 on: a ZERO record with another byte than 0 is refused.
    pub zero_is_zero: bool,
}

impl RamRules {
    /// The rules of a release.
    #[must_use]
    pub fn of(version: Version) -> Self {
        let from = |major, minor| version >= Version::new(major, minor, 0);
        let stable = version.is_stable_from(1, 7, 2) || version.is_stable_from(2, 0, 2);
        RamRules {
            v3: !from(1, 1),
            v4: from(0, 13),
            flags: match () {
                () if from(2, 2) => Flags::Exact,
                () if from(2, 1) || stable => Flags::Exclusive,
                () => Flags::OneByOne,
            },
            xbzrle: from(1, 2),
            hook: from(1, 6),
            compress: from(2, 4) && !from(9, 1),
            asks_compress: from(2, 10),
            multifd_flush: from(8, 1),
            checks_offsets: from(2, 1) || stable,
            resizes: from(2, 3),
            zero_is_zero: from(8, 2),
        }
    }
}
