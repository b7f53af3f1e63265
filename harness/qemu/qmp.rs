//! The QEMU Machine Protocol, as far as it takes to drive a migration: JSON lines over a unix
//! socket.
//!
//! Facts from QEMU's `docs/interop/qmp-spec`: the server greets with `{"QMP": ...}`, wants
//! `qmp_capabilities`, answers each command with `return` or `error`, and sends events in between.
//!
//! The `qapi` crate has one release's answers as types, whose required members come and go
//! (`query-status` lost one with 9.0), and waits for an answer as long as it takes.

use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use super::connection::{Connection, QmpError, garbage};
use super::process::{Deadline, Process};

/// A connection that is ready for commands.
#[derive(Debug)]
pub struct Qmp {
    connection: Connection,
}

impl Qmp {
    /// Waits for the process to connect to `listener`, and opens the conversation.
    ///
    /// # Errors
    /// When it dies or does neither in time, or does not speak the protocol.
    pub fn accept(
        listener: &UnixListener,
        process: &mut Process,
        deadline: Deadline,
    ) -> Result<Self, QmpError> {
        let connection = Connection::accept(listener, process, deadline)?;
        let mut qmp = Qmp { connection };
        let greeting = qmp.message("greeting", deadline)?;
        if greeting["QMP"]["version"].is_null() {
            return Err(QmpError::Garbage {
                doing: "greeting".into(),
                found: greeting.to_string(),
            });
        }
        qmp.command("qmp_capabilities", deadline)?;
        Ok(qmp)
    }

    /// A command without arguments.
    ///
    /// # Errors
    /// See [`Qmp::execute`].
    pub fn command(&mut self, name: &str, deadline: Deadline) -> Result<Value, QmpError> {
        self.execute(name, json!({}), deadline)
    }

    /// A command of the human monitor, and what it prints.
    ///
    /// # Errors
    /// See [`Qmp::execute`].
    pub fn human(&mut self, line: &str, deadline: Deadline) -> Result<String, QmpError> {
        let arguments = json!({ "command-line": line });
        let answer = self.execute("human-monitor-command", arguments, deadline)?;
        Ok(answer.as_str().unwrap_or("").to_owned())
    }

    /// A command with arguments; events that come before its answer are passed over.
    ///
    /// # Errors
    /// When the command is refused, or there is no answer in time.
    pub fn execute(
        &mut self,
        name: &str,
        arguments: Value,
        deadline: Deadline,
    ) -> Result<Value, QmpError> {
        let line = json!({ "execute": name, "arguments": arguments }).to_string();
        self.connection.send(name, &line, deadline)?;
        loop {
            let mut answer = self.message(name, deadline)?;
            if let Some(error) = answer.get("error") {
                let message = error["desc"].as_str().map_or(error.to_string(), str::to_owned);
                return Err(QmpError::Refused { doing: name.to_owned(), message });
            }
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    /// The next message.
    fn message(&mut self, doing: &str, deadline: Deadline) -> Result<Value, QmpError> {
        let end = |said: &[u8]| said.iter().position(|b| *b == b'\n').map(|at| at + 1);
        let line = self.connection.until(doing, end, deadline)?;
        serde_json::from_slice(&line).map_err(|_| garbage(doing, &line))
    }
}
