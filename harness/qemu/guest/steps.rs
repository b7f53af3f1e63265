//! The steps of a guest program for another platform than a PC; each instruction set has its own encoding
//! of them.

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

/// How an instruction set with instructions of 32 bits says these things.
#[derive(Debug, Clone, Copy)]
pub struct Encoding {
    /// Puts a number into a register.
    pub load: fn(&mut Vec<u32>, u32, u32),
    /// The register with the address.
    pub address: u32,
    /// The register with what goes there.
    pub value: u32,
    /// Stores its lowest byte.
    pub byte: u32,
    /// Stores all 32 bits of it.
    pub word: u32,
    /// A call of the hypervisor, and the first of the registers with its numbers; `None` if there is
    /// no hypervisor to call.
    pub call: Option<(u32, u32)>,
    /// The register that says that all is done.
    pub done_register: u32,
    /// Waits for ever.
    pub end: &'static [u32],
}

impl Encoding {
    /// The program that takes these steps and says so.
    pub fn program(&self, steps: &[Step]) -> Vec<u32> {
        let mut code = Vec::new();
        for step in steps {
            match *step {
                Step::Byte(address, value) => {
                    (self.load)(&mut code, self.address, address);
                    (self.load)(&mut code, self.value, u32::from(value));
                    code.push(self.byte);
                }
                Step::Word(address, value) => {
                    (self.load)(&mut code, self.address, address);
                    (self.load)(&mut code, self.value, value);
                    code.push(self.word);
                }
                Step::Call(numbers) => {
                    let Some((call, first)) = self.call else { continue };
                    for (register, number) in (first..).zip(numbers) {
                        (self.load)(&mut code, register, *number);
                    }
                    code.push(call);
                }
            }
        }
        (self.load)(&mut code, self.done_register, DONE);
        code.extend(self.end);
        code
    }
}
