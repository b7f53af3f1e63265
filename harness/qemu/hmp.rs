//! The human monitor, for releases whose QMP is not there (up to 0.12) or cannot ask for registers
//! (0.13): lines of text over a unix socket, each answer ended by a prompt.
//!
//! What is typed comes back first, with the control sequences of a line editor between the
//! characters; the answer begins on the next line.

use std::os::unix::net::UnixListener;

use super::connection::Connection;
use super::connection::QmpError;
use super::process::{Deadline, Process};

/// What it says when it waits for a line.
const PROMPT: &[u8] = b"(qemu) ";

/// A connection that is at its prompt.
#[derive(Debug)]
pub struct Hmp {
    connection: Connection,
}

impl Hmp {
    /// Waits for the process to connect to `listener`, and for its first prompt.
    ///
    /// # Errors
    /// When it dies or does neither in time.
    pub fn accept(
        listener: &UnixListener,
        process: &mut Process,
        deadline: Deadline,
    ) -> Result<Self, QmpError> {
        let mut connection = Connection::accept(listener, process, deadline)?;
        connection.until("greeting", prompted, deadline)?;
        Ok(Hmp { connection })
    }

    /// A command, and what it prints.
    ///
    /// # Errors
    /// When there is no answer in time, or the answer is that there is no such command.
    pub fn command(&mut self, line: &str, deadline: Deadline) -> Result<String, QmpError> {
        self.connection.send(line, line, deadline)?;
        let said = self.connection.until(line, prompted, deadline)?;
        let said = String::from_utf8_lossy(&said).replace('\r', "");
        let answer = said.split_once('\n').map_or("", |(_, answer)| answer);
        let answer = answer.strip_suffix("(qemu) ").unwrap_or(answer).trim_end();
        let refused = ["unknown command", "Error: ", "Command '", "invalid "];
        if refused.iter().any(|text| answer.starts_with(text)) {
            let message = answer.lines().next().unwrap_or("").to_owned();
            return Err(QmpError::Refused { doing: line.to_owned(), message });
        }
        Ok(answer.to_owned())
    }
}

/// The end of the first prompt, which is all that has come so far: an answer may have the word in
/// it, but does not stop there.
fn prompted(said: &[u8]) -> Option<usize> {
    said.ends_with(PROMPT).then_some(said.len())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixStream;
    use std::path::Path;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::qemu::process::Task;

    /// A monitor that answers each line with the next of `answers`, after echoing it as a line
    /// editor does, and then closes.
    fn fake(answers: &'static [&'static str], limit: Duration) -> Result<Vec<String>, QmpError> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("monitor");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = thread::spawn(move || {
            let mut stream = UnixStream::connect(socket).unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let (last, others) = answers.split_last().unwrap();
            for answer in others {
                stream.write_all(answer.as_bytes()).unwrap();
                let Some(Ok(line)) = lines.next() else { return };
                let echo: String =
                    line.chars().map(|c| format!("{c}\u{1b}[K\u{1b}[D{c}")).collect();
                stream.write_all(format!("{echo}\r\n").as_bytes()).unwrap();
            }
            stream.write_all(last.as_bytes()).unwrap();
        });
        let (program, folder) = (Path::new("sleep"), Path::new("/"));
        let task = Task { program, arguments: vec!["60".to_owned()], folder, stdin: None };
        let mut process = Process::start(task).unwrap();
        let deadline = Deadline::within(limit);
        let mut talk = || -> Result<Vec<String>, QmpError> {
            let mut hmp = Hmp::accept(&listener, &mut process, deadline)?;
            let more = answers.len() - 1;
            (0..more).map(|_| hmp.command("info status", deadline)).collect()
        };
        let said = talk();
        server.join().unwrap();
        said
    }

    const GREETING: &str = "QEMU 0.12.5 monitor - type 'help' for more information\r\n(qemu) ";

    #[test]
    fn answers_are_what_comes_between_echo_and_prompt() {
        let said = fake(
            &[GREETING, "VM status: running\r\n(qemu) ", "(qemu) ", "a\r\n(qemu) b\r\n(qemu) "],
            Duration::from_secs(20),
        );
        assert_eq!(said.unwrap(), ["VM status: running", "", "a\n(qemu) b"]);
    }

    #[test]
    fn a_command_that_is_not_there_is_refused() {
        let said = fake(&[GREETING, "unknown command: 'info'\r\n(qemu) "], Duration::from_secs(20));
        assert_eq!(said.unwrap_err().to_string(), "info status: unknown command: 'info'");
    }

    #[test]
    fn one_that_closes_or_says_nothing_is_an_error() {
        let said = fake(&[GREETING, "VM sta"], Duration::from_secs(20));
        assert!(matches!(said, Err(QmpError::Closed { .. })), "{said:?}");
        let said = fake(&["not a prompt\r\n", ""], Duration::from_millis(300));
        assert!(matches!(said, Err(QmpError::TimeOut { .. })), "{said:?}");
    }
}
