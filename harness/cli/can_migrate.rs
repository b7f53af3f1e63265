//! `crossload can-migrate`: can a machine go from this build to that one?

use super::input::Input;
use super::{CliError, Said};
use crate::lab::vendors::migrate::{can_migrate_all, can_migrate_stream};
use crate::lab::vendors::{Answer, Build, Vendors};
use crate::release::provenance::{Fixture, machine_scenario};

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload can-migrate --from 7.2 --to com.example.cloud:7.2-4
  crossload can-migrate --from 2.3.1 --to com.example.enterprise:6.9 2.3.1/pc-1.0.legacy

A build is RELEASE or VENDOR:RELEASE; downstream builds are listed in vendors.toml of the corpus.
Exit status is 0 for yes, 1 for no and for only-if.")]
pub(super) struct Args {
    /// The build that the machine runs on
    #[arg(long, value_name = "VENDOR:RELEASE")]
    from: String,
    /// The build that it is to go to
    #[arg(long, value_name = "VENDOR:RELEASE")]
    to: String,
    /// Only for this machine type
    #[arg(long, value_name = "MACHINE")]
    machine: Option<String>,
    /// The state that it has: RELEASE/MACHINE.SCENARIO. Without it the answer is for any state
    #[arg(value_name = "FIXTURE")]
    fixture: Option<String>,
    #[command(flatten)]
    input: Input,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Said, CliError> {
    let (library, _) = args.input.open()?;
    let vendors = Vendors::of(&library)?;
    let from = Build::of(&library, &vendors, &args.from)?;
    let to = Build::of(&library, &vendors, &args.to)?;
    let mut text = String::new();
    let mut answers = Vec::new();
    if let Some(name) = &args.fixture {
        let found = name.split_once('/').and_then(|(release, stem)| {
            let (machine, scenario) = machine_scenario(stem)?;
            library.fixture(release, machine, scenario)
        });
        let fixture = found.ok_or_else(|| CliError::NoFixture {
            asked: name.clone(),
            example: library.fixtures().first().map_or_else(String::new, Fixture::id),
        })?;
        let stream = library.corpus().stream(fixture)?;
        let place = (fixture.machine.as_str(), fixture.scenario.as_str());
        let (answer, _) = can_migrate_stream(&library, &from, &to, place, &stream)?;
        answers.push((fixture.id(), answer));
    } else {
        answers = can_migrate_all(&library, &from, &to, args.machine.as_deref())?;
    }
    for (name, answer) in &answers {
        text += &format!("{name}: {answer}\n");
    }
    Ok(Said { text, holds: answers.iter().all(|(_, answer)| *answer == Answer::Yes) })
}
