//! JUnit XML, as Jenkins and GitLab read it.
//!
//! A suite for each machine type and scenario, a case for each cell that was started. A cell that
//! breaks the policy is a failure; one that is known to is skipped, with the reason; a refusal that
//! the policy allows passes, with its sentence as output. What is wrong with the corpus itself is a
//! suite of its own.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::Summary;
use crate::matrix::sentence::sentence;
use crate::matrix::{CellResult, Standing};
use crate::trace::Verdict;

/// The report.
///
/// # Errors
/// Texts that XML cannot have.
pub fn junit(summary: &Summary<'_>) -> Result<String, SerializeError> {
    let mut report = Report::new("crossload");
    let mut corpus = TestSuite::new("corpus");
    for problem in &summary.run.problems {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("fixture").set_message(problem.as_str());
        let name = problem.split(": ").next().unwrap_or(problem);
        corpus.add_test_case(TestCase::new(name, status));
    }
    for (line, what) in summary.stale() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type("stale").set_message(what);
        corpus.add_test_case(TestCase::new(format!("{}, line {}", line.file, line.line), status));
    }
    if !corpus.test_cases.is_empty() {
        report.add_test_suite(corpus);
    }
    for machine in &summary.config.machines {
        for scenario in &summary.config.scenarios {
            let mut suite = TestSuite::new(format!("{}.{}", machine.name, scenario.name));
            let here = summary.cells.iter().filter(|c| {
                c.cell.machine == machine.name
                    && c.cell.scenario == scenario.name
                    && c.outcome.verdict() != Some(Verdict::Unsupported)
            });
            suite.add_test_cases(here.map(|result| case(summary, result, suite_name(result))));
            if !suite.test_cases.is_empty() {
                report.add_test_suite(suite);
            }
        }
    }
    let text = report.to_string()?;
    // At the root Jenkins' schema has every count but this one.
    let root = format!(" skipped=\"{}\"", skipped(summary));
    Ok(text.replacen(&root, "", 1))
}

fn suite_name(result: &CellResult) -> String {
    format!("{}.{}", result.cell.machine, result.cell.scenario)
}

/// How many cells are skipped.
fn skipped(summary: &Summary<'_>) -> usize {
    let known = |c: &&CellResult| matches!(c.standing, Standing::Known(_));
    summary.cells.iter().filter(known).count()
}

fn case(summary: &Summary<'_>, result: &CellResult, suite: String) -> TestCase {
    let why = sentence(&result.outcome, &result.cell.source);
    let verdict = result.outcome.name();
    let mut output = None;
    let status = match result.standing {
        Standing::Good => TestCaseStatus::success(),
        Standing::Reported => {
            output = Some(format!("{verdict}: {why}"));
            TestCaseStatus::success()
        }
        Standing::Known(index) => {
            let known = summary.config.known.get(index);
            let reason = known.map_or("", |k| k.reason.as_str());
            let mut status = TestCaseStatus::skipped();
            status.set_type(verdict).set_message(format!("known: {reason}")).set_description(why);
            status
        }
        Standing::Broken => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(verdict).set_message(format!("{verdict}: {why}"));
            status.set_description(format!("crossload explain {}", summary_to(result)));
            status
        }
    };
    let name = format!("{} into {}", result.cell.source, result.cell.destination);
    let mut case = TestCase::new(name, status);
    case.set_classname(suite);
    if let Some(output) = output {
        case.set_system_out(output);
    }
    case
}

/// A cell as `explain` takes it.
fn summary_to(result: &CellResult) -> String {
    let cell = &result.cell;
    format!("{}/{}.{} {}", cell.source, cell.machine, cell.scenario, cell.destination)
}
