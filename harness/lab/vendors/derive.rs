//! A build's descriptions: those of an upstream release, with what each downstream of it adds.

use super::VendorError;
use crate::dialect::Capabilities;
use crate::dialect::machine::{X86_64, architecture};
use crate::matrix::vendors::{Field, Subsection, Vendor};
use crate::release::library::{Library, build};
use crate::release::suggest;
use crate::stream::Destination;
use crate::vmstate::schema::{self, Count, Kind, Size, Tables, Vmsd};

/// A build: an upstream release, or a downstream of one.
#[derive(Debug, Clone)]
pub struct Build {
    /// `VENDOR:RELEASE`, or `RELEASE`.
    pub name: String,
    /// The upstream release below all downstreams.
    pub release: String,
    /// Its descriptions, of x86_64.
    pub tables: Tables,
    /// What it is started with.
    pub capabilities: Capabilities,
}

impl Build {
    /// The build of that name.
    ///
    /// # Errors
    /// A name that is not known, or a downstream whose additions do not fit its base.
    pub fn of(library: &Library, vendors: &[Vendor], name: &str) -> Result<Self, VendorError> {
        if let Some(vendor) = vendors.iter().find(|vendor| vendor.name() == name) {
            let mut made = Build::of(library, vendors, &vendor.base)?;
            made.name = vendor.name();
            made.add(library, vendor)?;
            return Ok(made);
        }
        let Some(tables) = library.tables(name, X86_64) else {
            let upstream = library.releases().iter().map(|r| r.0.clone());
            let known: Vec<String> = upstream.chain(vendors.iter().map(Vendor::name)).collect();
            return Err(VendorError::NoRelease {
                asked: name.to_string(),
                hint: suggest::hint(name, known.iter().map(String::as_str)),
                known: known.join(", "),
            });
        };
        Ok(Build {
            name: name.to_string(),
            release: name.to_string(),
            tables: tables.clone(),
            capabilities: Capabilities::default(),
        })
    }

    /// The build on a machine type with the devices of a scenario; `None` if its upstream release
    /// has no such destination, or it is a downstream and the architecture one of which nothing is
    /// known of downstreams. Local values are those of the upstream release.
    ///
    /// # Errors
    /// Descriptions that do not fit the handlers.
    pub fn destination(
        &self,
        library: &Library,
        machine: &str,
        scenario: &str,
    ) -> Result<Option<Destination>, VendorError> {
        let Some(upstream) = library.destination(&self.release, machine, scenario)? else {
            return Ok(None);
        };
        let Some(mut handlers) = library.corpus().handlers(&self.release, machine, scenario)?
        else {
            return Ok(None);
        };
        let tables = match architecture(machine) {
            X86_64 => Some(&self.tables),
            other if self.name == self.release => library.tables(&self.release, other),
            _ => None,
        };
        let Some(tables) = tables else { return Ok(None) };
        // A bumped description bumps the section that it is the body of.
        for handler in &mut handlers.handlers {
            if let schema::Body::Vmsd(key) = &handler.body
                && let Some(vmsd) = tables.vmsd.get(key)
            {
                handler.version_id = handler.version_id.max(vmsd.version_id);
            }
        }
        let mut made = build(&handlers, tables, library.renames()).map_err(VendorError::Tables)?;
        made.release.clone_from(&self.name);
        made.dialect = upstream.dialect;
        made.dialect.capabilities = Some(self.capabilities);
        made.local = upstream.local;
        Ok(Some(made))
    }

    fn add(&mut self, library: &Library, vendor: &Vendor) -> Result<(), VendorError> {
        let wrong = |problem: String| VendorError::Entry { vendor: vendor.name(), problem };
        for subsection in &vendor.subsection {
            self.subsection(library, &vendor.name(), subsection).map_err(wrong)?;
        }
        for field in &vendor.field {
            self.field(&vendor.name(), field).map_err(wrong)?;
        }
        Ok(())
    }

    fn owner(&mut self, key: &str) -> Result<&mut Vmsd, String> {
        let release = self.release.clone();
        let owner = self.tables.vmsd.get_mut(key);
        owner.ok_or_else(|| format!("owner '{key}': the tables of {release} have no such key"))
    }

    fn subsection(
        &mut self,
        library: &Library,
        vendor: &str,
        new: &Subsection,
    ) -> Result<(), String> {
        let from = library.tables(&new.from, X86_64);
        let from = from.ok_or_else(|| format!("from '{}': no such release", new.from))?;
        let listed = from.vmsd.values().flat_map(|v| &v.subsections);
        let key = listed
            .map(|s| &s.vmsd)
            .find(|key| from.vmsd.get(*key).is_some_and(|v| v.name == new.name))
            .ok_or_else(|| format!("subsection '{}': {} has no such", new.name, new.from))?;
        let own = format!("{key}@{}", new.from);
        self.copy(from, key, &new.from)?;
        let body = self.owner(&own)?;
        body.inherited_from = Some(format!("{} by {vendor}", new.from));
        if let Some([one, other]) = &new.swap {
            let at = |name: &str| {
                let found = body.fields.iter().position(|f| f.name == name);
                found.ok_or_else(|| format!("swap: '{}' has no field '{name}'", new.name))
            };
            let (one, other) = (at(one)?, at(other)?);
            body.fields.swap(one, other);
        }
        let owner = self.owner(&new.owner)?;
        owner.subsections.push(schema::Subsection { vmsd: own, needed: None });
        Ok(())
    }

    /// Copies a description of another release and all that it reaches, under keys of their own.
    fn copy(&mut self, from: &Tables, key: &str, release: &str) -> Result<(), String> {
        let own = format!("{key}@{release}");
        if self.tables.vmsd.contains_key(&own) {
            return Ok(());
        }
        let mut vmsd =
            from.vmsd.get(key).ok_or_else(|| format!("{release} has no '{key}'"))?.clone();
        let mut reached: Vec<String> = vmsd.subsections.iter().map(|s| s.vmsd.clone()).collect();
        vmsd.subsections.iter_mut().for_each(|s| s.vmsd = format!("{}@{release}", s.vmsd));
        for field in &mut vmsd.fields {
            let keys: Vec<&mut String> = match &mut field.kind {
                Kind::Struct { vmsd } | Kind::Vstruct { vmsd, .. } => vec![vmsd],
                Kind::Nested { vmsd, key, .. } => std::iter::once(vmsd).chain(key).collect(),
                Kind::Leaf { .. } | Kind::Unknown { .. } => Vec::new(),
            };
            for key in keys {
                reached.push(key.clone());
                *key = format!("{key}@{release}");
            }
        }
        self.tables.vmsd.insert(own, vmsd);
        reached.iter().try_for_each(|key| self.copy(from, key, release))
    }

    fn field(&mut self, vendor: &str, new: &Field) -> Result<(), String> {
        let owner = self.owner(&new.owner)?;
        let at = match &new.after {
            None => owner.fields.len(),
            Some(name) => {
                let found = owner.fields.iter().position(|f| f.name == *name);
                1 + found
                    .ok_or_else(|| format!("after '{name}': '{}' has no such field", new.owner))?
            }
        };
        if new.bump {
            owner.version_id += 1;
        }
        let field = schema::Field {
            name: new.name.clone(),
            version_id: if new.bump { owner.version_id } else { 0 },
            exists: None,
            kind: Kind::Leaf { info: "buffer".to_string(), size: Size::Fixed(new.bytes) },
            count: Count::One,
            array_of_pointer: false,
            auto_alloc: false,
            must_exist: false,
            inherited_from: Some(vendor.to_string()),
        };
        owner.fields.insert(at, field);
        Ok(())
    }
}
