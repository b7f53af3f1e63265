//! The embedded corpus for fuzzing: fixtures with their meaning, and the destinations of their
//! machine and devices. Everything is read when it is first used, and kept.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::follow::{self, Baseline};
use super::mutate::counted::Counted;
use super::mutate::records;
use crate::release::corpus::Corpus;
use crate::release::library::Library;
use crate::release::provenance::Fixture;
use crate::stream::Destination;
use crate::trace::Meaning;
use crate::wire::Map;
use crate::wire::fault::without_faults;

/// Largest fixture that is used, in bytes, but for the smallest of each scenario: executions per
/// second matter more than the last machine type.
const LARGEST: u64 = 160 * 1024;

/// See the module documentation.
#[derive(Debug)]
pub struct Pool {
    library: Library,
    fixtures: Vec<(Fixture, OnceLock<Option<Original>>)>,
    /// Release, machine type and scenario of each destination.
    destinations: Vec<([String; 3], OnceLock<Option<Destination>>)>,
    /// Fixtures with the destinations of their machine type and scenario.
    pairs: Vec<(usize, usize)>,
    /// How whole fixtures are read, by both numbers.
    baselines: Mutex<HashMap<(usize, usize), Baseline>>,
}

/// A fixture with its meaning.
#[derive(Debug)]
pub struct Original {
    /// The bytes.
    pub stream: Vec<u8>,
    /// What is where.
    pub map: Map<'static>,
    /// How many records it has.
    pub records: usize,
    /// Numbers of elements in it.
    pub counted: Vec<Counted>,
}

/// A fixture and a destination for it.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// Provenance.
    pub fixture: &'static Fixture,
    /// The stream.
    pub original: &'static Original,
    /// Where it is loaded.
    pub to: &'static Destination,
    /// The numbers of both.
    pub numbers: (usize, usize),
}

/// The pool, or `None` if the embedded corpus cannot be used, which its own tests would tell.
#[must_use]
pub fn pool() -> Option<&'static Pool> {
    static POOL: OnceLock<Option<Pool>> = OnceLock::new();
    POOL.get_or_init(open).as_ref()
}

fn open() -> Option<Pool> {
    let library = Library::open(Corpus::embedded().ok()?).ok()?;
    let mut destinations = Vec::new();
    for (release, _) in library.releases() {
        for (machine, scenario) in library.corpus().destinations(release) {
            destinations.push(([release.clone(), machine, scenario], OnceLock::new()));
        }
    }
    let all = library.fixtures();
    let smallest =
        |of: &Fixture| all.iter().filter(|f| f.scenario == of.scenario).min_by_key(|f| f.size);
    let used = all.iter().filter(|f| f.size <= LARGEST || smallest(f) == Some(f));
    let fixtures: Vec<_> = used.map(|f| (f.clone(), OnceLock::new())).collect();
    let mut pairs = Vec::new();
    for (i, (fixture, _)) in fixtures.iter().enumerate() {
        for (k, ([_, machine, scenario], _)) in destinations.iter().enumerate() {
            if *machine == fixture.machine && *scenario == fixture.scenario {
                pairs.push((i, k));
            }
        }
    }
    Some(Pool { library, fixtures, destinations, pairs, baselines: Mutex::default() })
}

impl Pool {
    /// How many pairs there are.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// How many destinations there are.
    #[must_use]
    pub fn destinations(&self) -> usize {
        self.destinations.len()
    }

    /// The corpus.
    #[must_use]
    pub fn corpus(&self) -> &Corpus {
        self.library.corpus()
    }

    /// A pair by number.
    #[must_use]
    pub fn pair(&'static self, number: usize) -> Option<Pair> {
        let (i, k) = self.pairs.get(number)?;
        self.crossed(*i, *k)
    }

    /// The fixture of a pair.
    #[must_use]
    pub fn fixture_of(&self, number: usize) -> Option<usize> {
        self.pairs.get(number).map(|pair| pair.0)
    }

    /// A fixture with a destination of any machine and scenario.
    #[must_use]
    pub fn crossed(&'static self, fixture: usize, destination: usize) -> Option<Pair> {
        let original = self.original(fixture)?;
        let to = self.destination(destination)?;
        let numbers = (fixture, destination);
        Some(Pair { fixture: &self.fixtures.get(fixture)?.0, original, to, numbers })
    }

    /// How the whole fixture of a pair is read.
    #[must_use]
    pub fn baseline(&self, pair: &Pair) -> Baseline {
        let mut known = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
        let read =
            || without_faults(|| Baseline::of(&pair.original.stream, &pair.original.map, pair.to));
        *known.entry(pair.numbers).or_insert_with(read)
    }

    /// A destination by number.
    #[must_use]
    pub fn destination(&'static self, number: usize) -> Option<&'static Destination> {
        let ([release, machine, scenario], place) = self.destinations.get(number)?;
        let make = || self.library.destination(release, machine, scenario).ok().flatten();
        place.get_or_init(make).as_ref()
    }

    /// The number of the destination that is a fixture's own release.
    #[must_use]
    pub fn own(&self, fixture: &Fixture) -> Option<usize> {
        let name = [&fixture.release, &fixture.machine, &fixture.scenario];
        self.destinations.iter().position(|(d, _)| d.each_ref() == name)
    }

    fn original(&'static self, i: usize) -> Option<&'static Original> {
        let (fixture, place) = self.fixtures.get(i)?;
        let make = || {
            let stream = self.library.corpus().stream(fixture).ok()?;
            let by = self.destination(self.own(fixture)?)?;
            let meaning = Meaning::of(by, &stream).ok()?;
            let map = meaning.loaded.map;
            let records = records(&map, stream.len() as u64).len();
            let counted = follow::counted(&stream, &map, by);
            Some(Original { map, stream, records, counted })
        };
        place.get_or_init(make).as_ref()
    }

    /// All fixtures with the number of their own destination.
    pub fn originals(
        &'static self,
    ) -> impl Iterator<Item = (&'static Fixture, usize, &'static Original)> {
        (0..self.fixtures.len()).filter_map(|i| {
            let fixture = &self.fixtures.get(i)?.0;
            Some((fixture, self.own(fixture)?, self.original(i)?))
        })
    }
}
