//! What is not modelled, by name: every place where a load that gets there ends `undetermined`.
//!
//! Of a destination, and of all descriptions of a release, whether a machine that is on record reaches
//! them or not. What releases that are not on record have, is known by the same names when their tables
//! come: a hook, a codec or an old loader that is not in the closed lists of [`presence`],
//! [`Codec`] and [`old`](crate::vmstate::old) is listed here.
//!
//! [`presence`]: crate::vmstate::presence

use std::collections::{BTreeMap, BTreeSet};

use crate::dialect::{Dialect, Version};
use crate::stream::{Body, Destination};
use crate::vmstate::Renames;
use crate::vmstate::compile::Target;
use crate::vmstate::compiled::{Amount, Codec, Count, Field, Kind, Set, Vmsd};
use crate::vmstate::presence::Predicate;
use crate::vmstate::schema::Tables;

/// One thing that is not modelled, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmodelled {
    /// What kind of thing: `presence hook`, `local count`, `codec`, `old loader`, `loader` or
    /// `layout`.
    pub what: &'static str,
    /// Its name: the C symbol, the codec's name, or what the tables do not say.
    pub name: String,
    /// `vmsd/field`, the vmsd alone, or the section's name.
    pub place: String,
}

/// All that is not modelled of what a destination's handlers can reach.
#[must_use]
pub fn of(destination: &Destination) -> BTreeSet<Unmodelled> {
    let mut found = BTreeSet::new();
    for handler in &destination.handlers {
        if let Body::Unknown(symbol) = &handler.body {
            found.insert(Unmodelled {
                what: "loader",
                name: symbol.clone(),
                place: handler.device.clone(),
            });
        }
    }
    described(&destination.set, &mut found);
    found
}

/// All that is not modelled of a release's descriptions, on one of its machine types and with nothing
/// seen of a destination's configuration.
///
/// # Errors
/// A description that names another which the tables do not have.
pub fn in_tables(
    tables: &Tables,
    release: Version,
    machine: &str,
) -> Result<BTreeSet<Unmodelled>, String> {
    let dialect = Dialect::of(release, machine);
    let (renames, observed) = (Renames::default(), BTreeMap::new());
    let target =
        Target { release, machine, dialect: &dialect, renames: &renames, observed: &observed };
    let mut set = Set::new();
    for key in tables.vmsd.keys() {
        set.add(tables, key, &target)?;
    }
    let mut found = BTreeSet::new();
    described(&set, &mut found);
    Ok(found)
}

fn described(set: &Set, found: &mut BTreeSet<Unmodelled>) {
    for vmsd in &set.vmsds {
        old(vmsd, found);
        for field in &vmsd.fields {
            let place = format!("{}/{}", vmsd.name, field.name);
            let here = unmodelled(field).into_iter();
            found.extend(here.map(|(what, name)| Unmodelled { what, name, place: place.clone() }));
        }
    }
}

/// Versions that an old loader takes and that no layout is known of.
fn old(vmsd: &Vmsd, found: &mut BTreeSet<Unmodelled>) {
    let Some(old) = &vmsd.old else { return };
    let Some(symbol) = &old.load else { return };
    let versions = old.minimum_version_id..vmsd.minimum_version_id;
    let lacking = versions.filter(|version| !old.layouts.contains_key(version));
    found.extend(lacking.map(|version| Unmodelled {
        what: "old loader",
        name: format!("{symbol} for version {version}"),
        place: vmsd.name.clone(),
    }));
}

/// What is not modelled of a field.
fn unmodelled(field: &Field) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if let Some(Predicate::Unknown(symbol)) = &field.exists {
        found.push(("presence hook", symbol.clone()));
    }
    let mut amounts = Vec::new();
    if let Count::Many(amount) = &field.count {
        amounts.push(amount);
    }
    match &field.kind {
        Kind::Leaf(codec, info, size) => {
            amounts.push(size);
            if *codec == Codec::Unknown && field.count != Count::Many(Amount::Fixed(0)) {
                found.push(("codec", info.clone()));
            }
        }
        Kind::Unknown(why) => found.push(("layout", why.clone())),
        Kind::Struct(..) | Kind::List(_) | Kind::Tree(..) => {}
    }
    for amount in amounts {
        if let Amount::Unknown(whose) = amount {
            found.push(("local count", whose.clone()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Generation;
    use crate::dialect::machine::architecture;
    use crate::matrix::sentence::cause;
    use crate::matrix::{Config, Filter, Plan, run};
    use crate::release::corpus::Corpus;
    use crate::release::library::{Library, build};
    use crate::trace::Verdict;
    use crate::vmstate::schema::Handlers;
    use crate::wire::Feed;

    #[test]
    fn each_kind_is_found() {
        let tables: Tables = serde_json::from_str(
            r#"{"release": "8.0", "vmsd": {"x": {"name": "x", "version_id": 3,
                "minimum_version_id": 3, "old": {"minimum_version_id": 2, "load": "x_load_old"},
                "fields": [
                {"name": "a", "exists": {"hook": "x_test"},
                 "kind": {"leaf": {"info": "strange", "size": {"fixed": 1}}}},
                {"name": "b", "count": {"local": {}},
                 "kind": {"leaf": {"info": "uint8", "size": {"fixed": 1}}}},
                {"name": "c", "kind": {"unknown": {"why": "nobody knows"}}}]}}}"#,
        )
        .unwrap();
        let handlers: Handlers = serde_json::from_str(
            r#"{"release": "8.0", "machine": "pc", "scenario": "idle", "origin": "test",
                "handlers": [
                {"idstr": "x", "instance_id": 0, "alias_id": -1, "version_id": 3,
                 "body": {"vmsd": "x"}},
                {"idstr": "y", "instance_id": 0, "alias_id": -1, "version_id": 3,
                 "body": {"loader": "y_load"}}]}"#,
        )
        .unwrap();
        let destination = build(&handlers, &tables, &Renames::default()).unwrap();
        let reported = |found: BTreeSet<Unmodelled>| -> Vec<String> {
            let line = |one: Unmodelled| format!("{} {} in {}", one.what, one.name, one.place);
            found.into_iter().map(line).collect()
        };
        let found = reported(of(&destination));
        // The tables have what no handler reaches, and no handlers.
        let mut more = tables.clone();
        let mut other = more.vmsd["x"].clone();
        "unreached".clone_into(&mut other.name);
        more.vmsd.insert("unreached".to_owned(), other);
        let all = reported(in_tables(&more, Version::new(8, 0, 0), "pc").unwrap());
        assert_eq!(all.len(), 2 * (found.len() - 1), "{all:?}");
        assert!(all.iter().any(|one| one.ends_with("in unreached/a")), "{all:?}");
        assert_eq!(
            found,
            [
                "codec strange in x/a",
                "layout nobody knows in x/c",
                "loader y_load in y",
                "local count local count of x/b in x/b",
                "old loader x_load_old for version 2 in x",
                "presence hook x_test in x/a",
            ]
        );
    }

    /// The list of what is not modelled, over the whole corpus: what, where, in the tables of which
    /// releases, how many destinations can reach it, and how many cells of the matrix end there.
    #[test]
    fn the_list_over_the_corpus() {
        let library = Library::open(Corpus::embedded().unwrap()).unwrap();
        let mut seen: BTreeMap<Unmodelled, (usize, Vec<String>)> = BTreeMap::new();
        for (release, version) in library.releases() {
            for of in library.corpus().architectures(release) {
                let Some(tables) = library.tables(release, of) else { continue };
                let machines = library.corpus().destinations(release).into_iter();
                let machines = machines.filter(|(name, _)| architecture(name) == of);
                let newest = machines.max_by_key(|(name, _)| Generation::of(name)).unwrap();
                for one in in_tables(tables, *version, &newest.0).unwrap() {
                    let releases = &mut seen.entry(one).or_default().1;
                    if !releases.contains(release) {
                        releases.push(release.clone());
                    }
                }
            }
            for (machine, scenario) in library.corpus().destinations(release) {
                let Some(registered) =
                    library.corpus().handlers(release, &machine, &scenario).unwrap()
                else {
                    continue;
                };
                let tables = library.tables(release, architecture(&machine)).unwrap();
                let destination = build(&registered, tables, library.renames()).unwrap();
                for one in of(&destination) {
                    let (times, releases) = seen.entry(one).or_default();
                    *times += 1;
                    if !releases.contains(release) {
                        releases.push(release.clone());
                    }
                }
            }
        }
        let text = library.corpus().text("matrix.toml").unwrap().unwrap();
        let config = Config::parse("matrix.toml", &text).unwrap();
        let plan = Plan::new(&config, library.fixtures(), &Filter::default()).unwrap();
        let run = run(&library, &config, &plan, &Feed::Bulk).unwrap();
        let ends: Vec<String> = run
            .cells
            .iter()
            .filter(|c| c.outcome.verdict() == Some(Verdict::Undetermined))
            .map(|c| cause(&c.outcome))
            .collect();
        let lines: Vec<String> = seen
            .into_iter()
            .map(|(one, (times, releases))| {
                let Unmodelled { what, name, place } = one;
                let met = ends.iter().filter(|end| end.contains(&name)).count();
                let releases = releases.join(", ");
                format!(
                    "{what} | {name} | {place} | {releases} | reached by {times} destinations | met by {met} cells"
                )
            })
            .collect();
        let _settings = crate::snapshots::snapshots("");
        insta::assert_snapshot!("unmodelled", lines.join("\n"));
    }
}
