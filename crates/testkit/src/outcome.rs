//! What one run of the program gave: status, stdout, stderr, and the assertions every test makes of them.

use std::fmt;
use std::ops::Deref;

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// The exit code, or `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error; bytes that are not UTF-8 are replaced.
    pub stderr: String,
}

impl Output {
    /// The one JSON document on stdout. Panics with the output when it is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(e) => panic!("stdout is not one JSON document ({e}):\n{self}"),
        }
    }

    /// Whether it ended as a program may end: an exit code of the table (0 to 7), no signal, no panic's text.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.code.is_some_and(|code| (0..=7).contains(&code)) && !self.stderr.contains("panicked at")
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}", self.command)?;
        match (self.code, self.signal) {
            (Some(code), _) => writeln!(f, "exit {code}")?,
            (None, Some(signal)) => writeln!(f, "killed by signal {signal}")?,
            (None, None) => writeln!(f, "ended in an unknown way")?,
        }
        writeln!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// A run whose end nobody has looked at yet. Say what you expect of it: `ok`, `fails` or `either`.
#[derive(Debug, Clone)]
#[must_use = "say how it should have ended: .ok(), .fails(code) or .either()"]
pub struct Outcome(pub(crate) Output);

impl Outcome {
    /// It exited with 0. Panics with all of its output otherwise.
    #[track_caller]
    pub fn ok(self) -> Output {
        assert_eq!(self.0.code, Some(0), "expected exit 0\n{}", self.0);
        self.0
    }

    /// It exited with this code. Panics with all of its output otherwise.
    #[track_caller]
    pub fn fails(self, code: i32) -> Output {
        assert_eq!(self.0.code, Some(code), "expected exit {code}\n{}", self.0);
        assert!(self.0.is_clean(), "not a clean failure\n{}", self.0);
        self.0
    }

    /// It exited with one of these codes. Panics with all of its output otherwise.
    #[track_caller]
    pub fn one_of(self, codes: &[i32]) -> Output {
        assert!(self.0.code.is_some_and(|c| codes.contains(&c)), "expected one of {codes:?}\n{}", self.0);
        self.0
    }

    /// Any end will do.
    pub fn either(self) -> Output {
        self.0
    }
}

impl Deref for Outcome {
    type Target = Output;
    fn deref(&self) -> &Output {
        &self.0
    }
}
