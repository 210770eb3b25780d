//! `config.toml`: read with exact errors, edited in place with the user's comments and order kept
//! (`docs/formats/config.md`, checklist D19).

use std::path::{Path, PathBuf};

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::footer;
use skillsync_core::limits;
use skillsync_core::name::SkillName;
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use crate::fs;

mod blocks;
mod sources;
mod targets;

pub use sources::{Apply, BaseUrl, Policy, SOURCE_FIELDS, SourceConfig, SourceKind, Wanted};
pub use targets::{RESERVED_TARGET_ID, Target, TargetSource, path_text};

/// The format of stores that this program reads and writes.
pub const FORMAT: &str = "1";

/// `config.toml` cannot be used. It is never rewritten then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read or written.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// It is not TOML.
    #[error("`{}` is not valid TOML, line {line}, column {column}: {message}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// 1-based.
        column: usize,
        /// What the parser expected.
        message: String,
    },
    /// A key has a value that it cannot have.
    #[error("`{}`: `{key}` {problem}", .path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Dotted key.
        key: String,
        /// What is wrong with it, and what is expected.
        problem: String,
    },
    /// A newer program made this store.
    #[error("this store has format {found}; this skillsync knows format {FORMAT} only")]
    Newer {
        /// What the file says.
        found: String,
    },
    /// There is no such key.
    #[error("there is no setting `{}`", .key.escape_debug())]
    UnknownKey {
        /// What was asked for.
        key: String,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Fs(e) => e.kind(),
            Error::UnknownKey { .. } => Kind::NotFound,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Fs(e) => e.code(),
            Error::Syntax { .. } => "config-syntax",
            Error::Value { .. } => "config-value",
            Error::Newer { .. } => "store-newer",
            Error::UnknownKey { .. } => "setting-unknown",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Fs(e) => e.hint(),
            Error::Syntax { path, .. } | Error::Value { path, .. } => {
                Some(format!("mend it in an editor; nothing was changed: {}", path.display()))
            }
            Error::Newer { .. } => Some("install the newest skillsync".to_owned()),
            Error::UnknownKey { .. } => Some(format!(
                "one of: {}; of a source, `sources.NAME.` and one of: {}",
                KEYS.join(", "),
                SOURCE_FIELDS.join(", ")
            )),
        }
    }
}

/// The settings that `config get|set|unset` knows beside those of sources ([`SOURCE_FIELDS`]).
pub const KEYS: [&str; 4] =
    ["observation.mode", "observation.threshold", "observation.min_invocations", "skillsync.without"];

/// What `config.toml` says, and its text.
#[derive(Debug, Clone)]
pub struct Config {
    path: PathBuf,
    document: DocumentMut,
    observation: footer::Settings,
    without: Vec<SkillName>,
    targets: Vec<Target>,
    sources: Vec<SourceConfig>,
}

/// What `init` writes (checklist D19): the observation settings and no targets.
pub const INITIAL: &str = r#"# The settings of this skillsync store. Comments and order are kept when skillsync edits it.

[skillsync]
version = "1"

[observation]
mode = "auto"        # auto: agents log how a skill went; remind: they remind you to; off
threshold = 0.3      # share of negative signals above which a skill counts as struggling
min_invocations = 5  # fewer observed uses than this are not judged
"#;

impl Config {
    /// Reads the file at `path`.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path, limits::CONFIG_BYTES)?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let valid = e.utf8_error().valid_up_to();
            let before = &e.as_bytes()[..valid];
            let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
            let message = "this byte is not UTF-8".to_owned();
            Error::Syntax { path: path.to_owned(), line, column: column_of(before), message }
        })?;
        Self::parse(&text, path)
    }

    /// Reads `text` as the content of the file at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let document: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| {
            let before = &text.as_bytes()[..e.span().map_or(0, |s| s.start.min(text.len()))];
            Error::Syntax {
                path: path.to_owned(),
                line: before.iter().filter(|&&b| b == b'\n').count() + 1,
                column: column_of(before),
                message: e.message().trim_end().replace('\n', ", "),
            }
        })?;
        let reader = Reader { path };
        reader.check_format(&document)?;
        let observation = reader.observation(&document)?;
        let without = reader.without(&document)?;
        let targets = reader.targets(&document)?;
        let sources = reader.sources(&document)?;
        Ok(Self { path: path.to_owned(), document, observation, without, targets, sources })
    }

    /// The observation settings, defaults filled in.
    pub fn observation(&self) -> &footer::Settings {
        &self.observation
    }

    /// Built-in skills that the user does without: they are not added again.
    pub fn without(&self) -> &[SkillName] {
        &self.without
    }

    /// Remembers that the user does without a built-in skill.
    pub fn leave_out(&mut self, name: &SkillName) -> Result<(), Error> {
        if self.without.contains(name) {
            return Ok(());
        }
        let list = self.document.get_mut("skillsync").and_then(|t| t.get_mut("without"));
        match list.and_then(Item::as_array_mut) {
            // Pushed, not set: a list over several lines keeps its comments.
            Some(names) => names.push(name.as_str()),
            None => return self.set("skillsync.without", name.as_str()),
        }
        self.reparse()
    }

    /// The text as it is now.
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// Writes the text back as one step.
    pub fn save(&self) -> Result<(), Error> {
        let path = fs::real_path(&self.path)?.unwrap_or_else(|| self.path.clone());
        Ok(fs::replace(&path, self.text().as_bytes(), fs::Mode::Plain)?)
    }

    /// The effective value of a setting as text.
    pub fn get(&self, key: &str) -> Result<String, Error> {
        match key {
            "observation.mode" => Ok(self.observation.mode.to_string()),
            "observation.threshold" => Ok(self.observation.threshold.to_string()),
            "observation.min_invocations" => Ok(self.observation.min_invocations.to_string()),
            "skillsync.without" => {
                Ok(self.without.iter().map(SkillName::as_str).collect::<Vec<_>>().join(","))
            }
            _ => self.get_source(key).ok_or_else(|| Error::UnknownKey { key: key.to_owned() }),
        }
    }

    /// Whether the file itself sets `key`, or the default holds.
    pub fn is_set(&self, key: &str) -> bool {
        if key.starts_with("sources.") {
            return self.is_source_set(key);
        }
        let Some((table, key)) = key.split_once('.') else { return false };
        self.document.get(table).and_then(|t| t.get(key)).is_some()
    }

    /// Sets `key` to what `text` means; comments beside the value stay.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
        if let Some((block, field)) = self.source_table(key) {
            put(block, field, sources::written(field, text));
            return self.reparse();
        }
        if !KEYS.contains(&key) {
            return Err(Error::UnknownKey { key: key.to_owned() });
        }
        let Some((table, name)) = key.split_once('.') else { return Ok(()) };
        let new: toml_edit::Value = match name {
            "mode" => text.into(),
            "without" => {
                let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
                toml_edit::Value::Array(names.collect())
            }
            "threshold" => number(text).map(toml_edit::Value::from).unwrap_or_else(|| text.into()),
            _ => text.parse::<i64>().map(toml_edit::Value::from).unwrap_or_else(|_| text.into()),
        };
        let item = self.document.entry(table).or_insert(Item::Table(Table::new()));
        let Some(entry) = item.as_table_like_mut() else {
            let problem = "is not a table".to_owned();
            return Err(Error::Value { path: self.path.clone(), key: table.to_owned(), problem });
        };
        put(entry, name, new);
        self.reparse()
    }

    /// Removes `key` from the file, so that the default holds; says whether it was there.
    pub fn unset(&mut self, key: &str) -> Result<bool, Error> {
        if let Some((block, field)) = self.source_table(key) {
            let removed = block.remove(field).is_some();
            self.reparse()?;
            return Ok(removed);
        }
        if !KEYS.contains(&key) {
            return Err(Error::UnknownKey { key: key.to_owned() });
        }
        let Some((table, name)) = key.split_once('.') else { return Ok(false) };
        let removed = self
            .document
            .get_mut(table)
            .and_then(Item::as_table_like_mut)
            .is_some_and(|t| t.remove(name).is_some());
        self.reparse()?;
        Ok(removed)
    }

    /// What was edited must read back: a wrong value is refused before anything is written.
    fn reparse(&mut self) -> Result<(), Error> {
        *self = Self::parse(&self.text(), &self.path)?;
        Ok(())
    }
}

/// Puts a value into a table; what stands beside the old one stays.
fn put(table: &mut dyn TableLike, name: &str, new: toml_edit::Value) {
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = new;
            *old.decor_mut() = decor;
        }
        None => drop(table.insert(name, value(new))),
    }
}

fn column_of(before: &[u8]) -> usize {
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    String::from_utf8_lossy(&before[line_start..]).chars().count() + 1
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|n| n.is_finite())
}

/// Reads values out of the document with errors that name the key.
struct Reader<'a> {
    path: &'a Path,
}

impl Reader<'_> {
    fn wrong(&self, key: &str, problem: impl Into<String>) -> Error {
        Error::Value { path: self.path.to_owned(), key: key.to_owned(), problem: problem.into() }
    }

    fn check_format(&self, document: &DocumentMut) -> Result<(), Error> {
        let Some(item) = document.get("skillsync").and_then(|t| t.get("version")) else {
            return Err(
                self.wrong("skillsync.version", "is missing; write `version = \"1\"` below [skillsync]")
            );
        };
        match item.as_str() {
            Some(FORMAT) => Ok(()),
            Some(other) if other.parse::<u32>().is_ok_and(|n| n > 1) => {
                Err(Error::Newer { found: other.to_owned() })
            }
            _ => Err(self.wrong("skillsync.version", "is not \"1\"")),
        }
    }

    fn observation(&self, document: &DocumentMut) -> Result<footer::Settings, Error> {
        let mut settings = footer::Settings::default();
        let Some(item) = document.get("observation") else { return Ok(settings) };
        let Some(table) = item.as_table_like() else {
            return Err(self.wrong("observation", "is not a table"));
        };
        if let Some(mode) = table.get("mode") {
            settings.mode = mode
                .as_str()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| self.wrong("observation.mode", "is not one of auto, remind, off"))?;
        }
        if let Some(threshold) = table.get("threshold") {
            settings.threshold = threshold
                .as_float()
                .or_else(|| threshold.as_integer().map(|n| n as f64))
                .filter(|n| (0.0..=1.0).contains(n))
                .ok_or_else(|| self.wrong("observation.threshold", "is not a number from 0 to 1"))?;
        }
        if let Some(least) = table.get("min_invocations") {
            settings.min_invocations =
                least.as_integer().and_then(|n| u64::try_from(n).ok()).filter(|n| *n >= 1).ok_or_else(
                    || self.wrong("observation.min_invocations", "is not a whole number from 1 up"),
                )?;
        }
        Ok(settings)
    }

    fn without(&self, document: &DocumentMut) -> Result<Vec<SkillName>, Error> {
        let Some(item) = document.get("skillsync").and_then(|t| t.get("without")) else {
            return Ok(Vec::new());
        };
        let names = item.as_array().and_then(|names| {
            names.iter().map(|name| SkillName::parse(name.as_str()?).ok()).collect::<Option<Vec<_>>>()
        });
        names.ok_or_else(|| self.wrong("skillsync.without", "is not a list of names of skills"))
    }
}

#[cfg(test)]
mod tests;
