//! A stream's own VMDESCRIPTION compared with the map that a load made: the same fields, of the same
//! sizes, in the same order. The one check of a reading that needs no other release.

use crate::stream::Loaded;
use crate::stream::vmdescription::{Body, DescField, Description, Device, run_lengths};
use crate::wire::Span;

/// Codecs that are one field to the description and, in the map, items beside it.
const OPAQUE: [&str; 2] = ["virtio", "virtio-gpu"];

/// Consecutive bytes of one name, without indices.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    /// Path below the section, in the names of the release.
    path: String,
    len: u64,
    /// Whether the description says no more than the length.
    opaque: bool,
}

impl Run {
    /// Whether an item of this path may be a part of the field: it is the field, lies in it (a
    /// codec of several items), or the field's codec is opaque.
    fn covers(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.path.as_str());
        self.opaque || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// What the description and the map say differently, device by device; empty if they agree.
/// Sections that the description never lists (live ones) are not looked at.
#[must_use]
pub fn differences(description: &Description, loaded: &Loaded<'_>) -> Vec<String> {
    description.devices.iter().filter_map(|device| difference(device, loaded)).collect()
}

fn difference(device: &Device, loaded: &Loaded<'_>) -> Option<String> {
    let name = format!("{} {}", device.name, device.instance_id);
    let section = loaded
        .sections
        .iter()
        .find(|s| s.idstr == device.name.as_bytes() && s.instance_id == device.instance_id);
    let Some(section) = section else {
        return Some(format!("{name}: the map has no such section"));
    };
    if device.body.version.is_some_and(|v| v != section.version_id) {
        return Some(format!(
            "{name}: described as version {:?}, sent as {}",
            device.body.version, section.version_id
        ));
    }
    let mut described = Vec::new();
    if device.body.vmsd_name.is_none() {
        let len = device.body.size.map_or(0, u64::from);
        push(&mut described, Run { path: String::new(), len, opaque: true });
    } else {
        flatten(&device.body, "", &mut described);
    }
    let spans = loaded.map.spans();
    let from = spans.partition_point(|s| s.offset < section.body);
    let to = spans.partition_point(|s| s.offset < section.end);
    let mut read = spans.get(from..to).unwrap_or(&[]).iter().map(|s| run(loaded, s)).peekable();
    let mut at = section.body;
    for expected in described {
        let mut left = expected.len;
        while left > 0 {
            let Some(found) = read.next_if(|r| expected.covers(&r.path)) else {
                let found = read.peek().map_or("nothing", |r| r.path.as_str());
                let path = &expected.path;
                return Some(format!(
                    "{name}: {left} more bytes of {path} described at {at:#x}, read was {found}"
                ));
            };
            let Some(rest) = left.checked_sub(found.len) else {
                let (len, path) = (found.len, &found.path);
                return Some(format!(
                    "{name}: {path} has {left} bytes described at {at:#x}, read were {len}"
                ));
            };
            left = rest;
            at += found.len;
        }
    }
    read.next().map(|r| format!("{name}: {} read at {at:#x}, nothing more described", r.path))
}

/// A span as the description would name it: below its section, without indices.
fn run(loaded: &Loaded<'_>, span: &Span<'_>) -> Run {
    let path = plain(&loaded.map.path(span));
    let path = path.split_once('.').map_or("", |(_, below)| below).to_owned();
    Run { path, len: span.len, opaque: false }
}

/// Appends, joined to the run before it if that has the same name.
fn push(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut() {
        Some(last) if last.path == run.path => last.len += run.len,
        _ if run.len == 0 => {}
        _ => runs.push(run),
    }
}

fn flatten(body: &Body, path: &str, out: &mut Vec<Run>) {
    for entries in body.fields.chunk_by(|a, b| a.name == b.name) {
        for (entry, elements) in entries.iter().zip(run_lengths(entries)) {
            field(entry, elements, path, out);
        }
    }
    for sub in &body.subsections {
        let name = sub.vmsd_name.as_deref().unwrap_or("");
        let path = join(path, name);
        // Mark, length, name, version.
        push(out, Run { path: path.clone(), len: name.len() as u64 + 6, opaque: false });
        flatten(sub, &path, out);
    }
}

fn field(entry: &DescField, elements: u32, path: &str, out: &mut Vec<Run>) {
    let path = join(path, &entry.name);
    match &entry.body {
        Some(body) if body.vmsd_name.is_some() && entry.more.is_empty() => {
            (0..elements).for_each(|_| flatten(body, &path, out));
        }
        _ => {
            let len = u64::from(elements) * u64::from(entry.size);
            push(out, Run { path, len, opaque: OPAQUE.contains(&entry.kind.as_str()) });
        }
    }
}

fn join(path: &str, name: &str) -> String {
    let name = plain(name);
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// A path without what stands in brackets.
fn plain(path: &str) -> String {
    let mut depth = 0;
    path.chars()
        .filter(|c| {
            depth += i32::from(*c == '[');
            let keep = depth == 0;
            depth -= i32::from(*c == ']');
            keep
        })
        .collect()
}
