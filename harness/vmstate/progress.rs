//! A walk in progress: what the engine and the codecs share, and what a codec asks of the engine.
//!
//! The engine ([`super::walk`]) calls the codecs, and one that sends descriptions of its own calls the
//! engine: by [`Engine`], so that codecs are below it.

use super::check::CheckState;
use super::compiled::{Set, Vmsd};
use super::flow::Flow;
use super::local::Local;
use crate::dialect::{Dialect, Generation, Version};
use crate::wire::{Error, Kind, Result};

/// Walks descriptions.
pub trait Engine {
    /// Walks description `index` at `version`.
    ///
    /// # Errors
    /// Whatever the destination refuses, and [`Kind::Undetermined`] where the tables do not say.
    fn vmsd(&mut self, index: usize, version: u32) -> Result<()>;
}

/// What a walk reads from and never changes.
#[derive(Debug, Clone, Copy)]
pub struct Context<'d> {
    /// Descriptions.
    pub set: &'d Set,
    /// Framing rules.
    pub dialect: &'d Dialect,
    /// Release of the loader.
    pub release: Version,
    /// Generation of the machine type, if it has one.
    pub generation: Option<Generation>,
    /// Machine type.
    pub machine: &'d str,
    /// Local values.
    pub local: &'d Local,
}

/// A walk in progress.
#[derive(Debug)]
pub struct Walk<'d, 'f, F> {
    /// What it reads from.
    pub context: Context<'d>,
    /// The direction.
    pub flow: &'f mut F,
    /// Last path component of the section's idstr: which device a codec is in.
    pub device: &'d str,
    /// Values of the fields of the descriptions being walked, one behind the other.
    pub(super) values: Vec<u64>,
    /// What the nearest subsection around is one of, and where its values begin.
    pub(super) owner: Option<(&'d Vmsd, usize)>,
    /// What the present description is nested in, and where its values begin.
    pub(super) parent: Option<(&'d Vmsd, usize)>,
    /// How deeply descriptions are nested here.
    pub(super) depth: u32,
    /// What a later check needs from an earlier item of the section.
    pub checks: CheckState,
}

impl<'d, 'f, F: Flow<'d>> Walk<'d, 'f, F> {
    /// A walk for one section of `device`.
    pub fn new(context: Context<'d>, device: &'d str, flow: &'f mut F) -> Self {
        Walk {
            context,
            flow,
            device,
            values: Vec::new(),
            owner: None,
            parent: None,
            depth: 0,
            checks: CheckState::default(),
        }
    }

    /// The local value of item `name` of the current node, if known.
    pub fn local_value(&mut self, name: &str) -> Option<u64> {
        let identity = self.flow.map_mut().identity(name);
        self.context.local.scalar(identity)
    }

    /// An error at the present offset.
    pub fn fail(&mut self, kind: Kind, name: &str) -> Box<Error> {
        let at = self.flow.offset();
        self.flow.fail(kind, at, name)
    }

    /// Runs a part whose refusal its caller ignores and reads on behind (codecs, trap 7). The end
    /// of the stream and what is not modelled stay errors.
    ///
    /// # Errors
    /// Whatever is not a refusal.
    pub fn ignoring_refusal(&mut self, part: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let (position, values, depth) =
            (self.flow.map_mut().position(), self.values.len(), self.depth);
        let (owner, parent) = (self.owner, self.parent);
        match part(self) {
            Err(e) if e.kind.is_refusal() => {
                self.flow.ignored(e);
                self.flow.map_mut().resume(position);
                self.values.truncate(values);
                self.depth = depth;
                (self.owner, self.parent) = (owner, parent);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// What is not modelled, in words, ends the walk.
    pub(super) fn undetermined(&mut self, what: String) -> Box<Error> {
        self.fail(Kind::Undetermined(what), "")
    }

    /// The codec that a leaf stands for is not modelled.
    pub fn unmodelled(&mut self, info: &str) -> Box<Error> {
        self.undetermined(format!("codec '{info}'"))
    }
}
