//! The time, as a value that is passed down: the system's clock in the program, one set by hand in tests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use skillsync_wire::json::Time;

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of this machine.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `at` until it is moved.
    pub fn standing_at(at: Time) -> Self {
        Self(Source::Set(Arc::new(AtomicI64::new(at.timestamp().as_second()))))
    }

    /// Moves a standing clock, and all its clones, by so many seconds. The system's clock is not moved.
    pub fn advance(&self, seconds: i64) {
        if let Source::Set(at) = &self.0 {
            at.fetch_add(seconds, Ordering::SeqCst);
        }
    }

    /// Now, in whole seconds.
    pub fn now(&self) -> Time {
        Time::of(self.timestamp())
    }

    /// Now.
    pub fn timestamp(&self) -> Timestamp {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
            Source::System => Timestamp::now(),
            Source::Set(at) => Timestamp::from_second(at.load(Ordering::SeqCst)).unwrap_or_default(),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// The moment so many seconds after `at`.
pub fn after(at: Time, seconds: u64) -> Time {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let moment = at.timestamp().as_second().saturating_add(seconds);
    Timestamp::from_second(moment).map(Time::of).unwrap_or(at)
}
