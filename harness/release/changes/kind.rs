//! The kinds of changes, and what each does to a load, in sentences.

use serde::Serialize;

/// What a change does to a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// A stream with it is refused or read wrongly.
    Breaks,
    /// So it is under a condition that the descriptions do not tell.
    MayBreak,
    /// Nothing breaks.
    Note,
}

impl Level {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Breaks => "breaks",
            Level::MayBreak => "may break",
            Level::Note => "note",
        }
    }
}

/// A change, seen from a stream that the first build writes and the second loads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants say it, and the sentences")]
pub enum ChangeKind {
    /// A device type is gone; `now`: types that still register its section.
    TypeGone { now: Vec<String> },
    /// No record of the destination has the section.
    SectionGone,
    /// A device type sends its section under another name.
    SectionRenamed { to: String },
    /// A device type that had a description has none any more.
    DescriptionGone,
    /// A device type that blocked migration, or sent nothing, has a description now.
    WasEmpty,
    /// The version sent is above the highest one accepted.
    Newer { version: u32, accepted: u32 },
    /// The version sent is below the lowest one accepted.
    Older { version: u32, minimum: u32 },
    /// A nested description has another version, which no loader checks.
    NestedVersion { from: u32, to: u32 },
    /// A nested description is called otherwise, which is not on the wire.
    NestedName { to: String },
    /// No field is left of them all.
    FieldsGone { count: usize },
    /// A field is sent and not read.
    FieldGone { field: String, bytes: Option<u64>, then: Option<String>, hook: bool },
    /// A field is read and not sent.
    FieldAdded { field: String, bytes: Option<u64>, then: Option<String>, hook: bool },
    /// A new field that streams of the old version do not have.
    FieldGated { field: String, version: u32 },
    /// A field that is sent, and read only from a higher version on.
    FieldSkipped { field: String, version: u32, accepted: u32 },
    /// A field has another size.
    Resized { field: String, from: u64, to: u64 },
    /// An array has another number of elements.
    Recounted { field: String, from: u64, to: u64 },
    /// A field of unchanged size in the same place has another name, and no table says why.
    Renamed { field: String, to: String },
    /// A field is elsewhere in the list.
    Moved { field: String, before: Option<String> },
    /// Presence is decided by a hook now, or no more.
    Hooked { field: String, by_source: bool },
    /// One of several fields of that name is there, by a hook; there are others now.
    Alternatives { field: String },
    /// The field's bytes are skipped.
    Dropped { field: String, reason: Option<String> },
    /// Bytes that are sent as zeros are read as this field.
    ReadsUnused { field: String },
    /// What was laid out field by field is left to a codec.
    NestedGone { field: String, description: String },
    /// What a codec wrote is laid out field by field.
    NestedAdded { field: String, description: String },
    /// A subsection that the destination does not know.
    SubsectionGone { subsection: String },
    /// A subsection that the source does not send.
    SubsectionAdded { subsection: String },
    /// One side has a loader written by hand.
    ByHand { loader: String },
    /// Lists that are too long to be compared.
    TooLong { fields: usize },
}

impl ChangeKind {
    /// The name of the kind, as JSON has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            ChangeKind::TypeGone { .. } => "type-gone",
            ChangeKind::SectionGone => "section-gone",
            ChangeKind::SectionRenamed { .. } => "section-renamed",
            ChangeKind::DescriptionGone => "description-gone",
            ChangeKind::WasEmpty => "was-empty",
            ChangeKind::Newer { .. } => "newer",
            ChangeKind::Older { .. } => "older",
            ChangeKind::NestedVersion { .. } => "nested-version",
            ChangeKind::NestedName { .. } => "nested-name",
            ChangeKind::FieldsGone { .. } => "fields-gone",
            ChangeKind::FieldGone { .. } => "field-gone",
            ChangeKind::FieldAdded { .. } => "field-added",
            ChangeKind::FieldGated { .. } => "field-gated",
            ChangeKind::FieldSkipped { .. } => "field-skipped",
            ChangeKind::Resized { .. } => "resized",
            ChangeKind::Recounted { .. } => "recounted",
            ChangeKind::Renamed { .. } => "renamed",
            ChangeKind::Moved { .. } => "moved",
            ChangeKind::Hooked { .. } => "hooked",
            ChangeKind::Alternatives { .. } => "alternatives",
            ChangeKind::Dropped { .. } => "dropped",
            ChangeKind::ReadsUnused { .. } => "reads-unused",
            ChangeKind::NestedGone { .. } => "nested-gone",
            ChangeKind::NestedAdded { .. } => "nested-added",
            ChangeKind::SubsectionGone { .. } => "subsection-gone",
            ChangeKind::SubsectionAdded { .. } => "subsection-added",
            ChangeKind::ByHand { .. } => "by-hand",
            ChangeKind::TooLong { .. } => "too-long",
        }
    }

    /// The field that it is about.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            ChangeKind::FieldGone { field, .. }
            | ChangeKind::FieldAdded { field, .. }
            | ChangeKind::FieldGated { field, .. }
            | ChangeKind::FieldSkipped { field, .. }
            | ChangeKind::Resized { field, .. }
            | ChangeKind::Recounted { field, .. }
            | ChangeKind::Renamed { field, .. }
            | ChangeKind::Moved { field, .. }
            | ChangeKind::Hooked { field, .. }
            | ChangeKind::Alternatives { field }
            | ChangeKind::Dropped { field, .. }
            | ChangeKind::ReadsUnused { field }
            | ChangeKind::NestedGone { field, .. }
            | ChangeKind::NestedAdded { field, .. } => Some(field),
            _ => None,
        }
    }

    /// What was done, as the end of "... by": `removing field 'x' (4 bytes)`.
    #[must_use]
    pub fn action(&self) -> String {
        match self {
            ChangeKind::TypeGone { .. } => "removing the device type".into(),
            ChangeKind::SectionGone => "no longer registering the section".into(),
            ChangeKind::SectionRenamed { to } => format!("calling the section '{to}'"),
            ChangeKind::DescriptionGone => "removing its description".into(),
            ChangeKind::WasEmpty => "describing what was empty".into(),
            ChangeKind::Newer { accepted, .. } => format!("lowering its version to {accepted}"),
            ChangeKind::Older { minimum, .. } => format!("raising the lowest version to {minimum}"),
            ChangeKind::NestedVersion { from, to } => {
                format!("changing its version from {from} to {to}")
            }
            ChangeKind::NestedName { to } => format!("calling it '{to}'"),
            ChangeKind::FieldsGone { count } => format!("removing all {count} fields"),
            ChangeKind::FieldGone { field, bytes, .. } => {
                format!("removing field '{field}'{}", sized(*bytes))
            }
            ChangeKind::FieldAdded { field, bytes, .. } => {
                format!("adding field '{field}'{}", sized(*bytes))
            }
            ChangeKind::FieldGated { field, version } => {
                format!("adding field '{field}' from version {version} on")
            }
            ChangeKind::FieldSkipped { field, version, .. } => {
                format!("reading field '{field}' from version {version} on only")
            }
            ChangeKind::Resized { field, from, to } => {
                format!("making field '{field}' {to} bytes instead of {from}")
            }
            ChangeKind::Recounted { field, from, to } => {
                format!("giving field '{field}' {to} elements instead of {from}")
            }
            ChangeKind::Renamed { field, to } => {
                format!("putting field '{to}' in the place of '{field}'")
            }
            ChangeKind::Moved { field, before } => match before {
                Some(before) => format!("moving field '{field}' before '{before}'"),
                None => format!("moving field '{field}' to the end"),
            },
            ChangeKind::Hooked { field, by_source: false } => {
                format!("letting a hook decide whether field '{field}' is read")
            }
            ChangeKind::Hooked { field, .. } => format!("always reading field '{field}'"),
            ChangeKind::Alternatives { field } => {
                format!("changing the variants of field '{field}'")
            }
            ChangeKind::Dropped { field, .. } => format!("skipping the bytes of field '{field}'"),
            ChangeKind::ReadsUnused { field } => format!("reading unused bytes as field '{field}'"),
            ChangeKind::NestedGone { field, .. } => {
                format!("leaving field '{field}' without a description")
            }
            ChangeKind::NestedAdded { field, description } => {
                format!("describing field '{field}' by '{description}'")
            }
            ChangeKind::SubsectionGone { subsection } => {
                format!("removing subsection '{subsection}'")
            }
            ChangeKind::SubsectionAdded { subsection } => {
                format!("adding subsection '{subsection}'")
            }
            ChangeKind::ByHand { loader } => format!("having a loader written by hand ({loader})"),
            ChangeKind::TooLong { fields } => format!("having {fields} fields"),
        }
    }

    /// What comes of it, when `from` writes and `to` loads.
    #[must_use]
    pub fn consequence(&self, from: &str, to: &str) -> String {
        let next = |then: &Option<String>| {
            then.as_ref().map_or_else(|| "what follows".into(), |field| format!("'{field}'"))
        };
        match self {
            ChangeKind::TypeGone { now } if now.is_empty() => {
                format!("{to} cannot be started with it, and refuses its section")
            }
            ChangeKind::TypeGone { now } => {
                format!("{to} cannot be started with it; there the section is of {}", some(now))
            }
            ChangeKind::SectionGone => {
                format!("no configuration of {to} on record has it; one that has not refuses it")
            }
            ChangeKind::SectionRenamed { .. } => {
                format!("{to} does not know the section that {from} sends")
            }
            ChangeKind::DescriptionGone => {
                format!("{to} does not know the section that {from} sends")
            }
            ChangeKind::WasEmpty => {
                format!("{from} sends nothing of it, or blocks migration; see whether it does")
            }
            ChangeKind::Newer { version, accepted } => {
                format!("{from} sends version {version}, and {to} refuses any above {accepted}")
            }
            ChangeKind::Older { version, minimum } => {
                format!("{from} sends version {version}, and {to} refuses any below {minimum}")
            }
            ChangeKind::NestedVersion { .. } => {
                "no loader checks it: each side goes by its own, and what hangs on that is told of \
                 the fields"
                    .into()
            }
            ChangeKind::NestedName { .. } => "the name is not on the wire".into(),
            ChangeKind::FieldsGone { .. } => {
                format!(
                    "{from} sends them, and {to} reads nothing: the rest is read as something else"
                )
            }
            ChangeKind::FieldGone { then, hook: false, .. } => {
                format!("{from} sends it, and {to} reads its bytes as {}", next(then))
            }
            ChangeKind::FieldGone { then, hook: true, .. } => format!(
                "where its hook lets {from} send it, {to} reads its bytes as {}",
                next(then)
            ),
            ChangeKind::FieldAdded { then, hook: false, .. } => {
                format!(
                    "{to} reads it, and {from} does not send it: it gets the bytes of {}",
                    next(then)
                )
            }
            ChangeKind::FieldAdded { then, hook: true, .. } => {
                format!("where its hook lets {to} read it, it gets the bytes of {}", next(then))
            }
            ChangeKind::FieldGated { .. } => format!("{to} does not expect it of {from}"),
            ChangeKind::FieldSkipped { accepted, .. } => {
                format!("{from} sends it with version {accepted}, where {to} does not read it")
            }
            ChangeKind::Resized { .. } | ChangeKind::Recounted { .. } => {
                "all that follows is read from the wrong place".into()
            }
            ChangeKind::Renamed { .. } => format!(
                "the bytes stay in place: if it is the same field, corpus/renames.toml has to say \
                 so; if not, {to} reads one as the other and says nothing"
            ),
            ChangeKind::Moved { .. } => format!("{to} reads the fields between as each other"),
            ChangeKind::Hooked { by_source: false, .. } => {
                format!("{from} always sends it; where the hook says no, {to} does not read it")
            }
            ChangeKind::Hooked { .. } => {
                format!("where its hook says no, {from} does not send what {to} always reads")
            }
            ChangeKind::Alternatives { .. } => {
                "which of them there is, the device's configuration decides on both sides".into()
            }
            ChangeKind::Dropped { reason: Some(reason), .. } => reason.clone(),
            ChangeKind::Dropped { reason: None, .. } => format!(
                "nothing is refused: if {to} can do without the value, corpus/renames.toml has to \
                 say why"
            ),
            ChangeKind::ReadsUnused { .. } => {
                format!("{from} sends zeros there: nothing is refused, and zero has to be right")
            }
            ChangeKind::NestedGone { description, .. } => {
                format!("{from} sends it as '{description}'; what {to} reads is not told")
            }
            ChangeKind::NestedAdded { description, .. } => {
                format!("{to} reads it as '{description}'; what {from} sends is not told")
            }
            ChangeKind::SubsectionGone { .. } => format!("where {from} needs it, {to} refuses it"),
            ChangeKind::SubsectionAdded { .. } => {
                format!("{from} does not send it, and {to} keeps its defaults")
            }
            ChangeKind::ByHand { .. } => "no description tells what it reads".into(),
            ChangeKind::TooLong { .. } => "such lists are not compared".into(),
        }
    }
}

fn sized(bytes: Option<u64>) -> String {
    match bytes {
        Some(1) => " (1 byte)".into(),
        Some(n) => format!(" ({n} bytes)"),
        None => String::new(),
    }
}

/// The first few of a list, and how many more there are.
#[must_use]
pub fn some(list: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = list.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match list.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
