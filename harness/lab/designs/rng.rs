//! Numbers for generated cases: SplitMix64, so that a seed is a case for ever; or a fuzzer's bytes.

/// A generator.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
    /// A fuzzer's choices, last one first; `None`: numbers come from the seed.
    choices: Option<Vec<u8>>,
}

impl Rng {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Rng { state: seed, choices: None }
    }

    /// From a fuzzer's bytes: each number is one byte, and 0 when there are no more.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Rng { state: 0, choices: Some(bytes.iter().rev().copied().collect()) }
    }

    /// The next number.
    #[allow(clippy::should_implement_trait, reason = "numbers without an end are no iterator")]
    pub fn next(&mut self) -> u64 {
        match &mut self.choices {
            None => self.step(),
            // Where `below` looks for its number, and where a byte of state is taken from.
            Some(choices) => {
                choices.pop().map_or(0, |byte| u64::from(byte) << 33 | u64::from(byte))
            }
        }
    }

    /// A number that nothing else has: what something means. Not a fuzzer's choice.
    pub fn id(&mut self) -> u64 {
        self.step()
    }

    fn step(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if there is none.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n.max(1)
    }

    /// Yes once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of several; the type's default if there is none.
    pub fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        let at = self.below(from.len());
        from.get(at).copied().unwrap_or_default()
    }

    /// A fuzzer's bytes that no choice has used.
    #[must_use]
    pub fn rest(self) -> Vec<u8> {
        self.choices.unwrap_or_default().into_iter().rev().collect()
    }
}
