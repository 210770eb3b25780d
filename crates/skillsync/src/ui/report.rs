//! What is said of an error: one shape for the screen and for `--json`. The wording is the error's own.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;
use skillsync_core::fault::{Fault, Kind};

use crate::ui::exit::Exit;
use crate::ui::screen::Tone;
use crate::ui::stop::Stop;
use crate::ui::text;

/// Most causes that are printed below an error.
const CAUSES: usize = 16;

/// An error as its caller sees it, on stderr and as the value of `error` in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// A stable identifier in kebab-case, listed in `docs/exit-codes.md`.
    pub code: &'static str,
    /// What a caller can do about it, in snake_case: `not_found`, `locked`, `usage`.
    pub kind: &'static str,
    /// What failed, in one sentence.
    pub message: String,
    /// Why, from the nearest cause to the farthest.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// How a command ends that failed with it.
    #[serde(skip)]
    pub exit: Exit,
}

const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "invalid",
        Kind::NotFound => "not_found",
        Kind::Exists => "exists",
        Kind::Locked => "locked",
        Kind::Conflict => "conflict",
        Kind::Untrusted => "untrusted",
        Kind::Denied => "denied",
        Kind::Limit => "limit",
        Kind::Offline => "offline",
        Kind::Io => "io",
    }
}

fn causes(error: &dyn Error) -> Vec<String> {
    std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source())
        .take(CAUSES)
        .map(ToString::to_string)
        .collect()
}

impl Report {
    /// What is said of a fault. For a report of partial success this is the JSON of one failure.
    pub fn of(fault: &dyn Fault) -> Report {
        Report {
            code: fault.code(),
            kind: kind_word(fault.kind()),
            message: fault.to_string(),
            causes: causes(fault),
            hint: fault.hint(),
            exit: Exit::of(fault.kind()),
        }
    }

    /// What is said when a command stops, and how it ends. A closed pipe is silent.
    pub(crate) fn of_stop(stop: &Stop) -> (Option<Report>, Exit) {
        let plain = |code, kind, message: String, hint: Option<String>| Report {
            code,
            kind,
            message,
            causes: Vec::new(),
            hint,
            exit: Exit::Failed,
        };
        match stop {
            Stop::Fault(fault) => (Some(Report::of(&**fault)), Exit::of(fault.kind())),
            Stop::Usage(usage) => {
                (Some(plain("usage", "usage", usage.message.clone(), usage.hint.clone())), Exit::Usage)
            }
            Stop::Argument(fault) => {
                (Some(Report { exit: Exit::Usage, ..Report::of(&**fault) }), Exit::Usage)
            }
            Stop::Declined => {
                (Some(plain("declined", "declined", "stopped at your answer".to_owned(), None)), Exit::Failed)
            }
            Stop::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => (None, Exit::Done),
            Stop::Output(error) => {
                let mut report = plain("output-failed", "io", "cannot write the output".to_owned(), None);
                report.causes = vec![error.to_string()];
                report.causes.extend(causes(error));
                (Some(report), Exit::Failed)
            }
        }
    }

    /// Writes the error for a person: what failed, its causes, what to do.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        labelled(out, Tone::Bad, "error", &self.message)?;
        for cause in &self.causes {
            writeln!(out, "  caused by: {}", indented(cause, "    "))?;
        }
        match &self.hint {
            Some(hint) => labelled(out, Tone::Hint, "hint", hint),
            None => Ok(()),
        }
    }
}

/// One message with its label, later lines indented below it.
pub(crate) fn labelled(out: &mut dyn Write, tone: Tone, label: &str, what: impl Display) -> io::Result<()> {
    let style = tone.style();
    writeln!(out, "{style}{label}:{style:#} {}", indented(&what.to_string(), "  "))
}

fn indented(what: &str, indent: &str) -> String {
    text::clean(what.trim_end()).replace('\n', &format!("\n{indent}"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `{path}`")]
    struct Broken {
        path: String,
        #[source]
        source: io::Error,
    }

    impl Fault for Broken {
        fn kind(&self) -> Kind {
            Kind::Io
        }
        fn code(&self) -> &'static str {
            "config-unreadable"
        }
        fn hint(&self) -> Option<String> {
            Some("run `skillsync doctor`\nor mend it by hand".to_owned())
        }
    }

    fn broken(path: &str) -> Stop {
        Stop::from(Broken { path: path.to_owned(), source: io::Error::other("line 3\n  | bad = \u{1b}[31m") })
    }

    fn check(stop: &Stop, exit: Exit, expected: Expect) {
        let (report, found) = Report::of_stop(stop);
        assert_eq!(found, exit);
        let mut out = anstream::AutoStream::never(Vec::new());
        report.expect("something to say").write(&mut out).unwrap();
        expected.assert_eq(&String::from_utf8(out.into_inner()).unwrap());
    }

    #[test]
    fn an_error_names_what_failed_why_and_what_to_do() {
        check(
            &broken("config.toml"),
            Exit::Failed,
            expect![[r#"
            error: cannot read `config.toml`
              caused by: line 3
                  | bad = \u{1b}[31m
            hint: run `skillsync doctor`
              or mend it by hand
        "#]],
        );
        check(
            &broken("\u{1b}[2J\u{202e}"),
            Exit::Failed,
            expect![[r#"
            error: cannot read `\u{1b}[2J\u{202e}`
              caused by: line 3
                  | bad = \u{1b}[31m
            hint: run `skillsync doctor`
              or mend it by hand
        "#]],
        );
        check(
            &Stop::usage("two names are one too many", "`skillsync info NAME`"),
            Exit::Usage,
            expect![[r#"
            error: two names are one too many
            hint: `skillsync info NAME`
        "#]],
        );
        check(
            &Stop::Output(io::Error::other("no space")),
            Exit::Failed,
            expect![[r#"
            error: cannot write the output
              caused by: no space
        "#]],
        );
    }

    #[test]
    fn a_closed_pipe_is_silent_and_done() {
        let stop = Stop::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(Report::of_stop(&stop), (None, Exit::Done));
    }

    #[test]
    fn the_json_of_an_error_is_stable() {
        let (report, _) = Report::of_stop(&broken("config.toml"));
        expect![[r#"
            {
              "code": "config-unreadable",
              "kind": "io",
              "message": "cannot read `config.toml`",
              "causes": [
                "line 3\n  | bad = \u001b[31m"
              ],
              "hint": "run `skillsync doctor`\nor mend it by hand"
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
    }
}
