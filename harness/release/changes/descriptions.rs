//! The descriptions of a build in one form, whether they come from a dump or from the tables of a corpus.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::dialect::machine::{X86_64, architecture};
use crate::release::bundle::dump::{self, Class, Described, DescribedField};
use crate::release::corpus::CorpusError;
use crate::release::library::Library;
use crate::vmstate::schema::{Body, Count, Field, Kind, Size, Tables, Vmsd};

/// How deep descriptions may be nested.
const DEPTH: usize = 24;

/// All that one build describes.
#[derive(Debug, Clone, Default)]
pub struct Descriptions {
    /// What it is called in sentences.
    pub name: String,
    /// The machine type that it was asked for, where that matters.
    pub machine: Option<String>,
    /// Its sections.
    pub sections: Vec<Section>,
    /// Device types that it has, whether their sections are on record or not.
    pub types: BTreeSet<String>,
}

/// A section, as one device type registers it, or several.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name on the wire, without a path.
    pub name: String,
    /// Device types that register it; empty where nothing tells.
    pub types: BTreeSet<String>,
    /// Its description; `None`: it has none, or a loader written by hand.
    pub body: Option<Rc<Node>>,
    /// That loader.
    pub by_hand: Option<String>,
    /// Version and lowest version, where they are given beside the description.
    pub versions: Option<[u32; 2]>,
}

/// A description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Version.
    pub version_id: u32,
    /// Lowest version accepted.
    pub minimum_version_id: u32,
    /// Fields.
    pub fields: Vec<Item>,
    /// Subsections.
    pub subsections: Vec<Rc<Node>>,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Name.
    pub name: String,
    /// First version that has it.
    pub version_id: u32,
    /// Whether a hook decides whether it is there.
    pub hook: bool,
    /// Bytes of one element on the wire; `None`: not known.
    pub size: Option<u64>,
    /// Elements; `None`: not known.
    pub count: Option<u64>,
    /// What one element is laid out by.
    pub nested: Option<Rc<Node>>,
    /// Bytes that nobody uses.
    pub unused: bool,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DescriptionsError {
    #[error("{name}: no -dump-vmstate file: {source}")]
    Dump { name: String, source: serde_json::Error },
    #[error("{name}: no -dump-vmstate file: no class in it has a description")]
    Empty { name: String },
    #[error("{name}: descriptions are nested more than {DEPTH} deep at {at}")]
    Deep { name: String, at: String },
    #[error("the corpus has no tables of release {0}")]
    NoTables(String),
    #[error("{release}: {problem}")]
    Tables { release: String, problem: String },
    #[error(transparent)]
    Corpus(#[from] CorpusError),
}

/// Codecs by names of description and field, where tables tell them.
#[derive(Debug, Default)]
pub struct Codecs<'l>(HashMap<(&'l str, &'l str), &'l Kind>);

impl<'l> Codecs<'l> {
    /// What the releases of a corpus say; later ones last.
    #[must_use]
    pub fn of(library: &'l Library) -> Self {
        let mut codecs = HashMap::new();
        for tables in library.releases().iter().filter_map(|r| library.tables(&r.0, X86_64)) {
            for vmsd in tables.vmsd.values() {
                for field in &vmsd.fields {
                    if !matches!(field.kind, Kind::Unknown { .. }) {
                        codecs.insert((vmsd.name.as_str(), field.name.as_str()), &field.kind);
                    }
                }
            }
        }
        Codecs(codecs)
    }

    /// Whether the size in memory of a field is that on the wire.
    fn plain(&self, vmsd: &str, field: &str) -> bool {
        match self.0.get(&(vmsd, field)) {
            Some(Kind::Leaf { info, .. }) => is_plain(info),
            Some(_) => false,
            None => true,
        }
    }
}

/// Codecs that write as many bytes as the field has in memory.
fn is_plain(info: &str) -> bool {
    const PLAIN: [&str; 5] = ["bool", "buffer", "unused_buffer", "float64", "cpudouble"];
    PLAIN.contains(&info) || info.starts_with("int") || info.starts_with("uint")
}

impl Descriptions {
    /// Those of a `-dump-vmstate` file.
    ///
    /// # Errors
    /// Text that is no such file.
    pub fn of_dump(name: &str, json: &str, codecs: &Codecs<'_>) -> Result<Self, DescriptionsError> {
        let read = |source| DescriptionsError::Dump { name: name.to_owned(), source };
        let classes = dump::classes(json).map_err(read)?;
        let mut sections = Vec::new();
        let mut machine = None;
        let mut made = Made { name, codecs, known: HashMap::new() };
        for (class, reported) in classes {
            let Class { name: named, version_id, minimum_version_id, description } = reported;
            let Some(version) = version_id else {
                if description.is_none() {
                    machine = named;
                }
                continue;
            };
            let body = description.as_ref().map(|d| made.node(d, 0)).transpose()?;
            sections.push(Section {
                name: body.as_ref().map_or_else(|| class.clone(), |node| node.name.clone()),
                versions: Some([version, minimum_version_id.unwrap_or_default()]),
                types: BTreeSet::from([class]),
                body,
                by_hand: None,
            });
        }
        if sections.is_empty() {
            return Err(DescriptionsError::Empty { name: name.to_owned() });
        }
        let types = sections.iter().flat_map(|section| section.types.iter().cloned()).collect();
        Ok(Descriptions { name: name.to_owned(), machine, sections, types })
    }

    /// Those of a release: what its catalogue and its recorded destinations register.
    ///
    /// # Errors
    /// A release without tables, or a corpus that cannot be read.
    pub fn of_release(library: &Library, release: &str) -> Result<Self, DescriptionsError> {
        let none = || DescriptionsError::NoTables(release.to_owned());
        let tables = library.tables(release, X86_64).ok_or_else(none)?;
        let corpus = library.corpus();
        let mut registered: BTreeMap<(String, Loads), BTreeSet<String>> = BTreeMap::new();
        let catalogue = corpus.catalogue(release, X86_64)?.unwrap_or_default();
        let mut types: BTreeSet<String> = catalogue.types.keys().cloned().collect();
        // Without a catalogue nobody knows.
        types.insert(BOARD.to_owned());
        for entry in &catalogue.entries {
            let own =
                registered.entry((entry.section.clone(), Loads::of(&entry.body))).or_default();
            let board = entry.device.is_empty();
            own.insert(if board { BOARD.to_owned() } else { entry.device.clone() });
        }
        let mut lists = Vec::new();
        let own = corpus.destinations(release).into_iter();
        for (machine, scenario) in own.filter(|(machine, _)| architecture(machine) == X86_64) {
            lists.extend(corpus.handlers(release, &machine, &scenario)?);
        }
        for handler in lists.iter().flat_map(|list| &list.handlers) {
            let section = handler.idstr.rsplit('/').next().unwrap_or(&handler.idstr);
            registered.entry((section.to_owned(), Loads::of(&handler.body))).or_default();
        }
        let mut made = FromTables { release, tables, known: HashMap::new() };
        let mut sections = Vec::new();
        for ((name, body), types) in registered {
            let (body, by_hand) = match body {
                Loads::Vmsd(key) => (Some(made.node(&key, 0)?), None),
                Loads::Loader(symbol) => (None, Some(symbol)),
            };
            sections.push(Section { name, types, body, by_hand, versions: None });
        }
        Ok(Descriptions { name: release.to_owned(), machine: None, sections, types })
    }

    /// Leaves out all sections but those of these names.
    pub fn only(&mut self, names: &BTreeSet<String>) {
        self.sections.retain(|section| names.contains(&section.name));
    }

    /// Whether there is such a device type.
    #[must_use]
    pub fn has_type(&self, name: &str) -> bool {
        self.types.contains(name)
    }

    /// Whether its device types are known.
    #[must_use]
    pub fn has_types(&self) -> bool {
        self.types.iter().any(|name| name != BOARD)
    }

    /// Whether a device type of the section registers others, too.
    #[must_use]
    pub fn several(&self, section: &Section) -> bool {
        let shares = |other: &&Section| !other.types.is_disjoint(&section.types);
        self.sections.iter().filter(shares).count() > 1
    }

    /// Whether only the board registers it: then it is in every machine.
    #[must_use]
    pub fn board_only(&self, section: &Section) -> bool {
        section.types.iter().all(|name| name == BOARD)
    }
}

/// [`Body`] in an order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Loads {
    Vmsd(String),
    Loader(String),
}

impl Loads {
    fn of(body: &Body) -> Self {
        match body {
            Body::Vmsd(key) => Loads::Vmsd(key.clone()),
            Body::Loader(symbol) => Loads::Loader(symbol.clone()),
        }
    }
}

/// What stands for the board among device types.
pub const BOARD: &str = "the board";

/// Descriptions made of a dump.
struct Made<'c, 'l> {
    name: &'c str,
    codecs: &'c Codecs<'l>,
    /// Most devices share a few: each is kept once.
    known: HashMap<String, Vec<Rc<Node>>>,
}

impl Made<'_, '_> {
    fn node(&mut self, from: &Described, depth: usize) -> Result<Rc<Node>, DescriptionsError> {
        if depth > DEPTH {
            let (name, at) = (self.name.to_owned(), from.name.clone());
            return Err(DescriptionsError::Deep { name, at });
        }
        let mut fields = Vec::new();
        for field in &from.fields {
            fields.push(self.item(&from.name, field, depth)?);
        }
        let subsections = from.subsections.iter().map(|s| self.node(s, depth + 1));
        let node = Node {
            name: from.name.clone(),
            version_id: from.version_id,
            minimum_version_id: from.minimum_version_id,
            subsections: subsections.collect::<Result<_, _>>()?,
            fields,
        };
        let same_name = self.known.entry(node.name.clone()).or_default();
        if let Some(known) = same_name.iter().find(|known| ***known == node) {
            return Ok(Rc::clone(known));
        }
        let node = Rc::new(node);
        same_name.push(Rc::clone(&node));
        Ok(node)
    }

    fn item(
        &mut self,
        owner: &str,
        field: &DescribedField,
        depth: usize,
    ) -> Result<Item, DescriptionsError> {
        let nested = field.nested.as_ref().map(|d| self.node(d, depth + 1)).transpose()?;
        let unused = field.name == UNUSED;
        let plain = nested.is_none() && (unused || self.codecs.plain(owner, &field.name));
        Ok(Item {
            name: field.name.clone(),
            version_id: field.version_id,
            hook: field.field_exists,
            // Nothing in memory is a codec of its own, or a size that is known only at run time.
            size: (plain && field.size > 0).then_some(u64::from(field.size)),
            count: field.num.map(u64::from),
            nested,
            unused,
        })
    }
}

const UNUSED: &str = "unused";

/// Descriptions made of tables.
struct FromTables<'t> {
    release: &'t str,
    tables: &'t Tables,
    known: HashMap<&'t str, Rc<Node>>,
}

impl<'t> FromTables<'t> {
    fn node(&mut self, key: &str, depth: usize) -> Result<Rc<Node>, DescriptionsError> {
        if let Some(known) = self.known.get(key) {
            return Ok(Rc::clone(known));
        }
        if depth > DEPTH {
            let (name, at) = (self.release.to_owned(), key.to_owned());
            return Err(DescriptionsError::Deep { name, at });
        }
        let missing = || DescriptionsError::Tables {
            release: self.release.to_owned(),
            problem: format!("the tables have no description {key}"),
        };
        let tables = self.tables;
        let (key, vmsd): (_, &Vmsd) = tables.vmsd.get_key_value(key).ok_or_else(missing)?;
        let mut fields = Vec::new();
        for field in &vmsd.fields {
            fields.push(self.item(field, depth)?);
        }
        let mut subsections = Vec::new();
        for subsection in &vmsd.subsections {
            subsections.push(self.node(&subsection.vmsd, depth + 1)?);
        }
        let node = Rc::new(Node {
            name: vmsd.name.clone(),
            version_id: vmsd.version_id,
            minimum_version_id: vmsd.old.as_ref().map_or(vmsd.minimum_version_id, |old| {
                old.load.as_ref().map_or(vmsd.minimum_version_id, |_| old.minimum_version_id)
            }),
            fields,
            subsections,
        });
        self.known.insert(key, Rc::clone(&node));
        Ok(node)
    }

    fn item(&mut self, field: &Field, depth: usize) -> Result<Item, DescriptionsError> {
        let nested = match &field.kind {
            Kind::Struct { vmsd } | Kind::Vstruct { vmsd, .. } | Kind::Nested { vmsd, .. } => {
                Some(self.node(vmsd, depth + 1)?)
            }
            Kind::Leaf { .. } | Kind::Unknown { .. } => None,
        };
        let size = match &field.kind {
            Kind::Leaf { info, size: Size::Fixed(size) } if is_plain(info) => {
                Some(u64::from(*size))
            }
            _ => None,
        };
        let unused = match &field.kind {
            Kind::Leaf { info, .. } => info == "unused_buffer" || field.name == UNUSED,
            _ => field.name == UNUSED,
        };
        Ok(Item {
            name: field.name.clone(),
            version_id: field.version_id,
            hook: field.exists.is_some(),
            size,
            count: match &field.count {
                Count::One => Some(1),
                Count::Fixed(n) => Some(u64::from(*n)),
                Count::Field { .. } | Count::Local { .. } => None,
            },
            nested,
            unused,
        })
    }
}

impl Item {
    /// Bytes of all elements, where both are known.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.size?.checked_mul(self.count?)
    }
}
