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

/// Whether `name` is defined, or handed on, in a text.
fn defines(text: &str, name: &str) -> bool {
    ["fn", "struct", "enum", "mod"].iter().any(|kind| {
        let what = format!("{kind} {name}");
        text.match_indices(&what).any(|(at, _)| {
            let after = text.get(at + what.len()..).and_then(|rest| rest.chars().next());
            after.is_some_and(|c| !c.is_alphanumeric() && c != '_')
        })
    }) || text.lines().any(|line| line.starts_with("pub use ") && line.contains(name))
}

/// What names of `text` are nowhere: `part::name` is `name` in a file or folder `part`, or in a file that
/// implements the type `part`.
fn unknown_names(text: &str, files: &[(String, String)]) -> Vec<String> {
    let names = text.split('`').skip(1).step_by(2);
    let code = names.filter(|n| {
        n.contains("::")
            || (n.starts_with(char::is_uppercase) && n.chars().all(char::is_alphanumeric))
    });
    let is_known = |name: &&str| {
        let mut parts: Vec<&str> = name.split("::").collect();
        let last = parts.pop().unwrap_or_default();
        files.iter().any(|(path, text)| {
            let fits = |part: &&str| match part.starts_with(char::is_uppercase) {
                true => text.contains(&format!("{part} {{")) || text.contains(&format!("{part}<")),
                false => {
                    path.contains(&format!("/{part}.rs")) || path.contains(&format!("/{part}/"))
                }
            };
            parts.iter().all(fits) && defines(text, last)
        })
    };
    code.filter(|name| !is_known(name)).map(str::to_owned).collect()
}

/// Whoever follows the walks of CONTRIBUTING finds what they name.
#[test]
fn the_walks_name_what_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let paths = crossload::release::files::walk(&root.join("harness")).expect("harness");
    let sources = paths.into_iter().filter(|path| path.ends_with(".rs")).map(|path| {
        let text = std::fs::read_to_string(root.join("harness").join(&path)).expect("source");
        (format!("/{path}"), text)
    });
    let files: Vec<(String, String)> = sources.collect();
    let text = std::fs::read_to_string(root.join("CONTRIBUTING.md")).expect("CONTRIBUTING.md");
    let (_, walks) = text.split_once("## Three walks").expect("the walks");
    let walks = walks.split("\n## ").next().unwrap_or_default();
    assert!(walks.matches('`').count() > 60);
    assert_eq!(unknown_names(walks, &files), Vec::<String>::new());
    // A name that is gone is found.
    let planted = "`input::open` `input::gone` `Walk::vmsd` `Walk::gone` `Gone`";
    assert_eq!(unknown_names(planted, &files), ["input::gone", "Walk::gone", "Gone"]);
}
