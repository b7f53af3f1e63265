//! The rename table: fields that two releases call differently but that are the same bytes with
//! the same meaning. The only way in which differently named fields count as equal; each entry
//! has its reason. Kept in `corpus/renames.toml`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;

/// One entry: in descriptions matched by `vmsd`, a field `from` is compared as `to`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// vmsd name; a `*` matches anything.
    pub vmsd: String,
    /// Field name; a single `*` matches anything, which `to` may repeat.
    pub from: String,
    /// The name to compare by.
    pub to: String,
    /// Why the two are the same.
    pub reason: String,
}

/// The table.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renames {
    /// Entries in order; each is tried once, on the outcome of those before it.
    #[serde(default)]
    pub rename: Vec<Rename>,
    /// Fields that later releases drop on purpose.
    #[serde(default)]
    pub dropped: Vec<Dropped>,
    /// Names that were asked for before: every release has most fields of every other.
    #[serde(skip)]
    asked: Arc<RwLock<HashMap<String, HashMap<String, Known>>>>,
}

/// What the table says of one field.
#[derive(Debug, Clone)]
struct Known {
    canonical: String,
    may_drop: bool,
}

/// A field whose bytes later releases read as `unused`: they do without its value, on purpose.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// vmsd name; a `*` matches anything.
    pub vmsd: String,
    /// Field name; a `*` matches anything.
    pub field: String,
    /// Why nothing is lost.
    pub reason: String,
}

/// What a pattern's first `*` stands for in `name`, or `None` if it does not match.
fn capture<'n>(pattern: &str, name: &'n str) -> Option<&'n str> {
    let Some((head, tail)) = pattern.split_once('*') else {
        return (pattern == name).then_some("");
    };
    let rest = name.strip_prefix(head)?;
    if !tail.contains('*') {
        return rest.strip_suffix(tail);
    }
    let mut ends = (0..=rest.len()).filter(|i| rest.is_char_boundary(*i));
    let end = ends.find(|i| rest.get(*i..).is_some_and(|r| capture(tail, r).is_some()))?;
    rest.get(..end)
}

impl Renames {
    /// Reads a table.
    ///
    /// # Errors
    /// TOML that is not such a table, or an entry without a reason: the text says where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Renames = toml::from_str(text).map_err(|e| e.to_string())?;
        for entry in &table.rename {
            if entry.reason.trim().is_empty() {
                return Err(format!("rename of {} in {} has no reason", entry.from, entry.vmsd));
            }
        }
        for entry in &table.dropped {
            if entry.reason.trim().is_empty() {
                return Err(format!("dropped {} of {} has no reason", entry.field, entry.vmsd));
            }
        }
        Ok(table)
    }

    /// Whether a reader may read field `name` of description `vmsd` as unused bytes.
    #[must_use]
    pub fn may_drop(&self, vmsd: &str, name: &str) -> bool {
        self.dropped_for(vmsd, name).is_some()
    }

    /// Why a reader may do without field `name` of description `vmsd`, if it may.
    #[must_use]
    pub fn dropped_for(&self, vmsd: &str, name: &str) -> Option<&str> {
        let fits =
            |d: &&Dropped| capture(&d.field, name).is_some() && capture(&d.vmsd, vmsd).is_some();
        self.dropped.iter().find(fits).map(|entry| entry.reason.as_str())
    }

    /// The name by which field `name` of description `vmsd` is compared, and whether a reader may read
    /// it as unused bytes.
    #[must_use]
    pub fn of(&self, vmsd: &str, name: &str) -> (String, bool) {
        if self.rename.is_empty() && self.dropped.is_empty() {
            return (name.to_string(), false);
        }
        let asked = self.asked.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = asked.get(vmsd).and_then(|fields| fields.get(name)) {
            return (known.canonical.clone(), known.may_drop);
        }
        drop(asked);
        let (canonical, may_drop) = (self.renamed(vmsd, name), self.may_drop(vmsd, name));
        let mut asked = self.asked.write().unwrap_or_else(PoisonError::into_inner);
        let fields = asked.entry(vmsd.to_string()).or_default();
        let known = Known { canonical: canonical.clone(), may_drop };
        fields.insert(name.to_string(), known);
        (canonical, may_drop)
    }

    /// The name alone.
    #[must_use]
    pub fn canonical(&self, vmsd: &str, name: &str) -> String {
        self.of(vmsd, name).0
    }

    fn renamed(&self, vmsd: &str, name: &str) -> String {
        let mut name = name.to_string();
        for entry in &self.rename {
            if capture(&entry.vmsd, vmsd).is_some()
                && let Some(star) = capture(&entry.from, &name)
            {
                name = entry.to.replace('*', star);
            }
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_rename_and_bad_tables_are_refused() {
        let table = Renames::parse(
            "[[rename]]\nvmsd = \"cpu*\"\nfrom = \"env.*\"\nto = \"*\"\nreason = \"moved\"\n\
             [[dropped]]\nvmsd = \"cpu/*\"\nfield = \"*.xss\"\nreason = \"gone\"\n",
        )
        .expect("table");
        for _ in 0..2 {
            assert_eq!(table.of("cpu", "env.regs"), ("regs".to_owned(), false));
            assert_eq!(table.of("cpu/xss", "env.xss"), ("xss".to_owned(), true));
            assert_eq!(table.of("apic", "env.x"), ("env.x".to_owned(), false));
        }
        assert!(
            Renames::parse("[[rename]]\nvmsd=\"a\"\nfrom=\"b\"\nto=\"c\"\nreason=\"\"").is_err()
        );
        assert!(Renames::parse("[[rename]]\nvmsd=\"a\"\nfrom=\"b\"\nto=\"c\"").is_err());
        assert!(Renames::parse("[[renames]]").is_err());
    }
}
