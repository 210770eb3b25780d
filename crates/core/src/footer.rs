//! The observation footer: its text, and how it is put under a rendered `SKILL.md` and taken off again, byte for
//! byte (checklist D13-D15). Where it is rendered and what is logged is left to others.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Kind};
use crate::name::SkillName;

/// First line of a footer's block.
pub const START: &str = "<!-- skillsync:observation:start -->";
/// Last line of a footer's block.
pub const END: &str = "<!-- skillsync:observation:end -->";

/// What the footer asks an agent to do after it used a skill (checklist D13, `observation.mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The agent judges the result and logs it itself.
    #[default]
    Auto,
    /// The agent reminds the user to rate the result.
    Remind,
    /// There is no footer.
    Off,
}

/// A text is not a mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an observation mode")]
pub struct Error {
    text: String,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "observation-mode-invalid"
    }
    fn hint(&self) -> Option<String> {
        Some("use `auto`, `remind` or `off`".to_owned())
    }
}

impl Mode {
    /// The mode as `config.toml` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Auto => "auto",
            Mode::Remind => "remind",
            Mode::Off => "off",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        [Mode::Auto, Mode::Remind, Mode::Off]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| Error { text: text.chars().take(80).flat_map(char::escape_debug).collect() })
    }
}

/// The `[observation]` table of `config.toml` (checklist D13).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What the footer asks for.
    pub mode: Mode,
    /// Share of negative observations, 0 to 1, above which a refinement is suggested.
    pub threshold: f64,
    /// How many observations there must be before one is suggested.
    pub min_invocations: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { mode: Mode::Auto, threshold: 0.3, min_invocations: 5 }
    }
}

/// The footer for `name`, without the markers around it; `None` when observation is off. `<N>`, `<total>`,
/// `<positive|negative>` and `<brief reason>` stay for the agent to fill in (checklist D14, D15).
pub fn text(name: &SkillName, settings: &Settings) -> Option<String> {
    match settings.mode {
        Mode::Off => None,
        Mode::Remind => Some(format!(
            "---\n\
             After completing this skill, remind the user:\n\
             \"Rate this result: `skillsync observe {name} --signal <positive|negative> [--note]`\"\n"
        )),
        Mode::Auto => Some(format!(
            "---\n\
             After completing this skill, assess whether the user was satisfied.\n\
             Call: skillsync observe {name} --signal <positive|negative> --note \"<brief reason>\"\n\
             Then call: skillsync log {name} --summary\n\
             If the negative rate exceeds {} after at least {} invocations, mention:\n\
             \"({name} has been struggling - <N>/<total> negative. `/skillsync-refine {name}` when you have a \
             moment.)\"\n\
             Otherwise, briefly note what you logged: \"(logged: positive)\"\n",
            per_cent(settings.threshold),
            settings.min_invocations,
        )),
    }
}

fn per_cent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{}%", text.strip_suffix(".0").unwrap_or(&text))
}

/// Puts `footer` under `skill_md`: one line feed, then the block between its markers. A block that is there already
/// is replaced, so there is never more than one.
pub fn inject(skill_md: &[u8], footer: &str) -> Vec<u8> {
    let content = strip(skill_md);
    let footer = footer.trim_end_matches('\n');
    let mut out = Vec::with_capacity(content.len() + footer.len() + START.len() + END.len() + 4);
    out.extend_from_slice(&content);
    for part in ["\n", START, "\n", footer, "\n", END, "\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    out
}

/// Takes the footer's block off again, with the one line end before it: gives back exactly what [`inject`] was
/// given.
///
/// Only a block at the very end counts. White space after it, which editors add, goes with it; a block that was
/// turned to CRLF is recognised. Any other text after it, or a marker that is missing, doubled or not on a line of
/// its own, means that somebody edited here: then nothing is removed. What stands between the markers is ours and
/// goes with them.
pub fn strip(skill_md: &[u8]) -> Cow<'_, [u8]> {
    let mut content = skill_md;
    while let Some(before) = before_block(content) {
        content = before;
    }
    Cow::Borrowed(content)
}

/// What stands before the block at the end of `bytes`, if a whole block is there.
fn before_block(bytes: &[u8]) -> Option<&[u8]> {
    let inner = bytes.trim_ascii_end().strip_suffix(END.as_bytes())?;
    let start = inner.windows(START.len()).rposition(|window| window == START.as_bytes())?;
    let (before, block) = inner.split_at(start);
    let block = &block[START.len()..];
    // An end marker inside means that what follows it is not ours.
    if !block.ends_with(b"\n") || block.windows(END.len()).any(|window| window == END.as_bytes()) {
        return None;
    }
    if block.starts_with(b"\r\n") {
        return before.strip_suffix(b"\r\n").or_else(|| line_start(before));
    }
    if !block.starts_with(b"\n") {
        return None;
    }
    line_start(before)
}

fn line_start(before: &[u8]) -> Option<&[u8]> {
    if before.is_empty() { Some(before) } else { before.strip_suffix(b"\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> SkillName {
        SkillName::parse("pdf").unwrap()
    }

    #[test]
    fn the_footer_reads_as_agreed() {
        let settings = Settings { threshold: 0.125, min_invocations: 7, ..Settings::default() };
        expect_test::expect![[r#"
            ---
            After completing this skill, assess whether the user was satisfied.
            Call: skillsync observe pdf --signal <positive|negative> --note "<brief reason>"
            Then call: skillsync log pdf --summary
            If the negative rate exceeds 12.5% after at least 7 invocations, mention:
            "(pdf has been struggling - <N>/<total> negative. `/skillsync-refine pdf` when you have a moment.)"
            Otherwise, briefly note what you logged: "(logged: positive)"
        "#]]
        .assert_eq(&text(&name(), &settings).unwrap());
        expect_test::expect![[r#"
            ---
            After completing this skill, remind the user:
            "Rate this result: `skillsync observe pdf --signal <positive|negative> [--note]`"
        "#]]
        .assert_eq(&text(&name(), &Settings { mode: Mode::Remind, ..settings }).unwrap());
        assert_eq!(text(&name(), &Settings { mode: Mode::Off, ..settings }), None);
        assert_eq!(per_cent(Settings::default().threshold), "30%");
    }

    #[test]
    fn modes_read_back() {
        for mode in [Mode::Auto, Mode::Remind, Mode::Off] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
            assert_eq!(serde_json::to_string(&mode).unwrap(), format!("\"{mode}\""));
        }
        assert_eq!("Auto".parse::<Mode>().unwrap_err().code(), "observation-mode-invalid");
    }

    #[test]
    fn only_a_whole_block_at_the_end_is_taken_off() {
        let footer = text(&name(), &Settings::default()).unwrap();
        let full = String::from_utf8(inject(b"body\n", &footer)).unwrap();
        assert!(
            full.starts_with(&format!("body\n\n{START}\n---\n")) && full.ends_with(&format!("\n{END}\n"))
        );
        let block = &full["body\n".len()..];
        let stripped = |text: &str| String::from_utf8(strip(text.as_bytes()).into_owned()).unwrap();
        // (what is there, what stays)
        let taken = [
            (full.clone(), "body\n"),
            (full.trim_end().to_owned(), "body\n"),
            (format!("{full}\n \t\r\n"), "body\n"),
            (full.replace('\n', "\r\n"), "body\r\n"),
            (format!("{full}{block}"), "body\n"),
            (block.trim_start().to_owned(), ""),
        ];
        for (text, rest) in &taken {
            assert_eq!(stripped(text), *rest, "{text:?}");
        }
        let left = [
            format!("{full}more text\n"),
            full.replace(END, ""),
            full.replace(START, ""),
            full.replace(START, &START[1..]),
            full.replace(&format!("\n{START}"), &format!(" {START}")),
            full.replace(&format!("\n{END}"), &format!(" {END}")),
            format!("{full}between\n{END}\n"),
            format!("{END}\n{START}\n"),
        ];
        for text in &left {
            assert_eq!(stripped(text), *text);
        }
    }

    #[test]
    fn injecting_twice_is_injecting_once() {
        let footer = text(&name(), &Settings::default()).unwrap();
        let once = inject(b"body", &footer);
        assert_eq!(inject(&once, &footer), once);
        assert_eq!(strip(&once).as_ref(), b"body");
    }
}
