//! Prints the map of a load (throw-away).
use crossload::release::{corpus::Corpus, library::Library};
use crossload::stream::load;
use crossload::wire::Feed;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let library = Library::open(Corpus::open(std::path::Path::new("corpus")).unwrap()).unwrap();
    let f = library.fixture(&a[1], &a[2], &a[3]).unwrap();
    let d = library.destination(&a[4], &a[2], &a[3]).unwrap().unwrap();
    let s = library.corpus().stream(f).unwrap();
    let feed: Feed = a.get(5).map_or("bulk", |x| x).parse().unwrap();
    let l = load(&d, &mut &s[..], &feed);
    for sp in l.map.spans() { println!("{} {} {} {} {:02x?}", sp.offset, sp.len, l.map.path(sp), sp.info, &s[sp.offset as usize..(sp.offset+sp.len.min(24)) as usize]); }
    println!("{:?} stopped {} taken {} gave up {:?}", l.refused, l.stopped, l.taken, l.gave_up);
}
