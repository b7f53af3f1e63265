//! The `ram` section, v3 and v4 (wire reference 6.1 and 6.3, codecs 3.10).
//!
//! A record is a be64 word: flags in the low 12 bits, address or size above. Page contents pass
//! through the window and are not kept; all page records of a part are one span.

use super::progress::Load;
use crate::dialect::machine::page_bits;
use crate::dialect::ram::{
    COMPRESS_PAGE, CONTINUE, EOS, Flags, HOOK, MEM_SIZE, MULTIFD_FLUSH, PAGE, XBZRLE, ZERO,
};
use crate::vmstate::flow::c_string;
use crate::vmstate::guest::Guest;
use crate::vmstate::local::{LOW, is_main, max_length};
use crate::wire::map::Item;
use crate::wire::{Fault, Kind, Result, planted};

/// Size of an x86 page.
pub const PAGE_SIZE: u64 = 4096;
/// Blocks in a page, of each of which a byte may be asked for later.
const BLOCKS: usize = (PAGE_SIZE / Guest::BLOCK) as usize;
/// RAM blocks that are remembered; a real machine has a few dozen.
const MAX_BLOCKS: usize = 4096;

/// Reads the records of one part.
///
/// # Errors
/// The reader's, or a record that the release refuses.
pub(super) fn load(load: &mut Load<'_, '_>, version_id: u32) -> Result<()> {
    let rules = load.dialect().ram;
    let at = load.io.reader.offset();
    if !(version_id == 3 && rules.v3 || version_id == 4 && rules.v4) {
        return refuse(load, at, format!("section version {version_id}"));
    }
    let mut run = Run { name: "", from: at, to: at };
    let outcome = records(load, version_id, &mut run);
    run.note(load);
    outcome
}

/// Reads records to the end of the part, and adds them to `run`.
fn records(load: &mut Load<'_, '_>, version_id: u32, run: &mut Run) -> Result<()> {
    let page = 1 << page_bits(&load.to.machine);
    loop {
        let at = load.io.reader.offset();
        let word = load.io.reader.be64().map_err(|e| load.io.map.place(e, "record"))?;
        let (flags, address) = (word & (page - 1), word & !(page - 1));
        let mut record = Record { flags, address, at, v3: version_id == 3, page };
        record.check_flags(load)?;
        let mut name = "pages";
        if flags & MEM_SIZE != 0 {
            name = "blocks";
            record.sizes(load)?;
        }
        // Older loaders go on with the other flags of the same word.
        if flags & MEM_SIZE == 0 || load.dialect().ram.flags == Flags::OneByOne {
            record.page(load)?;
            if flags == ZERO | CONTINUE && !record.v3 {
                zeros(load, page)?;
            }
        }
        if flags & EOS != 0 && flags & !(EOS | CONTINUE) == 0 {
            name = "end";
        }
        run.add(load, name, at);
        if flags & EOS != 0 {
            return Ok(());
        }
    }
}

/// Pages of zeros of the same block behind one, as many as are there without a refill: of the memory of
/// an idle guest nearly all records are such.
fn zeros(load: &mut Load<'_, '_>, page: u64) -> Result<()> {
    let Some(len) = load.ram.length.filter(|_| !planted(Fault::ContinueIgnored)) else {
        return Ok(());
    };
    let main = load.ram.last.as_deref().is_some_and(is_main);
    let (pending, guest) = (load.io.reader.pending(), &mut load.io.guest);
    let mut passed = 0;
    for (word, fill) in pending.as_chunks::<9>().0.iter().map(|[word @ .., fill]| (word, fill)) {
        let word = u64::from_be_bytes(*word);
        let (flags, address) = (word & (page - 1), word & !(page - 1));
        if flags != ZERO | CONTINUE || address >= len || *fill != 0 {
            break;
        }
        if main && !guest.is_empty() {
            guest.set(address, &[0; BLOCKS]);
        }
        passed += 9;
    }
    load.io.reader.skip(passed)
}

/// Records of one name, one behind the other: one item of the map. A part has thousands.
struct Run {
    name: &'static str,
    from: u64,
    to: u64,
}

impl Run {
    /// Adds the record that began at `at` and was read up to here.
    fn add(&mut self, load: &mut Load<'_, '_>, name: &'static str, at: u64) {
        // Each name is written once here.
        if !std::ptr::eq(name, self.name) {
            self.note(load);
            *self = Run { name, from: at, to: at };
        }
        self.to = load.io.reader.offset();
    }

    fn note(&self, load: &mut Load<'_, '_>) {
        let item = Item { info: "ram", join: true, ..Item::framing(self.name) };
        load.io.map.note(item, self.from, self.to - self.from);
    }
}

struct Record {
    flags: u64,
    address: u64,
    at: u64,
    v3: bool,
    /// Bytes of a page.
    page: u64,
}

impl Record {
    /// The record flags that this release tells apart, as one of them, or an error.
    fn check_flags(&mut self, load: &mut Load<'_, '_>) -> Result<()> {
        let rules = load.dialect().ram;
        let mut known = ZERO | MEM_SIZE | PAGE | EOS;
        for (on, flag) in [
            (rules.xbzrle, XBZRLE),
            (rules.hook, HOOK),
            (rules.compress, COMPRESS_PAGE),
            (rules.multifd_flush, MULTIFD_FLUSH),
        ] {
            known |= if on { flag } else { 0 };
        }
        let flags = self.flags & !CONTINUE;
        let fits = match rules.flags {
            Flags::OneByOne => true,
            // Tested one after the other; the first hit decides, nothing may be left at the end.
            Flags::Exclusive => flags & known != 0,
            Flags::Exact => flags & known == flags && flags.count_ones() == 1,
        };
        if fits {
            Ok(())
        } else {
            refuse(load, self.at, format!("unknown combination of flags {:#x}", self.flags))
        }
    }

    /// MEM_SIZE: a total (v3), or a total and the list of blocks that makes it up (v4).
    fn sizes(&mut self, load: &mut Load<'_, '_>) -> Result<()> {
        if self.v3 {
            let local: u64 = load.to.local.blocks.iter().map(|b| b.1).sum();
            if local != 0 && local != self.address {
                let text = format!("total size {:#x}, local is {local:#x}", self.address);
                return refuse(load, self.at, text);
            }
            load.ram.blocks = vec![(Vec::new(), self.address)];
            return Ok(());
        }
        let mut left = self.address;
        load.ram.length = None;
        while left != 0 {
            let at = load.io.reader.offset();
            let name = load.io.reader.counted().map_err(|e| load.io.map.place(e, "block"))?;
            let name = c_string(&name).to_vec();
            let len = load.io.reader.be64().map_err(|e| load.io.map.place(e, "block length"))?;
            self.block(load, at, &name, len)?;
            if load.ram.blocks.len() < MAX_BLOCKS {
                load.ram.blocks.retain(|b| b.0 != name);
                load.ram.blocks.push((name, len));
            }
            if load.ram.shared {
                load.io.reader.be64().map_err(|e| load.io.map.place(e, "guest address"))?;
            }
            if load.ram.mapped {
                mapped(load, len).map_err(|e| load.io.map.place(e, "mapped block"))?;
            }
            left = left.wrapping_sub(len);
        }
        Ok(())
    }

    /// One entry of the list against the local blocks.
    fn block(&mut self, load: &mut Load<'_, '_>, at: u64, name: &[u8], len: u64) -> Result<()> {
        let local = &load.to.local.blocks;
        if local.is_empty() {
            return Ok(());
        }
        let shown = String::from_utf8_lossy(name).into_owned();
        let Some((_, own)) = local.iter().find(|b| b.0 == name) else {
            return refuse(load, at, format!("unknown block \"{shown}\""));
        };
        let resizable = load.dialect().ram.resizes && name.starts_with(b"/rom@");
        if *own != len && !resizable {
            let text = format!("length mismatch of \"{shown}\": {len:#x}, local is {own:#x}");
            return refuse(load, at, text);
        }
        let most = max_length(name, *own, load.to.version);
        if *own != len && len > most {
            let text = format!("length of \"{shown}\": {len:#x}, at most {most:#x}");
            return refuse(load, at, text);
        }
        Ok(())
    }

    /// The page forms. At most one of them is taken, in the order of the loader.
    fn page(&mut self, load: &mut Load<'_, '_>) -> Result<()> {
        let rules = load.dialect().ram;
        let has = |flag| self.flags & flag != 0;
        if has(ZERO) {
            self.owner(load)?;
            let fill = load.io.reader.u8().map_err(|e| load.io.map.place(e, "fill byte"))?;
            if rules.zero_is_zero && fill != 0 {
                return refuse(load, self.at, format!("zero page with value {fill}"));
            }
            // Nearly all pages of nearly all streams: where nothing was kept, there is nothing to forget.
            if fill != 0 || !load.io.guest.is_empty() {
                self.keep(load, &[fill; BLOCKS]);
            }
        } else if has(PAGE) {
            self.owner(load)?;
            let main = load.ram.last.as_deref().is_some_and(is_main);
            if !main || self.address >= LOW {
                load.io.reader.contents(self.page);
            }
            if main {
                let (mut lengths, mut read) = ([0; BLOCKS], 0);
                let outcome = load.io.reader.take(PAGE_SIZE, |piece| {
                    for (block, length) in lengths.iter_mut().enumerate() {
                        let at = block * Guest::BLOCK as usize + Guest::LENGTH as usize;
                        let there = at.checked_sub(read).and_then(|at| piece.get(at));
                        *length = there.copied().unwrap_or(*length);
                    }
                    read += piece.len();
                });
                outcome.map_err(|e| load.io.map.place(e, "page"))?;
                self.keep(load, &lengths);
            } else {
                load.io.reader.skip(self.page).map_err(|e| load.io.map.place(e, "page"))?;
            }
        } else if has(XBZRLE) && rules.xbzrle {
            self.owner(load)?;
            self.xbzrle(load)?;
        } else if has(COMPRESS_PAGE) && rules.compress {
            if rules.asks_compress && load.capabilities().is_some_and(|on| !on.compress) {
                return refuse(load, self.at, "a compressed page, but compress is off".to_string());
            }
            self.owner(load)?;
            let len = load.io.reader.be32().map_err(|e| load.io.map.place(e, "length"))?;
            load.shown.compress = true;
            // compressBound of a page: a longer one is refused.
            if u64::from(len) > self.page + 64 {
                return refuse(load, self.at, format!("compressed page of {len} bytes"));
            }
            load.io.reader.contents(u64::from(len));
            load.io.reader.skip(u64::from(len)).map_err(|e| load.io.map.place(e, "page"))?;
        } else if has(HOOK) && rules.hook {
            let text = "RDMA hook in a plain stream: its pages went another way; a migration to a \
                        file has them";
            return refuse(load, self.at, text.to_string());
        }
        Ok(())
    }

    /// Keeps of a page what is asked for later.
    fn keep(&self, load: &mut Load<'_, '_>, lengths: &[u8; BLOCKS]) {
        if load.ram.last.as_deref().is_some_and(is_main) {
            load.io.guest.set(self.address, lengths);
        }
    }

    fn xbzrle(&mut self, load: &mut Load<'_, '_>) -> Result<()> {
        let encoding = load.io.reader.u8().map_err(|e| load.io.map.place(e, "encoding"))?;
        if encoding != 1 {
            return refuse(load, self.at, format!("difference encoding {encoding}, expected 1"));
        }
        let len = load.io.reader.be16().map_err(|e| load.io.map.place(e, "length"))?;
        if u64::from(len) > self.page {
            let page = self.page;
            return refuse(load, self.at, format!("difference of {len} bytes, at most {page}"));
        }
        load.io.reader.contents(u64::from(len));
        load.io.reader.skip(u64::from(len)).map_err(|e| load.io.map.place(e, "difference"))
    }

    /// The block a page belongs to: named, or the one before (CONTINUE). v3 has no names.
    fn owner(&mut self, load: &mut Load<'_, '_>) -> Result<()> {
        if self.v3 {
            return Ok(());
        }
        if self.flags & CONTINUE == 0 || planted(Fault::ContinueIgnored) {
            let name = load.io.reader.counted().map_err(|e| load.io.map.place(e, "block"))?;
            load.ram.last = Some(c_string(&name).to_vec());
            load.ram.length = None;
        }
        let len = match load.ram.length {
            Some(len) => len,
            None => self.length(load)?,
        };
        load.ram.length = Some(len);
        if load.dialect().ram.checks_offsets && self.address >= len {
            let text = format!("address {:#x} beyond its block of {len:#x} bytes", self.address);
            return refuse(load, self.at, text);
        }
        Ok(())
    }

    /// The length of the block that the page belongs to.
    fn length(&self, load: &mut Load<'_, '_>) -> Result<u64> {
        let Some(name) = load.ram.last.clone() else {
            let text = "page continues a block, but none came before".to_string();
            return refuse(load, self.at, text).map(|()| 0);
        };
        let known =
            if load.to.local.blocks.is_empty() { &load.ram.blocks } else { &load.to.local.blocks };
        // The received length wins where a block was resized.
        let announced = load.ram.blocks.iter().find(|b| b.0 == name);
        let Some((_, len)) = announced.or_else(|| known.iter().find(|b| b.0 == name)) else {
            let shown = String::from_utf8_lossy(&name).into_owned();
            return refuse(load, self.at, format!("no block \"{shown}\"")).map(|()| 0);
        };
        Ok(*len)
    }
}

/// The header of a block in a file with fixed places (6.3), and its bitmap and pages. The stream
/// goes on behind them.
fn mapped(load: &mut Load<'_, '_>, len: u64) -> Result<()> {
    let at = load.io.reader.offset();
    let version = load.io.reader.be32()?;
    if version > 1 {
        return refuse(load, at, format!("mapped-ram header version {version}, at most 1"));
    }
    load.io.reader.skip(8)?;
    let (bitmap, pages) = (load.io.reader.be64()?, load.io.reader.be64()?);
    // A shared block that is left out has no place.
    if pages == 0 {
        return Ok(());
    }
    // Places count from the file's first byte, and the bitmap follows at once: that tells where
    // the stream begins there, as it does behind the header of a libvirt save image.
    let here = load.io.reader.offset();
    let base = match load.ram.base {
        Some(base) => base,
        None => {
            let Some(base) = bitmap.checked_sub(here) else {
                let text = format!("bitmap of a mapped block at {bitmap:#x}, before {here:#x}");
                return refuse(load, at, text);
            };
            if base > 0 {
                load.notes.push(format!("the pages lie at fixed places of a file in which the stream begins at byte {base}"));
            }
            *load.ram.base.insert(base)
        }
    };
    match pages.checked_add(len).and_then(|end| end.checked_sub(here)?.checked_sub(base)) {
        Some(rest) => {
            if load.ram.placed.len() < MAX_BLOCKS {
                load.ram.placed.push((here, here.saturating_add(rest)));
            }
            load.io.reader.contents(rest);
            load.io.reader.skip(rest)
        }
        None => {
            refuse(load, at, format!("pages of a mapped block at {pages:#x}, before {here:#x}"))
        }
    }
}

fn refuse(load: &mut Load<'_, '_>, at: u64, text: String) -> Result<()> {
    Err(load.io.map.fail(Kind::Ram(text), at, ""))
}
