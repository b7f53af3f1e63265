//! A child process under control: a group of its own, output drained by threads, a deadline on
//! every wait, killed and reaped whatever happens.
//!
//! The rules, each from a way in which emulators under test have hung their drivers:
//!
//! * Output is read all the time, so that a child that floods a pipe is never blocked by it. Only
//!   the first [`KEPT`] bytes are kept; one that goes on to [`MOST`] is killed.
//! * The whole group is killed before the leader is reaped: until then its number cannot be
//!   anyone else's.
//! * Nobody waits for the end of a pipe without limit: a grandchild may have it open.

use std::fmt;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::groups;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
#[cfg(target_os = "linux")]
use rustix::process::{Resource, Rlimit, prlimit};

/// Most bytes that are kept of each of standard output and standard error.
pub const KEPT: usize = 1 << 20;

/// Most bytes that a process may write to each of them: one that writes more has nothing to say, and
/// keeps a processor busy that somebody else needs.
pub const MOST: usize = 16 << 20;

/// Most characters of what a process said that are shown in a message.
const SHOWN: usize = 2000;

/// Most bytes of a file that a process may write: its trace is a few megabytes. One that goes on is
/// ended by a signal.
#[cfg(target_os = "linux")]
const LARGEST: u64 = 1 << 30;

/// How long a process has been dead before its output is taken to be complete although somebody
/// has the pipe open.
const PIPE_GRACE: Duration = Duration::from_millis(500);

/// Pause between two looks at something that has no event to wait for.
pub const POLL: Duration = Duration::from_millis(2);

/// Why a process could not be run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ProcessError {
    #[error("{program}: cannot be started: {source}")]
    Spawn { program: PathBuf, source: std::io::Error },
    #[error("{program}: cannot be waited for: {source}")]
    Wait { program: PathBuf, source: std::io::Error },
    #[error("{program}: not done after {limit:?}, killed{}", stderr_note(stderr))]
    TimeOut { program: PathBuf, limit: Duration, stderr: String },
    #[error("{program}: {ended}{}", stderr_note(stderr))]
    Failed { program: PathBuf, ended: Ended, stderr: String },
}

/// What a process said, for the end of a message; nothing if it said nothing. Of much, the end: what
/// it died of comes last.
pub(super) fn stderr_note(stderr: &str) -> String {
    let text = stderr.trim();
    let all = text.chars().count();
    match all {
        0 => String::new(),
        _ if all <= SHOWN => format!("; it said: {text}"),
        _ => {
            let end: String = text.chars().skip(all - SHOWN).collect();
            format!("; it said, at the end of {all} characters: {end}")
        }
    }
}

/// A point in time by which something must have happened.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    /// How long it was when it was set.
    pub limit: Duration,
}

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn within(limit: Duration) -> Self {
        Deadline { at: Instant::now() + limit, limit }
    }

    /// What is left; zero when it is past.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether it is past.
    #[must_use]
    pub fn past(&self) -> bool {
        self.left().is_zero()
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
}

/// Signals that end a program which has gone wrong, as Linux numbers them everywhere that QEMU runs.
const NAMES: [(i32, &str); 8] = [
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (11, "SIGSEGV"),
    (25, "SIGXFSZ"),
];

impl Ended {
    /// Whether it says that all is well.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Ended::Exited(0)
    }
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Exited(code),
            (None, signal) => Ended::Signalled(signal.unwrap_or(0)),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exited(code) => write!(f, "ended with status {code}"),
            Ended::Signalled(signal) => match NAMES.iter().find(|(number, _)| number == signal) {
                Some((_, name)) => write!(f, "killed by signal {signal} ({name})"),
                None => write!(f, "killed by signal {signal}"),
            },
        }
    }
}

/// What is to be run.
#[derive(Debug)]
pub struct Task<'a> {
    /// The binary.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its working directory.
    pub folder: &'a Path,
    /// Its standard input; `None`: an empty one.
    pub stdin: Option<OwnedFd>,
}

/// A running process. Dropping it kills its group.
#[derive(Debug)]
pub struct Process {
    program: PathBuf,
    child: Child,
    group: Option<Pid>,
    ended: Option<Ended>,
    stdout: Drain,
    stderr: Drain,
}

impl Process {
    /// Starts a process in a group of its own.
    ///
    /// # Errors
    /// When there is no such program or it cannot be started.
    pub fn start(task: Task<'_>) -> Result<Self, ProcessError> {
        let program = task.program.to_owned();
        let spawn = |source| ProcessError::Spawn { program: program.clone(), source };
        let mut running = groups::running();
        let mut child = Command::new(task.program)
            .args(&task.arguments)
            .current_dir(task.folder)
            .env("LC_ALL", "C")
            .stdin(task.stdin.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(spawn)?;
        let group = Pid::from_child(&child);
        running.insert(group.as_raw_nonzero().get());
        drop(running);
        #[cfg(target_os = "linux")]
        {
            let most = Rlimit { current: Some(LARGEST), maximum: Some(LARGEST) };
            // It may have ended already.
            let _ = prlimit(Some(group), Resource::Fsize, most);
        }
        let stdout = Drain::start(child.stdout.take(), group);
        let stderr = Drain::start(child.stderr.take(), group);
        Ok(Process { group: Some(group), program, child, ended: None, stdout, stderr })
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn ended(&mut self) -> Result<Option<Ended>, ProcessError> {
        if self.ended.is_some() {
            return Ok(self.ended);
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let dead = waitid(WaitId::Pid(Pid::from_child(&self.child)), options)
            .map_err(|e| self.wait_error(e.into()))?
            .is_some();
        if dead { self.reap().map(Some) } else { Ok(None) }
    }

    /// Waits for its end; `None` if it still runs at the deadline.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn wait(&mut self, deadline: Deadline) -> Result<Option<Ended>, ProcessError> {
        loop {
            match self.ended()? {
                None if !deadline.past() => thread::sleep(POLL),
                ended => return Ok(ended),
            }
        }
    }

    /// Kills the group if it still runs, and reaps it.
    ///
    /// # Errors
    /// When the system cannot tell how it ended.
    pub fn kill(&mut self) -> Result<Ended, ProcessError> {
        match self.ended {
            Some(ended) => Ok(ended),
            None => self.reap(),
        }
    }

    /// What it wrote to standard error by now; all of it once it has ended.
    #[must_use]
    pub fn stderr(&mut self) -> String {
        self.stderr.text(self.ended.is_some())
    }

    /// What it wrote to standard output by now; all of it once it has ended.
    #[must_use]
    pub fn stdout(&mut self) -> String {
        self.stdout.text(self.ended.is_some())
    }

    /// Kills what is left of the group, then reaps the leader.
    fn reap(&mut self) -> Result<Ended, ProcessError> {
        if let Some(group) = self.group.take() {
            let mut running = groups::running();
            // No such group: all of it ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
            // Once the leader is reaped, its number may be another's.
            running.remove(&group.as_raw_nonzero().get());
        }
        let status = self.child.wait().map_err(|e| self.wait_error(e))?;
        let ended = Ended::from(status);
        self.ended = Some(ended);
        Ok(ended)
    }

    fn wait_error(&self, source: std::io::Error) -> ProcessError {
        ProcessError::Wait { program: self.program.clone(), source }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.kill();
    }
}

/// Runs a program to its end and returns its standard output.
///
/// # Errors
/// When it cannot be run, takes longer than `limit` (it is killed), or fails.
pub fn output(task: Task<'_>, limit: Duration) -> Result<String, ProcessError> {
    let mut process = Process::start(task)?;
    let program = process.program.clone();
    match process.wait(Deadline::within(limit))? {
        Some(ended) if ended.is_success() => Ok(process.stdout()),
        Some(ended) => Err(ProcessError::Failed { program, ended, stderr: process.stderr() }),
        None => {
            process.kill()?;
            Err(ProcessError::TimeOut { program, limit, stderr: process.stderr() })
        }
    }
}

/// Kills a group, if its leader has not been reaped yet: then its number may be another's.
fn end(group: Pid) {
    if groups::running().contains(&group.as_raw_nonzero().get()) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// A thread that reads a pipe to its end.
#[derive(Debug)]
struct Drain {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Drain {
    fn start<R: Read + Send + 'static>(pipe: Option<R>, group: Pid) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let thread = pipe.map(|mut pipe| {
            let bytes = Arc::clone(&bytes);
            thread::spawn(move || {
                let mut piece = [0; 8192];
                let mut all = 0;
                while let Ok(n @ 1..) = pipe.read(&mut piece) {
                    all += n;
                    let mut bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = KEPT.saturating_sub(bytes.len()).min(n);
                    bytes.extend(piece.iter().take(room));
                    if all > MOST {
                        let note = format!("\n[it wrote more than {MOST} bytes, and was killed]");
                        bytes.extend(note.as_bytes());
                        end(group);
                        break;
                    }
                }
            })
        });
        Drain { bytes, thread }
    }

    /// What was read; where `complete`, after the end of the pipe, or a moment for it to come.
    fn text(&mut self, complete: bool) -> String {
        if complete && let Some(thread) = self.thread.take() {
            let grace = Deadline::within(PIPE_GRACE);
            while !thread.is_finished() && !grace.past() {
                thread::sleep(POLL);
            }
        }
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests;
