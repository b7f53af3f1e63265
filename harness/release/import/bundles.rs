//! Bundles of the input in the form that the bundle importer takes, and what they may inherit from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::read::{ImportError, packed_text};
use crate::dialect::Version;
use crate::dialect::machine::architecture;
use crate::release::bundle::{BundleInput, BundleMachine, BundleScenario, Pool, traced};
use crate::release::corpus::{Corpus, CorpusError};
use crate::release::paths::oldest_first;
use crate::release::provenance::Fixture;
use crate::release::{debugger, files};

/// What follows a machine type in the path of its dump.
const DUMP: &str = ".dump-vmstate.json.zst";

/// What follows machine type and scenario in the path of a trace.
const TRACE: &str = "/load.trace.zst";

/// Architectures of the machine types of a release of which `dir` has bundles.
pub(super) fn bundled(dir: &Path, release: &str) -> Result<BTreeSet<String>, ImportError> {
    let paths = files::walk(&dir.join(format!("bundles/{release}")))?;
    let machine = |path: &String| {
        let dump = path.strip_suffix(DUMP);
        let machine = dump.or(path.strip_suffix(TRACE))?;
        Some(architecture(machine).to_owned())
    };
    Ok(paths.iter().filter_map(machine).collect())
}

/// The bundle of `release` in `dir`, of one architecture: for every machine type its dump, and its
/// fixtures from the corpus with the trace of a self-load where there is one. `None` if `dir` has no
/// such bundle.
pub fn bundle_input(
    dir: &Path,
    release: &str,
    of: &str,
    corpus: &Corpus,
) -> Result<Option<BundleInput>, ImportError> {
    let folder = format!("bundles/{release}");
    let mut paths = files::walk(&dir.join(&folder))?;
    paths.retain(|path| architecture(path.strip_suffix(TRACE).unwrap_or(path)) == of);
    if paths.is_empty() {
        return Ok(None);
    }
    let mut machines: BTreeMap<String, BundleMachine> = BTreeMap::new();
    for path in &paths {
        if let Some(machine) = path.strip_suffix(DUMP) {
            let dump = Some(packed_text(dir, &format!("{folder}/{path}"))?);
            machine_of(&mut machines, machine).dump = dump;
        }
    }
    let mut traces: BTreeSet<&str> =
        paths.iter().filter_map(|path| path.strip_suffix(TRACE)).collect();
    let own = |f: &&Fixture| f.release == release && architecture(&f.machine) == of;
    for fixture in corpus.fixtures()?.iter().filter(own) {
        let stem = format!("{}.{}", fixture.machine, fixture.scenario);
        let trace = match traces.remove(stem.as_str()) {
            true => {
                let file = format!("{folder}/{stem}{TRACE}");
                let reported = traced(&file, &packed_text(dir, &file)?);
                Some(reported.map_err(|source| ImportError::Bundle {
                    release: release.to_owned(),
                    source: Box::new(source),
                })?)
            }
            false => None,
        };
        machine_of(&mut machines, &fixture.machine).scenarios.push(BundleScenario {
            scenario: fixture.scenario.clone(),
            trace,
            stream: corpus.stream(fixture)?,
        });
    }
    if let Some(stem) = traces.first() {
        return Err(ImportError::Missing {
            path: format!("streams/{release}/{stem}.stream.zst"),
            needed_by: format!("{folder}/{stem}{TRACE}"),
        });
    }
    Ok(Some(BundleInput {
        release: release.to_owned(),
        machines: machines.into_values().collect(),
    }))
}

/// The release that dropped the loaders of old versions of PC devices.
const OLD_LOADERS_GONE: Version = Version::new(4, 2, 0);

/// Which destinations of a release's binary of an architecture, as `MACHINE.SCENARIO`, a folder has no trace of although the
/// corpus knows them: with none, its bundle is the whole of the release.
pub(super) fn lacking(dir: &Path, release: &str, of: &str, corpus: &Corpus) -> Vec<String> {
    let traced = |stem: &String| dir.join(format!("bundles/{release}/{stem}{TRACE}")).is_file();
    let known = corpus.destinations(release).into_iter();
    known
        .filter(|(machine, _)| architecture(machine) == of)
        .map(|(machine, scenario)| format!("{machine}.{scenario}"))
        .filter(|s| !traced(s))
        .collect()
}

/// What a bundle of `of` may inherit from: all of the corpus that a debugger read, the nearest
/// release first, the newer of two. Not what came from other bundles, so that the order of imports
/// does not matter. 4.2 dropped the loaders of old versions, of which no dump tells: what lies on
/// the other side of that comes last. Of another architecture all but the processor is taken.
pub fn bundle_pool(corpus: &Corpus, of: &str, own_architecture: &str) -> Result<Pool, CorpusError> {
    let mut pool = Pool::default();
    let known = corpus.releases();
    let mut nearest: Vec<&str> = known.iter().map(String::as_str).chain([of]).collect();
    oldest_first(&mut nearest);
    nearest.dedup();
    let own = nearest.iter().position(|name| *name == of).unwrap_or(0);
    let side = |name: &str| name.parse::<Version>().is_ok_and(|v| v >= OLD_LOADERS_GONE);
    let mut nearest: Vec<(usize, &str)> = nearest.into_iter().enumerate().rev().collect();
    // The list is newest first, and stays so where the distance is the same.
    nearest.sort_by_key(|(at, name)| (side(name) != side(of), at.abs_diff(own)));
    for (_, release) in nearest {
        let mut architectures = corpus.architectures(release);
        architectures.sort_by_key(|name| *name != own_architecture);
        for name in architectures {
            let Some(mut tables) = corpus.tables(release, name)? else { continue };
            let mut handlers = Vec::new();
            for (machine, scenario) in corpus.destinations(release) {
                if architecture(&machine) == name {
                    handlers.extend(corpus.handlers(release, &machine, &scenario)?);
                }
            }
            handlers.retain(|h| h.origin == debugger::ORIGIN);
            if name != own_architecture {
                tables.vmsd.retain(|_, vmsd| !is_processor(&vmsd.name));
                handlers
                    .iter_mut()
                    .for_each(|list| list.handlers.retain(|h| !is_processor(&h.idstr)));
            }
            if !handlers.is_empty() {
                pool.releases.push((tables, handlers));
            }
        }
    }
    Ok(pool)
}

/// Whether a description is that of the processor or a subsection of it: every architecture calls
/// its own so. What they have in common is `cpu_common`.
fn is_processor(name: &str) -> bool {
    name == "cpu" || name.starts_with("cpu/")
}

fn machine_of<'m>(
    machines: &'m mut BTreeMap<String, BundleMachine>,
    machine: &str,
) -> &'m mut BundleMachine {
    machines.entry(machine.to_owned()).or_insert_with(|| BundleMachine {
        machine: machine.to_owned(),
        dump: None,
        scenarios: Vec::new(),
    })
}
