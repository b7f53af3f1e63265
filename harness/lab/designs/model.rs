//! What the designs transfer: device descriptions, reduced to what a format has to carry.
//!
//! A field is bytes or a nested struct; an optional part is what QEMU has as a subsection. Each
//! addition carries the bookkeeping of every design at once (`since` for version numbers as they
//! were used, `linear` for versions alone, `feature` for named features, `generation` for
//! machine-type properties), so that one and the same evolution can be given to all of them.

/// What something means, independent of its name: the same number is the same state.
pub type Id = u64;

/// A device description (`VMStateDescription`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desc {
    /// Name: of a section, what it is found by.
    pub name: String,
    /// What the names of its subsections begin with.
    pub prefix: String,
    /// Version as QEMU counts it: bumped for fields, not for optional parts.
    pub version: u32,
    /// Lowest version accepted.
    pub minimum: u32,
    /// Version where everything added bumps it.
    pub linear: u32,
    /// Lowest linear version accepted.
    pub linear_minimum: u32,
    /// Version where whatever has a name of its own ([`Field::feature`]) does not bump it.
    pub base: u32,
    /// Fields in order.
    pub fields: Vec<Field>,
    /// Optional parts in order.
    pub optional: Vec<Optional>,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Meaning.
    pub id: Id,
    /// First version that has it; 0: all.
    pub since: u32,
    /// First linear version that has it; 0: all.
    pub linear: u32,
    /// The feature that it came with, where it was announced as one: `vendor:name`, where the vendor
    /// of a downstream of a downstream is below its own: `vendor/vendor`.
    pub feature: Option<String>,
    /// Machine types before this generation do without it, where it was announced; 0: none do.
    pub generation: u32,
    /// What it is.
    pub kind: Kind,
}

/// What a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// So many bytes.
    Bytes(usize),
    /// A nested struct.
    Struct(Desc),
}

/// An optional part, sent only when in use (a subsection).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optional {
    /// Its description; the name begins with the owner's.
    pub desc: Desc,
    /// Meaning.
    pub id: Id,
    /// First linear version that has it.
    pub linear: u32,
    /// The feature that it is, as [`Field::feature`].
    pub feature: String,
    /// Machine types before this generation do without it.
    pub generation: u32,
    /// The source thinks that a destination may do without it.
    pub ancillary: bool,
}

/// The state of a device, in the shape of its description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// One for each field.
    pub fields: Vec<Slot>,
    /// One for each optional part; `None`: not in use.
    pub optional: Vec<Option<State>>,
}

/// The state of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// Of bytes.
    Bytes(Vec<u8>),
    /// Of a nested struct.
    Struct(State),
}

/// A device in a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Meaning.
    pub id: Id,
    /// Description, whose name is the section's.
    pub desc: Desc,
}

/// A release on a machine type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Devices in the order in which they are sent.
    pub devices: Vec<Device>,
    /// Generation of the machine type; additions of a later generation are left out by a design
    /// that goes by machine-type properties.
    pub generation: u32,
    /// Whether the machine type is new enough for what a design keeps for new machine types.
    pub new_type: bool,
}

/// Meaning of a part in its place. Where the meanings of parts are already complete, as in real
/// machines, places in between are 0.
#[must_use]
pub fn within(place: Id, id: Id) -> Id {
    place.wrapping_add(id)
}

impl State {
    /// The default state: zeros, nothing optional in use.
    #[must_use]
    pub fn zero(desc: &Desc) -> Self {
        let slot = |f: &Field| match &f.kind {
            Kind::Bytes(n) => Slot::Bytes(vec![0; *n]),
            Kind::Struct(desc) => Slot::Struct(State::zero(desc)),
        };
        State {
            fields: desc.fields.iter().map(slot).collect(),
            optional: desc.optional.iter().map(|_| None).collect(),
        }
    }

    /// Bytes of state, without any framing.
    #[must_use]
    pub fn size(&self) -> usize {
        let fields = self.fields.iter().map(|slot| match slot {
            Slot::Bytes(bytes) => bytes.len(),
            Slot::Struct(state) => state.size(),
        });
        fields.sum::<usize>() + self.optional.iter().flatten().map(State::size).sum::<usize>()
    }
}

impl Desc {
    /// Fields with their state, as far as both go.
    pub fn with<'a>(&'a self, state: &'a State) -> impl Iterator<Item = (&'a Field, &'a Slot)> {
        self.fields.iter().zip(&state.fields)
    }

    /// Optional parts in use, with their state.
    pub fn in_use<'a>(
        &'a self,
        state: &'a State,
    ) -> impl Iterator<Item = (&'a Optional, &'a State)> {
        self.optional.iter().zip(&state.optional).filter_map(|(o, s)| Some((o, s.as_ref()?)))
    }
}
