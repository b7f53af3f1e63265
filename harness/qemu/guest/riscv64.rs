//! Programs of riscv64 for the board `virt`: memory from 0x8000_0000 on, where the processor begins
//! in machine mode; its devices by the board's memory map.

use super::Guest;
use super::steps::{Encoding, Step};

/// a0 has the address, a1 the value; s11 says that all is done.
const WORDS: Encoding = Encoding {
    load,
    address: 10,
    value: 11,
    // sb a1, 0(a0)
    byte: 0x00b5_0023,
    // sw a1, 0(a0)
    word: 0x00b5_2023,
    call: None,
    done_register: 27,
    // wfi; j to the instruction before.
    end: &[0x1050_0073, 0xffdf_f06f],
};

/// The firmware.
pub(super) fn firmware(guest: Guest) -> Vec<u8> {
    WORDS.program(&steps(guest)).iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// `lui` and `addiw`, which together sign-extend, then the upper half is shifted out.
fn load(code: &mut Vec<u32>, register: u32, value: u32) {
    let low = value & 0xfff;
    let high = value.wrapping_add(0x800) & 0xffff_f000;
    code.push(0x37 | register << 7 | high);
    code.push(0x1b | register << 7 | register << 15 | low << 20);
    // slli, srli by 32
    code.push(0x13 | register << 7 | 1 << 12 | register << 15 | 32 << 20);
    code.push(0x13 | register << 7 | 5 << 12 | register << 15 | 32 << 20);
}

fn steps(guest: Guest) -> Vec<Step> {
    match guest {
        Guest::Idle => Vec::new(),
        Guest::Virtio => super::mmio::queues(0x1000_1000, 0x1000, 8, 0x8010_0000),
        Guest::Misc | Guest::All => BOARD.to_vec(),
    }
}

/// The board's own devices, by its memory map.
const BOARD: [Step; 15] = [
    // 16550A at 0x1000_0000: divisor, 8N1, scratch; FIFO on, loop-back, two bytes to itself.
    Step::Byte(0x1000_0003, 0x83),
    Step::Byte(0x1000_0000, 0x0c),
    Step::Byte(0x1000_0003, 0x03),
    Step::Byte(0x1000_0007, 0x5a),
    Step::Byte(0x1000_0002, 0x07),
    Step::Byte(0x1000_0004, 0x10),
    Step::Byte(0x1000_0000, 0x41),
    Step::Byte(0x1000_0000, 0x42),
    // Goldfish clock at 0x0010_1000: an alarm that is long over, no interrupt.
    Step::Word(0x0010_100c, 0),
    Step::Word(0x0010_1008, 0x1000),
    // PLIC at 0x0c00_0000: priority of source 10, enabled for context 0, threshold.
    Step::Word(0x0c00_0028, 0x05),
    Step::Word(0x0c00_2000, 0x0400),
    Step::Word(0x0c20_0000, 0x03),
    // CLINT at 0x0200_0000: a software interrupt waits, and the timer is far off.
    Step::Word(0x0200_0000, 1),
    Step::Word(0x0200_4004, 0x7fff_ffff),
];
