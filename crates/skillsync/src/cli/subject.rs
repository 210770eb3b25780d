//! A skill by its name or by its folder, as `validate` takes it.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use skillsync_core::name::SkillName;

/// What a command looks at: a skill of the store, or a folder anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A skill of the store.
    Skill(SkillName),
    /// A folder; not resolved yet (`World::resolve`).
    Folder(PathBuf),
}

impl FromStr for Subject {
    type Err = Infallible;
    /// A valid skill name is a name, even where a folder is called so: `./pdf` is the folder.
    fn from_str(text: &str) -> Result<Subject, Infallible> {
        Ok(match SkillName::parse(text) {
            Ok(name) => Subject::Skill(name),
            Err(_) => Subject::Folder(PathBuf::from(text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_name_and_all_else_a_folder() {
        assert_eq!("pdf".parse(), Ok(Subject::Skill(SkillName::parse("pdf").unwrap())));
        for folder in ["./pdf", "skills/pdf", "PDF", ".", "~/pdf", "/pdf"] {
            assert_eq!(folder.parse(), Ok(Subject::Folder(folder.into())));
        }
    }
}
