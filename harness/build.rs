//! Build script: nothing yet.
fn main() {}
