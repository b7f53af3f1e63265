//! virtio sections of a described stream, field by field.
//!
//! A description says of a virtio device only how long its state is. How it is laid out depends on
//! the release, which the stream does not name; but it may be tried: a layout fits if every section
//! is read to its end, and by nothing else. Where none does, the section stays as it is described.

use std::io::{self, Read, Seek, SeekFrom};

use super::{Described, destination};
use crate::stream::frames::{Scan, opaque};
use crate::stream::{Body, Destination, LoadOptions, Loaded, load, load_with, record};
use crate::vmstate::compiled::{Amount, Kind, Vmsd};
use crate::wire::{Feed, Map};

/// Releases whose layouts are tried, newest first. Between two of them nothing changed that is
/// modelled.
const RELEASES: [&str; 8] = ["11.1", "10.0", "7.2", "5.2", "3.0", "2.8", "2.7", "2.4"];
/// Most bytes of device state that are tried.
const MOST: u64 = 32 << 20;

impl Described {
    /// The same, with the fields of its virtio devices as far as one release's layout fits them.
    ///
    /// # Errors
    /// The source's.
    pub fn detailed(self, source: &mut (impl Read + Seek), scan: &Scan) -> io::Result<Self> {
        let plain = &self.destination;
        if !plain.handlers.iter().any(|h| h.device.starts_with("virtio-")) {
            return Ok(self);
        }
        source.seek(SeekFrom::Start(0))?;
        let whole = load_with(plain, source, &Feed::Bulk, LoadOptions::with_map(Map::bounded(1)));
        if whole.refused.is_some() {
            return Ok(self);
        }
        let Some(devices) = without_memory(source, &whole, scan.footers)? else { return Ok(self) };
        let mut best: Option<(usize, Destination)> = None;
        for release in RELEASES {
            if let Some((left, fitted)) = self.fit(release, scan, &devices)
                && best.as_ref().is_none_or(|(least, _)| left < *least)
            {
                best = Some((left, fitted));
                if left == 0 {
                    break;
                }
            }
        }
        Ok(match best {
            Some((_, destination)) => Described { destination, ..self },
            None => self,
        })
    }

    /// The destination with this release's layouts, and how many sections it does not fit; `None`
    /// where it fits none, or something else does not fit it.
    fn fit(&self, release: &str, scan: &Scan, devices: &[u8]) -> Option<(usize, Destination)> {
        let plain = &self.destination;
        let expected = ends(&load(plain, &mut &devices[..], &Feed::Bulk))?;
        let mut fitted = destination(&self.description, scan, release).ok()?;
        let mut wanted = Vec::new();
        for (index, (handler, known)) in fitted.handlers.iter_mut().zip(&plain.handlers).enumerate()
        {
            let Body::Vmsd(vmsd) = known.body else { continue };
            let Some(codec) = plain.set.get(vmsd).and_then(only_codec) else { continue };
            if !handler.device.starts_with("virtio-") || !matches!(codec, "virtio" | "buffer") {
                continue;
            }
            // A hand-written saver, up to 2.7.
            if codec == "buffer" {
                handler.body = Body::Virtio;
            }
            wanted.push(index);
        }
        let all = wanted.len();
        let mut left = 0;
        while left < all {
            let loaded = load(&fitted, &mut &devices[..], &Feed::Bulk);
            let Some(wrong) = wrong(&loaded, &expected) else { return Some((left, fitted)) };
            let at = wanted.iter().position(|index| *index == wrong)?;
            wanted.swap_remove(at);
            left += 1;
            // As described.
            let Body::Vmsd(vmsd) = plain.handlers.get(wrong)?.body else { return None };
            let vmsd = opaque_like(plain.set.get(vmsd)?)?;
            fitted.handlers.get_mut(wrong)?.body = Body::Vmsd(fitted.set.vmsds.len());
            fitted.set.vmsds.push(vmsd);
        }
        None
    }
}

/// A description with one field, once more.
fn opaque_like(vmsd: &Vmsd) -> Option<Vmsd> {
    let field = vmsd.fields.first()?;
    match &field.kind {
        Kind::Leaf(_, info, Amount::Fixed(len)) => {
            Some(opaque([&vmsd.name, &field.name, info], *len))
        }
        _ => None,
    }
}

/// The codec of a description's only field.
fn only_codec(vmsd: &Vmsd) -> Option<&str> {
    match vmsd.fields.as_slice() {
        [field] if vmsd.subsections.is_empty() => match &field.kind {
            Kind::Leaf(_, info, _) => Some(info),
            _ => None,
        },
        _ => None,
    }
}

/// Handler and end of each section of a stream that was accepted.
fn ends(loaded: &Loaded<'_>) -> Option<Vec<(usize, u64)>> {
    let ends = loaded.sections.iter().map(|s| (s.handler, s.end)).collect();
    loaded.refused.is_none().then_some(ends)
}

/// The handler of the first section that was not read as far as `expected`, if there is one.
fn wrong(loaded: &Loaded<'_>, expected: &[(usize, u64)]) -> Option<usize> {
    let mut read = loaded.sections.iter().map(|s| (s.handler, s.end));
    let differs = expected.iter().find(|section| read.next() != Some(**section));
    match (differs, expected.last()) {
        (Some((handler, _)), _) => Some(*handler),
        (None, Some((handler, _))) if loaded.refused.is_some() => Some(*handler),
        _ => None,
    }
}

/// A stream without its live sections: what comes before the first section, the devices, the end.
/// `None` where they are more than is tried.
fn without_memory(
    source: &mut (impl Read + Seek),
    loaded: &Loaded<'_>,
    footers: bool,
) -> io::Result<Option<Vec<u8>>> {
    let Some(first) = loaded.sections.first().map(|s| s.offset) else { return Ok(None) };
    let footer = if footers { 5 } else { 0 };
    let devices = loaded.sections.iter().filter(|s| s.record == record::FULL);
    let ranges: Vec<(u64, u64)> = std::iter::once((0, first))
        .chain(devices.map(|s| (s.offset, s.end.saturating_add(footer))))
        .collect();
    if ranges.iter().map(|(from, to)| to.saturating_sub(*from)).sum::<u64>() > MOST {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    for (from, to) in ranges {
        source.seek(SeekFrom::Start(from))?;
        (&mut *source).take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
    }
    bytes.push(record::EOF);
    Ok(Some(bytes))
}
