//! Glue between crossload's fuzz targets and libFuzzer. The targets are in `harness/fuzzing`.
//!
//! Without libFuzzer (stable toolchain) each target is a program that runs the files it is given,
//! or `--smoke N` inputs of a fixed sequence.
//!
//! Memory is bounded: an input that asks for more than [`memory::MOST`] beyond what the program has
//! already ends it, as a crash.

use std::cell::RefCell;
use std::io::Write;
use std::process::ExitCode;

pub use crossload_fuzz_body::fuzzing;

use fuzzing::counters::Counts;
use fuzzing::strict::Strict;
use fuzzing::{Outcome, Target, smoke, target};

#[cfg(fuzzing)]
#[doc(hidden)]
pub use libfuzzer_sys;

/// A case is hundreds of small pieces of memory. What this one asks the system for counts against the
/// [bound](memory), as it does with the usual one.
#[cfg(jemalloc)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(all(fuzzing, target_os = "linux"))]
mod feedback;
pub mod memory;

/// A target by itself. Not by its name: the table of all targets would bring the counters of all of them
/// into each program.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// What it does with an input.
    pub run: fn(&[u8], &mut Counts) -> Outcome,
    /// Makes what it needs for all inputs.
    pub ready: fn(),
}

/// What the targets that begin with captured streams need: the corpus.
pub fn corpus() {
    let _ = fuzzing::pool::pool();
}

/// Runs one input within bounds.
fn bounded(target: Body, bytes: &[u8], counts: &mut Counts) -> Outcome {
    memory::bound(target.ready);
    let outcome = (target.run)(bytes, counts);
    #[cfg(all(fuzzing, target_os = "linux"))]
    counts.classes.iter().for_each(|class| feedback::note(*class));
    outcome
}

/// Counts of this process; told when it ends.
struct PrintedCounts(Counts);

impl Drop for PrintedCounts {
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
    static COUNTS: RefCell<PrintedCounts> = RefCell::new(PrintedCounts(counts()));
}

fn counts() -> Counts {
    match Strict::from_environment() {
        Ok(strict) => Counts { strict, ..Counts::default() },
        Err(text) => panic!("{text}"),
    }
}

/// Runs one input of a target.
///
/// # Panics
/// When the target fails: the panic is the crash that a fuzzer looks for.
pub fn run(target: Body, bytes: &[u8]) {
    let outcome = COUNTS.with_borrow_mut(|reported| bounded(target, bytes, &mut reported.0));
    if let Err(failure) = outcome {
        // The table of a run that ends so is told here.
        let counts = COUNTS.with_borrow(|reported| reported.0.to_string());
        panic!("{failure}\n{counts}");
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
        return smoke::smoke(target, 1, executions, Strict::from_environment()?)
            .map(|c| c.to_string())
            .map_err(|f| f.to_string());
    }
    let mut counts = Counts { strict: Strict::from_environment()?, ..Counts::default() };
    let body = Body { run: target.run, ready: corpus };
    for path in args {
        let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
        bounded(body, &bytes, &mut counts).map_err(|failure| format!("{path}: {failure}"))?;
    }
    Ok(counts.to_string())
}

/// Puts a new input where libFuzzer wants it, cut to the room there. Returns its length.
pub fn put(new: &[u8], into: &mut [u8], room: usize) -> usize {
    let n = new.len().min(room).min(into.len());
    into[..n].copy_from_slice(&new[..n]);
    n
}

/// The whole of a target's program.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        $crate::target!($name, || ());
    };
    ($name:ident, $ready:expr) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::run(
            $crate::Body { run: $crate::fuzzing::targets::$name::run, ready: $ready },
            bytes
        ));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $crate::replay(stringify!($name))
        }
    };
}

/// Custom mutator and crossover: `$mutate(input, choices)` and `$cross(one, other, choices)`. Every
/// other input is changed as libFuzzer likes, all of them if `CROSSLOAD_PLAIN` is set.
#[cfg(fuzzing)]
#[macro_export]
macro_rules! structured {
    ($mutate:path, $cross:path) => {
        $crate::mutator!($mutate, 2);
        $crate::libfuzzer_sys::fuzz_crossover!(|one: &[u8],
                                                other: &[u8],
                                                out: &mut [u8],
                                                seed: u32| {
            if $crate::plain() {
                // Nothing made: libFuzzer changes the input by its own means.
                return 0;
            }
            let new = $cross(one, other, &$crate::choices(seed));
            let room = out.len();
            $crate::put(&new, out, room)
        });
    };
}

/// Custom mutator: one input in `$often` is `$mutate(input, choices)`, the others are changed as
/// libFuzzer likes.
#[cfg(fuzzing)]
#[macro_export]
macro_rules! mutator {
    ($mutate:path, $often:literal) => {
        $crate::libfuzzer_sys::fuzz_mutator!(|data: &mut [u8],
                                              size: usize,
                                              max_size: usize,
                                              seed: u32| {
            if seed % $often != 0 || $crate::plain() {
                return $crate::libfuzzer_sys::fuzzer_mutate(data, size, max_size);
            }
            let new = $mutate(&data[..size], &$crate::choices(seed));
            $crate::put(&new, data, max_size)
        });
    };
}

/// A target whose input is choices for a generator: mostly those that make both sides of a case stay as
/// they are, as what these come to is kept; now and then all are new ones.
#[macro_export]
macro_rules! generated {
    ($name:ident) => {
        $crate::generated!($name, || ());
    };
    ($name:ident, $ready:expr) => {
        $crate::target!($name, $ready);
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_mutator!(|data: &mut [u8],
                                              size: usize,
                                              max_size: usize,
                                              seed: u32| {
            let from = match seed % 16 {
                _ if $crate::plain() => 0,
                0 => {
                    let new = $crate::fresh(&data[..size], &$crate::choices(seed));
                    return $crate::put(&new, data, max_size);
                }
                1 => 0,
                _ => $crate::after_shape(&data[..size]),
            };
            let (rest, room) = (size - from, max_size.max(from) - from);
            from + $crate::libfuzzer_sys::fuzzer_mutate(&mut data[from..], rest, room)
        });
    };
}

pub use fuzzing::smoke::{after_shape, fresh};

/// Whether inputs are to be changed without regard to their structure.
#[must_use]
pub fn plain() -> bool {
    static PLAIN: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *PLAIN.get_or_init(|| std::env::var_os("CROSSLOAD_PLAIN").is_some())
}

/// Choices from libFuzzer's seed.
#[must_use]
pub fn choices(seed: u32) -> Vec<u8> {
    let mut bytes = smoke::input(u64::from(seed), 0);
    bytes.extend(seed.to_le_bytes());
    bytes
}
