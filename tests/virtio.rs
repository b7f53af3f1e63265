//! virtio: every fixture with virtio devices loads in its own release to the last byte, in
//! sections of the size that its description says, and the model agrees with real binaries.

use crossload::matrix::agreement::agreement;
use crossload::release::corpus::Corpus;
use crossload::release::library::Library;
use crossload::stream::load;
use crossload::stream::vmdescription::{locate, parse};
use crossload::wire::Feed;

const SCENARIO: &str = "virtio";

fn library() -> Library {
    Library::open(Corpus::embedded().expect("corpus")).expect("library")
}

#[test]
fn fixtures_load_in_their_own_release() {
    let library = library();
    let mut seen = 0;
    for fixture in library.fixtures().iter().filter(|f| f.scenario == SCENARIO) {
        let what = format!("{} {}", fixture.release, fixture.machine);
        let stream = library.corpus().stream(fixture).expect("stream");
        let own = library.destination(&fixture.release, &fixture.machine, SCENARIO);
        let own = own.expect("tables").unwrap_or_else(|| panic!("{what}: no destination"));
        let loaded = load(&own, &mut stream.as_slice(), &Feed::Bulk);
        assert_eq!(loaded.refused.map(|e| e.to_string()), None, "{what}");
        assert_eq!(loaded.stopped, stream.len() as u64, "{what}");
        let Some((from, len)) = locate(&stream) else { continue };
        let described = parse(&stream[from..from + len]).expect("description");
        for device in described.devices.iter().filter(|d| d.name.contains("/virtio-")) {
            let section = loaded.sections.iter().find(|s| s.idstr == device.name.as_bytes());
            let section = section.unwrap_or_else(|| panic!("{what}: {}", device.name));
            let sizes = device.body.fields.iter().map(|f| u64::from(f.size));
            let size = sizes.sum::<u64>();
            assert_eq!(section.end - section.body, size, "{what}: {}", device.name);
            seen += 1;
        }
    }
    assert!(seen > 0, "no section was held against a description");
}

#[test]
fn real_binaries_did_the_same() {
    let library = library();
    let mut observed = library.corpus().observed().expect("observed");
    observed.retain(|group| group.scenario == SCENARIO);
    let mut mutations = library.corpus().mutations().expect("mutations");
    mutations.retain(|m| m.scenario == SCENARIO);
    assert!(!observed.is_empty());
    let outcome = agreement(&library, &observed, &mutations).expect("agreement");
    let disagreements: Vec<String> = outcome
        .cells
        .iter()
        .chain(&outcome.changed)
        .filter_map(|c| {
            let text = c.disagreement.as_deref()?;
            let change = c.change.as_deref().unwrap_or("");
            Some(format!(
                "{} -> {} {} {:?} {change}: {text}",
                c.source, c.destination, c.machine, c.feed
            ))
        })
        .collect();
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}
