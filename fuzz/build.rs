//! Whether the fuzz targets allocate by jemalloc: on Linux, unless a sanitizer watches allocations.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str| std::env::var_os(name).is_some();
    let linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if linux && is("CARGO_CFG_FUZZING") && !is("CARGO_CFG_SANITIZE") {
        println!("cargo::rustc-cfg=jemalloc");
    }
}
