//! Requests to a running emulator, by QMP or, where that is not available, by the human monitor.

use std::os::unix::net::UnixListener;
use std::time::Duration;

use serde_json::{Value, json};

use super::connection::QmpError;
use super::hmp::Hmp;
use super::process::{Deadline, Process};
use super::qmp::Qmp;

/// A way to talk to an emulator.
#[derive(Debug)]
pub enum Monitor {
    /// By JSON.
    Qmp(Qmp),
    /// As a person would.
    Human(Hmp),
}

/// How far an outgoing migration is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Migration {
    /// Not done.
    Active,
    /// Done.
    Completed,
    /// Given up, and why, if it says so.
    Failed(String),
}

impl Monitor {
    /// The option that makes a binary connect to a socket of this name.
    #[must_use]
    pub fn option(human: bool, socket: &str) -> [String; 2] {
        [if human { "-monitor" } else { "-qmp" }.to_owned(), format!("unix:{socket}")]
    }

    /// Waits for the process to connect to `listener`.
    ///
    /// # Errors
    /// When it dies, does not in time, or says something else than such a monitor does.
    pub fn accept(
        human: bool,
        listener: &UnixListener,
        process: &mut Process,
        deadline: Deadline,
    ) -> Result<Self, QmpError> {
        let accepted = match human {
            true => Hmp::accept(listener, process, deadline).map(Monitor::Human),
            false => Qmp::accept(listener, process, deadline).map(Monitor::Qmp),
        };
        accepted.map_err(|error| ended(error, process, "before it could be spoken to"))
    }

    /// What a command of the human monitor prints.
    ///
    /// # Errors
    /// When it is refused, or there is no answer in time; so for all that follow.
    pub fn human(&mut self, line: &str, deadline: Deadline) -> Result<String, QmpError> {
        match self {
            Monitor::Qmp(qmp) => qmp.human(line, deadline),
            Monitor::Human(hmp) => hmp.command(line, deadline),
        }
    }

    /// A command of QMP, and its answer.
    ///
    /// # Errors
    /// See [`Qmp::execute`]; always where there is only the human monitor.
    pub fn execute(
        &mut self,
        name: &str,
        arguments: Value,
        deadline: Deadline,
    ) -> Result<Value, QmpError> {
        match self {
            Monitor::Qmp(qmp) => qmp.execute(name, arguments, deadline),
            Monitor::Human(_) => Err(QmpError::Refused {
                doing: name.to_owned(),
                message: "the human monitor has no such command".to_owned(),
            }),
        }
    }

    /// Stops the guest.
    ///
    /// # Errors
    /// See [`Monitor::human`].
    pub fn stop(&mut self, deadline: Deadline) -> Result<(), QmpError> {
        match self {
            Monitor::Qmp(qmp) => qmp.command("stop", deadline).map(|_| ()),
            Monitor::Human(hmp) => hmp.command("stop", deadline).map(|_| ()),
        }
    }

    /// The run state, such as `paused` or `inmigrate`; empty if the answer tells none.
    ///
    /// # Errors
    /// See [`Monitor::human`].
    pub fn state(&mut self, deadline: Deadline) -> Result<String, QmpError> {
        let answer = match self {
            Monitor::Human(hmp) => return Ok(status(&hmp.command("info status", deadline)?)),
            Monitor::Qmp(qmp) => qmp.command("query-status", deadline)?,
        };
        let state = match (answer["status"].as_str(), answer["running"].as_bool()) {
            (Some(state), _) => state,
            // Before 1.0 it only tells whether it runs.
            (None, Some(true)) => "running",
            (None, Some(false)) => "paused",
            (None, None) => "",
        };
        Ok(state.to_owned())
    }

    /// Begins to migrate to an address.
    ///
    /// # Errors
    /// See [`Monitor::human`].
    pub fn migrate(&mut self, uri: &str, deadline: Deadline) -> Result<(), QmpError> {
        match self {
            Monitor::Qmp(qmp) => {
                qmp.execute("migrate", json!({ "uri": uri }), deadline).map(|_| ())
            }
            Monitor::Human(hmp) => hmp.command(&format!("migrate -d {uri}"), deadline).map(|_| ()),
        }
    }

    /// How far that is.
    ///
    /// # Errors
    /// See [`Monitor::human`].
    pub fn migration(&mut self, deadline: Deadline) -> Result<Migration, QmpError> {
        let (status, why) = match self {
            Monitor::Human(hmp) => (migration(&hmp.command("info migrate", deadline)?), None),
            Monitor::Qmp(qmp) => {
                let answer = qmp.command("query-migrate", deadline)?;
                let text = |key: &str| answer[key].as_str().map(str::to_owned);
                (text("status").unwrap_or_default(), text("error-desc"))
            }
        };
        Ok(match status.as_str() {
            "completed" => Migration::Completed,
            "failed" | "cancelled" => {
                Migration::Failed(why.unwrap_or_else(|| "no reason given".to_owned()))
            }
            _ => Migration::Active,
        })
    }
}

/// The state in `VM status: paused (inmigrate)`, or `VM status: running`.
fn status(said: &str) -> String {
    let said = said.lines().find_map(|line| line.strip_prefix("VM status: ")).unwrap_or("").trim();
    match said.split_once(" (") {
        Some((_, state)) => state.trim_end_matches(')').to_owned(),
        None => said.to_owned(),
    }
}

/// The word behind `Migration status:`, from 10.1 on `Status:`.
fn migration(said: &str) -> String {
    let mut lines = said.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| matches!(key.trim(), "Migration status" | "Status"));
    found.map_or("", |(_, value)| value.trim()).to_owned()
}

/// How long a process that has closed its monitor may take to end.
const AFTER_CLOSING: Duration = Duration::from_secs(10);

/// What there is to say of a connection that was closed because the process has ended. Its monitor is
/// there before its devices are: one that cannot be made ends it with a message.
#[must_use]
pub fn ended(error: QmpError, process: &mut Process, doing: &str) -> QmpError {
    if !matches!(error, QmpError::Closed { .. } | QmpError::Socket { .. }) {
        return error;
    }
    match process.wait(Deadline::within(AFTER_CLOSING)) {
        Ok(Some(ended)) => {
            QmpError::Died { doing: doing.to_owned(), ended, stderr: process.stderr() }
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("VM status: running", "running")]
    #[case("VM status: paused (inmigrate)", "inmigrate")]
    #[case("VM status: running (single step mode)\n", "single step mode")]
    #[case("what?", "")]
    fn states_are_told(#[case] said: &str, #[case] state: &str) {
        assert_eq!(status(said), state);
    }

    #[rstest::rstest]
    #[case(
        "globals:\nstore-global-state: on\nMigration status: completed\ntotal time: 3",
        "completed"
    )]
    #[case("Status: \t\tfailed\nReason: none", "failed")]
    #[case("", "")]
    fn migrations_are_told(#[case] said: &str, #[case] state: &str) {
        assert_eq!(migration(said), state);
    }
}
