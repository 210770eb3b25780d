//! Progress of long work on stderr: what, how many of how many, how long is left. Work shorter than a second shows
//! nothing, and neither does a pipe.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::ui::text;

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line is drawn anew while nothing moves.
const TICK: Duration = Duration::from_millis(120);

/// A handle to one piece of work; dropping it clears its line. It may be shared between threads.
pub struct Progress {
    bar: ProgressBar,
    /// Whether something comes of which nobody says how much it is.
    is_endless: AtomicBool,
    clock: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Progress that nobody sees.
    pub fn silent() -> Progress {
        Progress { bar: ProgressBar::hidden(), is_endless: AtomicBool::new(false), clock: None }
    }

    /// Progress that appears on stderr once the work has lasted a second.
    pub(crate) fn on_stderr(what: &str, total: Option<u64>) -> Progress {
        Self::styled(what, total, style(total))
    }

    /// Progress of a transfer of so many bytes; 0 where that is not known yet.
    pub(crate) fn of_bytes(what: &str, total_bytes: u64) -> Progress {
        Self::styled(what, Some(total_bytes), style_of(if total_bytes > 0 { BYTES } else { ENDLESS }))
    }

    fn styled(what: &str, total: Option<u64>, style: ProgressStyle) -> Progress {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        bar.set_style(style);
        bar.set_prefix(text::one_line(what).into_owned());
        let (stop, stopped) = mpsc::channel();
        let late = bar.clone();
        let clock = std::thread::spawn(move || {
            if stopped.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                late.set_draw_target(ProgressDrawTarget::stderr());
                late.enable_steady_tick(TICK);
            }
        });
        Progress { bar, is_endless: AtomicBool::new(false), clock: Some((stop, clock)) }
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
        if let Some((stop, clock)) = self.clock.take() {
            drop(stop);
            // Joined, or the line could appear after it was cleared. The thread cannot panic or wait.
            let _ = clock.join();
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
    fn every_line_is_well_formed() {
        for template in [COUNTED, BYTES, ENDLESS, UNCOUNTED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
