//! `[[vendor]]` of `matrix.toml`: downstream releases. Strict: unknown keys are errors.
//!
//! | table | keys |
//! | --- | --- |
//! | `[[vendor]]` | `id`: reversed domain; `release`; `base`: `RELEASE` or `VENDOR:RELEASE`, of which this is a downstream; `derived`: where the description comes from, if not from a binary |
//! | `[[vendor.subsection]]` | taken from another release: `owner`: key of the description that gets it; `name`; `from`: release that has it; `swap`: two of its fields that change places; `reason` |
//! | `[[vendor.field]]` | a field of its own: `owner`, `name`, `bytes`, `after`: an existing field, at the end if left out; `bump`: whether the owner's version is bumped; `reason` |

use serde::Deserialize;

/// A downstream release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subsection {
    /// Key of the description that gets it, in the base's tables.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// The upstream release that has it.
    pub from: String,
    /// Two fields that change places.
    pub swap: Option<[String; 2]>,
    /// Why.
    pub reason: String,
}

/// A field of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Key of the description that gets it.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u32,
    /// The field that it comes after.
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

    /// What is wrong with it, given the releases before it: the key, and the problem.
    pub(super) fn check(&self, known: &[String]) -> Result<(), (&'static str, String)> {
        let domain = self.id.split('.').all(|part| !part.is_empty());
        if !domain || !self.id.contains('.') || self.id.contains(':') {
            return Err(("id", "expected a reversed domain, such as com.example".to_string()));
        }
        if self.release.trim().is_empty() {
            return Err(("release", "must not be empty".to_string()));
        }
        if known.contains(&self.name()) {
            return Err(("release", format!("'{}' is listed twice", self.name())));
        }
        // A base comes first, so that no release can be its own.
        if !known.contains(&self.base) {
            return Err(("base", format!("'{}': expected one of {}", self.base, known.join(", "))));
        }
        if self.derived.trim().is_empty() {
            return Err(("derived", "must say where the description comes from".to_string()));
        }
        let reasons = self.subsection.iter().map(|s| &s.reason);
        if reasons.chain(self.field.iter().map(|f| &f.reason)).any(|r| r.trim().is_empty()) {
            return Err(("reason", "must not be empty".to_string()));
        }
        Ok(())
    }
}
