//! Running the `git` program: what it may do, how long it may take, and what of its words may be shown. Which of its
//! commands bring a repository here is the business of the room above.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use skillsync_store::fs;

use crate::ops::git::source::{Source, without_login};
use crate::world::World;

/// Seconds without a word from git after which it hangs; `SKILLSYNC_GIT_TIMEOUT` says otherwise.
const SILENCE_S: u64 = 60;
/// The whole of a fetch may take so many times that.
const PATIENCE: u32 = 15;
/// Of git's output so much is kept: its last words, and answers such as a commit's hash.
const KEPT_BYTES: usize = 64 * 1024;
/// So many lines of git's words are shown.
const SHOWN_LINES: usize = 12;
/// After git has ended, something it started may hold its pipes open for so long.
const LINGER: Duration = Duration::from_secs(2);
/// How often a silent git is looked after.
const LOOK: Duration = Duration::from_millis(100);

/// Variables that tie git to another repository or program; set, for instance, when a hook called us.
const UNSET: [&str; 16] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_TEMPLATE_DIR",
    "GIT_WORK_TREE",
];

/// Settings that win over the user's: no hook and no other program runs, nothing is fetched but what was asked for.
const SETTINGS: [&str; 13] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=true",
    "core.autocrlf=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "transfer.bundleURI=false",
];

/// How a run of git failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no such program.
    Missing,
    /// It cannot be started or listened to.
    Io(io::Error),
    /// It said nothing for so long, or took so long altogether, that it was ended.
    TimedOut(Duration),
    /// It failed, with these words.
    Failed(Said),
}

/// The last words of a failed git: nothing in them that a terminal obeys, no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said(String);

impl Said {
    /// Whether one of `words` is in it, upper and lower case alike.
    pub(super) fn has(&self, words: &[&str]) -> bool {
        let text = self.0.to_lowercase();
        words.iter().any(|word| text.contains(word))
    }

    /// Makes presentable what git wrote to stderr.
    pub(super) fn new(stderr: &[u8], login: Option<&str>) -> Said {
        let mut text = String::from_utf8_lossy(stderr).into_owned();
        for secret in login.into_iter().flat_map(|login| login.split(':').chain([login])) {
            if secret.len() > 3 {
                text = text.replace(secret, "***");
            }
        }
        let lines: Vec<String> = text
            .split(['\n', '\r'])
            .map(str::trim_end)
            .filter(|line| !line.is_empty() && !is_progress(line))
            .map(without_login)
            .collect();
        Said(lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n"))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("git gave no reason") } else { f.write_str(&self.0) }
    }
}

impl std::error::Error for Said {}

/// `Receiving objects:  45% (9/20)` and the like.
fn is_progress(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(_, rest)| {
        let rest = rest.trim_start();
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        digits > 0 && (rest[digits..].starts_with('%') || rest[digits..].starts_with(", done"))
    })
}

/// How long git may be silent.
pub(super) fn silence(world: &World) -> Duration {
    let seconds = world.var("SKILLSYNC_GIT_TIMEOUT").and_then(|v| v.to_str()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(SILENCE_S).clamp(1, 24 * 3600))
}

/// `git` in `dir`, without a command yet, under what holds for every one: untied from other repositories and programs,
/// and asking nobody.
/// None: there is no git. It is looked for, and looks for others, in the absolute folders of PATH alone: it is started in
/// the folders of others, where a relative one, or an empty one, would lead to what they put there.
pub(super) fn hardened(world: &World, dir: &Path) -> Option<Command> {
    let path = world.var("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect();
    let is_program = |at: &PathBuf| {
        let metadata = fs::stat(at).ok().flatten();
        metadata.is_some_and(|metadata| metadata.is_file() && fs::is_executable(&metadata))
    };
    let git = folders.iter().map(|folder| folder.join("git")).find(is_program)?;
    let mut command = Command::new(git);
    command.env("PATH", std::env::join_paths(&folders).ok()?);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    for name in UNSET {
        command.env_remove(name);
    }
    // In C, so that its words can be understood.
    command.current_dir(dir).envs([("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0")]);
    Some(command)
}

/// Git at work for one source in one folder.
pub(super) struct Git<'a> {
    dir: &'a Path,
    source: &'a Source,
    world: &'a World,
    silence: Duration,
    end: Instant,
}

impl<'a> Git<'a> {
    /// Starts the clock of all its runs together.
    pub(super) fn new(world: &'a World, source: &'a Source, dir: &'a Path) -> Git<'a> {
        let silence = silence(world);
        Git { dir, source, world, silence, end: Instant::now() + silence * PATIENCE }
    }

    /// Runs `git ARGS` and gives what it printed. `progress` hears of every line on stderr as it comes.
    pub(super) fn run(&self, args: &[&str], progress: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        let mut child = match self.command(args).ok_or(Failure::Missing)?.spawn() {
            Ok(child) => child,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Failure::Missing),
            Err(e) => return Err(Failure::Io(e)),
        };
        let heard = self.listen(&mut child, progress);
        if heard.is_err() {
            // It may be gone already; what it started dies of its closed pipes.
            let _ = child.kill();
            let _ = child.wait();
        }
        let (status, [stdout, stderr]) = heard?;
        if !status.success() {
            return Err(Failure::Failed(Said::new(&stderr, self.source.login())));
        }
        Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
    }

    fn command(&self, args: &[&str]) -> Option<Command> {
        let mut command = hardened(self.world, self.dir)?;
        command.arg("-c").arg(format!("remote.origin.url={}", self.source.url())).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The allow list holds for redirects and rewritten addresses too.
        command.envs([("GIT_LFS_SKIP_SMUDGE", "1"), ("GIT_ALLOW_PROTOCOL", "https:ssh:file")]);
        // A passphrase or a host's key is asked for at a terminal only: elsewhere ssh is told that nobody answers.
        let terminal = self.world.terminal;
        if !terminal.stdin || !terminal.stderr || self.world.agent().is_some() {
            command.envs([("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force")]);
        }
        self.sign_in(&mut command);
        Some(command)
    }

    /// Gives git the credentials of the address without showing them to a list of processes, and without a
    /// file to keep them in.
    fn sign_in(&self, command: &mut Command) {
        let Some((login, rest)) = self.source.login().zip(self.source.url().strip_prefix("https://")) else {
            return;
        };
        let host = rest.split('/').next().unwrap_or(rest);
        let count: usize =
            self.world.var("GIT_CONFIG_COUNT").and_then(|v| v.to_str()?.parse().ok()).unwrap_or_default();
        command
            .env("GIT_CONFIG_COUNT", (count + 1).to_string())
            .env(format!("GIT_CONFIG_KEY_{count}"), format!("url.https://{login}@{host}/.insteadOf"))
            .env(format!("GIT_CONFIG_VALUE_{count}"), format!("https://{host}/"));
    }

    /// Takes both pipes empty as they fill, so that neither side waits for the other, until git ends.
    fn listen(
        &self,
        child: &mut Child,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(ExitStatus, [Vec<u8>; 2]), Failure> {
        let (sender, chunks) = mpsc::channel();
        drain(child.stdout.take(), 0, sender.clone());
        drain(child.stderr.take(), 1, sender);
        let mut kept = [Vec::new(), Vec::new()];
        let mut last_word = Instant::now();
        let mut ended: Option<(ExitStatus, Instant)> = None;
        loop {
            match chunks.recv_timeout(LOOK) {
                Ok((slot, bytes)) => {
                    last_word = Instant::now();
                    if slot == 1 {
                        tell(&bytes, progress);
                    }
                    keep(&mut kept[slot], &bytes);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some((status, _)) = ended {
                        return Ok((status, kept));
                    }
                    // Its pipes are closed and it is about to end.
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if ended.is_none() {
                ended = child.try_wait().map_err(Failure::Io)?.map(|status| (status, Instant::now()));
            }
            match ended {
                Some((status, at)) if at.elapsed() > LINGER => return Ok((status, kept)),
                Some(_) => {}
                None if last_word.elapsed() > self.silence => return Err(Failure::TimedOut(self.silence)),
                None if Instant::now() > self.end => return Err(Failure::TimedOut(self.silence * PATIENCE)),
                None => {}
            }
        }
    }
}

/// Reads a pipe to its end beside everything else. It ends with the pipe, or when nobody listens any more.
fn drain(pipe: Option<impl Read + Send + 'static>, slot: usize, sender: Sender<(usize, Vec<u8>)>) {
    let Some(mut pipe) = pipe else { return };
    std::thread::spawn(move || {
        let mut buffer = [0; 8 * 1024];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            if sender.send((slot, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
}

/// Keeps the last bytes only: a server may send what it likes.
fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    kept.extend_from_slice(bytes);
    if kept.len() > 2 * KEPT_BYTES {
        kept.drain(..kept.len() - KEPT_BYTES);
    }
}

fn tell(bytes: &[u8], progress: &mut dyn FnMut(&str)) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(line) = text.split(['\n', '\r']).map(str::trim).rfind(|line| is_progress(line)) {
        progress(line);
    }
}

/// The variables that git is started with beside the user's own.
#[cfg(test)]
pub(super) fn variables(git: &Git<'_>) -> Vec<(std::ffi::OsString, Option<std::ffi::OsString>)> {
    let command = git.command(&["x"]);
    let variables = command.iter().flat_map(Command::get_envs);
    variables.map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect()
}
