//! Loads changed streams into real binaries for as long as one likes, chosen by what the model makes of
//! them.
//!
//! ```text
//! parent (fixture or queue) -> changes, sifted by the model -> binary -> class? -> traced again
//!     -> known place? -> made small -> findings/
//! ```
//!
//! The model loads some dozens of changed streams in the time that a binary takes for one: the one that
//! shows most that no stream showed before goes to the binary, and into the queue, from which later ones
//! are made.
//!
//! | file | holds |
//! | --- | --- |
//! | [`input`] | a stream as changes of a fixture |
//! | [`features`] | what a load by the model shows |
//! | [`finding`] | what is looked for |
//! | [`folder`] | what is kept, and shared |
//! | `state` | what all workers know |

pub mod features;
pub mod finding;
pub mod folder;
pub mod input;
mod state;

use std::path::Path;
use std::time::Duration;

use finding::{Class, Finding, class, key, place};
use folder::Session;
use state::{Candidate, Shared};

use super::QemuError;
use super::mutate::Random;
use super::process::Deadline;
use super::shrink::shrink;
use super::verify::{self, Case, Verified, load_both};
use crate::release::library::Library;
use crate::stream::load_bytes;
use crate::trace::recomputed::Table;
use crate::wire::Feed;

/// How often what was done is written, and what others did is read.
const EVERY: Duration = Duration::from_secs(10);
/// Loads spent on making a stream smaller that hangs: each takes the whole limit.
const SHRINK_HANGING: usize = 3;

/// How.
#[derive(Debug, Clone)]
pub struct Options {
    /// Loads at a time.
    pub jobs: usize,
    /// Time for each.
    pub limit: Duration,
    /// Time for all.
    pub time: Duration,
    /// How the bytes arrive.
    pub feed: Feed,
    /// Loads spent on making a stream smaller.
    pub shrink: usize,
    /// One load in so many is traced, and the fields that were read are compared; 0: none.
    pub traced: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What this session did.
    pub session: Session,
    /// Findings that are new.
    pub found: Vec<Finding>,
    /// Loads that did not do again what they had done.
    pub unstable: u64,
    /// Files in the queue that are no inputs.
    pub strange: usize,
}

/// Runs a campaign on the cases of a selection.
///
/// # Errors
/// When a binary cannot be started at all, or files of this side fail. What was found by then is in the
/// folder.
pub fn run(
    library: &Library,
    cases: &[Case<'_>],
    folder: &Path,
    options: &Options,
    progress: &(dyn Fn(&Session) + Sync),
) -> Result<Report, QemuError> {
    let shared = Shared::open(library, cases, folder)?;
    let deadline = Deadline::within(options.time);
    let seed = shared.seed();
    let outcomes: Vec<Result<(), QemuError>> = std::thread::scope(|scope| {
        let worker = |number: usize| {
            let mut random = Random::new(seed.wrapping_add(number as u64));
            let shared = &shared;
            scope.spawn(move || -> Result<(), QemuError> {
                while !deadline.past() && !shared.failed() {
                    let outcome = turn(shared, options, &mut random);
                    if outcome.is_err() {
                        shared.fail();
                    }
                    outcome?;
                    if let Some(session) = shared.report_due(EVERY)? {
                        progress(&session);
                    }
                }
                Ok(())
            })
        };
        let workers: Vec<_> = (0..options.jobs.max(1)).map(worker).collect();
        let ended = |_| Err(QemuError::files(std::io::Error::other("a worker failed")));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(ended)).collect()
    });
    let report = shared.close()?;
    outcomes.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(report)
}

/// One load by a binary, and what it leads to.
fn turn(shared: &Shared<'_>, options: &Options, random: &mut Random) -> Result<(), QemuError> {
    let Some(candidate) = shared.draw(random)? else { return Ok(()) };
    let traced = options.traced > 0 && random.draw().is_multiple_of(options.traced);
    let load = Load { shared, options, candidate: &candidate };
    let first = load.with(&candidate.stream, traced)?;
    shared.loaded(&candidate)?;
    let Some(class) = first.class else { return Ok(()) };
    // Where, only a trace tells.
    let again = if traced { first } else { load.with(&candidate.stream, true)? };
    if again.class != Some(class) {
        shared.unstable();
        return Ok(());
    }
    if !shared.claim(&key(class, &candidate.input.destination, &again.place)) {
        return Ok(());
    }
    let (smallest, last) = load.smallest(class, again)?;
    let finding = Finding {
        class,
        place: last.place,
        feed: options.feed.to_string(),
        ended: last.verified.real.ended.as_ref().map(ToString::to_string),
        says: last.says,
        size: smallest.len() as u64,
        found_with: candidate.stream.len() as u64,
        input: candidate.input.clone(),
    };
    shared.keep(finding, &smallest, &last.verified, candidate.case)
}

/// Loads of one candidate and of what becomes of it.
struct Load<'s, 'l> {
    shared: &'s Shared<'l>,
    options: &'s Options,
    candidate: &'s Candidate<'l>,
}

/// A load, judged.
struct Judged {
    verified: Verified,
    class: Option<Class>,
    place: String,
    says: String,
}

impl Load<'_, '_> {
    /// Loads a stream by the binary and by the model.
    fn with(&self, stream: &[u8], trace: bool) -> Result<Judged, QemuError> {
        let Candidate { case, to, misparsed, .. } = self.candidate;
        let options =
            verify::Options { jobs: 1, limit: self.options.limit, save: false, shrink: 0, trace };
        let case = Case { feed: self.options.feed.clone(), ..(*case).clone() };
        let verified =
            load_both(&Table::default(), &case, [None, Some(to.as_ref())], stream, &options)?;
        self.shared.count();
        // Of a smaller stream nobody knows what was written.
        let is_whole = stream == self.candidate.stream;
        let misparsed = misparsed.as_deref().filter(|_| is_whole);
        let class = class(&verified, misparsed);
        let mut place = place(&verified, to);
        let mut says = verified.compared.disagreement.clone().unwrap_or_default();
        if let (Some(Class::Misparse), Some(at)) = (class, misparsed) {
            place = features::without_numbers(at);
            says = format!("accepted by both, and read otherwise than written at {at}");
        } else if says.is_empty() {
            let loaded = load_bytes(to, stream, &self.options.feed);
            let outcome = loaded.refused.map_or("accepted".to_owned(), |e| format!("refused: {e}"));
            says = format!("model {outcome}; binary did as the model says it does");
        }
        Ok(Judged { verified, class, place, says })
    }

    /// The smallest stream that shows the same at the same place, and what it shows.
    fn smallest(&self, class: Class, found: Judged) -> Result<(Vec<u8>, Judged), QemuError> {
        let Candidate { to, stream, fixture, .. } = self.candidate;
        let budget = match class {
            // What is known of a stream that was misread is where it was changed.
            Class::Misparse => 0,
            Class::Hang => self.options.shrink.min(SHRINK_HANGING),
            _ => self.options.shrink,
        };
        let same = |judged: &Judged| judged.class == Some(class) && judged.place == found.place;
        let mut last = None;
        let smallest = shrink(to, fixture, stream, budget, |smaller| {
            let judged = self.with(smaller, true)?;
            let is_same = same(&judged);
            if is_same {
                last = Some(judged);
            }
            Ok::<_, QemuError>(is_same)
        })?;
        Ok((smallest, last.unwrap_or(found)))
    }
}
