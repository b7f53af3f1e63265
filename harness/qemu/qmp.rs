//! The QEMU Machine Protocol, as far as it takes to drive a migration: JSON lines over a unix
//! socket to which the binary connects itself, so that nobody has to wait for it to listen.
//!
//! Facts from QEMU's `docs/interop/qmp-spec`: the server greets with `{"QMP": ...}`, wants
//! `qmp_capabilities`, answers each command with `return` or `error`, and sends events in between.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::process::{Deadline, Ended, POLL, Process, ProcessError, said};

/// Longest line that is taken for an answer, in bytes.
const LINE: usize = 16 << 20;

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum QmpError {
    #[error("{doing}: {source}")]
    Socket { doing: String, source: std::io::Error },
    #[error("{doing}: no answer within {limit:?}")]
    TimeOut { doing: String, limit: Duration },
    #[error("{doing}: the connection was closed")]
    Closed { doing: String },
    #[error("{doing}: expected a line of JSON, got {found:?}")]
    Garbage { doing: String, found: String },
    #[error("{doing}: {message}")]
    Refused { doing: String, message: String },
    #[error("before it could be spoken to: {ended}{}", said(stderr))]
    Died { ended: Ended, stderr: String },
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// A connection that is ready for commands.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    /// Bytes received that are not a whole line yet.
    pending: Vec<u8>,
    /// `QMP.version.qemu` of the greeting: major, minor, micro.
    pub version: [u64; 3],
    /// `QMP.version.package` of the greeting: the packager's version, or nothing.
    pub package: String,
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
        let doing = || "waiting for QEMU to connect".to_owned();
        let socket = |source| QmpError::Socket { doing: doing(), source };
        listener.set_nonblocking(true).map_err(socket)?;
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(source) => return Err(socket(source)),
            }
            if let Some(ended) = process.ended()? {
                return Err(QmpError::Died { ended, stderr: process.stderr() });
            }
            if deadline.past() {
                return Err(QmpError::TimeOut { doing: doing(), limit: deadline.limit });
            }
            thread::sleep(POLL);
        };
        stream.set_nonblocking(false).map_err(socket)?;
        let mut qmp = Qmp { stream, pending: Vec::new(), version: [0; 3], package: String::new() };
        let greeting = qmp.message("greeting", deadline)?;
        let version = &greeting["QMP"]["version"];
        if version.is_null() {
            return Err(QmpError::Garbage {
                doing: "greeting".into(),
                found: greeting.to_string(),
            });
        }
        qmp.version =
            ["major", "minor", "micro"].map(|part| version["qemu"][part].as_u64().unwrap_or(0));
        qmp.package = version["package"].as_str().unwrap_or("").trim().to_owned();
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
        let line = format!("{}\n", json!({ "execute": name, "arguments": arguments }));
        self.stream.write_all(line.as_bytes()).map_err(|e| self.broken(name, e, deadline))?;
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
        let line = loop {
            if let Some(end) = self.pending.iter().position(|b| *b == b'\n') {
                break self.pending.drain(..=end).collect::<Vec<u8>>();
            }
            if self.pending.len() > LINE {
                return Err(garbage(doing, &self.pending));
            }
            let left = deadline.left();
            if left.is_zero() {
                return Err(QmpError::TimeOut { doing: doing.to_owned(), limit: deadline.limit });
            }
            let mut piece = [0; 4096];
            let read = match self.stream.set_read_timeout(Some(left)) {
                Ok(()) => self.stream.read(&mut piece),
                Err(e) => Err(e),
            };
            match read {
                Ok(0) => return Err(QmpError::Closed { doing: doing.to_owned() }),
                Ok(n) => self.pending.extend(piece.iter().take(n)),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(self.broken(doing, e, deadline)),
            }
        };
        serde_json::from_slice(&line).map_err(|_| garbage(doing, &line))
    }

    fn broken(&self, doing: &str, source: std::io::Error, deadline: Deadline) -> QmpError {
        let doing = doing.to_owned();
        match source.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                QmpError::TimeOut { doing, limit: deadline.limit }
            }
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => QmpError::Closed { doing },
            _ => QmpError::Socket { doing, source },
        }
    }
}

fn garbage(doing: &str, bytes: &[u8]) -> QmpError {
    let shown: Vec<u8> = bytes.iter().copied().take(80).collect();
    QmpError::Garbage {
        doing: doing.to_owned(),
        found: String::from_utf8_lossy(&shown).into_owned(),
    }
}
