//! The rules for a stream whose release is not known: what any release writes is taken.

use super::ram::Flags;
use super::{Dialect, RamRules, Version};

/// The release that knows most kinds of records: 10.0 added a command, 11.0 dropped one.
const RICHEST: Version = Version::new(10, 2, 0);

impl Dialect {
    /// Rules that take what any release writes, for looking at a stream. Whether there are a
    /// configuration section, section footers and a description is a matter of the stream, and
    /// so it is of its reader here.
    #[must_use]
    pub fn any(configuration: bool, footers: bool, description: bool) -> Self {
        let richest = Dialect::of(RICHEST, "");
        Dialect {
            blocks_unmigratable: false,
            checks_idstr: false,
            configuration: richest.configuration.filter(|_| configuration),
            footers,
            description,
            capabilities: None,
            ram: RamRules {
                v3: true,
                v4: true,
                flags: Flags::Exact,
                xbzrle: true,
                hook: false,
                compress: true,
                asks_compress: false,
                multifd_flush: true,
                checks_offsets: true,
                resizes: true,
                zero_is_zero: false,
            },
            ..richest
        }
    }
}
