//! A release in `matrix.toml`: its entry put where its number belongs, and the ranges of machine
//! types and scenarios made to say what it has. Everything else, comments too, stays as it is.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::dialect::Version;
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
}

/// The part of the file that is touched.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    release: Vec<Listed>,
    #[serde(default)]
    machine: Vec<Ranged>,
    #[serde(default)]
    scenario: Vec<Ranged>,
}

#[derive(Deserialize)]
struct Listed {
    name: Spanned<String>,
    about: Spanned<String>,
}

#[derive(Deserialize)]
struct Ranged {
    name: Spanned<String>,
    releases: Option<Spanned<String>>,
}

/// The text with the release in it; the same text if it is there already.
///
/// # Errors
/// In words: a text that is no such file, or a release name that is no number.
pub fn with(text: &str, new: &Release) -> Result<String, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    let number = |name: &str| name.parse::<Version>().map(|v| (v, name.to_owned()));
    let own = number(&new.name)?;
    let mut all: Vec<String> = file.release.iter().map(|r| r.name.get_ref().clone()).collect();
    if all.contains(&new.name) {
        return Ok(text.to_owned());
    }
    let mut place = 0;
    for name in &all {
        if number(name)? < own {
            place += 1;
        }
    }
    let old = all.clone();
    all.insert(place, new.name.clone());

    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let entry =
        format!("[[release]]\nname = {}\nabout = {}\n", quoted(&new.name), quoted(&new.about));
    let before = place.checked_sub(1).and_then(|index| file.release.get(index));
    edits.push(match before {
        Some(before) => after(text, before.name.span().end.max(before.about.span().end), &entry),
        None => (0..0, format!("{entry}\n")),
    });
    for (list, has) in [(&file.machine, &new.machines), (&file.scenario, &new.scenarios)] {
        for one in list {
            edits.extend(range(
                text,
                one,
                &old,
                &all,
                &new.name,
                has.contains(one.name.get_ref()),
            )?);
        }
    }
    let listed = |name: &String| file.machine.iter().any(|m| m.name.get_ref() == name);
    let mut machines = String::new();
    for name in new.machines.iter().filter(|name| !listed(name)) {
        let from = ranges(std::slice::from_ref(&new.name), &all);
        machines +=
            &format!("\n[[machine]]\nname = {}\nreleases = {}\n", quoted(name), quoted(&from));
    }
    if let (Some(last), false) = (file.machine.last(), machines.is_empty()) {
        let end = last.releases.as_ref().map_or(0, |r| r.span().end).max(last.name.span().end);
        edits.push(after(text, end, machines.trim_start()));
    }
    Ok(apply(text, edits))
}

/// The edit that makes the range of a machine type or scenario right, if it is not.
fn range(
    text: &str,
    one: &Ranged,
    old: &[String],
    all: &[String],
    new: &str,
    has: bool,
) -> Result<Option<(Range<usize>, String)>, String> {
    let Some(said) = &one.releases else {
        if has {
            return Ok(None);
        }
        let (at, entry) = after(text, one.name.span().end, "");
        let entry =
            format!("{}releases = {}\n", entry.trim_start_matches('\n'), quoted(&ranges(old, all)));
        return Ok(Some((at, format!("\n{}", entry.trim_end()))));
    };
    let mut chosen = select::releases(said.get_ref(), old)?;
    if has {
        chosen.push(new.to_owned());
    }
    let same = |now: Vec<String>| now.iter().collect::<BTreeSet<_>>() == chosen.iter().collect();
    // As it stands it may mean the right thing: an open range takes a newer release in.
    if select::releases(said.get_ref(), all).is_ok_and(same) {
        return Ok(None);
    }
    Ok(Some((said.span(), quoted(&ranges(&chosen, all)))))
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

/// `entry` after the line that has the byte before `end`, with an empty line between.
fn after(text: &str, end: usize, entry: &str) -> (Range<usize>, String) {
    let rest = text.get(end..).unwrap_or("");
    let at = end + rest.find('\n').unwrap_or(rest.len());
    (at..at, format!("\n\n{}", entry.trim_end()))
}

/// Makes edits that do not overlap.
fn apply(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut made = String::with_capacity(text.len());
    let mut done = 0;
    for (range, new) in edits {
        made += text.get(done..range.start).unwrap_or("");
        made += &new;
        done = range.end;
    }
    made + text.get(done..).unwrap_or("")
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        }
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
}
