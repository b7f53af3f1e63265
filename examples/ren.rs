//! Throw-away: candidates for the rename table.
use crossload::release::{corpus::Corpus, library::Library};
use crossload::trace::Meaning;
use crossload::stream::load;
use crossload::wire::Feed;
use std::collections::BTreeMap;
fn main() {
    let library = Library::open(Corpus::open(std::path::Path::new("corpus")).unwrap()).unwrap();
    let mut pairs: BTreeMap<String, (usize, std::collections::BTreeSet<String>)> = BTreeMap::new();
    for f in library.fixtures() {
        let Ok(Some(d)) = library.destination(&f.release, &f.machine, &f.scenario) else { continue };
        let s = library.corpus().stream(f).unwrap();
        let Ok(m) = Meaning::of(&d, &s) else { continue };
        for (r, _) in library.releases() {
            let Ok(Some(to)) = library.destination(r, &f.machine, &f.scenario) else { continue };
            let l = load(&to, &mut &s[..], &Feed::Bulk);
            let by: BTreeMap<u64, _> = m.loaded.map.spans().iter().map(|s| (s.offset, s)).collect();
            for sp in l.map.spans() {
                let Some(w) = by.get(&sp.offset) else { continue };
                if w.len == sp.len && w.identity != sp.identity && w.info != "framing" && sp.info != "framing" {
                    let p = |x: String| { let mut o = String::new(); let mut skip=false; for c in x.chars() { if c=='[' {skip=true} else if c==']' {skip=false; o.push_str("[]")} else if !skip {o.push(c)} } o };
                    let (a, b) = (p(m.loaded.map.path(w)), p(l.map.path(sp)));
                    if a.split('.').next() != b.split('.').next() { continue }
                    let k = if a < b { format!("{a}  <>  {b}") } else { format!("{b}  <>  {a}") };
                    let e = pairs.entry(k).or_default();
                    e.0 += 1; e.1.insert(format!("{}/{}", f.release, r));
                }
            }
        }
    }
    for (k, (c, w)) in pairs { let v: Vec<_> = w.into_iter().take(4).collect(); println!("{c} {k} :: {}", v.join(" ")); }
}
