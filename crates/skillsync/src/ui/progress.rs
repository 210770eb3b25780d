//! Progress of long work on stderr: what, how many of how many, how long is left; a line on a terminal, an event each second
//! for a program. Work shorter than a second shows nothing.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::ui::text;

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line is drawn anew while nothing moves.
const TICK: Duration = Duration::from_millis(120);

/// A handle to one piece of work; dropping it clears its line. It may be shared between threads.
pub struct Progress {
    bar: ProgressBar,
    /// Whether something comes of which nobody says how much it is.
    is_endless: Arc<AtomicBool>,
    clock: Option<Clock>,
}

/// A thread that acts once time has passed, unless it is stopped before.
struct Clock {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Clock {
    fn start(act: impl FnOnce(Receiver<()>) + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel();
        Self { stop, thread: std::thread::spawn(move || act(stopped)) }
    }

    /// Stops it. It is joined, or what it shows could appear after its end. It cannot panic or wait.
    fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

/// How far a transfer is.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Event<'a> {
    event: &'static str,
    what: &'a str,
    done_bytes: u64,
    /// None where nobody says how many there are.
    total_bytes: Option<u64>,
    /// Seconds, at the pace until now.
    left_s: Option<u64>,
}

impl<'a> Event<'a> {
    fn of(what: &'a str, done_bytes: u64, total_bytes: Option<u64>, took: Duration) -> Self {
        let left_s = total_bytes.filter(|_| done_bytes > 0).map(|total| {
            let rest = u128::from(total.saturating_sub(done_bytes)) * took.as_millis();
            u64::try_from(rest.div_ceil(u128::from(done_bytes) * 1_000)).unwrap_or(u64::MAX)
        });
        Self { event: "progress", what, done_bytes, total_bytes, left_s }
    }
}

impl Progress {
    /// Progress that nobody sees.
    pub fn silent() -> Progress {
        Progress { bar: ProgressBar::hidden(), is_endless: Arc::default(), clock: None }
    }

    /// Progress that appears on stderr once the work has lasted a second.
    pub(crate) fn on_stderr(what: &str, total: Option<u64>) -> Progress {
        Self::styled(what, total, style(total))
    }

    /// Progress of a transfer of so many bytes; 0 where that is not known yet.
    pub(crate) fn of_bytes(what: &str, total_bytes: u64) -> Progress {
        Self::styled(what, Some(total_bytes), style_of(if total_bytes > 0 { BYTES } else { ENDLESS }))
    }

    /// The same as events: a line of JSON on stderr each second, for a program that waits.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door; its thread has no writer of the caller's"
    )]
    pub(crate) fn events_of_bytes(what: &str, total_bytes: u64) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::hidden());
        let is_endless = Arc::<AtomicBool>::default();
        let what = text::one_line(what).into_owned();
        let (watched, endless) = (bar.clone(), is_endless.clone());
        let clock = Clock::start(move |stopped| {
            let began = Instant::now();
            while stopped.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let total = watched.length().filter(|total| *total > 0 && !endless.load(Ordering::Relaxed));
                let event = Event::of(&what, watched.position(), total, began.elapsed());
                // Nothing can be done about a stderr that takes no more.
                let _ = serde_json::to_string(&event).map(|line| writeln!(std::io::stderr(), "{line}"));
            }
        });
        Progress { bar, is_endless, clock: Some(clock) }
    }

    fn styled(what: &str, total: Option<u64>, style: ProgressStyle) -> Progress {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        bar.set_style(style);
        bar.set_prefix(text::one_line(what).into_owned());
        let late = bar.clone();
        let clock = Clock::start(move |stopped| {
            if stopped.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                late.set_draw_target(ProgressDrawTarget::stderr());
                late.enable_steady_tick(TICK);
            }
        });
        Progress { bar, is_endless: Arc::default(), clock: Some(clock) }
    }

    /// Says what is being worked on now.
    pub fn at(&self, item: &str) {
        self.bar.set_message(text::one_line(item).into_owned());
    }

    /// One more is done.
    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// So many bytes more are to be transferred, known only now; 0 where nobody says how many, and then no sum is one.
    pub fn expect(&self, bytes: u64) {
        let is_known = bytes > 0 && !self.is_endless.load(Ordering::Relaxed);
        self.is_endless.store(!is_known, Ordering::Relaxed);
        self.bar.inc_length(bytes);
        self.bar.set_style(style_of(if is_known { BYTES } else { ENDLESS }));
    }

    /// So many more are done.
    pub fn add(&self, count: u64) {
        self.bar.inc(count);
    }

    /// So many are done, of so many: for work that learns its size on the way.
    pub fn set(&self, done: u64, total: u64) {
        if self.bar.length() != Some(total) {
            self.bar.set_length(total);
            self.bar.set_style(style(Some(total)));
        }
        self.bar.set_position(done);
    }

    /// The bar, for messages that must not tear its line.
    pub(crate) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(clock) = self.clock.take() {
            clock.stop();
        }
        self.bar.finish_and_clear();
    }
}

const COUNTED: &str = "{spinner} {prefix} {pos} of {len}, {eta} left {wide_msg}";
const BYTES: &str = "{spinner} {prefix} {bytes} of {total_bytes}, {eta} left {wide_msg}";
const ENDLESS: &str = "{spinner} {prefix} {bytes}, {elapsed} {wide_msg}";
const UNCOUNTED: &str = "{spinner} {prefix} {pos}, {elapsed} {wide_msg}";

fn style(total: Option<u64>) -> ProgressStyle {
    style_of(if total.is_some() { COUNTED } else { UNCOUNTED })
}

fn style_of(template: &str) -> ProgressStyle {
    // A test holds both templates well formed; if one were not, a bare spinner is better than a panic.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars("|/-\\ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_work_ends_without_waiting_for_the_clock() {
        let progress = Progress::on_stderr("testing", Some(3));
        progress.at("one\u{1b}[2J");
        progress.step();
        progress.set(2, 4);
        assert_eq!((progress.bar.position(), progress.bar.length()), (2, Some(4)));
        assert!(progress.bar.is_hidden(), "nothing is drawn in the first second");
        assert_eq!(progress.bar.message(), "one\\u{1b}[2J");
    }

    #[test]
    fn what_several_sources_send_is_one_sum() {
        let progress = Progress::of_bytes("downloading", 0);
        progress.expect(10);
        progress.expect(20);
        assert_eq!((progress.bar.length(), progress.is_endless.load(Ordering::Relaxed)), (Some(30), false));
        progress.expect(0);
        progress.expect(5);
        assert!(progress.is_endless.load(Ordering::Relaxed), "one that says nothing makes it no sum");
    }

    #[test]
    fn an_event_says_how_long_is_left_where_that_can_be_known() {
        let second = Duration::from_secs(1);
        for (done, total, took, left_s) in [
            (0, Some(100), second, None),
            (50, None, second, None),
            (50, Some(100), second, Some(1)),
            (99, Some(100), second, Some(1)),
            (100, Some(100), second, Some(0)),
            // More came than was said.
            (110, Some(100), second, Some(0)),
            (1, Some(u64::MAX), second * 1_000_000, Some(u64::MAX)),
        ] {
            assert_eq!(Event::of("uploading", done, total, took).left_s, left_s, "{done} of {total:?}");
        }
    }

    #[test]
    fn every_line_is_well_formed() {
        for template in [COUNTED, BYTES, ENDLESS, UNCOUNTED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
