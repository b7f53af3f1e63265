//! What all pages share: head, style, navigation, legend, filters, script.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use crate::matrix::Standing;
use crate::report::table::glyph;
use crate::trace::Verdict;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Nothing is loaded from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "tool", derive(clap::ValueEnum))]
pub enum Topic {
    /// Whole machines of every release, into every other
    Matrix,
    /// Every catalogued device type alone
    Devices,
    /// Changes that nobody tells of, and where they are detected
    Drift,
    /// The stream formats that were proposed
    Designs,
}

impl Topic {
    /// All of them, in order of the navigation.
    pub const ALL: [Topic; 4] = [Topic::Matrix, Topic::Devices, Topic::Drift, Topic::Designs];

    /// Name of its file.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Topic::Matrix => "index.html",
            Topic::Devices => "devices.html",
            Topic::Drift => "drift.html",
            Topic::Designs => "designs.html",
        }
    }

    /// Its heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Topic::Matrix => "Machines",
            Topic::Devices => "Devices",
            Topic::Drift => "Drift",
            Topic::Designs => "Designs",
        }
    }
}

/// A page, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What it is about.
    pub topic: Topic,
    /// The file.
    pub html: String,
}

/// What a page has around its body.
#[derive(Debug)]
pub struct Sheet<'s> {
    /// Its topic.
    pub topic: Topic,
    /// All topics of the report.
    pub topics: &'s [Topic],
    /// What it says, in a sentence or two.
    pub lead: &'s str,
    /// What lies behind its cells, as JSON.
    pub data: Option<String>,
}

/// A page around its body.
#[must_use]
pub fn sheet(about: &Sheet<'_>, body: Markup) -> Page {
    let title = about.topic.title();
    let version = env!("CARGO_PKG_VERSION");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "crossload " (version) };
                meta name="color-scheme" content="light dark";
                title { (title) " – crossload" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                (patterns())
                a.skip href="#main" { "To the content" }
                header {
                    p.name { "crossload" }
                    nav aria-label="Pages of this report" {
                        @for topic in about.topics {
                            @let here = (*topic == about.topic).then_some("page");
                            a href=(topic.file()) aria-current=[here] { (topic.title()) }
                        }
                    }
                }
                main #main tabindex="-1" {
                    h1 { (title) }
                    p.lead { (about.lead) }
                    (body)
                }
                @if let Some(data) = &about.data {
                    dialog #behind aria-labelledby="behind-title" {}
                    script #data type="application/json" { (PreEscaped(data)) }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    };
    Page { topic: about.topic, html: page.into_string() }
}

/// What tells parts of a bar apart without colour.
fn patterns() -> Markup {
    html! {
        svg width="0" height="0" style="position:absolute" aria-hidden="true" {
            defs {
                pattern #hatch.hatch width="6" height="6" patternUnits="userSpaceOnUse" { path d="M0 6 6 0" {} }
                pattern #dots.dots width="6" height="6" patternUnits="userSpaceOnUse" { circle cx="2" cy="2" r="1.1" {} }
            }
        }
    }
}

/// JSON that may stand inside a script element.
///
/// # Errors
/// None that these shapes can have; the serializer's.
pub fn script_json(of: &impl Serialize) -> Result<String, serde_json::Error> {
    // The only way out of a script element begins with this character.
    Ok(serde_json::to_string(of)?.replace('<', "\\u003c"))
}

/// How a cell looks: its glyph, and by its classes colour and border.
#[must_use]
pub fn glyph_and_class(verdict: Option<Verdict>, standing: Standing) -> (String, String) {
    let glyph = glyph(verdict);
    let name = verdict.map_or("panicked", Verdict::name);
    let shown = match standing {
        Standing::Known(_) => format!("({glyph})"),
        _ => glyph.to_string(),
    };
    (shown, format!("c {name} {}", standing.name()))
}

/// A verdict as a word with its glyph and colour.
#[must_use]
pub fn badge(verdict: &str) -> Markup {
    let of = Verdict::ALL.into_iter().find(|v| v.name() == verdict);
    html! {
        span.badge {
            span class={ "c " (verdict) } aria-hidden="true" { (glyph(of)) }
            " " (verdict)
        }
    }
}

/// A choice among names, or any of them.
fn choice(id: &str, label: &str, any: &str, names: &[&str]) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            select id=(id) {
                option value="" { (any) }
                @for name in names { option { (name) } }
            }
        }
    }
}

/// A choice: name of the filter, label, what stands for all, the names.
pub type Choice<'c> = (&'c str, &'c str, &'c str, Vec<&'c str>);

/// The filters: choices, and the verdicts with what they mean. Shown once the script runs.
#[must_use]
pub fn filters(choices: &[Choice<'_>], verdicts: &[&str]) -> Markup {
    html! {
        form #filters hidden aria-label="Filters" {
            div.fields {
                @for (id, label, any, names) in choices { (choice(id, label, any, names)) }
                button type="reset" { "Show all" }
            }
            fieldset {
                legend { "Only" }
                @for verdict in verdicts {
                    label.verdict title=(meaning(verdict)) {
                        input type="checkbox" name="verdict" value=(verdict);
                        (badge(verdict))
                    }
                }
            }
            p #count role="status" {}
        }
    }
}

/// What the verdicts mean.
#[must_use]
pub fn legend(verdicts: &[&str]) -> Markup {
    html! {
        details.legend {
            summary { "What the signs mean" }
            dl {
                @for verdict in verdicts {
                    div { dt { (badge(verdict)) } dd { (meaning(verdict)) } }
                }
                div { dt { span.badge { span.c.known { "( )" } " known" } } dd { "breaks the policy for a reason that matrix.toml names" } }
                div { dt { span.badge { span.c.broken { "  " } " broken" } } dd { "breaks the policy: the run fails" } }
            }
        }
    }
}

fn meaning(verdict: &str) -> &'static str {
    match verdict.parse() {
        Ok(Verdict::Faithful) => "every byte was read as what it was written as",
        Ok(Verdict::Defaulted) => {
            "the same, and defaults were kept for optional state that was not sent"
        }
        Ok(Verdict::Misparsed) => {
            "accepted, but something was read wrongly or never: the silent failure"
        }
        Ok(Verdict::Refused) => "refused, with nothing read wrongly before",
        Ok(Verdict::RefusedLate) => "refused, but something was read wrongly first: luck ended it",
        Ok(Verdict::Unsupported) => {
            "not started: no such machine type or device there, or none on record"
        }
        Ok(Verdict::Undetermined) => "the tables do not say enough",
        Err(_) => "the model failed",
    }
}
