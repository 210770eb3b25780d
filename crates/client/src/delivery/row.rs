//! What became of each skill, and why something could not be done.

use std::path::PathBuf;

use semver::Version;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;
use skillsync_core::words;
use skillsync_store::{edit, fs, installed, lease, objects, skills, store};
use skillsync_wire::archive;
use skillsync_wire::trust::Refusal;

use crate::{anchor, api, credentials, discovery, download, plan, source, trust};

words!(
    /// What became of one skill.
    Done, "outcome", "added, updated, merged, current, available, held, conflict, refused, failed, unlisted, removed, quarantined", {
        /// It was installed.
        Added = "added",
        /// It was brought to a newer release, or to the one that was asked for.
        Updated = "updated",
        /// It was edited here, and the release was merged into it.
        Merged = "merged",
        /// It is as it is listed.
        Current = "current",
        /// Another release is there; nothing was done about it.
        Available = "available",
        /// Another release is there, and it stays as it is: the user, the source's policy, or an edit that is under way.
        Held = "held",
        /// The release and what was edited here disagree; a working copy has both.
        Conflict = "conflict",
        /// It may not come here.
        Refused = "refused",
        /// It could not be fetched or installed.
        Failed = "failed",
        /// It is here and the hub does not list it any more.
        Unlisted = "unlisted",
        /// The user removed it, which was noted.
        Removed = "removed",
        /// It was revoked, and taken out of use.
        Quarantined = "quarantined",
    }
);

impl Done {
    /// Whether it ends what was wrong with a skill before: that it was in quarantine, or that something about it failed.
    pub(crate) fn is_cure(self) -> bool {
        matches!(self, Done::Added | Done::Updated | Done::Merged | Done::Removed)
    }
}

/// One skill, and what became of it.
#[derive(Debug)]
pub struct Row {
    /// The skill.
    pub slug: SkillName,
    /// What became of it.
    pub done: Done,
    /// The version that was here.
    pub from: Option<Version>,
    /// The version that is here now, or that would come.
    pub to: Option<Version>,
    /// The number of the version of the store that was made.
    pub number: Option<u32>,
    /// Why, in a word or a line.
    pub why: Option<String>,
    /// What went wrong.
    pub error: Option<Error>,
    /// The working copy with both sides of a conflict.
    pub working_copy: Option<PathBuf>,
    /// Whether it is to be taken out of use and is in use still: this was a look.
    pub in_use: bool,
}

impl Row {
    /// A row without anything beside.
    pub fn new(slug: &SkillName, done: Done) -> Self {
        let slug = slug.clone();
        Self {
            slug,
            done,
            from: None,
            to: None,
            number: None,
            why: None,
            error: None,
            working_copy: None,
            in_use: false,
        }
    }

    /// The row of an error: refused where trust does not hold or a rule forbids it, else failed.
    pub fn failed(slug: &SkillName, error: Error) -> Self {
        let is_rule = matches!(error, Error::Planned { .. } | Error::Unmet { .. });
        let done = match error.kind() {
            _ if is_rule => Done::Refused,
            Kind::Untrusted | Kind::Denied => Done::Refused,
            Kind::Locked | Kind::Conflict => Done::Held,
            _ => Done::Failed,
        };
        Self { error: Some(error), ..Self::new(slug, done) }
    }

    /// Whether it failed because this machine cannot read or write.
    pub(crate) fn failed_here(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.kind() == Kind::Io)
    }
}

/// Why something cannot be done about a skill, or about all of a source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the source says is not believed, or cannot be had.
    #[error(transparent)]
    Trust(#[from] trust::Error),
    /// The source is not one any more.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The hub does not answer, or refuses.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// A file is not to be had.
    #[error(transparent)]
    Download(#[from] download::Error),
    /// An open index, or a skill of it, is not to be had.
    #[error(transparent)]
    Discovery(#[from] discovery::Error),
    /// An archive does not hold.
    #[error("the archive of `{slug}` does not hold")]
    Archive {
        /// The skill.
        slug: SkillName,
        /// Why.
        #[source]
        source: archive::Error,
    },
    /// This machine does not meet its demands.
    #[error("`{slug}` cannot run here: {}", .unmet.join("; "))]
    Unmet {
        /// The skill.
        slug: SkillName,
        /// Every demand that is not met.
        unmet: Vec<String>,
    },
    /// The rules of the plan forbid it.
    #[error("{}", refused(.slug, .why))]
    Planned {
        /// The skill.
        slug: SkillName,
        /// Why.
        why: plan::Refusal,
    },
    /// The store refuses.
    #[error(transparent)]
    Skill(#[from] skills::Error),
    /// It is being edited, or its working copy cannot be made.
    #[error(transparent)]
    Edit(#[from] edit::Error),
    /// `_meta.json` cannot be used.
    #[error(transparent)]
    Installed(#[from] installed::Error),
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// Whether there is no key to ask with: nobody was asked.
    pub fn has_no_key(&self) -> bool {
        let (Error::Source(source) | Error::Trust(trust::Error::Source(source))) = self else { return false };
        matches!(source, source::Error::Key(credentials::Error::Missing { .. }))
    }

    /// Whether it says something of this machine and nothing of the source.
    pub(crate) fn is_of_here(&self) -> bool {
        match self {
            Error::Source(_) | Error::Installed(_) | Error::Store(_) | Error::Skill(_) => true,
            Error::Trust(trust::Error::Source(_) | trust::Error::Store(_) | trust::Error::Fs(_)) => true,
            Error::Trust(trust::Error::Anchor(anchor)) => !matches!(anchor, anchor::Error::Api(_)),
            other => matches!(other.kind(), Kind::Io | Kind::Locked),
        }
    }
}

fn refused(slug: &SkillName, why: &plan::Refusal) -> String {
    match why {
        plan::Refusal::Local => format!("there is a skill `{slug}` here that did not come from this source"),
        plan::Refusal::Other(source) => format!("`{slug}` comes from the source `{source}`"),
        plan::Refusal::NotInstalled => format!("`{slug}` is not installed from this source"),
        plan::Refusal::NotListed => format!("the hub has no skill `{slug}` for this key"),
    }
}

macro_rules! through {
    ($($from:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$from> for Error {
            fn from(e: $from) -> Self { Error::$variant(e.into()) }
        }
    )+};
}
through!(Refusal => Trust, lease::Error => Edit, fs::Error => Skill, objects::Error => Skill);

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Trust(e) => e.kind(),
            Error::Source(e) => e.kind(),
            Error::Api(e) => e.kind(),
            Error::Download(e) => e.kind(),
            Error::Discovery(e) => e.kind(),
            Error::Archive { .. } => Kind::Untrusted,
            Error::Unmet { .. } => Kind::Invalid,
            Error::Planned { why: plan::Refusal::Local | plan::Refusal::Other(_), .. } => Kind::Exists,
            Error::Planned { .. } => Kind::NotFound,
            Error::Skill(e) => e.kind(),
            Error::Edit(e) => e.kind(),
            Error::Installed(e) => e.kind(),
            Error::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Trust(e) => e.code(),
            Error::Source(e) => e.code(),
            Error::Api(e) => e.code(),
            Error::Download(e) => e.code(),
            Error::Discovery(e) => e.code(),
            Error::Archive { source, .. } => source.code(),
            Error::Unmet { .. } => "requirements-unmet",
            Error::Planned { why: plan::Refusal::Local, .. } => "skill-exists",
            Error::Planned { why: plan::Refusal::Other(_), .. } => "skill-of-other-source",
            Error::Planned { why: plan::Refusal::NotInstalled, .. } => "not-installed",
            Error::Planned { why: plan::Refusal::NotListed, .. } => "trust-not-listed",
            Error::Skill(e) => e.code(),
            Error::Edit(e) => e.code(),
            Error::Installed(e) => e.code(),
            Error::Store(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Trust(e) => e.hint(),
            Error::Source(e) => e.hint(),
            Error::Api(e) => e.hint(),
            Error::Download(e) => e.hint(),
            Error::Discovery(e) => e.hint(),
            Error::Archive { .. } => {
                Some("nothing of it was used; what is installed goes on working".to_owned())
            }
            Error::Unmet { .. } => None,
            Error::Planned { slug, why } => Some(match why {
                plan::Refusal::Local => {
                    format!("`skillsync rm {slug}` and `skillsync sync` take yours away; then install again")
                }
                plan::Refusal::Other(_) => format!("`skillsync rm {slug}` first, to have it from here"),
                plan::Refusal::NotInstalled => format!("`skillsync install {slug}` installs it"),
                plan::Refusal::NotListed => "`skillsync search` shows what there is".to_owned(),
            }),
            Error::Skill(e) => e.hint(),
            Error::Edit(e) => e.hint(),
            Error::Installed(e) => e.hint(),
            Error::Store(e) => e.hint(),
        }
    }
}
