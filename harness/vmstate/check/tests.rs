//! One value of a captured stream changed, and what a release says of it.

use rstest::rstest;

use super::super::compiled::{Amount, Codec, Count, Field, Kind as FieldKind, Vmsd};
use super::super::local::Local;
use super::{CheckContext, CheckState, post_load};
use crate::release::corpus::Corpus;
use crate::release::library::Library;
use crate::stream::{Destination, Loaded, load};
use crate::wire::{Feed, Kind, Span};

/// A stream with each value in the first item called so of the first section whose idstr ends so.
fn changed(to: &Destination, stream: &[u8], changes: &[(&str, &str, u64)]) -> Vec<u8> {
    let loaded = whole(to, stream);
    let mut changed = stream.to_vec();
    for change in changes {
        set(&loaded, &mut changed, *change);
    }
    changed
}

fn set(loaded: &Loaded<'_>, changed: &mut [u8], (idstr, path, value): (&str, &str, u64)) {
    let section = loaded.sections.iter().find(|s| s.idstr.ends_with(idstr.as_bytes())).unwrap();
    let inside = |at: u64| (section.offset..section.end).contains(&at);
    let called = |at: &str| at.strip_suffix(path).is_some_and(|head| head.ends_with('.'));
    let spans = loaded.map.spans().iter();
    let item = spans.filter(|s| inside(s.offset)).find(|s| called(&loaded.map.path(s)));
    let item = item.unwrap_or_else(|| panic!("{idstr}: {path}"));
    let bytes = value.to_be_bytes();
    // Of a longer item, the start.
    let len = bytes.len().min(item.len as usize);
    changed[item.offset as usize..][..len].copy_from_slice(&bytes[bytes.len() - len..]);
}

fn whole<'d>(to: &'d Destination, stream: &[u8]) -> Loaded<'d> {
    load(to, &mut &stream[..], &Feed::Bulk)
}

const GUEST: u64 = 1 << 21;
const NESTED: &str = "a nested guest's flag is set, but there is no nested state";
const TABLES: &str =
    "the loader aborts: table_mr_size 0x200001: /rom@etc/acpi/tables has at most 0x200000";
const PAUSING: u64 = u64::from_be_bytes(*b"pausing\0");
const MINUS: u64 = u64::MAX;
const SOFT: &str = "unsupported old non-softfloat CPU state";
const FULL: &str = "inconsistent state in serial device (tsr not empty, tsr_retry=0)";
const PIO: &str = "end_transfer_fn_idx";

#[rstest]
#[case("3.0.0", "pc-i440fx-2.4.idle", &[("cpu", "hflags", GUEST)], "")]
#[case("5.2", "pc-i440fx-2.4.idle", &[("cpu", "hflags", GUEST)], NESTED)]
#[case("5.2", "pc-i440fx-2.4.idle", &[("cpu", "hflags", GUEST >> 1)], "")]
#[case("2.8.1", "pc-1.0.idle", &[("cpu", "fpregs_format_vmstate", 1)], "")]
#[case("3.0.0", "pc-i440fx-2.4.idle", &[("cpu", "fpregs_format_vmstate", 1)], SOFT)]
#[case("0.14.1", "pc-0.12.legacy", &[("ide", PIO, 6)], "")]
#[case("0.14.1", "pc-0.12.legacy", &[("ide", PIO, 7)], "transfer function 7, at most 6")]
#[case("1.0.1", "pc-1.0.legacy", &[("ide", PIO, 5)], "")]
#[case("1.0.1", "pc-1.0.legacy", &[("ide", PIO, 6)], "transfer function 6, at most 5")]
#[case("5.2", "pc-i440fx-5.2.legacy", &[("serial", "lsr", 0)], FULL)]
#[case("2.4.1", "pc-1.0.legacy", &[("serial", "lsr", 0)], "")]
#[case("2.8.1", "pc-1.0.legacy", &[("serial", "lsr", 0)], FULL)]
#[case("7.2", "pc-i440fx-7.2.tpm", &[("tpm-emulator", "permanent.size", MINUS >> 32)], "the loader aborts: no memory for a buffer of -1 bytes")]
#[case("10.0", "pc-i440fx-7.2.media", &[("hda-audio", "stream", 15)], "")]
#[case("10.0", "pc-i440fx-7.2.media", &[("hda-audio", "stream", 16)], "undefined: stream 16: past the table of running ones")]
#[case("10.0", "pc-i440fx-7.2.media", &[("hda-audio", "st[1].stream", 31)], "")]
#[case("10.0", "pc-i440fx-7.2.media", &[("hda-audio", "st[1].stream", 32)], "undefined: stream 32: past the table of running ones")]
#[case("10.0", "pc-i440fx-7.2.media", &[("hda-audio", "st[2].stream", 32)], "")]
#[case("7.2", "pc-q35-7.2.q35", &[("ich9_ahci", "halt", 1)], "a queued transfer is in use and not halted")]
#[case("7.2", "pc-q35-7.2.q35", &[("ich9_ahci", "used", 1)], "a queued transfer is in use and not halted")]
#[case("7.2", "pc-q35-7.2.q35", &[("ich9_ahci", "used", 1), ("ich9_ahci", "halt", 1)], "a halted transfer's command is not queued")]
#[case("7.2", "pc-q35-7.2.q35", &[("ich9_ahci", "used", 1), ("ich9_ahci", "halt", 1), ("ich9_ahci", "ncq_tfs[0].cmd", 0x60)], "a halted transfer's port does not run")]
#[case("7.2", "pc-q35-7.2.q35", &[("ich9_ahci", "used", 1), ("ich9_ahci", "halt", 1), ("ich9_ahci", "ncq_tfs[0].cmd", 0x60), ("ich9_ahci", "ncq_tfs[0].slot", 5)], "a halted transfer's slot is not its tag")]
#[case("7.2", "pc-q35-7.2.q35", &[("ich9_ahci", "busy_slot", 32)], "a port is busy with a slot that is none")]
#[case("7.2", "pc-q35-7.2.q35", &[("ich9_ahci", "busy_slot", 31)], "")]
#[case("7.2", "pc-q35-7.2.q35", &[("ich9_ahci", "port_regs.cmd", 1 << 15)], "a port's command engine runs, but should not")]
#[case("7.2", "pc-q35-7.2.q35", &[("ich9_ahci", "port_regs.cmd", 1 << 15 | 1)], "")]
#[case("5.2", "pc-i440fx-5.2.idle", &[("kvm-tpr-opt", "state", 1)], "state 1 wants an option ROM at 0x0; none is there")]
#[case("10.0", "microvm.bare", &[("kvm-tpr-opt", "state", 1)], "state 1 wants an option ROM at 0x0; none is there")]
#[case("5.2", "pc-i440fx-5.2.idle", &[("kvm-tpr-opt", "rom_state_paddr", 1 << 30)], "state 0 wants an option ROM at 0x40000000; none is there")]
#[case("5.2", "pc-i440fx-5.2.idle", &[("fw_cfg", "table_mr_size", 0x20_0001)], TABLES)]
#[case("5.2", "pc-i440fx-5.2.idle", &[("fw_cfg", "table_mr_size", 0x20_0000)], "")]
#[case("5.2", "pc-i440fx-5.2.idle", &[("globalstate", "runstate", PAUSING)], "run state 'pausing' is not known")]
#[case("2.8.1", "pc-i440fx-2.4.desk", &[("usb-ptr", "setup_len", 4097)], "USB setup index 0, length 4097")]
#[case("2.8.1", "pc-i440fx-2.4.desk", &[("usb-ptr", "setup_len", 4096)], "")]
#[case("2.8.1", "pc-i440fx-2.4.desk", &[("usb-ptr", "setup_index", 1)], "USB setup index 1, length 0")]
#[case("2.8.1", "pc-i440fx-2.4.desk", &[("usb-ptr", "setup_index", MINUS)], "USB setup index -1, length 0")]
#[case("1.0.1", "pc-0.12.desk", &[("usb-ptr", "setup_len", 4097)], "")]
#[case("10.0", "pc-i440fx-2.4.desk", &[("usb-ptr", "setup_index", 1)], "")]
#[case("10.0", "pc-i440fx-2.4.desk", &[("lsiscsi", "msg_len", 8)], "")]
#[case("10.0", "pc-i440fx-2.4.desk", &[("lsiscsi", "msg_len", 9)], "message length 9, expected 0 to 8")]
#[case("10.0", "pc-i440fx-2.4.desk", &[("lsiscsi", "msg_len", MINUS)], "message length -1, expected 0 to 8")]
#[case("3.0.0", "pc-i440fx-2.4.desk", &[("lsiscsi", "msg_len", 9)], "")]
#[case("10.0", "aarch64/virt-7.2.bare", &[("pl011", "read_pos", 15), ("pl011", "read_count", 16)], "")]
#[case("10.0", "aarch64/virt-7.2.bare", &[("pl011", "read_pos", 16)], "character 16 of 0: the FIFO has 16")]
#[case("10.0", "aarch64/virt-7.2.bare", &[("pl011", "read_count", 17)], "character 0 of 17: the FIFO has 16")]
#[case("10.0", "aarch64/virt-7.2.bare", &[("pl011", "read_count", MINUS >> 32)], "character 0 of -1: the FIFO has 16")]
#[case("7.2", "aarch64/virt-7.2.bare", &[("pl011", "read_pos", 16)], "")]
#[case("10.0", "ppc64/pseries-5.2.bare", &[("spapr", "mig.caps[0x06]", 16)], "")]
#[case("10.0", "ppc64/pseries-5.2.bare", &[("spapr", "mig.caps[0x06]", 17)], "capability hpt_maxpagesize of level 17, the loader's is 16")]
#[case("10.0", "ppc64/pseries-5.2.bare", &[("spapr_nvram", "size", MINUS >> 32)], "the loader aborts: no memory for a buffer of -1 bytes")]
#[case("11.1", "ppc64/pseries-5.2.bare", &[("spapr_nvram", "size", MINUS >> 32)], "end of stream, 4292782857 more bytes expected")]
#[case("10.0", "pc-q35-7.2.q35", &[("e1000e", "subsys", 7)], "subsys is not that of the local device")]
#[case("10.0", "pc-q35-7.2.q35", &[("e1000e", "subsys_ven", 7)], "subsys_ven is not that of the local device")]
fn a_value_is_checked(
    #[case] release: &str,
    #[case] name: &str,
    #[case] changes: &[(&str, &str, u64)],
    #[case] expected: &str,
) {
    let (to, stream) = fixture(release, name);
    assert_eq!(said(&to, &changed(&to, &stream, changes)), expected);
}

/// What the drive was identified as, of the second drive, which is not there.
#[rstest]
#[case("1.0.1", "")]
#[case("1.4.2", "the loader aborts: identify data for a drive that is not there")]
#[case("2.3.1", "")]
fn identify_data_wants_a_drive(#[case] release: &str, #[case] expected: &str) {
    let (to, mut stream) = fixture(release, "pc-1.0.legacy");
    let loaded = whole(&to, &stream);
    let spans = loaded.map.spans().iter();
    let set = |span: &&Span| loaded.map.path(span).ends_with(".identify_set");
    let second = spans.filter(set).nth(1).unwrap();
    let end = (second.offset + second.len) as usize;
    stream[end - 1] = 1;
    stream.splice(end..end, [0; 512]);
    assert_eq!(said(&to, &stream), expected);
}

/// A subsection's buffer is as long as a field of its owner says (`VMSTATE_VBUFFER_UINT32` in
/// vmxnet3).
#[rstest]
#[case(0, 0, "")]
#[case(6, 6, "")]
#[case(6, 5, "section footer")]
#[case(5, 6, "section footer")]
#[case(0x7fff_ffff, 6, "end of stream")]
fn a_size_is_in_the_owner(#[case] reported: u64, #[case] sent: usize, #[case] expected: &str) {
    let (to, mut stream) = fixture("10.0", "pc-q35-7.2.q35");
    stream = changed(&to, &stream, &[("vmxnet3", "mcast_list_buff_size", reported)]);
    let name = b"vmxnet3/mcast_list";
    let header = stream.windows(name.len()).position(|piece| piece == name).unwrap();
    let body = header + name.len() + 4;
    stream.splice(body..body, vec![1; sent]);
    let said = said(&to, &stream);
    assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{said}");
}

fn fixture(release: &str, name: &str) -> (Destination, Vec<u8>) {
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    let (machine, scenario) = name.rsplit_once('.').unwrap();
    let to = library.destination(release, machine, scenario).unwrap().unwrap();
    let fixture = library.fixture(release, machine, scenario).unwrap();
    let stream = library.corpus().stream(fixture).unwrap();
    assert_eq!(said(&to, &stream), "");
    (to, stream)
}

fn said(to: &Destination, stream: &[u8]) -> String {
    whole(to, stream).refused.map_or(String::new(), |e| e.kind.to_string())
}

/// A check on values alone, for a release that the corpus does not have.
fn checked(release: &str, vmsd: &str, values: &[(&str, i64)]) -> Result<(), Kind> {
    let field = |name: &str| Field {
        name: name.to_string(),
        canonical: name.to_string(),
        dropped: false,
        version_id: 0,
        exists: None,
        must_exist: false,
        kind: FieldKind::Leaf(Codec::Plain(4), "int32".to_string(), Amount::Fixed(4)),
        count: Count::One,
        array_of_pointer: false,
        auto_alloc: false,
    };
    let vmsd = Vmsd {
        name: vmsd.to_string(),
        version_id: 1,
        minimum_version_id: 1,
        old: None,
        unmigratable: false,
        unknown: Default::default(),
        fields: values.iter().map(|(name, _)| field(name)).collect(),
        subsections: Vec::new(),
    };
    let blocks = vec![(b"pc.ram".to_vec(), 0x1000), (b"/rom@etc/table-loader".to_vec(), 0x1000)];
    let context = CheckContext {
        release: release.parse().unwrap(),
        local: &Local { blocks, ..Local::default() },
        scalar: &|_| None,
        guest: &|address| u8::from(address == 0xe02 || address == 0x1002),
    };
    let values: Vec<u64> = values.iter().map(|(_, value)| *value as u64).collect();
    post_load(&vmsd, &values, &mut CheckState::default(), &context)
}

#[rstest]
#[case("1.7.1", 5000, 5000, true)]
#[case("1.7.2", 4095, 4095, true)]
#[case("1.7.2", 4096, 0, false)]
#[case("1.7.2", 0, 4096, false)]
#[case("2.0.0", -1, 0, false)]
#[case("2.0.0", 0, -1, false)]
#[case("2.0.0", 9, 0, true)]
#[case("2.1.0", 9, 0, false)]
#[case("2.1.0", 9, 4096, true)]
#[case("2.1.0", -1, 4096, false)]
#[case("3.1.0", 0, 4097, false)]
#[case("4.0.0", 0, 4097, true)]
fn usb_setup(#[case] release: &str, #[case] index: i64, #[case] len: i64, #[case] good: bool) {
    let values = [("setup_index", index), ("setup_len", len)];
    assert_eq!(checked(release, "USBDevice", &values).is_ok(), good);
}

#[test]
fn an_option_rom_is_in_main_memory_and_has_a_length() {
    for (place, good) in [(0xe00, true), (0xe34, true), (0xc00, false), (0x1000, false)] {
        let values = [("state", 1), ("rom_state_paddr", place)];
        assert_eq!(checked("5.2.0", "kvm-tpr-opt", &values).is_ok(), good, "{place:#x}");
    }
}

#[test]
fn each_size_is_that_of_its_own_block() {
    // The loader script's block is there and grows to 64 KiB from 6.0 on, the tables' is not.
    let with = |release, field, size| checked(release, "fw_cfg/acpi_mr", &[(field, size)]).is_ok();
    assert!(with("6.0.0", "linker_mr_size", 0x10000) && !with("6.0.0", "linker_mr_size", 0x10001));
    assert!(with("5.2.0", "linker_mr_size", 0x1000) && !with("5.2.0", "linker_mr_size", 0x1001));
    assert!(with("6.0.0", "table_mr_size", 1 << 30));
}

/// A processor of 11.1 always has a timer that in 10.0 only some models have.
#[test]
fn a_timer_that_is_not_there_ends_the_loader() {
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    let (machine, scenario) = ("aarch64/virt-7.2", "bare");
    let fixture = library.fixture("11.1", machine, scenario).unwrap();
    let stream = library.corpus().stream(fixture).unwrap();
    let to = |release: &str| library.destination(release, machine, scenario).unwrap().unwrap();
    assert!(whole(&to("11.1"), &stream).refused.is_none());
    let older = to("10.0");
    let refused = whole(&older, &stream).refused.expect("10.0 dies");
    assert!(matches!(refused.kind, Kind::Abort(_)), "{refused}");
}
