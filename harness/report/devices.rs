//! The matrix over devices: what is neither faithful nor defaulted, grouped by cause; all of it as
//! JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::targets::answer_sentence;
use crate::dialect::Generation;
use crate::matrix::config::Config;
use crate::matrix::devices::{PATHS, Row};
use crate::matrix::policy::Standing;
use crate::trace::Verdict;

/// A row as JSON has it.
#[derive(Debug, Serialize)]
struct JsonRow<'a> {
    device: &'a str,
    place: &'a str,
    varied: &'a str,
    section: &'a str,
    source: &'a str,
    destination: &'a str,
    machines: &'a [String],
    verdict: &'static str,
    standing: &'static str,
    reason: String,
    /// Why it is so, where `matrix.toml` says that.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<&'a str>,
}

/// A row with how it stands to the policy.
pub type DeviceResult = (Standing, Row);

/// All rows as JSON.
#[must_use]
pub fn json(rows: &[DeviceResult], config: &Config) -> String {
    let rows: Vec<JsonRow<'_>> = rows
        .iter()
        .map(|(standing, row)| JsonRow {
            device: &row.device,
            place: &row.place,
            varied: &row.varied,
            section: &row.section,
            source: &row.source,
            destination: &row.destination,
            machines: &row.machines,
            verdict: row.answer.verdict().name(),
            standing: standing.name(),
            reason: answer_sentence(&row.answer, &row.source),
            known: known(*standing, config),
        })
        .collect();
    serde_json::to_string_pretty(&rows).unwrap_or_default() + "\n"
}

/// Whether a row is worth reporting.
fn fails(row: &Row) -> bool {
    !matches!(row.answer.verdict(), Verdict::Faithful | Verdict::Defaulted)
}

/// What an entry of `matrix.toml` says of a row.
fn known(standing: Standing, config: &Config) -> Option<&str> {
    let Standing::Known(index) = standing else { return None };
    config.known_devices.get(index).map(|known| known.reason.as_str())
}

/// Devices that fail for one cause.
#[derive(Debug, PartialEq, Eq)]
pub struct Group<'r> {
    /// How they stand to the policy.
    pub standing: Standing,
    /// The release that sends them.
    pub source: &'r str,
    /// The release that is given them.
    pub destination: &'r str,
    /// The verdict.
    pub verdict: &'static str,
    /// The cause.
    pub cause: String,
    /// The device types.
    pub devices: BTreeSet<&'r str>,
}

/// What fails, by standing, pair of releases and cause.
#[must_use]
pub fn groups(rows: &[DeviceResult]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<(Standing, &str, &str, &'static str, String), BTreeSet<&str>> =
        BTreeMap::new();
    for (standing, row) in rows.iter().filter(|(_, row)| fails(row)) {
        let verdict = row.answer.verdict().name();
        let key = (*standing, row.source.as_str(), row.destination.as_str(), verdict, cause(row));
        groups.entry(key).or_default().insert(&row.device);
    }
    let group = |((standing, source, destination, verdict, cause), devices)| Group {
        standing,
        source,
        destination,
        verdict,
        cause,
        devices,
    };
    groups.into_iter().map(group).collect()
}

/// The same as text: a line with the cause, and the devices below it; then the counts.
#[must_use]
pub fn text(rows: &[DeviceResult], config: &Config) -> String {
    let mut text = String::new();
    let mut before = None;
    for Group { standing, source, destination, verdict, cause, devices } in groups(rows) {
        if before != Some(standing) {
            text += &headline(standing, config);
            before = Some(standing);
        }
        let devices: Vec<&str> = devices.into_iter().collect();
        text +=
            &format!("{source} into {destination}: {verdict}: {cause}\n  {}\n", devices.join(", "));
    }
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (_, row) in rows {
        *counts.entry(row.answer.verdict().name()).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {name}")).collect();
    let broken = rows.iter().filter(|(standing, _)| *standing == Standing::Broken).count();
    text + &format!("{} rows: {}; {broken} break the policy\n", rows.len(), counts.join(", "))
}

/// What a row of such standing is.
#[must_use]
pub fn headline(standing: Standing, config: &Config) -> String {
    match known(standing, config) {
        Some(reason) => format!("\nknown: {reason}\n"),
        None if standing == Standing::Broken => "\nbreaks the policy:\n".to_owned(),
        None => "\nallowed by the policy, or not known:\n".to_owned(),
    }
}

/// The sentence without what only one device or byte has to do with.
fn cause(row: &Row) -> String {
    let sentence = answer_sentence(&row.answer, &row.source);
    let sentence = sentence
        .strip_prefix("byte ")
        .and_then(|rest| rest.split_once(": "))
        .map_or(sentence.as_str(), |(_, rest)| rest);
    let sentence = match row.answer.verdict() {
        Verdict::Misparsed => sentence.split(" was read as ").last().unwrap_or(sentence),
        _ => sentence,
    };
    let mut cause = sentence.to_owned();
    for path in PATHS {
        cause = cause.replace(&format!("{path}/{}", row.section), "its section");
    }
    cause = cause.replace(&row.device, "DEVICE");
    // It is as if it were another machine in each release.
    match row.machines.first().filter(|machine| Generation::of(machine).is_none()) {
        Some(machine) => format!("{cause} ({machine})"),
        None => cause,
    }
}
