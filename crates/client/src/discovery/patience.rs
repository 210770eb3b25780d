//! How long a server is waited for that asks to be left alone for a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::limits;

/// The patience of one run. It ends for all of it with the first file that was waited for in vain.
#[derive(Debug)]
pub struct Patience {
    until: Option<Instant>,
    is_over: AtomicBool,
}

impl Patience {
    /// Nothing is waited for that comes after `until`, where that is some time.
    pub fn new(until: Option<Instant>) -> Self {
        Self { until, is_over: AtomicBool::new(false) }
    }

    /// Waits for as long as a server asks for. False at once where that is not worth it.
    pub(super) fn waits(&self, seconds: u64) -> bool {
        let pause = Duration::from_secs(seconds);
        let is_worth_it = pause <= limits::PAUSE_MOST
            && !self.is_over.load(Ordering::Relaxed)
            && self.until.is_none_or(|until| Instant::now() + pause < until);
        if is_worth_it {
            thread::sleep(pause);
        }
        is_worth_it
    }

    /// The server does not keep its word.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
