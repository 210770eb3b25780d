//! The `[[targets]]` of `config.toml`: the folders that agents load skills from (checklist D19).

use std::path::{Path, PathBuf};

use skillsync_core::name::{self, TargetId};
use skillsync_core::skill;
use toml_edit::{DocumentMut, Table, TableLike, value};

use super::{Config, Error, Reader, blocks};
use crate::tools::Mode;

/// The one id that no target can have: `adopt --from canonical` means the store itself.
pub const RESERVED_TARGET_ID: &str = "canonical";

skill::words!(
    /// How a target was named when it was added (checklist D19).
    TargetSource, "source of a target", "tool, project, path", {
        /// The folder of a known tool.
        Tool = "tool",
        /// A folder in a project.
        Project = "project",
        /// Any folder.
        Path = "path",
    }
);

/// A folder that sync links skills into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its id, unique in the store.
    pub id: TargetId,
    /// The folder as written in the file: `~` stands for the user's home.
    pub path: String,
    /// How it was named.
    pub source: TargetSource,
    /// The tool whose folder it is, if known: decides what else it reads.
    pub tool: Option<String>,
    /// Links or copies (decision 11).
    pub mode: Mode,
}

impl Target {
    /// The folder, `~` expanded.
    pub fn dir(&self, home: &Path) -> PathBuf {
        match self.path.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None => PathBuf::from(&self.path),
        }
    }
}

/// `dir` as it is written into the file: below the home with `~`, so that homes can differ between machines.
pub fn path_text(dir: &Path, home: &Path) -> String {
    match dir.strip_prefix(home) {
        Ok(rest) if !rest.as_os_str().is_empty() => format!("~/{}", rest.display()),
        _ => dir.display().to_string(),
    }
}

impl Config {
    /// The configured targets, in the order of the file.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The target with this id.
    pub fn target(&self, id: &TargetId) -> Option<&Target> {
        self.targets.iter().find(|t| t.id == *id)
    }

    /// Adds a target at the end.
    pub fn add_target(&mut self, target: &Target) -> Result<(), Error> {
        let mut table = Table::new();
        table["id"] = value(target.id.as_str());
        table["path"] = value(&target.path);
        table["source"] = value(target.source.as_str());
        if let Some(tool) = &target.tool {
            table["tool"] = value(tool);
        }
        if target.mode != Mode::default() {
            table["mode"] = value(target.mode.to_string());
        }
        self.push_block("targets", table)
    }

    /// Removes the target with this id; says whether it was there.
    pub fn remove_target(&mut self, id: &TargetId) -> Result<bool, Error> {
        let Some(position) = self.targets.iter().position(|t| t.id == *id) else { return Ok(false) };
        self.remove_block("targets", position)?;
        Ok(true)
    }
}

impl Reader<'_> {
    pub(super) fn targets(&self, document: &DocumentMut) -> Result<Vec<Target>, Error> {
        let mut targets: Vec<Target> = Vec::new();
        let Some(item) = document.get("targets") else { return Ok(targets) };
        let tables = blocks::tables(item)
            .ok_or_else(|| self.wrong("targets", "is not a list of [[targets]] blocks"))?;
        for (index, table) in tables.into_iter().enumerate() {
            let target = self.target(index, table)?;
            if targets.iter().any(|t| t.id == target.id) {
                return Err(
                    self.wrong(&format!("targets[{index}].id"), format!("`{}` is there twice", target.id))
                );
            }
            targets.push(target);
        }
        Ok(targets)
    }

    fn target(&self, index: usize, table: &dyn TableLike) -> Result<Target, Error> {
        let key = |name: &str| format!("targets[{index}].{name}");
        let text = |name: &str| match table.get(name) {
            None => Ok(None),
            Some(item) => item.as_str().map(Some).ok_or_else(|| self.wrong(&key(name), "is not a text")),
        };
        let required = |name: &str| text(name)?.ok_or_else(|| self.wrong(&key(name), "is missing"));
        let id = TargetId::parse(required("id")?)
            .map_err(|e: name::Error| self.wrong(&key("id"), e.to_string()))?;
        if id.as_str() == RESERVED_TARGET_ID {
            return Err(self.wrong(&key("id"), "is the name of the store itself for `adopt --from`"));
        }
        let path = required("path")?;
        if !(path.starts_with('/') || path.starts_with("~/")) {
            return Err(self.wrong(&key("path"), "is not absolute: it must begin with `/` or `~/`"));
        }
        let source = required("source")?
            .parse()
            .map_err(|_| self.wrong(&key("source"), "is not one of tool, project, path"))?;
        let mode = match text("mode")? {
            None => Mode::default(),
            Some(word) => {
                word.parse().map_err(|_| self.wrong(&key("mode"), "is not one of symlink, copy"))?
            }
        };
        // A tool target without `tool` has its tool's id for its own.
        let tool = match (text("tool")?, source) {
            (Some(tool), _) => Some(tool.to_owned()),
            (None, TargetSource::Tool) => Some(id.to_string()),
            (None, _) => None,
        };
        Ok(Target { id, path: path.to_owned(), source, tool, mode })
    }
}
