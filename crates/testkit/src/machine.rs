//! A machine of its own: a home in a temporary folder, an environment that holds nothing else, agents' folders, and
//! the program run in it. It never reads or writes the real home.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::disk::{self, at};
use crate::outcome::{Outcome, Output};
use crate::skill::SkillBuilder;
use crate::snapshot::Snapshot;

/// A run that has said nothing for so long hangs. Far above any honest run, so that a slow machine is no failure.
const HANGS_AFTER: Duration = Duration::from_secs(120);

/// What makes an agent count as installed, and where its skills lie, both relative to the home.
const AGENTS: &[(&str, &str, &str)] = &[
    ("claude-code", ".claude", ".claude/skills"),
    ("cline", ".cline", ".agents/skills"),
    ("codex", ".codex", ".agents/skills"),
    ("cursor", ".cursor", ".cursor/skills"),
    ("gemini-cli", ".gemini", ".gemini/skills"),
    ("github-copilot", ".copilot", ".copilot/skills"),
    ("goose", ".config/goose", ".config/goose/skills"),
    ("opencode", ".config/opencode", ".config/opencode/skills"),
    ("roo", ".roo", ".roo/skills"),
    ("windsurf", ".codeium/windsurf", ".codeium/windsurf/skills"),
];

/// A home and the program under test. Dropped, it is gone from the disk.
#[derive(Debug)]
pub struct Machine {
    home: PathBuf,
    binary: PathBuf,
    /// Kept for its `Drop`; none when the home belongs to someone else.
    _folder: Option<TempDir>,
}

impl Machine {
    /// A fresh, empty home. `binary` is the program: `env!("CARGO_BIN_EXE_skillsync")` in a test of the product.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Machine {
        let temp = std::env::temp_dir();
        let folder = at(tempfile::Builder::new().prefix("skillsync-test-").tempdir_in(&temp), &temp);
        // Resolved, since the product prints and stores resolved paths (`/tmp` is a link on some systems).
        let home = at(folder.path().canonicalize(), folder.path()).join("home");
        at(fs::create_dir(&home), &home);
        Machine { home, binary: binary.into(), _folder: Some(folder) }
    }

    /// A machine whose home is this folder, which stays when the machine is dropped.
    #[must_use]
    pub fn at(home: impl Into<PathBuf>, binary: impl Into<PathBuf>) -> Machine {
        Machine { home: home.into(), binary: binary.into(), _folder: None }
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The program under test.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// A path under the home.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.home.join(relative)
    }

    /// A path under the store, `~/.skillsync`.
    #[must_use]
    pub fn store(&self, relative: &str) -> PathBuf {
        self.home.join(".skillsync").join(relative)
    }

    /// Installs a known agent, as far as a program can see that from its folders, and gives its skills folder.
    pub fn agent(&self, name: &str) -> PathBuf {
        let Some((_, sign, skills)) = AGENTS.iter().find(|(id, ..)| *id == name) else {
            panic!("the test kit knows no agent `{name}`; add a line to AGENTS");
        };
        for folder in [sign, skills] {
            let path = self.path(folder);
            at(fs::create_dir_all(&path), &path);
        }
        self.path(skills)
    }

    /// Writes a skill folder at a path under the home.
    pub fn skill_folder(&self, relative: &str, skill: &SkillBuilder) -> PathBuf {
        let folder = self.path(relative);
        skill.write(&folder);
        folder
    }

    /// Writes a file under the home, with the folders above it.
    pub fn write(&self, relative: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        disk::write(&path, bytes);
        path
    }

    /// The text of a file under the home. Panics when it is not there.
    #[must_use]
    pub fn read(&self, relative: &str) -> String {
        let path = self.path(relative);
        at(fs::read_to_string(&path), &path)
    }

    /// Every path under the home.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.home)
    }

    /// Runs the program in the home folder with nothing on stdin.
    pub fn run(&self, args: &[&str]) -> Outcome {
        self.command(args).run()
    }

    /// A run to be: add a folder, variables or an input to it, then `run`.
    pub fn command(&self, args: &[&str]) -> Run {
        self.command_of(&self.binary, args)
    }

    /// The same for another program (git, strace) in the same environment.
    pub fn command_of(&self, program: &Path, args: &[&str]) -> Run {
        let mut command = Command::new(program);
        command.args(args).env_clear().current_dir(&self.home);
        command.env("HOME", &self.home).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        // The one thing inherited: where `git` is differs from machine to machine.
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let words: Vec<String> = args.iter().map(|a| quoted(a)).collect();
        Run { command, label: format!("{name} {}", words.join(" ")), stdin: None }
    }

    /// A text with what differs from run to run replaced: the home by `[HOME]`, RFC 3339 times by `[TIME]`, 64 hex
    /// digits by `[HASH]`. For inline snapshots.
    #[must_use]
    pub fn filter(&self, text: &str) -> String {
        filter(&text.replace(&*self.home.to_string_lossy(), "[HOME]"))
    }
}

/// One run of a program, being put together.
#[derive(Debug)]
#[must_use = "nothing runs before .run()"]
pub struct Run {
    command: Command,
    label: String,
    stdin: Option<Vec<u8>>,
}

impl Run {
    /// Where it runs.
    pub fn cwd(mut self, folder: &Path) -> Run {
        self.command.current_dir(folder);
        self
    }

    /// One more variable in its environment.
    pub fn env(mut self, name: &str, value: &str) -> Run {
        self.command.env(name, value);
        self
    }

    /// What it reads on stdin (a pipe, no terminal).
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Run {
        self.stdin = Some(bytes.into());
        self
    }

    /// Starts it without waiting, for tests that kill it. Nothing of its output is kept.
    #[must_use]
    pub fn start(mut self) -> Child {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match self.command.spawn() {
            Ok(child) => child,
            Err(e) => panic!("cannot start `{}`: {e}", self.label),
        }
    }

    /// Runs it to its end. Panics when it hangs or cannot be started.
    pub fn run(mut self) -> Outcome {
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(e) => panic!("cannot start `{}`: {e}", self.label),
        };
        if let (Some(bytes), Some(mut pipe)) = (self.stdin.take(), child.stdin.take()) {
            // A program that exits without reading breaks the pipe; that is its right.
            thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        let (sender, received) = mpsc::channel();
        drain(child.stdout.take(), 0, sender.clone());
        drain(child.stderr.take(), 1, sender);
        let mut texts = [String::new(), String::new()];
        for _ in 0..texts.len() {
            match received.recv_timeout(HANGS_AFTER) {
                Ok((slot, text)) => texts[slot] = text,
                Err(_) => {
                    let _ = child.kill();
                    panic!("`{}` hangs: nothing for {} s", self.label, HANGS_AFTER.as_secs());
                }
            }
        }
        let status = match child.wait() {
            Ok(status) => status,
            Err(e) => panic!("cannot wait for `{}`: {e}", self.label),
        };
        let [stdout, stderr] = texts;
        let (code, signal) = (status.code(), status.signal());
        Outcome(Output { command: self.label, code, signal, stdout, stderr })
    }
}

fn drain(
    pipe: Option<impl std::io::Read + Send + 'static>,
    slot: usize,
    sender: mpsc::Sender<(usize, String)>,
) {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send((slot, String::from_utf8_lossy(&bytes).into_owned()));
    });
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn filter(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (cut, word) = if let Some(n) = time_at(rest) {
            (n, "[TIME]")
        } else if let Some(n) = hash_at(rest) {
            (n, "[HASH]")
        } else {
            out.push(c);
            (c.len_utf8(), "")
        };
        out.push_str(word);
        rest = &rest[cut..];
    }
    out
}

/// The length of an RFC 3339 time in UTC at the head of `text`.
fn time_at(text: &str) -> Option<usize> {
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let bytes = text.as_bytes();
    let fits = |(b, s): (&u8, &u8)| if *s == b'd' { b.is_ascii_digit() } else { b == s };
    if bytes.len() <= shape.len() || !bytes.iter().zip(shape).all(fits) {
        return None;
    }
    let mut end = shape.len();
    if bytes[end] == b'.' {
        end += 1 + bytes[end + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
    }
    (bytes.get(end) == Some(&b'Z')).then_some(end + 1)
}

/// 64 when exactly so many hex digits stand at the head of `text`.
fn hash_at(text: &str) -> Option<usize> {
    let digits = text.bytes().take(65).take_while(u8::is_ascii_hexdigit).count();
    (digits == 64).then_some(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh() -> Machine {
        Machine::new("/bin/sh")
    }

    #[test]
    fn the_environment_is_empty_but_for_four_variables() {
        let machine = sh();
        let out = machine.run(&["-c", "env | grep -v ^PWD= | sort; pwd; cat"]).ok();
        let names: Vec<_> = out.stdout.lines().map(|l| l.split('=').next().unwrap()).collect();
        assert_eq!(names, ["HOME", "LC_ALL", "PATH", "TZ", machine.home().to_str().unwrap()]);
    }

    #[test]
    fn ends_are_told_apart() {
        let machine = sh();
        let failed = machine.run(&["-c", "echo out; echo err >&2; exit 4"]).fails(4);
        assert_eq!((&*failed.stdout, &*failed.stderr), ("out\n", "err\n"));
        assert_eq!(machine.run(&["-c", "kill -9 $$"]).either().signal, Some(9));
        assert!(!machine.run(&["-c", "echo 'thread main panicked at x' >&2"]).either().is_clean());
        assert_eq!(machine.run(&["-c", "echo '{\"a\":1}'"]).json()["a"], 1);
        assert_eq!(machine.command(&["-c", "cat"]).stdin("in").run().ok().stdout, "in");
    }

    #[test]
    fn what_differs_from_run_to_run_is_replaced() {
        let machine = sh();
        let hash = "0a".repeat(32);
        let text =
            format!("{}/x 2026-11-20T09:30:00.123Z sha256:{hash} 2026-11-20 é\n", machine.home().display());
        assert_eq!(machine.filter(&text), "[HOME]/x [TIME] sha256:[HASH] 2026-11-20 é\n");
        assert_eq!(machine.filter("2026-11-20T09:30:00Z"), "[TIME]");
        assert_eq!(machine.filter("2026-11-20T09:30:00"), "2026-11-20T09:30:00");
    }
}
