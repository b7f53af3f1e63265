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

/// Places along a bar are told in thousandths of a percent of its width, which a reader's screen decides.
const WIDTH: u64 = 100_000;
/// What is there at all can be seen: about a point of the screen.
const SEEN: u64 = 170;
/// A part that is at least so wide has its share written on it; on a telephone it must be twice as wide.
const WRITTEN: u64 = 7_000;

/// The picture and its table.
#[must_use]
pub fn plot(of: &Plot<'_>) -> Markup {
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
            div.bars role="img" aria-label={ (of.title) ". The figures are in the table below." } {
                @for bar in &of.bars { (drawn(of, bar)) }
                svg.ticks aria-hidden="true" {
                    @for quarter in 0..=4u64 {
                        text.tick.first[quarter == 0].last[quarter == 4] x=(percent(WIDTH * quarter / 4)) y="12" { (quarter * 25) "%" }
                    }
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

fn drawn(of: &Plot<'_>, bar: &Bar) -> Markup {
    let total: u64 = bar.counts.iter().sum();
    let mut before = 0;
    let parts: Vec<(&str, &str, u64, u64, u64)> = of
        .parts
        .iter()
        .zip(&bar.counts)
        .filter(|(_, count)| **count > 0)
        .map(|((class, name), count)| {
            let from = along(before, total);
            before += count;
            let width = (along(before, total) - from).max(SEEN);
            (*class, *name, *count, from.min(WIDTH - width), width)
        })
        .collect();
    html! {
        span.label { (bar.name) }
        svg.bar {
            @for quarter in 0..=4u64 {
                @let x = percent(WIDTH * quarter / 4);
                line.axis x1=(x) x2=(x) y1="0" y2="100%" {}
            }
            @for (class, name, count, x, width) in parts {
                g {
                    title { (bar.name) ": " (name) ", " (share(count, total)) " (" (count) " of " (total) ")" }
                    rect class={ "part " (class) } x=(percent(x)) y="4" width=(percent(width)) height="18" {}
                    @if let Some(fill) = over(class) { rect.over fill=(fill) x=(percent(x)) y="4" width=(percent(width)) height="18" {} }
                    @if width >= WRITTEN {
                        text class={ "on " (class) @if width < 2 * WRITTEN { " narrow" } } x=(percent(x + width / 2)) y="17" { (share(count, total)) }
                    }
                }
            }
        }
    }
}

/// How far along the bar so many of all lie.
fn along(count: u64, total: u64) -> u64 {
    let of = u128::from(total.max(1));
    (u128::from(WIDTH) * u128::from(count) / of).try_into().unwrap_or(WIDTH)
}

fn percent(place: u64) -> String {
    format!("{}.{:03}%", place / 1000, place % 1000)
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
        assert!(html.contains("class=\"part b\" x=\"99.830%\" y=\"4\" width=\"0.170%\""), "{html}");
        assert!(!html.contains("part c"), "{html}");
    }
}
