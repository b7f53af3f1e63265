//! The inverse of the reader: big-endian writes into memory, with absolute offsets.

/// A stream being written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty stream.
    #[must_use]
    pub fn new() -> Self {
        Writer::default()
    }

    /// Absolute offset of the next byte.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Appends bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Appends two bytes, big-endian.
    pub fn be16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    /// Appends four bytes, big-endian.
    pub fn be32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// Appends eight bytes, big-endian.
    pub fn be64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    /// Appends a string with a one-byte length; longer ones are cut at 255, as no writer of the
    /// field can send them.
    pub fn counted(&mut self, text: &[u8]) {
        let text = text.get(..255).unwrap_or(text);
        self.u8(text.len() as u8);
        self.put(text);
    }

    /// What has been written so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The finished stream.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
