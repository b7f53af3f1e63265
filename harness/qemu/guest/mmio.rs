//! virtio devices at fixed addresses (virtio-mmio, "legacy" layout and newer): a first queue is set up in
//! each.

use super::steps::Step;

/// Registers, by the specification of virtio over MMIO.
const PAGE_SIZE: u32 = 0x28;
const QUEUE_SELECT: u32 = 0x30;
const QUEUE_NUMBER: u32 = 0x38;
const QUEUE_ALIGN: u32 = 0x3c;
const QUEUE_PAGE: u32 = 0x40;
const STATUS: u32 = 0x70;

/// Entries of each queue.
const ENTRIES: u32 = 8;
/// Bytes of a page, of which a queue has three at most.
const PAGE: u32 = 4096;

/// The first queue of the last devices of `count` at `first` and every `step` bytes, where boards
/// put what the command line names; the queues lie from `memory` on. A register where nothing is
/// takes no notice.
pub(super) fn queues(first: u32, step: u32, count: u32, memory: u32) -> Vec<Step> {
    /// Devices of the command line at most.
    const MOST: u32 = 6;
    let mut steps = Vec::new();
    for number in 0..MOST.min(count) {
        let base = first + (count - 1 - number) * step;
        let page = (memory + number * 4 * PAGE) / PAGE;
        // Reset, acknowledge, driver.
        steps.extend([0, 1, 3].map(|status| Step::Word(base + STATUS, status)));
        steps.extend([
            Step::Word(base + PAGE_SIZE, PAGE),
            Step::Word(base + QUEUE_SELECT, 0),
            Step::Word(base + QUEUE_NUMBER, ENTRIES),
            Step::Word(base + QUEUE_ALIGN, PAGE),
            Step::Word(base + QUEUE_PAGE, page),
            Step::Word(base + STATUS, 7),
        ]);
    }
    steps
}
