//! A stream that is described by itself: a destination made of its VMDESCRIPTION, and where stream and
//! description disagree.

mod virtio;

use std::io::{self, Read, Seek, SeekFrom};

use super::library::build;
use crate::dialect::{Dialect, Version};
use crate::stream::frames::Scan;
use crate::stream::vmdescription::{Description, DescriptionError, locate, parse, to_tables};
use crate::stream::{Body, Destination, Handler, Loaded, record};
use crate::vmstate::Renames;
use crate::vmstate::codec;
use crate::vmstate::compiled::{Amount, Codec, Kind};
use crate::vmstate::flow::c_string;
use crate::vmstate::schema::{self, Tables};

/// Longest end of a stream, in bytes, in which a description is looked for. That of a plain PC
/// has some 100 KiB.
const TAIL: u64 = 8 << 20;
/// So many of them are looked at first: nearly all descriptions are in them, and end with the stream.
const SHORT: u64 = 1 << 20;
/// Bytes that are looked at in one go.
const PIECE: u64 = 1 << 20;

/// A stream's description and the destination made of it.
#[derive(Debug)]
pub struct Described {
    /// As it was sent.
    pub description: Description,
    /// What reads the stream that it came with.
    pub destination: Destination,
}

/// Finds the description of a stream: its JSON. `None` if there is none in the last 8 MiB, or in
/// the 8 MiB before the zeros in which it ends: a device on which it was saved is longer.
///
/// # Errors
/// The source's.
pub fn find(source: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let size = source.seek(SeekFrom::End(0))?;
    if let Some(found) = find_before(source, size)? {
        return Ok(Some(found));
    }
    let end = without_zeros(source, size)?;
    if end == size { Ok(None) } else { find_before(source, end) }
}

/// Finds a description in the 8 MiB before `end`.
fn find_before(source: &mut (impl Read + Seek), end: u64) -> io::Result<Option<Vec<u8>>> {
    for most in [SHORT, TAIL] {
        let from = source.seek(SeekFrom::Start(end.saturating_sub(most)))?;
        let mut tail = Vec::new();
        // One more: it is asked for once it is full.
        tail.try_reserve_exact((end - from) as usize + 1)?;
        (&mut *source).take(end - from).read_to_end(&mut tail)?;
        let Some((at, len)) = locate(&tail) else { continue };
        // One that others may follow is looked for among all.
        if at + len == tail.len() || most == TAIL {
            return Ok(tail.get(at..at + len).map(<[u8]>::to_vec));
        }
    }
    Ok(None)
}

/// How long a source is without the zeros at its end.
fn without_zeros(source: &mut (impl Read + Seek), mut end: u64) -> io::Result<u64> {
    let mut piece = Vec::new();
    while end > 0 {
        let from = source.seek(SeekFrom::Start(end.saturating_sub(PIECE)))?;
        piece.clear();
        (&mut *source).take(end - from).read_to_end(&mut piece)?;
        if let Some(last) = piece.iter().rposition(|byte| *byte != 0) {
            return Ok(from + last as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}

impl Described {
    /// The destination that `json` describes. How sections are framed it does not tell: `scan`
    /// does.
    ///
    /// # Errors
    /// When it is no description, by line and column.
    pub fn new(json: &[u8], scan: &Scan) -> Result<Self, DescriptionError> {
        let description = parse(json)?;
        // 9.0 is the last release with every live handler.
        let mut destination = destination(&description, scan, "9.0")?;
        // What a release refuses for its value is read here: no release from 1.6 to 2.0 has a
        // check that a description's own stream can fail.
        destination.version = Version::new(1, 6, 0);
        for vmsd in &mut destination.set.vmsds {
            for field in &mut vmsd.fields {
                if let Kind::Leaf(codec @ Codec::Virtio, ..) = &mut field.kind {
                    *codec = Codec::Buffer;
                }
            }
        }
        Ok(Described { description, destination })
    }

    /// Where a load into this destination does not bear out the description. Nothing: every
    /// section that was described came, in order, and was as long as described.
    #[must_use]
    pub fn findings(&self, loaded: &Loaded<'_>) -> Vec<String> {
        let mut findings = Vec::new();
        let mut described = self.description.devices.iter();
        let full = loaded.sections.iter().filter(|s| s.record == record::FULL);
        for section in full {
            let name = String::from_utf8_lossy(c_string(&section.idstr)).into_owned();
            let at = section.offset;
            match described.next() {
                Some(device)
                    if device.name == name && device.instance_id == section.instance_id =>
                {
                    if device.body.version.is_some_and(|v| v != section.version_id) {
                        findings.push(format!(
                            "section '{name}' at byte {at:#x} has version {}, described is {}",
                            section.version_id,
                            device.body.version.unwrap_or_default(),
                        ));
                    }
                }
                Some(device) => {
                    findings.push(format!(
                        "section '{name}' {} at byte {at:#x} where '{}' {} is described",
                        section.instance_id, device.name, device.instance_id
                    ));
                    return findings;
                }
                None => findings.push(format!("section '{name}' at byte {at:#x} is not described")),
            }
        }
        if loaded.refused.is_none() {
            for device in described {
                findings.push(format!(
                    "section '{}' {} is described but does not come",
                    device.name, device.instance_id
                ));
            }
        }
        findings
    }
}

/// Prefix of the keys of descriptions that a stream brought itself.
const OWN: &str = "described:";

/// What a stream's description says of its sections, as descriptions for any release's tables: keys
/// begin with a prefix that no importer gives, and codecs that only a release knows are so many bytes.
/// The handlers are those of the sections, in order, without `ram`.
#[must_use]
pub fn described_tables(description: &Description) -> (Tables, Vec<schema::Handler>) {
    let (tables, list) = to_tables(description);
    let own = |key: &String| format!("{OWN}{key}");
    let mut out = Tables { release: tables.release, ..Tables::default() };
    for (key, mut vmsd) in tables.vmsd {
        vmsd.minimum_version_id = 0;
        for field in &mut vmsd.fields {
            match &mut field.kind {
                schema::Kind::Leaf { info, size } => {
                    let width = match size {
                        schema::Size::Fixed(n) => Amount::Fixed(u64::from(*n)),
                        _ => Amount::Unknown(String::new()),
                    };
                    if !is_plain(Codec::of(info), &width) {
                        "buffer".clone_into(info);
                    }
                }
                schema::Kind::Struct { vmsd } | schema::Kind::Vstruct { vmsd, .. } => {
                    *vmsd = own(vmsd);
                }
                schema::Kind::Nested { vmsd, key, .. } => {
                    *vmsd = own(vmsd);
                    *key = key.as_ref().map(own);
                }
                schema::Kind::Unknown { .. } => {}
            }
        }
        for subsection in &mut vmsd.subsections {
            subsection.vmsd = own(&subsection.vmsd);
        }
        out.vmsd.insert(own(&key), vmsd);
    }
    let mut handlers = list.handlers;
    handlers.retain(|handler| matches!(handler.body, schema::Body::Vmsd(_)));
    for handler in &mut handlers {
        if let schema::Body::Vmsd(key) = &mut handler.body {
            *key = own(key);
        }
    }
    (out, handlers)
}

/// What a description describes, by the rules of a release. Virtio devices are read by its layouts.
fn destination(
    description: &Description,
    scan: &Scan,
    release: &str,
) -> Result<Destination, DescriptionError> {
    let (tables, mut handlers) = to_tables(description);
    release.clone_into(&mut handlers.release);
    handlers.machine = scan.machine.clone().unwrap_or_default();
    let mut destination = build(&handlers, &tables, &Renames::default())
        .map_err(|e| DescriptionError::Json(serde::de::Error::custom(e)))?;
    destination.release = String::new();
    // A hand-written saver of a platform is described as so many bytes.
    let plain = description.devices.iter().filter(|device| device.body.vmsd_name.is_none());
    for device in plain {
        let same = |h: &&mut Handler| h.idstr == device.name && h.instance_id == device.instance_id;
        if let (Some(handler), Some(body)) =
            (destination.handlers.iter_mut().find(same), Body::by_name(&device.name))
        {
            handler.body = body;
        }
    }
    destination.dialect = Dialect::any(scan.machine.is_some(), scan.footers, true);
    let known = description.devices.iter().map(|device| device.name.as_str());
    let virtio: Vec<usize> = {
        let handlers = destination.handlers.iter();
        let virtio = handlers.filter(|h| h.device.starts_with("virtio-"));
        let described = virtio.filter(|h| known.clone().any(|name| name == h.idstr));
        described
            .filter_map(|h| match h.body {
                Body::Vmsd(index) => Some(index),
                _ => None,
            })
            .collect()
    };
    // What the layouts of virtio devices are made of is a release's own.
    let own: Vec<usize> = codec::virtio::descriptions(destination.version)
        .vmsd
        .keys()
        .filter_map(|key| destination.set.index_of(key))
        .collect();
    for (index, vmsd) in destination.set.vmsds.iter_mut().enumerate() {
        if own.contains(&index) {
            continue;
        }
        vmsd.minimum_version_id = 0;
        for field in &mut vmsd.fields {
            if let Kind::Leaf(codec, _, size) = &mut field.kind
                && !is_plain(*codec, size)
                && !(*codec == Codec::Virtio && virtio.contains(&index))
            {
                *codec = Codec::Buffer;
            }
        }
    }
    Ok(destination)
}

/// Whether a codec only says how wide a scalar is: the rest is known to a release, and here is so
/// many bytes.
fn is_plain(codec: Codec, size: &Amount) -> bool {
    match codec {
        Codec::Plain(width) => *size == Amount::Fixed(u64::from(width)),
        Codec::Bitmap | Codec::NullPointer | Codec::PointerMarker | Codec::Buffer => true,
        _ => false,
    }
}
