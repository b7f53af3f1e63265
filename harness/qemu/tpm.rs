//! A TPM of our own behind `-tpmdev emulator`: enough of one for a machine to start, be saved with a
//! state of the TPM that is ours, and be given it back.
//!
//! QEMU connects to the control channel and passes one end of a data channel over it. Numbers are
//! big-endian. On the control channel a request is its number and what belongs to it, and an answer
//! begins with a result, 0 if all is well (`tpm_ioctl.h`, 2.11 on, when the backend appeared). On the
//! data channel are TPM 2 commands, of which each is answered with success and nothing else.

use std::io::{ErrorKind, IoSliceMut, Result, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::connection::poll;
use super::process::POLL;

/// Name of the control channel's socket in the emulator's folder, as scenarios name it.
pub const SOCKET: &str = "tpm";

/// Buffer size that is agreed to.
const BUFFER: u32 = 4096;

/// What it can do, a bit for a kind of request: all of 2.11's but hashing and configuration.
const CAPABILITIES: u64 = 0x37ef;

/// State of the TPM by kind: permanent, volatile, and one that is kept over a suspend, which a TPM
/// that was not suspended does not have.
const BLOBS: [(u32, &[u8]); 3] = [
    (1, b"permanent state of a TPM of our own, 05 00 7e: \x05\x00\x7e"),
    (2, b"its volatile state"),
    (3, b""),
];

/// A TPM that waits for, or talks to, one emulator. Dropping it ends it.
#[derive(Debug)]
pub struct Tpm {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tpm {
    /// A TPM that listens in an emulator's folder.
    ///
    /// # Errors
    /// When there can be no such socket.
    pub fn listen(folder: &Path) -> Result<Self> {
        let listener = UnixListener::bind(folder.join(SOCKET))?;
        listener.set_nonblocking(true)?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        // Whoever is at the other end sees a connection that ends, and says so.
        let thread = thread::spawn(move || drop(serve(&listener, &ended)));
        Ok(Tpm { over, thread: Some(thread) })
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It cannot panic; if it did, nothing depends on it any more.
            drop(thread.join());
        }
    }
}

fn serve(listener: &UnixListener, over: &AtomicBool) -> Result<()> {
    let control = loop {
        match poll(listener)? {
            Some(stream) => break stream,
            None if over.load(Ordering::Relaxed) => return Ok(()),
            None => thread::sleep(POLL),
        }
    };
    let mut control = Channel::new(control, over)?;
    thread::scope(|scope| {
        while let Some(number) = control.number()? {
            if let Some(data) = request(&mut control, number)? {
                let mut data = Channel::new(data.into(), over)?;
                scope.spawn(move || commands(&mut data));
            }
        }
        Ok(())
    })
}

/// Answers a request. The end of a data channel is returned if it came with one.
fn request(control: &mut Channel<'_>, number: u32) -> Result<Option<OwnedFd>> {
    const OK: u32 = 0;
    let passed = control.passed.take();
    match number {
        // Capabilities.
        1 => control.answer(&CAPABILITIES.to_be_bytes())?,
        // Start, with flags; locality of a byte.
        2 => {
            control.skip(4)?;
            control.numbers(&[OK])?;
        }
        5 | 11 => {
            control.skip(1)?;
            control.numbers(&[OK])?;
        }
        // Whether the established bit is set: it is not. A byte, and three that fill up.
        4 => control.numbers(&[OK, 0])?,
        // A state blob, of its kind, from an offset on: the whole of it, always.
        12 => {
            let [_flags, kind, _offset] = [control.next()?, control.next()?, control.next()?];
            let blob = BLOBS.iter().find(|(is, _)| *is == kind).map_or(&b""[..], |(_, blob)| blob);
            let len = u32::try_from(blob.len()).unwrap_or(0);
            control.numbers(&[OK, 0, len, len])?;
            control.answer(blob)?;
        }
        // A state blob is given back.
        13 => {
            let [_flags, _kind, len] = [control.next()?, control.next()?, control.next()?];
            control.skip(len)?;
            control.numbers(&[OK])?;
        }
        // Size of the buffer: what is wanted, what it is, and what it may be.
        17 => {
            control.skip(4)?;
            control.numbers(&[OK, BUFFER, BUFFER, BUFFER])?;
        }
        // Storage is locked, with tries (7.1 on).
        19 => {
            control.skip(4)?;
            control.numbers(&[OK])?;
        }
        // Shut down, stop, cancel, store, data channel.
        _ => control.numbers(&[OK])?,
    }
    Ok(passed.filter(|_| number == 16))
}

/// Answers each command with success: tag of an answer without sessions, length, result.
fn commands(data: &mut Channel<'_>) -> Result<()> {
    let mut head = [0; 6];
    while data.fill(&mut head)? {
        let [_, _, len @ ..] = head;
        data.skip(u32::from_be_bytes(len).saturating_sub(6))?;
        data.answer(&[0x80, 0x01, 0, 0, 0, 10, 0, 0, 0, 0])?;
    }
    Ok(())
}

/// One end of a channel, read until the TPM is over.
struct Channel<'o> {
    stream: UnixStream,
    over: &'o AtomicBool,
    /// A descriptor that came along with bytes.
    passed: Option<OwnedFd>,
}

impl<'o> Channel<'o> {
    fn new(stream: UnixStream, over: &'o AtomicBool) -> Result<Self> {
        // One that was passed may come as its sender used it.
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(POLL * 10))?;
        Ok(Channel { stream, over, passed: None })
    }

    /// Fills the buffer; `false` if the other end has closed, or the TPM is over, before.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut along = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(rest)];
            match recvmsg(&self.stream, &mut slices, &mut along, RecvFlags::CMSG_CLOEXEC) {
                Ok(got) if got.bytes == 0 => return Ok(false),
                Ok(got) => done += got.bytes,
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    if self.over.load(Ordering::Relaxed) {
                        return Ok(false);
                    }
                }
                Err(e) => return Err(e.into()),
            }
            for message in along.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    self.passed = descriptors.last().or(self.passed.take());
                }
            }
        }
        Ok(true)
    }

    /// The next number; `None` at the end.
    fn number(&mut self) -> Result<Option<u32>> {
        let mut bytes = [0; 4];
        Ok(self.fill(&mut bytes)?.then(|| u32::from_be_bytes(bytes)))
    }

    /// A number that belongs to a request.
    fn next(&mut self) -> Result<u32> {
        self.number()?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    /// Passes over bytes that belong to a request.
    fn skip(&mut self, len: u32) -> Result<()> {
        let mut piece = [0; 4096];
        let mut left = len as usize;
        while left > 0 {
            let end = left.min(piece.len());
            let part = piece.get_mut(..end).unwrap_or_default();
            if !self.fill(part)? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            left -= end;
        }
        Ok(())
    }

    fn answer(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)
    }

    fn numbers(&mut self, numbers: &[u32]) -> Result<()> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        self.answer(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{IoSlice, Read};
    use std::os::fd::AsFd;

    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    use super::*;

    fn asked(control: &mut UnixStream, request: &[u32], answer: usize) -> Vec<u8> {
        let bytes: Vec<u8> = request.iter().flat_map(|n| n.to_be_bytes()).collect();
        control.write_all(&bytes).unwrap();
        let mut got = vec![0; answer];
        control.read_exact(&mut got).unwrap();
        got
    }

    #[test]
    fn it_answers_on_both_channels_and_takes_back_what_it_gave() {
        let folder = tempfile::tempdir().unwrap();
        let tpm = Tpm::listen(folder.path()).unwrap();
        let mut control = UnixStream::connect(folder.path().join(SOCKET)).unwrap();
        assert_eq!(asked(&mut control, &[1], 8), CAPABILITIES.to_be_bytes());
        assert_eq!(asked(&mut control, &[2, 0], 4), [0; 4]);
        let (kind, blob) = BLOBS[0];
        let len = u32::try_from(blob.len()).unwrap();
        let mut expected = [0, 0, len, len].map(u32::to_be_bytes).concat();
        expected.extend(blob);
        assert_eq!(asked(&mut control, &[12, 0, kind, 0], expected.len()), expected);

        let (mut data, theirs) = UnixStream::pair().unwrap();
        let descriptors = [theirs.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut along = SendAncillaryBuffer::new(&mut space);
        assert!(along.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let number = 16_u32.to_be_bytes();
        sendmsg(&control, &[IoSlice::new(&number)], &mut along, SendFlags::empty()).unwrap();
        let mut result = [1; 4];
        control.read_exact(&mut result).unwrap();
        assert_eq!(result, [0; 4]);
        // TPM2_ReadClock, twice: a whole command is taken.
        for _ in 0..2 {
            data.write_all(&[0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x81]).unwrap();
            let mut answer = [0; 10];
            data.read_exact(&mut answer).unwrap();
            assert_eq!(answer, [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0, 0]);
        }

        let mut back = vec![13, 0, kind, len];
        back.extend(blob.chunks_exact(4).map(|c| u32::from_be_bytes(c.try_into().unwrap())));
        control.write_all(&back.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>()).unwrap();
        let rest = blob.chunks_exact(4).remainder();
        control.write_all(rest).unwrap();
        control.read_exact(&mut result).unwrap();
        assert_eq!(result, [0; 4]);
        // Both channels are open still: it ends all the same.
        drop(tpm);
    }

    #[test]
    fn one_that_nobody_speaks_to_ends() {
        let folder = tempfile::tempdir().unwrap();
        drop(Tpm::listen(folder.path()).unwrap());
    }
}
