//! The corpus inside the binary: the archive that the build script makes, unpacked once.
//!
//! Layout, after zstd: for each file, in order of name: u32 length of the name, u32 length of the
//! content (both little-endian), name, content.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use super::files::{LIMIT, unzstd};

/// What the build script wrote.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/corpus.archive.zst"));

/// An unpacked archive: one block of bytes, and where each file lies in it.
#[derive(Debug)]
pub struct Archive {
    bytes: Vec<u8>,
    files: BTreeMap<String, Range<usize>>,
}

impl Archive {
    /// The archive in this binary, or in words what is wrong with it.
    pub fn embedded() -> Result<&'static Archive, &'static str> {
        static ARCHIVE: OnceLock<Result<Archive, String>> = OnceLock::new();
        let unpack = || {
            Archive::index(unzstd("embedded corpus", PACKED, LIMIT).map_err(|e| e.to_string())?)
                .ok_or_else(|| "embedded corpus: the archive is cut short".to_owned())
        };
        ARCHIVE.get_or_init(unpack).as_ref().map_err(String::as_str)
    }

    /// Names of all files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Content of a file.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.bytes.get(self.files.get(name)?.clone())
    }

    /// Finds the files in `bytes`; `None` if they do not end where the bytes do.
    fn index(bytes: Vec<u8>) -> Option<Archive> {
        let mut files = BTreeMap::new();
        let mut at = 0;
        while at < bytes.len() {
            let name_at = at.checked_add(8)?;
            let content_at = name_at.checked_add(length(&bytes, at)?)?;
            let end = content_at.checked_add(length(&bytes, at.checked_add(4)?)?)?;
            let name = std::str::from_utf8(bytes.get(name_at..content_at)?).ok()?;
            bytes.get(content_at..end)?;
            files.insert(name.to_owned(), content_at..end);
            at = end;
        }
        Some(Archive { bytes, files })
    }
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*field)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Vec<u8> {
        [&[1, 0, 0, 0, 2, 0, 0, 0][..], b"axy", &[2, 0, 0, 0, 0, 0, 0, 0], b"bc"].concat()
    }

    #[test]
    fn files_are_found_by_name() {
        let archive = Archive::index(two()).expect("whole");
        assert_eq!(archive.names().collect::<Vec<_>>(), ["a", "bc"]);
        assert_eq!(archive.get("a"), Some(&b"xy"[..]));
        assert_eq!(archive.get("bc"), Some(&b""[..]));
        assert_eq!(archive.get("none"), None);
    }

    #[test]
    fn a_cut_archive_is_refused_at_every_length() {
        let whole = two();
        for cut in (1..whole.len()).filter(|&cut| cut != 11) {
            assert!(Archive::index(whole[..cut].to_vec()).is_none(), "{cut}");
        }
    }
}
