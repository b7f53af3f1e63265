//! Local values that a release has by default, from the recorded payloads.

use std::collections::BTreeSet;

use super::composed::Choice;
use crate::stream::{Destination, load_payload};
use crate::vmstate::Local;
use crate::vmstate::check::cpreg::List;
use crate::vmstate::codec::pci;

/// What a channel device compares of its address (`s390_subch_dev`).
const PLACES: [&str; 3] = ["cssid", "ssid", "devno"];

/// Local values as they were recorded.
#[derive(Debug, Default)]
pub(super) struct RecordedDefaults {
    /// Values by path identity, subsections and sections.
    pub local: Local,
    /// Values that say where a device is, by path identity: the machine's, whatever was recorded.
    pub places: BTreeSet<u64>,
    /// Extended configuration spaces of virtio devices, by path identity.
    pub extended: BTreeSet<u64>,
    /// Lists of system registers: number of the section in the stream, and path identity.
    pub registers: Vec<(usize, u64)>,
}

/// Reads the recorded payloads. `of` has the layouts under which they were recorded, and no local values
/// that a payload could be compared with.
pub(super) fn recorded(chosen: &[Choice], of: &Destination) -> RecordedDefaults {
    let mut out = RecordedDefaults::default();
    for (index, chosen) in chosen.iter().enumerate() {
        let Some((entry, layouts)) = &chosen.entry else { continue };
        let Some(at) = place(of, index) else { continue };
        let payload = layouts.payload(entry);
        let loaded = load_payload(of, at, entry.version_id, &payload);
        out.local.remember(&loaded.map, &payload);
        let device = of.handlers.get(at).map(|handler| handler.device.as_str()).unwrap_or_default();
        for span in loaded.map.spans() {
            if span.name == pci::EXTENDED && device.starts_with("virtio") {
                out.extended.insert(span.identity);
            }
            if span.info == "subsection" {
                out.local.subsections.push((loaded.map.path(span), span.name.to_string()));
            } else if PLACES.contains(&span.name) {
                out.places.insert(span.identity);
            } else if List::of(span.name) == Some(List::Indexes) {
                out.registers.push((index, span.identity));
            }
        }
        if let Some(handler) = of.handlers.get(at) {
            out.local.sections.insert(handler.device.clone());
        }
    }
    out.local.subsections.sort();
    out.local.subsections.dedup();
    out
}

/// Where section number `index` of the stream has its handler: behind `ram`.
pub(super) fn place(of: &Destination, index: usize) -> Option<usize> {
    let at = index + 1;
    (at < of.handlers.len()).then_some(at)
}
