//! Finds where the sections of a stream begin and end, with no release known.
//!
//! `ram`, `block`, `dirty-bitmap` and the records of [platforms](platform) are parsed. Any other section is opaque: [`scan`] looks for
//! the first place where a plausible record follows, or the section's own footer and then one.
//! What it finds becomes a [`Destination`] with one opaque field a section, so that the ordinary
//! loader makes the map. Such an extent is a guess, and its codec says so.

mod boundary;

use std::io::Read;

use boundary::{Live, boundary, is_footer};

use super::command;
use super::destination::{Body, Destination, Handler, Platform};
use super::progress::{End, Load};
use super::{block, platform, ram, record};
use crate::dialect::{Dialect, Subsections, Version};
use crate::vmstate::compiled::{Amount, Codec, Count, Field, Kind as FieldKind, Vmsd};
use crate::vmstate::flow::c_string;
use crate::vmstate::schema::Unknown;
use crate::vmstate::{Local, Set};
use crate::wire::{Error, Feed, Kind, Map, Reader, Refill, Result};

/// Codec of a payload whose end was found by what follows it.
pub const GUESSED: &str = "opaque, end guessed";
/// Codec of a payload behind which nothing was recognised.
pub const UNENDED: &str = "opaque, no end found";

/// What a scan learnt of a stream.
#[derive(Debug)]
pub struct Scan {
    /// Machine type, if there is a configuration section.
    pub machine: Option<String>,
    /// Whether sections have footers. Without any section: whether there is a configuration.
    pub footers: bool,
    /// Whether a description follows the end of the state.
    pub description: bool,
    /// Sections that are not live, in stream order.
    pub sections: Vec<Opaque>,
    /// Why the scan stopped before the end of the state. A loader meets the same.
    pub stopped: Option<Box<Error>>,
    /// Where the stream ends, with the description that it announces; the bytes of that may lack.
    /// Known only where the whole state was scanned.
    pub end: Option<u64>,
}

/// A section of which only the outside is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque {
    /// Name.
    pub idstr: String,
    /// Instance.
    pub instance_id: u32,
    /// Version.
    pub version_id: u32,
    /// Bytes of the payload.
    pub len: u64,
    /// Whether something plausible follows the payload.
    pub ended: bool,
}

/// How far to scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// To the end of the first section: what the framing is like.
    Framing,
    /// As far as nothing is guessed: to the first opaque section. What is in a package is passed over.
    Live,
    /// To the end of the state.
    All,
}

/// Sections that are distinguished; a real stream has some dozens.
const MAX_SECTIONS: usize = 8192;
/// Longest machine name that is looked at.
const MAX_NAME: usize = 256;
/// How much of a payload is looked at in one go.
const CHUNK: usize = 16 * 1024;
/// Bytes from which a record can be recognised: a footer and a header with the longest name.
const LOOK: usize = 5 + 14 + 255;

/// Scans a stream.
pub fn scan(source: &mut dyn Read, depth: Depth) -> Scan {
    scan_by(Reader::new(source, &Feed::Bulk), depth)
}

/// The same, telling where contents of memory and disks lie, before they are read.
pub fn scan_reporting<'s>(
    source: &'s mut dyn Read,
    depth: Depth,
    report: &'s mut dyn FnMut(u64, u64),
) -> Scan {
    scan_by(Reader::new(source, &Feed::Bulk).reporting(report), depth)
}

fn scan_by(mut reader: Reader<'_>, depth: Depth) -> Scan {
    let machine = machine(&mut reader);
    let to = live(machine.as_deref());
    let mut load = Load::new(&to, reader);
    // Nobody asks what the records were read as, and there may be any number of them.
    load.io.map = Map::bounded(0);
    let mut scanner = Scanner {
        load,
        depth,
        footers: None,
        started: Vec::new(),
        description: false,
        sections: Vec::new(),
        packages: Vec::new(),
        opaque: false,
    };
    let stopped = scanner.whole().err();
    let end = if stopped.is_none() && depth == Depth::All { scanner.end() } else { None };
    let Scanner { footers, description, sections, .. } = scanner;
    let footers = footers.unwrap_or(machine.is_some());
    Scan { footers, machine, description, sections, stopped, end }
}

impl Scan {
    /// A destination that reads the stream by its frames: every section that was found is one
    /// opaque field.
    #[must_use]
    pub fn destination(&self) -> Destination {
        let mut to = live(self.machine.as_deref());
        to.dialect.footers = self.footers;
        to.dialect.description = self.description;
        for section in &self.sections {
            let info = if section.ended { GUESSED } else { UNENDED };
            let body = Body::Vmsd(to.set.vmsds.len());
            // Not the section's name: value checks go by that.
            to.set.vmsds.push(opaque([info, "payload", info], section.len));
            to.handlers.push(handler(&section.idstr, section.instance_id, body));
        }
        Handler::number(&mut to.handlers);
        to
    }
}

/// The received machine type, where a configuration section follows the header.
fn machine(reader: &mut Reader<'_>) -> Option<String> {
    let head = reader.peek(8, 5 + MAX_NAME, Refill::Full);
    let (&first, rest) = head.split_first()?;
    let (len, name) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?.min(MAX_NAME);
    let name = name.get(..len).unwrap_or(name);
    (first == record::CONFIGURATION).then(|| String::from_utf8_lossy(name).into_owned())
}

/// A destination that has the live sections only.
fn live(machine: Option<&str>) -> Destination {
    let mut sections =
        vec![("ram", Body::Ram), ("block", Body::Block), ("dirty-bitmap", Body::DirtyBitmap)];
    sections.extend(Platform::ALL.map(|which| (which.idstr(), Body::Platform(which))));
    Destination {
        release: String::new(),
        version: Version::new(9, 0, 0),
        machine: machine.unwrap_or_default().to_string(),
        scenario: String::new(),
        dialect: Dialect {
            subsections: Subsections::None,
            ..Dialect::any(machine.is_some(), false, true)
        },
        handlers: sections.into_iter().map(|(name, body)| handler(name, 0, body)).collect(),
        set: Set::new(),
        local: Local::default(),
    }
}

fn handler(idstr: &str, instance_id: u32, body: Body) -> Handler {
    Handler {
        idstr: idstr.to_string(),
        instance_id,
        alias_id: u32::MAX,
        version_id: u32::MAX,
        compat: None,
        device: idstr.rsplit('/').next().unwrap_or(idstr).to_string(),
        ordinal: 0,
        body,
    }
}

/// A description with one field of `len` bytes, taken as they are.
pub(crate) fn opaque([vmsd, field, info]: [&str; 3], len: u64) -> Vmsd {
    let payload = Field {
        name: field.to_string(),
        canonical: field.to_string(),
        dropped: false,
        version_id: 0,
        exists: None,
        must_exist: false,
        kind: FieldKind::Leaf(Codec::Buffer, info.to_string(), Amount::Fixed(len)),
        count: Count::One,
        array_of_pointer: false,
        auto_alloc: false,
    };
    Vmsd {
        name: vmsd.to_string(),
        version_id: u32::MAX,
        minimum_version_id: 0,
        old: None,
        unmigratable: false,
        unknown: Unknown::default(),
        fields: vec![payload],
        subsections: Vec::new(),
    }
}

struct Scanner<'s, 'd> {
    load: Load<'s, 'd>,
    depth: Depth,
    /// Known from the end of the first section on.
    footers: Option<bool>,
    started: Vec<Live>,
    description: bool,
    sections: Vec<Opaque>,
    /// Ends of the packages that the reader is in.
    packages: Vec<u64>,
    /// Whether an opaque section ended a scan of live ones.
    opaque: bool,
}

impl Scanner<'_, '_> {
    fn whole(&mut self) -> Result<()> {
        self.load.header()?;
        super::configuration::load(&mut self.load)?;
        loop {
            if self.opaque || self.depth == Depth::Framing && self.footers.is_some() {
                return Ok(());
            }
            let at = self.load.io.reader.offset();
            match self.load.io.reader.u8()? {
                record::EOF => match self.package(at) {
                    None => {
                        let next = self.load.io.reader.peek_byte(0);
                        self.description = next == Some(record::VMDESCRIPTION);
                        return Ok(());
                    }
                    Some(end) => self.load.io.reader.skip(end.saturating_sub(at + 1))?,
                },
                kind @ (record::START | record::FULL) => self.first(kind, at)?,
                kind @ (record::PART | record::END) => self.further(kind, at)?,
                record::COMMAND => {
                    if let Some(End::Quit) = self.command(at)? {
                        let Some(end) = self.package(at) else { return Ok(()) };
                        let reader = &mut self.load.io.reader;
                        reader.skip(end.saturating_sub(reader.offset()))?;
                    }
                }
                found => return Err(Kind::UnknownSectionType { found }.at(at)),
            }
        }
    }

    /// Leaves the package that the record at `at` is in, and returns its end. In postcopy the guest
    /// is handed over in a package, and its pages follow that.
    fn package(&mut self, at: u64) -> Option<u64> {
        std::iter::from_fn(|| self.packages.pop()).find(|end| *end > at)
    }

    /// Behind the end of the state: the end of what was announced.
    fn end(&mut self) -> Option<u64> {
        let reader = &mut self.load.io.reader;
        if !self.description {
            return Some(reader.offset());
        }
        let at = reader.offset() + 5;
        let len = reader.peek(1, 4, Refill::Full).first_chunk::<4>().copied()?;
        at.checked_add(u64::from(u32::from_be_bytes(len)))
    }

    fn first(&mut self, kind: u8, at: u64) -> Result<()> {
        let reader = &mut self.load.io.reader;
        let id = reader.be32()?;
        let idstr = reader.counted()?;
        let (instance_id, version_id) = (reader.be32()?, reader.be32()?);
        if self.sections.len() + self.started.len() >= MAX_SECTIONS {
            return Err(Kind::Limit(format!("more than {MAX_SECTIONS} sections")).at(at));
        }
        if let Some(index) = self.load.to.find(&idstr, instance_id) {
            self.started.retain(|s| s.id != id);
            let ended = kind == record::FULL;
            self.started.push(Live { id, handler: index, version_id, ended });
            return self.live(id, index, version_id);
        }
        if self.depth == Depth::Live {
            self.opaque = true;
            return Ok(());
        }
        let from = self.load.io.reader.offset();
        let ended = self.payload(id)?;
        let len = self.load.io.reader.offset() - from;
        let idstr = String::from_utf8_lossy(c_string(&idstr)).into_owned();
        self.sections.push(Opaque { idstr, instance_id, version_id, len, ended });
        if ended && self.footers == Some(true) {
            self.load.io.reader.skip(5)?;
        }
        Ok(())
    }

    fn further(&mut self, kind: u8, at: u64) -> Result<()> {
        let id = self.load.io.reader.be32()?;
        let Some(live) = self.started.iter_mut().find(|s| s.id == id) else {
            return Err(Kind::UnknownSectionId { id }.at(at));
        };
        live.ended |= kind == record::END;
        let (handler, version_id) = (live.handler, live.version_id);
        self.live(id, handler, version_id)
    }

    fn live(&mut self, id: u32, index: usize, version_id: u32) -> Result<()> {
        match self.load.to.handlers.get(index).map(|h| &h.body) {
            Some(Body::Ram) => ram::load(&mut self.load, version_id)?,
            Some(Body::Block) => block::load(&mut self.load.io, self.load.to.version)?,
            Some(Body::Platform(which)) => platform::load(&mut self.load, *which, version_id)?,
            _ => block::dirty_bitmap(&mut self.load.io, version_id)?,
        }
        let reader = &mut self.load.io.reader;
        let at = reader.offset();
        let found = is_footer(reader.peek(0, 5, Refill::Full), id);
        match (*self.footers.get_or_insert(found), found) {
            (true, true) => reader.skip(5),
            (true, false) => {
                let idstr = self.load.to.handlers.get(index).map_or("", |h| &h.idstr).to_string();
                let found = reader.u8()?;
                Err(Kind::FooterMissing { idstr, found }.at(at))
            }
            (false, _) => Ok(()),
        }
    }

    fn command(&mut self, at: u64) -> Result<Option<End>> {
        let reader = &mut self.load.io.reader;
        if reader.peek(0, 4, Refill::Full) != PACKAGED {
            return self.load.command(at);
        }
        reader.skip(4)?;
        let size = reader.be32()?;
        if self.depth == Depth::Live {
            reader.skip(u64::from(size))?;
            return Ok(None);
        }
        // The records in it follow one another as outside it.
        self.packages.retain(|end| *end > at);
        if self.packages.len() >= command::MAX_PACKAGES as usize {
            return Err(command::too_deep(at));
        }
        self.packages.push(reader.offset().saturating_add(u64::from(size)));
        Ok(None)
    }

    /// Passes over an opaque payload. Returns whether something plausible follows it; else it
    /// takes all that is left.
    fn payload(&mut self, id: u32) -> Result<bool> {
        loop {
            let window = self.load.io.reader.peek(0, CHUNK, Refill::Full);
            let all = window.len() < CHUNK;
            let most = if all { window.len() } else { CHUNK - LOOK };
            let found = (0..most).find_map(|at| {
                let footers = boundary(window.get(at..)?, all, id, self.footers, &self.started)?;
                Some((at, footers))
            });
            let passed = found.map_or(most, |f| f.0);
            self.load.io.reader.skip(passed as u64)?;
            if let Some((_, footers)) = found {
                self.footers = Some(footers);
                return Ok(true);
            }
            if all {
                return Ok(false);
            }
        }
    }
}

/// Number and length of the command that wraps further records.
const PACKAGED: [u8; 4] = [0, record::PACKAGED, 0, 4];
