//! The `crossload` command.
use crossload::matrix::{Config, Filter, Plan, run};
use crossload::release::{corpus::Corpus, library::Library};
use crossload::wire::Feed;

fn main() {
    let t = std::time::Instant::now();
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    eprintln!("open {:?}", t.elapsed());
    let text = library.corpus().text("matrix.toml").unwrap().unwrap();
    let config = Config::parse("matrix.toml", &text).unwrap_or_else(|e| panic!("{e}"));
    config.check(&library).unwrap_or_else(|e| panic!("{e}"));
    let plan = Plan::new(&config, library.fixtures(), &Filter::default()).unwrap();
    let run = run(&library, &config, &plan, &Feed::Bulk).unwrap_or_else(|e| panic!("{e}"));
    eprintln!("ran {:?}", t.elapsed());
    print!("{}", crossload::report::table::table(&config, &run, &run.cells));
    eprintln!("all {:?}", t.elapsed());
}
