//! Options of the verbs that take a stream from a file, and how they open it.

use std::path::Path;

use super::CliError;
use crate::input::{self, LIMIT, Source};

/// What may be said of a file with a stream in it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct StreamOptions {
    /// The internal snapshot of a qcow2 disk that is meant, by name or number
    #[arg(long, value_name = "NAME")]
    snapshot: Option<String>,
    /// Unpack, or copy from a pipe, at most so many bytes; K, M, G, T after a number multiply it
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "16G")]
    max_bytes: u64,
}

impl Default for StreamOptions {
    fn default() -> Self {
        StreamOptions { snapshot: None, max_bytes: LIMIT }
    }
}

impl StreamOptions {
    /// Opens a file, a device, or standard input for `-`: plain, packed, or in a container. Contents of
    /// memory may read as zeros.
    pub fn open(&self, path: &Path) -> Result<Source, CliError> {
        self.open_as(path, false)
    }

    /// The same with contents of memory.
    pub fn open_whole(&self, path: &Path) -> Result<Source, CliError> {
        self.open_as(path, true)
    }

    fn open_as(&self, path: &Path, whole: bool) -> Result<Source, CliError> {
        let options = input::Options {
            limit: self.max_bytes,
            snapshot: self.snapshot.clone(),
            whole,
            ..input::Options::default()
        };
        Ok(input::open(path, &options)?)
    }
}

/// A number of bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        Some((at, 't' | 'T')) => (&text[..at], 40),
        _ => (text, 0),
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|n| n.checked_mul(1 << shift))
        .ok_or_else(|| "expected a number of bytes, such as 1000000, 64M or 100G".to_string())
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn amounts_have_units() {
        for (text, n) in [("0", 0), ("12", 12), ("3k", 3 << 10), ("16G", 16 << 30), ("1T", 1 << 40)]
        {
            assert_eq!(bytes(text), Ok(n), "{text}");
        }
        for text in ["", "G", "-1", "1.5G", "16X", "99999999999T", "1é"] {
            assert!(bytes(text).is_err(), "{text} must be refused");
        }
    }
}
