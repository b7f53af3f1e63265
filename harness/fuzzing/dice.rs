//! Choices of a generator, taken from the fuzzer's bytes.
//!
//! Every choice costs one byte and none can fail: when the bytes run out, every choice is the
//! first alternative, so that a short input is a simple case and cutting an input simplifies it.

use arbitrary::Unstructured;

/// A source of choices.
#[derive(Debug)]
pub struct Dice<'a>(Unstructured<'a>);

impl<'a> Dice<'a> {
    /// Choices from these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Dice(Unstructured::new(bytes))
    }

    /// A byte; 0 when there are no more.
    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or(0)
    }

    /// A number below `n`, which is at most 256; 0 when there are no more bytes.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()).checked_rem(n).unwrap_or(0)
    }

    /// A number below `n`, which is at most 65536; 0 when there are no more bytes.
    pub fn index(&mut self, n: usize) -> usize {
        let number = usize::from(self.byte()) << 8 | usize::from(self.byte());
        number.checked_rem(n).unwrap_or(0)
    }

    /// True in one of `n` cases; false when there are no more bytes.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) + 1 == n
    }

    /// One of these.
    pub fn pick<'s, T>(&mut self, from: &'s [T]) -> Option<&'s T> {
        from.get(self.below(from.len()))
    }

    /// The bytes that no choice has used.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.0.take_rest()
    }
}
