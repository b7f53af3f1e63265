//! No two files of the harness use each other, directly or through others. What stands in a file and what
//! stands in its folder are one: a file may use what is below it, and be used from there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A module by its path from the crate's root.
type Module = Vec<String>;

/// The text without comments and without what is quoted, as far as a line goes, up to its tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let unquoted = lines.map(|line| line.split('"').step_by(2).collect::<Vec<_>>().join("\"\""));
    unquoted.collect::<Vec<_>>().join("\n")
}

/// All paths of the tree of a `use`.
fn paths(tree: &str) -> Vec<String> {
    let Some((before, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.trim().to_owned()];
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[from..]);
    let each = parts.into_iter().filter(|part| !part.trim().is_empty()).flat_map(paths);
    each.map(|path| format!("{}{path}", before.trim())).collect()
}

/// Every path that a module names: those of its `use`, each with whether it hands on what it names, and those
/// in its code.
fn named(code: &str) -> Vec<(bool, String)> {
    let mut all = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let line = rest[..at].rsplit('\n').next().unwrap_or_default().trim();
        let (_, after) = rest.split_at(at + 4);
        if line.is_empty() || line.starts_with("pub") {
            let tree = after.split(';').next().unwrap_or_default();
            all.extend(paths(tree).into_iter().map(|path| (line.starts_with("pub"), path)));
        }
        rest = after;
    }
    let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    all.extend(words.filter(|word| word.contains("::")).map(|word| (false, word.to_owned())));
    all
}

struct Sources {
    code: BTreeMap<Module, String>,
    /// What a module hands on of another.
    handed_on: BTreeMap<(Module, String), Module>,
}

impl Sources {
    fn of(files: impl Iterator<Item = (String, String)>) -> Self {
        let module = |path: &str| -> Module {
            path.trim_end_matches(".rs").split('/').map(str::to_owned).collect()
        };
        let code = files.map(|(path, text)| (module(&path), code(&text))).collect();
        let mut all = Sources { code, handed_on: BTreeMap::new() };
        let mut handed_on = BTreeMap::new();
        for (at, code) in &all.code {
            for (_, path) in named(code).into_iter().filter(|(public, _)| *public) {
                if let Some((to, Some(name))) = all.resolved(at, &path) {
                    handed_on.insert((at.clone(), name), to);
                }
            }
        }
        all.handed_on = handed_on;
        all
    }

    fn is_module(&self, path: &[String]) -> bool {
        self.code.keys().any(|module| module.starts_with(path))
    }

    /// The module of a path that is named in another, and what of it is named.
    fn resolved(&self, at: &Module, path: &str) -> Option<(Module, Option<String>)> {
        let mut parts = path.split("::").map(str::trim).peekable();
        let mut module = at.clone();
        match parts.peek() {
            Some(&"crate") => {
                parts.next();
                module.clear();
            }
            Some(&"self") => drop(parts.next()),
            Some(&"super") => {
                while parts.next_if_eq(&"super").is_some() {
                    module.pop();
                }
            }
            Some(first) if self.is_module(&[&module[..], &[(*first).to_owned()]].concat()) => {}
            _ => return None,
        }
        for part in parts {
            let inside = [&module[..], &[part.to_owned()]].concat();
            if self.is_module(&inside) {
                module = inside;
                continue;
            }
            let name = part.to_owned();
            let mut key = (module, name);
            while let Some(to) = self.handed_on.get(&key).filter(|to| **to != key.0) {
                key.0.clone_from(to);
            }
            return Some((key.0, Some(key.1)));
        }
        Some((module, None))
    }

    /// Which other modules each one uses, but for those that it is in.
    fn uses(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let mut uses = BTreeMap::new();
        for (at, code) in &self.code {
            let used = named(code).into_iter().filter(|(public, _)| !public);
            let used = used.filter_map(|(_, path)| self.resolved(at, &path));
            uses.insert(at, used.map(|(to, _)| to).filter(|to| !at.starts_with(to)).collect());
        }
        uses
    }

    /// Modules that use themselves through others.
    fn in_circles(&self) -> Vec<String> {
        let uses = self.uses();
        let circular = |from: &&&Module| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![**from]);
            while let Some(used) = open.pop().and_then(|module| uses.get(module)) {
                for to in used {
                    if to == **from {
                        return true;
                    }
                    if seen.insert(to) {
                        open.push(to);
                    }
                }
            }
            false
        };
        uses.keys().filter(circular).map(|module| module.join("::")).collect()
    }
}

#[test]
fn no_files_use_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness");
    let paths = crossload::release::files::walk(&root).expect("harness");
    let own = |path: &String| {
        let apart = ["tests/", "benches/", "build.rs", "main.rs", "lib.rs"];
        path.ends_with(".rs")
            && !path.contains("/tests")
            && !apart.iter().any(|a| path.starts_with(a))
    };
    let read = |path: String| {
        let text = std::fs::read_to_string(root.join(&path)).expect("source");
        (path, text)
    };
    let sources = Sources::of(paths.into_iter().filter(own).map(read));
    let edges: usize = sources.uses().values().map(BTreeSet::len).sum();
    assert!(sources.code.len() > 250 && edges > 1000, "{} files, {edges}", sources.code.len());
    assert_eq!(sources.in_circles(), [""; 0]);
}

#[test]
fn a_circle_is_found() {
    let files = [
        ("a.rs", "pub mod b;\npub mod c;\npub mod d;\npub use c::C;\npub struct A;"),
        ("a/b.rs", "use super::{\n    A,\n    C,\n};"),
        ("a/c.rs", "// use super::b;\npub struct C(crate::a::d::D);"),
        ("a/d.rs", "use crate::a::b::B as _;\nconst TEXT: &str = \"crate::a::c::C\";"),
        ("e.rs", "use crate::a::{b::{B}, A};"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    assert_eq!(Sources::of(files.into_iter()).in_circles(), ["a::b", "a::c", "a::d"]);
}
