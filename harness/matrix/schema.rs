//! The shape of `matrix.toml` as it is written: private, strict, unchecked. [`super::config`]
//! makes checked types of it, and documents every key.

use serde::Deserialize;
use toml::Spanned;

use super::vendors::Vendor;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub release: Vec<Spanned<Release>>,
    #[serde(default)]
    pub machine: Vec<Spanned<Machine>>,
    #[serde(default)]
    pub scenario: Vec<Spanned<Scenario>>,
    pub policy: Spanned<Policy>,
    #[serde(default)]
    pub known: Vec<Spanned<Known>>,
    #[serde(default)]
    pub known_device: Vec<Spanned<KnownDevice>>,
    #[serde(default)]
    pub runtime: Vec<Spanned<Runtime>>,
    #[serde(default)]
    pub mutation: Vec<Spanned<Mutation>>,
    #[serde(default)]
    pub finding: Vec<Spanned<Finding>>,
    #[serde(default)]
    pub vendor: Vec<Spanned<Vendor>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    pub name: String,
    pub about: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Machine {
    pub name: String,
    pub releases: Option<String>,
    pub equals: Option<String>,
    pub differs: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    pub name: String,
    pub about: String,
    pub guest: String,
    pub arguments: Vec<String>,
    pub chipset: Option<Chipsets>,
    pub exercises: Option<Vec<String>>,
    pub releases: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Chipsets {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub forward: Vec<String>,
    pub backward: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    pub source: String,
    pub destination: String,
    pub machines: Option<Vec<String>>,
    pub scenarios: Option<Vec<String>>,
    pub feeds: Option<Vec<String>>,
    pub verdict: String,
    pub reason: String,
    pub reference: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownDevice {
    pub source: String,
    pub destination: String,
    pub devices: Vec<String>,
    pub verdict: String,
    pub reason: String,
    pub reference: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Runtime {
    pub source: String,
    pub destination: String,
    pub machines: Option<Vec<String>>,
    pub scenarios: Option<Vec<String>>,
    pub message: String,
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutation {
    pub source: String,
    pub destination: String,
    pub machine: String,
    pub scenario: String,
    pub what: String,
    pub at: Option<u64>,
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finding {
    pub release: String,
    pub machine: String,
    pub scenarios: Vec<String>,
    pub what: String,
}
