//! `ram`, `block` and `dirty-bitmap`.

use rstest::rstest;

use super::{Body, Bytes, Destination, destination, refuses, whole};
use crate::release::library;
use crate::stream::load;
use crate::vmstate::Renames;
use crate::wire::Feed;

const EOS: u64 = 2;

fn block(records: impl FnOnce(Bytes) -> Bytes) -> Bytes {
    records(Bytes::stream().section(1, 1, "block", 1)).end()
}

#[test]
fn chunks_of_a_device_are_there_unless_they_are_zero() {
    let chunk = block(|b| b.be64(7 << 9 | 1).counted("d0").zeros(1 << 20).be64(4 | EOS));
    for release in ["0.12.5", "1.5.0", "1.6.0", "9.0.0"] {
        let to = destination(release);
        assert_eq!(super::outcome(&to, &chunk), (chunk.0.len() as u64, String::new()));
    }
    let zero = block(|b| b.be64(1 | 8).counted("d0").be64(EOS));
    whole(&destination("1.6.0"), &zero);
    refuses(
        &destination("1.5.0"),
        &zero,
        &format!("end of stream, {} more bytes expected", (1 << 20) - 9),
    );
}

#[test]
fn what_ends_and_what_is_unknown_in_block() {
    let to = destination("2.8.1");
    whole(&to, &block(|b| b.be64(4).be64(1 << 9 | EOS)));
    whole(&to, &block(|b| b.be64(8 | 1 | EOS).counted("d0")));
    refuses(&to, &block(|b| b.be64(0x10)), "block: unknown flags 0x10");
    refuses(&to, &block(|b| b.be64(0x200)), "block: unknown flags 0x0");
    refuses(&to, &block(|b| b.be64(0x100)), "block: unknown flags 0x100");
}

fn bitmap(version_id: u32, records: impl FnOnce(Bytes) -> Bytes) -> Bytes {
    records(Bytes::stream().section(1, 1, "dirty-bitmap", version_id)).end()
}

#[rstest]
// Flags of one byte, of two, of four.
#[case(|b: Bytes| b.raw(&[0x01]))]
#[case(|b: Bytes| b.raw(&[0x80, 0x01]))]
#[case(|b: Bytes| b.raw(&[0x80, 0x80, 0x00, 0x01]))]
#[case(|b: Bytes| b.raw(&[0x08]).counted("node").raw(&[0x01]))]
#[case(|b: Bytes| b.raw(&[0x04]).counted("map").raw(&[0x01]))]
#[case(|b: Bytes| b.raw(&[0x0d]).counted("node").counted("map"))]
#[case(|b: Bytes| b.raw(&[0x10]).be32(4096).raw(&[1]).be32(0).raw(&[0x01]))]
#[case(|b: Bytes| b.raw(&[0x42]).be64(0).be32(8).raw(&[0x01]))]
#[case(|b: Bytes| b.raw(&[0x40]).be64(0).be32(8).be64(3).raw(b"bit").raw(&[0x01]))]
// START goes before BITS.
#[case(|b: Bytes| b.raw(&[0x51]).be64(0).raw(&[0]))]
// Only the low byte means something; the others say how long the flags are.
#[case(|b: Bytes| b.raw(&[0x81, 0x20]).raw(&[0x01]))]
fn forms_of_a_dirty_bitmap(#[case] records: fn(Bytes) -> Bytes) {
    whole(&destination("2.12.0"), &bitmap(1, records));
}

#[test]
fn a_dirty_bitmap_has_version_1() {
    let to = destination("5.2.0");
    for version_id in [0, 2] {
        let text = format!("block: dirty-bitmap version {version_id}");
        refuses(&to, &bitmap(version_id, |b| b.raw(&[1])), &text);
    }
}

fn ram(records: impl FnOnce(Bytes) -> Bytes) -> Bytes {
    records(Bytes::stream().section(1, 1, "ram", 4).be64(0x2000 | 4).counted("pc.ram").be64(0x2000))
        .be64(16)
        .end()
}

const ZERO: u64 = 2;
const PAGE: u64 = 8;
const CONTINUE: u64 = 0x20;
const XBZRLE: u64 = 0x40;
const COMPRESSED: u64 = 0x100;
const FLUSH: u64 = 0x200;

#[test]
fn pages_belong_to_a_block() {
    let to = destination("2.8.1");
    whole(&to, &ram(|b| b));
    whole(&to, &ram(|b| b.be64(ZERO).counted("pc.ram").raw(&[0])));
    let zero = |b: Bytes| b.be64(ZERO).counted("pc.ram").raw(&[0]);
    whole(&to, &ram(|b| zero(b).be64(0x1000 | ZERO | CONTINUE).raw(&[9])));
    let page = ram(|b| zero(b).be64(0x1000 | PAGE | CONTINUE).zeros(4096));
    assert_eq!(super::outcome(&to, &page).1, "");
    whole(&to, &ram(|b| zero(b).be64(XBZRLE | CONTINUE).raw(&[1]).be16(3).zeros(3)));
    whole(&to, &ram(|b| zero(b).be64(COMPRESSED | CONTINUE).be32(3).zeros(3)));
    let first = ram(|b| b.be64(ZERO | CONTINUE).raw(&[0]));
    refuses(&to, &first, "ram: page continues a block, but none came before");
    refuses(&to, &ram(|b| b.be64(ZERO).counted("vga").raw(&[0])), "ram: no block \"vga\"");
    let beyond = ram(|b| b.be64(0x2000 | ZERO).counted("pc.ram").raw(&[0]));
    refuses(&to, &beyond, "ram: address 0x2000 beyond its block of 0x2000 bytes");
    assert_eq!(super::outcome(&destination("2.0.0"), &beyond).1, "");
}

/// Pages of zeros that are there are passed over together: as they are one by one, when they come so.
#[rstest]
#[case::filled(0x1000 | ZERO | CONTINUE, &[7])]
#[case::beyond(0x2000 | ZERO | CONTINUE, &[0])]
#[case::named(0x1000 | ZERO, b"\x06pc.ram\0")]
#[case::of_another(0x1000 | ZERO, b"\x03vga\0")]
#[case::a_page(0x1000 | PAGE | CONTINUE, &[1; 4096])]
#[case::the_end(16, &[])]
fn pages_of_zeros_together(
    #[values("2.0.0", "2.8.1", "8.2.0")] release: &str,
    #[case] word: u64,
    #[case] rest: &[u8],
) {
    let to = destination(release);
    let zeros = |b: Bytes| (0..4).fold(b, |b, _| b.be64(0x1000 | ZERO | CONTINUE).raw(&[0]));
    let stream = ram(|b| {
        let b = zeros(b.be64(ZERO).counted("pc.ram").raw(&[0]));
        zeros(b.be64(word).raw(rest))
    });
    for end in (8..stream.0.len()).filter(|end| end % 7 == 0 || *end < 160) {
        let of = |feed| {
            let loaded = load(&to, &mut &stream.0[..end], &feed);
            (loaded.stopped, format!("{:?}", loaded.refused), loaded.map.spans().len())
        };
        assert_eq!(of(Feed::Bulk), of(Feed::Trickle(1)), "the first {end} bytes");
    }
}

#[rstest]
#[case("8.1.0", ZERO, &[7], "")]
#[case("8.2.0", ZERO, &[7], "ram: zero page with value 7")]
#[case("8.2.0", ZERO, &[0], "")]
#[case("1.1.0", XBZRLE, &[], "ram: unknown combination of flags 0x60")]
#[case("2.8.1", XBZRLE, &[2, 0, 0], "ram: difference encoding 2, expected 1")]
#[case("2.8.1", XBZRLE, &[1, 0x10, 1], "ram: difference of 4097 bytes, at most 4096")]
#[case("2.3.1", COMPRESSED, &[0, 0, 0, 0], "ram: unknown combination of flags 0x120")]
#[case("2.4.0", COMPRESSED, &[0, 0, 0, 0], "")]
#[case("2.9.0", COMPRESSED, &[0, 0, 0, 0], "")]
#[case("2.10.0", COMPRESSED, &[0, 0, 0, 0], "ram: a compressed page, but compress is off")]
#[case("9.0.0", COMPRESSED, &[0, 0, 0, 0], "ram: a compressed page, but compress is off")]
#[case("9.1.0", COMPRESSED, &[0, 0, 0, 0], "ram: unknown combination of flags 0x120")]
#[case("2.8.1", COMPRESSED, &[0, 0, 0x10, 0x41], "ram: compressed page of 4161 bytes")]
#[case("8.0.0", FLUSH, &[], "ram: unknown combination of flags 0x220")]
#[case("8.1.0", FLUSH, &[], "")]
#[case("2.8.1", 0x80, &[], "ram: RDMA hook in a plain stream: its pages went another way; a migration to a file has them")]
#[case("2.8.1", ZERO | PAGE, &[], "ram: unknown combination of flags 0x2a")]
#[case("2.8.1", 0x400, &[], "ram: unknown combination of flags 0x420")]
#[case("2.1.0", 0x400, &[], "ram: unknown combination of flags 0x420")]
#[case("2.1.0", 0x400 | ZERO, &[0], "")]
#[case("2.0.0", 0x400, &[], "")]
#[case("2.0.2", 0x400, &[], "ram: unknown combination of flags 0x420")]
fn records_by_release(
    #[case] release: &str,
    #[case] flags: u64,
    #[case] rest: &[u8],
    #[case] expected: &str,
) {
    let zero = |b: Bytes| b.be64(ZERO).counted("pc.ram").raw(&[0]);
    let stream = ram(|b| zero(b).be64(flags | CONTINUE).raw(rest));
    if release != "1.1.0" {
        refuses(&destination(release), &stream, expected);
        return;
    }
    // Flags that a loader does not know mean nothing to it up to 2.0: the rest is read as records.
    assert_eq!(super::outcome(&destination(release), &stream).1, "");
}

#[rstest]
#[case("0.12.5", 3, "")]
#[case("0.12.5", 4, "ram: section version 4")]
#[case("0.13.0", 4, "")]
#[case("1.0.1", 3, "")]
#[case("1.1.0", 3, "ram: section version 3")]
#[case("1.1.0", 2, "ram: section version 2")]
fn versions_of_ram(#[case] release: &str, #[case] version_id: u32, #[case] expected: &str) {
    let stream = Bytes::stream().section(1, 1, "ram", version_id).be64(16).end();
    refuses(&destination(release), &stream, expected);
}

#[test]
fn version_3_has_a_total_and_no_names() {
    let mut to = destination("1.0.1");
    let stream = Bytes::stream().section(1, 1, "ram", 3).be64(0x3000 | 4);
    let stream = stream.be64(0x1000 | ZERO).raw(&[1]).be64(16).end();
    whole(&to, &stream);
    to.local.blocks = vec![(b"pc.ram".to_vec(), 0x2000), (b"vga".to_vec(), 0x1000)];
    whole(&to, &stream);
    to.local.blocks.pop();
    refuses(&to, &stream, "ram: total size 0x3000, local is 0x2000");
}

#[test]
fn blocks_are_the_local_ones() {
    let list = |name: &str, len: u64| {
        Bytes::stream().section(1, 1, "ram", 4).be64(len | 4).counted(name).be64(len).be64(16).end()
    };
    let with = |release: &str| {
        let mut to = destination(release);
        to.local.blocks =
            vec![(b"pc.ram".to_vec(), 0x2000), (b"/rom@etc/acpi/rsdp".to_vec(), 0x1000)];
        to
    };
    whole(&with("2.8.1"), &list("pc.ram", 0x2000));
    refuses(&with("2.8.1"), &list("vga", 0x2000), "ram: unknown block \"vga\"");
    let other = "ram: length mismatch of \"pc.ram\": 0x1000, local is 0x2000";
    refuses(&with("2.8.1"), &list("pc.ram", 0x1000), other);
    let rom = list("/rom@etc/acpi/rsdp", 0x2000);
    let fixed = "ram: length mismatch of \"/rom@etc/acpi/rsdp\": 0x2000, local is 0x1000";
    refuses(&with("2.2.0"), &rom, fixed);
    let most = "ram: length of \"/rom@etc/acpi/rsdp\": 0x2000, at most 0x1000";
    refuses(&with("2.8.1"), &rom, most);
}

#[test]
fn lengths_at_their_bounds() {
    let to = destination("2.8.1");
    let zero = |b: Bytes| b.be64(ZERO).counted("pc.ram").raw(&[0]);
    whole(&to, &ram(|b| zero(b).be64(COMPRESSED | CONTINUE).be32(4160).zeros(4160)));
    whole(&to, &ram(|b| zero(b).be64(XBZRLE | CONTINUE).raw(&[1]).be16(4096).zeros(4096)));
}

/// `mapped-ram`: the header of a block says where its pages lie; the stream goes on behind them.
#[test]
fn blocks_at_fixed_places() {
    let mut to = super::on("9.0.0", "microvm");
    to.dialect = crate::dialect::Dialect::any(true, false, false);
    let head =
        Bytes::stream().configuration("microvm").raw(&[5]).counted("configuration/capabilities");
    let head = head.be32(1).be32(1).counted("mapped-ram");
    let list = head.section(1, 1, "ram", 4).be64(0x1000 | 4).counted("pc.ram").be64(0x1000);
    let here = list.0.len() as u64 + 28;
    // The bitmap follows at once: that says where in its file the stream begins.
    let based = |base: u64, version, pages| {
        list.clone().be32(version).be64(4096).be64(here + base).be64(pages)
    };
    let block = |version, pages| based(0, version, pages);
    let end = |b: Bytes| b.be64(16).end();
    // Without a place, nothing lies there.
    assert_eq!(super::outcome(&to, &end(block(1, 0))).1, "");
    let placed = block(1, here + 100).zeros(100 + 0x1000);
    assert_eq!(super::outcome(&to, &end(placed)).1, "");
    let placed = based(4242, 1, here + 4242 + 100).zeros(100 + 0x1000);
    assert_eq!(super::outcome(&to, &end(placed)).1, "");
    let before = list.clone().be32(1).be64(4096).be64(here - 1).be64(here);
    let text = format!("ram: bitmap of a mapped block at {:#x}, before {here:#x}", here - 1);
    refuses(&to, &end(before), &text);
    let behind = super::outcome(&to, &end(block(1, u64::MAX))).1;
    assert!(behind.starts_with("ram: pages of a mapped block at 0xffff"), "{behind}");
    refuses(&to, &end(block(2, 0)), "ram: mapped-ram header version 2, at most 1");
}

/// What was read as what, of one live section: name and length; neighbours of a kind are one.
fn reported(release: &str, stream: &Bytes, info: &str) -> Vec<(&'static str, u64)> {
    let to = destination(release);
    let loaded = crate::stream::load(&to, &mut &stream.0[..], &crate::wire::Feed::Bulk);
    let known = ["records", "blocks", "pages", "end"];
    let spans = loaded.map.spans().iter().filter(|span| span.info == info);
    spans.map(|span| (*known.iter().find(|name| **name == span.name).unwrap(), span.len)).collect()
}

#[test]
fn records_are_told_by_what_they_are() {
    let zero = |b: Bytes, flags| b.be64(ZERO | flags).counted("pc.ram").raw(&[0]);
    let pages = ram(|b| zero(zero(b, 0), 0));
    let blocks = 8 + 7 + 8;
    assert_eq!(reported("2.8.1", &pages, "ram"), [("blocks", blocks), ("pages", 32), ("end", 8)]);
    // Up to 2.0 the last page may end the part, too.
    let last = Bytes::stream().section(1, 1, "ram", 4).be64(0x2000 | 4).counted("pc.ram");
    let last = zero(last.be64(0x2000), 16).end();
    assert_eq!(reported("2.0.0", &last, "ram"), [("blocks", blocks), ("pages", 16)]);
    let two = block(|b| b.be64(4).be64(4).be64(EOS));
    assert_eq!(reported("2.8.1", &two, "block"), [("records", 24)]);
    let two = bitmap(1, |b| b.raw(&[0x08]).counted("node").raw(&[1]));
    assert_eq!(reported("2.12.0", &two, "dirty-bitmap"), [("records", 7)]);
}

/// A page of main memory is kept as far as a later check looks into it: `kvm-tpr-opt` wants an
/// option ROM where it says that its state lies.
#[rstest]
#[case("pc.ram", 0x1000, 1, "")]
#[case("pc.ram", 0x1200, 1, "")]
#[case("pc.ram", 0x1200, 0, "state 1 wants an option ROM at 0x1200; none is there")]
#[case("vga.ram", 0x1200, 1, "state 1 wants an option ROM at 0x1200; none is there")]
fn an_option_rom_is_looked_for_in_pages_that_came(
    #[case] block: &str,
    #[case] place: u32,
    #[case] length: u8,
    #[case] expected: &str,
) {
    let mut to = with_option_rom();
    to.local.blocks = [("pc.ram", 0x2000), ("vga.ram", 0x2000)]
        .map(|(name, size)| (name.as_bytes().to_vec(), size))
        .to_vec();
    let mut page = vec![0; 4096];
    page[2] = length;
    page[0x202] = length;
    let list = |b: Bytes| b.counted("pc.ram").be64(0x2000).counted("vga.ram").be64(0x2000);
    let stream = list(Bytes::stream().section(1, 1, "ram", 4).be64(0x4000 | 4));
    let stream = stream.be64(0x1000 | PAGE).counted(block).raw(&page).be64(16);
    let stream = stream.section(4, 2, "kvm-tpr-opt", 1).be32(1).be32(place).end();
    refuses(&to, &stream, expected);
}

fn with_option_rom() -> Destination {
    let leaf = |name: &str| {
        serde_json::json!({"name": name,
            "kind": {"leaf": {"info": "uint32", "size": {"fixed": 4}}}})
    };
    let tables = serde_json::json!({"release": "2.8.1", "vmsd": {"kvm-tpr-opt": {
        "name": "kvm-tpr-opt", "version_id": 1, "minimum_version_id": 1,
        "fields": [leaf("state"), leaf("rom_state_paddr")]}}});
    let handlers = serde_json::json!({"release": "2.8.1", "machine": "pc-0.12", "scenario": "",
        "origin": "this test", "handlers": [{"idstr": "kvm-tpr-opt", "instance_id": 0,
        "alias_id": -1, "version_id": 1, "body": {"vmsd": "kvm-tpr-opt"}}]});
    let (handlers, tables) =
        (serde_json::from_value(handlers).unwrap(), serde_json::from_value(tables).unwrap());
    let mut to = library::build(&handlers, &tables, &Renames::default()).unwrap();
    to.handlers.insert(0, super::handler("ram", Body::Ram));
    to
}
