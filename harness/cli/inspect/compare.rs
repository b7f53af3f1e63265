//! `inspect --diff`: two streams of one machine.

use super::read::{StreamReader, check_header, reader};
use super::{Args, CliError};
use crate::cli::Output;
use crate::input::Source;
use crate::report::dump::{Filter, diff};
use crate::stream::{LoadOptions, Loaded, load_with};
use crate::wire::{Feed, Map};

/// Items of each of the two that are compared.
const MOST: usize = 1 << 21;

/// Compares them. Each is read by its own description, if it has one.
pub(super) fn run(
    args: &Args,
    (one, by): (&Source, &StreamReader),
    other: &Source,
    filter: &Filter,
) -> Result<Output, CliError> {
    let other_by = reader(args, &mut other.clone())?;
    let (here, there) = (whole(one, by)?, whole(other, &other_by)?);
    let differences = diff((&here.map, one.reader()), (&there.map, other.reader()), filter)
        .map_err(|e| one.failed(e))?;
    let mut text: String = differences.iter().map(|d| format!("{d}\n")).collect();
    text += &match differences.len() {
        0 => "all fields are the same; contents of memory were not compared\n".to_string(),
        1 => "1 field differs; contents of memory were not compared\n".to_string(),
        n => format!("{n} fields differ; contents of memory were not compared\n"),
    };
    Ok(Output { text, holds: differences.is_empty() })
}

/// The whole of a stream.
fn whole<'d>(source: &Source, by: &'d StreamReader) -> Result<Loaded<'d>, CliError> {
    check_header(source)?;
    let options = LoadOptions::with_map(Map::bounded(MOST));
    let loaded = load_with(by.destination(), &mut source.reader(), &Feed::Bulk, options);
    let why = match &loaded.refused {
        Some(error) => error.to_string(),
        None if loaded.map.left_out() > 0 => format!("more than {MOST} items"),
        None => return Ok(loaded),
    };
    Err(CliError::Stream { name: source.name().to_string(), why })
}
