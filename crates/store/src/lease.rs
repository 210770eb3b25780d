//! The edit lease: the right to commit one skill, held for hours (`docs/formats/lease.md`, decision 13).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use skillsync_core::digest::TreeId;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;

use crate::fs;
use crate::installed::Release;
use crate::layout::Layout;
use crate::ledger::{CopyKey, Kept, Taken};

/// The format of the record that this program writes.
const FORMAT: u32 = 1;
const LEASE_BYTES: u64 = 1024 * 1024;

/// The lease does not allow what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody holds it.
    #[error("`{name}` is being edited ({holder}): lease `{}`", .path.display())]
    Held {
        /// The skill.
        name: SkillName,
        /// Who, since when.
        holder: String,
        /// The lease file.
        path: PathBuf,
    },
    /// Nobody holds it.
    #[error("`{name}` is not being edited")]
    NotHeld {
        /// The skill.
        name: SkillName,
    },
    /// It was taken over, and the caller is not known to be who holds it now.
    #[error("the lease of `{name}` was taken over ({holder}); its token is {current}")]
    TakenOver {
        /// The skill.
        name: SkillName,
        /// What is current.
        current: u64,
        /// Who holds it now.
        holder: String,
    },
    /// The lease file does not read.
    #[error("the lease `{}` is damaged: {problem}", .path.display())]
    Damaged {
        /// The skill.
        name: SkillName,
        /// The lease file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Held { .. } | Error::TakenOver { .. } | Error::Damaged { .. } => Kind::Locked,
            Error::NotHeld { .. } => Kind::NotFound,
            Error::Fs(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Held { .. } => "lease-held",
            Error::NotHeld { .. } => "lease-not-held",
            Error::TakenOver { .. } => "lease-taken-over",
            Error::Damaged { .. } => "lease-damaged",
            Error::Fs(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Held { name, .. } => Some(format!(
                "`skillsync commit {name}` or `skillsync abort {name}` ends that; if nobody is working on it any more, \
                 `skillsync edit {name} --force` takes over and keeps the old working copy in trash"
            )),
            Error::Damaged { name, .. } => Some(format!(
                "`skillsync edit {name} --force` takes over and keeps the working copy in trash"
            )),
            Error::NotHeld { name } => Some(format!("`skillsync edit {name}` begins")),
            Error::TakenOver { current, .. } => Some(format!(
                "if that edit is yours, add `--token {current}`; if you held the lease before, your working copy is in trash"
            )),
            Error::Fs(e) => e.hint(),
        }
    }
}

/// Who takes a lease: shown to others who want it, never used to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The machine.
    pub host: String,
    /// The account.
    pub user: String,
    /// The process that took it.
    pub pid: u32,
    /// Where it was taken from.
    pub cwd: String,
    /// The agent that runs skillsync, where it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// An edit lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    format: u32,
    /// Grows with every lease of this store: only the newest is current.
    pub token: u64,
    /// When it was taken, RFC 3339 with `Z`.
    pub created: String,
    /// Who took it.
    #[serde(flatten)]
    pub holder: Holder,
    /// Whether it was taken from somebody: then only its holder, or its token, commits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_over: bool,
    /// The version that the working copy was made from.
    pub base_version: u32,
    /// Its tree: the base of a merge.
    pub base: TreeId,
    /// Files that a merge left beside the working copy's own for its holder to decide about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<SkillPath>,
    /// Where the other side of the merge came from that the working copy began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulled: Option<Pulled>,
    /// The release that a merge with what was edited here took in: its commit notes that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Release>,
}

/// A copy in a project that a merge took in: its commit notes that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulled {
    /// The project's real path.
    pub project: String,
    /// Which copy in it.
    pub key: CopyKey,
    /// What was deployed there.
    pub baseline: Kept,
    /// What was taken.
    pub taken: Taken,
}

impl Lease {
    /// A lease to be written with [`put`].
    pub fn new(token: u64, created: String, holder: Holder, base_version: u32, base: TreeId) -> Self {
        Self {
            format: FORMAT,
            token,
            created,
            holder,
            taken_over: false,
            base_version,
            base,
            undecided: Vec::new(),
            pulled: None,
            updated: None,
        }
    }

    /// The same lease after a merge with the version `base_version`.
    pub(crate) fn moved_to(self, base_version: u32, base: TreeId, undecided: Vec<SkillPath>) -> Self {
        Self { base_version, base, undecided, ..self }
    }

    /// Who holds it, for a message.
    pub fn describe(&self) -> String {
        let Holder { host, user, agent, .. } = &self.holder;
        let by = agent.as_ref().map_or_else(String::new, |a| format!(", by {a}"));
        format!("{user}@{host}{by}, since {}", self.created)
    }
}

/// The lease of `name`, if there is one.
pub fn get(layout: &Layout, name: &SkillName) -> Result<Option<Lease>, Error> {
    let path = layout.lease(name);
    let Some(bytes) = fs::optional(fs::read(&path, LEASE_BYTES))? else { return Ok(None) };
    let damaged = |problem: String| Error::Damaged { name: name.clone(), path: path.clone(), problem };
    let lease: Lease = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
    if lease.format > FORMAT {
        return Err(damaged(format!("it has format {}, this skillsync knows {FORMAT}", lease.format)));
    }
    Ok(Some(lease))
}

/// Who asks to use a lease.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Who they are.
    pub holder: &'a Holder,
    /// The token they were given, if they say it.
    pub token: Option<u64>,
}

impl Holder {
    /// Whether this is the same user at the same place; the process is another one with every command.
    /// Who works from inside the working copy is at the place that only its holder was told.
    fn is_same(&self, other: &Holder, working_copy: &Path) -> bool {
        let is_here = other.cwd == self.cwd || Path::new(&other.cwd).starts_with(working_copy);
        is_here && (&self.host, &self.user, &self.agent) == (&other.host, &other.user, &other.agent)
    }
}

/// The lease of `name`, for whoever has a right to it: the token decides where one is given. Without one, a lease
/// that was taken over serves its own holder alone: who held it before must notice (decision 13).
pub fn claim(layout: &Layout, name: &SkillName, claim: Claim<'_>) -> Result<Lease, Error> {
    let lease = held(layout, name)?;
    let may = match claim.token {
        Some(token) => token == lease.token,
        None => !lease.taken_over || lease.holder.is_same(claim.holder, &layout.working_copy(name)),
    };
    if may {
        return Ok(lease);
    }
    let holder = lease.describe();
    Err(Error::TakenOver { name: name.clone(), current: lease.token, holder })
}

/// The lease of `name`; fails when nobody holds it.
pub fn held(layout: &Layout, name: &SkillName) -> Result<Lease, Error> {
    get(layout, name)?.ok_or_else(|| Error::NotHeld { name: name.clone() })
}

/// Fails when somebody holds the lease of `name`.
pub fn require_free(layout: &Layout, name: &SkillName) -> Result<(), Error> {
    match get(layout, name)? {
        None => Ok(()),
        Some(lease) => {
            Err(Error::Held { name: name.clone(), holder: lease.describe(), path: layout.lease(name) })
        }
    }
}

/// The token of the next lease: larger than any before. The caller holds the store's mutex.
pub fn next_token(layout: &Layout) -> Result<u64, Error> {
    let path = layout.lease_counter();
    let counted = fs::optional(fs::read(&path, 64))?
        .and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse::<u64>().ok())
        .unwrap_or(0);
    // The counter may have been lost; the leases that are held were not.
    let mut held = 0;
    for entry in fs::entries(&layout.locks())?.unwrap_or_default() {
        let name =
            entry.to_str().and_then(|e| e.strip_suffix(".lock")).and_then(|n| SkillName::parse(n).ok());
        if let Some(Ok(Some(lease))) = name.map(|name| get(layout, &name)) {
            held = held.max(lease.token);
        }
    }
    let token = counted.max(held) + 1;
    fs::replace(&path, format!("{token}\n").as_bytes(), fs::Mode::Private)?;
    Ok(token)
}

/// Writes `lease` as the one of `name`.
pub fn put(layout: &Layout, name: &SkillName, lease: &Lease) -> Result<(), Error> {
    let path = layout.lease(name);
    let mut text =
        serde_json::to_string_pretty(lease).map_err(|e| fs::Error::new("write", &path, e.into()))?;
    text.push('\n');
    Ok(fs::replace(&path, text.as_bytes(), fs::Mode::Private)?)
}

/// Ends the lease of `name`, durably.
pub fn end(layout: &Layout, name: &SkillName) -> Result<(), Error> {
    fs::remove_file(&layout.lease(name))?;
    Ok(fs::sync_dir(&layout.locks())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> Holder {
        let text = |t: &str| t.to_owned();
        Holder {
            host: text("box"),
            user: text("ann"),
            pid: 7,
            cwd: text("/"),
            agent: Some(text("claude-code")),
        }
    }

    #[test]
    fn tokens_only_grow_even_when_the_counter_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().to_owned());
        fs::make_dirs(&layout.locks()).unwrap();
        fs::make_dirs(&layout.state()).unwrap();
        let name = SkillName::parse("pdf").unwrap();
        assert_eq!(next_token(&layout).unwrap(), 1);
        let token = next_token(&layout).unwrap();
        let lease = Lease::new(token, "2026-11-20T00:00:00Z".to_owned(), holder(), 3, TreeId::of(b""));
        put(&layout, &name, &lease).unwrap();
        assert_eq!(get(&layout, &name).unwrap(), Some(lease));
        fs::replace(&layout.lease_counter(), b"garbage", fs::Mode::Private).unwrap();
        assert_eq!(next_token(&layout).unwrap(), 3);
    }

    #[test]
    fn a_garbage_lease_locks_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().to_owned());
        fs::make_dirs(&layout.locks()).unwrap();
        let name = SkillName::parse("pdf").unwrap();
        for garbage in ["", "{", "\u{0}\u{0}", "{\"format\": 9}"] {
            fs::replace(&layout.lease(&name), garbage.as_bytes(), fs::Mode::Private).unwrap();
            let error = require_free(&layout, &name).unwrap_err();
            assert_eq!((error.kind(), error.code()), (Kind::Locked, "lease-damaged"), "{garbage}");
        }
    }
}
