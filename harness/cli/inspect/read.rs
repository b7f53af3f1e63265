//! What `inspect` reads a stream by, and what it reports beside the stream's items.

use std::io::{self, Read as _, Seek as _, SeekFrom};

use super::super::composed::{self, Subject};
use super::{Args, CliError};
use crate::input::Source;
use crate::matrix::targets::OriginHints;
use crate::release::compose::LayoutCache;
use crate::release::described::{self, Described};
use crate::release::library::Library;
use crate::report::dump::{About, ReadBy, StreamInfo};
use crate::stream::frames::{Depth, scan};
use crate::stream::{Destination, FORMAT, Loaded, MAGIC, record};
use crate::wire::{Feed, Kind, Reader};

/// What reads the stream.
pub(super) enum StreamReader {
    Release(Destination),
    Description(Described),
    /// With what is wrong with a description, if there seems to be one.
    Frames(Destination, Option<String>),
}

impl StreamReader {
    /// What it is loaded into.
    pub fn destination(&self) -> &Destination {
        match self {
            StreamReader::Release(to)
            | StreamReader::Frames(to, _)
            | StreamReader::Description(Described { destination: to, .. }) => to,
        }
    }
}

/// Chooses what reads the stream, and looks at its beginning and end for that.
pub(super) fn reader(args: &Args, source: &mut Source) -> Result<StreamReader, CliError> {
    if let Some(release) = &args.release {
        let (library, _) = args.input.open_uncached()?;
        return match (&args.machine, &args.scenario) {
            (Some(machine), Some(scenario)) => {
                Ok(StreamReader::Release(destination(&library, release, machine, scenario)?))
            }
            _ => composed(args, &library, release, source),
        };
    }
    let mut unread = None;
    let json = described::find(source).map_err(|e| source.failed(e))?;
    if let Some(json) = json {
        let scan = scan(&mut source.reader(), Depth::Framing);
        match Described::new(&json, &scan) {
            Ok(described) => {
                let described = described.detailed(&mut source.reader(), &scan);
                return Ok(StreamReader::Description(described.map_err(|e| source.failed(e))?));
            }
            Err(error) => unread = Some(error.to_string()),
        }
    }
    Ok(StreamReader::Frames(scan(&mut source.reader(), Depth::All).destination(), unread))
}

/// The destination that a release makes of the machine in the stream; of a stream that no release can
/// have written, the plainest of its machine type.
fn composed(
    args: &Args,
    library: &Library,
    release: &str,
    source: &mut Source,
) -> Result<StreamReader, CliError> {
    let cache = LayoutCache::new(library);
    let hints = OriginHints { machine: args.machine.clone(), source: None };
    match Subject::of(&cache, source, &hints) {
        Ok(origin) => {
            let composed = composed::destination(&cache, release, &origin)?;
            Ok(StreamReader::Release(composed.destination))
        }
        Err(why) => match &args.machine {
            Some(machine) => {
                Ok(StreamReader::Release(destination(library, release, machine, PLAIN)?))
            }
            None => Err(why),
        },
    }
}

/// The scenario of a board without devices.
const PLAIN: &str = "idle";

/// What is behind the byte where a load stopped.
pub(super) enum Rest {
    /// A description, which older releases leave.
    Description,
    /// So many zeros: a device on which a stream was saved is longer.
    Zeros(u64),
    /// So many bytes that begin as a checkpoint of COLO.
    Colo(u64),
    /// So many other bytes.
    Bytes(u64),
}

/// What a source with `x-colo` says after the state, each as be32: it asks for a checkpoint, and
/// sends one.
const CHECKPOINT: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 3];

/// Looks at what is behind `stopped`.
pub(super) fn rest(source: &mut Source, stopped: u64) -> io::Result<Rest> {
    let left = source.size().saturating_sub(stopped);
    if source.byte(stopped)? == Some(record::VMDESCRIPTION) {
        return Ok(Rest::Description);
    }
    if source.reader().get(stopped, CHECKPOINT.len())? == CHECKPOINT {
        return Ok(Rest::Colo(left));
    }
    source.seek(SeekFrom::Start(stopped))?;
    let mut piece = vec![0; 1 << 18];
    loop {
        let n = source.read(&mut piece)?;
        match piece.get(..n) {
            None | Some([]) => return Ok(Rest::Zeros(left)),
            Some(read) if read.iter().any(|byte| *byte != 0) => return Ok(Rest::Bytes(left)),
            Some(_) => {}
        }
    }
}

fn destination(
    library: &Library,
    release: &str,
    machine: &str,
    scenario: &str,
) -> Result<Destination, CliError> {
    if let Some(found) = library.destination(release, machine, scenario)? {
        return Ok(found);
    }
    if !library.releases().iter().any(|(name, _)| name == release) {
        return Err(composed::no_release(library, release));
    }
    let all = library.corpus().destinations(release);
    let all: Vec<String> = all.into_iter().map(|(m, s)| format!("{m} {s}")).collect();
    Err(CliError::NoDestination(format!(
        "{release} has no machine type {machine} with scenario {scenario}: expected one of {}",
        all.join(", ")
    )))
}

/// What is known before the stream is read.
pub(super) fn about(by: &StreamReader, source: &Source) -> About {
    let facts = source.facts();
    let read_by = match by {
        StreamReader::Release(to) => ReadBy::Release {
            release: to.release.clone(),
            machine: to.machine.clone(),
            scenario: to.scenario.clone(),
        },
        StreamReader::Description(_) => ReadBy::Description,
        StreamReader::Frames(..) => ReadBy::Frames,
    };
    let stream = StreamInfo {
        name: source.name().to_string(),
        size: source.size(),
        packed: !facts.layers.is_empty(),
        containers: facts.layers.iter().map(ToString::to_string).collect(),
        domain: facts.domain.clone(),
    };
    About { stream, read_by, findings: facts.findings.clone(), notes: facts.notes.clone() }
}

/// And after it.
pub(super) fn concluded(
    mut about: About,
    by: &StreamReader,
    loaded: &Loaded<'_>,
    left: Rest,
    (guessed, cut): (bool, Option<&str>),
) -> About {
    match by {
        StreamReader::Release(_) => {}
        StreamReader::Description(described) => about.findings.extend(described.findings(loaded)),
        StreamReader::Frames(_, unread) => about.findings.extend(unread.iter().cloned()),
    }
    if guessed {
        about.notes.push(GUESSES.to_string());
    }
    about.findings.extend(cut.map(str::to_string));
    match left {
        Rest::Bytes(n) if loaded.refused.is_none() => {
            let text = format!("{n} bytes after the end of the stream are read by nobody");
            about.findings.push(text);
        }
        Rest::Colo(n) if loaded.refused.is_none() => about.notes.push(format!(
            "checkpoints of COLO follow, {n} bytes: only a destination with x-colo on reads them, \
             and nobody here; what was read is the state before the first"
        )),
        Rest::Zeros(n) if loaded.refused.is_none() && n > 0 => {
            about.notes.push(format!("{n} zeros follow the end of the stream"));
        }
        _ => {}
    }
    about
}

/// What is said of a walk by frames.
const GUESSES: &str = "where the opaque sections end is a guess, by what follows them: the stream \
     has no description of itself that can be used; --as names a release that reads it";

/// Checks the header alone: what is no stream is an error before anything is printed.
pub(super) fn check_header(source: &Source) -> Result<(), CliError> {
    let mut head = source.reader();
    let mut reader = Reader::new(&mut head, &Feed::Bulk);
    let refused = |why: String| Err(CliError::Stream { name: source.name().to_string(), why });
    let (magic, (version, whole)) = (reader.be_padded(4).0 as u32, reader.be_padded(4));
    match (magic, version as u32, whole) {
        (MAGIC, _, Err(cut)) => refused(cut.to_string()),
        (MAGIC, FORMAT, _) => Ok(()),
        (MAGIC, found, _) => refused(Kind::BadVersion { found }.at(4).to_string()),
        (found, ..) => refused(Kind::BadMagic { found }.at(0).to_string()),
    }
}
