//! The guest programs: 64 KiB of firmware of our own, assembled here, that put devices into
//! states worth sending and halt. No stream has anyone else's code in it.
//!
//! Ports and commands are those of the PC's parts: 8259A, 8254, 8237A, MC146818, 8042, 82077AA,
//! 16550A, ATA, x87, virtio 0.9. Nothing waits for an interrupt; none is enabled.
//!
//! | file | holds |
//! | --- | --- |
//! | `aarch64`, `ppc64`, `riscv64`, `s390x` | the programs of other instruction sets |
//! | [`steps`] | what they do, in words that all of them have |
//! | `mmio` | virtio devices at fixed addresses |

mod aarch64;
mod mmio;
mod ppc64;
mod riscv64;
mod s390x;
pub mod steps;

use std::fmt;
use std::str::FromStr;

use iced_x86::IcedError;
use iced_x86::code_asm::{
    CodeAssembler, al, ax, bp, cx, di, ds, dword_ptr, dx, eax, ebx, ecx, si, word_ptr,
};

/// Size of the firmware in bytes.
pub const SIZE: usize = 0x1_0000;

/// Where the processor begins, from the start of the firmware.
const RESET: usize = 0xfff0;

/// `jmp 0xf000:0`: into the copy below 1 MiB.
const TO_START: [u8; 5] = [0xea, 0, 0, 0, 0xf0];

/// Commands to the first IDE drive end here: 16 of 256 words are read.
const IDE_WORDS: usize = 16;

/// PCI device ids of virtio devices with the legacy interface.
const NET: u32 = 0x1000;
const BALLOON: u32 = 0x1002;

/// A guest program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Guest {
    /// Halts at once.
    #[default]
    Idle,
    /// Pokes the board's devices but for IDE.
    Misc,
    /// The same, and on a PC leaves an IDE transfer half done.
    All,
    /// Sets up a queue of every virtio device: on a PC of those on bus 0, of which one has a buffer in
    /// flight; elsewhere of those behind virtio-mmio or virtio-ccw.
    Virtio,
}

impl Guest {
    /// All of them.
    pub const ALL: [Guest; 4] = [Guest::Idle, Guest::Misc, Guest::All, Guest::Virtio];

    /// The firmware for an architecture; that of a PC for those that no file here is about.
    ///
    /// # Errors
    /// A program that cannot be assembled, which is a fault of this file.
    pub fn firmware(self, architecture: &str) -> Result<Vec<u8>, IcedError> {
        match architecture {
            "aarch64" => return Ok(aarch64::firmware(self)),
            "ppc64" => return Ok(ppc64::firmware(self)),
            "riscv64" => return Ok(riscv64::firmware(self)),
            "s390x" => return Ok(s390x::firmware(self)),
            _ => {}
        }
        let mut a = CodeAssembler::new(16)?;
        a.cli()?;
        match self {
            Guest::Idle => {}
            Guest::Misc => board(&mut a)?,
            Guest::All => {
                board(&mut a)?;
                ide(&mut a)?;
            }
            Guest::Virtio => virtio(&mut a)?,
        }
        // An NMI would wake it up.
        let mut halt = a.create_label();
        a.set_label(&mut halt)?;
        a.hlt()?;
        a.jmp(halt)?;
        let mut image = a.assemble(0)?;
        image.resize(RESET, 0);
        image.extend(TO_START);
        image.resize(SIZE, 0);
        Ok(image)
    }
}

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Guest::Idle => "idle",
            Guest::Misc => "misc",
            Guest::All => "all",
            Guest::Virtio => "virtio",
        })
    }
}

impl FromStr for Guest {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Guest::ALL.into_iter().find(|guest| guest.to_string() == name);
        found
            .ok_or_else(|| format!("no guest program '{name}': expected idle, misc, all or virtio"))
    }
}

/// Writes bytes to ports.
fn write(a: &mut CodeAssembler, pokes: &[(u32, u32)]) -> Result<(), IcedError> {
    for &(port, value) in pokes {
        a.mov(dx, port)?;
        a.mov(al, value)?;
        a.out(dx, al)?;
    }
    Ok(())
}

/// Waits until the bits of `mask` at `port` are `value`, but not for ever.
fn until(a: &mut CodeAssembler, port: u32, mask: u32, value: u32) -> Result<(), IcedError> {
    let (mut again, mut done) = (a.create_label(), a.create_label());
    a.mov(cx, 0xffff_u32)?;
    a.mov(dx, port)?;
    a.set_label(&mut again)?;
    a.in_(al, dx)?;
    a.and(al, mask)?;
    a.cmp(al, value)?;
    a.je(done)?;
    a.loop_(again)?;
    a.set_label(&mut done)?;
    a.nop()
}

/// The devices that every PC has.
fn board(a: &mut CodeAssembler) -> Result<(), IcedError> {
    // Interrupt controllers: ICW1 to ICW4, then all masked.
    write(a, &[(0x20, 0x11), (0x21, 0x08), (0x21, 0x04), (0x21, 0x01)])?;
    write(a, &[(0xa0, 0x11), (0xa1, 0x70), (0xa1, 0x02), (0xa1, 0x01)])?;
    write(a, &[(0x21, 0xff), (0xa1, 0xff)])?;
    // Timer channel 0: mode 2, both bytes of the count.
    write(a, &[(0x43, 0x34), (0x40, 0x34), (0x40, 0x12)])?;
    // Clock: register B is selected, the alarm minute set before.
    write(a, &[(0x70, 0x03), (0x71, 0x30), (0x70, 0x0b)])?;
    // DMA channel 2: address and count, low byte first.
    write(a, &[(0x0c, 0), (0x04, 0x00), (0x04, 0x10), (0x05, 0xff), (0x05, 0x01)])?;
    // Serial port: divisor, 8N1, scratch; then FIFO on, loop-back, and three bytes to itself.
    write(a, &[(0x3fb, 0x83), (0x3f8, 0x0c), (0x3f9, 0), (0x3fb, 0x03), (0x3ff, 0x5a)])?;
    write(a, &[(0x3fa, 0x07), (0x3fc, 0x10), (0x3f8, 0x41), (0x3f8, 0x42), (0x3f8, 0x43)])?;
    // Keyboard controller: write the output port, with the A20 gate open and one of the lines low
    // that nobody uses; then ask for the command byte, and leave the answer where it is.
    until(a, 0x64, 0x02, 0)?;
    write(a, &[(0x64, 0xd1), (0x60, 0xdb)])?;
    until(a, 0x64, 0x02, 0)?;
    write(a, &[(0x64, 0x20)])?;
    // Floppy: motor of drive A, controller out of reset; then three of the nine bytes of READ.
    write(a, &[(0x3f2, 0x1c)])?;
    for byte in [0x46, 0x00, 0x01] {
        until(a, 0x3f4, 0x80, 0x80)?;
        write(a, &[(0x3f5, byte)])?;
    }
    // x87: 1.0 and pi on its stack.
    a.fninit()?;
    a.fld1()?;
    a.fldpi()
}

/// IDENTIFY on the primary master, of which only the first words are read.
fn ide(a: &mut CodeAssembler) -> Result<(), IcedError> {
    write(a, &[(0x3f6, 0x02), (0x1f6, 0xa0), (0x1f7, 0xec)])?;
    until(a, 0x1f7, 0x88, 0x08)?;
    a.mov(dx, 0x1f0_u32)?;
    for _ in 0..IDE_WORDS {
        a.in_(ax, dx)?;
    }
    Ok(())
}

/// Looks at every function 0 of bus 0, and sets up the virtio devices that are there.
fn virtio(a: &mut CodeAssembler) -> Result<(), IcedError> {
    let (mut next, mut other) = (a.create_label(), a.create_label());
    // ebx: configuration address of the device. cx: its number, for a port range of its own.
    a.mov(ebx, 0x8000_0000_u32)?;
    a.set_label(&mut next)?;
    config_read(a, 0)?;
    a.cmp(ax, 0x1af4_u32)?;
    a.jne(other)?;
    virtio_device(a)?;
    a.set_label(&mut other)?;
    a.nop()?;
    a.add(ebx, 0x800)?;
    a.cmp(ebx, 0x8001_0000_u32)?;
    a.jb(next)
}

/// Reads a configuration register of the device at ebx into eax.
fn config_read(a: &mut CodeAssembler, register: i32) -> Result<(), IcedError> {
    a.lea(eax, dword_ptr(ebx + register))?;
    a.mov(dx, 0xcf8_u32)?;
    a.out(dx, eax)?;
    a.mov(dx, 0xcfc_u32)?;
    a.in_(eax, dx)
}

/// Sets up the device at ebx by its legacy interface: ports of its own from 0xc000 on, 64 KiB of
/// memory for its queue. A network card gets a buffer in its queue 0, to wait there for a packet. A
/// balloon gets one in its queue 2, which it takes and keeps until it is asked for statistics: a
/// descriptor in flight. All others get an empty queue 0.
fn virtio_device(a: &mut CodeAssembler) -> Result<(), IcedError> {
    let (mut empty, mut offered) = (a.create_label(), a.create_label());
    // Device id; cx = port range: 0xc000 + 0x100 for each device number.
    a.shr(eax, 16)?;
    a.mov(si, ax)?;
    a.mov(ecx, ebx)?;
    a.shr(ecx, 3)?;
    a.and(ecx, 0x1f00)?;
    a.or(ecx, 0xc000)?;
    // BAR 0, then decode ports and allow bus mastering.
    for (register, value) in [(0x10, None), (0x04, Some(0x5))] {
        a.lea(eax, dword_ptr(ebx + register))?;
        a.mov(dx, 0xcf8_u32)?;
        a.out(dx, eax)?;
        match value {
            None => a.mov(eax, ecx)?,
            Some(value) => a.mov(eax, value)?,
        }
        a.mov(dx, 0xcfc_u32)?;
        a.out(dx, eax)?;
    }
    let port = |a: &mut CodeAssembler, offset: i32| a.lea(dx, word_ptr(ecx + offset));
    // Status: reset, acknowledge, driver.
    for status in [0, 1, 3] {
        port(a, 18)?;
        a.mov(al, status)?;
        a.out(dx, al)?;
    }
    // Features that the device has and every release knows: none.
    port(a, 4)?;
    a.xor(eax, eax)?;
    a.out(dx, eax)?;
    // di = the queue.
    a.xor(di, di)?;
    a.cmp(si, BALLOON)?;
    a.jne(empty)?;
    a.mov(di, 2)?;
    a.set_label(&mut empty)?;
    port(a, 14)?;
    a.mov(ax, di)?;
    a.out(dx, ax)?;
    // bp = its number of entries.
    port(a, 12)?;
    a.in_(ax, dx)?;
    a.mov(bp, ax)?;
    // Page number: 16 pages of memory for each device number from 64 KiB on. The same as a segment.
    port(a, 8)?;
    a.mov(eax, ebx)?;
    a.shr(eax, 7)?;
    a.and(eax, 0x1f0)?;
    a.add(eax, 0x10)?;
    a.out(dx, eax)?;
    a.shl(ax, 8)?;
    a.mov(ds, ax)?;
    // Descriptor 0: the 16 bytes after the first 32 KiB, for the device to write, or to read.
    let mut described = a.create_label();
    a.mov(ax, 2)?;
    a.cmp(si, NET)?;
    a.je(described)?;
    a.cmp(si, BALLOON)?;
    a.jne(offered)?;
    a.xor(ax, ax)?;
    a.set_label(&mut described)?;
    a.mov(word_ptr(12), ax)?;
    a.mov(eax, ebx)?;
    a.shl(eax, 5)?;
    a.and(eax, 0x1f_0000)?;
    a.add(eax, 0x1_8000)?;
    a.mov(dword_ptr(0), eax)?;
    a.mov(word_ptr(8), 16)?;
    // The ring of those on offer is behind the descriptors, 16 bytes each: index 1, entry 0.
    a.mov(di, bp)?;
    a.shl(di, 4)?;
    a.mov(word_ptr(di + 2), 1)?;
    a.set_label(&mut offered)?;
    // The driver is ready; the queue is kicked.
    port(a, 18)?;
    a.mov(al, 7)?;
    a.out(dx, al)?;
    port(a, 14)?;
    a.in_(ax, dx)?;
    port(a, 16)?;
    a.out(dx, ax)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guest_fits_and_begins_at_the_reset_vector() {
        for guest in Guest::ALL {
            let image = guest.firmware("x86_64").unwrap();
            assert_eq!(image.len(), SIZE);
            assert_eq!(image[RESET..RESET + 5], TO_START);
            assert_eq!(image[0], 0xfa, "cli");
            assert_eq!(guest.to_string().parse(), Ok(guest));
        }
    }

    /// Words of a program, as the processor reads them.
    fn words(image: &[u8], big: bool) -> Vec<u32> {
        let word = |bytes: &[u8]| {
            let bytes = bytes.try_into().unwrap();
            if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        image.chunks_exact(4).map(word).collect()
    }

    #[test]
    fn the_idle_guests_of_other_platforms_say_that_all_is_done_and_wait() {
        let image = |of| Guest::Idle.firmware(of).unwrap();
        // movz x27, #0xc0de; movk x27, #0x600d, lsl #16; wfi; b .-4
        let arm = words(&image("aarch64"), false);
        assert_eq!(arm, [0xd298_1bdb, 0xf2ac_01bb, 0xd503_207f, 0x17ff_ffff]);
        // lui s11, 0x600dc; addiw s11, s11, 0xde; slli, srli by 32; wfi; j .-4
        let riscv = words(&image("riscv64"), false);
        let expected =
            [0x600d_cdb7, 0x0ded_8d9b, 0x020d_9d93, 0x020d_dd93, 0x1050_0073, 0xffdf_f06f];
        assert_eq!(riscv, expected);
        // li r27, 0; oris r27, r27, 0x600d; ori r27, r27, 0xc0de; b .
        let power = words(&image("ppc64"), true);
        assert_eq!(power[..64], [0; 64]);
        assert_eq!(power[64..], [0x3b60_0000, 0x677b_600d, 0x637b_c0de, 0x4800_0000]);
        // llilf %r11, 0x600dc0de; larl %r1, .+10; lpswe 0(%r1); the state that it waits in
        let z = image("s390x");
        let expected = [
            0xc0, 0xbf, 0x60, 0x0d, 0xc0, 0xde, 0xc0, 0x10, 0, 0, 0, 5, 0xb2, 0xb2, 0x10, 0, 1, 2,
            0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x90, 0,
        ];
        assert_eq!(z, expected);
    }

    #[test]
    fn the_programs_of_other_platforms_fit_and_do_something() {
        for of in ["aarch64", "ppc64", "riscv64", "s390x"] {
            let idle = Guest::Idle.firmware(of).unwrap();
            let misc = Guest::Misc.firmware(of).unwrap();
            assert!(misc.len() > idle.len() && misc.len() <= 4096, "{of}: {}", misc.len());
            let virtio = Guest::Virtio.firmware(of).unwrap();
            // On pseries virtio is on PCI only, which is left alone.
            assert_eq!(virtio.len() > idle.len(), of != "ppc64", "{of}");
            // Of a boot loader of s390x no more is read.
            assert!(virtio.len() <= 4096, "{of}: {}", virtio.len());
        }
    }
}
