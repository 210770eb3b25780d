//! A run of git that is asked and heard until a moment comes. What is said is left to others.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Instant;

use super::super::{Error, program};
use super::At;

/// Longest line that git says: the path of a folder.
const LINE_BYTES: u64 = 64 * 1024;
/// How much is taken from a pipe at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// So many chunks wait to be heard, so that git speaks no further ahead.
const CHUNKS_AHEAD: usize = 2;

/// A run of git. Dropped, it is ended.
pub(super) struct Talk {
    git: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<Voice>,
}

impl Talk {
    /// Starts `git ARGS` in the project, to be heard until the end. None: there is no git, or no such folder.
    pub(super) fn start(at: &At<'_>, args: &[&str]) -> Result<Option<Talk>, Error> {
        let Some(mut command) = program::hardened(at.world, at.project) else { return Ok(None) };
        command.args(["--no-pager", "--no-optional-locks", "--literal-pathspecs"]);
        // A bare repository may lie inside a project as any folder, its settings among what was cloned.
        command.args(["-c", "safe.bareRepository=explicit"]).args(args);
        // What a partial clone left at its host stays there. Versions that do not know the first find no host allowed.
        command.envs([("GIT_NO_LAZY_FETCH", "1"), ("GIT_ALLOW_PROTOCOL", "")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut git = match command.spawn() {
            Ok(git) => git,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::Start(e)),
        };
        let (sender, chunks) = mpsc::sync_channel(CHUNKS_AHEAD);
        if let Some(pipe) = git.stdout.take() {
            std::thread::spawn(move || forward(pipe, &sender));
        }
        let voice = Voice { chunks, chunk: io::Cursor::default(), end: at.end };
        Ok(Some(Talk { stdin: git.stdin.take(), stdout: BufReader::new(voice), git }))
    }

    /// Says one short line, which fits into the pipe while git listens: every answer is to be heard whole before the
    /// next.
    pub(super) fn say(&mut self, line: &str) -> Option<()> {
        self.stdin.as_mut()?.write_all(format!("{line}\n").as_bytes()).ok()
    }

    /// The next line, without its end. None when git has said all, or time is up; so do those below.
    pub(super) fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.stdout).take(LINE_BYTES).read_until(b'\n', &mut line).ok()?;
        (line.pop() == Some(b'\n')).then_some(line)
    }

    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut self.stdout).take(count).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 == count).then_some(bytes)
    }

    /// Lets the next `count` bytes go by.
    pub(super) fn skip(&mut self, count: u64) -> Option<()> {
        let skipped = io::copy(&mut (&mut self.stdout).take(count), &mut io::sink()).ok()?;
        (skipped == count).then_some(())
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // It may have ended already; what it has left to say nobody wants.
        let _ = self.git.kill();
        let _ = self.git.wait();
    }
}

/// What git says, until a moment: a pipe itself can only be waited for without end.
struct Voice {
    chunks: Receiver<Vec<u8>>,
    chunk: io::Cursor<Vec<u8>>,
    end: Instant,
}

impl Read for Voice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_duration_since(Instant::now());
        // After the end nothing more is heard, even if it is there: half an answer would be taken for the next.
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let count = self.chunk.read(buffer)?;
        if count > 0 {
            return Ok(count);
        }
        match self.chunks.recv_timeout(left) {
            Ok(chunk) => {
                self.chunk = io::Cursor::new(chunk);
                self.chunk.read(buffer)
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
            Err(mpsc::RecvTimeoutError::Disconnected) => Ok(0),
        }
    }
}

/// Hands a pipe on as it fills, until it ends or nobody listens any more.
fn forward(mut pipe: impl Read, sender: &SyncSender<Vec<u8>>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        if sender.send(buffer[..count].to_vec()).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_comes_after_the_end_is_not_heard() {
        let heard = |end: Instant| {
            let (sender, chunks) = mpsc::sync_channel(1);
            sender.send(b"word".to_vec()).unwrap();
            let mut voice = Voice { chunks, chunk: io::Cursor::default(), end };
            voice.read(&mut [0; 8]).ok()
        };
        assert_eq!(heard(Instant::now() + Duration::from_secs(3600)), Some(4));
        assert_eq!(heard(Instant::now()), None);
    }
}
