//! One load by a real binary: the stream written to a socket in pieces of a given size, and how it ended.
//!
//! The loader reads one end of a socket pair as its standard input. This side has a copy of that
//! end, so that the number of bytes which the loader has not taken can be asked for at any time,
//! to the byte, even after it has died.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::{Errno, ioctl_fionread};
use rustix::net::{RecvFlags, recv};

use super::QemuError;
use super::binary::Binary;
use super::connection::QmpError;
use super::emulator::{Emulator, Role, Setup};
use super::process::{Deadline, Ended};
use super::roms;
use crate::dialect::Version;
use crate::release::observed::{ObservedVerdict, Outcome};
use crate::wire::Feed;
use crate::wire::feed::FeedState;

/// Largest piece of a bulk feed: refills are full but for the end of a piece.
const PIECE: usize = 64 << 10;

/// How long the reader may leave bytes lying before it is asked whether it has finished.
const STALL: Duration = Duration::from_millis(20);

/// The first release with a run state for loading.
const HAS_RUN_STATE: Version = Version::new(1, 0, 0);

/// What is wanted of a load.
#[derive(Debug, Clone)]
pub struct IncomingOptions {
    /// How the bytes arrive.
    pub feed: Feed,
    /// Whether the fields that it reads are traced.
    pub trace: bool,
    /// Whether an accepted state is saved again.
    pub save: bool,
    /// Time for the whole load. One that takes longer is killed and counts as hanging.
    pub limit: Duration,
}

/// How a load ended.
#[derive(Debug, Clone)]
pub struct RealLoad {
    /// Accepted, refused, or neither: it hangs, or what it says is no answer.
    pub verdict: ObservedVerdict,
    /// Bytes that the loader took; `None` if it never came to be fed.
    pub consumed: Option<u64>,
    /// How the process ended, if it did so by itself.
    pub ended: Option<Ended>,
    /// Standard error.
    pub stderr: String,
    /// Fields as traced.
    pub trace: String,
    /// The state as it was saved again.
    pub saved: Option<Vec<u8>>,
    /// Why it was not saved again, where that was wanted.
    pub unsaved: Option<String>,
}

impl RealLoad {
    /// As it is recorded in `corpus/observed/`: in bulk, the number of bytes taken is a lower
    /// bound.
    #[must_use]
    pub fn outcome(&self, feed: &Feed) -> Outcome {
        let bulk = *feed == Feed::Bulk;
        Outcome {
            verdict: self.verdict,
            consumed: self.consumed.filter(|_| !bulk),
            consumed_at_least: self.consumed.filter(|_| bulk),
            stderr: self.stderr.trim_end().to_owned(),
        }
    }
}

/// Loads a stream into a paused machine. A binary that lacks an option ROM is given one of ours, and
/// started again.
///
/// # Errors
/// When the binary cannot be started at all, or files and sockets of this side fail. A binary that
/// refuses its arguments, dies, hangs or talks nonsense is a result.
pub fn load(
    binary: &Binary,
    setup: &Setup,
    stream: &[u8],
    options: &IncomingOptions,
) -> Result<RealLoad, QemuError> {
    loop {
        let real = once(binary, setup, stream, options)?;
        if real.verdict != ObservedVerdict::Refused || !roms::learn(&real.stderr) {
            return Ok(real);
        }
    }
}

fn once(
    binary: &Binary,
    setup: &Setup,
    stream: &[u8],
    options: &IncomingOptions,
) -> Result<RealLoad, QemuError> {
    // A long stream takes its time; it is seen whether each piece was taken.
    let feeding = Duration::from_secs(stream.len() as u64 >> 20);
    let deadline = Deadline::within(options.limit.saturating_add(feeding));
    let (ours, theirs) = UnixStream::pair().map_err(QemuError::Socket)?;
    ours.set_nonblocking(true).map_err(QemuError::Socket)?;
    let meter = theirs.try_clone().map_err(QemuError::Socket)?;
    let role = Role::Load { from: OwnedFd::from(theirs), trace: options.trace };
    let mut emulator = match Emulator::start(binary, setup, role, deadline) {
        Ok(emulator) => emulator,
        Err(QemuError::Qmp(error)) => return not_started(error),
        Err(error) => return Err(error),
    };
    let tells = binary.version >= HAS_RUN_STATE;
    let mut feeder = Feeder {
        socket: ours,
        meter,
        stream,
        sent: 0,
        closed: false,
        deaf: false,
        tells,
        feed: FeedState::new(&options.feed),
    };
    let end = feeder.run(&mut emulator, deadline)?;
    let consumed = feeder.taken()?;
    // Before the save, which is traced too.
    let trace = emulator.trace()?;
    let (mut saved, mut unsaved) = (None, None);
    if end == End::Accepted && options.save {
        // The load is what counts; a save that fails is reported beside it.
        match emulator.save(Deadline::within(options.limit)) {
            Ok(stream) => saved = Some(stream),
            Err(why) => unsaved = Some(why.to_string()),
        }
    }
    let ended = emulator.process.ended()?;
    emulator.process.kill()?;
    let mut stderr = emulator.process.stderr();
    let verdict = match end {
        End::Accepted => ObservedVerdict::Accepted,
        End::Died => ObservedVerdict::Refused,
        End::Hang => ObservedVerdict::Hang,
        End::Lost(why) => {
            stderr += &why;
            ObservedVerdict::Hang
        }
    };
    Ok(RealLoad { verdict, consumed: Some(consumed), ended, stderr, trace, saved, unsaved })
}

/// A binary that was not to be spoken to: it refused its arguments, or does not speak the protocol.
fn not_started(error: QmpError) -> Result<RealLoad, QemuError> {
    let (verdict, ended, stderr) = match error {
        QmpError::Died { ended, stderr, .. } => (ObservedVerdict::Refused, Some(ended), stderr),
        QmpError::Process(_) | QmpError::Socket { .. } => return Err(error.into()),
        _ => (ObservedVerdict::Hang, None, error.to_string()),
    };
    let (trace, saved, unsaved) = (String::new(), None, None);
    Ok(RealLoad { verdict, consumed: None, ended, stderr, trace, saved, unsaved })
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Accepted,
    Died,
    Hang,
    /// It lives, but does not answer as a monitor does.
    Lost(String),
}

/// The giving side of the socket.
struct Feeder<'s> {
    socket: UnixStream,
    /// The reader's own end.
    meter: UnixStream,
    stream: &'s [u8],
    sent: usize,
    closed: bool,
    /// The reader takes nothing more, and has said so.
    deaf: bool,
    /// Whether its run state tells that it still loads.
    tells: bool,
    feed: FeedState,
}

impl Feeder<'_> {
    /// Gives the next piece whenever the reader has taken the last, until the load has ended.
    fn run(&mut self, emulator: &mut Emulator, deadline: Deadline) -> Result<End, QemuError> {
        let mut moved = Instant::now();
        loop {
            if self.all_taken()? && self.give()? {
                moved = Instant::now();
                continue;
            }
            if moved.elapsed() < STALL {
                // A reader in step answers within microseconds.
                thread::yield_now();
                continue;
            }
            if emulator.process.ended()?.is_some() {
                return Ok(End::Died);
            }
            match emulator.monitor.state(deadline) {
                Ok(state) if state.is_empty() => {
                    return Ok(End::Lost("the monitor tells no run state".to_owned()));
                }
                // One that does not tell is known to have loaded when it has taken everything,
                // the end too, and lives.
                Ok(state) if state != "inmigrate" && (self.tells || self.closed) => {
                    return Ok(End::Accepted);
                }
                Ok(_) if deadline.past() => return Ok(End::Hang),
                Ok(_) => thread::sleep(STALL),
                Err(QmpError::TimeOut { .. }) => return Ok(End::Hang),
                // It closes its sockets before it is gone.
                Err(QmpError::Closed { .. }) => {
                    return Ok(match emulator.process.wait(deadline)? {
                        Some(_) => End::Died,
                        None => End::Hang,
                    });
                }
                Err(error @ (QmpError::Process(_) | QmpError::Socket { .. })) => {
                    return Err(error.into());
                }
                Err(error) => return Ok(End::Lost(error.to_string())),
            }
        }
    }

    /// Gives the next piece, or closes the stream after the last. False if there is nothing left
    /// to give.
    fn give(&mut self) -> Result<bool, QemuError> {
        let rest = self.stream.get(self.sent..).unwrap_or(&[]);
        if self.deaf {
            return Ok(false);
        }
        if rest.is_empty() {
            if self.closed {
                return Ok(false);
            }
            self.closed = true;
            self.socket.shutdown(Shutdown::Write).map_err(QemuError::Socket)?;
            return Ok(true);
        }
        let size = rest.len().min(PIECE).min(self.feed.next());
        match self.socket.write(rest.get(..size).unwrap_or(rest)) {
            Ok(n) => self.sent += n,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.deaf = true;
            }
            Err(e) => return Err(QemuError::Socket(e)),
        }
        Ok(true)
    }

    /// Whether the reader has taken all that was given, and is done with taking it: while its call
    /// lasts, what is given would go into the same read, and the place where a refill ends would
    /// depend on who is faster. A look into the queue waits for that call.
    fn all_taken(&self) -> Result<bool, QemuError> {
        let mut byte = [0; 1];
        let look = recv(&self.meter, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        match look {
            // Nothing after the end, too.
            Ok((_, 0)) | Err(Errno::AGAIN) => Ok(true),
            Ok(_) | Err(Errno::INTR) => Ok(false),
            Err(e) => Err(QemuError::Socket(e.into())),
        }
    }

    /// Bytes that lie in the socket.
    fn waiting(&self) -> Result<u64, QemuError> {
        ioctl_fionread(&self.meter).map_err(|e| QemuError::Socket(e.into()))
    }

    /// Bytes that the reader has taken.
    fn taken(&self) -> Result<u64, QemuError> {
        Ok((self.sent as u64).saturating_sub(self.waiting()?))
    }
}
