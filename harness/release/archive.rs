//! The corpus inside the binary: the archive that the build script makes.
//!
//! Layout: for each file, in order of name: u32 length of the name, u32 length of the
//! content (both little-endian), name, content. The content of a `.json` is a zlib stream.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::OnceLock;

use flate2::read::ZlibDecoder;

/// What the build script wrote.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/corpus.archive"));

/// What each file of an archive holds.
#[derive(Debug)]
pub struct Archive {
    files: BTreeMap<&'static str, &'static [u8]>,
}

impl Archive {
    /// The archive in this binary, or in words what is wrong with it.
    pub fn embedded() -> Result<&'static Archive, &'static str> {
        static ARCHIVE: OnceLock<Option<Archive>> = OnceLock::new();
        let archive = ARCHIVE.get_or_init(|| Archive::index(PACKED));
        archive.as_ref().ok_or("embedded corpus: the archive is cut short")
    }

    /// Names of all files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.files.keys().copied()
    }

    /// Content of a file, or in words why it cannot be unpacked.
    pub fn get(&self, name: &str) -> Option<Result<Cow<'static, [u8]>, &'static str>> {
        let content = self.files.get(name)?;
        if !name.ends_with(".json") {
            return Some(Ok(Cow::Borrowed(content)));
        }
        let mut unpacked = Vec::new();
        let outcome = ZlibDecoder::new(*content).read_to_end(&mut unpacked);
        Some(match outcome {
            Ok(_) => Ok(Cow::Owned(unpacked)),
            Err(_) => Err("embedded corpus: the archive holds JSON that cannot be unpacked"),
        })
    }

    /// Finds the files in `bytes`; `None` if they do not end where the bytes do.
    fn index(mut bytes: &'static [u8]) -> Option<Archive> {
        let mut files = BTreeMap::new();
        while !bytes.is_empty() {
            let name = length(&mut bytes)?;
            let content = length(&mut bytes)?;
            let name = std::str::from_utf8(bytes.split_off(..name)?).ok()?;
            files.insert(name, bytes.split_off(..content)?);
        }
        Some(Archive { files })
    }
}

fn length(bytes: &mut &[u8]) -> Option<usize> {
    let (field, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    usize::try_from(u32::from_le_bytes(*field)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"\x01\0\0\0\x02\0\0\0axy\x02\0\0\0\0\0\0\0bc";

    #[test]
    fn files_are_found_by_name() {
        let archive = Archive::index(TWO).expect("whole");
        assert_eq!(archive.names().collect::<Vec<_>>(), ["a", "bc"]);
        assert_eq!(archive.get("a"), Some(Ok(Cow::Borrowed(&b"xy"[..]))));
        assert_eq!(archive.get("bc"), Some(Ok(Cow::Borrowed(&b""[..]))));
        assert_eq!(archive.get("none"), None);
    }

    #[test]
    fn json_that_is_not_packed_is_an_error() {
        let archive = Archive::index(b"\x06\0\0\0\x02\0\0\0a.json{}").expect("whole");
        assert!(archive.get("a.json").expect("a file").is_err());
    }

    #[test]
    fn a_cut_archive_is_refused_at_every_length() {
        for cut in (1..TWO.len()).filter(|&cut| cut != 11) {
            assert!(Archive::index(&TWO[..cut]).is_none(), "{cut}");
        }
    }
}
