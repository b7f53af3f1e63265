//! The model against real binaries: every observed load and every changed stream, both feeds.
//!
//! A load that does not agree must be named in matrix.toml, with its reason; an entry that names
//! nothing any more is an error, too.

use crossload::matrix::agreement::{Agreement, Compared, agreement};
use crossload::matrix::config::Config;

use crate::support::library;

/// At least this share of the changed streams agrees, explained or not.
const CHANGED_AGREE: f64 = 0.99;
/// At most this share of the loads may be listed as runtime checks.
const RUNTIME: f64 = 0.02;

#[test]
fn real_binaries_did_what_the_model_says() {
    let corpus = library().corpus();
    let observed = corpus.observed().expect("observed");
    let mutations = corpus.mutations().expect("mutations");
    assert!(!observed.is_empty() && !mutations.is_empty(), "nothing was observed");
    let mut agreement = agreement(library(), &observed, &mutations).expect("agreement");

    let claims = include_str!("../../matrix.toml");
    let config = Config::parse("matrix.toml", claims).expect("matrix.toml");
    let stale = agreement.explain(&config);
    assert!(stale.is_empty(), "entries of matrix.toml that explain nothing, by line: {stale:?}");

    let all = agreement.cells.iter().chain(&agreement.changed);
    let open: Vec<String> = all.filter(|c| c.explained.is_none()).filter_map(reported).collect();
    assert!(open.is_empty(), "{} disagree:\n{}", open.len(), open.join("\n"));

    let listed = agreement.cells.iter().filter(|c| c.explained.is_some()).count() as f64;
    assert!(listed <= RUNTIME * agreement.cells.len() as f64, "{listed} loads are listed");
    let agreeing = Agreement::agreeing(&agreement.changed) as f64;
    assert!(agreeing >= CHANGED_AGREE * agreement.changed.len() as f64, "{agreeing} agree");
}

/// A load that does not agree, in words.
fn reported(one: &Compared) -> Option<String> {
    let Compared { source, destination, machine, scenario, change, feed, disagreement, .. } = one;
    let change = change.as_ref().map_or("as it is".to_string(), |op| op.describe());
    let disagreement = disagreement.as_ref()?;
    Some(format!(
        "{source} to {destination} {machine}.{scenario}, {change}, {feed}: {disagreement}"
    ))
}
