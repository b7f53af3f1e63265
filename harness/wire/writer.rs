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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_big_endian_and_names_are_counted() {
        let mut writer = Writer::new();
        writer.u8(4);
        writer.be32(0x0102_0304);
        writer.counted(b"ram");
        writer.counted(&[7; 300]);
        let start = [4, 1, 2, 3, 4, 3, b'r', b'a', b'm', 255, 7];
        assert_eq!(writer.offset(), 5 + 4 + 256);
        assert_eq!(writer.bytes().get(..11), Some(&start[..]));
        assert_eq!(writer.bytes().len() as u64, writer.offset());
        writer.be64(1);
        assert!(writer.into_bytes().ends_with(&[7, 0, 0, 0, 0, 0, 0, 0, 1]));
    }
}
