//! The sessions of the guide: their commands print what it says.

#[test]
fn sessions_print_what_the_guide_says() {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_crossload"));
    trycmd::TestCases::new()
        .register_bin("crossload", trycmd::schema::Bin::Path(binary.to_owned()))
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .case("harness/docs/*.md");
}
