//! Designs: the protocol changes that were proposed or shipped, compared with each other.
//!
//! Each is a small encoder and decoder over the same descriptions ([`model`]) and goes through the
//! same evolutions: real ones between releases ([`neighbours`], on the machines of [`real`]) and
//! generated ones ([`evolve`]).
//!
//! | file | design |
//! | --- | --- |
//! | [`linear`] | 1: versions alone (before 0.13; proposed again in August 2011) |
//! | [`one_byte`] | 2: subsections by one byte (0.13 to 0.15) |
//! | [`prefix`] | 3: subsections by length and prefix (1.0 to today) |
//! | [`sentinel`] | 4: a sentinel after each embedded structure (July 2011) |
//! | [`own_sections`] | 5: subsections as sections (October 2011) |
//! | [`tagged`] | 6: self-describing values |
//! | [`length`] | 7: a byte length for each section (2015) |
//! | [`footer`] | 8: section footers (2.4) |
//! | [`chunks`] | 9: chunks as in PNG (2009) |
//! | [`vendor`] | 10: vendors, minor versions, features (2009) |
//! | [`skipped`] | 11: left out by machine-type property (2015) |
//!
//! [`frame`] is what the positional ones share, [`key`] is what design 10 knows features by,
//! [`cursor`] and [`sink`] are the two ends of a decoder, [`run`] puts cases through all designs,
//! [`table`] prints what came of it.

pub mod chunks;
pub mod cursor;
pub mod evolve;
pub mod footer;
pub mod frame;
pub mod key;
pub mod length;
pub mod linear;
pub mod model;
pub mod neighbours;
pub mod one_byte;
pub mod own_sections;
pub mod prefix;
pub mod real;
pub mod rng;
pub mod run;
pub mod sentinel;
pub mod sink;
pub mod skipped;
pub mod table;
pub mod tagged;
pub mod vendor;

use cursor::Stream;
use model::{Machine, State};
use sink::{Refusal, Sink};

/// What a design is called, and what it promises.
pub trait Promises: Sync {
    /// Number and name, for tables.
    fn name(&self) -> &'static str;

    /// Whether the design promises that such a case is never silently misparsed. Most promise
    /// nothing: what looks like a subsection can be one.
    fn claims(&self, _: Claim) -> bool {
        false
    }

    /// Whether whatever it writes it reads as that. Not so where state can look like framing.
    fn is_unambiguous(&self) -> bool {
        false
    }

    /// Whether it leaves out state on purpose, so that what does not arrive is given up, not lost.
    fn gives_up(&self) -> bool {
        false
    }
}

/// A stream format.
pub trait Design: Promises {
    /// The question before anything is sent, for designs that can answer it: why not.
    fn ask(&self, _from: &Machine, _to: &Machine, _states: &[State]) -> Option<Refusal> {
        None
    }

    /// Writes the state of a machine.
    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8>;

    /// Reads a stream into a machine.
    ///
    /// # Errors
    /// What the design refuses.
    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal>;
}

/// All designs, in the order of the proposals' numbers.
pub static ALL: [&dyn Design; 14] = [
    &linear::Linear,
    &one_byte::OneByte { listed: false },
    &one_byte::OneByte { listed: true },
    &prefix::Prefix { full: false },
    &prefix::Prefix { full: true },
    &sentinel::Sentinel,
    &own_sections::OwnSections { both: false },
    &own_sections::OwnSections { both: true },
    &tagged::Tagged,
    &length::Length,
    &footer::Footer,
    &chunks::Chunks,
    &vendor::Vendor,
    &skipped::Skipped,
];

/// What a case is, for [`Promises::claims`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// How the two releases differ.
    pub evolution: Evolution,
    /// Whether bytes were damaged on the way.
    pub damaged: bool,
    /// Whether the same case without damage is read rightly or refused: then a misparse is the
    /// damage's doing.
    pub hit: bool,
}

/// How two releases differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Evolution {
    /// A field at the end, version bumped.
    #[default]
    AtEnd,
    /// A field in the middle, version bumped.
    Middle,
    /// A field in a nested struct, the nested version bumped.
    Nested,
    /// A field, version forgotten.
    Forgotten,
    /// The version bumped, nothing else.
    Bumped,
    /// A subsection.
    Subsection,
    /// Upstream added fields A, B, C; downstream took A and C.
    BackportedFields,
    /// The same with subsections.
    BackportedSubsections,
    /// A field that only a downstream has.
    Downstream,
    /// Upstream, a downstream with X of its own, and a downstream of that with Y of its own, which
    /// may leave X out; Y may have the name that X has.
    SecondLevel,
    /// A field or subsection that downstream and upstream have under one name with two meanings.
    SameName,
    /// A field has another name.
    Renamed,
    /// An array is longer; version and minimum bumped.
    Grown,
    /// An array is longer, version forgotten.
    GrownForgotten,
    /// The source sends one byte more, and no description says so.
    StrayByte,
}

impl Evolution {
    /// All evolutions.
    pub const ALL: [Evolution; 15] = [
        Evolution::AtEnd,
        Evolution::Middle,
        Evolution::Nested,
        Evolution::Forgotten,
        Evolution::Bumped,
        Evolution::Subsection,
        Evolution::BackportedFields,
        Evolution::BackportedSubsections,
        Evolution::Downstream,
        Evolution::SecondLevel,
        Evolution::SameName,
        Evolution::Renamed,
        Evolution::Grown,
        Evolution::GrownForgotten,
        Evolution::StrayByte,
    ];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Evolution::AtEnd => "field at the end",
            Evolution::Middle => "field in the middle",
            Evolution::Nested => "field in a nested struct",
            Evolution::Forgotten => "field, version forgotten",
            Evolution::Bumped => "version bumped",
            Evolution::Subsection => "subsection",
            Evolution::BackportedFields => "fields A, C without B",
            Evolution::BackportedSubsections => "subsections A, C without B",
            Evolution::Downstream => "downstream only",
            Evolution::SecondLevel => "downstream of a downstream",
            Evolution::SameName => "one name, two meanings",
            Evolution::Renamed => "renamed",
            Evolution::Grown => "array grown",
            Evolution::GrownForgotten => "array grown, forgotten",
            Evolution::StrayByte => "stray byte",
        }
    }

    /// Whether some version or name tells of it.
    #[must_use]
    pub fn is_announced(self) -> bool {
        !matches!(self, Evolution::Forgotten | Evolution::GrownForgotten | Evolution::StrayByte)
    }

    /// Whether the section's own version numbers tell of it, which all count in one line.
    #[must_use]
    pub fn is_upstream(self) -> bool {
        use Evolution::{AtEnd, Bumped, Grown, Middle, Renamed, Subsection};
        matches!(self, AtEnd | Middle | Bumped | Subsection | Renamed | Grown)
    }

    /// Whether two releases have something else of one size under one version number.
    #[must_use]
    pub fn is_one_number_for_two(self) -> bool {
        use Evolution::{BackportedFields, Downstream};
        matches!(self, BackportedFields | Downstream) || self.is_one_name_for_two()
    }

    /// Whether two vendors have something else of one size under one name.
    #[must_use]
    pub fn is_one_name_for_two(self) -> bool {
        matches!(self, Evolution::SameName | Evolution::SecondLevel)
    }
}
