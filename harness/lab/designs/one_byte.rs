//! Design 2: subsections inside the section, recognised by one byte.
//!
//! As in 0.13, where a byte 05 after any description is a subsection, and in 0.14 and 0.15, where
//! it is one after a description that lists any.

use super::Promises;
use super::frame::{Layout, Subsections};

/// See the module documentation.
#[derive(Debug)]
pub struct OneByte {
    /// Only after descriptions that list subsections (0.14).
    pub listed: bool,
}

impl Layout for OneByte {
    fn subsections(&self) -> Subsections {
        Subsections::OneByte { listed: self.listed }
    }
}

impl Promises for OneByte {
    fn name(&self) -> &'static str {
        if self.listed { "2 one byte, listed (0.14)" } else { "2 one byte (0.13)" }
    }
}
