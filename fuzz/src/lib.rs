//! Glue between crossload's fuzz targets and libFuzzer. The targets are in `harness/fuzzing`.
//!
//! Without libFuzzer (stable toolchain) each target is a program that runs the files it is given,
//! or `--smoke N` inputs of a fixed sequence.

use std::cell::RefCell;
use std::io::Write;
use std::process::ExitCode;

use crossload::fuzzing::counters::Counts;
use crossload::fuzzing::{Target, smoke, target};

#[cfg(fuzzing)]
#[doc(hidden)]
pub use libfuzzer_sys;

/// Counts of this process; told when it ends.
struct Told(Counts);

impl Drop for Told {
    fn drop(&mut self) {
        // There is nobody to tell if the standard error stream is gone.
        let _ = writeln!(std::io::stderr(), "{}", self.0);
        if self.0.cases == 0 && self.0.executions > 10_000 {
            let _ = writeln!(std::io::stderr(), "the target did no work");
            std::process::abort();
        }
    }
}

thread_local! {
    static COUNTS: RefCell<Told> = RefCell::new(Told(Counts::default()));
}

/// Runs one input of a target.
///
/// # Panics
/// When the target fails: the panic is the crash that a fuzzer looks for.
pub fn run(name: &str, bytes: &[u8]) {
    let Some(target) = target(name) else { panic!("no target is called {name}") };
    let outcome = COUNTS.with_borrow_mut(|told| (target.run)(bytes, &mut told.0));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Runs what the command line says: files, or `--smoke N`.
#[must_use]
pub fn replay(name: &str) -> ExitCode {
    let Some(target) = target(name) else { panic!("no target is called {name}") };
    let args: Vec<String> = std::env::args().skip(1).collect();
    match files(target, &args) {
        Ok(text) => {
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

fn files(target: &Target, args: &[String]) -> Result<String, String> {
    if let [flag, number] = args
        && flag == "--smoke"
    {
        let executions = number.parse().map_err(|e| format!("--smoke {number}: {e}"))?;
        return smoke::smoke(target, 1, executions).map(|c| c.to_string()).map_err(|f| f.to_string());
    }
    let mut counts = Counts::default();
    for path in args {
        let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
        (target.run)(&bytes, &mut counts).map_err(|failure| format!("{path}: {failure}"))?;
    }
    Ok(counts.to_string())
}

/// The whole of a target's program.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::run($name, bytes));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $crate::replay($name)
        }
    };
}
