//! What `matrix.toml` must not say: every mistake is an error that tells where it is.

#![allow(clippy::unwrap_used, reason = "tests")]

use crossload::matrix::config::{Config, ConfigError};
use crossload::matrix::initial::{default_for, missing_from};
use crossload::matrix::plan::{Filter, Plan, PlanError};
use crossload::matrix::policy::{Standing, standing};
use crossload::matrix::{Cell, Direction};
use crossload::release::{corpus::Corpus, library::Library};
use crossload::trace::Verdict;
use crossload::wire::Feed;

const GOOD: &str = r#"
[[release]]
name = "1.0.1"
about = "built"

[[release]]
name = "0.13.0"
about = "built"

[[release]]
name = "11.1"
about = "packaged"

[[machine]]
name = "pc"
releases = "0.13.0..1.0.1"

[[scenario]]
name = "idle"
about = "nothing"
guest = "idle"
arguments = []

[policy]
forward = ["faithful", "defaulted"]
backward = ["faithful", "defaulted", "refused", "refused-late"]

[[known]]
source = "0.13.0"
destination = "1.0.1.."
verdict = "refused-late"
reason = "why"
reference = "where"

[[runtime]]
source = "1.0.1"
destination = ".."
machines = ["pc"]
message = "bad value"
reason = "why"

[[mutation]]
source = "1.0.1"
destination = "11.1"
machine = "pc"
scenario = "idle"
what = "in ram"
at = 7
reason = "why"
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse("m.toml", text)
}

#[test]
fn a_good_file_is_read_with_releases_in_order() {
    let config = parse(GOOD).unwrap();
    let names: Vec<&str> = config.releases.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["0.13.0", "1.0.1", "11.1"]);
    assert_eq!(config.machines[0].releases, ["0.13.0", "1.0.1"]);
    assert_eq!(config.scenarios[0].releases.len(), 3);
    assert_eq!(config.known[0].selection.destinations, ["1.0.1", "11.1"]);
    assert_eq!(config.known[0].selection.machines, ["pc"]);
    assert_eq!(config.runtime[0].selection.destinations.len(), 3);
    assert_eq!(config.mutations[0].at, Some(7));
}

/// One change of the good file, and what the error must say.
#[rstest::rstest]
#[case::unknown_key(
    "about = \"packaged\"",
    "about = \"packaged\"\nabuot = 1",
    "unknown field `abuot`"
)]
#[case::unknown_table("[policy]", "[[polcy]]\n[policy]", "unknown field `polcy`")]
#[case::toml("[policy]", "[policy", "TOML parse error at line 24")]
#[case::no_about(
    "about = \"built\"\n\n[[release]]\nname = \"0.13.0\"",
    "\n[[release]]\nname = \"0.13.0\"",
    "missing field `about`"
)]
#[case::blank_about("about = \"packaged\"", "about = \" \"", "line 10: about must not be empty")]
#[case::no_number(
    "name = \"11.1\"",
    "name = \"eleven\"",
    "line 10: name: 'eleven' is not a release number"
)]
#[case::twice("name = \"11.1\"", "name = \"1.0.1\"", "line 10: release '1.0.1' is listed twice")]
#[case::range(
    "\"0.13.0..1.0.1\"",
    "\"0.13.0..1.0.2\"",
    "line 14: releases: release '1.0.2' is not listed"
)]
#[case::backwards(
    "\"0.13.0..1.0.1\"",
    "\"1.0.1..0.13.0\"",
    "line 14: releases: range '1.0.1..0.13.0'"
)]
#[case::empty_name("name = \"pc\"", "name = \"\"", "line 14: name must not be empty")]
#[case::no_guest("guest = \"idle\"\n", "", "missing field `guest`")]
#[case::no_policy(
    "[policy]\nforward = [\"faithful\", \"defaulted\"]\nbackward = [\"faithful\", \"defaulted\", \"refused\", \"refused-late\"]",
    "",
    "missing field `policy`"
)]
#[case::empty_policy(
    "forward = [\"faithful\", \"defaulted\"]",
    "forward = []",
    "line 24: forward must not be empty"
)]
#[case::verdict(
    "forward = [\"faithful\", \"defaulted\"]",
    "forward = [\"fine\"]",
    "line 24: forward: unknown verdict 'fine': expected one of faithful, "
)]
#[case::misparsed("\"refused-late\"]", "\"misparsed\"]", "line 24: no policy may allow misparsed")]
#[case::undetermined(
    "\"refused-late\"]",
    "\"undetermined\"]",
    "line 24: no policy may allow undetermined"
)]
#[case::known_source(
    "source = \"0.13.0\"",
    "source = \"0.13\"",
    "line 28: source: release '0.13' is not listed"
)]
#[case::known_machine(
    "verdict = \"refused-late\"",
    "machines = [\"q35\"]\nverdict = \"refused-late\"",
    "line 28: machine type 'q35' is not listed"
)]
#[case::known_scenarios(
    "verdict = \"refused-late\"",
    "scenarios = []\nverdict = \"refused-late\"",
    "line 28: scenarios is an empty list"
)]
#[case::known_feed(
    "verdict = \"refused-late\"",
    "feeds = [\"slow\"]\nverdict = \"refused-late\"",
    "line 28: feeds: unknown feed 'slow'"
)]
#[case::known_feeds(
    "verdict = \"refused-late\"",
    "feeds = []\nverdict = \"refused-late\"",
    "line 28: feeds is an empty list"
)]
#[case::known_verdict(
    "verdict = \"refused-late\"",
    "verdict = \"late\"",
    "line 28: verdict: unknown verdict 'late'"
)]
#[case::no_reason("reason = \"why\"\nreference", "reference", "missing field `reason`")]
#[case::blank_reason(
    "reason = \"why\"\nreference",
    "reason = \"\"\nreference",
    "line 28: reason must not be empty"
)]
#[case::blank_reference(
    "reference = \"where\"",
    "reference = \"\"",
    "line 28: reference must not be empty"
)]
#[case::runtime_message(
    "message = \"bad value\"",
    "message = \"\"",
    "line 35: message must not be empty"
)]
#[case::mutation_scenario(
    "scenario = \"idle\"",
    "scenario = \"busy\"",
    "line 42: scenario 'busy' is not listed"
)]
#[case::mutation_at("at = 7", "at = -7", "invalid value: integer `-7`")]
fn a_bad_file_is_refused(#[case] from: &str, #[case] to: &str, #[case] says: &str) {
    assert!(GOOD.contains(from), "the good file has no {from:?}");
    let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
    assert!(error.starts_with("m.toml"), "{error}");
    assert!(error.contains(says), "{error}");
}

#[rstest::rstest]
#[case("", "missing field `policy`")]
#[case("[policy]\nforward = [\"faithful\"]\nbackward = [\"faithful\"]", "no release is listed")]
fn a_file_that_lists_nothing_is_refused(#[case] text: &str, #[case] says: &str) {
    let error = parse(text).unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
}

/// The repository's corpus and what is claimed of it.
fn own() -> (Library, String) {
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    let text = library.corpus().text("matrix.toml").unwrap().unwrap();
    (library, text)
}

/// One change of the repository's file, and what holding it against the corpus must say.
#[rstest::rstest]
#[case("name = \"2.8.1\"", "name = \"2.8.2\"", "the corpus has nothing of release '2.8.2'")]
#[case(
    "[[release]]\nname = \"0.14.1\"\nabout = \"0.14.1 (built from the release tag)\"",
    "",
    "release '0.14.1' is not listed"
)]
#[case("name = \"pc-1.0\"", "name = \"pc-1.1\"", "machine type 'pc-1.0' is not listed")]
#[case(
    "releases = \"5.2..\"",
    "releases = \"7.2..\"",
    "no cell uses fixture 5.2/pc-i440fx-5.2.idle: machine type 'pc-i440fx-5.2' says that 5.2 does not have it"
)]
#[case(
    "guest = \"misc\"",
    "guest = \"other\"",
    "guest or arguments are not those of scenario 'desk'"
)]
#[case(
    "[policy]",
    "[[machine]]\nname = \"pc-q35-2.4\"\n\n[policy]",
    "no fixture is of machine type 'pc-q35-2.4'"
)]
fn a_claim_that_the_corpus_does_not_bear_out_is_refused(
    #[case] from: &str,
    #[case] to: &str,
    #[case] says: &str,
) {
    let (library, text) = own();
    assert!(text.contains(from), "the file has no {from:?}");
    let changed = text.replacen(from, to, 1);
    // What is no longer listed may be named elsewhere in the file, which is an error by itself.
    let checked = parse(&changed).and_then(|config| config.check(&library));
    let error = checked.unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
}

#[test]
fn the_file_that_import_writes_fits_its_corpus() {
    let (library, own) = own();
    let text = default_for(library.corpus()).unwrap();
    let config = parse(&text).unwrap();
    config.check(&library).unwrap();
    assert_eq!(missing_from(library.corpus(), &config).unwrap(), "");
    // It claims no cell that the reviewed file does not have.
    let cells = |config: &Config| {
        let plan = Plan::new(config, library.fixtures(), &Filter::default()).unwrap();
        plan.cells.len()
    };
    assert_eq!(cells(&config), cells(&parse(&own).unwrap()));
}

#[test]
fn a_new_release_is_added_to_an_old_file() {
    let (library, _) = own();
    let text = default_for(library.corpus()).unwrap();
    let (head, rest) = text.split_once("[[release]]\nname = \"11.1\"").unwrap();
    let (_, rest) = rest.split_once("\n\n").unwrap();
    let old = format!("{head}{rest}");
    let added = missing_from(library.corpus(), &parse(&old).unwrap()).unwrap();
    assert!(added.starts_with("\n[[release]]\nname = \"11.1\"\n"), "{added}");
    parse(&(old + &added)).unwrap().check(&library).unwrap();
}

#[rstest::rstest]
#[case(Filter { releases: vec!["9.9".into()], ..Filter::default() }, "no release '9.9'")]
#[case(Filter { machines: vec!["q35".into()], ..Filter::default() }, "no machine type 'q35'")]
#[case(Filter { scenarios: vec!["busy".into()], ..Filter::default() }, "no scenario 'busy'")]
#[case(
    Filter { sources: vec!["11.1".into()], machines: vec!["pc-0.12".into()], ..Filter::default() },
    "the selection is empty"
)]
fn a_filter_that_leaves_nothing_is_an_error(#[case] filter: Filter, #[case] says: &str) {
    let (library, text) = own();
    let plan = Plan::new(&parse(&text).unwrap(), library.fixtures(), &filter);
    let error: PlanError = plan.unwrap_err();
    assert!(error.to_string().starts_with(says), "{error}");
}

#[test]
fn every_fixture_meets_every_release() {
    let (library, text) = own();
    let config = parse(&text).unwrap();
    let plan = Plan::new(&config, library.fixtures(), &Filter::default()).unwrap();
    assert_eq!(plan.cells.len(), library.fixtures().len() * config.releases.len());
    let filter = Filter { releases: vec!["5.2".into()], ..Filter::default() };
    let part = Plan::new(&config, library.fixtures(), &filter).unwrap();
    assert!(!part.whole && part.cells.len() < plan.cells.len());
    assert!(part.cells.iter().all(|p| p.cell.source == "5.2" || p.cell.destination == "5.2"));
}

#[rstest::rstest]
#[case("0.13.0", "11.1", Some(Verdict::Faithful), Standing::Good)]
#[case("0.13.0", "11.1", Some(Verdict::Defaulted), Standing::Good)]
#[case("0.13.0", "11.1", Some(Verdict::Refused), Standing::Broken)]
#[case("0.13.0", "11.1", Some(Verdict::RefusedLate), Standing::Known(0))]
#[case("0.13.0", "11.1", Some(Verdict::Misparsed), Standing::Broken)]
#[case("0.13.0", "11.1", Some(Verdict::Undetermined), Standing::Broken)]
#[case("0.13.0", "11.1", Some(Verdict::Unsupported), Standing::Good)]
#[case("0.13.0", "11.1", None, Standing::Broken)]
#[case("11.1", "11.1", Some(Verdict::Refused), Standing::Broken)]
#[case("11.1", "0.13.0", Some(Verdict::Refused), Standing::Reported)]
#[case("11.1", "0.13.0", Some(Verdict::RefusedLate), Standing::Reported)]
#[case("11.1", "0.13.0", Some(Verdict::Misparsed), Standing::Broken)]
fn the_policy_depends_on_direction(
    #[case] source: &str,
    #[case] destination: &str,
    #[case] verdict: Option<Verdict>,
    #[case] expected: Standing,
) {
    let config = parse(GOOD).unwrap();
    let cell = Cell {
        source: source.into(),
        destination: destination.into(),
        machine: "pc".into(),
        scenario: "idle".into(),
    };
    assert_eq!(standing(&config, &cell, &Feed::Bulk, verdict), expected);
}

#[test]
fn direction_follows_release_numbers() {
    let config = parse(GOOD).unwrap();
    assert_eq!(Direction::of("1.0.1", "11.1", &config), Direction::Forward);
    assert_eq!(Direction::of("11.1", "1.0.1", &config), Direction::Backward);
    assert_eq!(Direction::of("11.1", "11.1", &config), Direction::Same);
}

/// A scenario that nobody has captured yet is no error: the tools that would capture it must run.
#[test]
fn a_scenario_without_a_fixture_blocks_nothing() {
    let (library, text) = own();
    let new =
        "[[scenario]]\nname = \"new\"\nabout = \"a\"\nguest = \"idle\"\narguments = []\n\n[policy]";
    let config = parse(&text.replacen("[policy]", new, 1)).unwrap();
    config.check(&library).unwrap();
    assert_eq!(config.uncaptured(library.fixtures()), ["new"]);
}

/// What a binary could not do names a release and scenarios that are listed.
#[rstest::rstest]
#[case("release = \"9.9\"", "release '9.9' is not listed")]
#[case("scenarios = [\"none\"]", "scenario 'none' is not listed")]
#[case("what = \" \"", "what must not be empty")]
#[case("scenarios = []", "scenarios is an empty list")]
fn a_finding_is_about_what_is_listed(#[case] wrong: &str, #[case] says: &str) {
    let (_, text) = own();
    let keys = ["release = \"5.2\"", "machine = \"m\"", "scenarios = [\"idle\"]", "what = \"w\""];
    let whole = format!("[[finding]]\n{}\n\n[policy]", keys.join("\n"));
    let good = parse(&text.replacen("[policy]", &whole, 1)).unwrap();
    let reported = good.findings.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(reported.contains(&"5.2 on m (idle): w".to_owned()), "{reported:?}");
    let key = wrong.split(' ').next().unwrap();
    let line = keys.iter().find(|line| line.starts_with(key)).unwrap();
    let bad = text.replacen("[policy]", &whole.replace(line, wrong), 1);
    let error = parse(&bad).unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
}

/// What is said to equal another machine type is one that is listed and is itself no copy.
#[rstest::rstest]
#[case("equals = \"none\"\ndiffers = \"d\"", "machine type 'none' is not listed")]
#[case("equals = \"pc\"\ndiffers = \"d\"", "machine type 'pc' is not listed")]
#[case("equals = \"copy\"\ndiffers = \"d\"", "copy equals another itself")]
#[case("equals = \"copy\"", "differs must not be empty")]
#[case("differs = \"d\"", "equals must not be empty")]
fn a_machine_type_equals_one_that_is_listed(#[case] keys: &str, #[case] says: &str) {
    let copy = "[[machine]]\nname = \"copy\"\nequals = \"pc\"\ndiffers = \"d\"\n\n";
    let good = GOOD.replacen("[[scenario]]", &format!("{copy}[[scenario]]"), 1);
    parse(&good).unwrap();
    let pc = "name = \"pc\"\n";
    let error = parse(&good.replacen(pc, &format!("{pc}{keys}\n"), 1)).unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
}
