//! Skill folders for tests, described in a line and written to disk. Nothing stops a test from building a bad one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::disk::{self, at};

/// A skill folder to be.
#[derive(Debug, Clone)]
pub struct SkillBuilder {
    name: String,
    description: String,
    head: Vec<String>,
    body: String,
    raw: Option<Vec<u8>>,
    files: Vec<(String, Vec<u8>, u32)>,
}

impl SkillBuilder {
    /// A valid skill of this name with a description, a short body and no other file.
    #[must_use]
    pub fn new(name: &str) -> SkillBuilder {
        SkillBuilder {
            name: name.to_owned(),
            description: format!("What {name} does. Use when a test asks for {name}."),
            head: Vec::new(),
            body: format!("# {name}\n\nDo the thing.\n"),
            raw: None,
            files: Vec::new(),
        }
    }

    /// Another description.
    #[must_use]
    pub fn description(mut self, text: &str) -> SkillBuilder {
        text.clone_into(&mut self.description);
        self
    }

    /// One more line in the frontmatter, as written (`license: MIT`).
    #[must_use]
    pub fn head(mut self, line: &str) -> SkillBuilder {
        self.head.push(line.to_owned());
        self
    }

    /// Another body below the frontmatter.
    #[must_use]
    pub fn body(mut self, text: &str) -> SkillBuilder {
        text.clone_into(&mut self.body);
        self
    }

    /// The whole SKILL.md, byte for byte: broken ones, foreign encodings.
    #[must_use]
    pub fn skill_md(mut self, bytes: impl Into<Vec<u8>>) -> SkillBuilder {
        self.raw = Some(bytes.into());
        self
    }

    /// A file, text or binary.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> SkillBuilder {
        self.files.push((path.to_owned(), bytes.into(), 0o644));
        self
    }

    /// An executable file.
    #[must_use]
    pub fn script(mut self, path: &str, text: &str) -> SkillBuilder {
        self.files.push((path.to_owned(), text.as_bytes().to_vec(), 0o755));
        self
    }

    /// The SKILL.md that will be written.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut text = format!("---\nname: {}\ndescription: {}\n", self.name, self.description);
        for line in &self.head {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("---\n\n");
        text.push_str(&self.body);
        text.into_bytes()
    }

    /// Writes the skill into `folder`, made if need be.
    pub fn write(&self, folder: &Path) {
        disk::write(&folder.join("SKILL.md"), self.text());
        for (path, bytes, mode) in &self.files {
            let path = folder.join(path);
            disk::write(&path, bytes);
            at(fs::set_permissions(&path, fs::Permissions::from_mode(*mode)), &path);
        }
    }
}
