//! Which cells an entry of `matrix.toml` is about: release ranges, machine types, scenarios.

use std::cmp::Ordering;
use std::str::FromStr;

use super::cell::Cell;
use crate::dialect::Version;

/// The cells that lie in all four lists. No list is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Releases that wrote the stream.
    pub sources: Vec<String>,
    /// Releases that load it.
    pub destinations: Vec<String>,
    /// Machine types.
    pub machines: Vec<String>,
    /// Scenarios.
    pub scenarios: Vec<String>,
}

impl Selection {
    /// Whether the entry is about this cell.
    #[must_use]
    pub fn has(&self, cell: &Cell) -> bool {
        self.sources.contains(&cell.source)
            && self.destinations.contains(&cell.destination)
            && self.machines.contains(&cell.machine)
            && self.scenarios.contains(&cell.scenario)
    }
}

/// The releases that `text` names, in the order of `all`, which is oldest first. `text` is a list
/// of parts with commas between them; a part is a release, `FIRST..LAST` with both ends in it,
/// `FIRST..` or `..LAST`. A name stands for the stable releases listed after it, too: `7.2` for
/// `7.2.22`.
///
/// A part may also be bounds by number, all of which hold: `>=0.15 <4.2`. Their numbers need not be
/// listed: such a part says in which release something came or went, and so it is true of releases
/// that are added later.
///
/// # Errors
/// In words: a release that is not in `all`, a range that is the wrong way round, or nothing.
pub fn releases(text: &str, all: &[String]) -> Result<Vec<String>, String> {
    let place = |name: &str| {
        all.iter().position(|release| release == name).ok_or_else(|| {
            format!("release '{name}' is not listed: expected one of {}", all.join(", "))
        })
    };
    let behind = |name: &str| {
        let at = place(name)? + 1;
        let stable = |release: &&String| {
            release.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        };
        Ok::<_, String>(at + all.iter().skip(at).take_while(stable).count())
    };
    let mut chosen = vec![false; all.len()];
    for part in text.split(',').map(str::trim) {
        if part.starts_with(['<', '>']) {
            bounded(part, all, &mut chosen)?;
            continue;
        }
        let (first, last) = part.split_once("..").unwrap_or((part, part));
        let first = if first.is_empty() && part != first { 0 } else { place(first)? };
        let last = if last.is_empty() && part != last { all.len() } else { behind(last)? };
        let range = chosen
            .get_mut(first..last)
            .filter(|range| !range.is_empty())
            .ok_or_else(|| format!("range '{part}' has no release: its ends are the wrong way"))?;
        range.fill(true);
    }
    Ok(all.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(name, _)| name.clone()).collect())
}

/// Chooses the releases that lie within all of the bounds of a part.
fn bounded(part: &str, all: &[String], chosen: &mut [bool]) -> Result<(), String> {
    let bounds: Vec<Bound> = part.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let mut any = false;
    for (name, chosen) in all.iter().zip(chosen) {
        let number: Version = name.parse()?;
        if bounds.iter().all(|bound| bound.holds(number)) {
            (any, *chosen) = (true, true);
        }
    }
    any.then_some(()).ok_or_else(|| format!("no release that is listed is '{part}'"))
}

/// A bound on a release's number: which orders it allows, and the number.
struct Bound(&'static [Ordering], Version);

impl Bound {
    fn holds(&self, number: Version) -> bool {
        self.0.contains(&number.cmp(&self.1))
    }
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use Ordering::{Equal, Greater, Less};
        const SIGNS: [(&str, &[Ordering]); 4] =
            [("<=", &[Less, Equal]), (">=", &[Greater, Equal]), ("<", &[Less]), (">", &[Greater])];
        let found =
            SIGNS.iter().find_map(|(sign, orders)| Some((orders, text.strip_prefix(sign)?)));
        let (orders, number) =
            found.ok_or_else(|| format!("bound '{text}': expected one such as >=0.15 or <4.2"))?;
        Ok(Bound(orders, number.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<String> {
        ["0.12.5", "0.13.0", "1.0.1", "2.8.1", "11.1", "11.1.3"].map(String::from).to_vec()
    }

    #[rstest::rstest]
    #[case("0.13.0", "0.13.0")]
    #[case("0.13.0..2.8.1", "0.13.0 1.0.1 2.8.1")]
    #[case("..0.13.0", "0.12.5 0.13.0")]
    #[case("2.8.1..", "2.8.1 11.1 11.1.3")]
    #[case("..", "0.12.5 0.13.0 1.0.1 2.8.1 11.1 11.1.3")]
    #[case("11.1, 0.12.5..0.13.0", "0.12.5 0.13.0 11.1 11.1.3")]
    #[case("2.8.1..11.1", "2.8.1 11.1 11.1.3")]
    #[case("11.1.3", "11.1.3")]
    #[case(">=0.13.0 <2.8", "0.13.0 1.0.1")]
    #[case("<1.0", "0.12.5 0.13.0")]
    #[case("<=0.13, >11.1", "0.12.5 0.13.0 11.1.3")]
    #[case(">2.8.1", "11.1 11.1.3")]
    fn ranges_have_both_their_ends(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(releases(text, &all()).map(|r| r.join(" ")), Ok(expected.to_owned()));
    }

    #[rstest::rstest]
    #[case("", "release '' is not listed")]
    #[case("0.14.1", "release '0.14.1' is not listed: expected one of 0.12.5, ")]
    #[case("0.12.5..9.9", "release '9.9' is not listed")]
    #[case("2.8.1..0.12.5", "wrong way")]
    #[case("11.1..2.8.1", "wrong way")]
    #[case("0.12.5,", "release '' is not listed")]
    #[case(">11.1.3", "no release that is listed is '>11.1.3'")]
    #[case(">=2.0 0.12", "bound '0.12': expected one such as")]
    #[case("<new", "new")]
    fn bad_ranges_are_refused(#[case] text: &str, #[case] says: &str) {
        let e = releases(text, &all()).expect_err(text);
        assert!(e.contains(says), "{e}");
    }
}
