//! (being written) Built-in skills: shipped inside the program.

use serde::Serialize;
use skillsync_core::name::SkillName;
use skillsync_store::index::Index;
use skillsync_store::store::Writing;

use super::Error;

/// What became of a built-in skill.
#[derive(Debug, Serialize)]
pub struct BuiltinChange {
    /// The skill.
    pub skill: SkillName,
}

/// Adds or upgrades the built-in skills.
pub fn ensure(_writing: &Writing<'_>, _index: &mut Index) -> Result<Vec<BuiltinChange>, Error> {
    Ok(Vec::new())
}

/// Remembers that a built-in skill was removed by the user.
pub fn leave_out(_writing: &Writing<'_>, _name: &SkillName) -> Result<(), Error> {
    Ok(())
}
