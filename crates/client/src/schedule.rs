//! When a source is asked again: due times, jitter, back-off, as pure functions; and the record of them (`poll.json` in the
//! folder of the source, `docs/formats/source.md`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use skillsync_core::digest::{EnvelopeDigest, FileDigest};
use skillsync_core::name::SourceName;
use skillsync_store::fs;
use skillsync_store::layout::Layout;

use crate::limits;

/// The format of the record that this program writes.
const FORMAT: u32 = 1;

/// How asking ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The hub answered, with news or without.
    Answered,
    /// There is no way to the hub: this machine is offline, nothing listens there, or the time was too short for it. Asking
    /// again costs nobody anything, and the first poll after a reconnect must not wait.
    Unreachable,
    /// The hub is there and does not give what it should: asking less is a kindness.
    Failed {
        /// How long it asks to be left alone, in seconds.
        retry_after_s: Option<u64>,
    },
    /// This machine was in the way: its disk, another program, a key that is missing. It says nothing of the hub, and the
    /// work is still to be done.
    Here,
}

/// What is remembered of the polls of one source. All of it may be lost: then the next poll is due at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polls {
    format: u32,
    /// The `ETag` of the manifest that is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The digest of the envelope that the tag is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<EnvelopeDigest>,
    /// When the hub last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// When the newest root was last asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roots_at: Option<Timestamp>,
    /// When the hub was last asked, unless it was this machine that failed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<Timestamp>,
    /// What the hub took last of what it was told is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<FileDigest>,
    /// How often in a row the hub answered and failed.
    #[serde(default)]
    pub failures: u32,
    /// When it is to be asked next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

impl Polls {
    /// Reads the record of `name`; one that does not read is none.
    pub fn load(layout: &Layout, name: &SourceName) -> Self {
        let bytes = fs::read(&layout.source_poll(name), limits::POLLS_BYTES).unwrap_or_default();
        let known = serde_json::from_slice(&bytes).ok().filter(|polls: &Self| polls.format <= FORMAT);
        Self { format: FORMAT, ..known.unwrap_or_default() }
    }

    /// Writes it as one step, which a power cut may undo: waiting for the disk would cost each session more than that does.
    pub fn save(&self, layout: &Layout, name: &SourceName) -> Result<(), fs::Error> {
        let path = layout.source_poll(name);
        let text = serde_json::to_vec(self).map_err(|e| fs::Error::new("write", &path, e.into()))?;
        fs::place(&path, &text, fs::Mode::Private)
    }

    /// Whether the source is to be asked at `now`, when it is asked every `interval`.
    pub fn is_due(&self, now: Timestamp, interval: Duration) -> bool {
        let Some(next) = self.next_at else { return true };
        // It was planned for a longer interval than is asked for now.
        let tried = self.tried_at.map(|tried| now.duration_since(tried));
        if self.failures == 0 && tried.is_some_and(|since| since >= signed(longest(interval))) {
            return true;
        }
        // A clock that was set back must not make for a long silence.
        let longest = longest(interval).max(limits::BACK_OFF_MOST);
        next <= now || next.duration_since(now) > signed(longest + longest / 10)
    }

    /// Makes it due at once, and to be told anew: there is another key, or what kept it from being asked is gone. Says whether
    /// that changes anything.
    pub fn retry(&mut self) -> bool {
        let was = (self.next_at.take(), self.told.take(), std::mem::take(&mut self.failures));
        was != (None, None, 0)
    }

    /// Takes over what a run that `began` so learned of what is stored: the tag, what it is of, and when roots were asked for.
    pub(crate) fn learn(&mut self, began: &Self, learned: &Self) {
        if (&learned.etag, learned.manifest) != (&began.etag, began.manifest) {
            (self.etag, self.manifest) = (learned.etag.clone(), learned.manifest);
        }
        if learned.roots_at != began.roots_at {
            self.roots_at = learned.roots_at;
        }
    }

    /// Notes how asking at `now` ended, and when to ask next. `chance` is any number: it spreads machines that were started
    /// together.
    pub fn ended(&mut self, now: Timestamp, ending: Ending, interval: Duration, chance: u64) {
        if ending == Ending::Here {
            return;
        }
        self.tried_at = Some(now);
        self.failures = match ending {
            Ending::Answered => 0,
            Ending::Unreachable | Ending::Here => self.failures,
            Ending::Failed { .. } => self.failures.saturating_add(1),
        };
        if ending == Ending::Answered {
            self.answered_at = Some(now);
        }
        let wait = wait(ending, self.failures, interval, chance);
        self.next_at = now.checked_add(signed(wait)).ok();
    }
}

/// How long to wait after asking ended so, `failures` times in a row.
pub fn wait(ending: Ending, failures: u32, interval: Duration, chance: u64) -> Duration {
    let most = limits::BACK_OFF_MOST.max(interval);
    let wait = match ending {
        Ending::Answered | Ending::Unreachable | Ending::Here => interval,
        Ending::Failed { retry_after_s } => {
            let doubled = interval.saturating_mul(2_u32.saturating_pow(failures.min(16)));
            let asked = Duration::from_secs(retry_after_s.unwrap_or(0));
            doubled.max(asked).min(most)
        }
    };
    jittered(wait, chance)
}

/// `wait`, up to a tenth longer or shorter.
fn jittered(wait: Duration, chance: u64) -> Duration {
    let thousandths = u32::try_from(chance % 201).unwrap_or(100);
    wait.saturating_mul(900 + thousandths) / 1000
}

fn longest(interval: Duration) -> Duration {
    interval + interval / 10
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(900);

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + s).unwrap()
    }

    #[test]
    fn waits_grow_with_failures_and_not_with_silence() {
        let failed = |retry_after_s| Ending::Failed { retry_after_s };
        let cases = [
            (Ending::Answered, 0, 900),
            (Ending::Unreachable, 0, 900),
            (Ending::Unreachable, 7, 900),
            (failed(None), 1, 1_800),
            (failed(None), 2, 3_600),
            (failed(None), 4, 14_400),
            (failed(None), 5, 21_600),
            (failed(None), u32::MAX, 21_600),
            (failed(Some(60)), 1, 1_800),
            (failed(Some(5_000)), 1, 5_000),
            (failed(Some(u64::MAX)), 1, 21_600),
        ];
        for (ending, failures, seconds) in cases {
            let middle = wait(ending, failures, INTERVAL, 100);
            assert_eq!(middle, Duration::from_secs(seconds), "{ending:?} {failures}");
            for chance in 0..1000 {
                let jittered = wait(ending, failures, INTERVAL, chance).as_millis();
                let middle = middle.as_millis();
                assert!((middle * 9 / 10..=middle * 11 / 10).contains(&jittered), "{ending:?} {chance}");
            }
        }
        let spread: std::collections::BTreeSet<_> =
            (0..201).map(|chance| wait(Ending::Answered, 0, INTERVAL, chance)).collect();
        assert_eq!(spread.len(), 201);
        // Whoever polls once a day backs off from there.
        let day = Duration::from_secs(86_400);
        assert_eq!(wait(failed(None), 3, day, 100), day);
    }

    #[test]
    fn a_source_is_due_once_however_long_the_machine_slept() {
        let mut polls = Polls::default();
        assert!(polls.is_due(at(0), INTERVAL), "never asked");
        polls.ended(at(0), Ending::Answered, INTERVAL, 100);
        for (now, due) in [(0, false), (899, false), (900, true), (86_400 * 7, true)] {
            assert_eq!(polls.is_due(at(now), INTERVAL), due, "{now} s later");
        }
        // A week asleep: one poll makes up for all.
        polls.ended(at(86_400 * 7), Ending::Answered, INTERVAL, 100);
        assert!(!polls.is_due(at(86_400 * 7 + 1), INTERVAL));
        // Planned for every quarter of an hour, and now every minute is asked for.
        assert!(polls.is_due(at(86_400 * 7 + 67), Duration::from_secs(60)));
        // The clock was set back by a week.
        assert!(polls.is_due(at(0), INTERVAL));
    }

    #[test]
    fn a_reconnect_is_not_punished_and_an_answer_ends_the_back_off() {
        let mut polls = Polls::default();
        for hour in 0..100 {
            polls.ended(at(hour * 3600), Ending::Unreachable, INTERVAL, 100);
        }
        assert_eq!((polls.failures, polls.next_at), (0, Some(at(99 * 3600 + 900))));
        for _ in 0..3 {
            polls.ended(at(0), Ending::Failed { retry_after_s: None }, INTERVAL, 100);
        }
        assert_eq!((polls.failures, polls.next_at), (3, Some(at(7200))));
        // What this machine is to blame for says nothing of the hub.
        let before = polls.clone();
        polls.ended(at(7200), Ending::Here, INTERVAL, 100);
        assert_eq!(polls, before);
        let mut other = polls.clone();
        assert!(other.retry() && other.is_due(at(0), INTERVAL) && !other.retry());
        polls.ended(at(7200), Ending::Answered, INTERVAL, 100);
        assert_eq!((polls.failures, polls.answered_at, polls.next_at), (0, Some(at(7200)), Some(at(8100))));
    }

    #[test]
    fn the_record_reads_back_and_one_that_does_not_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        let name = SourceName::parse("team").unwrap();
        fs::make_dirs(&layout.source(&name)).unwrap();
        let mut polls = Polls::load(&layout, &name);
        polls.ended(at(0), Ending::Answered, INTERVAL, 100);
        polls.etag = Some("\"1\"".to_owned());
        polls.save(&layout, &name).unwrap();
        assert_eq!(Polls::load(&layout, &name), polls);
        for garbage in ["", "{", "{\"format\":2}"] {
            fs::replace(&layout.source_poll(&name), garbage.as_bytes(), fs::Mode::Private).unwrap();
            assert!(Polls::load(&layout, &name).is_due(at(0), INTERVAL), "{garbage}");
        }
    }
}
