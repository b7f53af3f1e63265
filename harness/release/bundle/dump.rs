//! What `-dump-vmstate` writes: the full descriptions of device classes, with what is not
//! present on a given machine too.
//!
//! It says neither codec nor run-time counts, leaves out must-exist checks, and knows nothing of
//! descriptions that no device class owns (wire.md 8.1).

use std::collections::BTreeMap;

use serde::Deserialize;

/// The descriptions of a dump by name; one name may have several.
#[derive(Debug, Clone, Default)]
pub struct Dump {
    by_name: BTreeMap<String, Vec<Described>>,
    /// Whether a length is given for plain arrays (8.1 and later): then a field without one is
    /// not a plain array.
    pub has_lengths: bool,
}

/// One description, nested or not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Described {
    /// The vmsd's name.
    pub name: String,
    /// `.version_id`.
    pub version_id: u32,
    /// `.minimum_version_id`.
    pub minimum_version_id: u32,
    /// All fields but must-exist checks, in order.
    #[serde(default, rename = "Fields")]
    pub fields: Vec<DescribedField>,
    /// All subsections, in order.
    #[serde(default, rename = "Subsections")]
    pub subsections: Vec<Described>,
}

/// One field of a description.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DescribedField {
    /// The field's name.
    #[serde(rename = "field")]
    pub name: String,
    /// `.version_id`.
    pub version_id: u32,
    /// Whether there is a presence hook.
    pub field_exists: bool,
    /// Length of a plain array.
    #[serde(default)]
    pub num: Option<u32>,
    /// Bytes of one element in memory.
    pub size: u32,
    /// The nested description of a struct.
    #[serde(default, rename = "Description")]
    pub nested: Option<Box<Described>>,
}

/// One device class; also the entry that names the machine, which has no description and no
/// version.
#[derive(Debug, Clone, Deserialize)]
pub struct Class {
    /// Name of the description, or of the machine type.
    #[serde(default, rename = "Name")]
    pub name: Option<String>,
    /// `.version_id`.
    #[serde(default)]
    pub version_id: Option<u32>,
    /// `.minimum_version_id`.
    #[serde(default)]
    pub minimum_version_id: Option<u32>,
    /// The description.
    #[serde(rename = "Description")]
    pub description: Option<Described>,
}

/// The classes of a dump by name.
///
/// # Errors
/// When `json` is not a dump; the error gives line and column.
pub fn classes(json: &str) -> Result<BTreeMap<String, Class>, serde_json::Error> {
    serde_json::from_str(json)
}

impl Dump {
    /// Adds the descriptions of one dump to those known.
    ///
    /// # Errors
    /// When `json` is not a dump; the error gives line and column.
    pub fn add(&mut self, json: &str) -> Result<(), serde_json::Error> {
        for description in classes(json)?.into_values().filter_map(|class| class.description) {
            self.index(&description);
        }
        Ok(())
    }

    fn index(&mut self, description: &Described) {
        let known = self.by_name.entry(description.name.clone()).or_default();
        if known.contains(description) {
            return;
        }
        known.push(description.clone());
        for field in &description.fields {
            self.has_lengths |= field.num.is_some();
            if let Some(nested) = &field.nested {
                self.index(nested);
            }
        }
        for subsection in &description.subsections {
            self.index(subsection);
        }
    }

    /// The description called `name` with exactly those fields that a self-load showed. A field
    /// of no elements may be missing here: a must-exist check.
    #[must_use]
    pub fn find(&self, name: &str, fields: &[(&str, bool)]) -> Option<&Described> {
        self.by_name.get(name)?.iter().find(|candidate| {
            let mut listed = candidate.fields.iter().peekable();
            fields.iter().all(|(field, is_empty)| {
                listed.next_if(|listed| listed.name == *field).is_some() || *is_empty
            }) && listed.next().is_none()
        })
    }

    /// The description called `name` that has at least the fields of a VMDESCRIPTION, in order.
    #[must_use]
    pub fn find_around(&self, name: &str, fields: &[&str]) -> Option<&Described> {
        self.by_name.get(name)?.iter().find(|candidate| {
            let mut listed = candidate.fields.iter();
            fields.iter().all(|field| listed.any(|listed| listed.name == *field))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = r#"{"vmschkmachine": {"Name": "pc"},
        "serial": {"Name": "serial", "version_id": 3, "minimum_version_id": 2, "Description":
        {"name": "serial", "version_id": 3, "minimum_version_id": 2, "Fields": [
            {"field": "state", "version_id": 0, "field_exists": false, "size": 9, "Description":
            {"name": "serial", "version_id": 3, "minimum_version_id": 2, "Fields": [
                {"field": "a", "version_id": 0, "field_exists": true, "num": 2, "size": 1},
                {"field": "b", "version_id": 0, "field_exists": false, "size": 1}]}}],
         "Subsections": [{"name": "serial/s", "version_id": 1, "minimum_version_id": 1}]}}}"#;

    #[test]
    fn tells_descriptions_of_one_name_apart() {
        let mut dump = Dump::default();
        dump.add(DUMP).unwrap();
        dump.add(DUMP).unwrap();
        let inner = dump.find("serial", &[("check", true), ("a", false), ("b", true)]).unwrap();
        assert_eq!(inner.fields.len(), 2);
        assert_eq!(dump.find("serial", &[("state", false)]).unwrap().subsections.len(), 1);
        assert!(dump.find("serial", &[("a", false)]).is_none());
        assert!(dump.find("serial", &[("check", false), ("a", false), ("b", false)]).is_none());
        assert!(dump.find_around("serial", &["b"]).is_some());
        assert!(dump.find_around("serial", &["b", "a"]).is_none());
        assert!(dump.find("serial/s", &[]).is_some());
        assert!(dump.has_lengths);
    }

    #[test]
    fn says_where_it_is_wrong() {
        let text = Dump::default().add("{\"a\":\n{\"Description\": {}}}").unwrap_err().to_string();
        assert!(text.contains("line 2"), "{text}");
    }
}
