//! `crossload capture`: scenarios of one binary into a folder that `crossload import` takes.

use std::path::PathBuf;

use super::input::{Input, machine_type};
use super::running::RunOptions;
use super::{CliError, Output};
use crate::matrix::config::Scenario;
use crate::qemu::capture::all;
use crate::qemu::scenario::{fits, fits_binary, lacks, newest};
use crate::qemu::{QemuError, bundle};

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  crossload capture --qemu /usr/bin/qemu-system-x86_64 --scenario legacy --into captured
  crossload import captured --into my-corpus

Runs each scenario until its guest halts, saves it, and loads it by the same binary.")]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// The binary
    #[arg(long, value_name = "BIN")]
    qemu: PathBuf,
    /// The folder to write
    #[arg(long, value_name = "FOLDER", default_value = "captured")]
    into: PathBuf,
    /// Name of the release [default: MAJOR.MINOR of its version]
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// Machine type; may be given more than once [default: the newest of each chipset]
    #[arg(long, value_name = "TYPE", value_parser = machine_type)]
    machine: Vec<String>,
    /// Scenario; may be given more than once [default: all]
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    #[command(flatten)]
    running: RunOptions,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let config = args.input.config()?;
    if std::fs::read_dir(&args.into).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::NotEmpty(args.into.clone()));
    }
    let binary = args.running.binary(&args.qemu)?;
    let release = args.release.clone().unwrap_or_else(|| binary.series());
    let listed: Vec<String> = args.machine.iter().map(|name| binary.qualified(name)).collect();
    let mut captured = Vec::new();
    let mut text = String::new();
    let mut wanted = Vec::new();
    super::input::check_scenarios(&config, &args.scenario)?;
    super::input::check_machines(&binary, &listed)?;
    let named = |s: &&Scenario| args.scenario.is_empty() || args.scenario.contains(&s.name);
    for scenario in config.scenarios.iter().filter(named).filter(|s| fits_binary(&binary, s)) {
        if let Some(reason) = lacks(&binary, scenario) {
            text += &format!("{} left out: {reason}\n", scenario.name);
            continue;
        }
        let machines: Vec<&str> = match listed.as_slice() {
            [] => newest(&binary, scenario).into_iter().map(|m| m.name.as_str()).collect(),
            _ => listed.iter().map(String::as_str).filter(|m| fits(scenario, m)).collect(),
        };
        for machine in machines {
            wanted.push((scenario, machine));
        }
    }
    let mut failed = None;
    let bar = super::progress::count(wanted.len() as u64, "scenarios");
    let (jobs, limit) = (args.running.jobs(), args.running.limit());
    let tried = all(&binary, &release, &wanted, jobs, limit, &|| bar.inc(1))?;
    for ((scenario, machine), result) in wanted.iter().zip(tried) {
        match result {
            Ok(one) => {
                let (id, size) = (one.fixture.id(), one.fixture.size);
                text += &format!("{id}: {size} bytes, loads again\n");
                captured.push(one);
            }
            // The others are worth having.
            Err(error) => {
                text += &format!("{machine}.{} failed: {error}\n", scenario.name);
                failed.get_or_insert(error);
            }
        }
    }
    match failed {
        Some(error) if captured.is_empty() => return Err(error.into()),
        None if captured.is_empty() => return Err(QemuError::NothingCaptured { release }.into()),
        _ => bundle::write(&args.into, &binary, &captured, args.running.limit())?,
    }
    Ok(Output { text, holds: failed.is_none() })
}
