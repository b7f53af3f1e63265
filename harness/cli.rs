//! Room `cli`: the command line, one file for each verb.
//!
//! Exit status: 0 if what was asked holds, 1 if it does not (policy broken, disagreement), 2 if
//! the input cannot be used.

#[cfg(unix)]
mod add;
#[cfg(unix)]
mod campaign;
mod can_migrate;
#[cfg(unix)]
mod capture;
mod composed;
mod designs;
mod devices;
mod diff;
mod drift;
mod error;
mod explain;
mod fit;
#[cfg(unix)]
mod gate;
mod import;
mod input;
mod inspect;
#[cfg(unix)]
mod machines;
mod matrix;
#[cfg(unix)]
mod observe;
mod observed;
mod progress;
mod report;
#[cfg(unix)]
mod running;
mod seed;
mod shell;
mod source;
mod targets;
#[cfg(unix)]
mod verify;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::CliError;

/// Does a QEMU migration stream written by one release load faithfully in another?
///
/// Without a verb, crossload runs the matrix that is built into it: every captured stream into
/// every release, with a verdict for each cell.
#[derive(Debug, Parser)]
#[command(name = "crossload", version, args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  crossload targets vm.save                       which releases take this saved machine
  crossload                                       the whole matrix
  crossload --source 10.0 --destination 11.1      only these releases
  crossload --verdict misparsed                   only the silent failures
  crossload --feed trickle:8                      eight bytes at a time, as a slow link gives them
  crossload explain 0.12.5/pc-0.12.idle 0.13.0    where one load goes wrong, byte by byte
  crossload inspect vm.stream                     what every byte of a stream is
  crossload report --html DIR                     all of it as pages for a browser
  crossload observed                              the model against real binaries
  crossload import DIR --into CORPUS && crossload --matrix CORPUS/matrix.toml

Exit status: 0 if the policy holds, 1 if it is broken, 2 if the input cannot be used.")]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    color: colorchoice_clap::Color,
    #[command(flatten)]
    matrix: matrix::Args,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the matrix: a grid per machine type and scenario, findings, summary
    Matrix(matrix::Args),
    /// Tell which releases take the machine in a stream, and why the others do not
    Targets(targets::Args),
    /// Tell which devices do not go from one release to another, and why
    Devices(devices::Args),
    /// Tell what changed between two builds' descriptions, and which of it breaks migration
    Diff(diff::Args),
    /// Show where one fixture is read wrongly or refused by one release
    Explain(explain::Args),
    /// Show what every byte of a stream is: offset, bytes, meaning
    Inspect(inspect::Args),
    /// Take streams, tables and observations of a folder into a corpus
    Import(import::Args),
    /// Change devices' state without telling, and see where it is detected
    Drift(drift::Args),
    /// Put proposed stream formats through the same evolutions
    Designs(designs::Args),
    /// Tell whether a machine can go from one build to another
    CanMigrate(can_migrate::Args),
    /// Write a report that people can open in a browser
    Report(report::Args),
    /// Hold the model against what real binaries did
    Observed(observed::Args),
    /// Write the inputs from which a fuzz target starts
    Seed(seed::Args),
    /// Load streams into real binaries, beside the model
    #[cfg(unix)]
    Verify(verify::Args),
    /// Load changed streams into real binaries for hours, and keep what goes wrong
    #[cfg(unix)]
    Campaign(campaign::Args),
    /// Load fixtures into real binaries and record what they did
    #[cfg(unix)]
    Observe(observe::Args),
    /// Run scenarios in a real binary and keep the streams
    #[cfg(unix)]
    Capture(capture::Args),
    /// Add a release: capture, import, run, claim
    #[cfg(unix)]
    Add(add::Args),
    /// Hold a build against the one that it branched from, before it goes in
    #[cfg(unix)]
    Gate(gate::Args),
    /// Write what a shell completes of this command
    Completions(shell::Completions),
    /// Write manual pages
    Man(shell::Man),
}

/// What a verb prints, and whether what was asked holds.
struct Output {
    text: String,
    holds: bool,
}

/// Runs the command with these arguments, the first of which is its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(help) => {
            // A closed pipe is all that can go wrong here, and nobody is left to tell.
            let _ = help.print();
            return ExitCode::from(u8::try_from(help.exit_code()).unwrap_or(2));
        }
    };
    cli.color.write_global();
    // A script is for a shell, wherever it is shown.
    let plain = matches!(cli.verb, Some(Verb::Completions(_)));
    let shown = progress::begin("working");
    let output = match cli.verb {
        None => matrix::run(&cli.matrix),
        Some(Verb::Matrix(args)) => matrix::run(&args),
        Some(Verb::Targets(args)) => targets::run(&args),
        Some(Verb::Devices(args)) => devices::run(&args),
        Some(Verb::Diff(args)) => diff::run(&args),
        Some(Verb::Explain(args)) => explain::run(&args),
        Some(Verb::Inspect(args)) => inspect::run(&args),
        Some(Verb::Import(args)) => import::run(&args),
        Some(Verb::Drift(args)) => drift::run(&args),
        Some(Verb::Designs(args)) => designs::run(&args),
        Some(Verb::CanMigrate(args)) => can_migrate::run(&args),
        Some(Verb::Report(args)) => report::run(&args),
        Some(Verb::Observed(args)) => observed::run(&args),
        Some(Verb::Seed(args)) => seed::run(&args),
        #[cfg(unix)]
        Some(Verb::Verify(args)) => verify::run(&args),
        #[cfg(unix)]
        Some(Verb::Campaign(args)) => campaign::run(&args),
        #[cfg(unix)]
        Some(Verb::Observe(args)) => observe::run(&args),
        #[cfg(unix)]
        Some(Verb::Capture(args)) => capture::run(&args),
        #[cfg(unix)]
        Some(Verb::Add(args)) => add::run(&args),
        #[cfg(unix)]
        Some(Verb::Gate(args)) => gate::run(&args),
        Some(Verb::Completions(args)) => Ok(shell::completions(&args)),
        Some(Verb::Man(args)) => shell::man(&args),
    };
    drop(shown);
    match output.and_then(|output| print(&output.text, plain).map(|()| output.holds)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "crossload: {}", error::chain(&error));
            ExitCode::from(2)
        }
    }
}

/// Prints to standard output; on a terminal with colours and in its width. A reader that has seen enough
/// and closed the pipe is no error.
fn print(text: &str, plain: bool) -> Result<(), CliError> {
    let fitted =
        (!plain && std::io::stdout().is_terminal()).then(|| fit::fit(text, textwrap::termwidth()));
    let text = fitted.as_deref().unwrap_or(text);
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::Output(e)),
        _ => Ok(()),
    }
}
