//! The layouts of a release: the entries of its catalogue, and what its scenarios show of sections
//! that the catalogue does not have.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::dialect::machine::{X86_64, architecture};
use crate::release::catalogue::{Catalogue, Entry, Layouts, chipset};
use crate::release::corpus::CorpusError;
use crate::release::library::{Library, LibraryError};
use crate::stream::{load, record};
use crate::vmstate::schema::{Body, Handler};
use crate::wire::Feed;

/// What was read once, by release and what else it is of.
type Cache<T> = RefCell<BTreeMap<(String, String), T>>;

/// Layouts of the releases that were asked for, each read once.
#[derive(Debug)]
pub struct LayoutCache<'l> {
    /// The corpus that they are from.
    pub library: &'l Library,
    catalogues: Cache<Option<Rc<Layouts>>>,
    scenarios: Cache<Rc<Layouts>>,
    /// By release and chipset; see [`LayoutCache::loaders`].
    loaders: Cache<Rc<Vec<Handler>>>,
}

impl<'l> LayoutCache<'l> {
    /// Nothing read yet.
    #[must_use]
    pub fn new(library: &'l Library) -> Self {
        LayoutCache {
            library,
            catalogues: RefCell::default(),
            scenarios: RefCell::default(),
            loaders: RefCell::default(),
        }
    }

    /// The catalogue of a release's binary of an architecture; `None` if it has none.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn catalogue(
        &self,
        release: &str,
        architecture: &str,
    ) -> Result<Option<Rc<Layouts>>, CorpusError> {
        let key = (release.to_owned(), architecture.to_owned());
        if let Some(known) = self.catalogues.borrow().get(&key) {
            return Ok(known.clone());
        }
        let layouts = self.library.corpus().layouts(release, architecture)?.map(Rc::new);
        self.catalogues.borrow_mut().insert(key, layouts.clone());
        Ok(layouts)
    }

    /// The same for the architecture of a machine type.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn catalogue_on(
        &self,
        release: &str,
        machine: &str,
    ) -> Result<Option<Rc<Layouts>>, CorpusError> {
        self.catalogue(release, architecture(machine))
    }

    /// What the scenarios of a release show on a machine type, as entries without a device.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn scenarios(&self, release: &str, machine: &str) -> Result<Rc<Layouts>, LibraryError> {
        let key = (release.to_owned(), machine.to_owned());
        if let Some(known) = self.scenarios.borrow().get(&key) {
            return Ok(known.clone());
        }
        let layouts = Rc::new(scenarios(self.library, release, machine)?);
        self.scenarios.borrow_mut().insert(key, layouts.clone());
        Ok(layouts)
    }

    /// What a release loads on a chipset with functions of its own, live or not, beside `ram`: as its
    /// scenarios have it. A PC has none in the releases that describe their streams.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn loaders(&self, release: &str, machine: &str) -> Result<Rc<Vec<Handler>>, LibraryError> {
        let key = (release.to_owned(), chipset(machine).to_owned());
        if let Some(known) = self.loaders.borrow().get(&key) {
            return Ok(known.clone());
        }
        let corpus = self.library.corpus();
        let mut all: Vec<Handler> = Vec::new();
        for (on, scenario) in corpus.destinations(release) {
            if architecture(machine) == X86_64 || chipset(&on) != chipset(machine) {
                continue;
            }
            let list = corpus.handlers(release, &on, &scenario)?;
            for handler in list.into_iter().flat_map(|list| list.handlers) {
                let known = all.iter().any(|h| h.idstr == handler.idstr);
                if matches!(handler.body, Body::Loader(_)) && handler.idstr != RAM && !known {
                    all.push(handler);
                }
            }
        }
        let all = Rc::new(all);
        self.loaders.borrow_mut().insert(key, all.clone());
        Ok(all)
    }
}

/// The section of memory, which every machine has.
pub(super) const RAM: &str = "ram";

fn scenarios(library: &Library, release: &str, machine: &str) -> Result<Layouts, LibraryError> {
    let mut layouts = Layouts {
        catalogue: Catalogue {
            release: release.to_owned(),
            machines: vec![machine.to_owned()],
            ..Catalogue::default()
        },
        ..Layouts::default()
    };
    for (on, scenario) in library.corpus().destinations(release) {
        if on != machine {
            continue;
        }
        let Some(list) = library.corpus().handlers(release, machine, &scenario)? else { continue };
        let (stream, own) = match library.fixture(release, machine, &scenario) {
            Some(fixture) => {
                let own = library.destination(release, machine, &scenario)?;
                (library.corpus().stream(fixture)?, own)
            }
            None => (Vec::new(), None),
        };
        let loaded = own.as_ref().map(|own| load(own, &mut &stream[..], &Feed::Bulk));
        if let Some(loaded) = &loaded {
            let blocks: BTreeSet<_> = loaded.blocks.iter().map(|(name, _)| name.clone()).collect();
            layouts.always = Some(match layouts.always.take() {
                Some(always) => always.intersection(&blocks).cloned().collect(),
                None => blocks.clone(),
            });
            layouts.ever.extend(blocks);
        }
        for (index, handler) in list.handlers.iter().enumerate() {
            let Body::Vmsd(_) = &handler.body else { continue };
            let section = handler.idstr.rsplit('/').next().unwrap_or(&handler.idstr);
            let same = |e: &Entry| {
                e.section == section
                    && e.instance_id == handler.instance_id
                    && e.answers == handler.answers
            };
            if layouts.catalogue.entries.iter().any(same) {
                continue;
            }
            let sent = loaded.iter().flat_map(|loaded| &loaded.sections);
            let sent = sent.filter(|s| s.record == record::FULL).find(|s| s.handler == index);
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            let payload = sent.and_then(|s| stream.get(place(s.body)..place(s.end)));
            let payload = payload.unwrap_or(&[]);
            let from = layouts.payloads.push(payload);
            layouts.catalogue.entries.push(Entry {
                device: String::new(),
                place: String::new(),
                varied: String::new(),
                section: section.to_owned(),
                has_path: section.len() != handler.idstr.len(),
                instance_id: handler.instance_id,
                alias_id: handler.alias_id,
                version_id: handler.version_id,
                body: handler.body.clone(),
                answers: handler.answers.clone(),
                blocks: BTreeMap::new(),
                machines: vec![machine.to_owned()],
                payload: (from, payload.len() as u64),
            });
        }
    }
    Ok(layouts)
}
