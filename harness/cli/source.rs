//! A stream to look at: a file or standard input, plain or compressed, as a file that can be
//! read twice. It is never in memory as a whole.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// First bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes that are copied in one go.
const PIECE: usize = 64 * 1024;

/// Why a stream cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SourceError {
    #[error("{name}: cannot read: {source}")]
    Read { name: String, source: io::Error },
    #[error("{name}: is a folder, expected a stream")]
    Folder { name: String },
    #[error("{name}: is empty, expected a migration stream, which begins with 'QEVM'")]
    Empty { name: String },
    #[error("{name}: not a whole zstd file: {source}")]
    Zstd { name: String, source: io::Error },
    #[error("{name}: cannot keep the stream in a temporary file: {source}")]
    Spool { name: String, source: io::Error },
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Source {
    /// The stream itself, or a nameless temporary copy.
    pub file: File,
    /// Path as given, or `-`.
    pub name: String,
    /// Bytes, unpacked.
    pub size: u64,
    /// Whether it was compressed.
    pub packed: bool,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let name = path.display().to_string();
        let read = |source| SourceError::Read { name: name.clone(), source };
        if path == Path::new("-") {
            let mut stdin = io::stdin().lock();
            let head = head(&mut stdin).map_err(read)?;
            return spool(name, &head, stdin);
        }
        let mut file = File::open(path).map_err(read)?;
        let kind = file.metadata().map_err(read)?;
        if kind.is_dir() {
            return Err(SourceError::Folder { name });
        }
        let head = head(&mut file).map_err(read)?;
        if head == ZSTD || !kind.is_file() {
            return spool(name, &head, file);
        }
        let size = file.seek(SeekFrom::End(0)).map_err(read)?;
        whole(file, name, size, false)
    }

    /// Goes to the first byte.
    pub fn rewind(&mut self) -> Result<(), SourceError> {
        self.file.rewind().map_err(|source| self.failed(source))
    }

    /// The byte at `offset`, if there is one.
    pub fn byte(&mut self, offset: u64) -> Result<Option<u8>, SourceError> {
        let mut byte = [0];
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.read(&mut byte));
        match read {
            Ok(0) => Ok(None),
            Ok(_) => Ok(byte.first().copied()),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// An error of the file once it is open.
    pub fn failed(&self, source: io::Error) -> SourceError {
        SourceError::Read { name: self.name.clone(), source }
    }
}

/// The first four bytes, or fewer where there are no more.
fn head(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    from.take(ZSTD.len() as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// What begins with `head` and goes on with `rest`, unpacked, in a temporary file.
fn spool(name: String, head: &[u8], rest: impl Read) -> Result<Source, SourceError> {
    let all = head.chain(rest);
    let packed = head == ZSTD;
    let failed = |source| match packed {
        true => SourceError::Zstd { name: name.clone(), source },
        false => SourceError::Read { name: name.clone(), source },
    };
    let mut from: Box<dyn Read + '_> =
        if packed { Box::new(zstd::Decoder::new(all).map_err(failed)?) } else { Box::new(all) };
    let spooling = |source| SourceError::Spool { name: name.clone(), source };
    let mut file = tempfile::tempfile().map_err(spooling)?;
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        let n = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(failed(e)),
        };
        file.write_all(piece.get(..n).unwrap_or(&[])).map_err(spooling)?;
        size += n as u64;
    }
    drop(from);
    whole(file, name, size, packed)
}

fn whole(file: File, name: String, size: u64, packed: bool) -> Result<Source, SourceError> {
    if size == 0 {
        return Err(SourceError::Empty { name });
    }
    Ok(Source { file, name, size, packed })
}
