//! What a stream says about the machine that sent it.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::dialect::Capabilities;
use crate::dialect::machine::page_bits;
use crate::release::described::{self, Described};
use crate::stream::condense::{Condensed, condense};
use crate::stream::destination::Body;
use crate::stream::frames::{Depth, scan};
use crate::stream::vmdescription::{self, Description};
use crate::stream::{Destination, LoadOptions, load_with, record};
use crate::vmstate::flow::c_string;
use crate::vmstate::schema::{Answers, Handler, Tables};
use crate::wire::{Feed, Map};

/// Longest payload that is looked at, in bytes; only live sections are longer.
const PAYLOAD: u64 = 16 << 20;
/// Most items of a stream that is judged, pages in a row being one: each is kept, for the source and for a
/// destination. A machine has some ten thousand, and three for each time that memory was gone through.
const MOST_ITEMS: u64 = 1 << 20;
/// Items that are counted in one go.
const PIECE: usize = 1 << 10;

/// A machine as its stream shows it.
#[derive(Debug, Default)]
pub struct Machine {
    /// Machine type, where the stream says it (2.4 on) or somebody did.
    pub machine: Option<String>,
    /// Sections with one record, in stream order.
    pub sections: Vec<SentSection>,
    /// Migration capabilities that the source had on, as far as the stream shows them.
    pub capabilities: Capabilities,
    /// RAM blocks with their lengths in bytes.
    pub blocks: Vec<(Vec<u8>, u64)>,
    /// Whether a description follows the state, though it may be cut.
    pub described: bool,
    /// Its description.
    pub description: Option<Description>,
    /// The same as descriptions and handlers; see [`described_tables`](described::described_tables).
    pub described_tables: (Tables, Vec<Handler>),
    /// The stream without pages that make no difference.
    pub condensed: Condensed,
    /// Why not all of the stream could be looked through.
    pub stopped: Option<String>,
    /// Reads the stream by its own description, or by its frames.
    pub own: Option<Destination>,
}

/// A section of a stream.
#[derive(Debug, Clone, Default)]
pub struct SentSection {
    /// Name.
    pub idstr: String,
    /// Instance.
    pub instance_id: u32,
    /// Version.
    pub version_id: u32,
    /// Offset of its first byte.
    pub offset: u64,
    /// What it holds.
    pub payload: Vec<u8>,
    /// Name of its description, where the stream says it.
    pub vmsd: Option<String>,
    /// What is known of its layout beside the stream.
    pub answers: Answers,
    /// The device type, where that is known: a stream does not say it.
    pub device: Option<String>,
}

impl SentSection {
    /// The bus path before a section's name, if the name is known to be `section`.
    #[must_use]
    pub fn path<'s>(&'s self, section: &str) -> Option<&'s str> {
        self.idstr.strip_suffix(section)?.strip_suffix('/')
    }

    /// The name without a bus path: that of the description, or else what is behind the last slash.
    #[must_use]
    pub fn name(&self) -> &str {
        if let Some(vmsd) = &self.vmsd
            && (self.idstr == *vmsd || self.path(vmsd).is_some())
        {
            return vmsd;
        }
        self.idstr.rsplit('/').next().unwrap_or(&self.idstr)
    }
}

impl Machine {
    /// Looks through a stream.
    ///
    /// # Errors
    /// The source's. A stream that ends early, or is none, is reported in [`Machine::stopped`].
    pub fn of(source: &mut (impl Read + Seek)) -> io::Result<Self> {
        let json = described::find(source)?;
        source.seek(SeekFrom::Start(0))?;
        let framing = scan(source, Depth::Framing);
        let described = json.and_then(|json| Described::new(&json, &framing).ok());
        source.seek(SeekFrom::Start(0))?;
        let (own, description) = match described {
            Some(Described { description, destination }) => (destination, Some(description)),
            None => (scan(source, Depth::All).destination(), None),
        };
        source.seek(SeekFrom::Start(0))?;
        let (sections, parts, placed, blocks, capabilities, stopped) = {
            let items = Arc::new(AtomicU64::new(0));
            let map = Map::streamed(PIECE, {
                let items = Arc::clone(&items);
                move |map| {
                    items.fetch_add(map.spans().len() as u64, Relaxed);
                }
            });
            let loaded = load_with(&own, source, &Feed::Bulk, LoadOptions::with_map(map));
            if items.load(Relaxed) + loaded.map.spans().len() as u64 > MOST_ITEMS {
                return Err(io::Error::other(format!("more than {MOST_ITEMS} items")));
            }
            let further = loaded.sections.iter().filter(|s| {
                let handler = own.handlers.get(s.handler);
                matches!(s.record, record::PART | record::END)
                    && handler.is_some_and(|h| h.body == Body::Ram)
            });
            let parts: Vec<(u64, u64)> = further.map(|s| (s.body, s.end)).collect();
            let full = loaded.sections.iter().filter(|s| s.record == record::FULL);
            let sections: Vec<_> = full
                .map(|s| {
                    let sent = SentSection {
                        idstr: String::from_utf8_lossy(c_string(&s.idstr)).into_owned(),
                        instance_id: s.instance_id,
                        version_id: s.version_id,
                        offset: s.body,
                        ..SentSection::default()
                    };
                    (sent, s.end.saturating_sub(s.body))
                })
                .collect();
            let stopped = loaded.refused.map(|e| e.to_string());
            (sections, parts, loaded.placed, loaded.blocks, loaded.shown, stopped)
        };
        let page = 1 << page_bits(framing.machine.as_deref().unwrap_or_default());
        let condensed = match stopped {
            None => condense(source, &parts, &blocks, &placed, page)?,
            Some(_) => Condensed::default(),
        };
        let mut machine = Machine {
            machine: framing.machine.filter(|name| !name.is_empty()),
            capabilities,
            blocks,
            described: own.dialect.description,
            condensed,
            stopped,
            own: Some(own),
            ..Machine::default()
        };
        for (mut sent, len) in sections {
            source.seek(SeekFrom::Start(sent.offset))?;
            source.take(len.min(PAYLOAD)).read_to_end(&mut sent.payload)?;
            sent.vmsd = description.as_ref().and_then(|d| body(d, &sent)?.vmsd_name.clone());
            machine.sections.push(sent);
        }
        machine.described_tables =
            description.as_ref().map(described::described_tables).unwrap_or_default();
        machine.description = description;
        Ok(machine)
    }

    /// How a section is described.
    #[must_use]
    pub fn body(&self, sent: &SentSection) -> Option<&vmdescription::Body> {
        body(self.description.as_ref()?, sent)
    }
}

fn body<'d>(description: &'d Description, sent: &SentSection) -> Option<&'d vmdescription::Body> {
    let mut devices = description.devices.iter();
    let device = devices.find(|d| d.name == sent.idstr && d.instance_id == sent.instance_id)?;
    Some(&device.body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Any number of commands may come: they are read, and no room is made for all of them.
    #[test]
    fn items_are_bounded() {
        let pings = |count: u64| {
            let one = [8, 0, 2, 0, 4, 0, 0, 0, 1];
            let mut bytes = b"QEVM\0\0\0\x03".to_vec();
            (0..count).for_each(|_| bytes.extend(one));
            bytes.push(0);
            Machine::of(&mut Cursor::new(bytes))
        };
        // The header and the end are items too.
        assert_eq!(pings(MOST_ITEMS - 2).unwrap().stopped, None);
        let refused = pings(MOST_ITEMS - 1).map(|_| ()).unwrap_err().to_string();
        assert_eq!(refused, "more than 1048576 items");
    }
}
