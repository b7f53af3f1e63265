//! The matrix over devices: what is neither faithful nor defaulted, grouped by cause; all of it as
//! JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::targets::answer_sentence;
use crate::matrix::devices::Row;
use crate::trace::Verdict;

/// A row as JSON has it.
#[derive(Debug, Serialize)]
struct Told<'a> {
    device: &'a str,
    place: &'a str,
    varied: &'a str,
    section: &'a str,
    source: &'a str,
    destination: &'a str,
    machines: &'a [String],
    verdict: &'static str,
    reason: String,
}

/// All rows as JSON.
#[must_use]
pub fn json(rows: &[Row]) -> String {
    let told: Vec<Told<'_>> = rows
        .iter()
        .map(|row| Told {
            device: &row.device,
            place: &row.place,
            varied: &row.varied,
            section: &row.section,
            source: &row.source,
            destination: &row.destination,
            machines: &row.machines,
            verdict: row.answer.verdict().name(),
            reason: answer_sentence(&row.answer, &row.source),
        })
        .collect();
    serde_json::to_string_pretty(&told).unwrap_or_default() + "\n"
}

/// Whether a row is worth telling.
fn fails(row: &Row) -> bool {
    !matches!(row.answer.verdict(), Verdict::Faithful | Verdict::Defaulted)
}

/// What fails, by pair of releases and cause: a line with the cause, and the devices below it.
#[must_use]
pub fn text(rows: &[Row]) -> String {
    let mut groups: BTreeMap<(&str, &str, &'static str, String), BTreeSet<String>> =
        BTreeMap::new();
    for row in rows.iter().filter(|row| fails(row)) {
        let key = (
            row.source.as_str(),
            row.destination.as_str(),
            row.answer.verdict().name(),
            cause(row),
        );
        groups.entry(key).or_default().insert(row.device.clone());
    }
    let mut text = String::new();
    for ((source, destination, verdict, cause), devices) in &groups {
        let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
        text +=
            &format!("{source} into {destination}: {verdict}: {cause}\n  {}\n", devices.join(", "));
    }
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.answer.verdict().name()).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {name}")).collect();
    text + &format!("{} rows: {}\n", rows.len(), counts.join(", "))
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
    sentence
        .replace(&row.device, "DEVICE")
        .replace(&format!("0000:00:02.0/{}", row.section), "its section")
}
