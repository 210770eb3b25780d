//! What an import does not take, and the command that does.

use std::path::Path;

use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::shell::shell_quoted;

use super::{Error, Refusal};

pub(super) fn reserved(name: &SkillName) -> Error {
    let message = format!("`{name}` is the name of a skill that comes with skillsync");
    let hint = Some("give it another in its SKILL.md, then `skillsync add` takes it".to_owned());
    Refusal { kind: Kind::Invalid, code: "name-reserved", message, hint }.into()
}

pub(super) fn checkout(root: &Path) -> Error {
    let message = format!("`{}` is a git checkout", root.display());
    let hint = Some(takes_a_copy(root));
    Refusal { kind: Kind::Invalid, code: "git-checkout", message, hint }.into()
}

/// The hint for a folder that is not taken by itself.
pub(in crate::ops) fn takes_a_copy(folder: &Path) -> String {
    format!("{} takes a copy into the store", add(folder))
}

/// The command that takes the folder, whatever it is called, to be typed.
pub(in crate::ops) fn add(folder: &Path) -> String {
    format!("skillsync add {}", shell_quoted(&folder.display().to_string()))
}

pub(super) fn outdated(what: &str) -> Error {
    let message = format!("{what} has changed since the plan was made");
    let hint = Some("the same command again shows what it comes to now".to_owned());
    Refusal { kind: Kind::Conflict, code: "plan-outdated", message, hint }.into()
}
