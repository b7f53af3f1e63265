//! Annotations, as the runner of GitHub Actions reads them from standard output.
//!
//! An error for each finding that breaks the policy, a notice for each that is known, none for what
//! the policy allows. The runner shows ten of each kind at most: the worst come first, and the
//! summary (Markdown, into the file that `GITHUB_STEP_SUMMARY` names) has all.

use std::fmt::Write as _;

use super::{Line, Summary, places};
use crate::matrix::Standing;
use crate::report::findings::findings;

/// The annotations, a line each, and a line that says whether the policy holds.
#[must_use]
pub fn github(summary: &Summary<'_>) -> String {
    let mut text = String::new();
    for finding in findings(summary.cells) {
        let kind = match finding.standing {
            Standing::Broken => "error",
            Standing::Known(_) => "notice",
            Standing::Reported | Standing::Good => continue,
        };
        let title = format!("{} ({})", finding.verdict, finding.standing.name());
        let message = format!("{}: {}", places(&finding), finding.sentence);
        annotation(&mut text, kind, &summary.line(&finding), &title, &message);
    }
    for problem in &summary.run.problems {
        let name = problem.split(": ").next().unwrap_or(problem);
        let line = Line { file: format!("{}/{name}.toml", summary.corpus), line: 1 };
        annotation(&mut text, "error", &line, "fixture", problem);
    }
    for (line, what) in summary.stale() {
        annotation(&mut text, "error", &line, "stale", &what);
    }
    let holds = if summary.run.holds() { "the policy holds" } else { "the policy is broken" };
    let _ =
        writeln!(text, "{} cells under feed {}: {holds}", summary.cells.len(), summary.run.feed);
    text
}

fn annotation(text: &mut String, kind: &str, at: &Line, title: &str, message: &str) {
    let (file, title) = (property(&at.file), property(title));
    let _ =
        writeln!(text, "::{kind} file={file},line={},title={title}::{}", at.line, value(message));
}

/// A message: what would end it is escaped.
fn value(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property: also what would end that.
fn property(text: &str) -> String {
    value(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_an_annotation_is_escaped() {
        let mut text = String::new();
        let at = Line { file: "a,b:c.toml".to_owned(), line: 7 };
        annotation(&mut text, "error", &at, "t: 50%", "one\n::error::two");
        assert_eq!(
            text,
            "::error file=a%2Cb%3Ac.toml,line=7,title=t%3A 50%25::one%0A::error::two\n"
        );
    }
}
