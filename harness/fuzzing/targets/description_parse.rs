//! VMDESCRIPTION JSON: found in a stream, parsed, and turned into tables that compile.

use super::import_parse::compiles;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::{Failure, Outcome};
use crate::stream::vmdescription::{locate, parse, to_tables};

/// Runs one input: the JSON, or a stream that ends with one.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    counts.begin();
    let json = match locate(bytes) {
        Some((at, len)) => {
            let end = at.checked_add(len);
            let Some(json) = end.and_then(|end| bytes.get(at..end)) else {
                return Err(Failure(format!("description of {len} bytes found at {at}, outside")));
            };
            json
        }
        None => bytes,
    };
    match parse(json) {
        Ok(description) => {
            counts.cases += 1;
            counts.other("parsed");
            let (tables, handlers) = to_tables(&description);
            compiles(&tables, &handlers, counts);
        }
        Err(_) => counts.other("refused"),
    }
    Ok(())
}
