//! What a file is, by its first bytes; also formats that have no stream in them, for the error.

use super::pack::Packer;
use crate::stream::MAGIC;

/// Bytes by which a file is recognised: beyond them lies the mark of an ISO 9660 image only.
pub const HEAD: usize = 34 * 1024;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A migration stream.
    Stream,
    /// Packed.
    Packed(Packer),
    /// A libvirt save image, or what is left of one that was not finished.
    Libvirt,
    /// A qcow2 disk: version 2 or 3.
    Qcow2,
    /// Something known that is no stream: what, and what to do instead.
    Other(String, &'static str),
    /// Something else.
    Unknown,
}

const DUMP: &str = "it holds memory and registers, no device state: look at it with crash or gdb; \
     `virsh save` or `migrate` write a stream";
const DISK: &str = "no machine's state is kept in this format: give the stream that `virsh save` or \
     `migrate` wrote, or a qcow2 disk with an internal snapshot";
const UNPACK: &str = "unpack it first and give what comes out, or - for standard input";
const XEN: &str = "only the record of QEMU's devices in it is a stream, which begins with 'QEVM': \
     cut it out, or let xen-save-devices-state write one";
const PAGES: &str = "it holds pages only: give the main channel's stream, and this one with \
     `inspect --channel`";
const ELSEWHERE: &str = "it is another hypervisor's: QEMU cannot load it either";

/// First bytes of things that are no stream.
const OTHERS: &[(&[u8], &str, &str)] = &[
    (b"KDUMP   ", "a kdump-compressed core dump", DUMP),
    (b"DISKDUMP", "a diskdump core dump", DUMP),
    (b"makedumpfile\0", "a core dump flattened by makedumpfile", DUMP),
    (b"PAGEDU64", "a Windows crash dump", DUMP),
    (b"PAGEDUMP", "a Windows crash dump", DUMP),
    (b"QFI\xfb\0\0\0\x01", "a qcow disk of version 1", DISK),
    (b"QED\0", "a QED disk", DISK),
    (b"KDMV", "a VMDK disk", DISK),
    (b"COWD", "a VMDK disk", DISK),
    (b"# Disk DescriptorFile", "the description of a VMDK disk", DISK),
    (b"conectix", "a VHD disk", DISK),
    (b"vhdxfile", "a VHDX disk", DISK),
    (b"<<< ", "a VDI disk", DISK),
    (b"WithoutFreeSpace", "a Parallels disk", DISK),
    (b"WithouFreSpacExt", "a Parallels disk", DISK),
    (b"LUKS\xba\xbe", "an encrypted disk (LUKS)", DISK),
    (b"VMA\0", "a Proxmox backup archive", "take its `vmstate` out with `vma extract`"),
    (b"\x04\x22\x4d\x18", "packed with lz4", UNPACK),
    (b"LZIP", "packed with lzip", UNPACK),
    (b"\x5d\0\0", "packed with lzma", UNPACK),
    (b"\x1f\x9d", "packed with compress", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (b"\x11\x22\x33\x44", "a channel of a multifd migration", PAGES),
    (b"LinuxGuestRecord", "a Xen save file", XEN),
    (b"Xen saved domain", "a Xen save file", XEN),
    (b"\xff\xff\xff\xff\xff\xff\xff\xffXENF", "a Xen save file", XEN),
    (b"\x7fVirtualBox Saved", "a saved state of VirtualBox", ELSEWHERE),
    (b"\xd0\xbe\xd2\xbe", "a suspended machine of VMware", ELSEWHERE),
    (b"\xd1\xbe\xd2\xbe", "a suspended machine of VMware", ELSEWHERE),
    (b"\xd2\xbe\xd2\xbe", "a suspended machine of VMware", ELSEWHERE),
    (b"\xd3\xbe\xd2\xbe", "a suspended machine of VMware", ELSEWHERE),
];

/// The same, for what is marked further on: the offset of the mark comes first.
const MARKED: &[(usize, &[u8], &str, &str)] = &[
    (0x40, b"\x7f\x10\xda\xbe", "a VDI disk", DISK),
    (0x101, b"ustar", "a tar archive", UNPACK),
    (0x1fe, b"\x55\xaa", "a raw disk, by its boot sector", DISK),
    (0x200, b"EFI PART", "a raw disk, by its partition table", DISK),
    (0x438, b"\x53\xef", "a raw disk, by its file system", DISK),
    (0x8001, b"CD001", "an ISO 9660 image", DISK),
];

/// What begins with `head`: as much of a file's beginning as there is, up to [`HEAD`].
#[must_use]
pub fn of(head: &[u8]) -> Kind {
    if head.starts_with(&MAGIC.to_be_bytes()) {
        return Kind::Stream;
    }
    if let Some(packer) = Packer::of(head) {
        return Kind::Packed(packer);
    }
    if head.starts_with(super::libvirt::COMPLETE) || head.starts_with(super::libvirt::PARTIAL) {
        return Kind::Libvirt;
    }
    if let [b'Q', b'F', b'I', 0xfb, version @ ..] = head
        && let Some(version) = version.first_chunk::<4>()
        && u32::from_be_bytes(*version) >= 2
    {
        return Kind::Qcow2;
    }
    let first = OTHERS.iter().find(|(mark, ..)| head.starts_with(mark));
    if let Some((_, what, instead)) = first {
        return Kind::Other((*what).to_string(), instead);
    }
    if let Some(elf) = elf(head) {
        return elf;
    }
    let marked = MARKED
        .iter()
        .find(|(at, mark, ..)| head.get(*at..).is_some_and(|rest| rest.starts_with(mark)));
    if let Some((_, _, what, instead)) = marked {
        return Kind::Other((*what).to_string(), instead);
    }
    if is_zeros(head) {
        let what = "zeros, as an empty disk or device begins with";
        return Kind::Other(what.to_string(), DISK);
    }
    Kind::Unknown
}

/// Whether `head` begins with zeros. A stream may follow them: `migrate file:PATH,offset=N` leaves the first
/// bytes as they are (8.2).
#[must_use]
pub fn is_zeros(head: &[u8]) -> bool {
    head.starts_with(&[0; 512])
}

/// An ELF file: the type of object lies at byte 16, in the byte order that byte 5 tells.
fn elf(head: &[u8]) -> Option<Kind> {
    let [0x7f, b'E', b'L', b'F', _, order, ..] = head else { return None };
    let pair = *head.get(16..)?.first_chunk::<2>()?;
    let number = if *order == 2 { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
    Some(match number {
        4 => Kind::Other(
            "an ELF core dump, as `dump-guest-memory` and `virsh dump --memory-only` write it"
                .to_string(),
            DUMP,
        ),
        _ => Kind::Other("an ELF program or library".to_string(), "give a migration stream"),
    })
}
