//! Programs of s390x for s390-ccw-virtio: a flat image in the place of the boot loader, at 0x9000,
//! of 4 KiB at most, where the processor begins in 64-bit mode with interrupts off; big-endian.

use super::Guest;
use super::steps::DONE;

/// Registers that are used.
const SUBCHANNEL: u8 = 1;
const ADDRESS: u8 = 2;
const VALUE: u8 = 3;
/// The register that says that all is done.
const TOLD: u8 = 11;

/// A state of the processor that waits: enabled for external interrupts, of which none can come.
const WAITS: u64 = 0x0102_0001_8000_0000;

/// The firmware.
pub(super) fn firmware(guest: Guest) -> Vec<u8> {
    let mut code = Vec::new();
    match guest {
        Guest::Idle => {}
        Guest::Virtio => channels(&mut code),
        Guest::Misc | Guest::All => board(&mut code),
    }
    load(&mut code, TOLD, DONE);
    // The state lies behind the code, on a multiple of 8: larl %r1; lpswe 0(%r1)
    let end = (code.len() + 10).next_multiple_of(8);
    let halfwords = u32::try_from((end - code.len()) / 2).unwrap_or_default();
    code.extend([0xc0, 0x10]);
    code.extend(halfwords.to_be_bytes());
    code.extend([0xb2, 0xb2, 0x10, 0x00]);
    code.resize(end, 0);
    code.extend(WAITS.to_be_bytes());
    code.extend(0x9000_u64.to_be_bytes());
    code
}

/// `llilf`: all 32 bits, zeros above.
fn load(code: &mut Vec<u8>, register: u8, value: u32) {
    code.extend([0xc0, register << 4 | 0x0f]);
    code.extend(value.to_be_bytes());
}

/// A 32-bit number to an address: `st %r3,0(%r2)`.
fn word(code: &mut Vec<u8>, address: u32, value: u32) {
    load(code, ADDRESS, address);
    load(code, VALUE, value);
    code.extend([0x50, VALUE << 4, ADDRESS << 4, 0]);
}

/// A byte to an address: `stc %r3,0(%r2)`.
fn byte(code: &mut Vec<u8>, address: u32, value: u8) {
    load(code, ADDRESS, address);
    load(code, VALUE, u32::from(value));
    code.extend([0x42, VALUE << 4, ADDRESS << 4, 0]);
}

/// An instruction of the channel subsystem on the subchannel in %r1, with the block at an address.
fn channel(code: &mut Vec<u8>, instruction: u8, block: u32) {
    load(code, ADDRESS, block);
    code.extend([0xb2, instruction, ADDRESS << 4, 0]);
}

/// Second bytes of `msch`, `ssch`, `stsch`.
const MODIFY: u8 = 0x32;
const START: u8 = 0x33;
const STORE: u8 = 0x34;

/// Where in memory what is given to the channel subsystem lies: control block of a subchannel,
/// request, commands, what they point at, queues.
const CONTROL: u32 = 0x0001_0000;
const REQUEST: u32 = 0x0001_0100;
const COMMANDS: u32 = 0x0001_0200;
const DATA: u32 = 0x0001_0400;
const QUEUES: u32 = 0x0002_0000;

/// Subchannels of the command line at most.
const MOST: u32 = 5;

/// The first subchannels are enabled, and each virtio device behind one gets a first queue of 8
/// entries and its indicators, by the first revision of the transport.
fn channels(code: &mut Vec<u8>) {
    for number in 0..MOST {
        load(code, SUBCHANNEL, 0x0001_0000 | number);
        channel(code, STORE, CONTROL);
        // Valid and enabled.
        byte(code, CONTROL + 5, 0x81);
        channel(code, MODIFY, CONTROL);
        let data = DATA + number * 0x80;
        // Acknowledge and driver; the same and ready.
        word(code, data, 0x0307_0000);
        // The queue's address, its alignment, its number and entries.
        for (place, value) in [(12, QUEUES + number * 0x4000), (16, 4096), (20, 8)] {
            word(code, data + place, value);
        }
        // The address of the indicators.
        word(code, data + 36, data + 64);
        // Code, length, address: SET_VIRTIO_REV, WRITE_STATUS, SET_VQ, SET_IND, WRITE_STATUS; all but
        // the last are chained.
        let commands = [
            (0x83, 4, data + 64),
            (0x31, 1, data),
            (0x13, 16, data + 8),
            (0x43, 8, data + 32),
            (0x31, 1, data + 1),
        ];
        let mut at = COMMANDS;
        for (place, (command, length, address)) in (1..).zip(commands) {
            let chained = if place < commands.len() { 0x0040_0000 } else { 0 };
            word(code, at, command << 24 | chained | length);
            word(code, at + 4, address);
            at += 8;
        }
        // Commands of the newer format, over any path.
        word(code, REQUEST + 4, 0x0080_ff00);
        word(code, REQUEST + 8, COMMANDS);
        channel(code, START, REQUEST);
    }
}

/// What every machine has: keys of storage, clock comparator, processor timer, events.
fn board(code: &mut Vec<u8>) {
    // sske %r3,%r2: two pages with keys.
    for (page, key) in [(0x0003_0000, 0x30), (0x0003_1000, 0x56)] {
        load(code, ADDRESS, page);
        load(code, VALUE, key);
        code.extend([0xb2, 0x2b, 0x00, VALUE << 4 | ADDRESS]);
    }
    // sckc 0(%r2), spt 0(%r2): far off.
    word(code, DATA, 0x7fff_ffff);
    for instruction in [0x06, 0x08] {
        load(code, ADDRESS, DATA);
        code.extend([0xb2, instruction, ADDRESS << 4, 0]);
    }
    // servc %r3,%r2: WRITE_EVENT_MASK, of four masks of 4 bytes: operator's messages both ways.
    for (place, value) in [(0, 0x001c_0000), (8, 4), (12, 0x8000_0000), (16, 0x4000_0000)] {
        word(code, CONTROL + place, value);
    }
    load(code, ADDRESS, CONTROL);
    load(code, VALUE, 0x0078_0005);
    code.extend([0xb2, 0x20, 0x00, VALUE << 4 | ADDRESS]);
}
