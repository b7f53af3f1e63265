//! Walks the items of a map, each with its bytes and the section that it is in.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::value::{Bytes, section_header, section_part};
use crate::wire::{Map, Span};

/// Bytes of an item that are kept for its text.
pub(super) const HEAD: usize = 4096;
/// Longest item that is looked at as a whole, to see whether all its bytes are one.
const WHOLE: u64 = 1 << 20;
/// Sections that are remembered by their number, for their later parts.
const MAX_SECTIONS: usize = 1 << 16;

/// A section by name and instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Name as received.
    pub idstr: String,
    /// Instance as received.
    pub instance_id: u32,
}

impl Place {
    /// Whether this is what somebody calls `asked`: the whole name, or its last part.
    #[must_use]
    pub fn is(&self, asked: &str) -> bool {
        self.idstr == asked || self.idstr.rsplit('/').next() == Some(asked)
    }
}

/// One item.
pub(super) struct Row<'a, 'd> {
    pub span: &'a Span<'d>,
    pub bytes: Bytes<'a>,
    /// The section that it is in; framing is in none, but for a section's own header and footer.
    pub section: Option<&'a Arc<Place>>,
}

/// A reader that goes along items.
pub(super) struct Rows<S> {
    source: BufReader<S>,
    at: u64,
    head: Vec<u8>,
    section: Option<Arc<Place>>,
    known: HashMap<u64, Arc<Place>>,
}

impl<S: Read + Seek> Rows<S> {
    pub fn new(mut source: S) -> io::Result<Self> {
        source.seek(SeekFrom::Start(0))?;
        Ok(Rows {
            source: BufReader::with_capacity(64 * 1024, source),
            at: 0,
            head: Vec::new(),
            section: None,
            known: HashMap::new(),
        })
    }

    /// Hands each span of `map` to `each`, in order.
    pub fn each<'d>(
        &mut self,
        map: &Map<'d>,
        mut each: impl FnMut(&Row<'_, 'd>, &mut dyn ReadWhole) -> io::Result<()>,
    ) -> io::Result<()> {
        for span in map.spans() {
            self.seek(span.offset)?;
            let mut head = std::mem::take(&mut self.head);
            let uniform = self.look(span, &mut head)?;
            if span.info == "framing" {
                self.framing(span.name, &head);
            }
            let bytes = Bytes { head: &head, len: span.len, uniform };
            let section = self.section.clone();
            each(&Row { span, bytes, section: section.as_ref() }, self)?;
            self.head = head;
        }
        Ok(())
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.source.seek_relative(offset.wrapping_sub(self.at).cast_signed())?;
        self.at = offset;
        Ok(())
    }

    /// Which section goes on from here.
    fn framing(&mut self, name: &str, head: &[u8]) {
        match name {
            "section header" => {
                self.section = section_header(head).map(|(id, idstr, instance_id)| {
                    let place = Arc::new(Place { idstr, instance_id });
                    if self.known.len() < MAX_SECTIONS {
                        self.known.insert(id, Arc::clone(&place));
                    }
                    place
                });
            }
            "section part header" => {
                self.section = section_part(head).and_then(|id| self.known.get(&id).cloned());
            }
            "section footer" => {}
            _ => self.section = None,
        }
    }

    /// Reads the bytes of a span, as far as its text needs them: its first ones into `head`.
    /// Returns the byte that all of them are, if it looked at all and they are one.
    fn look(&mut self, span: &Span<'_>, head: &mut Vec<u8>) -> io::Result<Option<u8>> {
        head.clear();
        let whole = span.len <= WHOLE;
        let wanted = if whole { span.len } else { HEAD as u64 };
        let mut read = 0u64;
        let mut uniform = None;
        let mut mixed = !whole;
        while read < wanted {
            let piece = self.source.fill_buf()?;
            let n = piece.len().min(usize::try_from(wanted - read).unwrap_or(usize::MAX));
            let Some(piece) = piece.get(..n).filter(|piece| !piece.is_empty()) else {
                // A stream that ends inside an item: what is there is shown.
                mixed = true;
                break;
            };
            let room = HEAD.saturating_sub(head.len());
            head.extend(piece.iter().take(room));
            let first = *uniform.get_or_insert_with(|| piece.first().copied().unwrap_or(0));
            mixed = mixed || piece.iter().any(|byte| *byte != first);
            self.source.consume(n);
            read += n as u64;
        }
        self.at += read;
        Ok(uniform.filter(|_| !mixed))
    }
}

/// All bytes of an item, in pieces.
pub(super) trait ReadWhole {
    /// Hands the bytes from `offset` on to `each`, `len` of them or as many as there are.
    fn whole(
        &mut self,
        offset: u64,
        len: u64,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()>;
}

impl<S: Read + Seek> ReadWhole for Rows<S> {
    fn whole(
        &mut self,
        offset: u64,
        len: u64,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.seek(offset)?;
        let mut left = len;
        while left > 0 {
            let piece = self.source.fill_buf()?;
            let n = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let Some(piece) = piece.get(..n).filter(|piece| !piece.is_empty()) else { break };
            each(piece)?;
            self.source.consume(n);
            self.at += n as u64;
            left -= n as u64;
        }
        Ok(())
    }
}
