//! The page of the devices: each catalogued type alone, by pair of releases.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use serde::Serialize;

use super::frame::{
    Page, Sheet, Topic, badge, filters, glyph_and_class, legend, script_json, sheet,
};
use super::plot::{Bar, Plot, plot};
use super::strings::Strings;
use crate::matrix::devices::Row;
use crate::matrix::{Config, Standing};
use crate::report::devices::{DeviceResult, groups, headline};
use crate::report::targets::answer_sentence;
use crate::trace::Verdict;

/// Worst last: what a cell shows of several rows.
const RANK: [Verdict; 7] = [
    Verdict::Faithful,
    Verdict::Defaulted,
    Verdict::Unsupported,
    Verdict::Undetermined,
    Verdict::Refused,
    Verdict::RefusedLate,
    Verdict::Misparsed,
];

/// What lies behind the cells; texts are numbers of `strings`.
#[derive(Debug, Serialize)]
struct PageData<'r> {
    kind: &'static str,
    devices: Vec<&'r str>,
    releases: Vec<&'r str>,
    /// Device, source, destination, verdict, rows, standing.
    cells: Vec<(usize, usize, usize, usize, Vec<usize>, usize)>,
    /// Place, what varies, section, machine types, verdict, why.
    rows: Vec<[usize; 6]>,
    strings: Vec<String>,
}

/// The page.
///
/// # Errors
/// The serializer's; none that these shapes can have.
pub fn page(
    config: &Config,
    results: &[DeviceResult],
    topics: &[Topic],
) -> Result<Page, serde_json::Error> {
    let mut pairs: BTreeMap<(&str, &str, &str), Vec<&DeviceResult>> = BTreeMap::new();
    for one in results {
        let row = &one.1;
        pairs.entry((&row.device, &row.source, &row.destination)).or_default().push(one);
    }
    let rows: Vec<&Row> = results.iter().map(|(_, row)| row).collect();
    let named = |name: &str| rows.iter().any(|r| r.source == name || r.destination == name);
    let releases: Vec<&str> =
        config.releases.iter().map(|r| r.name.as_str()).filter(|name| named(name)).collect();
    let devices: BTreeSet<&str> = rows.iter().map(|r| r.device.as_str()).collect();
    let devices: Vec<&str> = devices.into_iter().collect();
    let place = |all: &[&str], name: &str| all.iter().position(|n| *n == name).unwrap_or(0);
    let mut strings = Strings::default();
    let mut shown = Vec::new();
    let mut cells = Vec::new();
    let mut index = BTreeMap::new();
    for ((device, source, destination), rows) in &pairs {
        let (standing, worst) = worst(rows);
        let mut here = Vec::new();
        for (_, row) in rows {
            let why = answer_sentence(&row.answer, &row.source);
            here.push(shown.len());
            shown.push([
                strings.number(row.place.as_str()),
                strings.number(row.varied.as_str()),
                strings.number(row.section.as_str()),
                strings.number(row.machines.join(", ")),
                strings.number(row.answer.verdict().name()),
                strings.number(why),
            ]);
        }
        index.insert((*device, *source, *destination), (cells.len(), worst, standing));
        let ends = (place(&releases, source), place(&releases, destination));
        let (verdict, standing) = (strings.number(worst.name()), strings.number(standing.name()));
        cells.push((place(&devices, device), ends.0, ends.1, verdict, here, standing));
    }
    let verdicts: Vec<&str> = Verdict::ALL
        .iter()
        .filter(|v| index.values().any(|(_, worst, _)| worst == *v))
        .map(|v| v.name())
        .collect();
    let columns: Vec<(&str, &str)> = releases
        .iter()
        .flat_map(|from| releases.iter().map(move |to| (*from, *to)))
        .filter(|(from, to)| from != to)
        .collect();
    let choices = [
        ("release", "Release", "any", releases.clone()),
        ("side", "as", "source or destination", vec!["source", "destination"]),
        ("device", "Device type", "any", devices.clone()),
        ("standing", "Policy", "any", vec!["broken", "known", "reported", "good"]),
    ];
    let body = html! {
        (shares(&rows, &columns))
        section {
            h2 { "Each type" }
            (filters(&choices, &verdicts))
            (legend(&verdicts))
            figure.grid.wide {
                figcaption.unseen { "Device types by pair of releases" }
                div.scroll.tall {
                    table {
                        thead { tr {
                            td.corner { "device" }
                            @for (from, to) in &columns {
                                th scope="col" data-from=(from) data-to=(to) { span { (from) " → " (to) } }
                            }
                        } }
                        tbody {
                            @for device in &devices {
                                tr {
                                    th scope="row" { (device) }
                                    @for (from, to) in &columns { (cell(index.get(&(*device, *from, *to)))) }
                                }
                            }
                        }
                    }
                }
            }
        }
        (causes(results, config))
    };
    let behind =
        PageData { kind: "devices", devices, releases, cells, rows: shown, strings: strings.all() };
    let about = Sheet {
        topic: Topic::Devices,
        topics,
        lead: "Every device type in the releases' catalogues, alone, from each release into each other one. A cell shows the worst that happens on any machine type that both have.",
        data: Some(script_json(&behind)?),
    };
    Ok(sheet(&about, body))
}

/// The worst of several rows, and how that stands to the policy.
fn worst(rows: &[&DeviceResult]) -> (Standing, Verdict) {
    let rank = |v: Verdict| RANK.iter().position(|r| *r == v);
    let all = rows.iter().map(|(standing, row)| (*standing, row.answer.verdict()));
    // What breaks the policy is worse than what does not.
    let key =
        |(standing, verdict): &(Standing, Verdict)| (rank(*verdict), std::cmp::Reverse(*standing));
    all.max_by_key(key).unwrap_or((Standing::Good, Verdict::Undetermined))
}

fn cell(found: Option<&(usize, Verdict, Standing)>) -> Markup {
    let Some((at, verdict, standing)) = found else { return html! { td {} } };
    let (shown, class) = glyph_and_class(Some(*verdict), *standing);
    html! { td { button class=(class) data-c=(at) { (shown) } } }
}

/// Shares of verdicts by pair of releases.
fn shares(rows: &[&Row], pairs: &[(&str, &str)]) -> Markup {
    let parts: Vec<&str> = RANK.iter().map(|v| v.name()).collect();
    let bars = pairs.iter().filter_map(|(from, to)| {
        let here = rows.iter().filter(|r| r.source == *from && r.destination == *to);
        let mut counts = vec![0u64; RANK.len()];
        for row in here {
            let place = RANK.iter().position(|v| *v == row.answer.verdict());
            if let Some(count) = place.and_then(|at| counts.get_mut(at)) {
                *count += 1;
            }
        }
        (counts.iter().sum::<u64>() > 0).then(|| Bar { name: format!("{from} into {to}"), counts })
    });
    let about = Plot {
        title: "How devices arrive, by pair of releases",
        unit: "device states",
        parts: parts.iter().map(|name| (*name, *name)).collect(),
        bars: bars.collect(),
    };
    html! { section { h2 { "By pair of releases" } (plot(&about)) } }
}

/// What fails, by cause.
fn causes(rows: &[DeviceResult], config: &Config) -> Markup {
    html! {
        section {
            h2 { "By cause" }
            div.scroll {
                table.list {
                    thead { tr { th scope="col" { "From" } th scope="col" { "Into" } th scope="col" { "Verdict" } th scope="col" { "Why, and which devices" } } }
                    tbody {
                        @for group in groups(rows) {
                            tr {
                                td { (group.source) }
                                td { (group.destination) }
                                td { (badge(group.verdict)) }
                                td { p { (group.cause) } p.reason { (headline(group.standing, config).trim().trim_end_matches(':')) } p.devices { @for (at, device) in group.devices.iter().enumerate() { @if at > 0 { ", " } (device) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}
