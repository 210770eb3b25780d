//! A run on a terminal: what the program drew, frame by frame, and what stands on the screen when it has ended.

use crate::machine::{Machine, quoted};
use crate::outcome::Output;

/// Wide enough for every line of a test.
const COLUMNS: usize = 160;

/// What a run on a terminal drew.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// How it ended; all that was drawn is in `stdout`, standard error, too.
    pub output: Output,
    /// Each state that its last line was drawn in, in order.
    pub frames: Vec<String>,
    /// The lines that stand on the screen after its end, without the empty ones.
    pub screen: Vec<String>,
}

/// Runs the machine's program on a pseudo terminal, with `variables` beside the machine's own, by util-linux's `script`.
///
/// # Panics
/// When there is no `script`.
#[must_use]
pub fn on_terminal(machine: &Machine, args: &[&str], variables: &[(&str, &str)]) -> Drawn {
    let binary = machine.binary().to_string_lossy().into_owned();
    let words: Vec<String> = std::iter::once(&*binary).chain(args.iter().copied()).map(quoted).collect();
    let line = format!("stty cols {COLUMNS} rows 50; exec {}", words.join(" "));
    let mut run = machine.command_of("script".as_ref(), &["-qec", &line, "/dev/null"]);
    for (name, value) in [("TERM", "xterm"), ("SHELL", "/bin/sh")].iter().chain(variables) {
        run = run.env(name, value);
    }
    let output = run.run().either();
    let (frames, screen) = play(&output.stdout);
    Drawn { output, frames, screen }
}

/// Plays back what was drawn: text, carriage returns, line feeds, and the sequences that clear a line or go up one.
fn play(drawn: &str) -> (Vec<String>, Vec<String>) {
    let mut rows: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut frames: Vec<String> = Vec::new();
    let mut chars = drawn.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                frames.push(text(&rows[row]));
                column = 0;
            }
            '\n' => {
                row += 1;
                if row == rows.len() {
                    rows.push(Vec::new());
                }
            }
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                let mut number = String::new();
                let end = loop {
                    match chars.next() {
                        Some(c) if c.is_ascii_digit() || ";?".contains(c) => number.push(c),
                        other => break other,
                    }
                };
                let count = number.parse().unwrap_or(1);
                match end {
                    Some('K') if number == "2" => {
                        frames.push(text(&rows[row]));
                        rows[row].clear();
                    }
                    Some('K') => rows[row].truncate(column),
                    Some('A') => row = row.saturating_sub(count),
                    Some('J') => {
                        rows[row].truncate(column);
                        rows.truncate(row + 1);
                    }
                    _ => {}
                }
            }
            c if c.is_control() => {}
            c => {
                let line = &mut rows[row];
                if line.len() <= column {
                    line.resize(column + 1, ' ');
                }
                line[column] = c;
                column += 1;
            }
        }
    }
    frames.retain(|frame| !frame.is_empty());
    frames.dedup();
    let screen = rows.iter().map(|line| text(line)).filter(|line| !line.is_empty()).collect();
    (frames, screen)
}

fn text(line: &[char]) -> String {
    line.iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_drawn_over_is_a_frame_and_not_on_the_screen() {
        let (frames, screen) = play("\r1 of 2   \r\u{1b}[2K\r2 of 2\r\u{1b}[2K\rdone\r\nbye\r\n");
        assert_eq!(frames, ["1 of 2", "2 of 2", "done", "bye"]);
        assert_eq!(screen, ["done", "bye"]);
    }

    #[test]
    fn the_program_has_a_terminal() {
        let machine = Machine::new("/bin/sh");
        let drawn = on_terminal(&machine, &["-c", "test -t 1 && test -t 2 && stty size; exit 3"], &[]);
        assert_eq!((drawn.output.code, drawn.screen), (Some(3), vec![format!("50 {COLUMNS}")]));
    }
}
