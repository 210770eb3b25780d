//! `skillsync show NAME [PATH]`

use std::io::{self, Write};

use skillsync_core::name::SkillName;
use skillsync_core::skill::ArtifactType;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::show::{FileLine, Files, Instructions, Level, Listing, Shown};
use crate::ui::{Column, Exit, Screen, Show, Stop, Table, Tone};

/// Show what an agent loads of a skill, with token counts
///
/// Level 1 is what every agent always has in mind: name and description. Level 2 is the body of SKILL.md,
/// read when the skill is used. Level 3 is the list of the other files, read one by one when they are needed.
/// With PATH, that file, byte for byte. A command or an agent is one file, which level 2 is the body of. Token
/// counts are estimates.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// A file of the skill, to print it
    #[arg(value_name = "PATH", add = complete::files())]
    pub(crate) path: Option<String>,
    /// Which level to show; all of them when left out
    #[arg(long, value_name = "1|2|3", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(crate) level: Option<u8>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &ShowArgs) -> Result<Exit, Stop> {
    let level = args.level.map(|level| match level {
        1 => Level::Listing,
        2 => Level::Instructions,
        _ => Level::Files,
    });
    let store = ops::open(cx.world)?;
    if let Some(path) = &args.path {
        if !matches!(level, None | Some(Level::Files)) {
            return Err(Stop::usage(
                "a file belongs to level 3",
                format!("`skillsync show {} {path}` prints it", args.name),
            ));
        }
        let whole = ops::show::file(&store, &args.name, path)?;
        if cx.ui.is_json() {
            cx.ui.json(&whole)?
        } else {
            cx.ui.bytes(&whole.bytes)?
        }
        return Ok(Exit::Done);
    }
    let shown = ops::show::show(&store, &args.name, level)?;
    match (&shown.level2, level) {
        // The text as it is, for a pipe.
        (Some(level2), Some(Level::Instructions)) if !cx.ui.is_json() => {
            cx.ui.bytes(level2.text.as_bytes())?;
            let footer = footer(shown.artifact_type, level2.footer_tokens);
            cx.ui.note(format!("{} tokens; {footer}", level2.tokens));
        }
        _ => cx.ui.show(&shown)?,
    }
    Ok(Exit::Done)
}

fn footer(artifact_type: ArtifactType, tokens: usize) -> String {
    match (artifact_type, tokens) {
        (ArtifactType::Skill, 0) => "agents load no observation footer (observation.mode is off)".to_owned(),
        (ArtifactType::Skill, tokens) => {
            format!("agents load it with the observation footer, {tokens} more")
        }
        (ArtifactType::Command | ArtifactType::Agent, _) => {
            format!("{} has no observation footer", artifact_type.phrase())
        }
    }
}

impl Show for Shown {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        match (&self.level1, &self.level2, &self.level3) {
            (Some(level1), Some(level2), Some(level3)) => summary(self, level1, level2, level3, out),
            (Some(level1), ..) => {
                writeln!(out, "{}", level1.text)?;
                out.tone(Tone::Dim, format!("{} tokens", level1.tokens))?;
                writeln!(out)
            }
            (_, _, Some(level3)) => listed(level3, &self.main_file(), out),
            _ => Ok(()),
        }
    }
}

impl Shown {
    fn main_file(&self) -> String {
        self.artifact_type.main_file(&self.name)
    }
}

fn summary(
    shown: &Shown,
    level1: &Listing,
    level2: &Instructions,
    level3: &Files,
    out: &mut Screen<'_>,
) -> io::Result<()> {
    writeln!(out, "{}", level1.text)?;
    writeln!(out)?;
    let mut table =
        Table::new([Column::id("LEVEL"), Column::id("WHAT"), Column::id("LOADED"), Column::number("TOKENS")]);
    let mut row = |level: &str, what: String, loaded: &str, tokens: usize| {
        table.row([level.to_owned(), what, loaded.to_owned(), tokens.to_string()]);
    };
    row("1", "name and description".to_owned(), "always", level1.tokens);
    let main = shown.main_file();
    row("2", format!("{main}, {}", counted(level2.lines, "line")), "when it is used", level2.tokens);
    if level2.footer_tokens > 0 {
        row("2", "observation footer".to_owned(), &format!("with {main}"), level2.footer_tokens);
    }
    let binary = level3.files.iter().filter(|file| file.tokens.is_none()).count();
    let mut what = counted(level3.files.len(), "other file");
    if binary > 0 {
        what.push_str(&format!(", {binary} of them binary and not counted"));
    }
    row("3", what, "one by one", level3.tokens);
    out.table(&table)?;
    writeln!(out)?;
    out.tone(Tone::Dim, format!("version {}; token counts are estimates", shown.version))?;
    writeln!(out)
}

fn listed(level3: &Files, main: &str, out: &mut Screen<'_>) -> io::Result<()> {
    if level3.files.is_empty() {
        return writeln!(out, "no file but {main}");
    }
    let mut table = Table::new([Column::id("PATH"), Column::number("BYTES"), Column::number("TOKENS")]);
    for FileLine { path, size_bytes, tokens, .. } in &level3.files {
        let tokens = tokens.map_or_else(|| "binary".to_owned(), |tokens| tokens.to_string());
        table.row([path.to_string(), size_bytes.to_string(), tokens]);
    }
    out.table(&table)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
