//! Codecs that compare with a local value, and the text of `globalstate`, loaded and saved.

use rstest::rstest;

use super::*;
use crate::dialect::Dialect;
use crate::vmstate::compiled::{Set, Vmsd};
use crate::vmstate::progress::Context;
use crate::vmstate::{Loader, Local, Saver, Values};
use crate::wire::{Feed, Map, Reader};

/// Every item has this value.
struct Same(u8);

impl Values for Same {
    fn item(&mut self, _: &Map<'_>, _: Name<'_>, _: u32, into: &mut [u8]) -> Result<()> {
        into.fill(0);
        into.iter_mut().rev().take(1).for_each(|last| *last = self.0);
        Ok(())
    }

    fn subsection(&mut self, _: &Map<'_>, _: &Vmsd) -> Result<Option<(usize, u32)>> {
        Ok(None)
    }
}

/// What `each` needs: a release that has `local` in the item `name`, and nothing else.
fn on<T>(release: &str, name: Name<'_>, local: i32, each: impl FnOnce(Context<'_>) -> T) -> T {
    let release: Version = release.parse().unwrap();
    let (set, dialect) = (Set::new(), Dialect::of(release, "pc"));
    let mut known = Local::default();
    known.items.insert(Map::new().identity(name.canonical), local.to_be_bytes().to_vec());
    each(Context {
        set: &set,
        dialect: &dialect,
        release,
        generation: None,
        machine: "pc",
        local: &known,
    })
}

#[rstest]
#[case("10.0", "x", "uint32 equal", 5, "")]
#[case("10.0", "x", "uint32 equal", 4, "received 0x4, but the local value is 0x5")]
#[case("10.0", "x", "int32 le", 5, "")]
#[case("10.0", "x", "int32 le", 0, "")]
#[case("10.0", "x", "int32 le", 6, "received 6, expected at most 5 and not negative")]
#[case("10.0", "x", "int32 le", -1, "received -1, expected at most 5 and not negative")]
#[case("2.0.2", "x", "int32 le", -1, "received -1, expected at most 5 and not negative")]
#[case("2.0.0", "x", "int32 le", -1, "")]
#[case("2.0.1", "x", "int32 le", -1, "")]
#[case("2.0.1", "x", "int32 le", 6, "received 6, expected at most 5 and not negative")]
// The printed name of "less or equal" up to 1.7.1, with its sense the wrong way round.
#[case("1.4.2", "version_id", "int32 equal", 6, "")]
#[case("1.4.2", "version_id", "int32 equal", 5, "")]
#[case("1.4.2", "version_id", "int32 equal", 4, "received 0x4, but the local value is 0x5")]
fn what_must_fit_the_local_value(
    #[case] release: &str,
    #[case] shown: &str,
    #[case] info: &str,
    #[case] received: i32,
    #[case] expected: &str,
) {
    let name = Name::plain(shown, info);
    on(release, name, 5, |context| {
        let bytes = received.to_be_bytes();
        let mut source = &bytes[..];
        let mut flow = Loader::new(Reader::new(&mut source, &Feed::Bulk), context.dialect);
        let outcome = leaf(&mut Walk::new(context, "", &mut flow), Codec::of(info), name, 4, 1);
        let text = outcome.map_or_else(|e| e.kind.to_string(), |_| String::new());
        assert_eq!(text, expected);
    });
}

#[rstest]
#[case("usb-redir-parser", "00000002 abcd", 6)]
#[case("usb-redir-bufpq", "00000001 00000002 00000000 abcd", 14)]
// A negative number of elements is none.
#[case("usb-redir-bufpq", "ffffffff 00000002", 4)]
#[case("usb-redir-packet-id-q", "00000002 0000000000000001 0000000000000002", 20)]
#[case("usb-redir-packet-id-q", "80000000 0000000000000001", 4)]
fn lists_of_a_redirected_device(#[case] info: &str, #[case] bytes: &str, #[case] taken: u64) {
    let digits: Vec<u8> = bytes.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
    let name = Name::plain("x", info);
    on("10.0", name, 0, |context| {
        let mut source = &bytes[..];
        let mut flow = Loader::new(Reader::new(&mut source, &Feed::Bulk), context.dialect);
        leaf(&mut Walk::new(context, "", &mut flow), Codec::of(info), name, 0, 1).unwrap();
        assert_eq!(flow.offset(), taken);
    });
}

/// A writer has what it has: only a reader compares.
#[rstest]
#[case("uint32 equal")]
#[case("int32 le")]
fn what_is_saved_is_not_compared(#[case] info: &str) {
    let name = Name::plain("x", info);
    on("10.0", name, 5, |context| {
        let mut values = Same(6);
        let mut flow = Saver::new(&mut values);
        leaf(&mut Walk::new(context, "", &mut flow), Codec::of(info), name, 4, 1).unwrap();
        assert_eq!(flow.writer.into_bytes(), [0, 0, 0, 6]);
    });
}

/// Two flags of 9.0 lie where the text of older releases has its zeros.
#[test]
fn the_text_of_globalstate_ends_in_flags() {
    let name = Name::plain("runstate", "buffer");
    on("10.0", name, 0, |context| {
        let bytes = [0; 100];
        let mut source = &bytes[..];
        let mut flow = Loader::new(Reader::new(&mut source, &Feed::Bulk), context.dialect);
        leaf(&mut Walk::new(context, "globalstate", &mut flow), Codec::Buffer, name, 100, 1)
            .unwrap();
        let found: Vec<_> = flow.map.spans().iter().map(|s| (s.identity, s.len)).collect();
        let parts = [
            ("runstate", 32),
            ("has_vm_was_suspended", 1),
            ("vm_was_suspended", 1),
            ("unused", 66),
        ];
        assert_eq!(found, parts.map(|(name, len)| (flow.map.identity(name), len)));
    });
}

/// Registers of processors other than a PC's: so many bytes, whatever they are put together of.
#[rstest]
#[case("cpsr", 4)]
#[case("fpscr", 4)]
#[case("powered_off", 1)]
#[case("cpu/altivec/vscr", 4)]
#[case("fpr", 8)]
#[case("vsr", 8)]
#[case("avr", 16)]
#[case("slbe", 16)]
fn registers_have_their_length(#[case] info: &str, #[case] len: u64) {
    let name = Name::plain("x", info);
    on("10.0", name, 0, |context| {
        let bytes = [7; 40];
        let mut source = &bytes[..];
        let mut flow = Loader::new(Reader::new(&mut source, &Feed::Bulk), context.dialect);
        leaf(&mut Walk::new(context, "cpu", &mut flow), Codec::of(info), name, len, 2).unwrap();
        assert_eq!(flow.reader.offset(), 2 * len);
    });
}

/// A description has a run of NULL elements as one field.
#[test]
fn every_marker_of_a_run_is_looked_at() {
    let name = Name::plain("x", "nullptr");
    on("10.0", name, 0, |context| {
        let load = |bytes: &[u8]| {
            let mut source = bytes;
            let mut flow = Loader::new(Reader::new(&mut source, &Feed::Bulk), context.dialect);
            let outcome =
                leaf(&mut Walk::new(context, "", &mut flow), Codec::NullPointer, name, 1, 3);
            (outcome.err().map(|e| (e.offset, e.kind.to_string())), flow.reader.offset())
        };
        assert_eq!(load(b"0000"), (None, 3));
        let (refused, _) = load(b"00\x010");
        assert_eq!(refused, Some((2, "pointer marker 0x01, expected 0x30".to_string())));
    });
}
