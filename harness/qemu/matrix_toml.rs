//! Writes a release into `matrix.toml`: its entry goes where its number belongs, and the ranges of machine
//! types and scenarios get it. Everything else, comments too, stays as it is.

use std::collections::BTreeSet;

use toml_edit::{ArrayOfTables, Decor, DocumentMut, Item, Table, Value, value};

use crate::dialect::Version;
use crate::matrix::config::Finding;
use crate::matrix::select;

/// What a release turned out to be.
#[derive(Debug, Clone, Default)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its binary, in words.
    pub about: String,
    /// Machine types that it has; those that are not listed yet are added.
    pub machines: BTreeSet<String>,
    /// Scenarios that it can run.
    pub scenarios: BTreeSet<String>,
    /// Those of them that nobody ran before: as far as is known, nobody else has their devices.
    pub first: BTreeSet<String>,
    /// What it could not do.
    pub findings: Vec<Finding>,
}

/// The text with the release in it. If it is there already, machine types and scenarios are added to
/// what it has.
///
/// # Errors
/// In words: a text that is no such file, or a release name that is no number.
pub fn with(text: &str, new: &Release) -> Result<String, String> {
    let mut file: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| e.to_string())?;
    let number = |name: &str| name.parse::<Version>().map(|v| (v, name.to_owned()));
    let own = number(&new.name)?;
    let releases = list(&mut file, "release")?;
    let old: Vec<String> = releases.iter().map(name).collect::<Result<_, _>>()?;
    let listed = old.contains(&new.name);
    let mut place = 0;
    for name in &old {
        if number(name)? < own {
            place += 1;
        }
    }
    let mut all = old.clone();
    if !listed {
        all.insert(place, new.name.clone());
        insert(releases, place, entry(&new.name, "about", &new.about));
    }

    for (key, has) in [("machine", &new.machines), ("scenario", &new.scenarios)] {
        for one in list(&mut file, key)?.iter_mut() {
            let has = has.contains(&name(one)?);
            // What another binary of the release has, this one need not have.
            if has || !listed {
                range(one, &old, &all, &new.name, has)?;
            }
        }
    }
    for one in list(&mut file, "scenario")?.iter_mut().filter(|_| !new.first.is_empty()) {
        if new.first.contains(&name(one)?) {
            one.insert("releases", value(new.name.as_str()));
        }
    }
    let machines = list(&mut file, "machine")?;
    let listed: Vec<String> = machines.iter().map(name).collect::<Result<_, _>>()?;
    let from = ranges(std::slice::from_ref(&new.name), &all);
    for name in new.machines.iter().filter(|name| !listed.contains(name)) {
        insert(machines, machines.len(), entry(name, "releases", &from));
    }
    for finding in &new.findings {
        let mut table = entry("", "what", &finding.what);
        table.remove("name");
        table.insert("release", value(finding.release.as_str()));
        table.insert("machine", value(finding.machine.as_str()));
        table.insert("scenarios", value(finding.scenarios.iter().collect::<toml_edit::Array>()));
        let findings = list(&mut file, "finding")?;
        insert(findings, findings.len(), table);
    }
    Ok(file.to_string())
}

/// The text with a release that is listed among those that have a machine type and a scenario.
///
/// # Errors
/// In words: a text that is no such file.
pub fn extended(
    text: &str,
    release: &str,
    machine: &str,
    scenario: &str,
) -> Result<String, String> {
    let mut file: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| e.to_string())?;
    let mut all: Vec<String> =
        list(&mut file, "release")?.iter().map(name).collect::<Result<_, _>>()?;
    all.sort_by_key(|name| name.parse::<Version>().ok());
    for (key, named) in [("machine", machine), ("scenario", scenario)] {
        for one in list(&mut file, key)?.iter_mut() {
            if name(one)? == named {
                range(one, &all, &all, release, true)?;
            }
        }
    }
    Ok(file.to_string())
}

/// The tables under `[[key]]`; none yet if the key is not there.
fn list<'f>(file: &'f mut DocumentMut, key: &str) -> Result<&'f mut ArrayOfTables, String> {
    let item = file.entry(key).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    item.as_array_of_tables_mut().ok_or_else(|| format!("{key}: expected [[{key}]] tables"))
}

fn name(table: &Table) -> Result<String, String> {
    let name = table.get("name").and_then(Item::as_str);
    name.map(str::to_owned).ok_or_else(|| "a table without a name".to_owned())
}

fn entry(name: &str, key: &str, text: &str) -> Table {
    let mut table = Table::new();
    table.insert("name", value(name));
    table.insert(key, value(text));
    table
}

/// Puts a table in at `place`: as it has no position of its own, it is printed after the one
/// before it in the list, or where the one is that follows.
fn insert(tables: &mut ArrayOfTables, place: usize, mut new: Table) {
    let mut all: Vec<Table> = tables.iter().cloned().collect();
    if let (0, Some(first)) = (place, all.first_mut()) {
        new.set_position(first.position());
        // What is said before the first is said before them all.
        *new.decor_mut() = Decor::new(first.decor().prefix().cloned().unwrap_or_default(), "");
        first.decor_mut().set_prefix("\n");
    } else {
        new.decor_mut().set_prefix("\n");
    }
    all.insert(place.min(all.len()), new);
    tables.clear();
    tables.extend(all);
}

/// Makes the range of a machine type or scenario right, if it is not.
fn range(
    one: &mut Table,
    old: &[String],
    all: &[String],
    new: &str,
    has: bool,
) -> Result<(), String> {
    let Some(said) = one.get_mut("releases") else {
        if !has {
            one.insert("releases", value(ranges(old, all)));
        }
        return Ok(());
    };
    let expected = || "releases: expected a text".to_owned();
    let range = said.as_str().ok_or_else(expected)?;
    let mut chosen = select::releases(range, old)?;
    if has {
        chosen.push(new.to_owned());
    }
    let same = |now: Vec<String>| now.iter().collect::<BTreeSet<_>>() == chosen.iter().collect();
    // As it stands it may mean the right thing: an open range takes a newer release in.
    if select::releases(range, all).is_ok_and(same) {
        return Ok(());
    }
    let said = said.as_value_mut().ok_or_else(expected)?;
    let decor = said.decor().clone();
    *said = Value::from(ranges(&chosen, all));
    *said.decor_mut() = decor;
    Ok(())
}

/// Releases as ranges: `0.14.1..3.0.0, 5.2..`.
fn ranges(chosen: &[String], all: &[String]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = all;
    while let Some(first) = rest.iter().position(|name| chosen.contains(name)) {
        let run: Vec<&String> =
            rest.iter().skip(first).take_while(|name| chosen.contains(name)).collect();
        rest = rest.get(first + run.len()..).unwrap_or(&[]);
        let (Some(from), Some(to)) = (run.first(), run.last()) else { break };
        let from = if all.first() == Some(from) { "" } else { from.as_str() };
        parts.push(match (rest.is_empty(), run.len()) {
            (true, _) => format!("{from}.."),
            (false, 1) => (*to).clone(),
            (false, _) => format!("{from}..{to}"),
        });
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Config;

    const TEXT: &str = "\
# The claim.
[[release]] # oldest
name = \"5.2\"
about = \"five\"

[[release]]
name = \"7.2\"
about = \"seven\"
# end of releases

[[machine]]
name = \"old\"
releases = \"..5.2\" # gone since

[[machine]]
name = \"both\"

[[machine]]
name = \"new\"
releases = \"7.2..\"

[[scenario]]
name = \"idle\"
";

    fn release(name: &str, machines: &[&str]) -> Release {
        Release {
            name: name.to_owned(),
            about: "built here".to_owned(),
            machines: machines.iter().map(|m| (*m).to_owned()).collect(),
            scenarios: ["idle".to_owned()].into(),
            first: BTreeSet::new(),
            findings: Vec::new(),
        }
    }

    #[test]
    fn what_it_could_not_do_is_recorded_and_what_nobody_did_is_its_own() {
        let mut new = release("8.2", &["both"]);
        new.first = ["idle".to_owned()].into();
        new.findings = vec![Finding {
            release: "8.2".to_owned(),
            machine: "pc-2.0".to_owned(),
            scenarios: vec!["idle".to_owned()],
            what: "killed by signal 6; it said: \"oh\"".to_owned(),
        }];
        let text = with(TEXT, &new).unwrap();
        assert!(text.contains("name = \"idle\"\nreleases = \"8.2\"\n"), "{text}");
        let policy = "\n[policy]\nforward = [\"faithful\"]\nbackward = [\"faithful\"]\n";
        let whole = text.replace(
            "name = \"idle\"\n",
            "name = \"idle\"\nabout = \"a\"\nguest = \"g\"\narguments = []\n",
        );
        let config = Config::parse("it", &(whole + policy)).unwrap();
        assert_eq!(config.findings, new.findings);
    }

    #[test]
    fn the_newest_goes_last_and_brings_its_machine_type() {
        let text = with(TEXT, &release("8.2", &["both", "new", "pc-8.2"])).unwrap();
        let expected = TEXT
            .replace(
                "\"seven\"\n",
                "\"seven\"\n\n[[release]]\nname = \"8.2\"\nabout = \"built here\"\n",
            )
            .replace(
                "\"7.2..\"\n",
                "\"7.2..\"\n\n[[machine]]\nname = \"pc-8.2\"\nreleases = \"8.2..\"\n",
            );
        assert_eq!(text, expected);
        assert_eq!(with(&text, &release("8.2", &["both", "new", "pc-8.2"])).unwrap(), text);
    }

    #[test]
    fn ranges_say_what_it_has_and_comments_stay() {
        let text = with(TEXT, &release("8.2", &["old", "new"])).unwrap();
        assert!(
            text.contains("releases = \"5.2, 8.2..\" # gone since")
                || text.contains("releases = \"..5.2, 8.2..\" # gone since"),
            "{text}"
        );
        assert!(text.contains("name = \"both\"\nreleases = \"..7.2\"\n"), "{text}");
        let text = with(TEXT, &release("6.0", &["both"])).unwrap();
        assert!(text.contains("\"five\"\n\n[[release]]\nname = \"6.0\""), "{text}");
        assert!(text.contains("releases = \"7.2..\""), "{text}");
        assert!(text.contains("releases = \"..5.2\""), "{text}");
    }

    #[test]
    fn one_that_is_listed_gets_a_machine_type_more() {
        let text = extended(TEXT, "5.2", "new", "idle").unwrap();
        assert_eq!(text, TEXT.replace("releases = \"7.2..\"", "releases = \"..\""));
        let text = extended(TEXT, "7.2", "old", "idle").unwrap();
        assert_eq!(text, TEXT.replace("releases = \"..5.2\"", "releases = \"..\""));
        assert_eq!(extended(TEXT, "7.2", "new", "idle").unwrap(), TEXT);
    }

    #[test]
    fn another_binary_of_a_release_adds_to_what_it_has() {
        let mut new = release("5.2", &["aarch64/virt-5.2"]);
        new.scenarios = ["new".to_owned()].into();
        let arms = "\n[[scenario]]\nname = \"new\"\nreleases = \"7.2..\"\n";
        let text = with(&(TEXT.to_owned() + arms), &new).unwrap();
        let machine = "\n[[machine]]\nname = \"aarch64/virt-5.2\"\nreleases = \"5.2\"\n";
        let expected = TEXT.replace("\n[[scenario]]", &(machine.to_owned() + "\n[[scenario]]"))
            + &arms.replace("7.2..", "..");
        assert_eq!(text, expected);
    }

    #[test]
    fn the_oldest_goes_first_under_the_words_at_the_top() {
        let text = with(TEXT, &release("4.2", &["both"])).unwrap();
        let start = "# The claim.\n[[release]]\nname = \"4.2\"\nabout = \"built here\"\n\n\
            [[release]] # oldest\nname = \"5.2\"\n";
        assert!(text.starts_with(start), "{text}");
    }

    #[test]
    fn what_is_no_such_file_is_refused_in_words() {
        for (text, why) in [
            ("release = 1", "release: expected [[release]] tables"),
            ("[[release]]\nabout = \"\"", "a table without a name"),
            ("[[release]", "TOML parse error at line 1, column 11"),
            ("[[machine]]\nname = \"old\"\nreleases = 1", "releases: expected a text"),
        ] {
            let error = with(text, &release("8.2", &[])).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
