//! The interface for programs that ask who can load a stream: [`Releases`].
//!
//! What is known of the releases is data, a *corpus*; one is in this crate. A destination for the
//! machine in a [`Stream`] is composed of it for each release, as if QEMU were started with the
//! configuration that the stream shows, and the load is judged byte for byte: nobody need have
//! recorded that machine before. What the answer rests on comes with it.
//!
//! ```
//! use crossload::{Releases, Stream, Verdict};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let releases = Releases::embedded()?;
//! # let library = releases.library();
//! # let fixture = library.fixture("7.2", "pc-i440fx-7.2", "idle").expect("in the corpus");
//! # let bytes = library.corpus().stream(fixture)?;
//! // Stream::open("vm.save") does the same for a file of any kind.
//! let stream = Stream::from_bytes(bytes)?;
//!
//! let one = releases.judge_one(&stream, "10.0")?;
//! assert_eq!(one.answer.verdict(), Verdict::Faithful);
//! assert!(one.reason("7.2").starts_with("all "));
//!
//! let all = releases.judge(&stream)?;
//! assert_eq!((all.machine.as_str(), all.sources[0].as_str()), ("pc-i440fx-7.2", "7.2"));
//! // Newest first; 5.2 does not know that machine type.
//! let old = all.rows.iter().find(|row| row.release == "5.2").expect("it was asked");
//! assert_eq!((old.takes(), old.answer.verdict()), (Some(false), Verdict::Unsupported));
//! for row in all.rows.iter().filter(|row| row.takes() == Some(true)) {
//!     println!("{}: {}", row.release, row.reason(&all.sources[0]));
//!     row.assumptions.iter().for_each(|what| println!("  if {what}"));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What cannot be told is [undetermined](crate::trace::Verdict::Undetermined), and says what is missing; where
//! there is no answer at all, that is an error that says why:
//!
//! ```
//! use crossload::{Releases, Stream};
//!
//! let releases = Releases::embedded().expect("it is in the crate");
//! let empty = Stream::from_bytes(b"QEVM\0\0\0\x03\0".to_vec()).expect("a stream without a section");
//! let error = releases.judge(&empty).expect_err("it names no machine type");
//! assert!(error.to_string().starts_with("the stream does not say its machine type"));
//! assert!(releases.judge_one(&empty, "99.0").is_err());
//! ```

use std::path::Path;

use crate::Stream;
use crate::matrix::targets::{OriginHints, Row, Targets, TargetsError, targets, targets_of};
use crate::release::compose::LayoutCache;
use crate::release::corpus::Corpus;
use crate::release::library::{Library, LibraryError};

/// What is known of QEMU's releases. See the [module](self).
#[derive(Debug)]
pub struct Releases {
    library: Library,
    hints: OriginHints,
}

impl Releases {
    /// Those of the corpus that is in this crate.
    ///
    /// # Errors
    /// When it is not well-formed, which the crate's own tests rule out.
    pub fn embedded() -> Result<Self, LibraryError> {
        Ok(Self::of(Library::open(Corpus::embedded()?.uncached())?))
    }

    /// Those of a corpus in a folder, such as `crossload add` makes.
    ///
    /// # Errors
    /// When it cannot be read, or is not well-formed.
    pub fn open(folder: &Path) -> Result<Self, LibraryError> {
        Ok(Self::of(Library::open(Corpus::open(folder)?.uncached())?))
    }

    fn of(library: Library) -> Self {
        Releases { library, hints: OriginHints::default() }
    }

    /// Has streams be of this machine type, where they do not say it (before 2.4).
    #[must_use]
    pub fn with_machine(mut self, machine: impl Into<String>) -> Self {
        self.hints.machine = Some(machine.into());
        self
    }

    /// Takes streams for written by this release; without it those are found that fit.
    #[must_use]
    pub fn with_source(mut self, release: impl Into<String>) -> Self {
        self.hints.source = Some(release.into());
        self
    }

    /// Their names, oldest first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.library.releases().iter().map(|(name, _)| name.as_str())
    }

    /// The corpus with its tables, for what is not asked here.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Asks each release whether it takes the machine in a stream.
    ///
    /// # Errors
    /// See [`TargetsError`].
    pub fn judge(&self, stream: &Stream) -> Result<Targets, TargetsError> {
        targets(&LayoutCache::new(&self.library), &mut stream.source().reader(), &self.hints, &[])
    }

    /// Asks one.
    ///
    /// # Errors
    /// See [`TargetsError`].
    pub fn judge_one(&self, stream: &Stream, release: &str) -> Result<Row, TargetsError> {
        let (cache, mut source) = (LayoutCache::new(&self.library), stream.source().reader());
        let mut found = targets_of(&cache, &mut source, &self.hints, &[], Some(release))?;
        found.rows.pop().ok_or_else(|| TargetsError::NoRelease(self.library.no_release(release)))
    }
}
