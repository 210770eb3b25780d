//! `edit`, `diff`, `commit`, `abort`: changing a skill under its lease (checklist D8-D11).

use std::path::PathBuf;

use serde::Serialize;
use skillsync_core::diff::{self, Status, Summary};
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::{Fault as _, Kind};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::{ArtifactType, State};
use skillsync_store::edit::{self, Takeover, Working};
use skillsync_store::installed::InstallState;
use skillsync_store::lease::{self, Claim, Holder};
use skillsync_store::skills::{self, Quarantine};
use skillsync_store::store::Store;
use skillsync_store::{fs, observe};

use super::bars::Bars;
use super::{Error, Refusal, write};
use crate::world::World;

/// A working copy that is ready to be edited.
#[derive(Debug, Serialize)]
pub struct Begun {
    /// The skill.
    pub name: SkillName,
    /// Where to edit: absolute.
    pub path: PathBuf,
    /// The lease's token: `commit --token` succeeds only while it is current.
    pub token: u64,
    /// The version that the copy was made from.
    pub base_version: u32,
    /// Where a working copy that was there is now.
    pub replaced: Option<PathBuf>,
    /// Always false: a plan is shown in words.
    pub dry_run: bool,
}

/// Takes the lease of `name` and makes its working copy.
pub fn begin(world: &World, store: &Store, name: &SkillName, takeover: Takeover) -> Result<Begun, Error> {
    let holder = holder(world);
    write(store, |writing, index| {
        let begun = edit::begin(writing, index, name, holder, takeover)?;
        Ok(Begun {
            name: name.clone(),
            path: begun.path,
            token: begun.lease.token,
            base_version: begun.lease.base_version,
            replaced: begun.replaced,
            dry_run: false,
        })
    })
}

/// Who runs this command.
pub(super) fn holder(world: &World) -> Holder {
    Holder {
        host: world.host.clone(),
        user: world.user.clone(),
        pid: world.pid,
        cwd: world.cwd.display().to_string(),
        agent: world.agent().map(str::to_owned),
    }
}

/// What a working copy changes (checklist D9, to the letter; further keys only where there is no text to show).
#[derive(Debug, Serialize)]
pub struct Diff {
    /// The skill.
    pub skill: SkillName,
    /// Sorted by path.
    pub changes: Vec<Change>,
    /// How many of each.
    pub summary: Summary,
}

/// One changed file.
#[derive(Debug, Serialize)]
pub struct Change {
    /// Its path in the skill.
    pub path: SkillPath,
    /// `added`, `modified` or `deleted`.
    pub status: Status,
    /// `text` when both sides are UTF-8 without NUL, else `binary`.
    pub kind: &'static str,
    /// The canonical text; null when there is none.
    pub old_text: Option<String>,
    /// The working copy's text; null when there is none.
    pub new_text: Option<String>,
    /// Sizes in bytes, for binary files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_size_bytes: Option<u64>,
    /// Sizes in bytes, for binary files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_size_bytes: Option<u64>,
    /// Whether the file may be executed now, where that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<bool>,
}

/// Compares the working copy of `name` with the canonical skill.
pub fn diff(store: &Store, name: &SkillName) -> Result<Diff, Error> {
    let working = edit::working(store, name).map_err(|e| or_gone(store, name, e))?;
    let Working { meta, canonical, tree, path, .. } = working;
    let stored = store.objects().open(&meta.head().tree)?;
    let found = diff::changes(&canonical, &tree);
    let summary = Summary::of(&found);
    let mut changes = Vec::with_capacity(found.len());
    for change in found {
        let old = change.old.map(|file| stored.read(&file.digest)).transpose()?;
        let old = old.map(std::borrow::Cow::into_owned);
        let new = match change.new {
            Some(file) => Some(fs::read(&path.join(change.path.as_str()), file.size_bytes.max(1))?),
            None => None,
        };
        changes.push(describe(change, old, new));
    }
    Ok(Diff { skill: name.clone(), changes, summary })
}

fn describe(change: diff::Change, old: Option<Vec<u8>>, new: Option<Vec<u8>>) -> Change {
    let is_text = [&old, &new].into_iter().flatten().all(|bytes| diff::is_text(bytes));
    let text = |bytes: &Option<Vec<u8>>| {
        let text = bytes.as_deref().and_then(diff::as_text);
        if is_text { text.map(str::to_owned) } else { None }
    };
    let size = |bytes: &Option<Vec<u8>>| if is_text { None } else { bytes.as_ref().map(|b| b.len() as u64) };
    let executable = match (change.old, change.new) {
        (Some(old), Some(new)) if old.executable != new.executable => Some(new.executable),
        _ => None,
    };
    Change {
        path: change.path,
        status: change.status,
        kind: if is_text { "text" } else { "binary" },
        old_text: text(&old),
        new_text: text(&new),
        old_size_bytes: size(&old),
        new_size_bytes: size(&new),
        executable,
    }
}

/// Why a working copy could not be used: because somebody deleted it, where that is so.
fn or_gone(store: &Store, name: &SkillName, error: edit::Error) -> Error {
    let path = store.layout().working_copy(name);
    let is_gone =
        matches!(fs::lstat(&path), Ok(None)) && matches!(lease::get(store.layout(), name), Ok(Some(_)));
    if !is_gone || error.code() != "folder-not-found" {
        return error.into();
    }
    Refusal {
        kind: Kind::NotFound,
        code: "working-copy-missing",
        message: format!("the working copy of `{name}` was deleted: `{}`", path.display()),
        hint: Some(format!(
            "`skillsync abort {name}` ends the edit; `skillsync edit {name} --force` begins anew"
        )),
    }
    .into()
}

/// A version that was committed.
#[derive(Debug, Serialize)]
pub struct Committed {
    /// The skill.
    pub name: SkillName,
    /// What it is.
    #[serde(rename = "type")]
    pub artifact_type: ArtifactType,
    /// Its new version.
    pub version: u32,
    /// The content hash of that.
    pub content_hash: ContentHash,
    /// Why, as given.
    pub reason: String,
    /// The version that had come in between and was merged in.
    pub merged_with: Option<u32>,
    /// Whether the skill is in quarantine, and stays there.
    pub quarantined: bool,
    /// Always false: a plan is shown in words.
    pub dry_run: bool,
}

/// Makes a version of the working copy of `name` and ends the lease.
pub fn commit(
    world: &World,
    store: &Store,
    name: &SkillName,
    reason: &str,
    token: Option<u64>,
) -> Result<Committed, Error> {
    let holder = holder(world);
    write(store, |writing, index| {
        // A cache in the record: a log that does not read must not keep anybody from committing.
        let stats = observe::stats(store.layout(), index, name).ok();
        let claim = Claim { holder: &holder, token };
        let quarantine = quarantine(store, name)?;
        let done = edit::commit(writing, index, name, reason, claim, stats, quarantine);
        let done = done.map_err(|e| or_gone(store, name, e))?;
        Ok(Committed {
            name: name.clone(),
            artifact_type: done.artifact_type,
            version: done.advanced.version.number,
            content_hash: done.advanced.version.content_hash,
            reason: reason.to_owned(),
            merged_with: done.merged_with,
            quarantined: done.advanced.state == State::Quarantined,
            dry_run: false,
        })
    })
}

/// What a commit does about a quarantine: a release that was handed out ends it. Fails where that was revoked since, or may
/// have been.
fn quarantine(store: &Store, name: &SkillName) -> Result<Quarantine, Error> {
    // A lease that does not read is refused by the commit.
    let lease = lease::get(store.layout(), name).ok().flatten();
    let Some(release) = lease.and_then(|lease| lease.updated) else { return Ok(Quarantine::Stays) };
    let meta = skills::load(store, name)?;
    let state = InstallState::load(store.layout())?;
    let source = state.get(name).map(|installed| &installed.source);
    Bars::of(store, name, &meta)?.taking_in(source, &release)
}

/// A working copy that was discarded.
#[derive(Debug, Serialize)]
pub struct Aborted {
    /// The skill.
    pub name: SkillName,
    /// Where the working copy is now, for a day.
    pub trash: Option<PathBuf>,
    /// Always false: a plan is shown in words.
    pub dry_run: bool,
}

/// Discards the working copy of `name` and ends the lease.
pub fn abort(world: &World, store: &Store, name: &SkillName, token: Option<u64>) -> Result<Aborted, Error> {
    let holder = holder(world);
    write(store, |writing, _| {
        let trash = edit::abort(writing, name, Claim { holder: &holder, token })?;
        Ok(Aborted { name: name.clone(), trash, dry_run: false })
    })
}
