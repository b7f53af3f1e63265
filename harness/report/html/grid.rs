//! The page of the matrix: a heat map for each platform, machine type and scenario, and the findings.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use serde::Serialize;

use super::frame::{
    Page, Sheet, Topic, badge, filters, glyph_and_class, legend, script_json, sheet,
};
use super::record::Readings;
use super::strings::Strings;
use crate::matrix::sentence::sentence;
use crate::matrix::{Cell, CellResult, Config, Outcome, Run, Standing};
use crate::report::findings::{Finding, findings, named};
use crate::report::side_by_side::Row;
use crate::trace::Verdict;

/// The platform of a machine type that names none.
const PLATFORM: &str = "x86_64";

/// What lies behind the cells. Texts are numbers of `strings`, releases and the like of their lists.
#[derive(Debug, Serialize)]
struct PageData<'r> {
    kind: &'static str,
    feed: String,
    file: &'r str,
    releases: Vec<&'r str>,
    machines: Vec<&'r str>,
    scenarios: Vec<&'r str>,
    known: Vec<(usize, &'r str, &'r str)>,
    /// Offset, bytes, what was written, what was read, whether they agree, whether it is the place.
    rows: Vec<(u64, usize, usize, usize, u8, u8)>,
    cells: Vec<One>,
    strings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct One {
    from: usize,
    to: usize,
    machine: usize,
    scenario: usize,
    verdict: usize,
    standing: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<usize>,
    why: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    about: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    at: Vec<Vec<usize>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<usize>,
}

/// The page.
///
/// # Errors
/// The serializer's; none that these shapes can have.
pub fn page(
    config: &Config,
    run: &Run,
    readings: &Readings,
    topics: &[Topic],
) -> Result<Page, serde_json::Error> {
    let started: Vec<&CellResult> = run.cells.iter().filter(|c| starts(c)).collect();
    let page_data = page_data(config, run, readings, &started);
    let devices: BTreeSet<&str> = started.iter().flat_map(|c| about(&c.outcome)).collect();
    let releases: Vec<&str> = page_data.releases.clone();
    let machines: Vec<&str> = page_data.machines.clone();
    let verdicts: Vec<&str> = Verdict::ALL
        .iter()
        .filter(|v| started.iter().any(|c| c.outcome.verdict() == Some(**v)))
        .map(|v| v.name())
        .collect();
    let choices = [
        ("release", "Release", "any", releases),
        ("side", "as", "source or destination", vec!["source", "destination"]),
        ("machine", "Machine type", "any", machines),
        ("device", "Device concerned", "any", devices.into_iter().collect()),
        ("standing", "Policy", "any", vec!["broken", "known", "reported", "good"]),
    ];
    let mut index = BTreeMap::new();
    for (at, result) in started.iter().enumerate() {
        let Cell { source, destination, machine, scenario } = &result.cell;
        let place = (machine.as_str(), scenario.as_str(), source.as_str(), destination.as_str());
        index.insert(place, (at, *result));
    }
    let grids = Grids { config, run, index };
    let mut platforms = platforms(config);
    platforms.retain(|(_, machines)| machines.iter().any(|m| page_data.machines.contains(m)));
    let body = html! {
        (outcome(run))
        nav.jump aria-label="On this page" {
            a href="#findings" { "Findings" }
            @for (platform, _) in &platforms { a href={ "#" (platform) } { (platform) } }
        }
        (filters(&choices, &verdicts))
        (legend(&verdicts))
        @for (platform, machines) in platforms {
            section.platform {
                h2 id=(platform) { (platform) }
                @for machine in machines { (grids.machine(machine)) }
            }
        }
        (findings_section(config, run))
    };
    let about = Sheet {
        topic: Topic::Matrix,
        topics,
        lead: "What each release makes of the machines that each release saved. Rows wrote the stream, columns load it; a cell opens what happened there, byte by byte.",
        data: Some(script_json(&page_data)?),
    };
    Ok(sheet(&about, body))
}

/// Whether a cell is drawn.
fn starts(result: &CellResult) -> bool {
    result.outcome.verdict() != Some(Verdict::Unsupported)
}

/// Machine types by platform, both in order of the list. A machine type of another platform is
/// called `PLATFORM/NAME`.
fn platforms(config: &Config) -> Vec<(&str, Vec<&str>)> {
    let mut platforms: Vec<(&str, Vec<&str>)> = Vec::new();
    for machine in &config.machines {
        let platform = machine.name.split_once('/').map_or(PLATFORM, |(platform, _)| platform);
        match platforms.iter_mut().find(|(name, _)| *name == platform) {
            Some((_, machines)) => machines.push(&machine.name),
            None => platforms.push((platform, vec![&machine.name])),
        }
    }
    platforms
}

/// A machine type, scenario, source, destination.
type Place<'r> = (&'r str, &'r str, &'r str, &'r str);

struct Grids<'r> {
    config: &'r Config,
    run: &'r Run,
    index: BTreeMap<Place<'r>, (usize, &'r CellResult)>,
}

/// One of the two releases of a cell.
type Side = fn(&CellResult) -> &str;

impl Grids<'_> {
    fn machine(&self, machine: &str) -> Markup {
        let scenarios = self.config.scenarios.iter();
        let grids: Vec<(Markup, String)> =
            scenarios.filter_map(|s| self.grid(machine, &s.name)).collect();
        // What all say alike is said once.
        let alike = grids.windows(2).all(|pair| matches!(pair, [a, b] if a.1 == b.1));
        let shared = grids.first().filter(|(_, absent)| alike && !absent.is_empty());
        let name = machine.split_once('/').map_or(machine, |(_, name)| name);
        html! {
            @if !grids.is_empty() {
                section.machine {
                    h3 { (name) }
                    div.grids {
                        @for (grid, absent) in &grids {
                            figure.grid {
                                (grid)
                                @if !alike && !absent.is_empty() { p.absent { (absent) } }
                            }
                        }
                    }
                    @if let Some((_, absent)) = shared { p.absent { (absent) } }
                }
            }
        }
    }

    /// A grid, and which releases are not in it; `None` if nothing was started.
    fn grid(&self, machine: &str, scenario: &str) -> Option<(Markup, String)> {
        let all: Vec<&CellResult> = self.run.cells.iter().collect();
        let here = |c: &&&CellResult| c.cell.machine == machine && c.cell.scenario == scenario;
        let names = |wanted: &dyn Fn(&CellResult) -> &str, started: bool| -> Vec<&str> {
            let cells = all.iter().filter(here).filter(|c| !started || starts(c));
            let found: BTreeSet<&str> = cells.map(|c| wanted(c)).collect();
            let listed = self.config.releases.iter().map(|r| r.name.as_str());
            listed.filter(|name| found.contains(name)).collect()
        };
        let source: Side = |c| &c.cell.source;
        let destination: Side = |c| &c.cell.destination;
        let rows = names(&source, false);
        let columns = names(&destination, true);
        if columns.is_empty() {
            return None;
        }
        let mut absent = names(&destination, false);
        absent.retain(|name| !columns.contains(name));
        let scenarios = &self.config.scenarios;
        let what = scenarios.iter().find(|s| s.name == scenario).map_or("", |s| &s.about);
        let absent = match absent.as_slice() {
            [] => String::new(),
            names => format!("Without it, or not on record: {}", names.join(", ")),
        };
        let grid = html! {
            figcaption title=(what) { (scenario) }
            div.scroll {
                table {
                    thead {
                        tr {
                            td.corner { "from ↓ into →" }
                            @for name in &columns { th scope="col" { span { (name) } } }
                        }
                    }
                    tbody {
                        @for row in &rows {
                            tr {
                                th scope="row" { (row) }
                                @for column in &columns { (self.cell((machine, scenario, row, column))) }
                            }
                        }
                    }
                }
            }
        };
        Some((grid, absent))
    }

    fn cell(&self, place: Place<'_>) -> Markup {
        let Some((at, result)) = self.index.get(&place) else { return html! { td {} } };
        let (shown, class) = glyph_and_class(result.outcome.verdict(), result.standing);
        html! { td { button class=(class) data-c=(at) { (shown) } } }
    }
}

/// Whether the policy holds, and how many cells came out how.
fn outcome(run: &Run) -> Markup {
    let broken = run.cells.iter().filter(|c| c.standing == Standing::Broken).count();
    let known = run.cells.iter().filter(|c| matches!(c.standing, Standing::Known(_))).count();
    let counts: Vec<(&str, usize)> = Verdict::ALL
        .iter()
        .map(|v| (v.name(), run.cells.iter().filter(|c| c.outcome.verdict() == Some(*v)).count()))
        .filter(|(_, n)| *n > 0)
        .collect();
    html! {
        p class={ "policy " (if run.holds() { "holds" } else { "fails" }) } {
            strong { (if run.holds() { "The policy holds." } else { "The policy is broken." }) }
            " " (broken) " cells break it, " (known) " more are known to. Feed: " code { (run.feed) } "."
        }
        ul.counts {
            @for (verdict, n) in &counts { li { (badge(verdict)) " " strong { (n) } } }
        }
    }
}

/// The findings: what breaks the policy and what is known in full, what is only told folded away.
fn findings_section(config: &Config, run: &Run) -> Markup {
    let (reported, first): (Vec<Finding>, Vec<Finding>) =
        findings(&run.cells).into_iter().partition(|f| f.standing == Standing::Reported);
    html! {
        section {
            h2 #findings { "Findings" }
            @for problem in &run.problems { p.problem { strong { "fixture: " } (problem) } }
            @for known in run.stale.iter().filter_map(|i| config.known.get(*i)) {
                p.problem { strong { "stale: " } (config.file) ", line " (known.line) ": this known entry names no cell any more" }
            }
            @if first.is_empty() { p { "No cell breaks the policy." } }
            @for finding in &first { (one(config, finding)) }
            @if !reported.is_empty() {
                details {
                    summary { (reported.len()) " that the policy allows: newer to older, refused" }
                    @for finding in &reported { (one(config, finding)) }
                }
            }
        }
    }
}

fn one(config: &Config, finding: &Finding) -> Markup {
    let known = match finding.standing {
        Standing::Known(index) => config.known.get(index),
        _ => None,
    };
    let link = format!("#{}", key(&finding.first));
    html! {
        article class={ "finding " (finding.standing.name()) } {
            h3 {
                (badge(finding.verdict)) " " span.standing { (finding.standing.name()) }
                span.n { " " (finding.cells) (if finding.cells == 1 { " cell" } else { " cells" }) }
            }
            p { (finding.sentence) }
            @if let Some(known) = known {
                p.reason { (known.reason) " [" (known.reference) "; " (config.file) ", line " (known.line) "]" }
            }
            ul.places { @for place in &finding.places { li { (place.to_string()) } } }
            p { a href=(link) { (if finding.cells == 1 { "Byte by byte" } else { "One of them, byte by byte" }) } }
        }
    }
}

/// The address of a cell on the page.
fn key(cell: &Cell) -> String {
    let Cell { source, destination, machine, scenario } = cell;
    format!("cell={source}/{machine}.{scenario}/{destination}")
}

/// Names of the devices that an outcome is about.
fn about(outcome: &Outcome) -> BTreeSet<&str> {
    let Outcome::Judged(judged) = outcome else { return BTreeSet::new() };
    let section = judged.error.iter().filter_map(|e| e.section.as_deref());
    let section = section.map(|idstr| idstr.rsplit('/').next().unwrap_or(idstr));
    let parted = judged.difference.iter().chain(&judged.false_end);
    let items = parted.flat_map(|d| d.written.iter().chain(&d.read));
    let items = items.filter(|item| item.info != "framing").map(|item| first(&item.path));
    // "field PATH", "subsection PATH", "section IDSTR"
    let kept = judged.defaults.iter().filter_map(|what| match what.split_once(' ')? {
        ("section", idstr) => idstr.rsplit('/').next(),
        (_, path) => Some(first(path)),
    });
    section.chain(items).chain(kept).collect()
}

/// The device that a path begins with.
fn first(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

fn page_data<'r>(
    config: &'r Config,
    run: &'r Run,
    readings: &Readings,
    cells: &[&'r CellResult],
) -> PageData<'r> {
    let mut strings = Strings::default();
    let mut rows = Rows::default();
    let names = |wanted: &dyn Fn(&CellResult, &str) -> bool, all: Vec<&'r str>| -> Vec<&'r str> {
        all.into_iter().filter(|name| cells.iter().any(|c| wanted(c, name))).collect()
    };
    let releases = names(
        &|c, name| c.cell.source == name || c.cell.destination == name,
        config.releases.iter().map(|r| r.name.as_str()).collect(),
    );
    let machines = names(
        &|c, name| c.cell.machine == name,
        config.machines.iter().map(|m| m.name.as_str()).collect(),
    );
    let scenarios = names(
        &|c, name| c.cell.scenario == name,
        config.scenarios.iter().map(|s| s.name.as_str()).collect(),
    );
    let place = |all: &[&str], name: &str| all.iter().position(|n| *n == name).unwrap_or(0);
    let cells = cells
        .iter()
        .map(|result| {
            let judged = match &result.outcome {
                Outcome::Judged(judged) => Some(judged),
                _ => None,
            };
            let at = readings.get(&result.cell).into_iter().flatten();
            One {
                from: place(&releases, &result.cell.source),
                to: place(&releases, &result.cell.destination),
                machine: place(&machines, &result.cell.machine),
                scenario: place(&scenarios, &result.cell.scenario),
                verdict: strings.number(result.outcome.name()),
                standing: strings.number(result.standing.name()),
                known: match result.standing {
                    Standing::Known(index) => Some(index),
                    _ => None,
                },
                why: strings
                    .number(sentence(&result.outcome, &result.cell.source) + &named(result)),
                about: about(&result.outcome).into_iter().map(|d| strings.number(d)).collect(),
                at: at
                    .map(|table| table.iter().map(|row| rows.number(row, &mut strings)).collect())
                    .collect(),
                kept: judged
                    .iter()
                    .flat_map(|j| &j.defaults)
                    .map(|what| strings.number(what.as_str()))
                    .collect(),
            }
        })
        .collect();
    PageData {
        kind: "matrix",
        feed: run.feed.to_string(),
        file: &config.file,
        releases,
        machines,
        scenarios,
        known: config
            .known
            .iter()
            .map(|k| (k.line, k.reason.as_str(), k.reference.as_str()))
            .collect(),
        rows: rows.all,
        cells,
        strings: strings.all(),
    }
}

type Shown = (u64, usize, usize, usize, u8, u8);

/// Rows that many cells share, kept once.
#[derive(Default)]
struct Rows {
    places: BTreeMap<Shown, usize>,
    all: Vec<Shown>,
}

impl Rows {
    fn number(&mut self, row: &Row, strings: &mut Strings) -> usize {
        let shown = (
            row.offset,
            strings.number(row.bytes.as_str()),
            strings.number(row.wrote.as_str()),
            strings.number(row.read.as_str()),
            u8::from(row.agrees),
            u8::from(row.marked),
        );
        *self.places.entry(shown).or_insert_with(|| {
            self.all.push(shown);
            self.all.len() - 1
        })
    }
}
