//! What a run that asked a source leaves in `poll.json`: how it ended, when to ask next, and what a hub was told. The same for a
//! hub and an index.

use skillsync_core::digest::FileDigest;
use skillsync_core::name::SourceName;
use skillsync_store::fs;
use skillsync_store::store::Store;

use super::{Mode, Wish};
use crate::delivery::{Error, Row};
use crate::plan::Ask;
use crate::schedule::{Ending, Polls};
use crate::{api, discovery, download, fetch, trust};

/// Notes how asking `name` ended. `began` is what was read before it was asked, and `learned` the same with what was learned
/// since. What others noted meanwhile is kept.
pub(crate) fn note(
    store: &Store,
    name: &SourceName,
    wish: &Wish<'_>,
    (began, learned): (&Polls, &Polls),
    (error, rows): (Option<&Error>, &[Row]),
) {
    let ending = match error {
        Some(error) => ending(error),
        None if rows.iter().any(Row::failed_here) => Ending::Here,
        None => Ending::Answered,
    };
    amend(store, name, |now| {
        let planned = now.next_at;
        now.learn(began, learned);
        // Somebody wanted it asked at once: what came of another question is no answer to that.
        let is_wanted = began.next_at.is_some() && planned.is_none();
        if !is_wanted {
            now.ended(store.now(), ending, wish.interval, wish.chance);
            if wish.is_look() && ending == Ending::Answered {
                // Nothing was done about what it says: the next poll is to come no later for that.
                now.next_at = planned;
            }
        }
    });
}

/// Notes that `name` took what it was told.
pub(super) fn told(store: &Store, name: &SourceName, told: FileDigest) {
    amend(store, name, |now| now.told = Some(told));
}

/// All that is lost without it is that the next poll comes too early, and tells again.
fn amend(store: &Store, name: &SourceName, change: impl FnOnce(&mut Polls)) {
    let layout = store.layout();
    let holder = format!("process {}, since {}", std::process::id(), store.now());
    let Ok(_mutex) = fs::Mutex::take(&layout.mutex(), &holder) else { return };
    let mut now = Polls::load(layout, name);
    let before = now.clone();
    change(&mut now);
    if now != before {
        let _ = now.save(layout, name);
    }
}

impl Wish<'_> {
    /// Whether nothing is to be done now.
    pub(crate) fn is_look(&self) -> bool {
        self.mode == Mode::Plan || self.ask == Ask::Look
    }
}

fn ending(error: &Error) -> Ending {
    if error.is_of_here() {
        return Ending::Here;
    }
    match of_network(error) {
        // Slow may be what the time of a session is too short for: that is no failure of the hub.
        Some(api::Error::Fetch(fetch::Error::Unreachable { .. } | fetch::Error::Slow { .. })) => {
            Ending::Unreachable
        }
        Some(api::Error::Refused { retry_after_s, .. }) => Ending::Failed { retry_after_s: *retry_after_s },
        _ => Ending::Failed { retry_after_s: None },
    }
}

/// What went wrong on the network, if that is what it was.
fn of_network(error: &Error) -> Option<&api::Error> {
    match error {
        Error::Api(error)
        | Error::Trust(trust::Error::Api(error) | trust::Error::Download(download::Error::Api(error)))
        | Error::Download(download::Error::Api(error))
        | Error::Discovery(discovery::Error::Api(error)) => Some(error),
        _ => None,
    }
}
