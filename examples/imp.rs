//! Throw-away.
fn main() {
    let r = crossload::release::import::import(std::path::Path::new("/work/shared"), std::path::Path::new("corpus"));
    println!("{r:?}");
}
