//! Where a report writes its human form: lines, tones and tables. Whatever foreign text passes here is made
//! harmless; only `tone` writes an escape sequence.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::ui::table::Table;
use crate::ui::text;

/// What a piece of text means; the screen knows how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// It failed.
    Bad,
    /// It wants attention.
    Warn,
    /// A command to type, a next step.
    Hint,
    /// A heading, a name that matters.
    Strong,
    /// Beside the point.
    Dim,
}

impl Tone {
    pub(crate) fn style(self) -> Style {
        match self {
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Warn => AnsiColor::Yellow.on_default().bold(),
            Tone::Hint => AnsiColor::Cyan.on_default(),
            Tone::Strong => Style::new().bold(),
            Tone::Dim => Style::new().dimmed(),
        }
    }
}

/// A stream for a person to read. `write!` to it: control characters in what is written come out escaped.
pub struct Screen<'a> {
    sink: &'a mut dyn Write,
    columns: Option<usize>,
}

impl<'a> Screen<'a> {
    /// A screen on `sink`, whose escape sequences the sink drops where colours are off.
    pub(crate) fn new(sink: &'a mut dyn Write, columns: Option<usize>) -> Screen<'a> {
        Screen { sink, columns }
    }

    /// Columns of the terminal; none on a pipe, where nothing is shortened.
    pub fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// Writes `what` in a tone, without ending the line.
    pub fn tone(&mut self, tone: Tone, what: impl Display) -> io::Result<()> {
        let style = tone.style();
        write!(self.sink, "{style}{}{style:#}", text::clean(&what.to_string()))
    }

    /// Writes a table, fitted to the terminal.
    pub fn table(&mut self, table: &Table) -> io::Result<()> {
        for (number, line) in table.lines(self.columns).into_iter().enumerate() {
            if number == 0 { self.tone(Tone::Strong, line) } else { self.write_all(line.as_bytes()) }?;
            writeln!(self.sink)?;
        }
        Ok(())
    }
}

impl Write for Screen<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write_all(text::clean(&String::from_utf8_lossy(bytes)).as_bytes())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_reach_the_terminal_raw() {
        let mut sink = Vec::new();
        let mut screen = Screen::new(&mut sink, None);
        writeln!(screen, "description: \u{1b}]0;title\u{7}").unwrap();
        screen.tone(Tone::Strong, "\u{1b}[2J").unwrap();
        let text = String::from_utf8(sink).unwrap();
        assert_eq!(text, "description: \\u{1b}]0;title\\u{7}\n\u{1b}[1m\\u{1b}[2J\u{1b}[0m");
    }
}
