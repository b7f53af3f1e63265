//! Capabilities of a pseries machine (hw/ppc/spapr_caps.c): each that was set to another level than the
//! machine type's is in a subsection of its own, and the machine's post-load hook refuses one that is higher
//! than the loader's own (`spapr_caps_post_migration`).

use super::super::compiled::Vmsd;
use crate::wire::Kind;

/// How the names of the subsections begin.
pub const SUBSECTION: &str = "spapr/cap/";
/// How the names of their fields begin.
pub const FIELD: &str = "mig.caps[";

/// The first that was too high: name, level, and that of the loader.
#[derive(Debug, Clone, Default)]
pub struct Capabilities(Option<(String, u64, u64)>);

impl Capabilities {
    /// One has come. `own` is the loader's level, where it is known.
    pub fn came(&mut self, vmsd: &Vmsd, level: u64, own: Option<u64>) {
        if let Some(own) = own.filter(|own| level > *own && self.0.is_none()) {
            let name = vmsd.name.trim_start_matches(SUBSECTION);
            self.0 = Some((name.to_owned(), level, own));
        }
    }

    /// What comes of them once the machine is loaded.
    ///
    /// # Errors
    /// One that is too high.
    pub fn check(self) -> Result<(), Kind> {
        match self.0 {
            Some((name, level, own)) => {
                let text = format!("capability {name} of level {level}, the loader's is {own}");
                Err(Kind::Check(text))
            }
            None => Ok(()),
        }
    }
}
