//! The matrix over devices, as reviewed: what does not go from one release to another.

mod support;

use crossload::matrix::devices::devices;
use crossload::release::compose::Shelves;
use crossload::report::devices::{json, text};
use crossload::trace::Verdict;
use support::library;
use support::snapshots::snapshots;

#[test]
fn what_fails_is_as_reviewed() {
    let rows = devices(&Shelves::new(library()), |_| true).expect("devices");
    let _scope = snapshots("devices");
    insta::assert_snapshot!("all", text(&rows));
}

/// What 8.2 to 9.0 broke for virtio-gpu was found by users, as no test had the device; what 11.1
/// refuses of 10.0 is found here.
#[test]
fn queues_of_10_0_that_11_1_refuses_are_found() {
    let rows =
        devices(&Shelves::new(library()), |device| device.starts_with("virtio-")).expect("devices");
    let refused = |source: &str, destination: &str, device: &str| {
        rows.iter().any(|row| {
            row.source == source
                && row.destination == destination
                && row.device == device
                && row.answer.verdict() == Verdict::Refused
        })
    };
    for device in ["virtio-net-pci", "virtio-blk-pci", "virtio-scsi-pci", "virtio-rng-pci"] {
        assert!(refused("10.0", "11.1", device), "{device}");
        assert!(!refused("7.2", "11.1", device), "{device}");
    }
    let parsed: serde_json::Value = serde_json::from_str(&json(&rows)).expect("json");
    assert_eq!(parsed.as_array().map(Vec::len), Some(rows.len()));
}
