//! `crossload campaign`: loads changed streams into real binaries, for hours.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::input::Input;
use super::running::RunOptions;
use super::verify::known;
use super::{CliError, Output};
use crate::qemu::campaign::folder::{Folder, Session};
use crate::qemu::campaign::{Options, run as campaign};
use crate::qemu::verify::{Selection, cases};
use crate::wire::Feed;

/// Most hours: a year.
const MOST: f64 = 8760.0;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload campaign --qemu /usr/bin/qemu-system-x86_64 --hours 1
  crossload campaign --qemu suites/qemu-trixie --qemu suites/qemu-sid --hours 0.1 --into shared/campaign
  crossload campaign --qemu /usr/bin/qemu-system-x86_64 --hours 8 --machine pc-i440fx-7.2

Fixtures are changed by their structure, and what the model makes of that chooses what a binary is
given. A load that crashes, hangs, is accepted although the model says that it was misread, or ends
otherwise than in the model is made small and kept, once for each place. Another call with the same
folder goes on where the last ended, and several may share one at a time. Exit status is 1 if there is
anything in it.")]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// A binary; may be given more than once
    #[arg(long, value_name = "BIN", required = true, num_args = 1..)]
    qemu: Vec<PathBuf>,
    /// The release that the binaries are, where their version does not tell
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// How long, in hours
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    hours: f64,
    /// Where queue, findings and counts are kept
    #[arg(long, value_name = "FOLDER", default_value = "campaign")]
    into: PathBuf,
    /// How the bytes arrive
    #[arg(long, value_name = "FEED", default_value = "trickle:256")]
    feed: Feed,
    /// Only fixtures of this machine type
    #[arg(long, value_name = "TYPE")]
    machine: Vec<String>,
    /// Only fixtures of this scenario
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    #[command(flatten)]
    running: RunOptions,
    /// Loads spent on making a stream as small as it can be
    #[arg(long, value_name = "N", default_value_t = 100)]
    shrink: usize,
    /// Trace one load in so many, and compare the fields that were read; 0: none
    #[arg(long, value_name = "N", default_value_t = 8)]
    trace: u64,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, _) = args.input.open()?;
    let binaries = known(&library, &args.running, &args.qemu, args.release.as_deref())?;
    let selection = Selection {
        binaries: &binaries,
        feeds: std::slice::from_ref(&args.feed),
        machines: &args.machine,
        scenarios: &args.scenario,
    };
    let all = cases(&library, &selection)?;
    if all.is_empty() {
        return Err(CliError::NothingToLoad);
    }
    let options = Options {
        jobs: args.running.jobs(),
        limit: args.running.limit(),
        time: Duration::try_from_secs_f64(args.hours.clamp(0.0, MOST) * 3600.0)
            .unwrap_or(Duration::ZERO),
        feed: args.feed.clone(),
        shrink: args.shrink,
        traced: args.trace,
    };
    let bar = indicatif::ProgressBar::new_spinner();
    let report = campaign(&library, &all, &args.into, &options, &|session: &Session| {
        bar.set_message(line(session));
        bar.tick();
    })?;
    bar.finish_and_clear();
    let folder = Folder::new(&args.into);
    let findings = folder.findings()?;
    let mut text = format!("{}\n", line(&report.session));
    if report.unstable > 0 {
        text += &format!("{} loads did not do again what they had done\n", report.unstable);
    }
    if report.strange > 0 {
        text += &format!("{} files of the queue are no inputs\n", report.strange);
    }
    let mut places: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for one in &findings {
        let new = if report.found.contains(one) { ", new" } else { "" };
        let ended_text = one.ended.as_deref().map_or(String::new(), |ended| format!(", {ended}"));
        let line = format!(
            "  {} into {}: {}{ended_text}, {} bytes{new} ({})\n",
            one.input.source,
            one.input.destination,
            one.place,
            one.size,
            one.key()
        );
        places.entry(one.class).or_default().push(line);
    }
    for (class, lines) in &places {
        text += &format!("{}: {}\n{}", class.name(), lines.len(), lines.concat());
    }
    let sessions = folder.sessions()?;
    let loads: u64 = sessions.iter().map(|session| session.loads).sum();
    text += &format!(
        "{}: {} findings of {loads} loads in {} sessions\n",
        args.into.display(),
        findings.len(),
        sessions.len()
    );
    Ok(Output { text, holds: findings.is_empty() })
}

fn line(session: &Session) -> String {
    let Session { loads, modelled, seconds, queued, found, .. } = session;
    format!(
        "{loads} loads by binaries and {modelled} by the model in {seconds} s, {:.1} a second; {queued} \
         queued, {found} found",
        *loads as f64 / (*seconds).max(1) as f64
    )
}
