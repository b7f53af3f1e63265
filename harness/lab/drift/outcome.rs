//! Where a change was detected: what the destination read, compared with what was really sent.

use std::collections::HashSet;

use super::change::{Edit, Piece};
use crate::stream::{Loaded, Section};
use crate::wire::{Kind, Span};

/// When a change was detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Accepted, and every byte was read as what it is: no harm.
    Understood,
    /// Refused in the first field that was read wrongly, or before it.
    AtOnce,
    /// Refused in a later field of the same section.
    InSection,
    /// Refused where the section ends: by its footer, or at the head of the next record.
    AtEnd,
    /// Refused in a later section, or after it.
    Later,
    /// Accepted with a wrong state.
    Never,
    /// Something that is not modelled was reached.
    Undetermined,
}

impl Class {
    /// All classes, in the order of the tables.
    pub const ALL: [Class; 7] = [
        Class::Understood,
        Class::AtOnce,
        Class::InSection,
        Class::AtEnd,
        Class::Later,
        Class::Never,
        Class::Undetermined,
    ];

    /// The name in the tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Understood => "understood",
            Class::AtOnce => "at once",
            Class::InSection => "in section",
            Class::AtEnd => "at its end",
            Class::Later => "later",
            Class::Never => "never",
            Class::Undetermined => "undetermined",
        }
    }
}

/// What ended the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A refusal of this class ([`Kind::class`]).
    Refused(&'static str),
    /// A zero byte taken for the end of the stream: so many bytes and sections of state were
    /// never read.
    FalseEnd {
        /// Bytes before the real end that were never read.
        bytes: u64,
        /// Sections that were never read.
        sections: usize,
    },
    /// The real end of the stream was reached.
    End,
}

/// What became of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// When it was detected.
    pub class: Class,
    /// Bytes from the first byte that was read wrongly to the refusal; of an accepted stream,
    /// bytes that were read as something else.
    pub bytes: u64,
    /// Fields that got something else than was sent.
    pub fields: usize,
    /// Sections that were begun after the changed one, before the refusal.
    pub sections: usize,
    /// What ended the load.
    pub cause: Cause,
}

/// A span of the changed stream: where, how long, and what; `None` for new bytes.
type Sent = (u64, u64, Option<u64>);

/// Judges a load of the changed stream. `base` is the load of the unchanged one, `changed` the
/// index of the changed section in it.
#[must_use]
pub fn outcome(base: &Loaded<'_>, changed: usize, edit: &Edit, read: &Loaded<'_>) -> Outcome {
    let sent = sent(base.map.spans(), edit);
    let spans = read.map.spans();
    let from = spans.partition_point(|s| s.offset + s.len <= edit.at as u64);
    let reading = spans.get(from..).unwrap_or(&[]);
    let end = sent.iter().find(|s| s.2.is_some() && s.2 == end_of_stream(base)).map_or(0, |s| s.0);
    let matching = reading
        .iter()
        .zip(&sent)
        .take_while(|(r, s)| (r.offset, r.len, Some(r.identity)) == **s)
        .count();
    let wrong = reading.get(matching);
    let fields = reading.len() - matching;
    let after = read.sections.len().saturating_sub(changed + 1);
    let Some(error) = &read.refused else {
        if wrong.is_none_or(|w| w.offset > end) {
            return Outcome {
                class: Class::Understood,
                bytes: 0,
                fields: 0,
                sections: 0,
                cause: Cause::End,
            };
        }
        return accepted(base, &sent, reading.get(matching..).unwrap_or(&[]), end, after, read);
    };
    let cause = Cause::Refused(error.kind.class());
    let wrong_at = wrong.map_or(error.offset, |w| w.offset);
    let class = match (&error.kind, wrong) {
        (Kind::Undefined(_) | Kind::Undetermined(_), _) => Class::Undetermined,
        // The end of the changed section, as the destination saw it.
        _ => match read.sections.get(changed) {
            None if wrong.is_none_or(|w| error.offset < w.offset + w.len) => Class::AtOnce,
            None => Class::InSection,
            Some(section) if spans.last().is_none_or(|s| s.offset < section.end) => Class::AtEnd,
            Some(_) => Class::Later,
        },
    };
    Outcome { class, bytes: error.offset.saturating_sub(wrong_at), fields, sections: after, cause }
}

fn accepted(
    base: &Loaded<'_>,
    sent: &[Sent],
    wrong: &[Span<'_>],
    end: u64,
    after: usize,
    read: &Loaded<'_>,
) -> Outcome {
    let sent: HashSet<&Sent> = sent.iter().collect();
    let misread = wrong.iter().filter(|w| {
        w.name != "vmdescription" && !sent.contains(&(w.offset, w.len, Some(w.identity)))
    });
    let (fields, bytes) = misread.fold((0, 0), |(n, bytes), w| (n + 1, bytes + w.len));
    let stopped =
        wrong.iter().find(|s| Some(s.identity) == end_of_stream(base)).map_or(end, |s| s.offset);
    let cause = if stopped < end {
        let sections = base.sections.len().saturating_sub(read.sections.len());
        Cause::FalseEnd { bytes: end - stopped, sections }
    } else {
        Cause::End
    };
    Outcome { class: Class::Never, bytes, fields, sections: after, cause }
}

/// Identity of the record that ends a stream.
fn end_of_stream(base: &Loaded<'_>) -> Option<u64> {
    let found =
        base.map.spans().iter().rev().find(|s| s.name == "end of stream" && s.info == "framing");
    found.map(|s| s.identity)
}

/// The changed stream, span by span, from the first change on.
fn sent(base: &[Span<'_>], edit: &Edit) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut offset = 0u64;
    for piece in &edit.pieces {
        match piece {
            Piece::New(bytes) => {
                sent.push((offset, bytes.len() as u64, None));
                offset += bytes.len() as u64;
            }
            Piece::Kept(range) => {
                let (from, to) = (range.start as u64, range.end as u64);
                let shift = |at: u64| at - from + offset;
                if shift(to) > edit.at as u64 {
                    let first = base.partition_point(|s| s.offset + s.len <= from);
                    let inside = base.iter().skip(first).take_while(|s| s.offset < to);
                    sent.extend(inside.filter_map(|s| {
                        let (start, end) = (s.offset.max(from), (s.offset + s.len).min(to));
                        // The first span that reaches beyond what is as it was.
                        (shift(end) > edit.at as u64)
                            .then(|| (shift(start), end - start, Some(s.identity)))
                    }));
                }
                offset += to - from;
            }
        }
    }
    sent
}

/// The section in which a stream is changed, for the reading of an outcome.
#[must_use]
pub fn index_of(base: &Loaded<'_>, section: &Section) -> usize {
    base.sections.iter().position(|s| s.offset == section.offset).unwrap_or(0)
}
