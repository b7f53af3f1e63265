//! Cells per second: `cargo bench --bench cells`. A cell is one stream loaded into one destination
//! and judged. Speed belongs here; no test asserts a time.

use crossload::release::corpus::Corpus;
use crossload::release::library::Library;
use crossload::stream::Destination;
use crossload::trace::{Meaning, judge};
use crossload::wire::Feed;
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

/// All cells of a scenario: streams with their sources, and destinations.
fn cells(library: &Library, scenario: &str) -> (Vec<(Vec<u8>, Destination)>, Vec<Destination>) {
    let mut sources = Vec::new();
    let mut destinations = Vec::new();
    for fixture in library.fixtures().iter().filter(|f| f.scenario == scenario) {
        let own = library.destination(&fixture.release, &fixture.machine, scenario);
        let stream = library.corpus().stream(fixture).expect("stream");
        sources.push((stream, own.expect("tables").expect("destination")));
    }
    let mut machines: Vec<&str> = sources.iter().map(|s| s.1.machine.as_str()).collect();
    machines.sort_unstable();
    machines.dedup();
    for machine in machines {
        for (release, _) in library.releases() {
            destinations.extend(library.destination(release, machine, scenario).expect("tables"));
        }
    }
    (sources, destinations)
}

/// Judging every cell of a scenario, one after the other.
#[divan::bench(args = ["idle", "legacy", "nic", "virtio", "desk"], sample_count = 20)]
fn judged(bencher: Bencher, scenario: &str) {
    let library = Library::open(Corpus::embedded().expect("corpus")).expect("library");
    let (sources, destinations) = cells(&library, scenario);
    let meanings: Vec<(Meaning, &[u8])> = sources
        .iter()
        .map(|(stream, own)| (Meaning::of(own, stream).expect("own release"), stream.as_slice()))
        .collect();
    let lawful = |m: &Meaning, to: &Destination| m.source.machine == to.machine;
    let count: usize =
        meanings.iter().map(|(m, _)| destinations.iter().filter(|to| lawful(m, to)).count()).sum();
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        for (meaning, stream) in &meanings {
            for to in destinations.iter().filter(|to| lawful(meaning, to)) {
                divan::black_box(judge(meaning, stream, to, &Feed::Bulk));
            }
        }
    });
}

/// Compiling one destination and reading its local values.
#[divan::bench(sample_count = 20)]
fn destination(bencher: Bencher) {
    let library = Library::open(Corpus::embedded().expect("corpus")).expect("library");
    bencher.bench_local(|| library.destination("11.1", "pc-i440fx-5.2", "idle"));
}

/// Opening the embedded corpus: unpacking, tables, provenance.
#[divan::bench(sample_count = 10)]
fn library(bencher: Bencher) {
    bencher.bench_local(|| Library::open(Corpus::embedded().expect("corpus")));
}
