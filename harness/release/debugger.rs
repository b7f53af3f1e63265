//! Importer for tables that a debugger read out of a running binary: every `VMStateDescription`
//! with flags, sizes and memory offsets, and the registered handlers.
//!
//! Flags go by name: each file says what `VMS_` names and values its release had. Memory offsets
//! serve one purpose, to find out which field a run-time count or size is read from; they do not
//! reach the corpus.
//!
//! A later QEMU may say more of its descriptions than this importer knows: another key, flag or kind
//! of codec. It is kept and reported ([`sentences`]), and what could depend on it is [`Kind::Unknown`].

mod unknown_keys;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::vmstate::schema::{
    Answers, Body, Compat, Count, Field, Handler, Handlers, Kind, OldLoader, Presence, Size,
    Subsection, Tables, Unknown, Vmsd,
};
pub use unknown_keys::sentences;
use unknown_keys::{More, UnknownKeys};
use wire::{Flags, WireField, WireHandler, WireTables, WireVmsd};

/// `Handlers::origin` of what this importer makes.
pub const ORIGIN: &str = "debugger";

/// How deep in nested structs the field that holds a count or size is looked for; a bound on input
/// whose descriptions contain themselves.
const NESTING: u32 = 16;

/// Why a debugger file was not understood. `file` is as the caller named it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DebuggerError {
    #[error("{file}: {source}")]
    Json { file: String, source: serde_json::Error },
    #[error("{file}: expected tables of release {expected}, found {found}")]
    Release { file: String, expected: String, found: String },
    #[error("{file}: flag {flag} is {value:#x}, expected a single bit")]
    FlagValue { file: String, flag: String, value: u32 },
    #[error("{file}: vmsd {vmsd}: expected its `symbol` to be the same, found {symbol}")]
    Symbol { file: String, vmsd: String, symbol: String },
    #[error("{file}: vmsd {vmsd}: subsection {missing} is not in the file")]
    DanglingSubsection { file: String, vmsd: String, missing: String },
    #[error("{file}: vmsd {vmsd}, field {index} ({field}): {problem}")]
    Field { file: String, vmsd: String, index: usize, field: String, problem: FieldProblem },
    #[error("{file}: handler {index} ({idstr}): {problem}")]
    Handler { file: String, index: usize, idstr: String, problem: HandlerProblem },
}

/// What is wrong with one field.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum FieldProblem {
    #[error("its description {0} is not in the file")]
    Dangling(String),
    #[error("expected a description, found none")]
    NoDescription,
    #[error("expected a codec (`info`) or a description (`vmsd`), found neither")]
    NoCodec,
}

/// What is wrong with one handler.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum HandlerProblem {
    #[error("expected just one of `vmsd`, `load_state` and `ops.load_state`, found {0}")]
    Loaders(usize),
    #[error("its description {0} is not in the release's tables")]
    Dangling(String),
}

/// Reads `tables/vmsd/<release>.json`, unpacked.
pub fn tables(file: &str, release: &str, json: &str) -> Result<Tables, DebuggerError> {
    let wire: WireTables = parse(file, json)?;
    if wire.release != release {
        return Err(DebuggerError::Release {
            file: file.to_owned(),
            expected: release.to_owned(),
            found: wire.release,
        });
    }
    for (flag, &value) in &wire.flags {
        if !value.is_power_of_two() {
            return Err(DebuggerError::FlagValue {
                file: file.to_owned(),
                flag: flag.clone(),
                value,
            });
        }
    }
    let mut vmsd = BTreeMap::new();
    let mut keys = UnknownKeys::default();
    // Nothing depends on what a file says about itself.
    let _ = keys.add("the file", &wire.more);
    for (key, description) in &wire.vmsd {
        vmsd.insert(key.clone(), wire.description(file, key, description, &mut keys)?);
    }
    Ok(Tables { release: wire.release, vmsd, more: keys.into_places() })
}

/// Reads `tables/handlers/<release>/<machine>.<scenario>.json` against the release's tables.
pub fn handlers(
    file: &str,
    tables: &Tables,
    machine: &str,
    scenario: &str,
    json: &str,
) -> Result<Handlers, DebuggerError> {
    let wire: Vec<WireHandler> = parse(file, json)?;
    let mut handlers = Vec::with_capacity(wire.len());
    let mut keys = UnknownKeys::default();
    for (index, handler) in wire.into_iter().enumerate() {
        let idstr = handler.idstr.clone();
        let hangs = keys.add(&format!("handler {index} ({idstr})"), &handler.more);
        let mut checked = handler.checked(tables).map_err(|problem| DebuggerError::Handler {
            file: file.to_owned(),
            index,
            idstr,
            problem,
        })?;
        if let Some(why) = hangs {
            checked.body = Body::Loader(why);
        }
        handlers.push(checked);
    }
    Ok(Handlers {
        release: tables.release.clone(),
        machine: machine.to_owned(),
        scenario: scenario.to_owned(),
        origin: ORIGIN.to_owned(),
        handlers,
        observed: BTreeMap::new(),
        more: keys.into_places(),
    })
}

fn parse<'a, T: Deserialize<'a>>(file: &str, json: &'a str) -> Result<T, DebuggerError> {
    serde_json::from_str(json)
        .map_err(|source| DebuggerError::Json { file: file.to_owned(), source })
}

impl WireTables {
    fn description(
        &self,
        file: &str,
        key: &str,
        wire: &WireVmsd,
        keys: &mut UnknownKeys,
    ) -> Result<Vmsd, DebuggerError> {
        if wire.symbol != key {
            return Err(DebuggerError::Symbol {
                file: file.to_owned(),
                vmsd: key.to_owned(),
                symbol: wire.symbol.clone(),
            });
        }
        let mut fields = Vec::with_capacity(wire.fields.len());
        // Whatever it means for the whole description, it means it before the first field.
        fields.extend(keys.add(key, &wire.more).map(|why| unknown(key, why)));
        for (index, field) in wire.fields.iter().enumerate() {
            let earlier = wire.fields.get(..index).unwrap_or_default();
            let place = format!("{key}, field {index} ({})", field.name);
            let read = self.field(field, earlier, &place, keys);
            fields.push(read.map_err(|problem| DebuggerError::Field {
                file: file.to_owned(),
                vmsd: key.to_owned(),
                index,
                field: field.name.clone(),
                problem,
            })?);
        }
        let mut subsections = Vec::with_capacity(wire.subsections.len());
        for subsection in &wire.subsections {
            if !self.vmsd.contains_key(&subsection.vmsd) {
                return Err(DebuggerError::DanglingSubsection {
                    file: file.to_owned(),
                    vmsd: key.to_owned(),
                    missing: subsection.vmsd.clone(),
                });
            }
            let place = format!("{key}, subsection {}", subsection.vmsd);
            fields.extend(keys.add(&place, &subsection.more).map(|why| unknown(&place, why)));
            subsections.push(Subsection {
                vmsd: subsection.vmsd.clone(),
                needed: subsection.needed.clone(),
            });
        }
        Ok(Vmsd {
            name: wire.name.clone(),
            version_id: wire.version_id,
            minimum_version_id: wire.minimum_version_id,
            old: wire.minimum_version_id_old.filter(|&old| old < wire.minimum_version_id).map(
                |minimum_version_id| OldLoader {
                    minimum_version_id,
                    load: wire.load_state_old.clone(),
                },
            ),
            needed: wire.needed.clone(),
            pre_load: wire.pre_load.clone(),
            post_load: wire.post_load.clone(),
            unmigratable: wire.unmigratable != 0,
            unknown: Unknown::default(),
            inherited_from: None,
            fields,
            subsections,
        })
    }

    /// `earlier` are the fields before it in the same description.
    fn field(
        &self,
        wire: &WireField,
        earlier: &[WireField],
        place: &str,
        keys: &mut UnknownKeys,
    ) -> Result<Field, FieldProblem> {
        let (flags, strange) = self.flags(wire.flags);
        let mut more = wire.more.clone();
        if !strange.is_empty() {
            more.insert("flags".to_owned(), strange.into());
        }
        let mut kind = self.kind(wire, &flags, earlier, &mut more)?;
        if let Some(why) = keys.add(place, &more) {
            kind = Kind::Unknown { why };
        }
        Ok(Field {
            name: wire.name.clone(),
            version_id: wire.version_id,
            exists: wire.field_exists.clone().map(Presence::Hook),
            kind,
            count: self.count(wire, &flags, earlier),
            array_of_pointer: flags.has("VMS_ARRAY_OF_POINTER"),
            auto_alloc: flags.has("VMS_ARRAY_OF_POINTER_AUTO_ALLOC"),
            must_exist: flags.has("VMS_MUST_EXIST"),
            inherited_from: None,
        })
    }

    /// The flags by name, and those that are not known or have none.
    fn flags(&self, value: u32) -> (Flags<'_>, Vec<String>) {
        let (mut names, mut strange) = (Vec::new(), Vec::new());
        let mut rest = value;
        for (name, bit) in self.flags.iter().filter(|(_, bit)| value & **bit != 0) {
            rest &= !bit;
            match Flags::KNOWN.contains(&name.as_str()) {
                true => names.push(name.as_str()),
                false => strange.push(name.clone()),
            }
        }
        if rest != 0 {
            strange.push(format!("{rest:#x}"));
        }
        (Flags(names), strange)
    }

    fn kind(
        &self,
        wire: &WireField,
        flags: &Flags<'_>,
        earlier: &[WireField],
        more: &mut More,
    ) -> Result<Kind, FieldProblem> {
        let vmsd = wire.vmsd.clone();
        if let Some(missing) = vmsd.as_ref().filter(|key| !self.vmsd.contains_key(*key)) {
            return Err(FieldProblem::Dangling(missing.clone()));
        }
        if flags.has("VMS_STRUCT") {
            return Ok(Kind::Struct { vmsd: vmsd.ok_or(FieldProblem::NoDescription)? });
        }
        if flags.has("VMS_VSTRUCT") {
            let vmsd = vmsd.ok_or(FieldProblem::NoDescription)?;
            return Ok(Kind::Vstruct { vmsd, version_id: wire.struct_version_id });
        }
        match (wire.info.clone(), vmsd) {
            (Some(info), vmsd) if matches!(info.as_str(), "tmp" | "qtailq" | "qlist" | "gtree") => {
                let vmsd = vmsd.ok_or(FieldProblem::NoDescription)?;
                // A tree's `start` is nonzero where its keys have a description, which lies in
                // memory behind the value's and has no symbol of its own.
                if info == "gtree" && wire.start != 0 {
                    let why = "the table does not name the description of the tree's keys";
                    return Ok(Kind::Unknown { why: why.to_owned() });
                }
                Ok(Kind::Nested { info, vmsd, key: None })
            }
            (Some(info), None) => Ok(Kind::Leaf { info, size: self.size(wire, flags, earlier) }),
            (Some(info), Some(vmsd)) => {
                more.insert("info".to_owned(), info.into());
                more.insert("vmsd".to_owned(), vmsd.into());
                Ok(Kind::Unknown { why: String::new() })
            }
            // A check of its presence hook alone (`VMSTATE_VALIDATE`): an array of no elements.
            (None, None) if flags.has("VMS_ARRAY") && wire.num == 0 => {
                Ok(Kind::Leaf { info: String::new(), size: Size::Fixed(wire.size) })
            }
            // What is not known may be what it is instead.
            (None, _) if !more.is_empty() => Ok(Kind::Unknown { why: String::new() }),
            (None, _) => Err(FieldProblem::NoCodec),
        }
    }

    fn count(&self, wire: &WireField, flags: &Flags<'_>, earlier: &[WireField]) -> Count {
        if flags.has("VMS_ARRAY") {
            return Count::Fixed(wire.num);
        }
        let Some(counter) = flags.counted() else { return Count::One };
        match self.counter_at(wire.num_offset, earlier, NESTING) {
            Some(name) => Count::Field {
                name,
                signed: counter == "VMS_VARRAY_INT32",
                multiply: if flags.has("VMS_MULTIPLY_ELEMENTS") { wire.num } else { 1 },
            },
            None => Count::Local { value: None },
        }
    }

    fn size(&self, wire: &WireField, flags: &Flags<'_>, earlier: &[WireField]) -> Size {
        if !flags.has("VMS_VBUFFER") {
            return Size::Fixed(wire.size);
        }
        match self.counter_at(wire.size_offset, earlier, NESTING) {
            Some(name) => Size::Field {
                name,
                multiply: if flags.has("VMS_MULTIPLY") { wire.size } else { 1 },
            },
            None => Size::Local { value: None },
        }
    }

    /// The integer among `fields`, or in a struct among them, that is loaded to `offset`: its
    /// name, dotted where nested. The last one wins, as it does in memory. Structs are entered at
    /// most `depth` deep.
    fn counter_at(&self, offset: u64, fields: &[WireField], depth: u32) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        fields.iter().rev().find_map(|field| {
            let (flags, strange) = self.flags(field.flags);
            if !flags.is_plain() || !strange.is_empty() {
                return None;
            }
            let inside = offset.checked_sub(field.offset).filter(|&o| o < field.size.into())?;
            if flags.is_struct() {
                let nested = self.vmsd.get(field.vmsd.as_ref()?)?;
                let inner = self.counter_at(inside, &nested.fields, depth)?;
                return Some(format!("{}.{inner}", field.name));
            }
            let integer = field.info.as_ref()?.trim_start_matches('u').starts_with("int");
            (inside == 0 && integer).then(|| field.name.clone())
        })
    }
}

/// A field that stands for what is not known of a description.
fn unknown(place: &str, why: String) -> Field {
    Field {
        name: format!("what is not known of {place}"),
        version_id: 0,
        exists: None,
        kind: Kind::Unknown { why },
        count: Count::One,
        array_of_pointer: false,
        auto_alloc: false,
        must_exist: false,
        inherited_from: None,
    }
}

impl WireHandler {
    fn checked(self, tables: &Tables) -> Result<Handler, HandlerProblem> {
        let mut loaders = Vec::new();
        if let Some(key) = self.vmsd {
            if !tables.vmsd.contains_key(&key) {
                return Err(HandlerProblem::Dangling(key));
            }
            loaders.push(Body::Vmsd(key));
        }
        loaders.extend(self.load_state.map(Body::Loader));
        loaders.extend(self.ops.get("load_state").cloned().map(Body::Loader));
        let found = loaders.len();
        let (Some(body), 1) = (loaders.pop(), found) else {
            return Err(HandlerProblem::Loaders(found));
        };
        Ok(Handler {
            idstr: self.idstr,
            instance_id: self.instance_id,
            alias_id: self.alias_id.unwrap_or(-1),
            version_id: self.version_id,
            compat: self.compat.map(|c| Compat { idstr: c.idstr, instance_id: c.instance_id }),
            body,
            answers: Answers::default(),
            inherited_from: None,
        })
    }
}
