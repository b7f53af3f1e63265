//! The process groups that run now, so that none is left behind when this program is interrupted.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// The groups. As long as this is held, none is added, and none that has ended goes.
pub(super) fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on an interrupt, a hang-up or a request to end kills every group that runs, and then
/// ends this program with status 130. A second call changes nothing.
pub fn end_when_interrupted() {
    // Even where the signals were ignored, as they are in a script's background job: told to end, that
    // would leave its emulators behind. It fails where this program has a handler already.
    let _ = ctrlc::set_handler(|| {
        let groups = running();
        for group in groups.iter().filter_map(|group| Pid::from_raw(*group)) {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
        // The groups are still held: nothing is started in between.
        std::process::exit(130);
    });
}
