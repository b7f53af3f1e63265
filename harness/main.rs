//! The `crossload` command.
use crossload::matrix::agreement::{Agreement, agreement};
use crossload::release::{corpus::Corpus, library::Library};

fn main() -> std::process::ExitCode {
    let library = Library::open(Corpus::open(std::path::Path::new("corpus")).unwrap()).unwrap();
    let o = library.corpus().observed().unwrap();
    let m = library.corpus().mutations().unwrap();
    let a = agreement(&library, &o, &m).unwrap();
    for list in [&a.cells, &a.changed] {
        for c in list.iter() {
            if let Some(d) = &c.disagreement {
                println!("{}.{} {} > {} {:?} {}: {d}", c.machine, c.scenario, c.source, c.destination, c.change, c.feed);
            }
        }
        println!("{} / {}", Agreement::agreeing(list), list.len());
    }
    std::process::ExitCode::SUCCESS
}
