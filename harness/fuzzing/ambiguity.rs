//! Predicts where a reader that is right about all rules must still read something else than was written,
//! and which gap in the protocol is the cause.
//!
//! Computed from the written bytes, the map of the writer, and the two descriptions as they are
//! kept in the corpus. The decoder (`vmstate::walk`, `vmstate::flow`, `stream::load`) and the
//! compiled descriptions are not used: this is a second opinion, and only as far as both sides
//! agree. It goes along the writer's items for as long as the destination's descriptions ask for
//! the very same items, and says how that ends:
//!
//! | prediction | the decoder must |
//! | --- | --- |
//! | [`Prediction::Agrees`] | accept, with every byte read as written |
//! | [`Prediction::Refuses`] | refuse, with nothing read wrongly before |
//! | [`Prediction::Diverges`] | read right up to this very byte; beyond it, anything may follow |
//! | [`Prediction::Open`] | the descriptions do not say |

mod blame;
mod pipe;
mod recognise;
mod sections;
mod walk;

use crate::dialect::Dialect;
use crate::fuzzing::generate::Side;
use crate::wire::{Feed, Map};

/// The gaps through which a stream that is no fault of the decoder can be read wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The layout of a section or subsection differs although its version is the same.
    ForgottenBump,
    /// The destination has a higher version, takes the received one, and has another layout for it.
    MinimumNotRaised,
    /// The layout of a nested description differs although its version is the same.
    ForgottenNestedBump,
    /// A nested description has another version on each side, which is not on the wire.
    NestedVersion,
    /// A field's presence depends on the machine.
    LocalPresence,
    /// 0.12: subsections are not known at all.
    NoSubsections,
    /// 0.14, 0.15: a description that lists no subsections does not look for any.
    UnlistedOwner,
    /// 0.13 to 0.15: a byte 05 that is no subsection of the description is taken for one.
    OneByteRule,
    /// 1.0 on: a subsection whose name does not begin with its owner's is not seen.
    PrefixRule,
    /// 1.0 on: what looks like a subsection of one description belongs elsewhere.
    PrefixTaken,
    /// 1.0 to 2.0: the look-ahead gives up after one refill.
    SingleRefill,
    /// An element of an array of pointers begins as the marker of a NULL one does, and what the
    /// destination has there is not known.
    NullByLook,
    /// The description is known under another name.
    Renamed,
    /// Bytes of the stream were changed on the way.
    Edited,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 14] = [
        Cause::ForgottenBump,
        Cause::MinimumNotRaised,
        Cause::ForgottenNestedBump,
        Cause::NestedVersion,
        Cause::LocalPresence,
        Cause::NoSubsections,
        Cause::UnlistedOwner,
        Cause::OneByteRule,
        Cause::PrefixRule,
        Cause::PrefixTaken,
        Cause::SingleRefill,
        Cause::NullByLook,
        Cause::Renamed,
        Cause::Edited,
    ];

    /// The name in `CROSSLOAD_STRICT`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Cause::ForgottenBump => "forgotten-bump",
            Cause::MinimumNotRaised => "minimum-not-raised",
            Cause::ForgottenNestedBump => "forgotten-nested-bump",
            Cause::NestedVersion => "nested-version",
            Cause::LocalPresence => "local-presence",
            Cause::NoSubsections => "no-subsections",
            Cause::UnlistedOwner => "unlisted-owner",
            Cause::OneByteRule => "one-byte-rule",
            Cause::PrefixRule => "prefix-rule",
            Cause::PrefixTaken => "prefix-taken",
            Cause::SingleRefill => "single-refill",
            Cause::NullByLook => "null-by-look",
            Cause::Renamed => "renamed",
            Cause::Edited => "edited",
        }
    }

    /// The name in tables of counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Cause::ForgottenBump => "forgotten version bump",
            Cause::MinimumNotRaised => "minimum version not raised",
            Cause::ForgottenNestedBump => "forgotten nested version bump",
            Cause::NestedVersion => "nested version not on the wire",
            Cause::LocalPresence => "presence hangs on the machine",
            Cause::NoSubsections => "no subsections (0.12)",
            Cause::UnlistedOwner => "owner without list (0.14)",
            Cause::OneByteRule => "one-byte rule (0.13)",
            Cause::PrefixRule => "prefix rule: record not seen",
            Cause::PrefixTaken => "prefix rule: record of another",
            Cause::SingleRefill => "single refill (1.0)",
            Cause::NullByLook => "element that looks like NULL",
            Cause::Renamed => "renamed",
            Cause::Edited => "edited bytes",
        }
    }
}

/// How the second opinion ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prediction {
    /// Every item is read as it was written.
    Agrees,
    /// The loader must refuse the item at `offset`.
    Refuses {
        /// Where.
        offset: u64,
        /// Why, in words.
        why: &'static str,
    },
    /// The loader goes on with something else at `offset`.
    Diverges {
        /// The first byte concerned.
        offset: u64,
        /// The gap, or `None` where there is no excuse.
        cause: Option<Cause>,
    },
    /// The destination's descriptions leave something open.
    Open(&'static str),
}

impl Prediction {
    /// In a few words, for counts.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Prediction::Agrees => "second opinion: as written",
            Prediction::Refuses { .. } => "second opinion: refused",
            Prediction::Diverges { .. } => "second opinion: parts",
            Prediction::Open(_) => "second opinion: not known",
        }
    }

    /// In a word, for feedback.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Prediction::Agrees => "agrees",
            Prediction::Refuses { why, .. } | Prediction::Open(why) => why,
            Prediction::Diverges { cause, .. } => cause.map_or("parts", Cause::key),
        }
    }
}

/// Result of a step of the reader: it ends with the prediction.
type Step<T> = Result<T, Prediction>;

/// What was written, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Truth<'t, 'd> {
    /// The bytes.
    pub bytes: &'t [u8],
    /// What was written as what.
    pub map: &'t Map<'d>,
    /// The writer.
    pub source: &'t Side,
    /// Where the bytes were first changed on the way, if they were.
    pub edited: Option<u64>,
}

/// Predicts how `destination` reads what was written, under the rules of `dialect` and a feed.
#[must_use]
pub fn predict(
    truth: Truth<'_, '_>,
    destination: &Side,
    dialect: &Dialect,
    feed: &Feed,
) -> Prediction {
    let mut reader = walk::Reader::new(truth, destination, dialect, feed);
    match sections::stream(&mut reader) {
        Ok(()) => Prediction::Agrees,
        Err(end) => end,
    }
}
