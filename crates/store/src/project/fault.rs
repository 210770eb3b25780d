//! What a project, or a copy in it, does not allow.

use std::path::PathBuf;

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;
use skillsync_core::shell::shell_quoted;

use crate::{deployment, fs, objects, scan, skills};

/// A project, or a copy in it, does not allow what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing.
    #[error("project path does not exist: `{}`", .path.display())]
    Missing {
        /// What was given.
        path: PathBuf,
    },
    /// It is no folder.
    #[error("project path is not a folder: `{}`", .path.display())]
    NotAFolder {
        /// What was given.
        path: PathBuf,
    },
    /// Its path is no text, and ledgers and leases are.
    #[error("project path is not UTF-8: `{}`", .path.display())]
    NotUtf8 {
        /// What was given.
        path: PathBuf,
    },
    /// It is the user's home, where agents keep what is for all projects.
    #[error("your home is not a project: `{}`", .path.display())]
    Home {
        /// What was given.
        path: PathBuf,
    },
    /// It lies in the store, or the store in it.
    #[error("project `{}` and store `{}` lie in each other", .path.display(), .store.display())]
    Store {
        /// What was given.
        path: PathBuf,
        /// The store.
        store: PathBuf,
    },
    /// No agent's folder in it has a deployment file.
    #[error("no deployment metadata found in `{}`", .path.display())]
    NoDeployments {
        /// The project.
        path: PathBuf,
    },
    /// A link on the way to a copy leads out of the project.
    #[error("`{}` leads out of the project, to `{}`", .path.display(), .to.display())]
    Outside {
        /// Where the link is.
        path: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
    /// Something that is no copy stands where one should.
    #[error("`{}` is a {what}, not a copy of `{name}`", .path.display())]
    InTheWay {
        /// Where.
        path: PathBuf,
        /// What stands there.
        what: &'static str,
        /// The artifact.
        name: SkillName,
    },
    /// A copy changed while it was being replaced.
    #[error("`{}` was changed just now, by another hand", .path.display())]
    Changed {
        /// The copy.
        path: PathBuf,
    },
    /// A copy is no payload.
    #[error(transparent)]
    Scan(#[from] scan::Error),
    /// A deployment file does not read.
    #[error(transparent)]
    Deployment(#[from] deployment::Error),
    /// What is to be put in cannot be had.
    #[error(transparent)]
    Skill(#[from] skills::Error),
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
}

impl From<objects::Error> for Error {
    fn from(e: objects::Error) -> Self {
        Error::Skill(e.into())
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Missing { .. } | Error::NotAFolder { .. } | Error::NoDeployments { .. } => Kind::NotFound,
            Error::NotUtf8 { .. } | Error::Home { .. } | Error::Store { .. } | Error::Outside { .. } => {
                Kind::Invalid
            }
            Error::InTheWay { .. } => Kind::Exists,
            Error::Changed { .. } => Kind::Conflict,
            Error::Scan(e) => e.kind(),
            Error::Deployment(e) => e.kind(),
            Error::Skill(e) => e.kind(),
            Error::Fs(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Missing { .. } => "project-not-found",
            Error::NotAFolder { .. } => "project-not-a-folder",
            Error::NotUtf8 { .. } => "path-not-utf8",
            Error::Home { .. } => "project-is-home",
            Error::Store { .. } => "project-and-store",
            Error::NoDeployments { .. } => "no-deployments",
            Error::Outside { .. } => "outside-project",
            Error::InTheWay { .. } => "copy-blocked",
            Error::Changed { .. } => "copy-changed",
            Error::Scan(e) => e.code(),
            Error::Deployment(e) => e.code(),
            Error::Skill(e) => e.code(),
            Error::Fs(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Missing { .. } | Error::NotAFolder { .. } => {
                Some("give the folder of the project; look at how it is spelt".to_owned())
            }
            Error::NotUtf8 { .. } => Some("rename the folder that has bytes of another encoding".to_owned()),
            Error::Home { .. } => {
                Some("for your own agents add targets: skillsync target add --detected".to_owned())
            }
            Error::Store { .. } => {
                Some("keep projects outside the store, and the store outside them".to_owned())
            }
            Error::NoDeployments { path } => {
                Some(format!(
                    "deploy something first: skillsync deploy NAME {}",
                    shell_quoted(&path.display().to_string())
                ))
            }
            Error::Outside { .. } => {
                Some("replace the link by what it leads to; nothing outside the project is read or written through it".to_owned())
            }
            Error::InTheWay { .. } => Some("move it away, or deploy to another agent with --tool".to_owned()),
            Error::Changed { .. } => Some("nothing was replaced; run the same command again".to_owned()),
            Error::Scan(e) => e.hint(),
            Error::Deployment(e) => e.hint(),
            Error::Skill(e) => e.hint(),
            Error::Fs(e) => e.hint(),
        }
    }
}
