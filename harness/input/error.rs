//! Why a file cannot be read as a stream.

use std::io;

/// See the module documentation. Every message begins with the file's name.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InputError {
    #[error("{name}: cannot read: {source}")]
    Read { name: String, source: io::Error },
    #[error("{name}: is a folder, expected a stream")]
    Folder { name: String },
    #[error("{name}: is empty, expected a migration stream, which begins with 'QEVM'")]
    Empty { name: String },
    /// Something that this program knows and that has no stream in it.
    #[error("{name}: not a migration stream, but {what}; {instead}")]
    Other { name: String, what: String, instead: &'static str },
    #[error(
        "{name}: not a migration stream: magic {magic}, expected 'QEVM', or a libvirt save image, \
         a qcow2 disk with an internal snapshot, or one of these packed with gzip, bzip2, xz, lzop \
         or zstd"
    )]
    Unknown { name: String, magic: String },
    /// `at`: so many bytes of it were taken; `out`: so many had come out.
    #[error(
        "{name}: not a whole {format} file: {source}, at byte {at:#x} ({at}) of it or before; {out} bytes came out"
    )]
    Packed { name: String, format: &'static str, source: io::Error, at: u64, out: u64 },
    #[error(
        "{name}: more than {limit} bytes are in it or come out of it: if it is meant to be so \
         long, raise --max-bytes"
    )]
    TooLong { name: String, limit: u64 },
    #[error("{name}: cannot keep the stream in a temporary file: {source}")]
    Spool { name: String, source: io::Error },
    #[error("{name}: wrapped more than {most} times")]
    TooDeep { name: String, most: usize },
    #[error("{name}: libvirt save image: {why}")]
    Libvirt { name: String, why: String },
    #[error("{name}: qcow2: {why}")]
    Qcow2 { name: String, why: String },
    #[error("{name}: {why}: choose one with --snapshot NAME\n{list}")]
    Snapshot { name: String, why: String, list: String },
}
