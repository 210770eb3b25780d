//! The one door to the terminal: results on stdout, everything else on stderr, JSON or words, colour or none.
//! It shows what others decided.

pub mod ask;
#[cfg(test)]
pub(crate) mod captured;
pub mod exit;
pub mod progress;
pub mod report;
pub mod screen;
pub mod stop;
pub mod table;
pub mod text;

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use anstream::{AutoStream, ColorChoice};
use indicatif::ProgressBar;
use serde::Serialize;
use skillsync_core::fault::Fault;

pub use ask::{Answer, Consent};
pub use exit::Exit;
pub use progress::Progress;
pub use report::Report;
pub use screen::{Screen, Tone};
pub use stop::{Stop, Usage};
pub use table::{Column, Table};

use crate::world::World;
use ask::Audience;

/// What a command reports: one JSON document for programs, lines for people.
pub trait Show: Serialize {
    /// Writes the report for a person. Every line ends with a line feed.
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()>;
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON document: compact on a pipe, indented on a terminal.
    Json,
}

/// How much is said on stderr. Warnings and errors always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Loudness {
    /// `-q`: no notes, hints or progress.
    Quiet,
    /// Notes, hints and progress.
    #[default]
    Normal,
    /// `-v`: details too.
    Verbose,
}

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Also on a pipe.
    Always,
    /// Nowhere.
    Never,
}

/// How the command line wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// The form of the report.
    pub format: Format,
    /// How much is said beside it.
    pub loudness: Loudness,
    /// Whether colours are used.
    pub color: Color,
    /// What the command line says about questions.
    pub consent: Consent,
}

/// The terminal, or what stands in its place.
pub struct Ui {
    manner: Manner,
    audience: Audience,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    stdin_is_terminal: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    columns: Option<usize>,
    working: Option<ProgressBar>,
    has_document: bool,
}

impl Ui {
    /// The process's own streams. Without a world (it could not be read) there is no colour and nobody to ask.
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the streams")]
    pub fn new(manner: Manner, world: Option<&World>) -> Ui {
        let terminal = world.map(|world| world.terminal).unwrap_or_default();
        let wish = world.map_or(Some(false), World::colors);
        let out = AutoStream::new(io::stdout(), color_choice(manner.color, wish, terminal.stdout));
        let err = AutoStream::new(io::stderr(), color_choice(manner.color, wish, terminal.stderr));
        Ui {
            manner,
            audience: world.map_or(Audience::NoTerminal, Audience::of),
            out: Box::new(BufWriter::new(out)),
            err: Box::new(err),
            stdin_is_terminal: terminal.stdin,
            stdout_is_terminal: terminal.stdout,
            stderr_is_terminal: terminal.stderr,
            columns: terminal.columns.map(usize::from),
            working: None,
            has_document: false,
        }
    }

    /// Whether the report is to be JSON.
    pub fn is_json(&self) -> bool {
        self.manner.format == Format::Json
    }

    /// Prints the report of a command on stdout: its JSON with `--json`, else its lines.
    pub fn show<R: Show + ?Sized>(&mut self, report: &R) -> Result<(), Stop> {
        match self.manner.format {
            Format::Json => self.json(report),
            Format::Human => {
                let mut screen = Screen::new(&mut *self.out, self.columns);
                report.human(&mut screen).and_then(|()| screen.flush()).map_err(Stop::Output)
            }
        }
    }

    /// Prints a JSON document on stdout whatever the format: for `diff`, which is JSON by default.
    pub fn json<R: Serialize + ?Sized>(&mut self, document: &R) -> Result<(), Stop> {
        let text = if self.stdout_is_terminal {
            serde_json::to_string_pretty(document)
        } else {
            serde_json::to_string(document)
        };
        let text = text.map_err(|error| Stop::Output(error.into()))?;
        self.has_document = true;
        writeln!(self.out, "{}", text::clean_json(text)).and_then(|()| self.out.flush()).map_err(Stop::Output)
    }

    /// Prints a JSON document on stdout as one line whatever the format and wherever it goes: one of many, for a program
    /// that reads them as they come.
    pub fn event<R: Serialize + ?Sized>(&mut self, event: &R) -> Result<(), Stop> {
        let text = serde_json::to_string(event).map_err(|error| Stop::Output(error.into()))?;
        self.has_document = true;
        writeln!(self.out, "{}", text::clean_json(text)).and_then(|()| self.out.flush()).map_err(Stop::Output)
    }

    /// Prints a file's bytes on stdout: as they are on a pipe, harmless on a terminal. Not for `--json`.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let written = if self.stdout_is_terminal {
            Screen::new(&mut *self.out, self.columns).write_all(bytes)
        } else {
            self.out.write_all(bytes)
        };
        written.and_then(|()| self.out.flush()).map_err(Stop::Output)
    }

    /// Prints our own help, which carries clap's escape sequences.
    pub(crate) fn help(&mut self, help: &clap::builder::StyledStr) -> Result<(), Stop> {
        write!(self.out, "{}", help.ansi()).and_then(|()| self.out.flush()).map_err(Stop::Output)
    }

    /// Prints help on stderr, for a command line that stops before it says anything.
    pub(crate) fn help_instead(&mut self, help: &clap::builder::StyledStr) {
        // Nothing can be done about a stderr that takes no more.
        let _ = write!(self.err, "{}", help.ansi());
    }

    /// Something is not as it should be, and the work goes on. Also with `-q`.
    pub fn warn(&mut self, what: impl Display) {
        self.say(Tone::Warn, "warning", &what);
    }

    /// Something worth knowing about what was done.
    pub fn note(&mut self, what: impl Display) {
        if self.manner.loudness >= Loudness::Normal {
            self.say(Tone::Dim, "note", &what);
        }
    }

    /// The next command to type.
    pub fn hint(&mut self, what: impl Display) {
        if self.manner.loudness >= Loudness::Normal {
            self.say(Tone::Hint, "hint", &what);
        }
    }

    /// How something was done; only with `-v`.
    pub fn detail(&mut self, what: impl Display) {
        if self.manner.loudness >= Loudness::Verbose {
            self.say(Tone::Dim, "detail", &what);
        }
    }

    /// One of several things failed and the others go on; the command ends with `Exit::Partial`.
    pub fn failed(&mut self, fault: &dyn Fault) {
        let report = Report::of(fault);
        // Nothing can be done about a stderr that takes no more.
        self.apart(|err| drop(report.write(err)));
    }

    /// Like [`Ui::failed`], of an error that is in a report already.
    pub fn failed_report(&mut self, report: &Report) {
        // Nothing can be done about a stderr that takes no more.
        self.apart(|err| drop(report.write(err)));
    }

    /// Starts showing progress of `what` (`adding skills`), of `total` things where that is known.
    pub fn progress(&mut self, what: &str, total: Option<u64>) -> Progress {
        if !self.is_progress_seen() {
            return Progress::silent();
        }
        let progress = Progress::on_stderr(what, total);
        self.working = Some(progress.bar());
        progress
    }

    /// Starts showing progress of `what` (`uploading`), of so many bytes; as events to a program that reads JSON.
    pub fn transfer(&mut self, what: &str, total_bytes: u64) -> Progress {
        if self.manner.format == Format::Json && self.manner.loudness >= Loudness::Normal {
            return Progress::events_of_bytes(what, total_bytes);
        }
        if !self.is_progress_seen() {
            return Progress::silent();
        }
        let progress = Progress::of_bytes(what, total_bytes);
        self.working = Some(progress.bar());
        progress
    }

    fn is_progress_seen(&self) -> bool {
        self.stderr_is_terminal
            && !matches!(self.audience, Audience::Agent(_))
            && self.manner.format == Format::Human
            && self.manner.loudness >= Loudness::Normal
    }

    /// Whether a question would be put to a person.
    pub fn is_asking(&self) -> bool {
        ask::is_asking(self.manner.consent, self.audience)
    }

    /// Asks a yes-or-no question; `default` is what the return key means. `--yes` and `--dry-run` answer yes.
    /// Fails with a usage error that names `--yes` where nobody can be asked.
    pub fn confirm(&mut self, question: &str, default: Answer) -> Result<Answer, Stop> {
        ask::confirm(self.manner.consent, self.audience, question, default)
    }

    /// Asks for consent to go on; a no stops the command.
    pub fn consent(&mut self, question: &str) -> Result<(), Stop> {
        match self.confirm(question, Answer::Yes)? {
            Answer::Yes => Ok(()),
            Answer::No => Err(Stop::Declined),
        }
    }

    /// Asks for one of `choices`, returned by its index. The first is the one that `--yes` and `--dry-run` take.
    pub fn choose(&mut self, question: &str, choices: &[&str]) -> Result<usize, Stop> {
        ask::choose(self.manner.consent, self.audience, question, choices)
    }

    /// Asks for something that is not to be seen, at most so many bytes: typed without an echo, or the first line of
    /// standard input where that is no terminal. Fails with a usage error where neither can be.
    pub fn secret(&mut self, question: &str, most_bytes: u64) -> Result<String, Stop> {
        ask::secret(self.audience, self.stdin_is_terminal, question, most_bytes)
    }

    /// Says why a command stopped and how the process ends.
    pub(crate) fn stop(&mut self, stop: &Stop) -> Exit {
        let (report, exit) = Report::of_stop(stop);
        if let Some(report) = report {
            self.apart(|err| drop(report.write(err)));
            // One document a run: after a report of its own, the command's failure is in that report.
            if self.is_json() && !self.has_document && !matches!(stop, Stop::Output(_)) {
                drop(self.json(&Document { error: report }));
            }
        }
        exit
    }

    fn say(&mut self, tone: Tone, label: &str, what: &dyn Display) {
        // Nothing can be done about a stderr that takes no more.
        self.apart(|err| drop(report::labelled(err, tone, label, what)));
    }

    /// Writes on stderr without tearing the line of a progress.
    fn apart(&mut self, write: impl FnOnce(&mut dyn Write)) {
        match &self.working {
            Some(bar) if !bar.is_finished() => bar.suspend(|| write(&mut *self.err)),
            _ => write(&mut *self.err),
        }
    }
}

/// An error as the one document of a run.
#[derive(Serialize)]
struct Document {
    error: Report,
}

/// `--color` before the environment before the terminal.
fn color_choice(color: Color, wish: Option<bool>, terminal: bool) -> ColorChoice {
    let colored = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => wish.unwrap_or(terminal),
    };
    if colored { ColorChoice::Always } else { ColorChoice::Never }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[derive(Serialize)]
    struct Greeting {
        name: &'static str,
    }

    impl Show for Greeting {
        fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
            out.tone(Tone::Good, "ok")?;
            writeln!(out, " {}", self.name)
        }
    }

    fn json() -> Manner {
        Manner { format: Format::Json, ..Manner::default() }
    }

    #[test]
    fn a_report_is_lines_or_one_document() {
        let report = Greeting { name: "\u{9b}31mred" };
        let (mut ui, seen) = Ui::by_hand(Manner::default());
        ui.show(&report).unwrap();
        assert_eq!(seen.out(), "ok \\u{9b}31mred\n");
        let (mut ui, seen) = Ui::by_hand(json());
        ui.show(&report).unwrap();
        assert_eq!(seen.out(), "{\"name\":\"\\u009b31mred\"}\n");
    }

    #[test]
    fn quiet_leaves_warnings_and_verbose_adds_details() {
        let check = |loudness, expected: &str| {
            let (mut ui, seen) = Ui::by_hand(Manner { loudness, ..Manner::default() });
            ui.warn("careful");
            ui.note("done\nwell");
            ui.hint("type `x`");
            ui.detail("slowly");
            assert_eq!(seen.err(), expected);
            assert_eq!(seen.out(), "");
        };
        check(Loudness::Quiet, "warning: careful\n");
        check(Loudness::Normal, "warning: careful\nnote: done\n  well\nhint: type `x`\n");
        check(Loudness::Verbose, "warning: careful\nnote: done\n  well\nhint: type `x`\ndetail: slowly\n");
    }

    #[test]
    fn with_json_an_error_is_a_document_too_unless_one_was_printed() {
        let stop = Stop::usage("no such thing", "try another");
        let (mut ui, seen) = Ui::by_hand(json());
        assert_eq!(ui.stop(&stop), Exit::Usage);
        assert_eq!(seen.err(), "error: no such thing\nhint: try another\n");
        expect![[r#"
            {"error":{"code":"usage","kind":"usage","message":"no such thing","causes":[],"hint":"try another"}}
        "#]].assert_eq(&seen.out());

        let (mut ui, seen) = Ui::by_hand(json());
        ui.show(&Greeting { name: "a" }).unwrap();
        ui.stop(&stop);
        assert_eq!(seen.out(), "{\"name\":\"a\"}\n");
    }

    #[test]
    fn a_dry_run_never_asks() {
        let (mut ui, _) = Ui::by_hand(Manner { consent: Consent::DryRun, ..Manner::default() });
        assert_eq!(ui.confirm("really?", Answer::No).unwrap(), Answer::Yes);
        assert_eq!(ui.choose("which?", &["first", "second"]).unwrap(), 0);
        let (mut ui, _) = Ui::by_hand(Manner::default());
        let stop = ui.consent("really?").unwrap_err();
        assert_eq!(ui.stop(&stop), Exit::Usage);
    }

    #[test]
    fn a_closed_pipe_ends_well_and_a_full_disk_does_not() {
        struct Full(io::ErrorKind);
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let check = |kind, exit| {
            let (mut ui, _) = Ui::by_hand(json());
            ui.out = Box::new(Full(kind));
            let stop = ui.show(&Greeting { name: "a" }).unwrap_err();
            assert_eq!(ui.stop(&stop), exit, "{kind:?}");
        };
        check(io::ErrorKind::BrokenPipe, Exit::Done);
        check(io::ErrorKind::StorageFull, Exit::Failed);
    }

    #[test]
    fn colour_is_the_flag_then_the_environment_then_the_terminal() {
        let check = |color, wish, terminal, colored: bool| {
            let choice = color_choice(color, wish, terminal);
            assert_eq!(choice == ColorChoice::Always, colored, "{color:?} {wish:?} {terminal}");
        };
        check(Color::Auto, None, true, true);
        check(Color::Auto, None, false, false);
        check(Color::Auto, Some(false), true, false);
        check(Color::Auto, Some(true), false, true);
        check(Color::Always, Some(false), false, true);
        check(Color::Never, Some(true), true, false);
    }
}
