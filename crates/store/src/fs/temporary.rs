//! Names of temporaries: made so that nobody else has them, and known again when whoever made them is dead.

use std::sync::atomic::{AtomicU64, Ordering};

use super::clock_ns;

/// What every temporary of ours begins with, here and in foreign folders. Never part of a skill's payload.
pub const OUR_PREFIX: &str = ".skillsync-";

/// Hex digits of a time in nanoseconds, from 2006 to 2554.
const TIME_DIGITS: usize = 16;

/// How many processes and calls this process made names for.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A name nobody else uses now: process, time, counter.
pub fn unique_name(prefix: &str) -> String {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}{}-{:x}-{count}", std::process::id(), clock_ns())
}

/// Whether `name` is exactly what [`unique_name`] makes of [`OUR_PREFIX`], with or without `.tmp`, by a process that
/// is no more. Other names that merely begin so (`.skillsync-notes`) are somebody's own.
pub fn is_abandoned_temporary(name: &str) -> bool {
    // Only "there is no such process" proves it.
    maker(name).is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

/// The process that made a temporary of this name.
fn maker(name: &str) -> Option<rustix::process::Pid> {
    let rest = name.strip_prefix(OUR_PREFIX)?;
    let mut parts = rest.strip_suffix(".tmp").unwrap_or(rest).split('-');
    let (pid, time, count) = (parts.next()?, parts.next()?, parts.next()?);
    let is_of = |text: &str, digit: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(digit);
    let lower_hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let whole = parts.next().is_none()
        && is_of(pid, u8::is_ascii_digit)
        && time.len() == TIME_DIGITS
        && is_of(time, lower_hex)
        && is_of(count, u8::is_ascii_digit);
    rustix::process::Pid::from_raw(pid.parse().ok().filter(|_| whole)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_temporaries_of_dead_processes_are_abandoned() {
        let mine = unique_name(OUR_PREFIX);
        // No kernel gives out numbers this high.
        let dead = mine.replace(&std::process::id().to_string(), "999999999");
        let cases = [
            (dead.clone(), true),
            (format!("{dead}.tmp"), true),
            (mine.clone(), false),
            (format!("{mine}.tmp"), false),
            (format!("{dead}.toml"), false),
            (format!("{dead}-1"), false),
            (".skillsync-notes".to_owned(), false),
            (".skillsync-deployed.toml".to_owned(), false),
            (".skillsync-999999999".to_owned(), false),
            (".skillsync-999999999-1-1".to_owned(), false),
            (".skillsync-999999999-xxxxxxxxxxxxxxxx-1".to_owned(), false),
            (".skillsync-999999999-0123456789abcdef-".to_owned(), false),
            (".skillsync-0-0123456789abcdef-1".to_owned(), false),
            (".skillsync--1-0123456789abcdef-1".to_owned(), false),
            (format!("x{dead}"), false),
        ];
        for (name, abandoned) in cases {
            assert_eq!(is_abandoned_temporary(&name), abandoned, "{name}");
        }
    }
}
