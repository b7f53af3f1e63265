//! Opens a file: takes off one container after the other, until a stream begins.

use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::domain::Domain;
use super::error::InputError;
use super::kind::{self, Kind};
use super::libvirt::{self, SaveImage};
use super::pack::Packer;
use super::source::{Facts, Layer, Source, Window};
use super::spool::{Bounds, Failed, spool};
use super::{Options, qcow2};
use crate::stream::frames::{Depth, scan};

/// So many zeros at the end of a stream, and it is seen whether it ended before.
const PADDING: u64 = 4096;
/// So many zeros before a stream, and no more are looked through: 1 GiB.
const ZEROS: u64 = 1 << 30;
/// Most wrappings; people have two.
const MAX_LAYERS: usize = 4;

/// Opens a file, a device, or standard input for `-`.
///
/// What can be sought in is read where it lies. Of a pipe, and of what is packed, a copy is made in a
/// temporary file, without the contents of memory unless [`Options::whole`] asks for them; both only once
/// its first bytes are those of something that can be read.
///
/// # Errors
/// When it cannot be read or is no stream; see [`InputError`].
pub fn open(path: &Path, options: &Options) -> Result<Source, InputError> {
    let opening = Opening { name: path.display().to_string(), options };
    if path == Path::new("-") {
        return opening.pipe(io::stdin());
    }
    let read = |source| opening.unreadable(source);
    let mut file = File::open(path).map_err(read)?;
    let about = file.metadata().map_err(read)?;
    if about.is_dir() {
        return Err(InputError::Folder { name: opening.name });
    }
    if !seekable(&about) {
        return opening.pipe(file);
    }
    let len = file.seek(SeekFrom::End(0)).map_err(read)?;
    opening.layers(Window::new(Arc::new(Mutex::new(file)), len), Facts::default())
}

/// The same for bytes in memory.
///
/// # Errors
/// As [`open()`].
pub fn open_bytes(name: &str, bytes: Vec<u8>, options: &Options) -> Result<Source, InputError> {
    let len = bytes.len() as u64;
    let opening = Opening { name: name.to_string(), options };
    opening.layers(Window::new(Arc::new(bytes), len), Facts::default())
}

/// Whether it can be read at any place: files, and the block devices on which a state is kept.
fn seekable(about: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        about.is_file() || about.file_type().is_block_device()
    }
    #[cfg(not(unix))]
    about.is_file()
}

/// Counts what is read.
struct Counted<'c, R> {
    from: R,
    count: &'c Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(into)?;
        self.count.set(self.count.get() + n as u64);
        Ok(n)
    }
}

struct Opening<'o> {
    name: String,
    options: &'o Options,
}

impl Opening<'_> {
    fn unreadable(&self, source: io::Error) -> InputError {
        InputError::Read { name: self.name.clone(), source }
    }

    /// What can be read once only.
    fn pipe(self, mut from: impl Read) -> Result<Source, InputError> {
        let mut head = Vec::new();
        (&mut from)
            .take(kind::HEAD as u64)
            .read_to_end(&mut head)
            .map_err(|e| self.unreadable(e))?;
        let mut facts = Facts::default();
        let window = match self.known(&head)? {
            Kind::Packed(packer) => self.unpack(packer, head.chain(from), &mut facts)?,
            _ => self.copy((head, from), &mut facts, |e| self.unreadable(e))?,
        };
        self.layers(window, facts)
    }

    /// Takes off what is around the stream.
    fn layers(self, mut window: Window, mut facts: Facts) -> Result<Source, InputError> {
        loop {
            let head = window.get(0, kind::HEAD).map_err(|e| self.unreadable(e))?;
            if kind::is_zeros(&head)
                && let Some(zeros) = self.zeros_before(&window)?
            {
                facts.layers.push(Layer::Zeros(zeros));
                window = window.after(zeros);
                continue;
            }
            window = match self.wanted(&head, &facts)? {
                Kind::Packed(packer) => {
                    // The reader needs no lock on what it reads: a window is a place of its own.
                    self.unpack(packer, io::BufReader::new(window), &mut facts)?
                }
                Kind::Libvirt => self.libvirt(&window, &mut facts)?,
                Kind::Qcow2 => {
                    let asked = self.options.snapshot.as_deref();
                    let (state, snapshot) = qcow2::open(&self.name, &window, asked)?;
                    // A few bytes of tables can say that any number of zeros are there.
                    let limit = self.options.limit.max(window.len);
                    if state.len > limit {
                        return Err(InputError::TooLong { name: self.name, limit });
                    }
                    facts.layers.push(Layer::Qcow2(snapshot));
                    state
                }
                _ => {
                    self.trim(&mut window, &mut facts)?;
                    return Ok(Source::new(self.name, window, facts));
                }
            };
        }
    }

    /// How many zeros there are before a stream that begins behind them.
    fn zeros_before(&self, window: &Window) -> Result<Option<u64>, InputError> {
        let read = |source| self.unreadable(source);
        let (mut rest, mut piece, mut at) = (window.after(0), vec![0; 1 << 18], 0);
        while at < ZEROS {
            let n = rest.read(&mut piece).map_err(read)?;
            let Some(found) = piece.get(..n).filter(|piece| !piece.is_empty()) else { break };
            if let Some(first) = found.iter().position(|byte| *byte != 0) {
                at += first as u64;
                let head = window.get(at, kind::HEAD).map_err(read)?;
                return Ok((kind::of(&head) == Kind::Stream).then_some(at));
            }
            at += n as u64;
        }
        Ok(None)
    }

    /// Cuts off the zeros behind the end of a stream: a device on which it was saved, such as a
    /// state volume of Proxmox, is longer than it is.
    fn trim(&self, window: &mut Window, facts: &mut Facts) -> Result<(), InputError> {
        let read = |source| self.unreadable(source);
        let zeros = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        let tail = window.get(window.len.saturating_sub(PADDING), PADDING as usize);
        let tail = tail.map_err(read)?;
        if (tail.len() as u64) < PADDING || !zeros(&tail) {
            return Ok(());
        }
        let Some(end) = scan(&mut window.after(0), Depth::All).end else { return Ok(()) };
        let (mut rest, mut piece) = (window.after(end), vec![0; 1 << 18]);
        loop {
            let n = rest.read(&mut piece).map_err(read)?;
            match piece.get(..n) {
                None | Some([]) => break,
                Some(piece) if zeros(piece) => {}
                Some(_) => return Ok(()),
            }
        }
        if end < window.len {
            let n = window.len - end;
            facts.notes.push(format!("{n} zeros follow the end of the stream"));
            window.len = end;
        }
        Ok(())
    }

    /// What begins with `head`, if it is anything that can be read.
    fn known(&self, head: &[u8]) -> Result<Kind, InputError> {
        let name = || self.name.clone();
        match kind::of(head) {
            Kind::Other(what, instead) => Err(InputError::Other { name: name(), what, instead }),
            Kind::Unknown if head.is_empty() => Err(InputError::Empty { name: name() }),
            Kind::Unknown => {
                let mut magic = "0x".to_string();
                head.iter().take(4).for_each(|byte| magic += &format!("{byte:02x}"));
                Err(InputError::Unknown { name: name(), magic })
            }
            kind => Ok(kind),
        }
    }

    /// The same where there are not too many wrappings around it.
    fn wanted(&self, head: &[u8], facts: &Facts) -> Result<Kind, InputError> {
        let kind = self.known(head)?;
        if kind != Kind::Stream && facts.layers.len() >= MAX_LAYERS {
            return Err(InputError::TooDeep { name: self.name.clone(), most: MAX_LAYERS });
        }
        Ok(kind)
    }

    fn unpack(
        &self,
        packer: Packer,
        from: impl Read,
        facts: &mut Facts,
    ) -> Result<Window, InputError> {
        let format = packer.name();
        let (taken, given) = (Cell::new(0), Cell::new(0));
        let packed = |source| {
            let (at, out) = (taken.get(), given.get());
            InputError::Packed { name: self.name.clone(), format, source, at, out }
        };
        let from = Counted { from, count: &taken };
        let from = packer.unpack(from, self.options.memory).map_err(packed)?;
        let mut from = Counted { from, count: &given };
        facts.layers.push(Layer::Packed(format));
        // What comes out is looked at before it is kept.
        let mut head = Vec::new();
        (&mut from).take(kind::HEAD as u64).read_to_end(&mut head).map_err(packed)?;
        self.wanted(&head, facts)?;
        self.copy((head, from), facts, packed)
    }

    fn copy(
        &self,
        (head, from): (Vec<u8>, impl Read),
        facts: &mut Facts,
        failed: impl Fn(io::Error) -> InputError,
    ) -> Result<Window, InputError> {
        let name = || self.name.clone();
        let Options { limit, whole, .. } = *self.options;
        let bounds = Bounds { limit, whole, head: libvirt::before_stream(&head) };
        let copy = spool(head.chain(from), bounds).map_err(|e| match e {
            Failed::From(source) => failed(source),
            Failed::To(source) => InputError::Spool { name: name(), source },
            Failed::TooLong => InputError::TooLong { name: name(), limit },
        })?;
        let len = copy.store.len();
        if let Some(why) = copy.left {
            facts.notes.push(format!("{why}: what comes after {len} bytes was not read"));
        }
        Ok(Window::new(Arc::new(Mutex::new(copy.store)), len))
    }

    fn libvirt(&self, window: &Window, facts: &mut Facts) -> Result<Window, InputError> {
        let wrong = |why: String| InputError::Libvirt { name: self.name.clone(), why };
        let read = |source| self.unreadable(source);
        let head = window.get(0, libvirt::HEADER as usize).map_err(read)?;
        let image = SaveImage::parse(&head).map_err(wrong)?;
        let data = window.get(libvirt::HEADER, image.data_len as usize).map_err(read)?;
        if data.len() < image.data_len as usize {
            return Err(wrong(format!(
                "it ends inside its domain XML: {} of {} bytes are there",
                data.len(),
                image.data_len
            )));
        }
        let (xml, _) = image.texts(&data);
        match Domain::parse(xml) {
            Ok(domain) => facts.domain = Some(domain),
            Err(why) => facts.findings.push(why),
        }
        if !image.complete {
            facts.findings.push(
                "the save image is not complete (its magic is LibvirtQemudPart): saving failed or \
                 is going on, and libvirt restores no such image"
                    .to_string(),
            );
        }
        let inner = window.after(libvirt::HEADER + u64::from(image.data_len));
        if inner.len == 0 {
            return Err(wrong("it ends behind its domain XML: no stream was written".to_string()));
        }
        let found = kind::of(&inner.get(0, kind::HEAD).map_err(read)?);
        let packed = match found {
            Kind::Packed(packer) => packer.name(),
            _ => "raw",
        };
        let fits = packed == image.format || (packed, image.format) == ("raw", "sparse");
        if !fits && matches!(found, Kind::Packed(_) | Kind::Stream) {
            facts.findings.push(format!(
                "the save image says that its stream is {}, its first bytes say {packed}",
                image.format
            ));
        }
        facts.layers.push(Layer::Libvirt(image));
        Ok(inner)
    }
}
