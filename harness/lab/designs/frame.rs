//! What the designs without tags share: sections of fields in order, as QEMU has them.
//!
//! ```text
//! { 04 id name instance version  head  body  tail }*  00
//! body: fields, then whatever the design puts after the fields of a description
//! ```
//!
//! A [`Layout`] holds the decisions in which they differ; one with [`Promises`] is a design.

use super::cursor::{Cursor, Stream, shown};
use super::model::{Desc, Field, Id, Kind, Machine, Slot, State, within};
use super::sink::{Refusal, Sink};
use super::{Design, Promises};
use crate::stream::record;
use crate::wire::Writer;

/// Record type of a section.
pub const SECTION: u8 = 0x04;
/// Record type of the end.
pub const END: u8 = 0x00;
/// First byte of a subsection.
pub const SUBSECTION: u8 = 0x05;

/// A stream being decoded into a destination.
#[derive(Debug)]
pub struct Io<'s, 'k> {
    /// The stream.
    pub cursor: Cursor<'s>,
    /// The destination.
    pub sink: &'k mut Sink,
}

/// Where in a machine something is.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'m> {
    /// The machine.
    pub machine: &'m Machine,
    /// Meaning of the place.
    pub place: Id,
    /// Whether it is the section's own description, not one inside it.
    pub top: bool,
}

impl Spot<'_> {
    /// A place inside this one.
    #[must_use]
    pub fn inside(self, id: Id) -> Self {
        Spot { place: within(self.place, id), top: false, ..self }
    }
}

/// How a reader tells a subsection from what else may follow the fields of a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsections {
    /// There are none.
    None,
    /// By the byte 05; where `listed`, only after a description that lists any.
    OneByte {
        /// Whether a description without any is not looked behind.
        listed: bool,
    },
    /// By the byte 05, a length that leaves room for more than the owner's name, and a name that begins
    /// with it; where `full`, a look-ahead waits for as many bytes as it needs.
    Prefix {
        /// Whether it waits.
        full: bool,
    },
}

/// What a positional design does differently.
pub trait Layout: Sync {
    /// How optional parts are sent.
    fn subsections(&self) -> Subsections {
        Subsections::None
    }

    /// Whether a section ends with a footer.
    fn footers(&self) -> bool {
        false
    }

    /// The version that is sent and accepted.
    fn version(&self, desc: &Desc) -> u32 {
        desc.version
    }

    /// The lowest version accepted.
    fn minimum(&self, desc: &Desc) -> u32 {
        desc.minimum
    }

    /// Whether a field is there in a version.
    fn has(&self, field: &Field, version: u32, _: Spot<'_>) -> bool {
        field.since <= version
    }

    /// Writes what follows the fields of a description.
    fn put_after(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>) {
        if self.subsections() != Subsections::None {
            put_subsections(self, out, desc, state, spot);
        }
    }

    /// Reads what follows the fields of a description that was read at this version.
    ///
    /// # Errors
    /// What the design refuses.
    fn take_after(
        &self,
        io: &mut Io<'_, '_>,
        desc: &Desc,
        _version: u32,
        spot: Spot<'_>,
    ) -> Result<(), Refusal> {
        match self.subsections() {
            Subsections::None => Ok(()),
            Subsections::OneByte { listed: true } if desc.optional.is_empty() => Ok(()),
            Subsections::OneByte { .. } => take_by_byte(self, io, desc, spot),
            Subsections::Prefix { full } => take_by_prefix(self, io, desc, spot, full),
        }
    }

    /// Writes a section's body with what frames it.
    fn put_body(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>, id: u32) {
        put(self, out, desc, state, self.version(desc), spot);
        if self.footers() {
            out.u8(record::FOOTER);
            out.be32(id);
        }
    }

    /// Reads a section's body with what frames it.
    ///
    /// # Errors
    /// What the design refuses.
    fn take_body(
        &self,
        io: &mut Io<'_, '_>,
        desc: &Desc,
        version: u32,
        spot: Spot<'_>,
        id: u32,
    ) -> Result<(), Refusal> {
        take(self, io, desc, version, spot)?;
        if !self.footers() || (io.cursor.u8()? == record::FOOTER && io.cursor.be32()? == id) {
            return Ok(());
        }
        Err(Refusal::Footer(desc.name.clone()))
    }

    /// Writes sections that belong to a device beside its own.
    fn put_beside(&self, _: &mut Writer, _: &Desc, _: &State, _: Spot<'_>) {}

    /// Reads a section that is no device's own, if there is such a thing. Returns whether.
    ///
    /// # Errors
    /// What the design refuses.
    fn take_beside(
        &self,
        _: &mut Io<'_, '_>,
        _: &Machine,
        _: &[u8],
        _: u32,
    ) -> Result<bool, Refusal> {
        Ok(false)
    }
}

/// A layout that promises something is a design by itself.
impl<L: Layout + Promises> Design for L {
    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
        encode(self, from, states)
    }

    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
        decode(self, stream, to, sink)
    }
}

/// Writes the head of a section.
pub fn put_head(out: &mut Writer, id: u32, name: &str, version: u32) {
    out.u8(SECTION);
    out.be32(id);
    out.counted(name.as_bytes());
    out.be32(0);
    out.be32(version);
}

/// Writes a machine's state.
pub fn encode<L: Layout + ?Sized>(layout: &L, machine: &Machine, states: &[State]) -> Vec<u8> {
    let mut out = Writer::new();
    for (id, (device, state)) in (0u32..).zip(machine.devices.iter().zip(states)) {
        let spot = Spot { machine, place: device.id, top: true };
        put_head(&mut out, id, &device.desc.name, layout.version(&device.desc));
        layout.put_body(&mut out, &device.desc, state, spot, id);
        layout.put_beside(&mut out, &device.desc, state, spot);
    }
    out.u8(END);
    out.into_bytes()
}

/// Writes the fields of a description and what follows them.
pub fn put<L: Layout + ?Sized>(
    layout: &L,
    out: &mut Writer,
    desc: &Desc,
    state: &State,
    version: u32,
    spot: Spot<'_>,
) {
    for (field, slot) in desc.with(state) {
        if !layout.has(field, version, spot) {
            continue;
        }
        match (slot, &field.kind) {
            (Slot::Bytes(bytes), _) => out.put(bytes),
            (Slot::Struct(state), Kind::Struct(desc)) => {
                put(layout, out, desc, state, layout.version(desc), spot.inside(field.id));
            }
            (Slot::Struct(_), Kind::Bytes(_)) => {}
        }
    }
    layout.put_after(out, desc, state, spot);
}

/// Reads a stream into a machine.
///
/// # Errors
/// What the design refuses.
pub fn decode<L: Layout + ?Sized>(
    layout: &L,
    stream: Stream<'_>,
    machine: &Machine,
    sink: &mut Sink,
) -> Result<(), Refusal> {
    let mut io = Io { cursor: Cursor::new(stream), sink };
    loop {
        match io.cursor.u8()? {
            END => return Ok(()),
            SECTION => {}
            found => return Err(Refusal::Record(found)),
        }
        let id = io.cursor.be32()?;
        let name = io.cursor.counted()?;
        io.cursor.be32()?;
        let version = io.cursor.be32()?;
        let Some(device) = machine.devices.iter().find(|d| d.desc.name.as_bytes() == name) else {
            if layout.take_beside(&mut io, machine, name, version)? {
                continue;
            }
            return Err(Refusal::Section(shown(name)));
        };
        let spot = Spot { machine, place: device.id, top: true };
        layout.take_body(&mut io, &device.desc, version, spot, id)?;
    }
}

/// Reads the fields of a description at a version, and what follows them.
///
/// # Errors
/// What the design refuses.
pub fn take<L: Layout + ?Sized>(
    layout: &L,
    io: &mut Io<'_, '_>,
    desc: &Desc,
    version: u32,
    spot: Spot<'_>,
) -> Result<(), Refusal> {
    let (lowest, highest) = (layout.minimum(desc), layout.version(desc));
    if version < lowest || version > highest {
        return Err(Refusal::Version { name: desc.name.clone(), found: version, lowest, highest });
    }
    for field in desc.fields.iter().filter(|f| layout.has(f, version, spot)) {
        match &field.kind {
            Kind::Bytes(n) => {
                let value = io.cursor.take(*n)?;
                io.sink.put(within(spot.place, field.id), value);
            }
            // A nested struct's version is not sent: it is read at the reader's own.
            Kind::Struct(desc) => {
                take(layout, io, desc, layout.version(desc), spot.inside(field.id))?;
            }
        }
    }
    layout.take_after(io, desc, version, spot)
}

/// Writes the optional parts in use as subsections.
pub fn put_subsections<L: Layout + ?Sized>(
    layout: &L,
    out: &mut Writer,
    desc: &Desc,
    state: &State,
    spot: Spot<'_>,
) {
    for (optional, state) in desc.in_use(state) {
        let inner = &optional.desc;
        out.u8(SUBSECTION);
        out.counted(inner.name.as_bytes());
        out.be32(layout.version(inner));
        put(layout, out, inner, state, layout.version(inner), spot.inside(optional.id));
    }
}

/// Reads subsections as long as the next byte is the first of one.
///
/// # Errors
/// A name that the description does not list, or whatever is wrong in one.
pub fn take_by_byte<L: Layout + ?Sized>(
    layout: &L,
    io: &mut Io<'_, '_>,
    desc: &Desc,
    spot: Spot<'_>,
) -> Result<(), Refusal> {
    while io.cursor.peek(0, 1, true) == [SUBSECTION] {
        take_subsection(layout, io, desc, spot)?;
    }
    Ok(())
}

/// Reads subsections as long as what follows looks like one of this description.
fn take_by_prefix<L: Layout + ?Sized>(
    layout: &L,
    io: &mut Io<'_, '_>,
    desc: &Desc,
    spot: Spot<'_>,
    full: bool,
) -> Result<(), Refusal> {
    loop {
        if io.cursor.peek(0, 1, full) != [SUBSECTION] {
            return Ok(());
        }
        let len = io.cursor.peek(1, 1, full).first().map_or(0, |n| usize::from(*n));
        if len <= desc.prefix.len() {
            return Ok(());
        }
        let name = io.cursor.peek(2, len, full);
        if name.len() < len || !name.starts_with(desc.prefix.as_bytes()) {
            return Ok(());
        }
        if desc.optional.iter().all(|o| o.desc.name.as_bytes() != name) {
            return Err(Refusal::Optional(shown(name)));
        }
        take_subsection(layout, io, desc, spot)?;
    }
}

/// Reads one subsection whose first byte has been looked at.
fn take_subsection<L: Layout + ?Sized>(
    layout: &L,
    io: &mut Io<'_, '_>,
    desc: &Desc,
    spot: Spot<'_>,
) -> Result<(), Refusal> {
    io.cursor.u8()?;
    let name = io.cursor.counted()?;
    let version = io.cursor.be32()?;
    let found = desc.optional.iter().find(|o| o.desc.name.as_bytes() == name);
    let Some(optional) = found else { return Err(Refusal::Optional(shown(name))) };
    take(layout, io, &optional.desc, version, spot.inside(optional.id))
}
