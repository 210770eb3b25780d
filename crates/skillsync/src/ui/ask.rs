//! Questions to the person at the terminal: who may be asked, and what counts as the answer where nobody is.

use std::io::{self, BufRead as _, Read as _};
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};

use dialoguer::console::Term;
use dialoguer::{Confirm, Select};

use crate::ui::stop::Stop;
use crate::ui::text;
use crate::world::World;

/// An answer to a yes-or-no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Go ahead.
    Yes,
    /// Leave it.
    No,
}

/// What the command line says about questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consent {
    /// Ask.
    #[default]
    Ask,
    /// `--yes`: every answer is yes, every choice its first.
    Yes,
    /// `--dry-run`: nothing will change, so nothing is asked; plans are made as if the answer were yes.
    DryRun,
}

/// Whether somebody is there to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A person at a terminal.
    Person,
    /// Standard input or error is not a terminal.
    NoTerminal,
    /// An agent or a build machine, known by this variable.
    Agent(&'static str),
}

impl Audience {
    pub(crate) fn of(world: &World) -> Audience {
        match world.agent() {
            Some(variable) => Audience::Agent(variable),
            None if world.terminal.stdin && world.terminal.stderr => Audience::Person,
            None => Audience::NoTerminal,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Assume,
    Ask,
    Refuse(String),
}

fn decide(consent: Consent, audience: Audience) -> Decision {
    match (consent, audience) {
        (Consent::Yes | Consent::DryRun, _) => Decision::Assume,
        (Consent::Ask, Audience::Person) => Decision::Ask,
        (Consent::Ask, Audience::NoTerminal) => Decision::Refuse("there is no terminal to ask on".to_owned()),
        (Consent::Ask, Audience::Agent(variable)) => {
            Decision::Refuse(format!("{variable} is set, so nobody is asked"))
        }
    }
}

/// Whether a question would be put to a person.
pub(crate) fn is_asking(consent: Consent, audience: Audience) -> bool {
    decide(consent, audience) == Decision::Ask
}

/// Asks, or takes the answer that stands for yes. Fails with a usage error that names `--yes`.
pub(crate) fn confirm(
    consent: Consent,
    audience: Audience,
    question: &str,
    default: Answer,
) -> Result<Answer, Stop> {
    if !must_ask(consent, audience, question)? {
        return Ok(Answer::Yes);
    }
    let answer = Confirm::new()
        .with_prompt(text::clean(question))
        .default(default == Answer::Yes)
        .interact_on_opt(&terminal())
        .map_err(output)?;
    match answer {
        Some(true) => Ok(Answer::Yes),
        Some(false) => Ok(Answer::No),
        None => Err(Stop::Declined),
    }
}

/// Asks for one of `choices` and returns its index; the first stands for yes.
pub(crate) fn choose(
    consent: Consent,
    audience: Audience,
    question: &str,
    choices: &[&str],
) -> Result<usize, Stop> {
    if !must_ask(consent, audience, question)? {
        return Ok(0);
    }
    Select::new()
        .with_prompt(text::clean(question))
        .items(choices.iter().map(|choice| text::one_line(choice)))
        .default(0)
        .interact_on_opt(&terminal())
        .map_err(output)?
        .ok_or(Stop::Declined)
}

/// Asks for something that is not to be seen: typed without an echo by a person, else one line of standard input, at most
/// so many bytes. `--yes` is no answer to it.
#[expect(clippy::disallowed_methods, reason = "questions are a part of the one door to the streams")]
pub(crate) fn secret(
    audience: Audience,
    stdin_is_terminal: bool,
    question: &str,
    most_bytes: u64,
) -> Result<String, Stop> {
    if audience == Audience::Person {
        let terminal = terminal();
        let asked = terminal.write_str(&format!("{}: ", text::clean(question)));
        return match asked.and_then(|()| terminal.read_secure_line()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(Stop::Declined),
            Err(error) => Err(Stop::Output(error)),
            Ok(line) => Ok(line),
        };
    }
    if stdin_is_terminal {
        return Err(Stop::usage(
            format!("nobody is asked here: {question}"),
            "give it on standard input, with `<FILE` or a pipe",
        ));
    }
    let mut line = String::new();
    io::stdin().lock().take(most_bytes).read_line(&mut line).map_err(Stop::Output)?;
    Ok(line)
}

fn must_ask(consent: Consent, audience: Audience, question: &str) -> Result<bool, Stop> {
    match decide(consent, audience) {
        Decision::Assume => Ok(false),
        Decision::Ask => Ok(true),
        Decision::Refuse(why) => Err(Stop::usage(
            format!("a question needs an answer, and {why}: {question}"),
            "add `--yes` to answer yes to every question, or `--dry-run` to see what would be done",
        )),
    }
}

/// Standard error, where the cursor stays visible: dialoguer hides it while it waits, and Ctrl-C, which ends the
/// process there and then, would leave the person's shell without one.
#[cfg(unix)]
#[derive(Debug)]
struct Steady(io::Stderr);

#[cfg(unix)]
impl io::Write for Steady {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes == b"\x1b[?25l" { Ok(bytes.len()) } else { self.0.write(bytes) }
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(unix)]
impl AsRawFd for Steady {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "questions are a part of the one door to the streams")]
fn terminal() -> Term {
    Term::read_write_pair(io::stdin(), Steady(io::stderr()))
}

#[cfg(not(unix))]
fn terminal() -> Term {
    Term::stderr()
}

fn output(error: dialoguer::Error) -> Stop {
    let dialoguer::Error::IO(error) = error;
    if error.kind() == io::ErrorKind::Interrupted { Stop::Declined } else { Stop::Output(error) }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::world::Terminal;

    #[test]
    fn only_a_person_without_flags_is_asked() {
        for audience in [Audience::Person, Audience::NoTerminal, Audience::Agent("CI")] {
            assert_eq!(decide(Consent::DryRun, audience), Decision::Assume, "{audience:?}");
            assert_eq!(decide(Consent::Yes, audience), Decision::Assume, "{audience:?}");
        }
        assert_eq!(decide(Consent::Ask, Audience::Person), Decision::Ask);
        assert!(matches!(decide(Consent::Ask, Audience::NoTerminal), Decision::Refuse(_)));
        assert!(matches!(decide(Consent::Ask, Audience::Agent("CI")), Decision::Refuse(_)));
    }

    #[test]
    fn a_question_to_nobody_names_the_flag() {
        let stop = confirm(Consent::Ask, Audience::Agent("CLAUDECODE"), "Link 3 skills?", Answer::Yes);
        let Err(Stop::Usage(usage)) = stop else { panic!("{stop:?}") };
        assert!(usage.message.contains("Link 3 skills?") && usage.message.contains("CLAUDECODE"));
        assert!(usage.hint.unwrap().contains("`--yes`"));
    }

    #[test]
    fn an_agent_at_a_terminal_is_not_a_person() {
        let terminal = Terminal { stdin: true, stdout: true, stderr: true, columns: Some(80) };
        let world = World::by_hand("/h", "/s", "/c", Timestamp::UNIX_EPOCH);
        assert_eq!(Audience::of(&world), Audience::NoTerminal);
        let world = world.with_terminal(terminal);
        assert_eq!(Audience::of(&world), Audience::Person);
        assert_eq!(Audience::of(&world.with_var("CLAUDECODE", "1")), Audience::Agent("CLAUDECODE"));
    }
}
