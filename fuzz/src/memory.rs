//! The limit on memory: that of the process's address space, renewed every so many inputs. It costs
//! nothing in between, and holds for code in other languages, too.

/// Bytes that the inputs of one [`EVERY`] may have at a time beyond what the program has when they
/// begin: the largest captured stream several times over, with what is made of it.
pub const MOST: u64 = 64 << 20;
/// Inputs for which one bound holds. What the fuzzer itself keeps grows by little meanwhile.
pub const EVERY: u32 = 64;

#[cfg(target_os = "linux")]
mod space {
    use std::cell::Cell;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    thread_local! {
        static TURN: Cell<u32> = const { Cell::new(0) };
    }

    fn limit(current: Option<u64>) {
        let maximum = getrlimit(Resource::As).maximum;
        // Where it is not allowed, libFuzzer's own limit is left.
        let _ = setrlimit(Resource::As, Rlimit { current, maximum });
    }

    /// Sets the bound if it is time to. What `ready` makes once for all inputs is not counted.
    pub fn bound(ready: fn()) {
        let turn = TURN.get();
        TURN.set((turn + 1) % super::EVERY);
        if turn > 0 {
            return;
        }
        lift();
        ready();
        // Pages of the whole address space come first.
        let Ok(text) = std::fs::read_to_string("/proc/self/statm") else { return };
        let pages = text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok());
        let size = pages.map(|n| n.saturating_mul(rustix::param::page_size() as u64));
        limit(size.map(|size| size.saturating_add(super::MOST)));
    }

    /// Takes the bound away.
    pub fn lift() {
        limit(getrlimit(Resource::As).maximum);
    }
}

#[cfg(target_os = "linux")]
pub use space::{bound, lift};

/// Elsewhere libFuzzer's `-rss_limit_mb` is the only bound.
#[cfg(not(target_os = "linux"))]
pub fn bound(_ready: fn()) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_wants_too_much_memory_does_not_get_it() {
        let ask = |bytes: u64| Vec::<u8>::new().try_reserve_exact(bytes as usize);
        bound(|| ());
        assert!(ask(MOST / 2).is_ok());
        assert!(ask(MOST + (MOST / 2)).is_err());
        lift();
        assert!(ask(MOST + (MOST / 2)).is_ok());
    }
}
