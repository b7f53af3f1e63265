//! Progress of what takes more than two seconds: one line on standard error, and on a terminal only.

use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long nothing is shown: what is over by then needs no progress.
const QUIET: Duration = Duration::from_secs(2);

/// How often the line is drawn anew.
const TICK: Duration = Duration::from_millis(200);

/// The line. One verb runs in a process.
static LINE: OnceLock<ProgressBar> = OnceLock::new();

fn line() -> &'static ProgressBar {
    LINE.get_or_init(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()))
}

/// As long as this lives, the line is shown, once two seconds have gone by.
pub(super) struct ProgressLine {
    over: Arc<(Mutex<bool>, Condvar)>,
    waits: Option<JoinHandle<()>>,
}

/// Begins: a line that says what is done and for how long.
pub(super) fn begin(what: &str) -> ProgressLine {
    style("{spinner} {msg} {elapsed}");
    line().set_message(what.to_owned());
    let over = Arc::new((Mutex::new(false), Condvar::new()));
    let own = Arc::clone(&over);
    let waits = thread::Builder::new().name("progress".to_owned()).spawn(move || {
        let (over, condvar) = &*own;
        let over = over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = condvar.wait_timeout_while(over, QUIET, |over| !*over);
        let (over, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !*over {
            // It stays hidden where standard error is no terminal.
            line().set_draw_target(ProgressDrawTarget::stderr());
            line().enable_steady_tick(TICK);
        }
    });
    // Without a thread there is no line, and all else is the same.
    ProgressLine { over, waits: waits.ok() }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        let (over, condvar) = &*self.over;
        *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        condvar.notify_all();
        if let Some(waits) = self.waits.take() {
            let _ = waits.join();
        }
        line().finish_and_clear();
    }
}

/// From now on so many of something are counted. The bar is the line that [`begin`] shows.
pub(super) fn count(of: u64, what: &str) -> ProgressBar {
    line().set_length(of);
    line().set_position(0);
    line().reset_eta();
    line().set_message("");
    style(&format!("{{bar:40}} {{pos}}/{{len}} {what}, {{eta}} left {{wide_msg}}"));
    line().clone()
}

fn style(template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        line().set_style(style);
    }
}

/// Says something before the work begins, above the line.
pub(super) fn say(text: &str) {
    use std::io::Write as _;
    line().suspend(|| {
        // Nobody is left to tell if that fails.
        let _ = writeln!(anstream::stderr(), "{text}");
    });
}
