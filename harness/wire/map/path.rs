//! The path of an item, as text.

use std::fmt::Write;

use super::{Map, Node, NodeId, ROOT, Span};
use crate::wire::error::{Error, Kind};

impl<'d> Map<'d> {
    /// Path of the current node, in shown names.
    #[must_use]
    pub fn here(&self) -> String {
        self.path_of(self.current)
    }

    /// Full path of a span, in shown names.
    #[must_use]
    pub fn path(&self, span: &Span<'d>) -> String {
        let mut path = self.path_of(span.parent);
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(span.name);
        path
    }

    /// The structs that a span lies in, from its section's own inwards.
    #[must_use]
    pub fn nodes(&self, span: &Span<'d>) -> Vec<Node<'d>> {
        let mut nodes = Vec::new();
        let mut id = span.parent;
        while id != ROOT {
            let Some(node) = self.node(id) else { break };
            nodes.push(*node);
            id = node.parent;
        }
        nodes.reverse();
        nodes
    }

    /// First component of a span's path: the section it belongs to, or the framing record.
    #[must_use]
    pub fn root(&self, span: &Span<'d>) -> &'d str {
        let mut id = span.parent;
        let mut name = span.name;
        while id != ROOT {
            let Some(node) = self.node(id) else { break };
            name = node.name;
            id = node.parent;
        }
        name
    }

    /// The nodes that a span lies in, outermost first, with their shown names.
    #[must_use]
    pub fn trail(&self, span: &Span<'d>) -> Vec<(NodeId, String)> {
        self.trail_of(span.parent)
    }

    fn trail_of(&self, mut id: NodeId) -> Vec<(NodeId, String)> {
        let mut trail = Vec::new();
        while id != ROOT {
            let Some(node) = self.node(id) else { break };
            let shown = match node.index {
                Some(i) => format!("{}[{i}]", node.name),
                None => node.name.to_string(),
            };
            trail.push((id, shown));
            id = node.parent;
        }
        trail.reverse();
        trail
    }

    fn path_of(&self, mut id: NodeId) -> String {
        let mut ids = Vec::new();
        while id != ROOT && self.node(id).is_some() {
            ids.push(id);
            id = self.node(id).map_or(ROOT, |n| n.parent);
        }
        let mut path = String::new();
        for node in ids.iter().rev().filter_map(|id| self.node(*id)) {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(node.name);
            if let Some(i) = node.index {
                // Writing to a string does not fail.
                let _ = write!(path, "[{i}]");
            }
        }
        path
    }

    /// An error at `offset`, in the current section, at item `name` of the current node.
    #[must_use]
    pub fn fail(&self, kind: Kind, offset: u64, name: &str) -> Box<Error> {
        let mut path = self.here();
        if !name.is_empty() {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(name);
        }
        // The section's own name stands once, with its bus path.
        if self.section.is_some() {
            path = path.split_once('.').map_or(String::new(), |(_, rest)| rest.to_string());
        }
        Box::new(Error { kind, offset, section: self.section.map(str::to_string), path })
    }

    /// Puts section and path on an error from the reader that has none yet.
    #[must_use]
    pub fn place(&self, mut error: Box<Error>, name: &str) -> Box<Error> {
        if error.section.is_none() && error.path.is_empty() {
            error = self.fail(error.kind, error.offset, name);
        }
        error
    }
}
