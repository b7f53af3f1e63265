//! The interface for programs that read streams: [`Stream`].
//!
//! A stream is opened from a file of any kind ([`crate::input`]), then walked: its sections, and the
//! fields in them. Which release wrote it need not be known: since 2.3 a stream describes itself, and
//! of an older one the frames are walked, where the end of a section is a guess and says so.
//!
//! ```
//! use crossload::{Stream, Value};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let corpus = crossload::release::corpus::Corpus::embedded()?;
//! # let library = crossload::release::library::Library::open(corpus)?;
//! # let fixture = library.fixture("7.2", "pc-i440fx-7.2", "idle").expect("in the corpus");
//! # let bytes = library.corpus().stream(fixture)?;
//! // Stream::open("vm.save") does the same for a file.
//! let stream = Stream::from_bytes(bytes)?;
//! assert_eq!(stream.machine_type(), Some("pc-i440fx-7.2"));
//!
//! let contents = stream.read()?;
//! assert!(contents.described && contents.refused.is_none());
//! let names: Vec<&str> = contents.sections.iter().map(|s| s.idstr.as_str()).collect();
//! assert!(names.starts_with(&["ram"]) && names.contains(&"timer"));
//!
//! let clock = contents.fields.iter().find(|f| f.path == "timer.cpu_clock_offset");
//! let clock = clock.expect("every machine has a clock");
//! assert_eq!((clock.codec.as_str(), clock.len), ("int64", 8));
//! assert!(matches!(stream.value(clock)?, Value::Signed(offset) if offset > 0));
//! # Ok(())
//! # }
//! ```
//!
//! What is refused says where:
//!
//! ```
//! let mut bytes = b"QEVM\0\0\0\x03".to_vec();
//! bytes.push(0x55);
//! let stream = crossload::Stream::from_bytes(bytes).expect("it begins like one");
//! let contents = stream.read().expect("memory does not fail");
//! let refused = contents.refused.expect("there is no such record");
//! assert_eq!(refused.offset, 8);
//! assert_eq!(refused.to_string(), "unknown section type 85 at byte 0x8 (8)");
//! ```

use std::io;
use std::path::Path;

use crate::input::{self, Facts, InputError, Options, Source};
use crate::release::described::{self, Described};
use crate::stream::frames::{Depth, GUESSED, UNENDED, scan};
use crate::stream::{Destination, LoadOptions, Loaded, load_with};
use crate::vmstate::flow::c_string;
use crate::wire::{Error, Feed, Map, Span};

/// Fields that are listed at most; a large machine has some hundred thousand.
const MOST: usize = 1 << 20;

/// A migration stream that can be read any number of times. See the [module](self).
#[derive(Debug, Clone)]
pub struct Stream {
    source: Source,
    machine: Option<String>,
}

/// One record that begins or goes on with a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Name as received, with the bus path of the device; empty for a later part.
    pub idstr: String,
    /// Instance as received.
    pub instance_id: u32,
    /// Version as received.
    pub version_id: u32,
    /// Number that the source gave it.
    pub id: u32,
    /// Offset of its record in the stream.
    pub offset: u64,
    /// Offset of its payload.
    pub body: u64,
    /// Offset behind its payload.
    pub end: u64,
}

/// One field, or one record of the framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The section that it is in: its place in [`Contents::sections`]. None for what is around
    /// sections.
    pub section: Option<usize>,
    /// Its path: the device, the structures around it, its own name, with dots between them.
    pub path: String,
    /// Codec as QEMU's descriptions call it; `framing`, `subsection`, `ram`, `block` for records.
    pub codec: String,
    /// Offset of its first byte in the stream.
    pub offset: u64,
    /// Its bytes.
    pub len: u64,
    /// Bytes of one number, where it is one or an array of them; else 0.
    pub width: u32,
    /// Whether where it ends is a guess.
    pub guessed: bool,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number without a sign; `bool` too.
    Unsigned(u64),
    /// A number with a sign, by its codec.
    Signed(i64),
    /// All numbers of an array, without sign.
    List(Vec<u64>),
    /// Any other bytes.
    Bytes(Vec<u8>),
}

/// What is in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Whether the stream was read by its own description. If not, its frames were walked.
    pub described: bool,
    /// Sections, in the order of the stream.
    pub sections: Vec<Section>,
    /// Fields and records, in the order of the stream. Pages of memory in a row are one.
    pub fields: Vec<Field>,
    /// Fields that are not listed: beyond the first million.
    pub left_out: u64,
    /// Offset of the first byte that was not read.
    pub stopped: u64,
    /// What could not be read, if anything.
    pub refused: Option<Error>,
    /// Where the stream is not as it describes itself.
    pub findings: Vec<String>,
}

impl Stream {
    /// Opens a file of any kind, or standard input for `-`, within the bounds of [`Options`].
    ///
    /// # Errors
    /// When it cannot be read, or no stream is in it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, InputError> {
        Ok(Self::of(input::open(path.as_ref(), &Options::default())?))
    }

    /// The same for a file's bytes in memory.
    ///
    /// # Errors
    /// As [`Stream::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, InputError> {
        Ok(Self::of(input::open_bytes("the bytes", bytes, &Options::default())?))
    }

    /// A stream that was [opened](crate::input::open()) with other options.
    ///
    /// ```no_run
    /// use crossload::Stream;
    /// use crossload::input::{Options, open};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // A machine of any size through a pipe, with hardly any room on a disk.
    /// let options = Options { whole: false, limit: 1 << 40, ..Options::default() };
    /// let stream = Stream::of(open("-".as_ref(), &options)?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn of(source: Source) -> Self {
        let machine = scan(&mut source.reader(), Depth::Framing).machine;
        Stream { source, machine }
    }

    /// What was opened.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The machine type, as far as the stream says it (2.4 and later).
    #[must_use]
    pub fn machine_type(&self) -> Option<&str> {
        self.machine.as_deref()
    }

    /// Bytes of the stream.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.source.size()
    }

    /// What its containers say of it.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        self.source.facts()
    }

    /// Up to `len` bytes at `offset`, fewer where the stream ends before.
    ///
    /// # Errors
    /// The medium's.
    pub fn bytes(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.source.reader().get(offset, len)
    }

    /// What a field holds, all of it: of pages of memory as well, which may be much, and are zeros where
    /// a stream was opened [without them](crate::input::Options::whole).
    ///
    /// # Errors
    /// The medium's.
    pub fn value(&self, field: &Field) -> io::Result<Value> {
        let bytes = self.bytes(field.offset, usize::try_from(field.len).unwrap_or(usize::MAX))?;
        let width = field.width as usize;
        if !(1..=8).contains(&width) {
            return Ok(Value::Bytes(bytes));
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        if bytes.len() > width {
            return Ok(Value::List(bytes.chunks_exact(width).map(number).collect()));
        }
        let number = number(&bytes);
        let bits = 64 - 8 * field.width;
        Ok(match field.codec.starts_with("int") || field.codec == "timer" {
            true => Value::Signed((number << bits).cast_signed() >> bits),
            false => Value::Unsigned(number),
        })
    }

    /// Reads the whole stream. One that cannot be read to its end is no error: see
    /// [`Contents::refused`].
    ///
    /// # Errors
    /// The medium's.
    pub fn read(&self) -> io::Result<Contents> {
        let mut source = self.source.reader();
        if let Some(json) = described::find(&mut source)? {
            let framing = scan(&mut self.source.reader(), Depth::Framing);
            if let Ok(described) = Described::new(&json, &framing) {
                let described = described.detailed(&mut self.source.reader(), &framing)?;
                let loaded = self.load(&described.destination);
                let findings = described.findings(&loaded);
                return Ok(contents(&loaded, true, findings));
            }
        }
        let frames = scan(&mut self.source.reader(), Depth::All).destination();
        Ok(contents(&self.load(&frames), false, Vec::new()))
    }

    fn load<'d>(&self, to: &'d Destination) -> Loaded<'d> {
        let options = LoadOptions::with_map(Map::bounded(MOST));
        load_with(to, &mut self.source.reader(), &Feed::Bulk, options)
    }
}

fn contents(loaded: &Loaded<'_>, described: bool, findings: Vec<String>) -> Contents {
    let sections = loaded.sections.iter().map(|s| Section {
        idstr: String::from_utf8_lossy(c_string(&s.idstr)).into_owned(),
        instance_id: s.instance_id,
        version_id: s.version_id,
        id: s.id,
        offset: s.offset,
        body: s.body,
        end: s.end,
    });
    let sections: Vec<Section> = sections.collect();
    let within = |span: &Span<'_>| {
        let after = sections.partition_point(|s| s.end <= span.offset);
        sections.get(after).filter(|s| s.body <= span.offset).map(|_| after)
    };
    let fields = loaded.map.spans().iter().map(|span| Field {
        section: within(span),
        path: loaded.map.path(span),
        codec: span.info.to_string(),
        offset: span.offset,
        len: span.len,
        width: span.width,
        guessed: matches!(span.info, GUESSED | UNENDED),
    });
    Contents {
        described,
        fields: fields.collect(),
        left_out: loaded.map.left_out(),
        stopped: loaded.stopped,
        refused: loaded.refused.as_deref().cloned(),
        findings,
        sections,
    }
}
