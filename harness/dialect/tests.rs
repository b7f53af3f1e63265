//! The rules by release, as a table of what changes from each to the next, for a person to compare with
//! the wire reference.

use super::commands::CommandRules;
use super::{Dialect, Version};
use crate::snapshots::snapshots;

/// Every series from 0.12 on, and the stable releases that took something back.
const RELEASES: [&str; 57] = [
    "0.12.0", "0.13.0", "0.14.0", "0.15.0", "1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0",
    "1.6.0", "1.7.0", "1.7.1", "1.7.2", "1.7.3", "2.0.0", "2.0.1", "2.0.2", "2.0.3", "2.1.0",
    "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0", "2.7.0", "2.8.0", "2.9.0", "2.10.0", "2.11.0",
    "2.12.0", "3.0.0", "3.1.0", "4.0.0", "4.1.0", "4.2.0", "5.0.0", "5.1.0", "5.2.0", "6.0.0",
    "6.1.0", "6.2.0", "7.0.0", "7.1.0", "7.2.0", "8.0.0", "8.1.0", "8.2.0", "9.0.0", "9.1.0",
    "9.2.0", "10.0.0", "10.1.0", "10.2.0", "11.0.0", "11.1.0", "11.2.0",
];

/// What differs between two values, line by line of their debug output.
fn changes(before: &str, after: &str) -> String {
    let lines = before.lines().zip(after.lines()).filter(|(a, b)| a != b);
    lines.map(|(a, b)| format!("  {} <- {}\n", b.trim(), a.trim())).collect()
}

/// All rules, in as many lines for every release.
fn reported(version: Version, machine: &str) -> String {
    let Dialect { configuration, commands, .. } = Dialect::of(version, machine);
    let rest = Dialect { configuration: None, commands: None, ..Dialect::of(version, machine) };
    let mut text = format!("{rest:#?}\nconfiguration: {configuration:?}\n");
    for number in 0..=12 {
        let command = commands.and_then(|rules: CommandRules| rules.command(number));
        text += &format!("command {number}: {command:?}\n");
    }
    text
}

#[test]
fn rules_by_release() {
    let mut text = String::new();
    // A type that switches nothing off.
    let machine = "microvm";
    let mut before: Option<String> = None;
    for name in RELEASES {
        let now = reported(name.parse().unwrap(), machine);
        let changed = match &before {
            None => now.clone(),
            Some(before) => changes(before, &now),
        };
        if !changed.is_empty() {
            text += &format!("{name}\n{changed}");
        }
        before = Some(now);
    }
    // The switches that a machine type holds.
    for machine in ["pc-i440fx-2.2", "pc-i440fx-2.3", "pc-i440fx-2.4", "pc-q35-2.3", "pc-q35-11.1"]
    {
        for release in ["2.2.0", "2.3.0", "2.4.0", "11.1.3"] {
            let Dialect { configuration, footers, description, .. } =
                Dialect::of(release.parse().unwrap(), machine);
            let sends = configuration.is_some();
            text += &format!(
                "{machine} in {release}: configuration {sends}, footers {footers}, description {description}\n"
            );
        }
    }
    text += &format!("any\n{:#?}\n", Dialect::any(true, true, false));
    let _scope = snapshots("dialect");
    insta::assert_snapshot!("rules-by-release", text);
}

#[test]
fn lengths_of_commands() {
    let rules = CommandRules::of("10.0.0".parse().unwrap()).unwrap();
    for (number, accepted) in [
        (1, vec![0]),
        (2, vec![4]),
        (3, vec![0, 16]),
        (4, vec![0]),
        (5, vec![0]),
        (6, vec![0, 1, 4, 15, 16, 17]),
        (7, vec![4]),
        (8, vec![0]),
        (9, vec![0]),
        (10, vec![0, 1, 4, 15, 16, 17]),
        (11, vec![0]),
    ] {
        let command = rules.command(number).unwrap();
        let takes = [0, 1, 4, 15, 16, 17].into_iter().filter(|len| rules.accepts(command, *len));
        assert_eq!(takes.collect::<Vec<_>>(), accepted, "{command:?}");
    }
    assert_eq!(CommandRules::of("2.4.1".parse().unwrap()), None);
}
