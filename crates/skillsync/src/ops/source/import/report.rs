//! What is told of an import: its lists, their skills, the sources that it makes.

use serde::Serialize;
use skillsync_client::lockfile::Tool;
use skillsync_core::name::SourceName;
use skillsync_core::skill;
use skillsync_store::config::{BaseUrl, Wanted};

use crate::ui::Report;

/// What an import did, or would do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Imported {
    /// The lists that were read, in their order.
    pub lists: Vec<ImportedList>,
    /// Sources that are new.
    pub sources: Vec<NewSource>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// A list of another tool.
#[derive(Debug, Clone, Serialize)]
pub struct ImportedList {
    /// The file.
    pub path: String,
    /// Whose it is.
    pub tool: Tool,
    /// Its skills, sorted by name.
    pub skills: Vec<ImportedSkill>,
}

/// A source that an import makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSource {
    /// Its name.
    pub name: SourceName,
    /// Its address.
    pub url: BaseUrl,
    /// Whether all its skills will come, or those that were imported.
    pub skills: Wanted,
}

/// One skill of a list.
#[derive(Debug, Clone, Serialize)]
pub struct ImportedSkill {
    /// The skill, as the list calls it.
    pub skill: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Where it came from: a source, an address for `add`, a version; null where the list does not say.
    pub from: Option<String>,
    /// Whether it was edited since it came; null where the list does not tell, or nothing was compared.
    pub edited: Option<bool>,
    /// What went wrong.
    pub error: Option<Report>,
}

skill::words!(
    /// What becomes of a skill that a list names.
    Outcome, "outcome", "followed, added, adopted, present, removed, missing, failed", {
        /// It is here, and its index is followed.
        Followed = "followed",
        /// It is here, and yours.
        Added = "added",
        /// It stands in an agent's folder, and setup takes it from there like any other.
        Adopted = "adopted",
        /// A skill of this name was here.
        Present = "present",
        /// It was here, and was removed.
        Removed = "removed",
        /// Its folder is not there.
        Missing = "missing",
        /// It could not be taken.
        Failed = "failed",
    }
);

impl Outcome {
    /// Whether the skill comes into the store.
    pub fn comes(self) -> bool {
        matches!(self, Outcome::Followed | Outcome::Added | Outcome::Adopted)
    }
}

impl Imported {
    /// The skills that come, each with the tool whose list names it.
    pub fn coming(&self) -> impl Iterator<Item = (Tool, &ImportedSkill)> {
        let coming = self.skills().filter(|(_, skill)| skill.outcome.comes());
        coming.map(|(list, skill)| (list.tool, skill))
    }

    /// Every skill, with its list.
    pub fn skills(&self) -> impl Iterator<Item = (&ImportedList, &ImportedSkill)> {
        self.lists.iter().flat_map(|list| list.skills.iter().map(move |skill| (list, skill)))
    }
}

/// What a tool is called.
pub fn title(tool: Tool) -> &'static str {
    match tool {
        Tool::IcSkills => "the script of ic-skills",
        Tool::Skills => "npm's skills",
        Tool::ClawHub => "ClawHub",
        Tool::OpenSkills => "openskills",
    }
}
