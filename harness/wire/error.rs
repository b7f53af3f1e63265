//! What a loader refuses, where in the stream, and what it expected instead.
//!
//! An [`Error`] always has an absolute byte offset: the first byte of the item that was refused.
//! [`Kind`] is a closed list; which release has which check is the dialect's business. The class
//! of a kind ([`Kind::class`]) is coarse enough to be compared with the text a real binary prints.

use std::fmt;

/// Result of anything that reads or writes a stream.
pub type Result<T> = std::result::Result<T, Box<Error>>;

/// A refusal, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What was refused.
    pub kind: Kind,
    /// Absolute offset of the first byte of the refused item.
    pub offset: u64,
    /// The section being loaded, if any: its idstr.
    pub section: Option<String>,
    /// Field path inside the section; empty for framing.
    pub path: String,
}

/// What was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Kind {
    /// The stream ended inside an item.
    #[error("end of stream, {missing} more bytes expected")]
    EndOfInput {
        /// How many bytes the item still lacked.
        missing: u64,
    },
    /// The transport failed.
    #[error("cannot read the stream: {0}")]
    Io(String),
    /// The first four bytes are not `QEVM`.
    #[error("not a migration stream: magic {found:#010x}, expected 0x5145564d")]
    BadMagic {
        /// The four bytes.
        found: u32,
    },
    /// The file version is not 3.
    #[error("stream format version {found}, expected 3")]
    BadVersion {
        /// The version.
        found: u32,
    },
    /// The destination expects a configuration section and met another byte.
    #[error("configuration section missing: byte {found:#04x}, expected 0x07")]
    ConfigurationMissing {
        /// The byte.
        found: u8,
    },
    /// The configuration names another machine type.
    #[error("machine type received is '{received}', local is '{local}'")]
    MachineMismatch {
        /// Received name.
        received: String,
        /// Local name.
        local: String,
    },
    /// Another value in the configuration section is not acceptable.
    #[error("configuration: {0}")]
    Configuration(String),
    /// A byte that is no record type in the main loop.
    #[error("unknown section type {found}")]
    UnknownSectionType {
        /// The byte.
        found: u8,
    },
    /// No handler has this name and instance.
    #[error("unknown section or instance '{idstr}' {instance_id}")]
    UnknownSection {
        /// Received name.
        idstr: String,
        /// Received instance.
        instance_id: u32,
    },
    /// The section name is empty or cut (refused from 2.4 on).
    #[error("unreadable section name")]
    BadIdstr,
    /// PART or END for an id that was never started.
    #[error("unknown section id {id}")]
    UnknownSectionId {
        /// The id.
        id: u32,
    },
    /// The section's version is above the handler's.
    #[error("unsupported version {version_id} for '{idstr}', at most {supported}")]
    SectionTooNew {
        /// Section name.
        idstr: String,
        /// Received version.
        version_id: u32,
        /// Highest version the handler takes.
        supported: u32,
    },
    /// No footer where one must be.
    #[error("missing section footer for {idstr}: byte {found:#04x}, expected 0x7e")]
    FooterMissing {
        /// Section name.
        idstr: String,
        /// The byte.
        found: u8,
    },
    /// The footer has another section's id.
    #[error("section footer for {idstr} has id {found:#x}, expected {expected:#x}")]
    FooterMismatch {
        /// Section name.
        idstr: String,
        /// Received id.
        found: u32,
        /// Id of the section.
        expected: u32,
    },
    /// A description is asked to load a version above its own.
    #[error("{vmsd}: version {version_id} is too new, at most {supported}")]
    VersionTooNew {
        /// Description.
        vmsd: String,
        /// Received version.
        version_id: u32,
        /// Own version.
        supported: u32,
    },
    /// A description is asked to load a version below its minimum.
    #[error("{vmsd}: version {version_id} is too old, at least {minimum}")]
    VersionTooOld {
        /// Description.
        vmsd: String,
        /// Received version.
        version_id: u32,
        /// Minimum version.
        minimum: u32,
    },
    /// A subsection that the description does not list.
    #[error("subsection '{name}' is not known in '{vmsd}'")]
    UnknownSubsection {
        /// Received name.
        name: String,
        /// The description that looked.
        vmsd: String,
    },
    /// A field that must equal the local value does not (`... equal` codecs).
    #[error("received {received:#x}, but the local value is {local:#x}")]
    NotEqual {
        /// Received value.
        received: u64,
        /// Local value.
        local: u64,
    },
    /// A field that must be positive and at most the local value is not (`int32 le`).
    #[error("received {received}, expected at most {local} and not negative")]
    NotLessOrEqual {
        /// Received value.
        received: i64,
        /// Local value.
        local: i64,
    },
    /// A field that must exist does not (`VMS_MUST_EXIST`).
    #[error("input validation failed")]
    MustExist,
    /// A pointer marker with an unknown value.
    #[error("pointer marker {found:#04x}, expected {expected}")]
    BadMarker {
        /// The byte.
        found: u8,
        /// What is accepted.
        expected: &'static str,
    },
    /// A compared byte of PCI configuration space differs.
    #[error("PCI config byte {at:#x} is {received:#04x}, local device has {local:#04x}")]
    PciConfig {
        /// Offset in configuration space.
        at: u32,
        /// Received byte.
        received: u8,
        /// Local byte.
        local: u8,
    },
    /// A value check of a device's loader or post-load function.
    #[error("{0}")]
    Check(String),
    /// A record of the `ram` section.
    #[error("ram: {0}")]
    Ram(String),
    /// A record of the `block` or `dirty-bitmap` section.
    #[error("block: {0}")]
    Block(String),
    /// A migration command.
    #[error("command: {0}")]
    Command(String),
    /// A device that cannot be migrated is present.
    #[error("state blocked by non-migratable device '{0}'")]
    Unmigratable(String),
    /// The real loader would stop the process here (assertion, abort).
    #[error("the loader aborts: {0}")]
    Abort(String),
    /// A size or amount of work beyond what is reasonable for the input.
    #[error("limit: {0}")]
    Limit(String),
    /// The real loader would go on with memory that is not its own: what it does then no stream
    /// tells.
    #[error("undefined: {0}")]
    Undefined(String),
    /// The tables do not say what is here.
    #[error("not modelled: {0}")]
    Undetermined(String),
}

impl Kind {
    /// The class of refusal, as coarse as the texts of real binaries allow to tell.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Kind::EndOfInput { .. } | Kind::Io(_) => "end of stream",
            Kind::BadMagic { .. } | Kind::BadVersion { .. } => "header",
            Kind::ConfigurationMissing { .. }
            | Kind::MachineMismatch { .. }
            | Kind::Configuration(_) => "configuration",
            Kind::UnknownSectionType { .. } => "section type",
            Kind::UnknownSection { .. } | Kind::BadIdstr => "unknown section",
            Kind::UnknownSectionId { .. } => "unknown section id",
            Kind::SectionTooNew { .. } => "section version",
            Kind::FooterMissing { .. } => "footer missing",
            Kind::FooterMismatch { .. } => "footer mismatch",
            Kind::VersionTooNew { .. } | Kind::VersionTooOld { .. } => "vmsd version",
            Kind::UnknownSubsection { .. } => "unknown subsection",
            Kind::NotEqual { .. }
            | Kind::NotLessOrEqual { .. }
            | Kind::MustExist
            | Kind::BadMarker { .. }
            | Kind::PciConfig { .. }
            | Kind::Check(_) => "value",
            Kind::Ram(_) => "ram",
            Kind::Block(_) => "block",
            Kind::Command(_) => "command",
            Kind::Unmigratable(_) => "unmigratable",
            Kind::Abort(_) => "abort",
            Kind::Limit(_) => "limit",
            Kind::Undefined(_) => "undefined",
            Kind::Undetermined(_) => "undetermined",
        }
    }

    /// Whether a loader gave this as its result: not the end of the stream, and nothing that is a
    /// limit of this program or ends the process.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let class = self.class();
        !matches!(class, "end of stream" | "abort" | "limit" | "undefined" | "undetermined")
    }

    /// Wraps the kind into an error at `offset`, outside any section.
    #[must_use]
    pub fn at(self, offset: u64) -> Box<Error> {
        Box::new(Error { kind: self, offset, section: None, path: String::new() })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(section) = &self.section {
            write!(f, "{section}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} at byte {:#x} ({})", self.kind, self.offset, self.offset)
    }
}

impl std::error::Error for Error {}
