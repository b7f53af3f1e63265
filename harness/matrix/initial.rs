//! The initial `matrix.toml` of a corpus that has none: what it holds, the usual policy, and nothing
//! known.

use std::fmt::Write as _;

use super::config::Config;
use crate::release::corpus::{Corpus, CorpusError};
use crate::release::provenance::Fixture;

/// The text of a `matrix.toml` that claims what is in `corpus`, with no known entry.
///
/// # Errors
/// Provenance that cannot be read.
pub fn default_for(corpus: &Corpus) -> Result<String, CorpusError> {
    Ok(HEAD.to_owned() + &tables(corpus, None)?)
}

/// The tables that `config` lacks of `corpus`: new releases, machine types and scenarios; empty if
/// there are none.
///
/// # Errors
/// Provenance that cannot be read.
pub fn missing_from(corpus: &Corpus, config: &Config) -> Result<String, CorpusError> {
    tables(corpus, Some(config))
}

fn tables(corpus: &Corpus, listed: Option<&Config>) -> Result<String, CorpusError> {
    let fixtures = corpus.fixtures()?;
    let releases = corpus.releases();
    // (release, machine type, scenario) of everything that is on record.
    let mut seen: Vec<[String; 3]> = Vec::new();
    for f in &fixtures {
        seen.push([f.release.clone(), f.machine.clone(), f.scenario.clone()]);
    }
    for release in &releases {
        for (machine, scenario) in corpus.destinations(release) {
            seen.push([release.clone(), machine, scenario]);
        }
    }
    let range = |name: &str, part: fn(&[String; 3]) -> &String| {
        let has = |release: &&String| seen.iter().any(|s| s[0] == **release && part(s) == name);
        let first = releases.iter().find(has)?;
        let last = releases.iter().rev().find(has)?;
        let from = if Some(first) == releases.first() { "" } else { first };
        let to = if Some(last) == releases.last() { "" } else { last };
        (!from.is_empty() || !to.is_empty()).then(|| format!("{from}..{to}"))
    };

    let mut text = String::new();
    let mut machines: Vec<&String> = Vec::new();
    let mut scenarios: Vec<&Fixture> = Vec::new();
    let new = |name: &&String| listed.is_none_or(|config| config.place(name).is_none());
    for release in releases.iter().filter(new) {
        let own = fixtures.iter().find(|f| f.release == *release);
        let about = own.map_or("no stream of its own on record", |f| f.binary.as_str());
        table(&mut text, "release", &[("name", quoted(release)), ("about", quoted(about))]);
    }
    for fixture in &fixtures {
        if !machines.contains(&&fixture.machine) {
            machines.push(&fixture.machine);
        }
        if !scenarios.iter().any(|s| s.scenario == fixture.scenario) {
            scenarios.push(fixture);
        }
    }
    machines.retain(|name| !listed.is_some_and(|c| c.machines.iter().any(|m| m.name == **name)));
    for machine in machines {
        let mut keys = vec![("name", quoted(machine))];
        keys.extend(range(machine, |s| &s[1]).map(|range| ("releases", quoted(&range))));
        table(&mut text, "machine", &keys);
    }
    let known = |name: &str| listed.is_some_and(|c| c.scenarios.iter().any(|s| s.name == name));
    scenarios.retain(|fixture| !known(&fixture.scenario));
    for fixture in scenarios {
        let arguments: Vec<String> = fixture.arguments.iter().map(|a| quoted(a)).collect();
        let mut keys = vec![
            ("name", quoted(&fixture.scenario)),
            ("about", quoted(&format!("guest {}", fixture.guest))),
            ("guest", quoted(&fixture.guest)),
            ("arguments", format!("[{}]", arguments.join(", "))),
        ];
        keys.extend(range(&fixture.scenario, |s| &s[2]).map(|range| ("releases", quoted(&range))));
        table(&mut text, "scenario", &keys);
    }
    Ok(text)
}

const HEAD: &str = "\
# What is claimed of this corpus. Written by `crossload import`; it is yours to change.
# Name a cell that breaks the policy for a known reason in a [[known]] table.

[policy]
forward = [\"faithful\", \"defaulted\"]
backward = [\"faithful\", \"defaulted\", \"refused\", \"refused-late\"]
";

fn table(text: &mut String, name: &str, keys: &[(&str, String)]) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n[[{name}]]");
    for (key, value) in keys {
        let _ = writeln!(text, "{key} = {value}");
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
