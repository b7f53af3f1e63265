//! Programs of aarch64 for the board `virt`: flash at 0, where the processor begins at EL1 with the
//! MMU off; its devices by the board's memory map.

use super::Guest;
use super::steps::{Encoding, Step};

/// x0 has the address, x1 the value; x27 says that all is done.
const WORDS: Encoding = Encoding {
    load,
    address: 0,
    value: 1,
    // strb w1, [x0]
    byte: 0x3900_0001,
    // str w1, [x0]
    word: 0xb900_0001,
    call: None,
    done_register: 27,
    // wfi; b to the instruction before.
    end: &[0xd503_207f, 0x17ff_ffff],
};

/// The firmware.
pub(super) fn firmware(guest: Guest) -> Vec<u8> {
    WORDS.program(&steps(guest)).iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// `movz` of the lower half, `movk` of the upper.
fn load(code: &mut Vec<u32>, register: u32, value: u32) {
    code.push(0xd280_0000 | (value & 0xffff) << 5 | register);
    code.push(0xf2a0_0000 | (value >> 16) << 5 | register);
}

fn steps(guest: Guest) -> Vec<Step> {
    match guest {
        Guest::Idle => Vec::new(),
        Guest::Virtio => super::mmio::queues(0x0a00_0000, 0x200, 32, 0x4010_0000),
        Guest::Misc | Guest::All => BOARD.to_vec(),
    }
}

/// The board's own devices, by its memory map.
const BOARD: [Step; 14] = [
    // PL011 at 0x0900_0000: divisor, 8 bits with FIFO, loop-back on, two bytes to itself.
    Step::Word(0x0900_0024, 0x1a),
    Step::Word(0x0900_0028, 0x03),
    Step::Word(0x0900_002c, 0x70),
    Step::Word(0x0900_0030, 0x381),
    Step::Word(0x0900_0000, 0x41),
    Step::Word(0x0900_0000, 0x42),
    // PL031 at 0x0901_0000: an alarm that is long over, its interrupt masked.
    Step::Word(0x0901_0004, 0x10),
    Step::Word(0x0901_0010, 0),
    // GICv3's distributor at 0x0800_0000: groups enabled with affinity routing; SPI 32 and 33 with
    // a priority, in group 1, and enabled; one of them pending.
    Step::Word(0x0800_0000, 0x12),
    Step::Word(0x0800_0084, 0x03),
    Step::Word(0x0800_0420, 0x80a0),
    Step::Word(0x0800_0104, 0x03),
    Step::Word(0x0800_0204, 0x02),
    // The redistributor of processor 0 at 0x080a_0000 wakes up.
    Step::Word(0x080a_0014, 0),
];
