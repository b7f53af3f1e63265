//! What changed between two builds, and which of it can break: sentences, and JSON.
//!
//! The JSON is one object; keys may be added without a new `version`, none is renamed or removed.
//!
//! | key | holds |
//! | --- | --- |
//! | `version` | 1 |
//! | `holds` | whether nothing is known to break from the first build to the second |
//! | `directions` | two objects: the first build into the second, and back |
//!
//! A direction:
//!
//! | key | holds |
//! | --- | --- |
//! | `from`, `to` | the builds |
//! | `machines`? | their machine types, where those differ |
//! | `compared`, `alike` | how many sections, and how many of them have no change above a note |
//! | `changes` | see below |
//! | `not_described` | loads on record that fail where no description changed |
//!
//! A change: `level` (`breaks`, `may-break` or `note`), `described` (the same by the descriptions
//! alone, where the wire says otherwise), `description`, `sections`, `devices`, `change` (its
//! `kind`, and what that kind has), `sentence`, `present` (where its hook said yes or no, by
//! release and machine types), and `wire`, where loads of it are on record: `well` and `open` (how
//! many), and `failing`. A load: `of`, `verdict`, `sentence`, `observed`?.

use serde::Serialize;

use super::evidence::{Evidence, Load};
use super::table::{BAD, DIM, GOOD, HEAD, NOTE, painted};
use crate::release::changes::kind::some;
use crate::release::changes::{Change, ChangeKind, Changes, Level};

/// Version of the shape.
const VERSION: u32 = 1;

/// One direction: what changed for streams that one build writes and the other loads.
#[derive(Debug)]
pub struct Direction {
    /// The build that writes.
    pub from: String,
    /// The build that loads.
    pub to: String,
    /// Machine types that they were asked for, where they differ.
    pub machines: Option<[String; 2]>,
    /// What changed.
    pub changes: Changes,
    /// What happens on the wire, if both are releases of the corpus.
    pub evidence: Option<Evidence>,
    /// Where a hook let a field through, by change.
    pub gates: Vec<Vec<String>>,
}

/// What is asked for beside what breaks.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShowOptions {
    /// Notes, too.
    pub notes: bool,
    /// The way back, too.
    pub back: bool,
}

impl Direction {
    /// What a change does, given what is on record.
    fn level(&self, change: &Change) -> Level {
        self.evidence.as_ref().map_or(change.level, |evidence| evidence.level(change))
    }

    /// Changes of a level, with their numbers.
    fn at(&self, level: Level) -> Vec<(usize, &Change)> {
        let all = self.changes.list.iter().enumerate();
        all.filter(|(_, change)| self.level(change) == level).collect()
    }

    /// Loads that fail where no description changed.
    fn not_described(&self) -> Vec<&Load> {
        let of = |e: &'_ Evidence| -> Vec<usize> {
            let failing = e.not_described(&self.changes.list);
            let number = |load: &&Load| e.loads.iter().position(|l| std::ptr::eq(l, *load));
            failing.iter().filter_map(number).collect()
        };
        let Some(evidence) = &self.evidence else { return Vec::new() };
        of(evidence).into_iter().filter_map(|at| evidence.loads.get(at)).collect()
    }

    /// Whether nothing is known to break.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.at(Level::Breaks).is_empty() && self.not_described().is_empty()
    }

    /// The change in a sentence.
    fn sentence(&self, change: &Change) -> String {
        let Direction { from, to, .. } = self;
        let (action, then) = (change.what.action(), change.what.consequence(from, to));
        let device = subject(change);
        match self.level(change) {
            Level::Breaks => {
                format!("{to} broke migration of {device} from {from} by {action}: {then}.")
            }
            Level::MayBreak => {
                format!(
                    "{to} may have broken migration of {device} from {from} by {action}: {then}."
                )
            }
            Level::Note => format!("{device} by {action}: {then}."),
        }
    }
}

/// What a change is of: devices, or sections where no device is known.
fn subject(change: &Change) -> String {
    let list: Vec<String> = if change.devices.is_empty() {
        change.sections.iter().cloned().collect()
    } else {
        change.devices.iter().cloned().collect()
    };
    let mut text = some(&list);
    let mut inside = Vec::new();
    if !change.devices.is_empty() && change.sections != change.devices {
        let sections: Vec<String> = change.sections.iter().cloned().collect();
        inside.push(format!("section {}", some(&sections)));
    }
    if !change.sections.contains(&change.description) {
        inside.push(format!("description {}", change.description));
    }
    if !inside.is_empty() {
        text += &format!(" ({})", inside.join(", "));
    }
    text
}

/// The text: the sum first, then what breaks, then what may.
#[must_use]
pub fn text(forward: &Direction, back: &Direction, shown: ShowOptions) -> String {
    let mut text = head(forward);
    text += &sum(forward);
    text += &sum(back);
    text += &list(forward, shown);
    if shown.back {
        text += &list(back, shown);
    }
    let mut more = Vec::new();
    let notes = forward.at(Level::Note).len();
    if !shown.notes && notes > 0 {
        more.push(format!("--notes tells the {notes} changes that break nothing"));
    }
    if !shown.back {
        more.push(format!("--back tells what {} does to {}", back.from, back.to));
    }
    if !more.is_empty() {
        text += &painted(DIM, &format!("\n{}.\n", more.join("; ")));
    }
    text
}

fn head(direction: &Direction) -> String {
    let Changes { compared, alike, .. } = direction.changes;
    let mut text = format!("{compared} sections of both compared, {alike} alike.\n");
    if let Some([one, other]) = &direction.machines {
        text += &format!(
            "{}: the descriptions are of different machine types, {one} and {other}\n",
            painted(NOTE, "note")
        );
    }
    text
}

fn sum(direction: &Direction) -> String {
    let Direction { from, to, .. } = direction;
    let [breaks, may, notes] =
        [Level::Breaks, Level::MayBreak, Level::Note].map(|level| direction.at(level).len());
    let style = if direction.holds() { GOOD } else { BAD };
    let mut text = format!(
        "{}: {}, {may} may break it, {notes} do not",
        painted(HEAD, &format!("{from} into {to}")),
        painted(style, &format!("{breaks} changes break migration"))
    );
    let others = direction.not_described().len();
    if others > 0 {
        text += &format!(
            "; {}",
            painted(BAD, &format!("{others} loads on record fail where no description changed"))
        );
    }
    text + ".\n"
}

fn list(direction: &Direction, shown: ShowOptions) -> String {
    let mut text = String::new();
    let mut levels = vec![Level::Breaks, Level::MayBreak];
    levels.extend(shown.notes.then_some(Level::Note));
    for level in levels {
        let style = match level {
            Level::Breaks => BAD,
            Level::MayBreak => NOTE,
            Level::Note => DIM,
        };
        for group in groups(&direction.at(level)) {
            text +=
                &format!("\n{}: {}", painted(style, level.name()), group_text(direction, &group));
        }
    }
    text + &others(direction)
}

/// Changes of one description in the same devices, together.
fn groups<'c>(changes: &[(usize, &'c Change)]) -> Vec<Vec<(usize, &'c Change)>> {
    let mut groups: Vec<Vec<(usize, &Change)>> = Vec::new();
    for (number, change) in changes {
        let of = |c: &'c Change| (&c.description, &c.sections, &c.devices);
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|(_, last)| of(last) == of(change)) => {
                group.push((*number, change));
            }
            _ => groups.push(vec![(*number, change)]),
        }
    }
    groups
}

/// A group: one change as a sentence, several as a list; what is on record of it below.
fn group_text(direction: &Direction, group: &[(usize, &Change)]) -> String {
    let Direction { from, to, .. } = direction;
    let record = |number: usize, change: &Change| {
        let gates = direction.gates.get(number).into_iter().flatten();
        let mut text: String = gates.map(|gate| format!("    {gate}\n")).collect();
        text += &wire(direction, change);
        text
    };
    let [(number, change), rest @ ..] = group else { return String::new() };
    if rest.is_empty() {
        return format!("{}\n{}", direction.sentence(change), record(*number, change));
    }
    let did = match direction.level(change) {
        Level::Breaks => format!("{to} broke migration of {} from {from}", subject(change)),
        Level::MayBreak => {
            format!("{to} may have broken migration of {} from {from}", subject(change))
        }
        Level::Note => subject(change),
    };
    let mut text = format!("{did} by\n");
    let records: Vec<String> = group.iter().map(|(number, c)| record(*number, c)).collect();
    for (index, (_, change)) in group.iter().enumerate() {
        let then = change.what.consequence(from, to);
        text += &format!("  - {}: {then}\n", change.what.action());
        let own = records.get(index).map_or("", String::as_str);
        // What is the same for several is printed after the last of them.
        if records.get(index + 1).is_none_or(|next| next != own) {
            text += own;
        }
    }
    text
}

/// What happens on the wire with what a change is of.
fn wire(direction: &Direction, change: &Change) -> String {
    let Some(evidence) = &direction.evidence else { return String::new() };
    let summary = evidence.summary(change);
    let mut text = String::new();
    if let Some(first) = summary.failing.first() {
        let more = match summary.failing.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        text += &format!(
            "    on the wire: {}: {}{more}: {}\n",
            first.of, first.verdict, first.sentence
        );
        if let Some(real) = summary.failing.iter().find_map(|load| load.observed.as_ref()) {
            text += &format!("    a real {}: {real}\n", direction.to);
        }
    }
    if summary.well > 0 {
        let all = summary.well + summary.failing.len() + summary.open;
        let open = match summary.open {
            0 => String::new(),
            n => format!("; {n} have no answer, or end elsewhere"),
        };
        text += &format!(
            "    on the wire: in {} of {all} loads on record the state arrives{open}\n",
            summary.well
        );
    } else if summary.failing.is_empty() && summary.open > 0 {
        text +=
            &format!("    on the wire: {} loads on record, none with an answer\n", summary.open);
    }
    text
}

/// What fails without a change in a description, one cause told once.
fn others(direction: &Direction) -> String {
    let mut groups: Vec<(String, Vec<&Load>)> = Vec::new();
    for load in direction.not_described() {
        let sentence = load.sentence.split_once(": ").map_or("", |(_, rest)| rest);
        let cause = match &load.device {
            Some(device) => sentence.replace(device.as_str(), "it"),
            None => sentence.to_owned(),
        };
        match groups.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, loads)) => loads.push(load),
            None => groups.push((cause, vec![load])),
        }
    }
    let mut text = String::new();
    for (_, loads) in &groups {
        let Some(first) = loads.first() else { continue };
        let of: Vec<String> = loads.iter().map(|load| load.of.clone()).collect();
        text += &format!(
            "\n{}: {} into {}, which no description tells: {}: {}\n    {}\n",
            painted(BAD, "breaks"),
            direction.from,
            direction.to,
            first.verdict,
            first.sentence,
            some(&of)
        );
        if let Some(real) = loads.iter().find_map(|load| load.observed.as_ref()) {
            text += &format!("    a real {}: {real}\n", direction.to);
        }
    }
    text
}

#[derive(Serialize)]
struct Report<'r> {
    version: u32,
    holds: bool,
    directions: Vec<OneWay<'r>>,
}

#[derive(Serialize)]
struct OneWay<'r> {
    from: &'r str,
    to: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    machines: Option<&'r [String; 2]>,
    compared: usize,
    alike: usize,
    changes: Vec<One<'r>>,
    not_described: Vec<Loaded<'r>>,
}

#[derive(Serialize)]
struct One<'r> {
    level: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    described: Option<Level>,
    description: &'r str,
    sections: Vec<&'r str>,
    devices: Vec<&'r str>,
    change: &'r ChangeKind,
    sentence: String,
    present: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    wire: Option<OnWire<'r>>,
}

#[derive(Serialize)]
struct OnWire<'r> {
    well: usize,
    open: usize,
    failing: Vec<Loaded<'r>>,
}

#[derive(Serialize)]
struct Loaded<'r> {
    of: &'r str,
    verdict: &'static str,
    sentence: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<&'r str>,
}

/// All of it as JSON.
///
/// # Errors
/// None that this shape can have; the serializer's.
pub fn json(forward: &Direction, back: &Direction) -> Result<String, serde_json::Error> {
    let report = Report {
        version: VERSION,
        holds: forward.holds(),
        directions: vec![one_way(forward), one_way(back)],
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

fn one_way(direction: &Direction) -> OneWay<'_> {
    let change = |(number, change): (usize, &'_ Change)| -> (usize, Level) {
        (number, direction.level(change))
    };
    let levels: Vec<(usize, Level)> =
        direction.changes.list.iter().enumerate().map(change).collect();
    let changes = direction.changes.list.iter().zip(levels).map(|(change, (number, level))| One {
        level,
        described: (level != change.level).then_some(change.level),
        description: &change.description,
        sections: change.sections.iter().map(String::as_str).collect(),
        devices: change.devices.iter().map(String::as_str).collect(),
        change: &change.what,
        sentence: direction.sentence(change),
        present: direction.gates.get(number).map_or(&[], Vec::as_slice),
        wire: direction.evidence.as_ref().map(|evidence| {
            let summary = evidence.summary(change);
            OnWire {
                well: summary.well,
                open: summary.open,
                failing: summary.failing.into_iter().map(loaded).collect(),
            }
        }),
    });
    OneWay {
        from: &direction.from,
        to: &direction.to,
        machines: direction.machines.as_ref(),
        compared: direction.changes.compared,
        alike: direction.changes.alike,
        changes: changes.collect(),
        not_described: direction.not_described().into_iter().map(loaded).collect(),
    }
}

fn loaded(load: &Load) -> Loaded<'_> {
    Loaded {
        of: &load.of,
        verdict: load.verdict.name(),
        sentence: &load.sentence,
        observed: load.observed.as_deref(),
    }
}
