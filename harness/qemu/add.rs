//! Adds a release: it is captured, imported and run in a copy of the corpus; the corpus itself is changed
//! only when all of that has succeeded, `matrix.toml` last.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::binary::Binary;
use super::capture::{Captured, all};
use super::connection::QmpError;
use super::emulator::TRACED;
use super::groups::{Scratch, running};
use super::process::Ended;
use super::scenario::{fits, fits_binary, lacks};
use super::{QemuError, bundle, matrix_toml, platform};
use crate::dialect::machine::architecture;
use crate::matrix::config::Finding;
use crate::matrix::{Config, Filter, Plan, Run, run};
use crate::release::corpus::Corpus;
use crate::release::files::{self, FileError};
use crate::release::import::import_into;
use crate::release::library::Library;
use crate::release::locked::LockedFolder;
use crate::release::notes::Note;
use crate::release::provenance::Fixture;
use crate::stream::Destination;
use crate::vmstate::schema::Tables;
use crate::wire::Feed;

/// What is to be added to what.
#[derive(Debug)]
pub struct Request<'a> {
    /// The binary.
    pub binary: &'a Binary,
    /// Name of the release.
    pub release: String,
    /// `matrix.toml`.
    pub matrix: &'a Path,
    /// The corpus that belongs to it.
    pub corpus: &'a Path,
    /// Captures at a time.
    pub jobs: usize,
    /// Time for each run and each load.
    pub limit: Duration,
    /// Machine types that are wanted beside the listed ones and its newest.
    pub machines: &'a [String],
}

impl Request<'_> {
    /// Whether a fixture is of the binary's architecture.
    fn is_of_binary(&self, fixture: &Fixture) -> bool {
        architecture(&fixture.machine) == self.binary.architecture
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Added {
    /// Files that were written, as paths in the corpus; empty if the release was there already.
    pub written: Vec<String>,
    /// Scenarios that the binary cannot run, and why; what the importer had to say.
    pub notes: Vec<Note>,
    /// What is new or gone against the release before, in words.
    pub changes: Vec<String>,
    /// What the binary could not do when it was captured.
    pub findings: Vec<Finding>,
    /// The new row and column, with the `matrix.toml` that they are judged by.
    pub run: Option<(Config, Run)>,
    /// The release before, with its row and column.
    pub before: Option<(String, Run)>,
    /// Whether the release was there already: then only what nobody had run was captured.
    pub there: bool,
}

/// Adds a release.
///
/// # Errors
/// When a capture fails, or the outcome is no consistent corpus. Nothing has been written then.
pub fn add(request: &Request<'_>) -> Result<Added, QemuError> {
    let locked = LockedFolder::lock(request.corpus, "add")?;
    let name = request.matrix.display().to_string();
    let missing = || FileError::Read { path: name.clone(), source: ErrorKind::NotFound.into() };
    let bytes = files::read(request.matrix)?.ok_or_else(missing)?;
    let text = files::utf8(&name, &bytes)?;
    let config = Config::parse(&name, text)?;
    let corpus = Corpus::open(request.corpus)?;
    let of = request.binary.architecture.as_str();
    if platform::common(of).is_none() {
        let about = request.binary.about.clone();
        return Err(QemuError::Architecture { about, found: of.to_owned() });
    }
    let there = config.place(&request.release).is_some() && there_already(request, &corpus)?;
    if request.binary.version < TRACED {
        let about = request.binary.about.clone();
        return Err(QemuError::TooOld { about, needed: TRACED });
    }
    let stale = locked.stale().map(|who| format!("the corpus was held by {who}, which is gone"));
    let mut notes: Vec<Note> = stale.into_iter().map(|what| Note::at("", what)).collect();
    let mut findings = Vec::new();
    let captured = captures(request, &config, &corpus, there, &mut notes, &mut findings)?;
    findings.retain(|finding| !config.findings.contains(finding));
    if captured.is_empty() && there {
        return Ok(Added { notes, findings, there, ..Added::default() });
    }
    if captured.is_empty() {
        return Err(QemuError::NothingCaptured { release: request.release.clone() });
    }
    let known = corpus.fixtures()?;

    let work = Scratch::new().map_err(QemuError::files)?;
    let (input, copy) = (work.path().join("input"), work.path().join("corpus"));
    bundle::write(&input, request.binary, &captured, request.limit)?;
    files::copy_folder(request.corpus, &copy)?;
    notes.extend(import_into(&input, &copy)?.notes);

    let new = matrix_toml::Release {
        name: request.release.clone(),
        about: request.binary.about.clone(),
        machines: captured.iter().map(|c| c.fixture.machine.clone()).collect(),
        scenarios: captured.iter().map(|c| c.fixture.scenario.clone()).collect(),
        first: captured
            .iter()
            .map(|c| c.fixture.scenario.clone())
            .filter(|scenario| !known.iter().any(|f| f.scenario == *scenario))
            .collect(),
        findings: findings.clone(),
    };
    let claim = |why| QemuError::MatrixToml { file: name.clone(), why };
    let text = matrix_toml::with(text, &new).map_err(claim)?;
    let config = Config::parse(&name, &text)?;
    let library = Library::open(Corpus::open(&copy)?)?;
    config.check(&library)?;
    let own: Vec<String> =
        config.machines.iter().map(|m| m.name.clone()).filter(|m| architecture(m) == of).collect();
    let cells = |release: &str| -> Result<Run, QemuError> {
        let releases = vec![release.to_owned()];
        let filter = Filter { releases, machines: own.clone(), ..Filter::default() };
        let plan = Plan::new(&config, library.fixtures(), &filter)?;
        Ok(run(&library, &config, &plan, &Feed::Bulk)?)
    };
    let run = cells(&request.release)?;
    let before = before(&library, &request.release, of);
    let changes = match &before {
        Some(before) => changes(&library, &request.release, before, of)?,
        None => Vec::new(),
    };
    // One that was never captured has no cells.
    let before = before.and_then(|name| Some((name.clone(), cells(&name).ok()?)));

    let mut all = files::differing(&copy, request.corpus)?;
    let matrix = std::path::absolute(request.matrix).map_err(QemuError::files)?;
    all.push((matrix, text.into_bytes()));
    // No interrupt comes in between.
    let _running = running();
    let written = locked.change(&all)?.iter().map(|path| path.display().to_string()).collect();
    Ok(Added { written, notes, changes, findings, run: Some((config, run)), before, there })
}

/// Whether it is this very binary that the corpus has under that name. One release has a binary for
/// each architecture; all are of one number.
fn there_already(request: &Request<'_>, corpus: &Corpus) -> Result<bool, QemuError> {
    let number = |about: &str| about.split(' ').next().unwrap_or("").to_owned();
    let own = |f: &Fixture| request.is_of_binary(f);
    let mut fixtures = corpus.fixtures()?;
    fixtures.retain(|f| f.release == request.release);
    let differs = |f: &&Fixture| match own(f) {
        true => f.binary != request.binary.about,
        false => number(&f.binary) != number(&request.binary.about),
    };
    if let Some(other) = fixtures.iter().find(differs) {
        return Err(QemuError::OtherBinary {
            release: request.release.clone(),
            known: other.binary.clone(),
            own: request.binary.own_release(),
        });
    }
    Ok(fixtures.iter().any(own))
}

/// Every scenario on the binary's newest machine type, and on the other listed ones that some
/// release of the corpus can run; but none that an older release could be given and the corpus has
/// no handlers for: nobody could tell what comes of that. Of a release that is `there` already, only
/// the scenarios that it was never captured in.
fn captures(
    request: &Request<'_>,
    config: &Config,
    corpus: &Corpus,
    there: bool,
    notes: &mut Vec<Note>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Captured>, QemuError> {
    if let Some(name) = request.machines.iter().find(|name| !request.binary.has(name)) {
        return Err(QemuError::NoMachine {
            about: request.binary.about.clone(),
            name: name.clone(),
        });
    }
    let has = |of: &str, machine: &str, scenario: &str| {
        corpus.destinations(of).iter().any(|(m, s)| m == machine && s == scenario)
    };
    let fixtures = corpus.fixtures()?;
    let uncaptured = config.uncaptured(&fixtures);
    let own = |f: &Fixture| f.release == request.release && request.is_of_binary(f);
    let mut wanted = Vec::new();
    for scenario in config.scenarios.iter().filter(|s| fits_binary(request.binary, s)) {
        if let Some(reason) = lacks(request.binary, scenario) {
            notes.push(Note::at(&scenario.name, format!("left out: {reason}")));
            continue;
        }
        if there && fixtures.iter().any(|f| own(f) && f.scenario == scenario.name) {
            continue;
        }
        for machine in request.binary.machines.iter().filter(|m| fits(scenario, &m.name)) {
            let name = machine.name.as_str();
            let listed = config.machines.iter().find(|m| m.name == name);
            let runs = listed.map_or(&[][..], |m| m.releases.as_slice());
            let others: Vec<&str> = runs
                .iter()
                .filter(|r| **r != request.release && scenario.releases.contains(r))
                .map(String::as_str)
                .collect();
            let blind: Vec<&str> =
                others.iter().copied().filter(|of| !has(of, name, &scenario.name)).collect();
            let named = machine.newest || request.machines.iter().any(|m| m == name);
            // What nobody has run yet nobody else is asked for, either.
            let first = uncaptured.contains(&scenario.name.as_str());
            if (blind.is_empty() && (named || !others.is_empty())) || (first && named) {
                wanted.push((scenario, name));
            } else if named || blind.len() < others.len() {
                let blind = blind.join(", ");
                let what = format!("left out: no handlers of {blind}");
                notes.push(Note::at(format!("{name}.{}", scenario.name), what));
            }
        }
    }
    let (jobs, limit) = (request.jobs, request.limit);
    let tried = all(request.binary, &request.release, &wanted, jobs, limit, &|| ())?;
    let mut captured = Vec::new();
    for ((scenario, machine), result) in wanted.iter().zip(tried) {
        match result {
            Ok(one) => captured.push(one),
            Err(QemuError::Qmp(QmpError::Died { ended: Ended::Exited(_), stderr, .. }))
                if lacks_something(&stderr) =>
            {
                let what = format!("left out: {}", stderr.trim());
                notes.push(Note::at(format!("{machine}.{}", scenario.name), what));
            }
            // Another release's devices, as matrix.toml may have known.
            Err(QemuError::Hollow { what, problem }) if there => {
                notes.push(Note::at(what, format!("left out: {problem}")));
            }
            Err(error) if is_its_own(&error) => {
                found(findings, request, machine, &scenario.name, &error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(captured)
}

/// Whether an error is the binary's doing, and not this machine's or ours: then the rest of it may
/// be well.
fn is_its_own(error: &QemuError) -> bool {
    match error {
        QemuError::Qmp(error) => matches!(
            error,
            QmpError::Died { .. }
                | QmpError::TimeOut { .. }
                | QmpError::Closed { .. }
                | QmpError::Garbage { .. }
                | QmpError::Refused { .. }
        ),
        QemuError::NoHalt { .. }
        | QemuError::Save { .. }
        | QemuError::OwnRefused { .. }
        | QemuError::Hollow { .. } => true,
        _ => false,
    }
}

/// Adds what happened to the findings; scenarios of one machine type to which the same happened are
/// told together.
fn found(
    findings: &mut Vec<Finding>,
    request: &Request<'_>,
    machine: &str,
    scenario: &str,
    what: &str,
) {
    let what = what.trim();
    match findings.iter_mut().find(|f| f.machine == machine && f.what == what) {
        Some(finding) => finding.scenarios.push(scenario.to_owned()),
        None => findings.push(Finding {
            release: request.release.clone(),
            machine: machine.to_owned(),
            scenarios: vec![scenario.to_owned()],
            what: what.to_owned(),
        }),
    }
}

/// Whether a binary ended because it has no such device, option or machine type, and not because
/// something went wrong.
fn lacks_something(stderr: &str) -> bool {
    const SAID: [&str; 6] = [
        "not a valid device",
        "nvalid option",
        "nvalid parameter",
        "nsupported machine type",
        "does not support",
        "expects ",
    ];
    SAID.iter().any(|said| stderr.contains(said))
}

/// The release before another, of those that have a binary of this architecture.
fn before(library: &Library, release: &str, of: &str) -> Option<String> {
    let names = library.releases().iter().map(|r| r.0.as_str());
    let names: Vec<&str> = names.filter(|name| library.tables(name, of).is_some()).collect();
    names.into_iter().take_while(|name| *name != release).last().map(str::to_owned)
}

/// What a release has that the one before it has not, and the other way round, where both were
/// seen on one machine type and scenario.
fn changes(
    library: &Library,
    release: &str,
    before: &str,
    of: &str,
) -> Result<Vec<String>, QemuError> {
    let (mut reported, mut sent) = (BTreeSet::new(), BTreeMap::new());
    let (of_new, of_old) = (known(library, release, of)?, known(library, before, of)?);
    let own = |f: &&Fixture| f.release == release && architecture(&f.machine) == of;
    for fixture in library.fixtures().iter().filter(own) {
        let (machine, scenario) = (&fixture.machine, &fixture.scenario);
        let new = library.destination(release, machine, scenario)?;
        let old = library.destination(before, machine, scenario)?;
        if let (Some(old), Some(new), Some(_)) =
            (old, new, library.fixture(before, machine, scenario))
        {
            let (carried_before, carried_now) = (self::sent(&old), self::sent(&new));
            for one in carried_before.symmetric_difference(&carried_now) {
                let (what, name) = one;
                let is_new = carried_now.contains(one);
                let (by, knows) = if is_new { (release, &of_old) } else { (before, &of_new) };
                match (knows.contains(name), is_new) {
                    // A matter of what the guest was doing then.
                    (true, _) => {
                        let names: &mut BTreeSet<String> = sent.entry(by).or_default();
                        names.insert(format!("{what} {name}"));
                    }
                    (false, true) => {
                        reported.insert(format!("new: {what} {name}"));
                    }
                    (false, false) => {
                        reported.insert(format!("gone: {what} {name}, which {before} sent"));
                    }
                }
            }
        }
    }
    if let (Some(old), Some(new)) = (library.tables(before, of), library.tables(release, of)) {
        versions(old, new, &mut reported);
    }
    let alone = sent.into_iter().map(|(by, names)| {
        let names: Vec<String> = names.into_iter().collect();
        format!("sent by {by} alone, though both know it: {}", names.join(", "))
    });
    Ok(reported.into_iter().chain(alone).collect())
}

/// Sections and subsections that the fixture of a destination carries, with what they are.
fn sent(of: &Destination) -> BTreeSet<(&'static str, String)> {
    let sections = of.local.sections.iter().map(|device| ("section", device.clone()));
    let subsections = of.local.subsections.iter().map(|(_, name)| ("subsection", name.clone()));
    sections.chain(subsections).collect()
}

/// Names of all that a release has descriptions or handlers of.
fn known(library: &Library, release: &str, of: &str) -> Result<BTreeSet<String>, QemuError> {
    let vmsds = library.tables(release, of).into_iter().flat_map(|tables| tables.vmsd.values());
    let mut names: BTreeSet<String> = vmsds.map(|vmsd| vmsd.name.clone()).collect();
    let corpus = library.corpus();
    let own = corpus.destinations(release).into_iter().filter(|d| architecture(&d.0) == of);
    for (machine, scenario) in own {
        let registered = corpus.handlers(release, &machine, &scenario)?.unwrap_or_default();
        let device = |idstr: &str| idstr.rsplit('/').next().unwrap_or(idstr).to_owned();
        names.extend(registered.handlers.iter().map(|handler| device(&handler.idstr)));
    }
    Ok(names)
}

/// Versions that differ, of descriptions that both know.
fn versions(old: &Tables, new: &Tables, reported: &mut BTreeSet<String>) {
    let by_name = |tables: &Tables| -> BTreeMap<String, BTreeSet<u32>> {
        let mut names: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for vmsd in tables.vmsd.values() {
            names.entry(vmsd.name.clone()).or_default().insert(vmsd.version_id);
        }
        names
    };
    let old = by_name(old);
    for (name, now) in by_name(new) {
        if let Some(was) = old.get(&name).filter(|was| was.is_disjoint(&now)) {
            reported.insert(format!("version of {name}: {was:?} became {now:?}"));
        }
    }
}
