//! Where a tool keeps something, as the registry writes it: relative to home, current folder, a variable or a
//! project. Resolved against given places, never against the process.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::Places;

/// A path that begins with `~`, `./`, `/` or a variable and never climbs with `..`, so that two can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    base: Base,
    rest: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Base {
    Home,
    Cwd,
    Root,
    Var { name: String, default: Option<Box<Location>> },
}

impl Location {
    /// Reads the form of the registry. Fails with what is wrong with `text`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (base, rest) = text.split_once('/').unwrap_or((text, ""));
        let base = match base {
            "~" => Base::Home,
            "." => Base::Cwd,
            "" if text.starts_with('/') => Base::Root,
            _ => match base.strip_prefix('$') {
                Some(name) if is_var(name) => Base::Var { name: name.to_owned(), default: None },
                _ => return Err("must begin with `~/`, `./`, `/` or `$VARIABLE/`"),
            },
        };
        Ok(Self { base, rest: rest_of(rest)? })
    }

    /// The variable that it begins with.
    pub(super) fn var(&self) -> Option<&str> {
        match &self.base {
            Base::Var { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Gives its variable, if it has one, the default that holds now.
    pub(super) fn bind(&mut self, default_of: impl Fn(&str) -> Option<Location>) {
        if let Base::Var { name, default } = &mut self.base {
            *default = default_of(name).map(Box::new);
        }
    }

    /// The path here; none when it begins with a variable that is unset and has no default.
    pub fn resolve(&self, places: &Places<'_>) -> Option<PathBuf> {
        let base = match &self.base {
            Base::Home => places.home.to_owned(),
            Base::Cwd => places.cwd.to_owned(),
            Base::Root => PathBuf::from("/"),
            Base::Var { name, default } => match (places.var)(name).filter(|value| !value.is_empty()) {
                Some(value) => places.cwd.join(value),
                None => default.as_ref()?.resolve(places)?,
            },
        };
        // Joining an empty text would leave a slash at the end.
        Some(if self.rest.is_empty() { base } else { base.join(&self.rest) })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.base {
            Base::Home => f.write_str("~")?,
            Base::Cwd => f.write_str(".")?,
            Base::Root => return write!(f, "/{}", self.rest),
            Base::Var { name, .. } => write!(f, "${name}")?,
        }
        if self.rest.is_empty() { Ok(()) } else { write!(f, "/{}", self.rest) }
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A folder below a project's root: relative, never climbing out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct InProject(String);

impl InProject {
    /// Reads the form of the registry. Fails with what is wrong with `text`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with(['/', '~', '$']) {
            return Err("must be relative to the project's root");
        }
        match rest_of(text.strip_prefix("./").unwrap_or(text))? {
            rest if rest.is_empty() => Err("must name a folder below the project's root"),
            rest => Ok(Self(rest)),
        }
    }

    /// The folder in the project at `root`.
    pub fn below(&self, root: &Path) -> PathBuf {
        root.join(&self.0)
    }

    /// The folder as text, with `/` separators.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InProject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One spelling for each path: without doubled and trailing slashes.
fn rest_of(text: &str) -> Result<String, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("has a control character");
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return Err("has a `.` or `..` component");
    }
    Ok(parts.join("/"))
}

/// Whether `name` can be a variable of the environment that a shell can set.
pub(super) fn is_var(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
