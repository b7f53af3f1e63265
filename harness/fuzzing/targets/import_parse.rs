//! Everything that is read from files: our tables and lists, those of a debugger, a trace log and
//! a dump of a stock binary, provenance, renames, matrix.toml. The first byte chooses.

use crate::dialect::Version;
use crate::fuzzing::counters::Counts;
use crate::fuzzing::{Failure, Outcome};
use crate::matrix::config::Config;
use crate::release::bundle::{
    BundleInput, BundleMachine, BundleScenario, Pool, import_bundle, traced,
};
use crate::release::provenance::Fixture;
use crate::release::{debugger, json, library};
use crate::vmstate::Renames;
use crate::vmstate::schema::{Handlers, Tables};
use crate::wire::Feed;

/// What an input can be, in the order of the choosing byte.
pub const FORMS: [&str; 9] = [
    "tables",
    "handlers",
    "debugger tables",
    "debugger handlers",
    "trace log",
    "dump-vmstate",
    "provenance",
    "renames",
    "matrix",
];

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    counts.begin();
    let Some((choice, text)) = bytes.split_first() else { return Ok(()) };
    let Ok(text) = std::str::from_utf8(text) else {
        counts.other("not UTF-8");
        return Ok(());
    };
    let form = FORMS.get(usize::from(*choice) % FORMS.len()).copied().unwrap_or("tables");
    let read = match form {
        "tables" => match serde_json::from_str::<Tables>(text) {
            Ok(tables) => {
                compiles(&tables, &Handlers::default(), counts);
                same(&tables)?;
                true
            }
            Err(_) => false,
        },
        "handlers" => match serde_json::from_str::<Handlers>(text) {
            Ok(handlers) => {
                compiles(&Tables::default(), &handlers, counts);
                same(&handlers)?;
                true
            }
            Err(_) => false,
        },
        "debugger tables" => match debugger::tables("input", "2.3.1", text) {
            Ok(tables) => {
                compiles(&tables, &Handlers::default(), counts);
                true
            }
            Err(_) => false,
        },
        "debugger handlers" => {
            debugger::handlers("input", &Tables::default(), "pc", "idle", text).is_ok()
        }
        "trace log" => bundle(Some(text), None, counts),
        "dump-vmstate" => bundle(None, Some(text), counts),
        "provenance" => toml::from_str::<Fixture>(text).is_ok(),
        "renames" => Renames::parse(text).is_ok(),
        _ => {
            // The two smallest of all forms come along.
            let _ = (text.parse::<Version>(), text.parse::<Feed>());
            Config::parse("input", text).is_ok()
        }
    };
    counts.cases += u64::from(read);
    counts.other(if read { "parsed" } else { "refused" });
    Ok(())
}

/// Imports a bundle that consists of one text.
fn bundle(trace: Option<&str>, dump: Option<&str>, counts: &mut Counts) -> bool {
    let Ok(trace) = trace.map(|text| traced("input", text)).transpose() else { return false };
    let scenario = BundleScenario { scenario: "idle".to_string(), trace, stream: Vec::new() };
    let machine = BundleMachine {
        machine: "pc".to_string(),
        dump: dump.map(str::to_string),
        scenarios: vec![scenario],
    };
    let input = BundleInput { release: "2.8.1".to_string(), machines: vec![machine] };
    match import_bundle(input, &Pool::default()) {
        Ok(imported) => {
            for handlers in &imported.handlers {
                compiles(&imported.tables, handlers, counts);
            }
            true
        }
        Err(_) => false,
    }
}

/// Compiles what was read; whether it can be is not the question.
pub(super) fn compiles(tables: &Tables, handlers: &Handlers, counts: &mut Counts) {
    let compiled = library::build(handlers, tables, &Renames::default());
    counts.other(if compiled.is_ok() { "compiled" } else { "not compiled" });
}

/// What we write of our own forms, we read as the same.
fn same<T>(value: &T) -> Outcome
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq,
{
    let again = json::layout(value).and_then(|text| serde_json::from_str::<T>(&text));
    match again {
        Ok(again) if again == *value => Ok(()),
        Ok(_) => Err(Failure("written and read again, it is something else".to_string())),
        Err(error) => Err(Failure(format!("what was written is not read: {error}"))),
    }
}
