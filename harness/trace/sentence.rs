//! Why a load was judged as it was, in one sentence.

use super::{Difference, Judged, Verdict};
use crate::wire::{Error, Kind};

/// A judged load in a sentence, with byte offsets; `source` is the release that wrote the stream.
#[must_use]
pub fn judged_sentence(judged: &Judged, source: &str) -> String {
    let size = judged.size;
    match (judged.verdict, &judged.error) {
        (Verdict::Faithful, _) => format!("all {size} bytes were read as what they are."),
        (Verdict::Defaulted, _) => format!(
            "all that was sent was read as what it is; defaults were kept for {}.",
            some_of(&judged.defaults)
        ),
        (Verdict::Misparsed, _) => {
            let first = difference(judged, source);
            format!("{first}{}.", false_end(judged))
        }
        (Verdict::RefusedLate, Some(error)) => {
            let first = difference(judged, source);
            format!("{first}; it was refused only at byte {}: {}.", error.offset, refusal(error))
        }
        (_, Some(error)) => format!("byte {} of {size}: {}.", error.offset, refusal(error)),
        (_, None) => format!("it stopped at byte {} of {size}.", judged.stopped),
    }
}

/// A refusal with its place, without its offset.
#[must_use]
pub fn refusal(error: &Error) -> String {
    let section = error.section.as_deref().unwrap_or("");
    // A refusal of the kind already names the section.
    let place = match (&error.kind, error.path.as_str()) {
        (Kind::FooterMissing { .. } | Kind::FooterMismatch { .. }, _) => String::new(),
        (_, "") if section.is_empty() => String::new(),
        (_, "") => format!("in section {section}, "),
        (_, path) if section.is_empty() => format!("at {path}, "),
        (_, path) => format!("in section {section} at {path}, "),
    };
    format!("{place}{}", error.kind)
}

/// Where reading and meaning part.
fn difference(judged: &Judged, source: &str) -> String {
    let Some(d) = &judged.difference else { return String::from("nothing was read wrongly") };
    let size = judged.size;
    let (wrote, into) = written(d, source);
    let (read, as_) = read(d);
    match &d.read {
        Some(_) => {
            format!("byte {} of {size} was read as {read}{as_}, but {wrote}{into} there", d.offset)
        }
        None => format!("byte {} of {size} was never read; {wrote}{into}", d.offset),
    }
}

/// What the source wrote, and how far into it the byte is.
pub(crate) fn written(d: &Difference, source: &str) -> (String, String) {
    let source = if source.is_empty() { String::new() } else { format!("{source} wrote ") };
    match &d.written {
        Some(item) => {
            (format!("{source}{}", named(&item.path, &item.info)), into(d.offset, item.offset))
        }
        None => (format!("{source}nothing"), String::new()),
    }
}

/// What the destination read, and how far into it the byte is.
pub(crate) fn read(d: &Difference) -> (String, String) {
    match &d.read {
        Some(item) => (named(&item.path, &item.info), into(d.offset, item.offset)),
        None => ("nothing".to_owned(), String::new()),
    }
}

fn into(offset: u64, start: u64) -> String {
    match offset.saturating_sub(start) {
        0 => String::new(),
        n => format!(" at its byte {n}"),
    }
}

fn named(path: &str, info: &str) -> String {
    match info {
        "framing" => format!("'{path}'"),
        _ => format!("{path} ({info})"),
    }
}

/// Where the loader met an end of stream that is none, and what it left.
fn false_end(judged: &Judged) -> String {
    let left = judged.size.saturating_sub(judged.stopped);
    match &judged.false_end {
        Some(end) => format!(
            "; at byte {} it met what it took for the end of the stream, inside {}: {left} bytes \
             were never read",
            end.offset,
            written(end, "").0
        ),
        None if left > 0 => format!("; {left} bytes were never read"),
        None => String::new(),
    }
}

/// The first few of a list, and how many more there are.
fn some_of(list: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = list.iter().take(SHOWN).map(String::as_str).collect();
    match list.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
