//! Programs of ppc64 for pseries: firmware at 0, where the processor begins at 0x100 in real mode,
//! big-endian. What is done there is done by calls of the hypervisor, by their PAPR numbers.

use super::Guest;
use super::steps::{Encoding, Step};

/// Where the processor begins.
const START: usize = 0x100;

/// r9 has the address, r10 the value; numbers of a call are in r3 and up; r27 says that all is done.
const WORDS: Encoding = Encoding {
    load,
    address: 9,
    value: 10,
    // stb r10, 0(r9)
    byte: 0x9949_0000,
    // stw r10, 0(r9)
    word: 0x9149_0000,
    // sc 1
    call: Some((0x4400_0022, 3)),
    done_register: 27,
    // b to itself.
    end: &[0x4800_0000],
};

/// The firmware.
pub(super) fn firmware(guest: Guest) -> Vec<u8> {
    let mut image = vec![0; START];
    image.extend(WORDS.program(&steps(guest)).iter().flat_map(|word| word.to_be_bytes()));
    image
}

/// `li` of zero, then both halves are put in: `oris`, `ori`.
fn load(code: &mut Vec<u32>, register: u32, value: u32) {
    code.push(0x3800_0000 | register << 21);
    code.push(0x6400_0000 | register << 21 | register << 16 | value >> 16);
    code.push(0x6000_0000 | register << 21 | register << 16 | value & 0xffff);
}

fn steps(guest: Guest) -> Vec<Step> {
    match guest {
        Guest::Idle | Guest::Virtio => Vec::new(),
        Guest::Misc | Guest::All => BOARD.to_vec(),
    }
}

/// Unit address of the first virtual SCSI adapter and network card of the command line.
const SCSI: u32 = 0x2000;
const LAN: u32 = 0x1000;

/// The board's own devices.
const BOARD: [Step; 4] = [
    // H_PUT_TCE: a page of the SCSI adapter's window is mapped, for reads and writes.
    Step::Call(&[0x20, SCSI, 0, 0x0010_0003]),
    // H_REG_CRQ: its queue is that page.
    Step::Call(&[0xfc, SCSI, 0, 0x1000]),
    // H_ENTER: an entry of the hash table, not bolted: exact place 8, valid, for page 0x10.
    Step::Call(&[0x08, 0x0002_0000, 8, 1, 0x0001_0190]),
    // H_VIO_SIGNAL: the network card's interrupts are off.
    Step::Call(&[0x104, LAN, 0]),
];
