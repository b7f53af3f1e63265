//! `vendors.toml` of a corpus: downstream releases. Strict: unknown keys are errors.
//!
//! | table | keys |
//! | --- | --- |
//! | `[[vendor]]` | `id`: reversed domain; `release`; `base`: `RELEASE` or `VENDOR:RELEASE`, of which this is a downstream; `derived`: where the description comes from, if not from a binary |
//! | `[[vendor.subsection]]` | taken from another release: `owner`: key of the description that gets it; `name`; `from`: release that has it; `swap`: two of its fields that change places; `reason` |
//! | `[[vendor.field]]` | a field of its own: `owner`, `name`, `bytes`, `after`: an existing field, at the end if left out; `bump`: whether the owner's version is bumped; `reason` |

use serde::{Deserialize, Serialize};

use super::VendorError;
use crate::release::library::Library;

/// Path in the corpus.
pub const FILE: &str = "vendors.toml";

/// All downstream releases of a corpus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendors {
    /// In the order of the file.
    #[serde(default)]
    pub vendor: Vec<Vendor>,
}

/// A downstream release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// Reversed domain.
    pub id: String,
    /// Release, as the vendor counts.
    pub release: String,
    /// What it is a downstream of.
    pub base: String,
    /// Says that no binary was read, and what was taken instead.
    pub derived: String,
    /// Backported subsections.
    #[serde(default)]
    pub subsection: Vec<Subsection>,
    /// Fields of its own.
    #[serde(default)]
    pub field: Vec<Field>,
}

/// A backported subsection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subsection {
    /// Key of the description that gets it, in the base's tables.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// The upstream release that has it.
    pub from: String,
    /// Two fields that change places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap: Option<[String; 2]>,
    /// Why.
    pub reason: String,
}

/// A field of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Key of the description that gets it.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u32,
    /// The field that it comes after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether the owner's version is bumped.
    pub bump: bool,
    /// Why.
    pub reason: String,
}

impl Vendor {
    /// `VENDOR:RELEASE`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}:{}", self.id, self.release)
    }
}

impl Vendors {
    /// The downstream releases of a corpus; none if it has no list.
    ///
    /// # Errors
    /// A list that is not well-formed, a name that is there twice, or a base that is not.
    pub fn of(library: &Library) -> Result<Self, VendorError> {
        let Some(text) = library.corpus().text(FILE)? else { return Ok(Vendors::default()) };
        let upstream: Vec<&str> = library.releases().iter().map(|r| r.0.as_str()).collect();
        Vendors::parse(&text, &upstream)
    }

    /// Reads a list, given the upstream releases.
    ///
    /// # Errors
    /// As [`Vendors::of`].
    pub fn parse(text: &str, upstream: &[&str]) -> Result<Self, VendorError> {
        let vendors: Vendors = toml::from_str(text).map_err(|source| VendorError::Toml {
            file: FILE.to_string(),
            source: Box::new(source),
        })?;
        let mut known: Vec<String> = upstream.iter().map(|r| (*r).to_string()).collect();
        for vendor in &vendors.vendor {
            let wrong = |problem: String| VendorError::Entry {
                file: FILE.to_string(),
                vendor: vendor.name(),
                problem,
            };
            if known.contains(&vendor.name()) {
                return Err(wrong("is there twice".to_string()));
            }
            // A base comes first, so that no release can be its own.
            if !known.contains(&vendor.base) {
                let known = known.join(", ");
                return Err(wrong(format!("base '{}': expected one of {known}", vendor.base)));
            }
            let domain = vendor.id.split('.').all(|part| !part.is_empty());
            if !domain || !vendor.id.contains('.') || vendor.id.contains(':') {
                return Err(wrong(
                    "id: expected a reversed domain, such as com.example".to_string(),
                ));
            }
            if vendor.derived.trim().is_empty() {
                return Err(wrong("derived must say where the description comes from".to_string()));
            }
            known.push(vendor.name());
        }
        Ok(vendors)
    }

    /// A downstream release by `VENDOR:RELEASE`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Vendor> {
        self.vendor.iter().find(|v| v.name() == name)
    }
}
