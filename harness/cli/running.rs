//! Options of every verb that starts real binaries.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::qemu::groups::end_when_interrupted;
use crate::qemu::{Binary, QemuError};

/// Options that every verb has that runs binaries.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RunOptions {
    /// Drive the binary by its human monitor, as releases before 0.14 always are
    #[arg(long)]
    pub human_monitor: bool,
    /// So many at a time [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Time for each run, in seconds, and one more for each MiB that it loads; one that takes
    /// longer is killed and counts as hanging
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    limit: u64,
}

impl RunOptions {
    /// The binary, asked what it is. From here on an interrupt leaves none running.
    pub fn binary(&self, path: &Path) -> Result<Binary, QemuError> {
        end_when_interrupted();
        let mut binary = Binary::within(path, self.limit())?;
        binary.human |= self.human_monitor;
        Ok(binary)
    }

    /// Runs at a time.
    pub fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
    }

    /// Time for each run.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.limit)
    }
}
