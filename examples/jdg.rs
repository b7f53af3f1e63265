//! Throw-away: verdicts of all cells.
use crossload::release::{corpus::Corpus, library::Library};
use crossload::trace::{Meaning, judge};
use crossload::wire::Feed;
use std::collections::BTreeMap;
fn main() {
    let library = Library::open(Corpus::open(std::path::Path::new("corpus")).unwrap()).unwrap();
    let mut n: BTreeMap<String, usize> = BTreeMap::new();
    let mut pairs: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let t = std::time::Instant::now();
    for f in library.fixtures() {
        let Ok(Some(d)) = library.destination(&f.release, &f.machine, &f.scenario) else { continue };
        let s = library.corpus().stream(f).unwrap();
        let Ok(m) = Meaning::of(&d, &s) else { continue };
        for (r, _) in library.releases() {
            let Ok(Some(to)) = library.destination(r, &f.machine, &f.scenario) else { continue };
            let j = judge(&m, &s, &to, &Feed::Bulk);
            *n.entry(j.verdict.to_string()).or_default() += 1;
            if let Some(x) = &j.difference {
                let w = x.written.as_ref().map(|i| format!("{} {} {}", i.path, i.info, i.len));
                let rd = x.read.as_ref().map(|i| format!("{} {} {}", i.path, i.info, i.len));
                let key = format!("{} {:?} | {:?}", j.verdict, w, rd);
                let e = pairs.entry(key).or_insert((0, String::new()));
                e.0 += 1; e.1 += &format!(" {}>{}", f.release, r);
            }
        }
    }
    println!("{n:?} {:?}", t.elapsed());
    for (k, (c, w)) in pairs { println!("{c} {k} :: {}", &w[..w.len().min(150)]); }
}
