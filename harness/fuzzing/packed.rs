//! Seeds kept in the repository: the inputs of a target that libFuzzer's `-merge` kept, in one packed file
//! for each target (`corpus/fuzz-seeds/TARGET.zst`), so that a run begins where the last one ended.
//!
//! Unpacked: for each input its length, four bytes big-endian, and its bytes.

use std::path::{Path, PathBuf};

use crate::release::files::{self, FileError};

/// Where they are, from the root of the repository.
pub const FOLDER: &str = "corpus/fuzz-seeds";
/// Longest unpacked file, in bytes.
const LONGEST: u64 = 64 << 20;
/// How hard zstd tries: files are packed once, and read often.
const LEVEL: i32 = 19;

/// The file of a target.
#[must_use]
pub fn path(folder: &Path, target: &str) -> PathBuf {
    folder.join(format!("{target}.zst"))
}

/// Packs the files of a folder, the short ones first.
///
/// # Errors
/// Files that cannot be read, or are too long.
pub fn pack(folder: &Path) -> Result<Vec<u8>, FileError> {
    let name = || folder.display().to_string();
    let mut inputs = Vec::new();
    for path in files::walk(folder)? {
        inputs.extend(files::read(&folder.join(path))?);
    }
    inputs.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    inputs.dedup();
    let mut all = Vec::new();
    for input in &inputs {
        let too_long = |_| FileError::TooLong { path: name(), limit: LONGEST };
        all.extend(u32::try_from(input.len()).map_err(too_long)?.to_be_bytes());
        all.extend(input);
    }
    if all.len() as u64 > LONGEST {
        return Err(FileError::TooLong { path: name(), limit: LONGEST });
    }
    let write = |source| FileError::Write { path: name(), source };
    zstd::encode_all(&all[..], LEVEL).map_err(write)
}

/// The inputs of a packed file; `None` if there is none.
///
/// # Errors
/// One that cannot be read, or is cut.
pub fn unpack(path: &Path) -> Result<Option<Vec<Vec<u8>>>, FileError> {
    let Some(packed) = files::read(path)? else { return Ok(None) };
    let name = path.display().to_string();
    let all = files::unzstd(&name, &packed, LONGEST)?;
    let (mut rest, mut inputs) = (&all[..], Vec::new());
    while !rest.is_empty() {
        let next = rest
            .split_first_chunk::<4>()
            .and_then(|(length, rest)| rest.split_at_checked(u32::from_be_bytes(*length) as usize));
        let Some((input, behind)) = next else {
            let cut = format!("{} bytes are left, and no whole input", rest.len());
            return Err(FileError::Read { path: name, source: std::io::Error::other(cut) });
        };
        inputs.push(input.to_vec());
        rest = behind;
    }
    Ok(Some(inputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_and_what_is_cut_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (inputs, file) = (folder.path().join("inputs"), path(folder.path(), "some"));
        assert_eq!(unpack(&file).unwrap(), None);
        for (name, bytes) in [("b", &b"longer"[..]), ("a", b"x"), ("twin", b"x"), ("none", b"")] {
            files::write_if_changed(&inputs.join(name), bytes).unwrap();
        }
        files::write_if_changed(&file, &pack(&inputs).unwrap()).unwrap();
        let expected = vec![b"".to_vec(), b"x".to_vec(), b"longer".to_vec()];
        assert_eq!(unpack(&file).unwrap(), Some(expected));
        let cut = zstd::encode_all(&b"\0\0\0\x05abcd"[..], 1).unwrap();
        std::fs::write(&file, cut).unwrap();
        let why = unpack(&file).unwrap_err().to_string();
        assert!(why.contains("no whole input"), "{why}");
    }
}
