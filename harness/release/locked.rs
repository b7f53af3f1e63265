//! A folder that one writer at a time locks, and changes all at once or not at all.
//!
//! | in the folder | is |
//! | --- | --- |
//! | `.lock` | there while somebody has the lock, with who that is; the system's lock on it counts, so that one left by a process that was killed locks nobody out |
//! | `.pending/` | changes that are being made |
//! | `.pending/commit.json` | there once all of them are on the disk: from then on they are made, by whoever locks the folder next if need be |
//!
//! A process that is killed before that leaves the folder as it was, but for `.pending/`, which the next
//! to lock the folder removes. So does a disk that is full. What a power cut leaves depends on the file
//! system.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{self, FileError, write_if_changed};

const LOCK: &str = ".lock";
const PENDING: &str = ".pending";
const COMMIT: &str = "commit.json";
/// Longest text in a lock that is shown.
const NAME: u64 = 200;

/// Why a folder cannot be locked or changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum LockError {
    #[error("{folder}: {by} is writing there; try again when it is done")]
    Taken { folder: String, by: String },
    #[error("{folder}: cannot be locked: {source}")]
    Lock { folder: String, source: io::Error },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path}: expected a list of changes: {source}")]
    Commit { path: String, source: serde_json::Error },
}

/// A folder that is locked, until this is dropped.
#[derive(Debug)]
pub struct LockedFolder {
    folder: PathBuf,
    lock: File,
    /// Whether the folder was made to be locked, and is removed if nothing was put there.
    made: bool,
    /// Who had locked it and is gone.
    stale: Option<String>,
}

/// One file that takes its place: a name in `.pending`, and where it belongs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    from: String,
    to: PathBuf,
}

impl LockedFolder {
    /// Locks a folder, which is made if need be, as `who`: a verb. Changes that were committed and not
    /// finished are finished first.
    ///
    /// # Errors
    /// When somebody else has locked it, by name; when it cannot be written.
    pub fn lock(folder: &Path, who: &str) -> Result<Self, LockError> {
        let made = !folder.is_dir();
        let fail = |source| LockError::Lock { folder: folder.display().to_string(), source };
        fs::create_dir_all(folder).map_err(fail)?;
        let mut lock = lock(folder)?;
        let mut left = String::new();
        (&mut lock).take(NAME).read_to_string(&mut left).map_err(fail)?;
        let own = format!("crossload {who} (process {})", std::process::id());
        let named = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(own.as_bytes()));
        named.map_err(fail)?;
        let stale = Some(left.trim().to_owned()).filter(|left| !left.is_empty());
        let locked = LockedFolder { folder: folder.to_owned(), lock, made, stale };
        finish(folder)?;
        Ok(locked)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who had locked the folder and was killed before unlocking it, if anybody.
    #[must_use]
    pub fn stale(&self) -> Option<&str> {
        self.stale.as_deref()
    }

    /// Makes all of the changes, or none: the content of files by their paths in the folder or,
    /// where these are absolute, anywhere. Returns the paths of those that were not so already.
    ///
    /// # Errors
    /// When one cannot be written; all is as it was then, unless the message is about a file that
    /// could not take its place: the next to lock the folder goes on from there.
    pub fn change(&self, files: &[(PathBuf, Vec<u8>)]) -> Result<Vec<PathBuf>, LockError> {
        let pending = self.folder.join(PENDING);
        let mut made = BTreeSet::new();
        let outcome = stage(&self.folder, files, &mut made);
        if outcome.is_err() {
            let _ = fs::remove_dir_all(&pending);
            // Innermost first; one that has something in it was not made for this.
            for folder in made.iter().rev() {
                let _ = fs::remove_dir(folder);
            }
        }
        let changed = outcome?;
        finish(&self.folder)?;
        Ok(changed)
    }
}

impl Drop for LockedFolder {
    fn drop(&mut self) {
        // While it is still locked: whoever waits for it looks whether it is still there.
        let _ = fs::remove_file(self.folder.join(LOCK));
        if self.made {
            let _ = fs::remove_dir(&self.folder);
        }
        let _ = self.lock.flush();
    }
}

/// Finishes what was decided on in a folder, if nobody is at it: for those who only read.
///
/// # Errors
/// When there is something to finish that cannot be.
pub fn recover(folder: &Path) -> Result<(), LockError> {
    if !folder.join(PENDING).join(COMMIT).is_file() {
        return Ok(());
    }
    match LockedFolder::lock(folder, "reader") {
        Err(LockError::Taken { .. }) => Ok(()),
        locked => locked.map(drop),
    }
}

/// Puts what is to change into `.pending`, and what is to be done with it last.
fn stage(
    folder: &Path,
    files: &[(PathBuf, Vec<u8>)],
    made: &mut BTreeSet<PathBuf>,
) -> Result<Vec<PathBuf>, LockError> {
    let pending = folder.join(PENDING);
    let mut changes = Vec::new();
    let mut changed = Vec::new();
    for (path, bytes) in files {
        let to = folder.join(path);
        if files::read(&to)?.is_some_and(|old| old == *bytes) {
            continue;
        }
        for parent in to.ancestors().skip(1).take_while(|parent| !parent.is_dir()) {
            made.insert(parent.to_owned());
        }
        let parent = to.parent().unwrap_or(folder);
        let fail = |source| FileError::Write { path: to.display().to_string(), source };
        fs::create_dir_all(parent).map_err(fail)?;
        let from = format!("{}", changes.len());
        write_if_changed(&pending.join(&from), bytes)?;
        changes.push(Change { from, to: path.clone() });
        changed.push(path.clone());
    }
    if !changes.is_empty() {
        let path = pending.join(COMMIT);
        let text = serde_json::to_vec(&changes)
            .map_err(|source| LockError::Commit { path: path.display().to_string(), source })?;
        write_if_changed(&path, &text)?;
    }
    Ok(changed)
}

/// Lets every file that was decided on take its place, or forgets what was not decided on.
fn finish(folder: &Path) -> Result<(), LockError> {
    let pending = folder.join(PENDING);
    let path = pending.join(COMMIT);
    if let Some(text) = files::read(&path)? {
        let changes: Vec<Change> = serde_json::from_slice(&text)
            .map_err(|source| LockError::Commit { path: path.display().to_string(), source })?;
        for change in changes {
            place(&pending.join(&change.from), &folder.join(&change.to))?;
        }
    }
    match fs::remove_dir_all(&pending) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            let path = pending.display().to_string();
            Err(FileError::Write { path, source: e }.into())
        }
        _ => Ok(()),
    }
}

/// Moves a file to its place; one that is not there has been moved already.
fn place(from: &Path, to: &Path) -> Result<(), FileError> {
    let fail = |source| FileError::Write { path: to.display().to_string(), source };
    match fs::rename(from, to) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound && !from.exists() => Ok(()),
        // Another file system: its own file beside it takes the place.
        Err(e) if e.kind() == ErrorKind::CrossesDevices => match files::read(from)? {
            Some(bytes) => write_if_changed(to, &bytes).map(|_| ()),
            None => Ok(()),
        },
        Err(e) => Err(fail(e)),
    }
}

/// The lock of a folder, taken.
#[cfg(unix)]
fn lock(folder: &Path) -> Result<File, LockError> {
    use rustix::fs::{FlockOperation, flock};
    use std::os::unix::fs::MetadataExt;

    let path = folder.join(LOCK);
    let fail = |source| LockError::Lock { folder: folder.display().to_string(), source };
    loop {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(e) if e == rustix::io::Errno::WOULDBLOCK => {
                let mut by = String::new();
                let _ = file.take(NAME).read_to_string(&mut by);
                let by = if by.trim().is_empty() { "another process" } else { by.trim() };
                let folder = folder.display().to_string();
                return Err(LockError::Taken { folder, by: by.to_owned() });
            }
            Err(e) => return Err(fail(e.into())),
        }
        // Whoever had it may have removed it in between: then it is a lock on nothing.
        let own = file.metadata().map_err(fail)?;
        match fs::metadata(&path) {
            Ok(there) if (there.dev(), there.ino()) == (own.dev(), own.ino()) => return Ok(file),
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(fail(e)),
        }
    }
}

/// Where there is no such lock, a file is opened and nobody is kept out.
#[cfg(not(unix))]
fn lock(folder: &Path) -> Result<File, LockError> {
    let fail = |source| LockError::Lock { folder: folder.display().to_string(), source };
    let options = File::options().read(true).write(true).create(true).truncate(false).to_owned();
    options.open(folder.join(LOCK)).map_err(fail)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> (PathBuf, Vec<u8>) {
        (path.into(), text.as_bytes().to_vec())
    }

    fn everything(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    #[test]
    fn all_changes_are_made_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let beside = folder.path().join("matrix.toml");
        let corpus = folder.path().join("corpus");
        let locked = LockedFolder::lock(&corpus, "test").unwrap();
        let changes = [file("1.0/a", "one"), file("b", "two"), (beside.clone(), b"three".to_vec())];
        let changed = locked.change(&changes).unwrap();
        assert_eq!(changed.len(), 3);
        assert_eq!(locked.change(&changes).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(fs::read(&beside).unwrap(), b"three");
        assert_eq!(fs::read(corpus.join("1.0/a")).unwrap(), b"one");
        drop(locked);
        assert_eq!(everything(&corpus), ["1.0", "b"]);
    }

    #[test]
    fn one_that_fails_leaves_all_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b"), "file").unwrap();
        let locked = LockedFolder::lock(folder.path(), "test").unwrap();
        let changes = [file("new/deep/a", "one"), file("b/c", "a folder that is a file")];
        let error = locked.change(&changes).unwrap_err().to_string();
        assert!(error.contains("b/c"), "{error}");
        drop(locked);
        assert_eq!(everything(folder.path()), ["b"]);
    }

    #[test]
    fn a_folder_made_for_nothing_goes() {
        let folder = tempfile::tempdir().unwrap();
        drop(LockedFolder::lock(&folder.path().join("corpus"), "test").unwrap());
        assert_eq!(everything(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn a_second_writer_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let locked = LockedFolder::lock(folder.path(), "first").unwrap();
        let error = LockedFolder::lock(folder.path(), "second").unwrap_err().to_string();
        assert!(error.contains("crossload first (process "), "{error}");
        recover(folder.path()).unwrap();
        drop(locked);
        let locked = LockedFolder::lock(folder.path(), "second").unwrap();
        assert_eq!(locked.stale(), None);
    }

    #[test]
    fn the_lock_of_one_that_was_killed_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOCK), "crossload add (process 1)").unwrap();
        let locked = LockedFolder::lock(folder.path(), "test").unwrap();
        assert_eq!(locked.stale(), Some("crossload add (process 1)"));
        drop(locked);
        assert_eq!(everything(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn what_was_not_decided_on_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let pending = folder.path().join(PENDING);
        fs::create_dir(&pending).unwrap();
        fs::write(pending.join("0"), "half").unwrap();
        recover(folder.path()).unwrap();
        assert_eq!(everything(folder.path()), [PENDING], "a reader touches nothing");
        drop(LockedFolder::lock(folder.path(), "test").unwrap());
        assert_eq!(everything(folder.path()), Vec::<String>::new());
    }

    /// As a kill leaves it between the first and the last name.
    #[test]
    fn what_was_decided_on_is_finished_by_whoever_comes_next() {
        let folder = tempfile::tempdir().unwrap();
        let mut made = BTreeSet::new();
        let changes = [file("x/a", "one"), file("x/b", "two")];
        stage(folder.path(), &changes, &mut made).unwrap();
        fs::rename(folder.path().join(PENDING).join("0"), folder.path().join("x/a")).unwrap();
        recover(folder.path()).unwrap();
        assert_eq!(everything(folder.path()), ["x"]);
        assert_eq!(fs::read(folder.path().join("x/b")).unwrap(), b"two");
    }
}
