//! What a guest program for another platform than a PC does, in order; each instruction set has its
//! own words for it.

/// One thing that a program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A byte to an address.
    Byte(u32, u8),
    /// A 32-bit number to an address, as the processor has numbers in memory.
    Word(u32, u32),
    /// A call of the hypervisor: the number of the call, then its arguments.
    Call(&'static [u32]),
}

/// What is in a register when a program has done all its steps: no release tells in the same words
/// whether a processor waits, but all print its registers.
pub const DONE: u32 = 0x600d_c0de;
