//! Which releases take the machine in a stream: each asked in turn, its destination composed.

use std::io::{self, Read, Seek, SeekFrom};

use crate::release::compose::{self, Composed, Lacking, Machine, Shelves};
use crate::release::library::LibraryError;
use crate::stream::load;
use crate::trace::{Judged, Meaning, Verdict, judge_reading};
use crate::vmstate::Local;
use crate::wire::Feed;

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TargetsError {
    #[error("cannot read the stream: {0}")]
    Read(#[from] io::Error),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error("{0}")]
    NoStream(String),
    #[error("the stream does not say its machine type: name it with --machine")]
    NoMachine,
    #[error("no release of the corpus reads the stream as its own:\n{0}")]
    NoSource(String),
}

/// What is asked beside the stream.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The machine type, where the stream does not say it.
    pub machine: Option<String>,
    /// The release that wrote it, if that is known.
    pub source: Option<String>,
}

/// What comes of a load.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It was judged.
    Judged(Box<Judged>),
    /// The destination cannot be started: why.
    Unsupported(String),
    /// Nobody can tell: what is missing.
    Undetermined(String),
}

impl Answer {
    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Answer::Judged(judged) => judged.verdict,
            Answer::Unsupported(_) => Verdict::Unsupported,
            Answer::Undetermined(_) => Verdict::Undetermined,
        }
    }
}

/// The answer of one release.
#[derive(Debug, Clone)]
pub struct Row {
    /// The release.
    pub release: String,
    /// What comes of the load.
    pub answer: Answer,
    /// What the answer hangs on, in words.
    pub assumptions: Vec<String>,
}

/// The answers of all releases, newest first.
#[derive(Debug, Clone)]
pub struct Targets {
    /// Machine type.
    pub machine: String,
    /// Releases that may have written the stream, the likeliest first.
    pub sources: Vec<String>,
    /// Length of the stream in bytes.
    pub size: u64,
    /// Sections of the stream that the source is not known to have, in words.
    pub unknown: Vec<String>,
    /// The answers.
    pub rows: Vec<Row>,
}

/// A stream with the release that wrote it.
#[derive(Debug)]
pub struct Origin {
    /// The machine.
    pub machine: Machine,
    /// As it was sent.
    pub source: Composed,
    /// Releases that may have written it, the likeliest first.
    pub sources: Vec<String>,
    /// Length of the stream in bytes.
    pub size: u64,
}

/// Finds out what a stream is of: machine type, sections, and the release that wrote it.
///
/// # Errors
/// See [`TargetsError`].
pub fn origin(
    shelves: &Shelves<'_>,
    stream: &mut (impl Read + Seek),
    asked: &Asked,
) -> Result<Origin, TargetsError> {
    let size = stream.seek(SeekFrom::End(0))?;
    let mut machine = Machine::of(stream)?;
    machine.machine = asked.machine.clone().or(machine.machine);
    if let Some(why) = &machine.stopped {
        return Err(TargetsError::NoStream(why.clone()));
    }
    let Some(name) = machine.machine.clone() else { return Err(TargetsError::NoMachine) };
    let mut found: Vec<(Composed, usize, (usize, usize))> = Vec::new();
    let mut reasons = String::new();
    let releases = shelves.library.releases().iter().rev().map(|r| r.0.as_str());
    for release in releases.filter(|r| asked.source.as_ref().is_none_or(|s| s == r)) {
        if compose::build::lacks_machine(shelves, release, &name)?.is_some() {
            continue;
        }
        let composed = match compose::source(shelves, release, &machine)? {
            Ok(composed) => composed,
            Err(Lacking::Type(why) | Lacking::Unknown(why)) => {
                reasons += &format!("  {release}: {why}\n");
                continue;
            }
        };
        match read(composed, stream, size)? {
            Ok(composed) => {
                let (missing, likeness) = (composed.missing().len(), composed.likeness());
                found.push((composed, missing, likeness));
            }
            Err(why) => reasons += &format!("  {release}: {why}\n"),
        }
    }
    // What is known of all sections counts first, then how much the values look alike.
    found.sort_by(|a, b| {
        (a.1, share(b.2)).partial_cmp(&(b.1, share(a.2))).unwrap_or(std::cmp::Ordering::Equal)
    });
    let Some((_, fewest, most)) = found.first() else {
        return Err(TargetsError::NoSource(reasons));
    };
    let alike =
        found.iter().filter(|(_, missing, of)| missing == fewest && share(*of) == share(*most));
    let sources = alike.map(|(composed, ..)| composed.destination.release.clone()).collect();
    let source = found.swap_remove(0).0;
    Ok(Origin { machine, source, sources, size })
}

fn share((same, all): (usize, usize)) -> f64 {
    if all == 0 { 0.0 } else { same as f64 / all as f64 }
}

/// Reads a stream as its sender would, and takes the values that a destination compares.
fn read(
    mut composed: Composed,
    stream: &mut (impl Read + Seek),
    size: u64,
) -> io::Result<Result<Composed, String>> {
    stream.seek(SeekFrom::Start(0))?;
    let mut wanted = Vec::new();
    let outcome = {
        match Meaning::read(&composed.destination, stream, size) {
            Err(why) => Err(why),
            Ok(meaning) => {
                let spans = meaning.loaded.map.spans().iter();
                wanted.extend(
                    spans
                        .filter(|span| Local::wants(span.info, span.name))
                        .map(|span| (span.identity, span.offset, span.len)),
                );
                Ok(())
            }
        }
    };
    if let Err(why) = outcome {
        return Ok(Err(why));
    }
    for (identity, offset, len) in wanted {
        stream.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        stream.take(len.min(1 << 16)).read_to_end(&mut bytes)?;
        composed.destination.local.items.insert(identity, bytes);
    }
    Ok(Ok(composed))
}

/// What one release makes of a machine.
///
/// # Errors
/// See [`TargetsError`].
pub fn ask(
    shelves: &Shelves<'_>,
    release: &str,
    origin: &Origin,
    meaning: &Meaning<'_>,
    stream: &mut (impl Read + Seek),
    feed: &Feed,
) -> Result<(Row, Option<Composed>), TargetsError> {
    let row = |answer, assumptions| Row { release: release.to_owned(), answer, assumptions };
    let composed = match compose::destination(shelves, release, &origin.machine, &origin.source)? {
        Ok(composed) => composed,
        Err(Lacking::Type(why)) => return Ok((row(Answer::Unsupported(why), Vec::new()), None)),
        Err(Lacking::Unknown(why)) => {
            return Ok((row(Answer::Undetermined(why), Vec::new()), None));
        }
    };
    stream.seek(SeekFrom::Start(0))?;
    let judged = {
        let loaded = load(&composed.destination, stream, feed);
        judge_reading(meaning, &loaded, &composed.destination)
    };
    let assumptions = composed.assumptions.clone();
    Ok((row(Answer::Judged(Box::new(judged)), assumptions), Some(composed)))
}

/// Asks all releases.
///
/// # Errors
/// See [`TargetsError`].
pub fn targets(
    shelves: &Shelves<'_>,
    stream: &mut (impl Read + Seek),
    asked: &Asked,
) -> Result<Targets, TargetsError> {
    let origin = origin(shelves, stream, asked)?;
    stream.seek(SeekFrom::Start(0))?;
    let meaning = Meaning::read(&origin.source.destination, stream, origin.size)
        .map_err(TargetsError::NoSource)?;
    let mut rows = Vec::new();
    for (release, _) in shelves.library.releases().iter().rev() {
        rows.push(ask(shelves, release, &origin, &meaning, stream, &Feed::Bulk)?.0);
    }
    Ok(Targets {
        machine: origin.source.destination.machine.clone(),
        sources: origin.sources.clone(),
        size: origin.size,
        unknown: origin.source.missing().into_iter().map(str::to_owned).collect(),
        rows,
    })
}
