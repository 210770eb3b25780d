//! The crash harness must be able to fail: stand-in programs with known faults, and one without.

use std::fs;

use skillsync_testkit::crash::{Case, Stop, Tally};
use skillsync_testkit::race::race;
use skillsync_testkit::{Machine, say};

/// Replaces the file `live` as it should be done: a temporary file, then one rename.
const GOOD: &str = r#"
    open(F, ">", "live.tmp") or exit 1; syswrite(F, "new") or exit 1; close F;
    rename("live.tmp", "live") or exit 1; syswrite(STDOUT, "done");
"#;

/// The two-rename swap: between the renames there is nothing at `live`.
const TWO_RENAMES: &str = r#"
    open(F, ">", "live.tmp") or exit 1; syswrite(F, "new") or exit 1; close F;
    rename("live", "old") or exit 1; rename("live.tmp", "live") or exit 1;
"#;

/// Says that it worked whatever happened.
const DEAF: &str = r#"
    open(F, ">", "live.tmp"); syswrite(F, "new"); close F; rename("live.tmp", "live");
"#;

/// Good but for its first run after a crash: recovery throws the live file away before it writes the new one.
const BAD_RECOVERY: &str = r#"
    if (-e "live.tmp") { unlink("live.tmp") or exit 1; unlink("live"); }
    open(F, ">", "live.tmp") or exit 1; syswrite(F, "new") or exit 1; close F;
    rename("live.tmp", "live") or exit 1;
"#;

fn crashed(program: &str, pairs: usize) -> Result<Tally, Stop> {
    Case::new("stand-in", "/usr/bin/perl", &["-e", program])
        .prepare(|m| drop(m.write("live", "old")))
        .live(|m| {
            let text = fs::read_to_string(m.path("live")).unwrap_or_default();
            assert!(text == "old" || text == "new", "live holds {text:?}");
        })
        .settle(|m, hit| {
            if hit.acknowledged() {
                assert_eq!(m.read("live"), "new", "it said done");
            }
            m.run(&["-e", program]).ok();
            assert_eq!(m.read("live"), "new");
        })
        .twice(pairs)
        .tally()
}

fn check(program: &str, pairs: usize, expected: Result<&[(&str, usize)], &[&str]>) {
    match (crashed(program, pairs), expected) {
        (Err(Stop::Skipped(why)), _) => say(&format!("SKIPPED proof of the crash harness: {why}")),
        (Ok(mut tally), Ok(counts)) => {
            tally.done.sort();
            let done = counts.iter().map(|&(word, n)| (word.to_owned(), n)).collect();
            assert_eq!(tally, Tally { done, missed: 0 });
        }
        (Err(Stop::Violations(text)), Err(words)) => {
            for word in words {
                assert!(text.contains(word), "no `{word}` in:\n{text}");
            }
        }
        (got, wanted) => panic!("got {got:?}, wanted {wanted:?}"),
    }
}

#[test]
fn a_sound_program_passes_at_every_point() {
    // open, write, rename, exit; an error can hit the first three; samples take the first of them.
    check(GOOD, 0, Ok(&[("EACCES", 1), ("EDQUOT", 1), ("EIO", 3), ("ENOSPC", 3), ("kill", 4)]));
}

#[test]
fn the_gap_between_two_renames_is_found() {
    check(TWO_RENAMES, 0, Err(&["kill at rename 2", "inject=rename:signal=SIGKILL:when=2", "- live (file"]));
}

#[test]
fn a_program_that_hides_its_errors_is_found() {
    check(DEAF, 0, Err(&["it said done", "ENOSPC at rename 1", "EIO at write 1"]));
}

#[test]
fn a_crash_in_the_recovery_is_found() {
    check(BAD_RECOVERY, 25, Err(&["kill at open", "signal=SIGKILL:when=1", "- live (file"]));
}

#[test]
fn a_sync_that_is_missing_is_found() {
    let case = Case::new("stand-in", "/usr/bin/perl", &["-e", GOOD]).durable(|path| path == "cache");
    match case.tally() {
        Err(Stop::Skipped(why)) => say(&format!("SKIPPED proof of the crash harness: {why}")),
        Err(Stop::Violations(text)) => {
            for word in
                ["~/live: put there from ~/live.tmp before its bytes", "~/live: its name was never synced"]
            {
                assert!(text.contains(word), "no `{word}` in:\n{text}");
            }
        }
        Ok(tally) => panic!("nothing found in {tally}"),
    }
}

#[test]
fn a_race_runs_everything_and_shows_a_lost_update() {
    let machine = Machine::new("/bin/sh");
    machine.write("count", "0\n");
    let ends = race(&machine, 4, 25, |_, _| {
        vec!["-c".to_owned(), "n=$(cat count); echo $((n + 1)) > count; echo x >> log".to_owned()]
    });
    assert_eq!(ends.len(), 100);
    assert_eq!(machine.read("log").lines().count(), 100);
    assert!(machine.read("count").trim().parse::<u32>().unwrap_or(0) < 100, "no update was lost: not a race");
}
