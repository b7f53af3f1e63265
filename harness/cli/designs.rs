//! `crossload designs`: compares the protocol changes that were proposed or shipped.

use super::input::Input;
use super::{CliError, Output};
use crate::lab::designs::{neighbours, real, run, table};

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload designs                        both tables
  crossload designs --cases 10000000       as many generated cases as the claims are made for

Exit status is 1 if a design misparses silently what it claims it cannot.")]
pub(super) struct Args {
    /// How many generated cases
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    cases: u64,
    /// Seed of the first; the others follow
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Only designs whose claims are at stake, those that call themselves unambiguous
    #[arg(long)]
    claims: bool,
    /// Also the time that each design takes for a real machine's state
    #[arg(long)]
    cost: bool,
    #[command(flatten)]
    input: Input,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let report = run::generated(args.seed, args.cases, args.claims);
    let mut text = table::generated(&report);
    let broken = report.broken_claims();
    text += &format!("\nMisparses that a design claims are impossible: {broken}\n");
    if !args.claims {
        let (library, _) = args.input.open()?;
        text += "\n";
        text += &table::real(&neighbours::run(&library)?);
        let machines = real::samples(&library)?;
        text += "\n";
        text += &table::overhead(&machines);
        if args.cost {
            text += "\n";
            text += &table::cost(&machines);
        }
    }
    Ok(Output { text, holds: broken == 0 })
}
