//! The socket to a monitor: the binary connects to it, so that nobody has to wait for it to listen, and
//! every wait has a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use super::process::{Deadline, Ended, POLL, Process, ProcessError, stderr_note};

/// Most bytes that are taken for one answer.
const ANSWER: usize = 16 << 20;

/// Why a command has no answer, of this monitor or of the human one.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum QmpError {
    #[error("{doing}: {source}")]
    Socket { doing: String, source: std::io::Error },
    #[error("{doing}: no answer within {limit:?}")]
    TimeOut { doing: String, limit: Duration },
    #[error("nothing was heard of it within {limit:?}{}", stderr_note(stderr))]
    Silent { limit: Duration, stderr: String },
    #[error("{doing}: the connection was closed")]
    Closed { doing: String },
    #[error("{doing}: expected a line of JSON, got {found:?}")]
    Garbage { doing: String, found: String },
    #[error("{doing}: {message}")]
    Refused { doing: String, message: String },
    #[error("{doing}: {ended}{}", stderr_note(stderr))]
    Died { doing: String, ended: Ended, stderr: String },
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// The next connection to a listener that does not block, if there is one by now; it blocks itself.
///
/// # Errors
/// When the system cannot accept one.
pub fn poll(listener: &UnixListener) -> io::Result<Option<UnixStream>> {
    match listener.accept() {
        Ok((stream, _)) => stream.set_nonblocking(false).map(|()| Some(stream)),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}

/// A connection, and what has come over it that nobody has asked for yet.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    pending: Vec<u8>,
}

impl Connection {
    /// Waits for the process to connect to `listener`.
    ///
    /// # Errors
    /// When it dies or does not in time.
    pub fn accept(
        listener: &UnixListener,
        process: &mut Process,
        deadline: Deadline,
    ) -> Result<Self, QmpError> {
        let doing = || "waiting for QEMU to connect".to_owned();
        let socket = |source| QmpError::Socket { doing: doing(), source };
        listener.set_nonblocking(true).map_err(socket)?;
        let stream = loop {
            if let Some(stream) = poll(listener).map_err(socket)? {
                break stream;
            }
            if let Some(ended) = process.ended()? {
                let doing = "before it could be spoken to".to_owned();
                return Err(QmpError::Died { doing, ended, stderr: process.stderr() });
            }
            if deadline.past() {
                let (limit, stderr) = (deadline.limit, process.stderr());
                return Err(QmpError::Silent { limit, stderr });
            }
            thread::sleep(POLL);
        };
        Ok(Connection { stream, pending: Vec::new() })
    }

    /// Sends a line.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn send(&mut self, doing: &str, line: &str, deadline: Deadline) -> Result<(), QmpError> {
        let line = format!("{line}\n");
        // None at all would be no limit.
        let left = deadline.left().max(Duration::from_millis(1));
        let limited = self.stream.set_write_timeout(Some(left));
        limited
            .and_then(|()| self.stream.write_all(line.as_bytes()))
            .map_err(|e| broken(doing, e, deadline))
    }

    /// Everything up to the first place that `end` finds in what has come: an offset.
    ///
    /// # Errors
    /// When it does not come in time, or is too long for an answer.
    pub fn until(
        &mut self,
        doing: &str,
        end: impl Fn(&[u8]) -> Option<usize>,
        deadline: Deadline,
    ) -> Result<Vec<u8>, QmpError> {
        loop {
            if let Some(end) = end(&self.pending) {
                return Ok(self.pending.drain(..end).collect());
            }
            if self.pending.len() > ANSWER {
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
                Err(e) => return Err(broken(doing, e, deadline)),
            }
        }
    }
}

fn broken(doing: &str, source: std::io::Error, deadline: Deadline) -> QmpError {
    let doing = doing.to_owned();
    match source.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            QmpError::TimeOut { doing, limit: deadline.limit }
        }
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => QmpError::Closed { doing },
        _ => QmpError::Socket { doing, source },
    }
}

/// An answer that is none.
#[must_use]
pub fn garbage(doing: &str, bytes: &[u8]) -> QmpError {
    let shown: Vec<u8> = bytes.iter().copied().take(80).collect();
    QmpError::Garbage {
        doing: doing.to_owned(),
        found: String::from_utf8_lossy(&shown).into_owned(),
    }
}
