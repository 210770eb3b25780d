//! The callers who asked lately, as they were read.

use std::sync::Arc;
use std::time::Instant;

use crate::app::bounded::Bounded;
use crate::db::{Pulse, RequestContext};
use crate::limits;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Memory {
    callers: Bounded<String, Remembered>,
    /// When something of a caller alone was changed: what was read of it before that does not count any more.
    changed: Bounded<String, Instant>,
}

/// A caller as it was read.
#[derive(Debug)]
struct Remembered {
    context: Arc<RequestContext>,
    /// The pulse before it was read: what changed since then is not in it.
    pulse: Pulse,
    /// When reading it began.
    read_at: Instant,
}

impl Default for Memory {
    fn default() -> Self {
        let most = limits::REMEMBERED;
        Self { callers: Bounded::new(most, usize::MAX), changed: Bounded::new(most, usize::MAX) }
    }
}

impl Memory {
    /// What is remembered of the caller with this key, if it would be read alike now and its manifest is of the catalogue as
    /// it is.
    pub(super) fn of(&self, id: &str, pulse: Pulse) -> Option<&Arc<RequestContext>> {
        let known = self.callers.get(id)?;
        let standing = known.context.manifest.is_some_and(|head| head.stamp.generation == pulse.generation);
        let is_young = known.read_at.elapsed() < limits::REMEMBERED_FOR;
        let is_unchanged = self.changed.get(id).is_none_or(|at| *at < known.read_at);
        (standing && known.pulse == pulse && is_young && is_unchanged).then_some(&known.context)
    }

    /// Remembers a caller that was read from `read_at` on, `pulse` being the one before.
    pub(super) fn put(&mut self, id: &str, context: Arc<RequestContext>, pulse: Pulse, read_at: Instant) {
        self.callers.put(id.to_owned(), Remembered { context, pulse, read_at }, |_| 0);
    }

    /// No longer remembers this one, whether it was read before or is being read.
    pub(super) fn forget(&mut self, id: &str) {
        self.changed.put(id.to_owned(), Instant::now(), |_| 0);
        self.changed.touch(id);
    }
}
