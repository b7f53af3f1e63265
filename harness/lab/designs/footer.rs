//! Design 8: a footer after each section, as shipped in 2.4.
//!
//! A marker byte and the section's id; on for machine types of 2.4 and later. Inside, everything
//! is as in design 3.

use super::Promises;
use super::frame::{Layout, Subsections};

/// See the module documentation.
#[derive(Debug)]
pub struct Footer;

impl Layout for Footer {
    fn subsections(&self) -> Subsections {
        Subsections::Prefix { full: true }
    }

    fn footers(&self) -> bool {
        true
    }
}

impl Promises for Footer {
    fn name(&self) -> &'static str {
        "8 footers (2.4)"
    }
}
