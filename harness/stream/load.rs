//! The main loop: a stream into a destination (`qemu_loadvm_state`, wire reference 2, 3 and 9.3).

use std::io::Read;

use super::command::{self, MAX_PACKAGES, Outcome};
use super::destination::{Body, Destination, Handler};
use super::loaded::Loaded;
use super::progress::{End, Load, MAX_SECTIONS, Section};
use super::{FORMAT, MAGIC, block, configuration, platform, ram, record};
use crate::dialect::PartLookup;
use crate::dialect::machine::Generation;
use crate::vmstate::Walk;
use crate::vmstate::codec::{clock, slirp, virtio};
use crate::vmstate::flow::c_string;
use crate::vmstate::progress::{Context, Engine};
use crate::wire::{Error, Fault, Feed, Kind, Map, Reader, Result, planted};

/// Items that a map has room for from the start.
const MOST_ROOM: usize = 256;

/// How a stream is loaded, where that is not as [`load()`] does it.
#[derive(Debug, Default)]
pub struct LoadOptions<'d> {
    /// The map to fill, such as a [bounded](Map::bounded) one.
    pub map: Map<'d>,
    /// In outline: an array of structs that all have the same layout is one item of the map. Where two
    /// outlines of the same bytes part, the whole maps may part elsewhere, or not at all; where they do
    /// not, neither do the whole maps.
    pub outline: bool,
    /// The destination wrote the stream itself, with whatever capabilities it had: they are not asked
    /// for.
    pub own: bool,
}

impl<'d> LoadOptions<'d> {
    /// Into this map, and else as usual.
    #[must_use]
    pub fn with_map(map: Map<'d>) -> Self {
        LoadOptions { map, ..LoadOptions::default() }
    }
}

/// Loads a stream into a destination under a feed.
pub fn load<'d>(to: &'d Destination, source: &mut dyn Read, feed: &Feed) -> Loaded<'d> {
    load_with(to, source, feed, LoadOptions::default())
}

/// The same with options.
pub fn load_with<'d>(
    to: &'d Destination,
    source: &mut dyn Read,
    feed: &Feed,
    options: LoadOptions<'d>,
) -> Loaded<'d> {
    let mut load = Load::new(to, Reader::new(source, feed));
    (load.asks, load.io.outline) = (!options.own, options.outline);
    run(load, options.map)
}

/// Loads a stream that is in memory: the same outcome, sooner if it is a small one.
pub fn load_bytes<'d>(to: &'d Destination, mut stream: &[u8], feed: &Feed) -> Loaded<'d> {
    let size = stream.len();
    run(Load::new(to, Reader::bounded(&mut stream, feed, size)), Map::new())
}

/// The same for who asks only how many fields were absent, and never for their paths.
pub fn load_tersely<'d>(to: &'d Destination, mut stream: &[u8], feed: &Feed) -> Loaded<'d> {
    let size = stream.len();
    let mut load = Load::new(to, Reader::bounded(&mut stream, feed, size));
    load.io.terse = true;
    // Most items have a few bytes.
    run(load, Map::with_capacity((size / 8).min(MOST_ROOM)))
}

/// Loads the payload of one section alone, as handler number `index` would.
///
/// # Errors
/// In [`Loaded::refused`]; also when something of it is left.
pub fn load_payload<'d>(
    to: &'d Destination,
    index: usize,
    version_id: u32,
    payload: &[u8],
) -> Loaded<'d> {
    let size = payload.len() as u64;
    // Something that is no subsection follows, as in a stream.
    let mut source = payload.chain(&[record::FOOTER; 5][..]);
    let most = payload.len() + 5;
    let mut load = Load::new(to, Reader::bounded(&mut source, &Feed::Bulk, most));
    let mut refused = load.alone(index, version_id).err();
    let at = load.io.reader.offset();
    if refused.is_none() && at != size {
        let idstr = to.handlers.get(index).map(|h| h.idstr.clone()).unwrap_or_default();
        refused = Some(Kind::FooterMissing { idstr, found: 0 }.at(at));
    }
    Loaded::of(load, refused)
}

fn run<'d>(mut load: Load<'_, 'd>, map: Map<'d>) -> Loaded<'d> {
    load.io.map = map;
    let refused = load.whole().err();
    Loaded::of(load, refused)
}

impl<'d> Load<'_, 'd> {
    fn whole(&mut self) -> Result<()> {
        if self.dialect().blocks_unmigratable
            && let Some(name) = self.unmigratable()
        {
            return Err(Kind::Unmigratable(name).at(0));
        }
        self.header()?;
        configuration::load(self)?;
        match self.records() {
            Err(e)
                if planted(Fault::EndInsideSection)
                    && matches!(e.kind, Kind::EndOfInput { .. }) =>
            {
                return Ok(());
            }
            outcome => outcome?,
        };
        // Look-ahead may have run into the end of the stream although nothing was missing.
        if self.io.reader.ended() {
            let at = self.io.reader.offset();
            return Err(Kind::EndOfInput { missing: 0 }.at(at));
        }
        self.after_end()
    }

    fn unmigratable(&self) -> Option<String> {
        self.to.handlers.iter().find_map(|handler| match handler.body {
            Body::Vmsd(index) if self.to.set.get(index)?.unmigratable => {
                Some(handler.idstr.clone())
            }
            Body::Unmigratable => Some(handler.idstr.clone()),
            _ => None,
        })
    }

    pub(super) fn header(&mut self) -> Result<()> {
        let reader = &mut self.io.reader;
        // Missing bytes of the header read as zeros.
        let (found, outcome) = reader.be_padded(4);
        if found != u64::from(MAGIC) {
            return Err(header_error(outcome, Kind::BadMagic { found: found as u32 }.at(0)));
        }
        let (found, outcome) = reader.be_padded(4);
        if found != u64::from(FORMAT) {
            return Err(header_error(outcome, Kind::BadVersion { found: found as u32 }.at(4)));
        }
        self.framing("header", 0);
        Ok(())
    }

    /// Records until the end-of-stream byte or the command that ends the loop.
    pub(super) fn records(&mut self) -> Result<End> {
        loop {
            self.io.map.top();
            self.io.map.set_section(None);
            let at = self.io.reader.offset();
            match self.io.reader.u8()? {
                record::EOF => {
                    self.framing("end of stream", at);
                    return Ok(End::Eof);
                }
                kind @ (record::START | record::FULL) => self.first(kind, at)?,
                kind @ (record::PART | record::END) => self.further(kind, at)?,
                record::COMMAND if self.dialect().commands.is_some() => {
                    if let Some(end) = self.command(at)? {
                        return Ok(end);
                    }
                }
                found => return Err(Kind::UnknownSectionType { found }.at(at)),
            }
        }
    }

    /// The command whose type byte was at `at`, with the package that it may announce.
    pub(super) fn command(&mut self, at: u64) -> Result<Option<End>> {
        match command::load(self, at)? {
            Outcome::Done => Ok(None),
            Outcome::End(end) => Ok(Some(end)),
            Outcome::Package(size) => self.package(size).map(|()| None),
        }
    }

    /// A section stream of `size` bytes without a header, loaded from a buffer of its own.
    fn package(&mut self, size: u64) -> Result<()> {
        let end = self.io.reader.offset().saturating_add(size);
        self.packages += 1;
        if self.packages > MAX_PACKAGES {
            let at = self.io.reader.offset();
            return Err(command::too_deep(at));
        }
        self.records()?;
        self.packages -= 1;
        let at = self.io.reader.offset();
        if at > end {
            // The buffer ended inside a record.
            return Err(Kind::EndOfInput { missing: at - end }.at(end));
        }
        self.io.reader.skip(end - at)?;
        self.framing("rest of package", at);
        Ok(())
    }

    /// START and FULL: the handler is found by name and instance.
    fn first(&mut self, kind: u8, at: u64) -> Result<()> {
        let reader = &mut self.io.reader;
        // Whether all of it was there is asked after the name only.
        let (id, whole) = reader.be_padded(4);
        let id = id as u32;
        let idstr = match whole.and_then(|()| reader.counted()) {
            Ok(idstr) if !idstr.is_empty() => idstr,
            _ if self.to.dialect.checks_idstr => return Err(Kind::BadIdstr.at(at)),
            other => other?,
        };
        let instance_id = reader.be32()?;
        let version_id = reader.be32()?;
        self.framing("section header", at);
        let shown = || String::from_utf8_lossy(c_string(&idstr)).into_owned();
        let Some(index) = self.to.find(&idstr, instance_id) else {
            return Err(Kind::UnknownSection { idstr: shown(), instance_id }.at(at));
        };
        let supported = self.to.handlers.get(index).map_or(0, |h| h.version_id);
        if version_id > supported && !planted(Fault::SectionVersionUnchecked) {
            return Err(Kind::SectionTooNew { idstr: shown(), version_id, supported }.at(at));
        }
        if self.dialect().part_lookup == PartLookup::Newest {
            if self.started.len() >= MAX_SECTIONS {
                let what = format!("more than {MAX_SECTIONS} section ids");
                return Err(Kind::Limit(what).at(at));
            }
            self.started.insert(id, (index, version_id));
        }
        if let Some(place) = self.remembered.get_mut(index) {
            *place = (id, version_id);
        }
        let section = Section {
            record: kind,
            offset: at,
            id,
            idstr,
            instance_id,
            version_id,
            handler: index,
            body: 0,
            end: 0,
        };
        self.payload(section)
    }

    /// PART and END: the handler is found by the id of an earlier record.
    fn further(&mut self, kind: u8, at: u64) -> Result<()> {
        let id = self.io.reader.be32()?;
        self.framing("section part header", at);
        let found = match self.dialect().part_lookup {
            PartLookup::Newest => self.started.get(&id).copied(),
            PartLookup::Handlers => self
                .remembered
                .iter()
                .position(|r| r.0 == id)
                .and_then(|index| self.remembered.get(index).map(|r| (index, r.1))),
        };
        let Some((handler, version_id)) = found else {
            return Err(Kind::UnknownSectionId { id }.at(at));
        };
        let section = Section {
            record: kind,
            offset: at,
            id,
            idstr: Vec::new(),
            instance_id: 0,
            version_id,
            handler,
            body: 0,
            end: 0,
        };
        self.payload(section)
    }

    fn payload(&mut self, mut section: Section) -> Result<()> {
        let Some(handler) = self.to.handlers.get(section.handler) else { return Ok(()) };
        section.body = self.io.reader.offset();
        self.alone(section.handler, section.version_id)?;
        self.io.map.top();
        section.end = self.io.reader.offset();
        let id = section.id;
        if self.sections.len() < MAX_SECTIONS {
            self.sections.push(section);
        }
        if self.dialect().footers {
            self.footer(handler, id)?;
        }
        Ok(())
    }

    /// What handler number `index` reads of a section, and nothing around it.
    fn alone(&mut self, index: usize, version_id: u32) -> Result<()> {
        let Some(handler) = self.to.handlers.get(index) else { return Ok(()) };
        self.io.map.set_section(Some(&handler.idstr));
        let index = (handler.ordinal > 0).then_some(handler.ordinal);
        self.io.map.enter(&handler.device, &handler.device, index);
        self.body(handler, version_id)
    }

    fn body(&mut self, handler: &'d Handler, version_id: u32) -> Result<()> {
        let context = Context {
            set: &self.to.set,
            dialect: &self.to.dialect,
            release: self.to.version,
            generation: Generation::of(&self.to.machine),
            machine: &self.to.machine,
            local: &self.to.local,
        };
        match &handler.body {
            Body::Vmsd(index) => {
                Walk::new(context, &handler.device, &mut self.io).vmsd(*index, version_id)
            }
            Body::Virtio => {
                let mut walk = Walk::new(context, &handler.device, &mut self.io);
                virtio::section(&mut walk, version_id)
            }
            Body::Nothing => Ok(()),
            Body::Slirp => {
                slirp::section(&mut Walk::new(context, &handler.device, &mut self.io), version_id)
            }
            Body::Clock => clock::section(&mut Walk::new(context, &handler.device, &mut self.io)),
            Body::Platform(which) => platform::load(self, *which, version_id),
            Body::Ram => ram::load(self, version_id),
            Body::Block => block::load(&mut self.io, self.to.version),
            Body::DirtyBitmap => block::dirty_bitmap(&mut self.io, version_id),
            // Where a section is loaded alone: of a whole stream the load does not begin. Before 0.14 a
            // loader does not ask, and what it reads is in no table.
            Body::Unmigratable => {
                let at = self.io.reader.offset();
                let kind = match self.dialect().blocks_unmigratable {
                    true => Kind::Unmigratable(handler.idstr.clone()),
                    false => Kind::Undetermined(format!("what {} sends", handler.idstr)),
                };
                Err(self.io.map.fail(kind, at, ""))
            }
            Body::Unknown(name) => {
                let at = self.io.reader.offset();
                Err(self.io.map.fail(Kind::Undetermined(format!("loader {name}")), at, ""))
            }
        }
    }

    fn footer(&mut self, handler: &Handler, expected: u32) -> Result<()> {
        let at = self.io.reader.offset();
        let idstr = || handler.idstr.clone();
        let found = self.io.reader.u8()?;
        if found != record::FOOTER && !planted(Fault::FooterUnchecked) {
            return Err(Kind::FooterMissing { idstr: idstr(), found }.at(at));
        }
        let found = self.io.reader.be32()?;
        if found != expected && !planted(Fault::FooterUnchecked) {
            return Err(Kind::FooterMismatch { idstr: idstr(), found, expected }.at(at));
        }
        self.framing("section footer", at);
        Ok(())
    }

    /// One more byte, and the description if it announces one. Nothing here can fail a load.
    fn after_end(&mut self) -> Result<()> {
        use crate::dialect::AfterEnd;
        let read = match self.dialect().after_end {
            AfterEnd::Nothing => false,
            AfterEnd::Always => true,
            AfterEnd::IfLocal => self.dialect().description,
        };
        if !read {
            return Ok(());
        }
        let at = self.io.reader.offset();
        let found = match self.io.reader.u8() {
            Ok(_) if planted(Fault::DescriptionUnread) => return Ok(()),
            Ok(found) => found,
            Err(_) => {
                self.notes.push("no description follows the end of the stream".to_string());
                return Ok(());
            }
        };
        if found != record::VMDESCRIPTION && planted(Fault::DescriptionWanted) {
            return Err(Kind::UnknownSectionType { found }.at(at));
        }
        if found != record::VMDESCRIPTION {
            self.notes
                .push(format!("byte {found:#04x} at {at:#x} where a description was expected"));
            self.framing("description missing", at);
            return Ok(());
        }
        if let Ok(len) = self.io.reader.be32() {
            // A short description is no error.
            let _ = self.io.reader.skip(u64::from(len));
        }
        self.framing("vmdescription", at);
        Ok(())
    }
}

/// A header that is not as expected, unless its bytes could not be read at all.
fn header_error(read: Result<()>, unexpected: Box<Error>) -> Box<Error> {
    match read {
        Err(error) if !matches!(error.kind, Kind::EndOfInput { .. }) => error,
        _ => unexpected,
    }
}
