//! What an artifact of each type is made of: a skill of its `SKILL.md` and what it names, a command and an agent of one
//! Markdown file. What stands in the head of a `SKILL.md` is left to `frontmatter`.

use std::fmt;

use serde::Serialize;

use crate::fault::{Fault, Kind};
use crate::frontmatter::{self, Finding, Severity};
use crate::limits;
use crate::name::SkillName;
use crate::skill::ArtifactType;
use crate::tree::{self, File, Tree};

/// Files are not those of an artifact of their type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// They are no skill's.
    #[error(transparent)]
    Skill(#[from] tree::Error),
    /// The one file is not there.
    #[error("{} is one file, and `{file}` is not there", .artifact_type.phrase())]
    Missing {
        /// What was to be made of them.
        artifact_type: ArtifactType,
        /// The one file.
        file: String,
    },
    /// There is another file.
    #[error("{} is one file, `{file}`, and `{other}` is there too", .artifact_type.phrase())]
    NotAlone {
        /// What was to be made of them.
        artifact_type: ArtifactType,
        /// The one file.
        file: String,
        /// The first of the others.
        other: String,
    },
    /// The one file is larger than an agent should load.
    #[error("`{file}` has {size_bytes} bytes; {} are allowed", limits::SKILL_MD_BYTES)]
    TooLarge {
        /// The one file.
        file: String,
        /// Its size.
        size_bytes: u64,
    },
    /// The one file is no UTF-8.
    #[error("`{file}` is not UTF-8: byte {offset} does not fit")]
    NotUtf8 {
        /// The one file.
        file: String,
        /// Offset of the first bad byte, from 0.
        offset: usize,
    },
    /// The one file says nothing.
    #[error("`{file}` is empty")]
    Empty {
        /// The one file.
        file: String,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Skill(e) => e.kind(),
            Error::TooLarge { .. } => Kind::Limit,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Skill(e) => e.code(),
            Error::Missing { .. } | Error::NotAlone { .. } => "not-one-file",
            Error::TooLarge { .. } => "file-too-large",
            Error::NotUtf8 { .. } => "markdown-not-utf8",
            Error::Empty { .. } => "markdown-empty",
        }
    }
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Skill(e) => return e.hint(),
            Error::Missing { file, .. } => format!("put its text into a file `{file}`"),
            Error::NotAlone { other, .. } => {
                format!("take `{other}` away; only a skill has files beside its own")
            }
            Error::TooLarge { .. } => "an agent loads it whole: keep what it needs every time".to_owned(),
            Error::NotUtf8 { .. } => "save it as UTF-8".to_owned(),
            Error::Empty { .. } => "write into it what the agent is to do".to_owned(),
        })
    }
}

/// The main file of the artifact `name` among its files. Fails when it is missing or too large, and when a command or
/// an agent has any other.
pub fn main_file<'t>(
    artifact_type: ArtifactType,
    name: &SkillName,
    tree: &'t Tree,
) -> Result<&'t File, Error> {
    if artifact_type == ArtifactType::Skill {
        return Ok(tree.require_skill_md()?);
    }
    let file = artifact_type.main_file(name);
    let Some((_, main)) = tree.files().find(|(path, _)| path.as_str() == file) else {
        return Err(Error::Missing { artifact_type, file });
    };
    if let Some((other, _)) = tree.files().find(|(path, _)| path.as_str() != file) {
        return Err(Error::NotAlone { artifact_type, file, other: other.to_string() });
    }
    if main.size_bytes > limits::SKILL_MD_BYTES {
        return Err(Error::TooLarge { file, size_bytes: main.size_bytes });
    }
    Ok(main)
}

/// Fails unless `bytes` can be the one file of a command or an agent, which is called `file`: text, and not too much of
/// it.
pub fn check_markdown(file: &str, bytes: &[u8]) -> Result<(), Error> {
    let (file, size_bytes) = (file.to_owned(), bytes.len() as u64);
    if size_bytes > limits::SKILL_MD_BYTES {
        return Err(Error::TooLarge { file, size_bytes });
    }
    match std::str::from_utf8(bytes) {
        Err(e) => Err(Error::NotUtf8 { file, offset: e.valid_up_to() }),
        Ok(text) if text.trim().is_empty() => Err(Error::Empty { file }),
        Ok(_) => Ok(()),
    }
}

/// What an agent may trip over in the one file of a command or an agent. Neither needs a frontmatter, and no
/// specification says what stands in it, so one that does not parse is a warning and not an error.
pub fn markdown_warnings(bytes: &[u8]) -> Vec<Finding> {
    match frontmatter::parse(bytes) {
        Ok(head) => head.warnings,
        Err(frontmatter::Error::NoFrontmatter) => Vec::new(),
        Err(e) => vec![Finding { severity: Severity::Warning, ..Finding::from(&e) }],
    }
}

/// How many artifacts of each type there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Skills.
    pub skills: usize,
    /// Commands.
    pub commands: usize,
    /// Agents.
    pub agents: usize,
}

impl Extend<ArtifactType> for Count {
    fn extend<I: IntoIterator<Item = ArtifactType>>(&mut self, types: I) {
        for artifact_type in types {
            *match artifact_type {
                ArtifactType::Skill => &mut self.skills,
                ArtifactType::Command => &mut self.commands,
                ArtifactType::Agent => &mut self.agents,
            } += 1;
        }
    }
}

impl FromIterator<ArtifactType> for Count {
    fn from_iter<I: IntoIterator<Item = ArtifactType>>(types: I) -> Self {
        let mut count = Count::default();
        count.extend(types);
        count
    }
}

impl fmt::Display for Count {
    /// `2 skills, 1 command`: types that are not there are not named, unless none is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [(self.skills, "skill"), (self.commands, "command"), (self.agents, "agent")];
        let counted =
            |(count, what): &(usize, &str)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" });
        let there: Vec<String> = all.iter().filter(|(count, _)| *count > 0).map(counted).collect();
        f.write_str(&if there.is_empty() { counted(&all[0]) } else { there.join(", ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::FileDigest;
    use crate::path::SkillPath;

    #[test]
    fn a_command_or_an_agent_is_exactly_its_one_file() {
        let name = SkillName::parse("review").unwrap();
        let code = |artifact_type, files: &[(&str, u64)]| {
            let file = |(path, size_bytes): &(&str, u64)| {
                let file = File { digest: FileDigest::of(b""), size_bytes: *size_bytes, executable: false };
                (SkillPath::parse(path).unwrap(), file)
            };
            let tree = Tree::new(files.iter().map(file)).unwrap();
            main_file(artifact_type, &name, &tree).map_err(|e| e.code()).map(|file| file.size_bytes)
        };
        for artifact_type in [ArtifactType::Command, ArtifactType::Agent] {
            assert_eq!(code(artifact_type, &[("review.md", 1)]), Ok(1));
            assert_eq!(code(artifact_type, &[("review.md", 2 << 20)]), Err("file-too-large"));
            for files in [
                &[][..],
                &[("SKILL.md", 1)],
                &[("Review.md", 1)],
                &[("a/review.md", 1)],
                &[("review.md", 1), ("more.md", 1)],
            ] {
                assert_eq!(code(artifact_type, files), Err("not-one-file"), "{files:?}");
            }
        }
        assert_eq!(code(ArtifactType::Skill, &[("SKILL.md", 1), ("review.md", 1)]), Ok(1));
        assert_eq!(code(ArtifactType::Skill, &[("review.md", 1)]), Err("no-skill-md"));
    }

    #[test]
    fn its_file_is_text_with_or_without_a_frontmatter() {
        let long = vec![b'x'; (1 << 20) + 1];
        type Case<'a> = (&'a [u8], Result<&'a [&'a str], &'a str>);
        let cases: [Case<'_>; 9] = [
            (b"Review the change.\n", Ok(&[])),
            (b"---\ndescription: Reviews\nargument-hint: [issue]\n---\nGo.\n", Ok(&[])),
            (b"Look:\n---\nrule: [\n", Ok(&[])),
            (b"---\ndescription: [\n---\nGo.\n", Ok(&["frontmatter-not-yaml"])),
            (b"---\nnever closed\n", Ok(&["frontmatter-not-closed"])),
            (b"---\ndescription: Use when: asked\n---\nGo.\n", Ok(&["yaml-unquoted-value"])),
            (b"caf\xe9\n", Err("markdown-not-utf8")),
            (b" \n\t\n", Err("markdown-empty")),
            (&long, Err("file-too-large")),
        ];
        for (bytes, expected) in cases {
            let checked = check_markdown("review.md", bytes).map(|()| markdown_warnings(bytes));
            let codes = checked.as_ref().map(|found| found.iter().map(|f| f.code).collect::<Vec<_>>());
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
            assert_eq!(codes.map_err(Fault::code), expected.map(<[_]>::to_vec), "{shown}");
            assert!(
                checked.is_err() || checked.is_ok_and(|f| f.iter().all(|f| f.severity == Severity::Warning))
            );
        }
    }

    #[test]
    fn a_count_names_what_is_there() {
        use ArtifactType::{Agent, Command, Skill};
        for (types, expected) in [
            (&[][..], "0 skills"),
            (&[Skill], "1 skill"),
            (&[Command], "1 command"),
            (&[Skill, Agent, Command, Skill, Agent], "2 skills, 1 command, 2 agents"),
        ] {
            assert_eq!(types.iter().copied().collect::<Count>().to_string(), expected);
        }
    }
}
