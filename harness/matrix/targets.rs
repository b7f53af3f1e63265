//! Which releases take the machine in a stream: each asked in turn, its destination composed.

use std::io::{self, Read, Seek, SeekFrom};

use crate::release::compose::{self, BuildTables, Composed, Lacking, LayoutCache, Machine};
use crate::release::library::LibraryError;
use crate::release::suggest;
use crate::stream::condense::Condensed;
use crate::trace::sentence::judged_sentence;
use crate::trace::{Judged, Meaning, Verdict, judge};
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
    #[error("{0}")]
    NoRelease(String),
    #[error("no release of the corpus is known to have a machine type '{asked}'{meant}")]
    NoMachineType { asked: String, meant: String },
}

/// What is asked beside the stream.
#[derive(Debug, Clone, Default)]
pub struct OriginHints {
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

impl From<Lacking> for Answer {
    fn from(lacking: Lacking) -> Self {
        match lacking {
            Lacking::Type(why) => Answer::Unsupported(why),
            Lacking::Unknown(why) => Answer::Undetermined(why),
        }
    }
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
    /// What the answer depends on, in words.
    pub assumptions: Vec<String>,
}

impl Row {
    /// Whether the release takes the machine; `None` where nobody can tell. What is accepted and
    /// read as something else is not taken.
    #[must_use]
    pub fn takes(&self) -> Option<bool> {
        match self.answer.verdict() {
            Verdict::Undetermined => None,
            verdict => Some(matches!(verdict, Verdict::Faithful | Verdict::Defaulted)),
        }
    }

    /// Why, in a sentence; `source` is the release that wrote the stream.
    #[must_use]
    pub fn reason(&self, source: &str) -> String {
        match &self.answer {
            Answer::Judged(judged) => judged_sentence(judged, source),
            Answer::Unsupported(why) | Answer::Undetermined(why) => format!("{why}."),
        }
    }
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

/// How well a release fits a stream: what is missing and what is strange in it, or what is alike of how
/// much.
type Score = (usize, usize);

/// Finds out what a stream is of: machine type, sections, and the release that wrote it.
///
/// # Errors
/// See [`TargetsError`].
pub fn origin(
    cache: &LayoutCache<'_>,
    stream: &mut (impl Read + Seek),
    hints: &OriginHints,
) -> Result<Origin, TargetsError> {
    let size = stream.seek(SeekFrom::End(0))?;
    let mut machine = Machine::of(stream)?;
    let given = hints.machine.clone().or(machine.machine);
    machine.machine = given.map(|name| cache.library.machine_type(&name));
    if let Some(why) = &machine.stopped {
        return Err(TargetsError::NoStream(why.clone()));
    }
    let Some(name) = machine.machine.clone() else { return Err(TargetsError::NoMachine) };
    if let Some(release) = &hints.source
        && !cache.library.releases().iter().any(|(known, _)| known == release)
    {
        return Err(TargetsError::NoRelease(cache.library.no_release(release)));
    }
    let mut found: Vec<(Composed, Score, Score)> = Vec::new();
    let mut reasons = String::new();
    let mut lacking = String::new();
    let releases = cache.library.releases().iter().rev().map(|r| r.0.as_str());
    for release in releases.filter(|r| hints.source.as_ref().is_none_or(|s| s == r)) {
        if let Some(Lacking::Type(why) | Lacking::Unknown(why)) =
            compose::lacks_machine(cache, release, &name)?
        {
            lacking += &format!("  {release}: {why}\n");
            continue;
        }
        let Some(build) = BuildTables::of(cache.library, release) else { continue };
        let composed = match compose::source(cache, &build, &machine)? {
            Ok(composed) => composed,
            Err(Lacking::Type(why) | Lacking::Unknown(why)) => {
                reasons += &format!("  {release}: {why}\n");
                continue;
            }
        };
        match read(composed, &machine.condensed) {
            Ok(composed) => {
                let missing = (composed.foreign, composed.mismatches);
                let likeness = composed.likeness();
                found.push((composed, missing, likeness));
            }
            Err(why) => reasons += &format!("  {release}: {why}\n"),
        }
    }
    // What is known of all sections counts first, then what they are called, then how much the
    // values look alike.
    found.sort_by(|a, b| {
        (a.1, share(b.2)).partial_cmp(&(b.1, share(a.2))).unwrap_or(std::cmp::Ordering::Equal)
    });
    let Some((_, fewest, most)) = found.first() else {
        let known = compose::machine_types(cache)?;
        if !known.contains(&name) {
            let meant = suggest::hint(&name, known.iter().map(String::as_str));
            return Err(TargetsError::NoMachineType { asked: name, meant });
        }
        // The machine type is known, of other releases.
        let reasons = if reasons.is_empty() { lacking } else { reasons };
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
fn read(mut composed: Composed, stream: &Condensed) -> Result<Composed, String> {
    let mut local = Local::default();
    let meaning = Meaning::of_condensed(&composed.destination, stream)?;
    local.remember(&meaning.loaded.map, &stream.bytes);
    composed.destination.local.items.extend(local.items);
    Ok(composed)
}

/// The section that a load fails in, where its layout is that of another machine type: idstr, and
/// which machine type that is.
fn blamed(judged: &Judged, meaning: &Meaning<'_>, composed: &Composed) -> Option<(String, String)> {
    let at = match (&judged.error, &judged.difference) {
        (_, Some(difference)) => difference.offset,
        (Some(error), None) => error.offset,
        (None, None) => return None,
    };
    // The footer is missed by what was read before it.
    let section = meaning.loaded.sections.iter().rev().find(|s| s.offset <= at)?;
    let idstr = String::from_utf8_lossy(&section.idstr).into_owned();
    let other = composed.elsewhere.get(&idstr)?.clone();
    Some((idstr, other))
}

/// Gives a judged load the offsets that it has in the stream itself.
pub fn restore_offsets(judged: &mut Judged, condensed: &Condensed) {
    let place = |offset: &mut u64| *offset = condensed.original(*offset);
    place(&mut judged.stopped);
    place(&mut judged.taken);
    judged.size = condensed.size();
    judged.error.iter_mut().for_each(|error| place(&mut error.offset));
    judged.gave_up.iter_mut().for_each(place);
    for parted in judged.difference.iter_mut().chain(&mut judged.false_end) {
        place(&mut parted.offset);
        parted.written.iter_mut().chain(&mut parted.read).for_each(|item| place(&mut item.offset));
    }
}

/// What one release makes of a machine; `meaning` is what its source makes of the same bytes.
///
/// # Errors
/// See [`TargetsError`].
pub fn judge_release(
    cache: &LayoutCache<'_>,
    build: &BuildTables<'_>,
    origin: &Origin,
    meaning: &Meaning<'_>,
    stream: &[u8],
    feed: &Feed,
) -> Result<(Row, Option<Composed>), TargetsError> {
    let row = |answer, assumptions| Row { release: build.name.to_owned(), answer, assumptions };
    let composed = match compose::destination(cache, build, &origin.machine, &origin.source)? {
        Ok(composed) => composed,
        Err(lacking) => return Ok((row(lacking.into(), Vec::new()), None)),
    };
    let judged = judge(meaning, stream, &composed.destination, feed);
    if let Some((idstr, other)) = blamed(&judged, meaning, &composed) {
        let machine = &composed.destination.machine;
        let why = format!(
            "section {idstr} was not recorded on {machine} in {}; as on {other}, it comes to {}",
            build.name, judged.verdict
        );
        return Ok((row(Answer::Undetermined(why), composed.assumptions.clone()), Some(composed)));
    }
    let assumptions = composed.assumptions.clone();
    Ok((row(Answer::Judged(Box::new(judged)), assumptions), Some(composed)))
}

/// Asks all releases, and downstream builds of them.
///
/// # Errors
/// See [`TargetsError`].
pub fn targets(
    cache: &LayoutCache<'_>,
    stream: &mut (impl Read + Seek),
    hints: &OriginHints,
    downstream: &[BuildTables<'_>],
) -> Result<Targets, TargetsError> {
    targets_of(cache, stream, hints, downstream, None)
}

/// The same of one release only, where it is named.
///
/// # Errors
/// See [`TargetsError`].
pub fn targets_of(
    cache: &LayoutCache<'_>,
    stream: &mut (impl Read + Seek),
    hints: &OriginHints,
    downstream: &[BuildTables<'_>],
    only: Option<&str>,
) -> Result<Targets, TargetsError> {
    let releases = cache.library.releases();
    if let Some(name) = only
        && !releases.iter().any(|(release, _)| release == name)
    {
        return Err(TargetsError::NoRelease(cache.library.no_release(name)));
    }
    let origin = origin(cache, stream, hints)?;
    let condensed = &origin.machine.condensed;
    let meaning = Meaning::of_condensed(&origin.source.destination, condensed)
        .map_err(TargetsError::NoSource)?;
    let mut rows = Vec::new();
    let wanted =
        releases.iter().rev().filter(|(release, _)| only.is_none_or(|name| name == release));
    for (release, _) in wanted {
        let of = downstream.iter().filter(|build| build.release == release);
        for build in BuildTables::of(cache.library, release).iter().chain(of) {
            let feed = &Feed::Bulk;
            let (mut row, _) =
                judge_release(cache, build, &origin, &meaning, &condensed.bytes, feed)?;
            if let Answer::Judged(judged) = &mut row.answer {
                restore_offsets(judged, condensed);
            }
            rows.push(row);
        }
    }
    Ok(Targets {
        machine: origin.source.destination.machine.clone(),
        sources: origin.sources.clone(),
        size: origin.size,
        unknown: origin.source.missing().into_iter().map(str::to_owned).collect(),
        rows,
    })
}
