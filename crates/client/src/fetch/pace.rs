//! Whether a transfer is fast enough to wait for. Pure: the time comes in.

use std::time::{Duration, Instant};

/// Counts bytes over windows of time.
#[derive(Debug)]
pub(super) struct Pace {
    window: Duration,
    least_bytes: u64,
    since: Instant,
    bytes: u64,
}

impl Pace {
    /// Of `bytes_per_s` in every `window`.
    pub(super) fn new(window: Duration, bytes_per_s: u64, now: Instant) -> Self {
        Self { window, least_bytes: bytes_per_s.saturating_mul(window.as_secs()), since: now, bytes: 0 }
    }

    /// Counts `bytes` more. Gives whether the transfer is fast enough.
    pub(super) fn counts(&mut self, bytes: u64, now: Instant) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        if now.duration_since(self.since) < self.window {
            return true;
        }
        let is_enough = self.bytes >= self.least_bytes;
        (self.since, self.bytes) = (now, 0);
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_is_too_slow_once_a_window_is_over() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut pace = Pace::new(Duration::from_secs(30), 1024, start);
        assert!((1..30).all(|s| pace.counts(1, at(s))));
        assert!(!pace.counts(1, at(30)), "31 bytes in 30 s");
        let mut pace = Pace::new(Duration::from_secs(30), 1024, start);
        assert!((1..=300).all(|s| pace.counts(1024, at(s))), "1 KiB/s is enough");
        assert!((301..330).all(|s| pace.counts(0, at(s))), "a pause within a window");
        assert!(!pace.counts(0, at(330)));
    }
}
