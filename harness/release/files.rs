//! Files of the corpus and of importers: read within a limit, unpacked, and written as a whole or not at
//! all.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Longest file, in bytes and after unpacking, that is read into memory.
pub const LIMIT: u64 = 256 << 20;

/// Most memory that is taken because a packed file says how long it is.
const ROOM: u64 = 4 << 20;

/// A file that cannot be read, unpacked or written; says which.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum FileError {
    #[error("{path}: cannot read: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{path}: longer than the {limit} bytes expected at most")]
    TooLong { path: String, limit: u64 },
    #[error("{path}: not a whole zstd file: {source}")]
    Zstd { path: String, source: std::io::Error },
    #[error("{path}: not UTF-8 text: {source}")]
    Utf8 { path: String, source: std::str::Utf8Error },
    #[error("{path}: cannot write: {source}")]
    Write { path: String, source: std::io::Error },
    #[error("{path}: a file name that is not UTF-8")]
    Name { path: String },
}

/// Reads a whole file of at most [`LIMIT`] bytes; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let name = || path.display().to_string();
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FileError::Read { path: name(), source }),
    };
    let mut bytes = Vec::new();
    file.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| FileError::Read { path: name(), source })?;
    within(&name(), bytes, LIMIT).map(Some)
}

/// Unpacks a zstd file called `name` in messages, which may have at most `limit` bytes.
pub fn unzstd(name: &str, packed: &[u8], limit: u64) -> Result<Vec<u8>, FileError> {
    let fail = |source| FileError::Zstd { path: name.to_owned(), source };
    let decoder = zstd::Decoder::with_buffer(packed).map_err(fail)?;
    // Streams say how long they are; what others say is no reason to take memory.
    let said = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    let room = said.filter(|said| *said <= limit.min(ROOM)).unwrap_or(0);
    let room = usize::try_from(room).unwrap_or(0);
    // In one go where that is true: a decoder that goes piece by piece has a window of its own.
    if room > 0
        && let Ok(bytes) = zstd::bulk::decompress(packed, room)
    {
        return within(name, bytes, limit);
    }
    let mut bytes = Vec::with_capacity(room);
    decoder.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
    within(name, bytes, limit)
}

/// The same, piece by piece into `take`.
pub fn unzstd_into(
    name: &str,
    packed: &[u8],
    limit: u64,
    mut take: impl FnMut(&[u8]),
) -> Result<(), FileError> {
    let fail = |source| FileError::Zstd { path: name.to_owned(), source };
    let mut decoder = zstd::Decoder::with_buffer(packed).map_err(fail)?;
    let (mut piece, mut len) = (vec![0; 1 << 16], 0);
    loop {
        let n = decoder.read(&mut piece).map_err(fail)?;
        let Some(read) = piece.get(..n).filter(|read| !read.is_empty()) else { return Ok(()) };
        len += n as u64;
        if len > limit {
            return Err(FileError::TooLong { path: name.to_owned(), limit });
        }
        take(read);
    }
}

/// Bytes of the file called `name` as text.
pub fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, FileError> {
    std::str::from_utf8(bytes).map_err(|source| FileError::Utf8 { path: name.to_owned(), source })
}

/// SHA-256 in lower-case hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Writes `bytes` to `path`, by a temporary file beside it that takes its place, and makes the
/// folders on the way. Returns false, and touches nothing, when the file holds just that already.
/// Several files that belong together are written by [`super::locked`].
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool, FileError> {
    if read(path)?.is_some_and(|old| old == bytes) {
        return Ok(false);
    }
    let fail = |source| FileError::Write { path: path.display().to_string(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(fail)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    share(file.as_file()).map_err(fail)?;
    file.persist(path).map_err(|e| fail(e.error))?;
    Ok(true)
}

/// Copies every file below `from` that [`walk`] finds to the same place below `to`.
pub fn copy_folder(from: &Path, to: &Path) -> Result<(), FileError> {
    for path in walk(from)? {
        let target = to.join(&path);
        let fail = |source| FileError::Write { path: target.display().to_string(), source };
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(fail)?;
        }
        fs::copy(from.join(&path), &target).map_err(fail)?;
    }
    Ok(())
}

/// Files below `now` that `before` does not have with the same content: path and content.
pub fn differing(now: &Path, before: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, FileError> {
    let mut changed = Vec::new();
    for path in walk(now)? {
        let bytes = read(&now.join(&path))?.unwrap_or_default();
        if read(&before.join(&path))?.is_none_or(|old| old != bytes) {
            changed.push((path.into(), bytes));
        }
    }
    Ok(changed)
}

/// Every file below `folder`, as sorted `/`-separated paths relative to it; none if there is no
/// such folder. Names that begin with a dot are left out.
pub fn walk(folder: &Path) -> Result<Vec<String>, FileError> {
    let mut found = Vec::new();
    descend(folder, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn descend(folder: &Path, prefix: &str, found: &mut Vec<String>) -> Result<(), FileError> {
    let fail = |source| FileError::Read { path: folder.display().to_string(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(fail(source)),
    };
    for entry in entries {
        let entry = entry.map_err(fail)?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|_| FileError::Name { path: entry.path().display().to_string() })?;
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type().map_err(fail)?.is_dir() {
            descend(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn within(name: &str, bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, FileError> {
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLong { path: name.to_owned(), limit });
    }
    Ok(bytes)
}

/// Temporary files are private to their owner; a corpus is not.
#[cfg(unix)]
fn share(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_zstd_file_is_an_error_with_its_name() {
        let mut packed = zstd::encode_all(&[7u8; 4096][..], 3).unwrap();
        packed.truncate(packed.len() - 2);
        let e = unzstd("a.zst", &packed, 1 << 20).unwrap_err();
        assert!(e.to_string().starts_with("a.zst: not a whole zstd file"), "{e}");
    }

    #[test]
    fn unpacking_stops_at_the_limit() {
        let packed = zstd::encode_all(&vec![0u8; 1 << 20][..], 3).unwrap();
        assert!(matches!(unzstd("bomb", &packed, 1000), Err(FileError::TooLong { .. })));
        assert_eq!(unzstd("fits", &packed, 1 << 20).unwrap().len(), 1 << 20);
    }

    #[test]
    fn writing_the_same_bytes_again_touches_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.json");
        assert!(write_if_changed(&path, b"one").unwrap());
        assert!(!write_if_changed(&path, b"one").unwrap());
        assert!(write_if_changed(&path, b"two").unwrap());
        assert_eq!(walk(folder.path()).unwrap(), ["a/b/c.json"]);
        assert_eq!(std::fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1);
    }

    #[test]
    fn a_copy_differs_in_what_was_changed_there() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for path in ["a/one", "two"] {
            write_if_changed(&from.join(path), b"x").unwrap();
        }
        copy_folder(&from, &to).unwrap();
        assert_eq!(differing(&to, &from).unwrap(), []);
        write_if_changed(&to.join("a/one"), b"y").unwrap();
        write_if_changed(&to.join("three"), b"z").unwrap();
        let changed = differing(&to, &from).unwrap();
        assert_eq!(changed, [("a/one".into(), b"y".to_vec()), ("three".into(), b"z".to_vec())]);
    }
}
