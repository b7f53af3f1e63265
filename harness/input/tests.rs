//! Each kind of file, made by a writer of our own; tests/input.rs has those of real programs.

mod containers;
mod faults;
mod qcow2;
mod spool;

use std::io::Read as _;

use super::{InputError, Options, Source, open_bytes};

/// A small stream.
pub(crate) fn stream() -> Vec<u8> {
    let mut bytes = b"QEVM\0\0\0\x03\x07\0\0\0\x02pc".to_vec();
    bytes.extend(b"\x04\0\0\0\x01\x05timer\0\0\0\0\0\0\0\x02");
    bytes.extend([9; 24]);
    bytes.extend(b"\x7e\0\0\0\x01\0");
    bytes
}

fn opened(bytes: &[u8]) -> Result<Source, InputError> {
    open_bytes("file", bytes.to_vec(), &Options::default())
}

fn refused(bytes: &[u8]) -> String {
    opened(bytes).map(|source| source.size()).expect_err("must be refused").to_string()
}

fn contents(mut source: Source) -> Vec<u8> {
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).expect("memory");
    assert_eq!(bytes.len() as u64, source.size());
    bytes
}
