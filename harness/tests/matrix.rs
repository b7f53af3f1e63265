//! The matrix of the repository: its grids, its findings, and that its policy holds.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod equal;
use std::sync::LazyLock;

use crate::support::snapshots::snapshots;
use anstream::adapter::strip_str;
use crossload::matrix::run::{CellResult, run_with};
use crossload::matrix::{Config, Direction, Filter, Outcome, Plan, Run, Standing, run};
use crossload::release::{corpus::Corpus, library::Library};
use crossload::report::{findings::findings, json::json, table};
use crossload::trace::{Verdict, judge, judge_outline};
use crossload::wire::Feed;

static LIBRARY: LazyLock<Library> =
    LazyLock::new(|| Library::open(Corpus::embedded().unwrap()).unwrap());

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let text = LIBRARY.corpus().text("matrix.toml").unwrap().expect("embedded");
    let config = Config::parse("matrix.toml", &text).unwrap();
    config.check(&LIBRARY).unwrap();
    config
});

static BULK: LazyLock<Run> = LazyLock::new(|| whole(&Feed::Bulk));

fn plan(filter: &Filter) -> Plan {
    Plan::new(&CONFIG, LIBRARY.fixtures(), filter).unwrap()
}

fn whole(feed: &Feed) -> Run {
    run(&LIBRARY, &CONFIG, &plan(&Filter::default()), feed).unwrap()
}

#[test]
fn the_grids_are_as_reviewed() {
    let _scope = snapshots("matrix");
    for machine in &CONFIG.machines {
        for scenario in &CONFIG.scenarios {
            let grid = table::grid(&CONFIG, &BULK.cells, &machine.name, &scenario.name);
            if !grid.is_empty() {
                let name = format!("{}.{}", machine.name, scenario.name);
                insta::assert_snapshot!(name, strip_str(&grid).to_string());
            }
        }
    }
}

#[test]
fn the_findings_are_as_reviewed() {
    let _scope = snapshots("");
    let reported = findings(&BULK.cells);
    let reported: Vec<String> = reported.iter().map(|f| table::finding_text(f, &CONFIG)).collect();
    let text = reported.join("\n") + "\n" + &table::summary(&BULK, &BULK.cells);
    insta::assert_snapshot!("findings", strip_str(&text).to_string());
}

#[rstest::rstest]
#[case(Feed::Bulk)]
#[case(Feed::Trickle(1))]
#[case(Feed::Trickle(8))]
fn the_policy_holds(#[case] feed: Feed) {
    let run = whole(&feed);
    assert_eq!(run.problems, Vec::<String>::new());
    assert_eq!(run.stale, Vec::<usize>::new());
    let broken = run.cells.iter().filter(|c| c.standing == Standing::Broken);
    assert_eq!(broken.map(|c| c.cell.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
    assert!(run.holds());
}

/// Cells are judged by outlines: whole maps say the same of each, to the byte.
#[test]
fn outlines_say_what_whole_maps_say() {
    let plan = plan(&Filter::default());
    let whole = run_with(&LIBRARY, &CONFIG, &plan, &Feed::Bulk, &|source, to, feed| {
        judge(source.meaning(), source.stream(), to, feed)
    });
    let other = |(one, other): &(&CellResult, &CellResult)| {
        format!("{:?}", one.outcome) != format!("{:?}", other.outcome)
    };
    let whole = whole.unwrap();
    let both = BULK.cells.iter().zip(&whole.cells).filter(other);
    assert_eq!(
        both.map(|(cell, _)| cell.cell.to_string()).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    assert_eq!(BULK.cells.len(), whole.cells.len());
}

#[test]
fn every_release_loads_its_own_streams() {
    let own = BULK.cells.iter().filter(|c| c.direction == Direction::Same);
    let wrong: Vec<String> = own
        .filter(|c| c.outcome.verdict() != Some(Verdict::Faithful))
        .map(|c| c.cell.to_string())
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_panic_is_the_failure_of_its_cell_only() {
    let filter = Filter {
        machines: vec!["pc-1.0".to_owned()],
        scenarios: vec!["idle".to_owned()],
        ..Filter::default()
    };
    let run = run_with(&LIBRARY, &CONFIG, &plan(&filter), &Feed::Bulk, &|source, to, feed| {
        assert!(
            (source.meaning().source.release.as_str(), to.release.as_str()) != ("1.4.2", "2.3.1"),
            "planted"
        );
        judge_outline(source, to, feed)
    })
    .unwrap();
    let failed: Vec<_> =
        run.cells.iter().filter(|c| matches!(c.outcome, Outcome::Panicked(_))).collect();
    let [one] = failed.as_slice() else { panic!("{} cells failed", failed.len()) };
    assert_eq!(one.cell.to_string(), "1.4.2/pc-1.0.idle into 2.3.1");
    assert_eq!(one.standing, Standing::Broken);
    assert!(!run.holds());
    assert!(run.cells.iter().any(|c| c.outcome.verdict() == Some(Verdict::Faithful)));
}

#[test]
fn a_known_entry_that_names_no_cell_any_more_fails_the_run() {
    let mut config = CONFIG.clone();
    let mut stale = config.known.first().expect("one").clone();
    stale.verdict = Verdict::Undetermined;
    config.known.push(stale);
    let stale = config.known.len() - 1;
    let bulk = run(&LIBRARY, &config, &plan(&Filter::default()), &Feed::Bulk).unwrap();
    assert_eq!(bulk.stale, [stale]);
    assert!(!bulk.holds());
    // A part of the matrix cannot tell.
    let filter = Filter { scenarios: vec!["idle".to_owned()], ..Filter::default() };
    assert!(run(&LIBRARY, &config, &plan(&filter), &Feed::Bulk).unwrap().holds());
}

#[test]
fn without_its_known_entries_the_policy_is_broken() {
    let mut config = CONFIG.clone();
    config.known.clear();
    let run = run(&LIBRARY, &config, &plan(&Filter::default()), &Feed::Bulk).unwrap();
    let misparsed = run.cells.iter().filter(|c| c.outcome.verdict() == Some(Verdict::Misparsed));
    assert!(misparsed.clone().count() > 0);
    assert!(misparsed.clone().all(|c| c.standing == Standing::Broken));
}

#[test]
fn the_json_has_every_cell_and_a_version() {
    let text = json(&CONFIG, &BULK, &BULK.cells).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(value["holds"], true);
    let cells = value["cells"].as_array().unwrap();
    assert_eq!(cells.len(), BULK.cells.len());
    let counted: u64 =
        value["summary"].as_object().unwrap().values().filter_map(|n| n.as_u64()).sum();
    assert_eq!(counted, cells.len() as u64);
    let misparsed = cells.iter().find(|c| c["verdict"] == "misparsed").unwrap();
    let _scope = snapshots("cli");
    insta::assert_snapshot!(
        "misparsed-cell.json",
        serde_json::to_string_pretty(misparsed).unwrap()
    );
}
