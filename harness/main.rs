//! The `crossload` command.
use crossload::release::{corpus::Corpus, library::Library};
use crossload::trace::{Meaning, judge};
use crossload::wire::Feed;

fn main() -> std::process::ExitCode {
    let library = Library::open(Corpus::open(std::path::Path::new("corpus")).unwrap()).unwrap();
    for f in library.fixtures() {
        match library.destination(&f.release, &f.machine, &f.scenario) {
            Ok(Some(d)) => {
                let s = library.corpus().stream(f).unwrap();
                match Meaning::of(&d, &s) {
                    Ok(m) => println!("{} ok {} spans", f.id(), m.loaded.map.spans().len()),
                    Err(e) => println!("{} {e}", f.id()),
                }
            }
            Ok(None) => println!("{} no destination", f.id()),
            Err(e) => println!("{} ERROR {e}", f.id()),
        }
    }
    let _ = (judge, Feed::Bulk);
    std::process::ExitCode::SUCCESS
}
