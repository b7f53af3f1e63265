//! The process groups that run now, and the folders that they run in, so that none is left behind
//! when this program is interrupted.

use std::collections::BTreeSet;
use std::fs::remove_dir_all;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A temporary folder that goes when it is dropped, and when this program is interrupted.
#[derive(Debug)]
pub(super) struct Scratch(TempDir);

impl Scratch {
    pub(super) fn new() -> std::io::Result<Self> {
        let mut folders = folders();
        let folder = tempfile::Builder::new().prefix("crossload-").tempdir()?;
        folders.insert(folder.path().to_owned());
        Ok(Scratch(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        folders().remove(self.path());
    }
}

fn folders() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The groups. As long as this is held, none is added, and none that has ended goes.
pub(super) fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on an interrupt, a hang-up or a request to end kills every group that runs, removes
/// the folders, and then ends this program with status 130. A second call changes nothing.
pub fn end_when_interrupted() {
    // Even where the signals were ignored, as they are in a script's background job: told to end, that
    // would leave its emulators behind. It fails where this program has a handler already.
    let _ = ctrlc::set_handler(|| {
        let groups = running();
        for group in groups.iter().filter_map(|group| Pid::from_raw(*group)) {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
        for folder in folders().iter() {
            // Whoever is being killed may still write there. What cannot be removed is left to
            // whoever cleans up.
            let gone =
                || matches!(remove_dir_all(folder), Err(e) if e.kind() == ErrorKind::NotFound);
            for _ in 0..20 {
                if gone() {
                    break;
                }
                sleep(Duration::from_millis(5));
            }
        }
        // The groups are still held: nothing is started in between.
        std::process::exit(130);
    });
}
