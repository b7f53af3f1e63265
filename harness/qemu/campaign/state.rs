//! What all workers of a campaign share: the queue, what was seen before, and what was done.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Report;
use super::features::features;
use super::finding::Finding;
use super::folder::{Folder, Session};
use super::input::Input;
use crate::qemu::QemuError;
use crate::qemu::mutate::{Random, change};
use crate::qemu::verify::{Case, Verified};
use crate::release::files::FileError;
use crate::release::library::Library;
use crate::stream::{Destination, load_bytes};
use crate::trace::{Meaning, Verdict, compare, verdict};
use crate::wire::Feed;

/// Streams of which the model chooses one.
const SIFTED: usize = 24;
/// How often it looks for one that shows something new, before one goes to the binary that does not.
const ROUNDS: usize = 3;
/// Most changes of one fixture.
const CHANGES: usize = 6;
/// Most things that are remembered as shown.
const SEEN: usize = 8 << 20;

/// A stream that goes to a binary.
pub(super) struct Candidate<'l> {
    pub(super) case: &'l Case<'l>,
    pub(super) to: Arc<Destination>,
    pub(super) input: Input,
    pub(super) stream: Vec<u8>,
    /// The unchanged one.
    pub(super) fixture: Arc<Vec<u8>>,
    /// Where the model read something else than was written, if it accepts that past a footer.
    pub(super) misparsed: Option<String>,
    features: Vec<u64>,
    /// How many of them are new.
    new: usize,
}

/// See the module documentation.
pub(super) struct Shared<'l> {
    library: &'l Library,
    cases: &'l [Case<'l>],
    destinations: Mutex<BTreeMap<[String; 3], Arc<Destination>>>,
    streams: Mutex<BTreeMap<String, Arc<Vec<u8>>>>,
    state: Mutex<State>,
    begun: Instant,
}

struct State {
    folder: Folder,
    /// Inputs for one of the cases, and its number.
    queue: Vec<(usize, Input)>,
    seen: HashSet<u64>,
    /// Cases whose unchanged stream was shown.
    shown: BTreeSet<usize>,
    claimed: BTreeSet<String>,
    report: Report,
    last_report: Instant,
    failed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn files(error: FileError) -> QemuError {
    QemuError::files(std::io::Error::other(error))
}

impl<'l> Shared<'l> {
    /// The state of a folder: its queue is shown to the model.
    pub(super) fn open(
        library: &'l Library,
        cases: &'l [Case<'l>],
        folder: &Path,
    ) -> Result<Self, QemuError> {
        let folder = Folder::new(folder);
        // No session draws what an earlier one has drawn.
        let earlier = folder.sessions().map_err(files)?.len() as u64;
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let time = time.map_or(0, |time| time.as_nanos() as u64);
        let seed = Random::new(time ^ earlier ^ u64::from(std::process::id()) << 32).draw();
        let shared = Shared {
            library,
            cases,
            destinations: Mutex::default(),
            streams: Mutex::default(),
            state: Mutex::new(State {
                folder,
                queue: Vec::new(),
                seen: HashSet::new(),
                shown: BTreeSet::new(),
                claimed: BTreeSet::new(),
                report: Report {
                    session: Session { seed, ..Session::default() },
                    ..Report::default()
                },
                last_report: Instant::now(),
                failed: false,
            }),
            begun: Instant::now(),
        };
        shared.read_new_inputs()?;
        Ok(shared)
    }

    pub(super) fn seed(&self) -> u64 {
        lock(&self.state).report.session.seed
    }

    pub(super) fn failed(&self) -> bool {
        lock(&self.state).failed
    }

    pub(super) fn fail(&self) {
        lock(&self.state).failed = true;
    }

    /// Takes over what others put into the queue.
    fn read_new_inputs(&self) -> Result<(), QemuError> {
        let (inputs, strange) = lock(&self.state).folder.read_new().map_err(files)?;
        lock(&self.state).report.strange += strange;
        for input in inputs {
            // Of other binaries, or of a release that is not in the corpus any more.
            let Some(number) = self.cases.iter().position(|case| fits(case, &input)) else {
                continue;
            };
            let Some(case) = self.cases.get(number) else { continue };
            let (to, fixture) = self.parts(case)?;
            let Some(stream) = input.apply(&fixture) else { continue };
            let loaded = load_bytes(&to, &stream, &Feed::Bulk);
            let features = features(&case.known.release, &stream, &loaded);
            let mut state = lock(&self.state);
            state.see(&features);
            state.queue.push((number, input));
        }
        Ok(())
    }

    /// Destination and stream of a case.
    fn parts(&self, case: &Case<'_>) -> Result<(Arc<Destination>, Arc<Vec<u8>>), QemuError> {
        let fixture = case.fixture;
        let to = self.destination(&case.known.release, &fixture.machine, &fixture.scenario)?;
        let id = fixture.id();
        let known = lock(&self.streams).get(&id).cloned();
        let stream = match known {
            Some(stream) => stream,
            None => {
                let stream = self.library.corpus().stream(fixture);
                let stream = Arc::new(stream.map_err(|e| QemuError::Library(e.into()))?);
                lock(&self.streams).insert(id, Arc::clone(&stream));
                stream
            }
        };
        Ok((to, stream))
    }

    fn destination(
        &self,
        release: &str,
        machine: &str,
        scenario: &str,
    ) -> Result<Arc<Destination>, QemuError> {
        let key = [release, machine, scenario].map(str::to_owned);
        if let Some(known) = lock(&self.destinations).get(&key) {
            return Ok(Arc::clone(known));
        }
        let Some(built) = self.library.destination(release, machine, scenario)? else {
            let what = format!("the corpus has no destination {}", key.join(" "));
            return Err(QemuError::files(std::io::Error::other(what)));
        };
        let built = Arc::new(built);
        lock(&self.destinations).insert(key, Arc::clone(&built));
        Ok(built)
    }

    /// The next stream for a binary; `None` if nothing that was drawn changes anything.
    pub(super) fn draw(&self, random: &mut Random) -> Result<Option<Candidate<'l>>, QemuError> {
        let mut best: Option<Candidate<'l>> = None;
        for _ in 0..ROUNDS {
            let Some((number, parent)) = self.parent(random) else { continue };
            let Some(case) = self.cases.get(number) else { continue };
            let (to, fixture) = self.parts(case)?;
            let Some(stream) = parent.apply(&fixture) else { continue };
            let loaded = load_bytes(&to, &stream, &Feed::Bulk);
            if lock(&self.state).shown.insert(number) {
                let unchanged = load_bytes(&to, &fixture, &Feed::Bulk);
                let features = features(&case.known.release, &fixture, &unchanged);
                lock(&self.state).see(&features);
            }
            for _ in 0..SIFTED {
                let Some(op) = change(random, &stream, &loaded) else { continue };
                let Some(changed) = op.apply(&stream) else { continue };
                let after = load_bytes(&to, &changed, &Feed::Bulk);
                let features = features(&case.known.release, &changed, &after);
                let new = {
                    let mut state = lock(&self.state);
                    state.report.session.modelled += 1;
                    features.iter().filter(|feature| !state.seen.contains(*feature)).count()
                };
                if best.as_ref().is_some_and(|best| best.new >= new) {
                    continue;
                }
                let mut input = parent.clone();
                input.changes.push(op);
                let misparsed = match after.refused.is_none() && to.dialect.footers {
                    true => self.misparsed(&input, case, &fixture, &after)?,
                    false => None,
                };
                let (to, fixture) = (Arc::clone(&to), Arc::clone(&fixture));
                best = Some(Candidate {
                    case,
                    to,
                    input,
                    stream: changed,
                    fixture,
                    misparsed,
                    features,
                    new,
                });
            }
            if best.as_ref().is_some_and(|best| best.new > 0) {
                break;
            }
        }
        Ok(best)
    }

    /// What the next changes are made to: an input of the queue, or a fixture as it is.
    fn parent(&self, random: &mut Random) -> Option<(usize, Input)> {
        let state = lock(&self.state);
        if random.below(2) == 0
            && let Some((number, input)) = random.pick(&state.queue)
            && input.changes.len() < CHANGES
        {
            return Some((*number, input.clone()));
        }
        let number = random.below(self.cases.len());
        let case = self.cases.get(number)?;
        let fixture = case.fixture;
        let input = Input {
            source: fixture.release.clone(),
            machine: fixture.machine.clone(),
            scenario: fixture.scenario.clone(),
            destination: case.known.release.clone(),
            changes: Vec::new(),
        };
        Some((number, input))
    }

    /// Where an accepted load read something else than was written, in words.
    fn misparsed(
        &self,
        input: &Input,
        case: &Case<'_>,
        fixture: &[u8],
        loaded: &crate::stream::Loaded<'_>,
    ) -> Result<Option<String>, QemuError> {
        let own = self.destination(&input.source, &case.fixture.machine, &case.fixture.scenario)?;
        let Ok(meaning) = Meaning::of(&own, fixture) else { return Ok(None) };
        let map = input.meaning(&meaning.loaded.map, fixture.len());
        Ok(match verdict::outline(&map, loaded) {
            (Verdict::Misparsed, Some(at)) => {
                let difference = compare::difference(&map, &loaded.map, at);
                let item = difference.written.or(difference.read);
                Some(item.map_or("the end".to_owned(), |item| item.path))
            }
            _ => None,
        })
    }

    /// A binary has loaded a candidate: what it shows is known, and what showed something new is queued.
    pub(super) fn loaded(&self, candidate: &Candidate<'l>) -> Result<(), QemuError> {
        let mut state = lock(&self.state);
        state.see(&candidate.features);
        if candidate.new > 0 && state.folder.queue(&candidate.input).map_err(files)? {
            state.report.session.queued += 1;
            let number = self.cases.iter().position(|case| std::ptr::eq(case, candidate.case));
            state.queue.extend(number.map(|number| (number, candidate.input.clone())));
        }
        Ok(())
    }

    /// Counts a load by a binary.
    pub(super) fn count(&self) {
        lock(&self.state).report.session.loads += 1;
    }

    pub(super) fn unstable(&self) {
        lock(&self.state).report.unstable += 1;
    }

    /// Whether nobody has this finding, nor is about to have it.
    pub(super) fn claim(&self, key: &str) -> bool {
        let mut state = lock(&self.state);
        !state.folder.has(key) && state.claimed.insert(key.to_owned())
    }

    /// Keeps a finding.
    pub(super) fn keep(
        &self,
        finding: Finding,
        stream: &[u8],
        verified: &Verified,
        case: &Case<'_>,
    ) -> Result<(), QemuError> {
        let Finding { input, feed, .. } = &finding;
        let Input { source, machine, scenario, destination, changes } = input;
        let changes: Vec<String> =
            changes.iter().map(|op| format!("  {}\n", op.describe())).collect();
        let about = format!(
            "{} at {}\n{source}/{machine}.{scenario} into {destination}, feed {feed}, changed by\n{}{}\n\
             smallest: {} of {} bytes\n\nOnce more:\n  crossload verify --qemu {} --stream \
             smallest.stream --machine {machine} --scenario {scenario} --feed {feed}\n\n\
             What the binary said:\n{}",
            finding.class.name(),
            finding.place,
            changes.concat(),
            finding.says,
            finding.size,
            finding.found_with,
            case.known.binary.path.display(),
            verified.real.stderr,
        );
        let mut state = lock(&self.state);
        state.folder.keep(&finding, stream, &verified.real.trace, &about).map_err(files)?;
        state.report.session.found += 1;
        state.report.found.push(finding);
        Ok(())
    }

    /// Writes what was done, and reads what others did, if that is long ago: then what was done.
    pub(super) fn report_due(&self, every: Duration) -> Result<Option<Session>, QemuError> {
        {
            let mut state = lock(&self.state);
            if state.last_report.elapsed() < every {
                return Ok(None);
            }
            state.last_report = Instant::now();
        }
        self.read_new_inputs()?;
        self.tell().map(Some)
    }

    fn tell(&self) -> Result<Session, QemuError> {
        let mut state = lock(&self.state);
        state.report.session.seconds = self.begun.elapsed().as_secs();
        let session = state.report.session.clone();
        state.folder.write_session(&session).map_err(files)?;
        Ok(session)
    }

    /// What came of it.
    pub(super) fn close(self) -> Result<Report, QemuError> {
        self.tell()?;
        Ok(self.state.into_inner().unwrap_or_else(PoisonError::into_inner).report)
    }
}

impl State {
    fn see(&mut self, features: &[u64]) {
        if self.seen.len() < SEEN {
            self.seen.extend(features);
        }
    }
}

fn fits(case: &Case<'_>, input: &Input) -> bool {
    let fixture = case.fixture;
    [&case.known.release, &fixture.release, &fixture.machine, &fixture.scenario]
        == [&input.destination, &input.source, &input.machine, &input.scenario]
}
