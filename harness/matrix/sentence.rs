//! The one sentence that says why a cell came out as it did.

use super::run::Outcome;
use crate::trace::Verdict;
pub use crate::trace::sentence::{judged_sentence, refusal};
use crate::trace::sentence::{read, written};

/// The outcome of a cell in a sentence, with byte offsets; `source` is the release that wrote the
/// stream.
#[must_use]
pub fn sentence(outcome: &Outcome, source: &str) -> String {
    match outcome {
        Outcome::Judged(judged) => judged_sentence(judged, source),
        Outcome::Unsupported(lacks) => format!("the destination {lacks}."),
        Outcome::Undetermined(why) => format!("{why}."),
        Outcome::Panicked(message) => format!("the model panicked: {message}."),
    }
}

/// What cells with one cause have in common: no offsets, and nothing that only one release says.
#[must_use]
pub fn cause(outcome: &Outcome) -> String {
    let judged = match outcome {
        Outcome::Judged(judged) => judged,
        Outcome::Unsupported(lacks) => return lacks.to_string(),
        Outcome::Undetermined(why) => return why.clone(),
        Outcome::Panicked(message) => return message.clone(),
    };
    let parted = judged
        .difference
        .as_ref()
        .map_or(String::new(), |d| format!("{} read as {}", written(d, "").0, read(d).0));
    let refused = match (&judged.error, judged.verdict) {
        (Some(_), Verdict::RefusedLate) | (None, _) => String::new(),
        (Some(error), _) => refusal(error),
    };
    format!("{parted}{refused}")
}
