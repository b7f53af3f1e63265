//! The folder of a campaign. Several campaigns may share it at a time, on one machine or over a network: a
//! file is written whole, under a name that is derived from its content, and never changed.
//!
//! | path | holds |
//! | --- | --- |
//! | `queue/HASH.json` | an input that showed something new |
//! | `findings/KEY/` | `about.txt`, `smallest.stream`, `load.trace`, `finding.json` |
//! | `sessions/NAME.json` | what one session has done so far |

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::input::Input;
use crate::release::files::{self, FileError};

/// Longest file of ours that is read back, in characters of its name and bytes.
const LONGEST: usize = 1 << 20;

/// What a session has done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The seed of its choices.
    pub seed: u64,
    /// Loads by binaries.
    pub loads: u64,
    /// Loads by the model.
    pub modelled: u64,
    /// Seconds that it ran.
    pub seconds: u64,
    /// Inputs that it added to the queue.
    pub queued: u64,
    /// Findings that it added.
    pub found: u64,
}

/// See the module documentation.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Names in the queue that are known already.
    known: BTreeSet<String>,
}

impl Folder {
    /// The folder of that path, which need not be there yet.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Folder { root: root.to_owned(), known: BTreeSet::new() }
    }

    /// Inputs that came into the queue since the last call, in the order of their names, and how many
    /// files there are no input.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn read_new(&mut self) -> Result<(Vec<Input>, usize), FileError> {
        let (mut inputs, mut strange) = (Vec::new(), 0);
        let queue = self.root.join("queue");
        for name in list(&queue)? {
            if !name.ends_with(".json") || !self.known.insert(name.clone()) {
                continue;
            }
            let bytes = files::read(&queue.join(&name))?.filter(|bytes| bytes.len() <= LONGEST);
            match bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                Some(input) => inputs.push(input),
                None => strange += 1,
            }
        }
        Ok((inputs, strange))
    }

    /// Adds an input to the queue. Returns whether it is new there.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn queue(&mut self, input: &Input) -> Result<bool, FileError> {
        let text = serde_json::to_vec_pretty(input).unwrap_or_default();
        let hash = files::sha256(&text);
        let name = format!("{}.json", hash.get(..16).unwrap_or(&hash));
        if !self.known.insert(name.clone()) {
            return Ok(false);
        }
        files::write_if_changed(&self.root.join("queue").join(name), &text)
    }

    /// Whether a finding of this key is there, from this session or another.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.root.join("findings").join(key).join("finding.json").exists()
    }

    /// All findings.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn findings(&self) -> Result<Vec<Finding>, FileError> {
        let root = self.root.join("findings");
        let mut all = Vec::new();
        for name in list(&root)? {
            let bytes = files::read(&root.join(name).join("finding.json"))?;
            all.extend(bytes.and_then(|bytes| serde_json::from_slice::<Finding>(&bytes).ok()));
        }
        Ok(all)
    }

    /// Writes a finding with what belongs to it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn keep(
        &self,
        finding: &Finding,
        stream: &[u8],
        trace: &str,
        about: &str,
    ) -> Result<(), FileError> {
        let folder = self.root.join("findings").join(finding.key());
        files::write_if_changed(&folder.join("smallest.stream"), stream)?;
        files::write_if_changed(&folder.join("load.trace"), trace.as_bytes())?;
        files::write_if_changed(&folder.join("about.txt"), about.as_bytes())?;
        // Last: who finds this finds the others.
        let json = serde_json::to_vec_pretty(finding).unwrap_or_default();
        files::write_if_changed(&folder.join("finding.json"), &json).map(|_| ())
    }

    /// Sessions of this folder so far.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn sessions(&self) -> Result<Vec<Session>, FileError> {
        let root = self.root.join("sessions");
        let mut all = Vec::new();
        for name in list(&root)? {
            let bytes = files::read(&root.join(name))?;
            all.extend(bytes.and_then(|bytes| serde_json::from_slice::<Session>(&bytes).ok()));
        }
        Ok(all)
    }

    /// Writes what this session has done so far.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_session(&self, session: &Session) -> Result<(), FileError> {
        let json = serde_json::to_vec_pretty(session).unwrap_or_default();
        let name = format!("{:016x}.json", session.seed);
        files::write_if_changed(&self.root.join("sessions").join(name), &json).map(|_| ())
    }
}

/// Names in a folder, in order; none if it is not there.
fn list(folder: &Path) -> Result<BTreeSet<String>, FileError> {
    if !folder.is_dir() {
        return Ok(BTreeSet::new());
    }
    let first = |path: &String| path.split('/').next().unwrap_or_default().to_owned();
    Ok(files::walk(folder)?.iter().map(first).collect())
}
