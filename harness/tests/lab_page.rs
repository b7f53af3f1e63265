//! The page of the lab in prose: every figure in it is one of the committed tables.

#![allow(clippy::unwrap_used, reason = "tests")]

const PAGE: &str = include_str!("../lab/README.md");
const DRIFT: &str = include_str!("../../snapshots/lab/drift.snap");
const SECTIONS: &str = include_str!("../../snapshots/lab/drift-sections.snap");
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

/// A table: how it begins, and how many figures its rows have.
type Table = (&'static str, usize);
const KINDS: Table = ("Shares by kind of change", 8);
const OWN: Table = ("Shares by fixture", 8);
const OTHER: Table = ("The same fixtures with footers put in", 8);
const ENDS: Table = ("Of those never detected", 1);
const WHOLE: Table = ("Generated evolutions, whole", 8);
const DAMAGED: Table = ("Generated evolutions, damaged", 8);
const SILENT: Table = ("Misparsed share of whole streams by evolution", 15);
const REFUSALS: Table = ("Refused share (early or late)", 15);
const REAL: Table = ("Real evolutions", 8);
const BYTES: Table = ("Bytes that are not state", 5);

/// The figure in a column of the row that begins so; columns are counted from the first figure.
fn figure(text: &str, (title, columns): Table, row: &str, column: usize) -> f64 {
    let mut table = text.lines().skip_while(|line| !line.starts_with(title));
    let found = table.find(|line| line.starts_with(row));
    let found = found.unwrap_or_else(|| panic!("{title}: no row '{row}'"));
    let words: Vec<&str> = found.split_whitespace().collect();
    let figure = words.len().checked_sub(columns).and_then(|first| words.get(first + column));
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

/// The page says this, wherever the lines break.
fn says(text: &str) {
    let page: Vec<&str> = PAGE.split_whitespace().collect();
    assert!(page.join(" ").contains(text), "the page should say: {text}");
}

/// The smallest and the largest of some figures, as shares.
fn range(figures: impl IntoIterator<Item = f64>) -> String {
    let all: Vec<f64> = figures.into_iter().collect();
    let (low, high) = all.iter().fold((f64::MAX, 0.0_f64), |(l, h), f| (l.min(*f), h.max(*f)));
    format!("{} to {}", share(low), share(high))
}

#[test]
fn the_prose_of_drift_has_the_figures() {
    let rules =
        ["no subsections (0.12)", "one byte (0.13)", "one byte, listed (0.14)", "prefix (1.0)"];
    let ends = range(rules.map(|rule| figure(DRIFT, ENDS, rule, 0)));
    says(&format!("{ends} of what is never detected without footers are such false ends"));
    let before = ["0.12.5", "0.13.0", "0.14.1", "1.0.1", "1.4.2", "2.3.1"];
    let never = range(before.map(|release| figure(DRIFT, OWN, release, NEVER)));
    says(&format!("{never} of all changes are never detected in 0.12 to 2.3"));
    let aside = share(figure(DRIFT, OTHER, "11.1/", NEVER));
    let with = share(figure(DRIFT, OTHER, "2.3.1/", NEVER));
    assert_eq!(with, share(figure(DRIFT, OWN, "2.4.1/", NEVER)));
    says(&format!("put aside misses {aside}, and 2.3 with footers put in misses {with}, as 2.4"));
    let swapped = |row| share(figure(DRIFT, KINDS, row, NEVER));
    let (with, without) = (swapped("footers: fields swapped"), swapped("none: fields swapped"));
    says(&format!("({with} never, with footers, {without} without"));
    let moved = DRIFT.lines().find(|l| l.contains("2.4.1/") && l.contains("end of its section"));
    assert!(moved.unwrap().contains("ide_drive/pio_state` is never detected"));
    assert!(moved.unwrap().contains("(131122 bytes)"));
    says("131122 bytes of it");
}

#[test]
fn no_load_got_through_a_section_out_of_step() {
    let latest =
        SECTIONS.lines().filter_map(|line| line.split_once("   ")?.1.trim().split_once(" bytes, "));
    let latest = latest.map(|(head, tail)| {
        let bytes: u64 = head.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(tail.starts_with("0 sections"), "{tail}");
        bytes
    });
    says(&format!("at the latest, refusal came {} bytes on", latest.max().unwrap()));
}

#[test]
fn the_weight_of_one_section_is_as_told() {
    let changes = |line: &str| -> u64 {
        line.split_whitespace().skip(1).take(7).map_while(|n| n.parse::<u64>().ok()).sum()
    };
    let shares = SECTIONS.split(" under: ").skip(1).filter_map(|table| {
        let own = table.lines().find(|line| line.contains("/piix4_pm "))?;
        let all: u64 = table.lines().skip(3).take_while(|l| !l.is_empty()).map(changes).sum();
        Some(100.0 * changes(own) as f64 / all as f64)
    });
    // Before 2.0 there were no such registers.
    let large: Vec<String> = shares.filter(|figure| *figure > 10.0).map(share).collect();
    assert!(large.len() >= 8 && large.iter().all(|share| share == "44 %"), "{large:?}");
    says("since 2.0 `piix4_pm` alone has 44 % of the changes");
}

/// The figure of a design for an evolution, by its number in the table.
fn evolution(table: Table, design: &str, number: usize) -> String {
    share(figure(DESIGNS, table, design, number - 1))
}

#[test]
fn the_prose_of_designs_has_the_figures() {
    let whole = |design, column| share(figure(DESIGNS, WHOLE, design, column));
    let silent = |design, number| evolution(SILENT, design, number);
    let refused = |design, number| evolution(REFUSALS, design, number);
    let real = |design| {
        let of = |column| figure(DESIGNS, REAL, design, column);
        share(of(REFUSED) + of(LATE))
    };
    let bytes = |design| figure(DESIGNS, BYTES, design, 4);
    const PREFIX: &str = "3 prefix (2.1)";
    says(&format!("{} of such streams are silently wrong", silent("1 ", 7)));
    says(&format!("So are {} with a field in a nested struct", silent("1 ", 3)));
    let (one_byte, prefix) = (whole("2 one byte (0.13)", REFUSED), whole(PREFIX, REFUSED));
    says(&format!("from {one_byte} refused, good streams among them, to {prefix}"));
    let bumped = figure(DESIGNS, SILENT, PREFIX, 4);
    says(&format!("nothing but such data can be misread, {bumped} % still are"));
    let (without, with) = (silent(PREFIX, 3), silent("4 ", 3));
    says(&format!("for fields in nested structs from {without} to {with}"));
    let (before, after) = (whole(PREFIX, MISPARSED), whole("8 ", MISPARSED));
    assert_eq!(after, whole("7 ", MISPARSED));
    says(&format!("are the same net: from {before} to {after}"));
    says(&format!("{} of downstreams that added a field of their own", silent("8 ", 9)));
    says(&format!("{} of pairs that gave one name two meanings", silent("8 ", 11)));
    says(&format!("({} and {} refused late)", whole("7 ", LATE), whole("8 ", LATE)));
    says(&format!("cost {:.0} times as much as footers", bytes("6 ") / bytes("8 ")));
    says(&format!("is refused in {} of cases", refused("6 ", 12)));
    says(&format!("they refuse {}, against {} for prefix", real("6 "), real(PREFIX)));
    assert_eq!(figure(DESIGNS, DAMAGED, "9 ", MISPARSED), 0.0);
    says(&format!("in {} % of cases state in use", figure(DESIGNS, WHOLE, "9 ", GIVEN_UP)));
    assert_eq!((silent("10 ", 7), silent("10 ", 11)), ("–".to_string(), "–".to_string()));
    let (vendors, prefix) = (refused("10 ", 7), refused(PREFIX, 7));
    says(&format!("with none silent and {vendors} refused (prefix refuses {prefix})"));
    assert_eq!(silent("10 ", 10), "–");
    let [prefix, chunks, tagged] = [PREFIX, "9 ", "6 "].map(|design| silent(design, 10));
    says(&format!("{prefix} with prefix, {chunks} with chunks, {tagged} with tagged values"));
    let (vendors, prefix) = (refused("10 ", 10), refused(PREFIX, 10));
    says(&format!("none is silent and {vendors} are refused (prefix refuses {prefix})"));
    says(&format!("says nothing is not seen ({} silent)", silent("10 ", 15)));
    says(&format!("{} of its cases give up state", whole("11 ", GIVEN_UP)));
}
