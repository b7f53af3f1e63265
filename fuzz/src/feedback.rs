//! What came of a load, as feedback for libFuzzer beside code coverage: libFuzzer adds the counters of a
//! section of this name to its own (`FuzzerExtraCounters.cpp`).

use std::sync::atomic::{AtomicU8, Ordering};

/// Classes of outcomes that are distinguished; a power of two.
const CLASSES: usize = 8192;

/// libFuzzer clears them by words.
#[repr(align(64))]
struct Counters([AtomicU8; CLASSES]);

#[used]
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static COUNTERS: Counters = Counters([const { AtomicU8::new(0) }; CLASSES]);

/// Counts an outcome of this class.
pub fn note(class: u64) {
    if let Some(counter) = COUNTERS.0.get(class as usize % CLASSES) {
        let n = counter.load(Ordering::Relaxed);
        counter.store(n.saturating_add(1), Ordering::Relaxed);
    }
}
