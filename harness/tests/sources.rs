//! Releases of which the corpus has both sources, debugger tables and a bundle: what the bundle
//! tells must be what the tables say, and a destination made of it must judge every fixture alike.

use std::collections::BTreeSet;

use crossload::dialect::machine::X86_64;
use crossload::release::bundle::{Imported, import_bundle};
use crossload::release::import::{bundle_input, bundle_pool};
use crossload::release::library::build;
use crossload::release::sources::{Difference, differences};
use crossload::stream::vmdescription::locate;
use crossload::trace::{Meaning, Verdict, judge};
use crossload::vmstate::schema::Tables;
use crossload::wire::Feed;
use rstest::rstest;

use crate::support::{folder, library, own, stream};

/// What a bundle cannot tell. Nothing else may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// A handler is registered, but it sends no section on this machine type, so that neither
    /// trace nor stream names it.
    NeverSent,
    /// `-dump-vmstate` has the field, but no stream carries it: its codec is not told.
    NeverCarried,
    /// `-dump-vmstate` lists the descriptions of devices. Others (`cpu`, `timer`) are known by
    /// trace and stream alone: what these do not show is inherited from another release, and
    /// marked as such.
    NotDumped,
}

fn reason(difference: &Difference, bundle: &Tables) -> Option<Reason> {
    let inherited = |name: &str| {
        bundle.vmsd.values().any(|vmsd| vmsd.name == name && vmsd.inherited_from.is_some())
    };
    match difference.about {
        "handler" if difference.second.is_empty() => Some(Reason::NeverSent),
        "kind" if difference.second.contains("no stream of the bundle carries it") => {
            Some(Reason::NeverCarried)
        }
        "minimum version" | "field version" | "fields" | "subsections"
            if inherited(&difference.place) =>
        {
            Some(Reason::NotDumped)
        }
        _ => None,
    }
}

/// The bundle of a release, imported.
fn imported(release: &str) -> Imported {
    let corpus = library().corpus();
    let input =
        bundle_input(&folder(), release, X86_64, corpus).expect("bundle").expect("a bundle");
    import_bundle(input, &bundle_pool(corpus, release, X86_64).expect("tables")).expect("import")
}

#[rstest]
#[case("2.8.1", &[Reason::NeverSent, Reason::NeverCarried, Reason::NotDumped])]
// What its streams never carry, the releases on both sides of it have alike.
#[case("3.0.0", &[Reason::NeverSent, Reason::NotDumped])]
fn a_bundle_tells_what_the_tables_say(#[case] release: &str, #[case] needed: &[Reason]) {
    let imported = imported(release);
    assert!(imported.handlers.len() > 10, "{} destinations", imported.handlers.len());
    let tables = library().tables(release, X86_64).expect("tables");
    let (mut unexplained, mut reasons) = (BTreeSet::new(), BTreeSet::new());
    for reported in &imported.handlers {
        let known = library().corpus().handlers(release, &reported.machine, &reported.scenario);
        let known = known.expect("handlers").expect("the same destination");
        let by_tables = build(&known, tables, library().renames()).expect("tables fit");
        let by_bundle =
            build(reported, &imported.tables, library().renames()).expect("bundle fits");
        for difference in differences(&by_tables, &by_bundle) {
            match reason(&difference, &imported.tables) {
                Some(reason) => drop(reasons.insert(reason)),
                None => drop(unexplained.insert(difference)),
            }
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    assert_eq!(reasons, needed.iter().copied().collect(), "what the reasons are that explain");
}

/// Whether a release has a stream of a scenario with a description: without one, on machine types
/// up to 2.3 alone, nothing tells the codecs of the scenario's devices.
fn described(release: &str, scenario: &str) -> bool {
    let fixtures = library().fixtures().iter();
    let mut own = fixtures.filter(|f| f.release == release && f.scenario == scenario);
    own.any(|fixture| locate(&stream(fixture)).is_some())
}

#[rstest]
#[case("2.8.1")]
#[case("3.0.0")]
fn a_destination_made_of_a_bundle_judges_alike(#[case] release: &str) {
    let imported = imported(release);
    let mut judged = 0;
    for reported in &imported.handlers {
        let (machine, scenario) = (reported.machine.as_str(), reported.scenario.as_str());
        let by_tables = library().destination(release, machine, scenario);
        let by_tables = by_tables.expect("tables").expect("the same destination");
        let mut by_bundle =
            build(reported, &imported.tables, library().renames()).expect("bundle fits");
        library().fill_local_values(&mut by_bundle).expect("local values");
        let fixtures = library().fixtures().iter();
        for fixture in fixtures.filter(|f| f.machine == machine && f.scenario == scenario) {
            let (source, stream) = (own(fixture), stream(fixture));
            let meaning = Meaning::of(&source, &stream).expect("a fixture");
            for feed in [Feed::Bulk, Feed::Trickle(8)] {
                let [one, other] = [&by_tables, &by_bundle].map(|to| {
                    let judged = judge(&meaning, &stream, to, &feed);
                    (judged.verdict, judged.stopped, judged.error, judged.difference)
                });
                // The one other outcome is to say that it is not known.
                if other.0 == Verdict::Undetermined && !described(release, scenario) {
                    continue;
                }
                assert_eq!(one, other, "{}, {feed}", fixture.id());
                judged += 1;
            }
        }
    }
    assert!(judged > 100, "{judged} loads");
}
