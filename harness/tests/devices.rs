//! The matrix over devices, as reviewed: what does not go from one release to another.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::support::library;
use crate::support::snapshots::snapshots;
use crossload::dialect::Generation;
use crossload::dialect::machine::architecture;
use crossload::matrix::config::Config;
use crossload::matrix::devices::{devices, standing};
use crossload::matrix::policy::Standing;
use crossload::release::compose::LayoutCache;
use crossload::report::devices::{DeviceResult, json, text};
use crossload::trace::Verdict;

/// The repository's `matrix.toml`.
fn config() -> &'static Config {
    static CONFIG: LazyLock<Config> = LazyLock::new(|| {
        Config::parse("matrix.toml", include_str!("../../matrix.toml")).expect("matrix.toml")
    });
    &CONFIG
}

/// Every device of every release, made once.
fn results() -> &'static [DeviceResult] {
    static ROWS: LazyLock<Vec<DeviceResult>> = LazyLock::new(|| {
        let rows = devices(&LayoutCache::new(library()), |_| true).expect("devices");
        rows.into_iter().map(|row| (standing(config(), &row), row)).collect()
    });
    &ROWS
}

/// Nothing breaks the policy but for a reason on record, and nothing on record is gone.
#[test]
fn the_policy_holds_for_devices() {
    let rows = results();
    let broken = rows.iter().filter(|(standing, _)| *standing == Standing::Broken);
    let broken: Vec<_> = broken.map(|(_, r)| (&r.device, &r.source, &r.destination)).collect();
    assert!(broken.is_empty(), "{broken:?}");
    for (index, known) in config().known_devices.iter().enumerate() {
        let named = rows.iter().any(|(standing, _)| *standing == Standing::Known(index));
        assert!(named, "matrix.toml line {}: names no device any more", known.line);
    }
}

/// A section of a device that a release does not have is not read as another device's.
#[test]
fn a_device_that_a_release_lacks_is_no_other_device() {
    let mut catalogues = BTreeMap::new();
    let mut lacking = 0;
    for (_, row) in results() {
        let on = architecture(row.machines.first().expect("a machine type"));
        let known = catalogues.entry((&row.destination, on)).or_insert_with(|| {
            let known = library().corpus().catalogue(&row.destination, on);
            known.expect("catalogue").expect("catalogue")
        });
        if known.types.contains_key(&row.device) {
            continue;
        }
        lacking += 1;
        let verdict = row.answer.verdict();
        let fine = !matches!(verdict, Verdict::Refused | Verdict::RefusedLate | Verdict::Misparsed);
        assert!(fine, "{} {} into {}: {verdict}", row.device, row.source, row.destination);
    }
    assert!(lacking > 0, "no device that a release lacks");
}

#[test]
fn what_fails_is_as_reviewed() {
    let _scope = snapshots("devices");
    insta::assert_snapshot!("all", text(results(), config()));
}

/// What 8.2 to 9.0 broke for virtio-gpu was found by users, as no test had the device; what 11.1
/// refuses of 10.0 is found here.
#[test]
fn queues_of_10_0_that_11_1_refuses_are_found() {
    let rows = results();
    let refused = |source: &str, destination: &str, device: &str| {
        rows.iter().any(|(_, row)| {
            row.source == source
                && row.destination == destination
                && row.device == device
                && row.answer.verdict() == Verdict::Refused
                && row.machines.iter().any(|machine| Generation::of(machine).is_some())
        })
    };
    for device in ["virtio-net-pci", "virtio-blk-pci", "virtio-scsi-pci", "virtio-rng-pci"] {
        assert!(refused("10.0", "11.1", device), "{device}");
        assert!(!refused("7.2", "11.1", device), "{device}");
    }
    let parsed: serde_json::Value = serde_json::from_str(&json(rows, config())).expect("json");
    assert_eq!(parsed.as_array().map(Vec::len), Some(rows.len()));
}
