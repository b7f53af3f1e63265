//! Makes destinations of a corpus: tables and handlers compiled, local values read from fixtures.

mod renamed;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use super::catalogue::chipset;
use super::corpus::{Corpus, CorpusError};
use super::list_elements;
use super::provenance::Fixture;
use super::suggest;
use crate::dialect::machine::{X86_64, architecture, of_architecture, unqualified};
use crate::dialect::{AfterEnd, Dialect, Generation, Version};
use crate::stream::vmdescription::locate;
use crate::stream::{Body, Destination, Handler, LoadOptions, load_with};
use crate::vmstate::codec::virtio;
use crate::vmstate::compile::Target;
use crate::vmstate::schema::{self, Tables};
use crate::vmstate::{Local, Renames, Set};
use crate::wire::Feed;

/// Why a corpus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The corpus itself.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A release whose name is no number.
    #[error("corpus: {0}")]
    Release(String),
    /// The rename table.
    #[error("renames.toml: {0}")]
    Renames(String),
    /// A destination whose handlers and tables do not fit.
    #[error("{destination}: {problem}")]
    Tables {
        /// Which.
        destination: String,
        /// What is wrong.
        problem: String,
    },
}

/// Tables of one architecture.
type ByRelease = BTreeMap<String, Tables>;

/// A corpus with its tables read: those of another architecture than x86_64 in this crate once they are
/// asked for, which most machines never do.
#[derive(Debug)]
pub struct Library {
    corpus: Corpus,
    renames: Renames,
    /// By architecture, and then by release.
    tables: BTreeMap<String, OnceLock<ByRelease>>,
    /// Releases in order, with their numbers.
    releases: Vec<(String, Version)>,
    fixtures: Vec<Fixture>,
    /// Local values that a fixture showed, by its path: other releases come nearest to them.
    locals: Mutex<HashMap<String, Arc<Local>>>,
}

/// Fields that releases call differently, where a corpus has no table of its own.
const RENAMES: &str = include_str!("../../corpus/renames.toml");

impl Library {
    /// Reads the tables, provenance and renames of a corpus.
    ///
    /// # Errors
    /// Anything in it that is not well-formed, by file.
    pub fn open(corpus: Corpus) -> Result<Self, LibraryError> {
        let own = corpus.text("renames.toml")?;
        let renames =
            Renames::parse(own.as_deref().unwrap_or(RENAMES)).map_err(LibraryError::Renames)?;
        let mut releases = Vec::new();
        let mut architectures = BTreeSet::new();
        for name in corpus.releases() {
            let version = name.parse().map_err(LibraryError::Release)?;
            architectures.extend(corpus.architectures(&name).into_iter().map(str::to_owned));
            releases.push((name, version));
        }
        let one = |architecture: String| -> Result<_, LibraryError> {
            // The tests of this crate have read those that are in it.
            let later = corpus.is_embedded() && architecture != X86_64;
            let now = || read_tables(&corpus, &renames, &releases, &architecture);
            let read = if later { OnceLock::new() } else { OnceLock::from(now()?) };
            Ok((architecture, read))
        };
        let (tables, fixtures) = rayon::join(
            || architectures.into_par_iter().map(one).collect::<Result<_, _>>(),
            || corpus.fixtures(),
        );
        let (tables, fixtures) = (tables?, fixtures?);
        Ok(Library { corpus, renames, tables, releases, fixtures, locals: Mutex::default() })
    }

    /// The corpus.
    #[must_use]
    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// The releases in order of their numbers.
    #[must_use]
    pub fn releases(&self) -> &[(String, Version)] {
        &self.releases
    }

    /// What is said of a release that is not here: its name, the one that was meant, those there are.
    #[must_use]
    pub fn no_release(&self, name: &str) -> String {
        let known: Vec<&str> = self.releases.iter().map(|(release, _)| release.as_str()).collect();
        let hint = suggest::hint(name, known.iter().copied());
        format!("no release '{name}'{hint}: expected one of {}", known.join(", "))
    }

    /// Fields that releases call differently.
    #[must_use]
    pub fn renames(&self) -> &Renames {
        &self.renames
    }

    /// The tables of a release's binary of an architecture.
    #[must_use]
    pub fn tables(&self, release: &str, architecture: &str) -> Option<&Tables> {
        let all = self.tables.get(architecture)?.get_or_init(|| {
            let (corpus, renames) = (&self.corpus, &self.renames);
            read_tables(corpus, renames, &self.releases, architecture).unwrap_or_default()
        });
        all.get(release)
    }

    /// All fixtures.
    #[must_use]
    pub fn fixtures(&self) -> &[Fixture] {
        &self.fixtures
    }

    /// A fixture by release, machine type and scenario.
    #[must_use]
    pub fn fixture(&self, release: &str, machine: &str, scenario: &str) -> Option<&Fixture> {
        self.fixtures
            .iter()
            .find(|f| f.release == release && f.machine == machine && f.scenario == scenario)
    }

    /// A destination with the local values of its own fixture, or of the nearest release's on the
    /// same machine type and scenario. `None` where the corpus has no handlers for it.
    ///
    /// # Errors
    /// Tables or fixtures that cannot be read.
    pub fn destination(
        &self,
        release: &str,
        machine: &str,
        scenario: &str,
    ) -> Result<Option<Destination>, LibraryError> {
        let Some(mut destination) = self.without_local_values(release, machine, scenario)? else {
            return Ok(None);
        };
        self.fill_local_values(&mut destination)?;
        Ok(Some(destination))
    }

    /// Gives a destination the local values that [`Library::destination`] describes.
    ///
    /// # Errors
    /// Tables or fixtures that cannot be read.
    pub fn fill_local_values(&self, destination: &mut Destination) -> Result<(), LibraryError> {
        let Destination { release, machine, scenario, .. } = &*destination;
        let Some(fixture) = self.nearest(release, machine, scenario) else { return Ok(()) };
        if fixture.release == *release {
            let stream = self.corpus.shared_stream(fixture)?;
            // Whether a machine type sends a description is a property that few old types
            // set consistently; what it sends, it also reads.
            destination.dialect.description =
                destination.dialect.after_end != AfterEnd::Nothing && locate(&stream).is_some();
            destination.local = local(destination, &stream);
            self.showed(fixture, &destination.local);
            return Ok(());
        }
        let known = self.locals.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(&fixture.stream_path()).map(Arc::clone);
        drop(known);
        let shown = match found {
            Some(shown) => shown,
            None => match self.without_local_values(&fixture.release, machine, scenario)? {
                Some(other) => {
                    let stream = self.corpus.shared_stream(fixture)?;
                    self.showed(fixture, &local(&other, &stream))
                }
                None => return Ok(()),
            },
        };
        destination.local = shown.as_ref().clone();
        Ok(())
    }

    /// Remembers what a fixture showed, for other releases: without its RAM blocks, which differ from
    /// release to release (option ROMs).
    fn showed(&self, fixture: &Fixture, local: &Local) -> Arc<Local> {
        let local = Arc::new(Local { blocks: Vec::new(), ..local.clone() });
        let mut known = self.locals.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(fixture.stream_path(), Arc::clone(&local));
        local
    }

    /// Whether the corpus has a fixture of this very release there.
    #[must_use]
    pub fn has_fixture(&self, release: &str, machine: &str, scenario: &str) -> bool {
        self.fixture(release, machine, scenario).is_some()
    }

    /// The fixture whose local values a destination has, or comes nearest to having.
    fn nearest(&self, release: &str, machine: &str, scenario: &str) -> Option<&Fixture> {
        let place = |name: &str| self.releases.iter().position(|r| r.0 == name).unwrap_or(0);
        let own = place(release);
        self.fixtures
            .iter()
            .filter(|f| f.machine == machine && f.scenario == scenario)
            .min_by_key(|f| place(&f.release).abs_diff(own))
    }

    /// A destination without local values.
    fn without_local_values(
        &self,
        release: &str,
        machine: &str,
        scenario: &str,
    ) -> Result<Option<Destination>, LibraryError> {
        let Some(registered) = self.corpus.handlers(release, machine, scenario)? else {
            return Ok(None);
        };
        let Some(tables) = self.tables(release, architecture(machine)) else {
            return Err(LibraryError::Tables {
                destination: format!("{release}/{machine}.{scenario}"),
                problem: "the release has no tables of that architecture".to_owned(),
            });
        };
        self.build(&registered, tables).map(Some)
    }

    /// Compiles handlers into a destination of their release with these descriptions, without local
    /// values.
    ///
    /// # Errors
    /// Handlers that do not fit the descriptions.
    pub fn build(
        &self,
        registered: &schema::Handlers,
        tables: &Tables,
    ) -> Result<Destination, LibraryError> {
        let schema::Handlers { release, machine, scenario, .. } = registered;
        let problem = |problem: String| LibraryError::Tables {
            destination: format!("{release}/{machine}.{scenario}"),
            problem,
        };
        let version = self.version(release).map_err(problem)?;
        build_as(version, registered, tables, &self.renames).map_err(problem)
    }

    /// The machine type of a name that a stream has, which does not say the architecture: that of the
    /// only other architecture of which the corpus knows one of this name, or else one of this family
    /// with another number, unless x86_64 has it.
    #[must_use]
    pub fn machine_type(&self, name: &str) -> String {
        let known = |same: &dyn Fn(&str) -> bool| {
            let releases = self.releases.iter();
            let all = releases.flat_map(|(release, _)| self.corpus.destinations(release));
            let all = all.map(|(machine, _)| machine).filter(|machine| same(unqualified(machine)));
            all.map(|machine| architecture(&machine).to_owned()).collect::<BTreeSet<String>>()
        };
        let numbered = |name: &str| Generation::of(name).is_some();
        let family =
            |other: &str| numbered(name) && numbered(other) && chipset(other) == chipset(name);
        let exact = known(&|other| other == name);
        let all = if exact.is_empty() { known(&family) } else { exact };
        match (all.first(), all.len()) {
            (Some(only), 1) => of_architecture(only, name),
            _ => name.to_owned(),
        }
    }

    /// Which release it is to the last number, as the binary said that its fixtures come from; as it
    /// is called, where it has none or a binary that gives no number.
    ///
    /// # Errors
    /// In words: a name that is no number.
    pub fn version(&self, release: &str) -> Result<Version, String> {
        let captured = self.fixtures.iter().find(|fixture| fixture.release == release);
        let said = captured.and_then(|fixture| fixture.binary.split_whitespace().next());
        said.and_then(|number| number.parse().ok()).map_or_else(|| release.parse(), Ok)
    }
}

/// The tables of all releases of an architecture, completed from each other and by what is known of lists.
fn read_tables(
    corpus: &Corpus,
    renames: &Renames,
    releases: &[(String, Version)],
    architecture: &str,
) -> Result<ByRelease, LibraryError> {
    let one = |(name, _): &(String, Version)| {
        let tables = corpus.tables(name, architecture)?;
        Ok::<_, CorpusError>(tables.map(|tables| (name.clone(), tables)))
    };
    let read = releases.par_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let mut tables = read.into_iter().flatten().collect();
    renamed::complete(&mut tables, renames);
    list_elements::complete(&mut tables);
    Ok(tables)
}

/// Compiles handlers and tables into a destination without local values.
///
/// # Errors
/// A release that is no number, or a handler whose description the tables do not have.
pub fn build(
    registered: &schema::Handlers,
    tables: &Tables,
    renames: &Renames,
) -> Result<Destination, String> {
    build_as(registered.release.parse()?, registered, tables, renames)
}

/// The same for a release of which more is known than its name.
fn build_as(
    version: Version,
    registered: &schema::Handlers,
    tables: &Tables,
    renames: &Renames,
) -> Result<Destination, String> {
    let dialect = Dialect::of(version, &registered.machine);
    let target = Target {
        release: version,
        machine: &registered.machine,
        dialect: &dialect,
        renames,
        observed: &registered.observed,
    };
    let mut set = Set::new();
    let mut handlers = Vec::with_capacity(registered.handlers.len());
    for handler in &registered.handlers {
        let body = match &handler.body {
            schema::Body::Vmsd(key) => {
                Body::Vmsd(set.add_section(tables, key, &target, &handler.answers)?)
            }
            schema::Body::Loader(symbol) => loader(symbol, tables, &mut set, &target)?,
        };
        let device = handler.idstr.rsplit('/').next().unwrap_or(&handler.idstr);
        handlers.push(Handler {
            idstr: handler.idstr.clone(),
            instance_id: handler.instance_id,
            alias_id: handler.alias_id as u32,
            version_id: handler.version_id,
            compat: handler.compat.as_ref().map(|c| (c.idstr.clone(), c.instance_id)),
            device: device.to_string(),
            ordinal: 0,
            body,
        });
    }
    live_handlers(&mut handlers, version);
    if handlers.iter().any(|h| h.device.starts_with("virtio")) {
        virtio::add_descriptions(&mut set, &target)?;
    }
    Handler::number(&mut handlers);
    Ok(Destination {
        release: registered.release.clone(),
        version,
        machine: registered.machine.clone(),
        scenario: registered.scenario.clone(),
        dialect,
        handlers,
        set,
        local: Local::default(),
    })
}

/// Live handlers that every PC of a release registers but that a bundle cannot show, as its
/// streams carry them only in use (wire reference 2.1, 6.2).
fn live_handlers(handlers: &mut Vec<Handler>, version: Version) {
    let from = |major, minor| version >= Version::new(major, minor, 0);
    let live =
        [("block", !from(9, 1), Body::Block), ("dirty-bitmap", from(2, 12), Body::DirtyBitmap)];
    for (idstr, registered, body) in live {
        if registered && handlers.iter().all(|h| h.idstr != idstr) {
            handlers.push(Handler {
                idstr: idstr.to_string(),
                instance_id: 0,
                alias_id: 0,
                version_id: 1,
                compat: None,
                device: idstr.to_string(),
                ordinal: 0,
                body,
            });
        }
    }
}

/// What a hand-written loader's symbol stands for.
fn loader(
    symbol: &str,
    tables: &Tables,
    set: &mut Set,
    target: &Target<'_>,
) -> Result<Body, String> {
    Ok(match symbol {
        "ram_load" => Body::Ram,
        "block_load" => Body::Block,
        "dirty_bitmap_load" => Body::DirtyBitmap,
        // It only runs the description (codecs 3.8).
        "cpu_load" => match tables.vmsd.iter().find(|(_, vmsd)| vmsd.name == "cpu") {
            Some((key, _)) => Body::Vmsd(set.add(tables, key, target)?),
            None => Body::Unknown(symbol.to_string()),
        },
        "audio" => Body::Nothing,
        "slirp" | "slirp_state_load" | "net_slirp_state_load" => Body::Slirp,
        _ if symbol.starts_with("virtio_") => Body::Virtio,
        _ => Body::by_name(symbol).unwrap_or_else(|| Body::Unknown(symbol.to_string())),
    })
}

/// Local values: what loading its own fixture shows of a destination.
#[must_use]
pub fn local(own: &Destination, stream: &[u8]) -> Local {
    let mut source = stream;
    let options = LoadOptions { outline: true, ..LoadOptions::default() };
    let loaded = load_with(own, &mut source, &Feed::Bulk, options);
    let mut local =
        Local { blocks: loaded.blocks, from: Some(own.release.clone()), ..Local::default() };
    for span in loaded.map.spans().iter().filter(|span| span.info == "subsection") {
        local.subsections.push((loaded.map.path(span), span.name.to_string()));
    }
    local.sections = loaded
        .sections
        .iter()
        .filter_map(|s| own.handlers.get(s.handler).map(|h| h.device.clone()))
        .collect();
    local.remember(&loaded.map, stream);
    local
}

#[cfg(test)]
mod tests;
