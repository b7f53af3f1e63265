//! The smallest stream that a binary and the model still disagree on: first without the change,
//! then with fewer sections, then with fewer bytes. Every step is a load by both, so their number
//! is limited.

use std::ops::Range;

use crate::stream::{Destination, load};
use crate::wire::Feed;

/// Bytes of a section footer.
const FOOTER: u64 = 5;

/// Makes a stream smaller as long as `disagree` says that it still shows what it showed, for at
/// most `budget` questions.
///
/// # Errors
/// What `disagree` fails with.
pub fn shrink<E>(
    to: &Destination,
    unchanged: &[u8],
    stream: &[u8],
    mut budget: usize,
    mut disagree: impl FnMut(&[u8]) -> Result<bool, E>,
) -> Result<Vec<u8>, E> {
    let mut ask = |candidate: &[u8]| {
        if budget == 0 {
            return Ok(false);
        }
        budget -= 1;
        disagree(candidate)
    };
    let mut smallest = stream.to_vec();
    if unchanged != stream && ask(unchanged)? {
        smallest = unchanged.to_vec();
    }
    let all = sections(to, &smallest);
    fewer(&mut smallest, all.len(), |stream| sections(to, stream), &mut ask)?;
    // Pieces of one length, from half of the stream down to single bytes.
    let mut length = smallest.len().div_ceil(2);
    while length > 0 {
        let pieces = |stream: &[u8]| {
            (0..stream.len())
                .step_by(length)
                .map(|at| at..(at + length).min(stream.len()))
                .collect()
        };
        fewer(&mut smallest, 1, pieces, &mut ask)?;
        length = if length == 1 { 0 } else { length.div_ceil(2) };
    }
    Ok(smallest)
}

/// Leaves out runs of parts, from the last to the first: of `most` at a time, then of half as many.
fn fewer<E>(
    stream: &mut Vec<u8>,
    most: usize,
    parts: impl Fn(&[u8]) -> Vec<Range<usize>>,
    ask: &mut impl FnMut(&[u8]) -> Result<bool, E>,
) -> Result<(), E> {
    let mut run = most;
    while run > 0 {
        // What is left out lies behind all that comes next, so that its place does not move.
        for these in parts(stream).rchunks(run) {
            let (Some(first), Some(last)) = (these.first(), these.last()) else { continue };
            let mut candidate = stream.clone();
            candidate.drain(first.start..last.end.min(stream.len()));
            if candidate.len() < stream.len() && ask(&candidate)? {
                *stream = candidate;
            }
        }
        run /= 2;
    }
    Ok(())
}

/// Where the section records of a stream are, with their footers, as far as the model reads it.
#[must_use]
pub fn sections(to: &Destination, stream: &[u8]) -> Vec<Range<usize>> {
    let loaded = load(to, &mut &stream[..], &Feed::Bulk);
    let footer = if to.dialect.footers { FOOTER } else { 0 };
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(stream.len());
    loaded.sections.iter().map(|s| place(s.offset)..place(s.end + footer)).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::release::corpus::Corpus;
    use crate::release::library::Library;
    use crate::wire::Fault;
    use crate::wire::fault::plant;

    /// A model with a wrong rule, beside the right one as the binary.
    #[test]
    fn a_wrong_rule_is_shown_by_one_section() {
        let library = Library::open(Corpus::embedded().unwrap()).unwrap();
        let fixture = library.fixture("7.2", "pc-i440fx-7.2", "idle").unwrap();
        let stream = library.corpus().stream(fixture).unwrap();
        let to = library.destination("7.2", "pc-i440fx-7.2", "idle").unwrap().unwrap();
        // The footer of a section in the middle, which the wrong rule does not look at.
        let all = sections(&to, &stream);
        let victim = all[all.len() / 2].clone();
        let mut changed = stream.clone();
        changed[victim.end - 1] ^= 1;
        let outcome = |stream: &[u8]| {
            let loaded = load(&to, &mut &stream[..], &Feed::Bulk);
            (loaded.refused.map(|e| e.kind.class()), loaded.taken)
        };
        let mut asked = 0;
        let disagree = |stream: &[u8]| -> Result<bool, Infallible> {
            asked += 1;
            let right = outcome(stream);
            let _planted = plant(Fault::FooterUnchecked);
            Ok(outcome(stream) != right)
        };
        let smallest = shrink(&to, &stream, &changed, 5000, disagree).unwrap();
        // Header, configuration, a part of one section; what does not show it is not kept.
        assert!(smallest.len() < 200, "{} bytes", smallest.len());
        assert_ne!(outcome(&smallest).0, None);
        assert!(asked <= 5000);
    }

    #[test]
    fn what_shows_itself_without_the_change_loses_it() {
        let library = Library::open(Corpus::embedded().unwrap()).unwrap();
        let to = library.destination("7.2", "pc-i440fx-7.2", "idle").unwrap().unwrap();
        let any = |_: &[u8]| -> Result<bool, Infallible> { Ok(true) };
        assert_eq!(shrink(&to, b"abc", b"abcd", 1, any), Ok(b"abc".to_vec()));
        assert_eq!(shrink(&to, b"abc", b"abcd", 0, any), Ok(b"abcd".to_vec()));
    }
}
