//! Design 3: subsections inside the section, recognised by a look at length and name.
//!
//! 1.0 to today: byte 05, a length that leaves room for more than the owner's name, and a name
//! that begins with it. With a single refill (1.0 to 2.0) a look-ahead that meets the end of what
//! has arrived gives up; with full refills (2.1) it waits.

use super::Promises;
use super::frame::{Layout, Subsections};

/// See the module documentation.
#[derive(Debug)]
pub struct Prefix {
    /// Whether a look-ahead waits for as many bytes as it needs (2.1).
    pub full: bool,
}

impl Layout for Prefix {
    fn subsections(&self) -> Subsections {
        Subsections::Prefix { full: self.full }
    }
}

impl Promises for Prefix {
    fn name(&self) -> &'static str {
        if self.full { "3 prefix (2.1)" } else { "3 prefix, one refill (1.0)" }
    }
}
