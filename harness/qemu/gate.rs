//! Two builds, each given what the other saved: the captures, a corpus of both, and the loads.
//!
//! Nothing that is on record is touched: both builds go into a corpus of their own, which lasts as
//! long as the gate. It has the tables of the releases on record, too, as the importer takes from
//! them what a stock binary does not tell of itself.

use std::path::Path;
use std::time::Duration;

use rayon::prelude::*;

use super::QemuError;
use super::binary::{Binary, MachineType};
use super::bundle;
use super::capture::{Captured, capture};
use super::groups::Scratch;
use super::incoming::{IncomingOptions, RealLoad, load};
use super::scenario::{fits, lacks, setup};
use crate::matrix::config::Scenario;
use crate::release::corpus::Corpus;
use crate::release::import::import_into;
use crate::release::library::Library;
use crate::release::provenance::Fixture;
use crate::wire::Feed;

/// A build at the gate.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    /// What it is called here: a release of the corpus, or a release number with a suffix.
    pub name: &'a str,
    /// The binary; `None`: what is on record of that release.
    pub binary: Option<&'a Binary>,
}

/// What is to be captured and crossed.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The build that is there already, and the new one.
    pub builds: [Build<'a>; 2],
    /// Scenarios, on their machine types.
    pub wanted: Vec<(&'a Scenario, String)>,
    /// At a time.
    pub jobs: usize,
    /// Time for each run and each load.
    pub limit: Duration,
}

/// A stream of one build into the other.
#[derive(Debug)]
pub struct Crossed {
    /// The stream's provenance.
    pub fixture: Fixture,
    /// Which build was given it.
    pub to: String,
    /// What its binary did, if it has one.
    pub real: Option<RealLoad>,
}

/// Both builds, and what came of it.
#[derive(Debug)]
pub struct Gate {
    /// A corpus with both.
    pub library: Library,
    /// What each binary describes on the first of the machine types, as JSON, if both are binaries.
    pub dumps: Option<[Vec<u8>; 2]>,
    /// Loads by real binaries, in both directions.
    pub crossed: Vec<Crossed>,
    /// What could not be captured, and why: a build, machine type and scenario.
    pub failed: Vec<(String, String)>,
    /// The corpus' folder, which goes with this.
    _work: Scratch,
}

/// The scenarios that both builds can run, on the newest machine types that both have, or on those
/// named; and what is left out, with the reason.
#[must_use]
pub fn wanted<'c>(
    [old, new]: [Build<'_>; 2],
    known: &[Fixture],
    scenarios: &'c [Scenario],
    machines: &[String],
) -> (Vec<(&'c Scenario, String)>, Vec<String>) {
    let mut wanted = Vec::new();
    let mut notes = Vec::new();
    for scenario in scenarios {
        let binaries = [old.binary, new.binary].into_iter().flatten();
        let mut lacking = binaries.clone().filter_map(|binary| {
            lacks(binary, scenario).map(|why| format!("{}: {why}", binary.about))
        });
        if let Some(why) = lacking.next() {
            notes.push(format!("{} left out: {why}", scenario.name));
            continue;
        }
        let recorded = |machine: &str| {
            let same = |f: &&Fixture| f.machine == machine && f.scenario == scenario.name;
            known.iter().filter(same).any(|f| f.release == old.name)
        };
        let both = |machine: &&MachineType| {
            let old_has = old
                .binary
                .map_or_else(|| recorded(&machine.name), |binary| binary.has(&machine.name));
            fits(scenario, &machine.name) && old_has
        };
        let of_new = new.binary.map_or(&[][..], |binary| binary.machines.as_slice());
        let all = of_new.iter().filter(both);
        let names: Vec<&str> = match machines {
            [] => newest(all).into_iter().collect(),
            named => {
                let asked = |m: &&MachineType| named.contains(&m.name);
                all.filter(asked).map(|m| m.name.as_str()).collect()
            }
        };
        if names.is_empty() && machines.is_empty() {
            notes.push(format!(
                "{} left out: no machine type of it is known to both",
                scenario.name
            ));
        }
        wanted.extend(names.into_iter().map(|name| (scenario, name.to_owned())));
    }
    (wanted, notes)
}

/// The newest of some machine types: the one of the highest number.
fn newest<'m>(machines: impl Iterator<Item = &'m MachineType>) -> Option<&'m str> {
    let number = |m: &MachineType| {
        let version = m.name.rsplit('-').next().unwrap_or_default();
        version.parse::<crate::dialect::Version>().ok()
    };
    let numbered = machines.filter_map(|m| Some((number(m)?, m.name.as_str())));
    numbered.max().map(|(_, name)| name)
}

/// Captures, imports and loads; `progress` is called with each step as it begins.
///
/// # Errors
/// When nothing could be captured, or files fail. A scenario that one build cannot run is reported in
/// [`Gate::failed`].
pub fn gate(
    request: &Request<'_>,
    known: &Corpus,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Gate, QemuError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(request.jobs).build();
    let pool = pool.map_err(|e| QemuError::files(std::io::Error::other(e)))?;
    let [old, new] = request.builds;
    let mut failed = Vec::new();
    let mut sent: [Vec<Sent>; 2] = Default::default();
    let work = Scratch::new().map_err(QemuError::files)?;
    let folder = work.path().join("corpus");
    for (build, sent) in request.builds.iter().zip(&mut sent) {
        let Some(binary) = build.binary else {
            *sent = recorded(request, build.name, known)?;
            continue;
        };
        let tried: Vec<Result<Captured, QemuError>> = pool.install(|| {
            let one = |(scenario, machine): &(&Scenario, String)| {
                progress(&format!("{}: capturing {machine} {}", build.name, scenario.name));
                capture(binary, build.name, scenario, machine, request.limit)
            };
            request.wanted.par_iter().map(one).collect()
        });
        let mut captured = Vec::new();
        for ((scenario, machine), result) in request.wanted.iter().zip(tried) {
            match result {
                Ok(one) => captured.push(one),
                Err(error) => {
                    let what = format!("{}: {machine} {}", build.name, scenario.name);
                    failed.push((what, error.to_string()));
                }
            }
        }
        if captured.is_empty() {
            let why = failed.iter().map(|(what, why)| format!("{what}: {why}"));
            let release: Vec<String> = std::iter::once(build.name.to_owned()).chain(why).collect();
            return Err(QemuError::NothingCaptured { release: release.join("\n  ") });
        }
        let input = work.path().join(build.name);
        bundle::write(&input, binary, &captured, request.limit)?;
        sent.extend(captured.into_iter().map(|c| Sent { fixture: c.fixture, stream: c.stream }));
    }

    progress("reading what they tell of themselves");
    let of_recorded = |path: &str| {
        request.builds.iter().any(|build| {
            build.binary.is_none()
                && path.strip_prefix(build.name).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    known.unpack(&folder, |path| is_table(path) || of_recorded(path))?;
    for build in request.builds.iter().filter(|build| build.binary.is_some()) {
        import_into(&work.path().join(build.name), &folder)?;
    }
    let library = Library::open(Corpus::open(&folder)?)?;
    let machine = request.wanted.first().map_or("none", |(_, machine)| machine.as_str());
    let dumps = match (old.binary, new.binary) {
        (Some(old), Some(new)) => Some([
            bundle::dump(old, machine, request.limit)?,
            bundle::dump(new, machine, request.limit)?,
        ]),
        _ => None,
    };

    let both = |fixture: &Fixture| {
        let same = |one: &Sent| {
            one.fixture.machine == fixture.machine && one.fixture.scenario == fixture.scenario
        };
        sent.iter().all(|list| list.iter().any(same))
    };
    let crossings: Vec<(&Sent, Build<'_>)> = sent
        .iter()
        .zip([new, old])
        .flat_map(|(list, to)| list.iter().map(move |one| (one, to)))
        .filter(|(one, _)| both(&one.fixture))
        .collect();
    let scenario = |name: &str| request.wanted.iter().find(|(s, _)| s.name == name);
    let crossed: Result<Vec<Option<Crossed>>, QemuError> = pool.install(|| {
        let one = |(one, to): &(&Sent, Build<'_>)| {
            let fixture = &one.fixture;
            let crossed = |real| {
                let (fixture, to) = (fixture.clone(), to.name.to_owned());
                Ok(Some(Crossed { fixture, to, real }))
            };
            let Some(binary) = to.binary else { return crossed(None) };
            progress(&format!("{} into {}", fixture.id(), to.name));
            let Some((scenario, _)) = scenario(&fixture.scenario) else { return Ok(None) };
            let setup = setup(scenario, &fixture.machine)?;
            let wanted = IncomingOptions {
                feed: Feed::Bulk,
                trace: false,
                save: false,
                limit: request.limit,
            };
            crossed(Some(load(binary, &setup, &one.stream, &wanted)?))
        };
        crossings.par_iter().map(one).collect()
    });
    let crossed = crossed?.into_iter().flatten().collect();
    Ok(Gate { library, dumps, crossed, failed, _work: work })
}

/// A stream, and where it is from.
struct Sent {
    fixture: Fixture,
    stream: Vec<u8>,
}

/// The fixtures of a release on record.
fn recorded(request: &Request<'_>, release: &str, known: &Corpus) -> Result<Vec<Sent>, QemuError> {
    let asked = |f: &Fixture| {
        let same = |(s, m): &(&Scenario, String)| s.name == f.scenario && *m == f.machine;
        f.release == release && request.wanted.iter().any(same)
    };
    let mut sent = Vec::new();
    for fixture in known.fixtures()?.into_iter().filter(asked) {
        let stream = known.stream(&fixture)?;
        sent.push(Sent { fixture, stream });
    }
    Ok(sent)
}

/// What the importer takes from releases on record.
fn is_table(path: &str) -> bool {
    let of_release = path.ends_with("/tables.json") || path.contains("/destinations/");
    of_release || Path::new(path).extension().is_some_and(|e| e == "toml") && !path.contains('/')
}
