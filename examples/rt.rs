//! Throw-away: round trips.
use crossload::release::{corpus::Corpus, library::Library};
use crossload::trace::Meaning;
use crossload::stream::save;
fn main() {
    let library = Library::open(Corpus::open(std::path::Path::new("corpus")).unwrap()).unwrap();
    let (mut ok, mut n) = (0, 0);
    for f in library.fixtures() {
        let Ok(Some(d)) = library.destination(&f.release, &f.machine, &f.scenario) else { continue };
        let s = library.corpus().stream(f).unwrap();
        n += 1;
        let m = match Meaning::of(&d, &s) { Ok(m) => m, Err(e) => { println!("{} {e}", f.id()); continue } };
        match save::again(&d, &m.loaded, &s) { Ok((b, _)) if b == s => ok += 1, Ok((b, _)) => println!("{} differs {} {}", f.id(), b.len(), s.len()), Err(e) => println!("{} {e}", f.id()) }
    }
    println!("{ok}/{n}");
}
