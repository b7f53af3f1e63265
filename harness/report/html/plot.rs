//! Shares as bars: a picture, and the figures in a table below it.

use maud::{Markup, html};

/// A picture of shares.
#[derive(Debug)]
pub struct Plot<'p> {
    /// What it shows.
    pub title: &'p str,
    /// What is counted.
    pub unit: &'p str,
    /// The parts of a bar: class and name.
    pub parts: Vec<(&'p str, &'p str)>,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A bar.
#[derive(Debug)]
pub struct Bar {
    /// What it is about.
    pub name: String,
    /// How many of each part.
    pub counts: Vec<u64>,
}

/// Units of the picture.
const LABEL: u64 = 230;
const WIDTH: u64 = 600;
const HEIGHT: u64 = 18;
const STEP: u64 = 26;
/// A part that is at least so wide has its share written on it.
const WRITTEN: u64 = 44;

/// The picture and its table.
#[must_use]
pub fn plot(of: &Plot<'_>) -> Markup {
    let height = of.bars.len() as u64 * STEP + 24;
    let view = format!("0 0 {} {height}", LABEL + WIDTH + 24);
    let used: Vec<usize> = (0..of.parts.len())
        .filter(|part| of.bars.iter().any(|b| b.counts.get(*part).is_some_and(|n| *n > 0)))
        .collect();
    html! {
        figure.plot {
            figcaption { (of.title) }
            ul.key aria-hidden="true" {
                @for (class, name) in used.iter().filter_map(|p| of.parts.get(*p)) {
                    li { svg.swatch viewBox="0 0 12 12" { rect class={ "part " (class) } width="12" height="12" {} @if let Some(fill) = over(class) { rect.over fill=(fill) width="12" height="12" {} } } (name) }
                }
            }
            div.scroll {
                svg.bars viewBox=(view) role="img" aria-label={ (of.title) ". The figures are in the table below." } {
                    @for quarter in 0..=4u64 {
                        @let x = LABEL + WIDTH * quarter / 4;
                        line.axis x1=(x) x2=(x) y1="0" y2=(height - 20) {}
                        text.tick x=(x) y=(height - 6) { (quarter * 25) "%" }
                    }
                    @for (row, bar) in of.bars.iter().enumerate() { (drawn(of, bar, row as u64 * STEP + 4)) }
                }
            }
            details {
                summary { "The figures" }
                div.scroll {
                    table.list {
                        thead { tr {
                            th scope="col" {}
                            th scope="col" { (of.unit) }
                            @for (_, name) in used.iter().filter_map(|p| of.parts.get(*p)) { th scope="col" { (name) } }
                        } }
                        tbody {
                            @for bar in &of.bars {
                                @let total = bar.counts.iter().sum();
                                tr {
                                    th scope="row" { (bar.name) }
                                    td { (total) }
                                    @for count in used.iter().filter_map(|p| bar.counts.get(*p)) { td { (share(*count, total)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn drawn(of: &Plot<'_>, bar: &Bar, y: u64) -> Markup {
    let total: u64 = bar.counts.iter().sum();
    let mut before = 0;
    let parts: Vec<(&str, &str, u64, u64, u64)> = of
        .parts
        .iter()
        .zip(&bar.counts)
        .filter(|(_, count)| **count > 0)
        .map(|((class, name), count)| {
            // What is there at all can be seen.
            let from = WIDTH * before / total.max(1);
            before += count;
            let to = WIDTH * before / total.max(1);
            (*class, *name, *count, LABEL + from, (to - from).max(1))
        })
        .collect();
    html! {
        text.label x=(LABEL - 8) y=(y + 14) { (bar.name) }
        @for (class, name, count, x, width) in parts {
            g {
                title { (bar.name) ": " (name) ", " (share(count, total)) " (" (count) " of " (total) ")" }
                rect class={ "part " (class) } x=(x) y=(y) width=(width) height=(HEIGHT) {}
                @if let Some(fill) = over(class) { rect.over fill=(fill) x=(x) y=(y) width=(width) height=(HEIGHT) {} }
                @if width >= WRITTEN {
                    text class={ "on " (class) } x=(x + width / 2) y=(y + 13) { (share(count, total)) }
                }
            }
        }
    }
}

/// The pattern over a part that is worse than its neighbours of the same lightness.
fn over(class: &str) -> Option<&'static str> {
    match class {
        "misparsed" => Some("url(#hatch)"),
        "refused-late" => Some("url(#dots)"),
        _ => None,
    }
}

/// A share with as many digits as tell it from none and from all.
#[must_use]
pub fn share(count: u64, total: u64) -> String {
    if count == 0 || total == 0 {
        return "–".to_owned();
    }
    let hundredths = (u128::from(count) * 10_000 + u128::from(total) / 2) / u128::from(total);
    match hundredths {
        0 => "<0.01%".to_owned(),
        10_000 if count < total => ">99.99%".to_owned(),
        1000.. => format!("{}.{}%", hundredths / 100, hundredths % 100 / 10),
        _ => format!("{}.{:02}%", hundredths / 100, hundredths % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0, 5, "–")]
    #[case(1, 100_000, "<0.01%")]
    #[case(1, 99, "1.01%")]
    #[case(1, 3, "33.3%")]
    #[case(99_999, 100_000, ">99.99%")]
    #[case(7, 7, "100.0%")]
    #[case(u64::MAX, u64::MAX, "100.0%")]
    fn shares(#[case] count: u64, #[case] total: u64, #[case] expected: &str) {
        assert_eq!(share(count, total), expected);
    }

    /// What is rare is drawn, and the parts of a bar fill it.
    #[test]
    fn a_part_that_is_there_can_be_seen() {
        let bars = vec![Bar { name: "one".to_owned(), counts: vec![99_999, 1, 0] }];
        let parts = vec![("a", "A"), ("b", "B"), ("c", "C")];
        let html = plot(&Plot { title: "T", unit: "n", parts, bars }).into_string();
        assert!(html.contains("class=\"part b\" x=\"829\" y=\"4\" width=\"1\""), "{html}");
        assert!(!html.contains("part c"), "{html}");
    }
}
