//! The page of the lab in prose: every figure in it is one of the committed tables.

#![allow(clippy::unwrap_used, reason = "tests")]

const PAGE: &str = include_str!("../lab/README.md");
const DRIFT: &str = include_str!("../../snapshots/lab/drift.snap");
const DESIGNS: &str = include_str!("../../snapshots/lab/designs.snap");

/// Columns of the tables of drift, and of designs.
const AT_ONCE: usize = 2;
const IN_SECTION: usize = 3;
const AT_END: usize = 4;
const LATER: usize = 5;
const NEVER: usize = 6;
const REFUSED: usize = 3;
const LATE: usize = 4;
const MISPARSED: usize = 5;
const UNTOUCHED: usize = 6;
const GIVEN_UP: usize = 7;

/// Titles of the tables.
const KINDS: &str = "Shares by kind of change";
const RULES: &str = "Shares by framing rules";
const OWN: &str = "Shares by fixture";
const OTHER: &str = "The same fixtures with footers put in";
const ENDS: &str = "Of those never detected";
const WHOLE: &str = "Generated evolutions, whole";
const DAMAGED: &str = "Generated evolutions, damaged";
const SILENT: &str = "Misparsed share of whole streams by evolution";
const REFUSALS: &str = "Refused share (early or late)";
const REAL: &str = "Real evolutions";
const BYTES: &str = "Bytes that are not state";

/// The figure in a column of the row that begins so, in the table that begins so; columns are
/// counted from the first figure.
fn figure(text: &str, title: &str, row: &str, column: usize) -> f64 {
    let table = text.lines().skip_while(|line| !line.starts_with(title));
    let found = table.into_iter().find(|line| line.starts_with(row));
    let found = found.unwrap_or_else(|| panic!("{title}: no row '{row}'"));
    let figures = found.split("  ").filter(|part| !part.trim().is_empty()).skip(1);
    let figure = figures.map(str::trim).nth(column);
    let figure = figure.unwrap_or_else(|| panic!("{title}, {row}: no column {column}"));
    match figure.trim_start_matches('+').trim_end_matches('%') {
        "-" => 0.0,
        number => number.parse().unwrap_or_else(|e| panic!("{title}, {row}: '{number}': {e}")),
    }
}

/// A share as the page has it.
fn share(figure: f64) -> String {
    match figure {
        0.0 => "–".to_string(),
        small if small < 0.5 => format!("{small:.2} %"),
        share => format!("{share:.0} %"),
    }
}

/// The row of a table of the page that begins so, cell by cell.
fn row(begin: &str) -> Vec<String> {
    let line = PAGE.lines().find(|line| line.starts_with(&format!("| {begin}")));
    let line = line.unwrap_or_else(|| panic!("no row '{begin}' on the page"));
    let cells = line.trim_matches('|').split('|').skip(1);
    cells.map(|cell| cell.trim().trim_matches('*').to_string()).collect()
}

#[rstest::rstest]
#[case("one byte more, machine types without footers", "none: 1 byte more")]
#[case("one byte less, the same", "none: 1 byte less")]
#[case("one byte more, machine types with footers", "footers: 1 byte more")]
#[case("one byte less, with footers", "footers: 1 byte less")]
fn the_table_of_drift_has_the_figures(#[case] begin: &str, #[case] kind: &str) {
    let columns = [AT_ONCE, IN_SECTION, AT_END, LATER, NEVER];
    let expected = columns.map(|column| share(figure(DRIFT, KINDS, kind, column)));
    assert_eq!(row(begin), expected);
}

#[rstest::rstest]
#[case("1 versions alone")]
#[case("2 one byte (0.13)")]
#[case("2 one byte, listed (0.14)")]
#[case("3 prefix, one refill (1.0)")]
#[case("3 prefix (2.1)")]
#[case("4 sentinels, new types")]
#[case("5 sections of their own")]
#[case("5 both kinds of subsection")]
#[case("6 tagged values")]
#[case("7 section lengths")]
#[case("8 footers (2.4)")]
#[case("9 chunks with CRC")]
#[case("10 vendors and features")]
#[case("11 left out by property")]
fn the_table_of_designs_has_the_figures(#[case] design: &str) {
    let expected = [
        share(figure(DESIGNS, WHOLE, design, MISPARSED)),
        share(figure(DESIGNS, DAMAGED, design, MISPARSED)),
        share(figure(DESIGNS, WHOLE, design, UNTOUCHED)),
        share(figure(DESIGNS, REAL, design, MISPARSED)),
        format!("{}", figure(DESIGNS, BYTES, design, 4)),
    ];
    assert_eq!(row(design), expected);
}
