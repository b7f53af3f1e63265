//! The common part of a virtio device (codecs 3.2): transport, features, configuration, queues.

use super::super::super::flow::{Flow, Name};
use super::super::super::local::COMPARED;
use super::super::super::progress::{Context, Walk};
use super::super::pci;
use super::items::{compared, from, refuse_if, scalar, within};
use super::net_queues;
use super::transport::{self, Transport};
use crate::dialect::Version;
use crate::dialect::order::is_big_endian;
use crate::wire::{Kind, Result};

/// Status bit of a driver that knows virtio 1.
const FEATURES_OK: u64 = 8;
/// "No vector": never checked.
const NO_VECTOR: u64 = 0xffff;
/// The longest configuration space that is kept; those of the modelled devices are below 100 bytes.
const KEPT: usize = 256;

/// What the device parts need from the common part.
#[derive(Debug, Default)]
pub struct Common {
    /// Guest features, bits 0 to 31.
    pub features: u64,
    /// The start of configuration space: the local one, or the received one where that is not
    /// known.
    pub config: Vec<u8>,
    /// In which order a number of two bytes lies there; `None` where that cannot be told.
    pub order: Option<Order>,
    /// Number of queues: the local one, or the received one where that is not known.
    pub queues: u64,
    /// Number of queues in the stream.
    pub received: u64,
    /// How many of those come before the first that has no entries.
    pub used: u64,
}

/// The order of bytes in configuration space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The first is the lowest: a PC's, and that of any device whose driver knows virtio 1.
    Little,
    /// The first is the highest: a device on a big-endian machine, for a driver of before.
    Big,
}

/// Transfers the common part. Up to 1.0 the device loaders ignore its result and read on behind
/// whatever it refused.
///
/// # Errors
/// The reader's, or a failed check.
pub fn transfer<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<Common> {
    let mut common = Common::default();
    if from(walk, 1, 1) {
        parts(walk, &mut common)?;
    } else {
        walk.ignoring_refusal(|walk| parts(walk, &mut common))?;
    }
    Ok(common)
}

fn parts<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, common: &mut Common) -> Result<()> {
    let transport = transport::of(walk);
    transport.head(walk)?;
    let read = by_hand(walk, common, transport);
    // What is written by hand looks for the end of the stream only when all is read, with zeros in
    // place of what did not come; no queues among it, if their number did not.
    if let Err(error) = &read
        && matches!(error.kind, Kind::EndOfInput { .. })
        && walk.device == "virtio-net"
        && common.received == 0
        && walk.flow.loads()
    {
        let at = error.offset;
        net_queues::without_queues(walk.context.release)
            .map_err(|kind| walk.flow.fail(kind, at, "num_queues"))?;
    }
    read
}

fn by_hand<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    common: &mut Common,
    transport: Transport,
) -> Result<()> {
    let vectors = match transport {
        Transport::Pci => walk.checks.msix_vectors,
        Transport::Ccw | Transport::Mmio => 0,
    };
    if vectors > 0 {
        within(walk, "msix", None, |walk| {
            pci::msix(walk, ["table", "pending"].map(|name| Name::plain(name, "buffer")))
        })?;
        vector(walk, "config_vector", vectors)?;
    }
    let status = scalar(walk, "status", 1)?;
    scalar(walk, "isr", 1)?;
    let at = walk.flow.offset();
    let selected = scalar(walk, "queue_sel", 2)?;
    let (most, checked) = queue_limit(walk.context.release);
    refuse_if(walk, checked && selected >= most, at, "queue_sel", || {
        format!("queue {selected} is selected, expected below {most}")
    })?;
    common.features = scalar(walk, "guest_features", 4)?;
    config(walk, common, status)?;
    queues(walk, common, vectors, transport)
}

/// Size of the loader's array of queues, and whether it is checked before use.
fn queue_limit(release: Version) -> (u64, bool) {
    let most = match release {
        r if r < Version::new(0, 13, 0) => 16,
        r if r < Version::new(2, 4, 0) => 64,
        _ => 1024,
    };
    (most, release >= Version::new(1, 7, 2))
}

/// Transfers a vector number.
fn vector<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    name: &'static str,
    vectors: u64,
) -> Result<()> {
    let at = walk.flow.offset();
    // Half a vector is checked, too.
    let (vector, read) = walk.flow.compared(Name::plain(name, "uint16"), 2);
    refuse_if(walk, vector != NO_VECTOR && vector >= vectors, at, name, || {
        format!("vector {vector}, local device has {vectors}")
    })?;
    read
}

/// Transfers configuration space. A loader keeps as much as its own is long; up to 1.7.1 it
/// writes all of it, past its end.
fn config<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    common: &mut Common,
    status: u64,
) -> Result<()> {
    let identity = walk.flow.map_mut().identity("config");
    let local = walk.context.local.bytes(identity);
    let len = scalar(walk, "config_len", 4)?;
    let name = Name::plain("config", COMPARED);
    let mut space = [0u8; KEPT];
    match usize::try_from(len).ok().and_then(|len| space.get_mut(..len)) {
        Some(received) => {
            walk.flow.buffer(name, received)?;
            common.config = local.unwrap_or(received).to_vec();
            common.order = order(walk.context, status, local.is_none_or(|own| own == received));
        }
        None => {
            walk.flow.bytes(name, len)?;
            common.config = local.unwrap_or(&[]).to_vec();
            common.order = order(walk.context, status, false);
        }
    }
    Ok(())
}

/// The order of numbers in a configuration space (`virtio_access_is_big_endian`): that of the machine,
/// but the lowest first once the driver has negotiated virtio 1. Only such a driver sets FEATURES_OK,
/// which counts where `same` says that the status is that of the device whose space it is.
fn order(context: Context<'_>, status: u64, same: bool) -> Option<Order> {
    match is_big_endian(context.machine) {
        false => Some(Order::Little),
        true if same && status & FEATURES_OK != 0 => Some(Order::Little),
        true => same.then_some(Order::Big),
    }
}

fn queues<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    common: &mut Common,
    vectors: u64,
    transport: Transport,
) -> Result<()> {
    let at = walk.flow.offset();
    let (count, local) = compared(walk, "num_queues", 4)?;
    common.queues = local.unwrap_or(count);
    common.received = count;
    let (most, checked) = queue_limit(walk.context.release);
    if count > most && walk.flow.loads() {
        let text = format!("{count} queues, expected at most {most}");
        let kind = if checked {
            Kind::Check(text)
        } else {
            Kind::Undefined(format!("{text}: the loader writes past its array"))
        };
        return Err(walk.flow.fail(kind, at, "num_queues"));
    }
    if walk.device == "virtio-net" && count == 0 && walk.flow.loads() {
        net_queues::without_queues(walk.context.release)
            .map_err(|kind| walk.flow.fail(kind, at, "num_queues"))?;
    }
    for i in 0..count {
        let entries = within(walk, "vq", Some(i), |walk| {
            queue(walk, i, common.received, vectors, transport)
        })?;
        common.used += u64::from(entries > 0 && common.used == i);
    }
    Ok(())
}

/// Transfers one of `count` queues; returns its number of entries.
fn queue<'d, F: Flow<'d>>(
    walk: &mut Walk<'d, '_, F>,
    index: u64,
    count: u64,
    vectors: u64,
    transport: Transport,
) -> Result<u64> {
    let at = walk.flow.offset();
    let (entries, local) = compared(walk, "num", 4)?;
    // The queue's allocated size; that it is the one in the destination's own fixture holds as
    // long as the guest there did not choose a smaller one.
    let net = walk.device == "virtio-net";
    let moved = local
        .and_then(|_| net_queues::allocated(walk.context.release, index, count))
        .filter(|_| net);
    let most = moved.or(local).filter(|_| from(walk, 11, 1)).unwrap_or(u64::MAX);
    refuse_if(walk, entries > most, at, "num", || {
        format!("queue {index} has {entries} entries, local at most {most}")
    })?;
    // Where the driver chooses it (`has_variable_vring_alignment`, 1.7 on).
    if transport == Transport::Mmio && from(walk, 1, 7) {
        scalar(walk, "align", 4)?;
    }
    let address = scalar(walk, "pa", 8)?;
    let at = walk.flow.offset();
    let index_seen = scalar(walk, "last_avail_idx", 2)?;
    let wrong = from(walk, 0, 14) && address == 0 && index_seen != 0;
    refuse_if(walk, wrong, at, "last_avail_idx", || {
        format!("queue {index} has index {index_seen:#x} but no address")
    })?;
    if vectors > 0 {
        vector(walk, "vector", vectors)?;
    } else if transport == Transport::Ccw {
        // virtio_ccw_load_queue checks nothing.
        scalar(walk, "vector", 2)?;
    }
    Ok(entries)
}
