//! Editing under a lease: working copies, what they change, and how they become versions (checklist D8-D11).

use std::path::{Path, PathBuf};

use skillsync_core::artifact;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::frontmatter;
use skillsync_core::limits;
use skillsync_core::merge::{self, Labels, ShowBase, TreeMerge};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::{ArtifactType, Origin, Stats};
use skillsync_core::tree::{self, Tree};

use crate::fs;
use crate::index::Index;
use crate::installed::{self, InstallState, Release};
use crate::layout::META;
use crate::lease::{self, Claim, Holder, Lease, Pulled};
use crate::ledger::{self, Ledger};
use crate::meta::Meta;
use crate::objects::{self, Batch};
use crate::payload::Payload;
use crate::scan;
use crate::skills::{self, Advanced, Change, Quarantine};
use crate::store::{Store, Writing};

/// A working copy cannot be made or committed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lease does not allow it.
    #[error(transparent)]
    Lease(#[from] lease::Error),
    /// The skill does not allow it.
    #[error(transparent)]
    Skill(#[from] skills::Error),
    /// The working copy holds a file that is not a skill's to have.
    #[error("the working copy of `{name}` holds `{path}`, which is reserved")]
    Reserved {
        /// The skill.
        name: SkillName,
        /// Relative to the working copy.
        path: String,
    },
    /// The working copy is what is committed already.
    #[error("the working copy of `{name}` changes nothing")]
    Unchanged {
        /// The skill.
        name: SkillName,
    },
    /// `SKILL.md` could not be loaded by an agent.
    #[error("the SKILL.md of `{name}` could not be loaded by an agent")]
    SkillMd {
        /// The skill.
        name: SkillName,
        /// Why.
        #[source]
        source: frontmatter::Error,
    },
    /// `SKILL.md` breaks a rule that agents rely on.
    #[error("the SKILL.md of `{name}` {problem}")]
    SkillMdRule {
        /// The skill.
        name: SkillName,
        /// Which.
        problem: String,
    },
    /// Conflict markers or undecided files are left.
    #[error("a conflict in `{path}` of `{name}` is not decided yet")]
    Undecided {
        /// The skill.
        name: SkillName,
        /// The file.
        path: SkillPath,
    },
    /// The skill has moved on in the meantime and both sides changed the same places.
    #[error("`{name}` has moved on to version {head} since the edit began, and both changed: {}", .paths.join(", "))]
    Conflict {
        /// The skill.
        name: SkillName,
        /// The version that came in between.
        head: u32,
        /// The files with conflicts.
        paths: Vec<String>,
        /// The working copy, which now holds both sides.
        working_copy: PathBuf,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Lease(e) => e.kind(),
            Error::Skill(e) => e.kind(),
            Error::SkillMd { source, .. } => source.kind(),
            Error::Undecided { .. } | Error::Conflict { .. } => Kind::Conflict,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Lease(e) => e.code(),
            Error::Skill(e) => e.code(),
            Error::Reserved { .. } => "path-reserved",
            Error::Unchanged { .. } => "nothing-to-commit",
            Error::SkillMd { source, .. } => source.code(),
            Error::SkillMdRule { .. } => "skill-md-invalid",
            Error::Undecided { .. } => "conflict-undecided",
            Error::Conflict { .. } => "conflict",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Lease(e) => e.hint(),
            Error::Skill(e) => e.hint(),
            Error::Reserved { .. } => Some("remove it from the working copy".to_owned()),
            Error::Unchanged { name } => Some(format!("edit it first, or `skillsync abort {name}`")),
            Error::SkillMd { source, .. } => source.hint(),
            Error::SkillMdRule { name, .. } => {
                Some(format!("its head must have `name: {name}` and a description"))
            }
            Error::Undecided { name, .. } => Some(format!(
                "decide it in the working copy, remove the markers or the `.theirs` file, then `skillsync commit {name}`"
            )),
            Error::Conflict { name, working_copy, .. } => Some(format!(
                "decide the marked places in `{}`, then `skillsync commit {name}` again",
                working_copy.display()
            )),
        }
    }
}

macro_rules! through_skills {
    ($($from:ty),+) => {$(
        impl From<$from> for Error {
            fn from(e: $from) -> Self { Error::Skill(e.into()) }
        }
    )+};
}
through_skills!(artifact::Error, fs::Error, installed::Error, objects::Error, scan::Error, tree::Error);

/// What conflict markers call the working copy.
const OURS: &str = "working copy";
/// What the markers of a pull call the store's side.
pub const STORE: &str = "store";

/// What `edit` does about a lease that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// Fails.
    Refuse,
    /// Takes over; the working copy goes to trash.
    Force,
}

/// A working copy is ready.
#[derive(Debug)]
pub struct Begun {
    /// Where to edit: absolute.
    pub path: PathBuf,
    /// The lease.
    pub lease: Lease,
    /// Where a working copy that was there is now.
    pub replaced: Option<PathBuf>,
}

/// Takes the lease of `name` and makes its working copy from the canonical skill (checklist D8).
pub fn begin(
    writing: &Writing<'_>,
    index: &Index,
    name: &SkillName,
    holder: Holder,
    takeover: Takeover,
) -> Result<Begun, Error> {
    let store = writing.store();
    let meta = skills::load_active(store, name)?;
    if takeover == Takeover::Refuse {
        lease::require_free(store.layout(), name)?;
    }
    skills::require_pristine(store, index, name, &meta)?;
    let transaction = writing.transaction()?;
    let tree = store.objects().tree(&meta.head().tree)?;
    let staged = skills::stage_tree(&transaction, store.objects(), name, &tree)?;
    let begun = take(writing, name, &meta, &staged.dir, holder, |_| {})?;
    transaction.finish()?;
    Ok(begun)
}

/// What a merge with conflicts hands out.
#[derive(Debug)]
pub struct Handing<'a> {
    /// The merge with its conflicts.
    pub merge: &'a TreeMerge,
    /// Its files.
    pub merged: &'a Payload,
    /// Where its other side came from.
    pub from: HandedFrom,
}

/// Where the other side of a merge with conflicts came from.
#[derive(Debug)]
pub enum HandedFrom {
    /// A copy in a project.
    Project(Pulled),
    /// A newer release of an installed skill.
    Release(Release),
}

/// Takes the lease of `name`, which must be free, with the result of a merge as working copy: what is merged and what
/// is to be decided (decision 19). The canonical skill is untouched; `commit` makes the version and notes what was
/// taken from the project or from the source.
pub fn begin_merged(
    writing: &Writing<'_>,
    name: &SkillName,
    holder: Holder,
    handing: Handing<'_>,
) -> Result<Begun, Error> {
    let store = writing.store();
    let meta = match handing.from {
        HandedFrom::Project(_) => skills::load_active(store, name)?,
        // What is in quarantine waits for this: its cure, which may have to be decided.
        HandedFrom::Release(_) => skills::load_unmarked(store, name)?,
    };
    lease::require_free(store.layout(), name)?;
    let transaction = writing.transaction()?;
    let dir = transaction.folder("working")?;
    skills::write_payload(handing.merged, &dir)?;
    let undecided = undecided(handing.merge);
    let begun = take(writing, name, &meta, &dir, holder, |lease| {
        lease.undecided = undecided;
        match handing.from {
            HandedFrom::Project(pulled) => lease.pulled = Some(pulled),
            HandedFrom::Release(release) => lease.updated = Some(release),
        }
    })?;
    transaction.finish()?;
    Ok(begun)
}

/// Gives the staged folder `dir` to a new lease of `name` as its working copy.
fn take(
    writing: &Writing<'_>,
    name: &SkillName,
    meta: &Meta,
    dir: &Path,
    holder: Holder,
    complete: impl FnOnce(&mut Lease),
) -> Result<Begun, Error> {
    let store = writing.store();
    let layout = store.layout();
    let head = meta.head();
    fs::sync_trees(&[dir])?;
    // The token first: from here on the old one cannot commit. Then the copy, then the lease that names it: a kill
    // in between leaves a copy without lease, which the next `edit` moves to trash.
    let token = lease::next_token(layout)?;
    let path = layout.working_copy(name);
    let replaced = match fs::lstat(&path)? {
        Some(_) => Some(store.trash().put(&path, &format!("{name}-working-copy"))?),
        None => None,
    };
    fs::rename_no_replace(dir, &path)?;
    fs::sync_dir(&layout.editing())?;
    let taken_over = fs::lstat(&layout.lease(name))?.is_some();
    let mut lease = Lease::new(token, store.now_text(), holder, head.number, head.tree);
    lease.taken_over = taken_over;
    complete(&mut lease);
    lease::put(layout, name, &lease)?;
    Ok(Begun { path, lease, replaced })
}

/// What a working copy is compared with.
#[derive(Debug)]
pub struct Working {
    /// The lease it is held under.
    pub lease: Lease,
    /// The canonical skill's record.
    pub meta: Meta,
    /// The canonical tree.
    pub canonical: Tree,
    /// The working copy's tree.
    pub tree: Tree,
    /// Where it lies.
    pub path: PathBuf,
}

/// Reads the working copy of `name` beside the canonical tree (checklist D9).
pub fn working(store: &Store, name: &SkillName) -> Result<Working, Error> {
    let layout = store.layout();
    let meta = skills::load(store, name)?;
    let lease = lease::held(layout, name)?;
    let path = layout.working_copy(name);
    let (tree, _) = scan::read(&path)?;
    let canonical = store.objects().tree(&meta.head().tree)?;
    Ok(Working { lease, meta, canonical, tree, path })
}

/// What `commit` made.
#[derive(Debug)]
pub struct Committed {
    /// The new version.
    pub advanced: Advanced,
    /// What it is a version of.
    pub artifact_type: ArtifactType,
    /// The version that was merged in, when the skill had moved on.
    pub merged_with: Option<u32>,
}

/// Makes a version of the working copy of `name` and ends the lease (checklist D10). `quarantine` ends where a release was
/// handed out that may be used.
pub fn commit(
    writing: &Writing<'_>,
    index: &mut Index,
    name: &SkillName,
    reason: &str,
    claim: Claim<'_>,
    stats: Option<Stats>,
    quarantine: Quarantine,
) -> Result<Committed, Error> {
    let store = writing.store();
    let layout = store.layout();
    lease::claim(layout, name, claim)?;
    let Working { lease, meta, tree, path, .. } = working(store, name)?;
    refuse_reserved(name, &path)?;
    let head = meta.head();
    let moved = head.tree != lease.base;
    if tree.id() == head.tree {
        let is_made = match taken(&lease) {
            Some((_, content)) => head.parents.contains(&content),
            None => moved,
        };
        if is_made {
            // A commit that was killed after its swap: what is left is to end the lease.
            let version = head.clone();
            end(store, name, &lease)?;
            let advanced = Advanced { name: name.clone(), version, state: meta.state, replaced: None };
            return Ok(Committed { advanced, artifact_type: meta.artifact_type, merged_with: None });
        }
        // What was taken in may be decided for the store's side altogether: then a version of the same content has both as
        // its parents.
        if taken(&lease).is_none() {
            return Err(Error::Unchanged { name: name.clone() });
        }
    }
    refuse_undecided(name, &lease, &tree, &path)?;
    let transaction = writing.transaction()?;
    let batch = Batch::new(layout, transaction.dir())?;
    let staged = if moved {
        let objects = store.objects();
        let (base, theirs) =
            (Payload::of_version(objects, &lease.base)?, Payload::of_version(objects, &head.tree)?);
        let ours = Payload::read(&path, &scan::list(&path)?, |_, bytes| Ok::<_, scan::Error>(bytes))?;
        let version = format!("version {}", head.number);
        let labels = Labels { ours: OURS, base: "base", theirs: &version, show_base: ShowBase::Yes };
        let merge = Payload::merge(&base, &ours, &theirs, &labels);
        let merged = Payload::merged(&merge, [&base, &ours, &theirs])?;
        if !merge.conflicts.is_empty() {
            return Err(hand_out(writing, name, lease, &meta, &merge, &merged)?);
        }
        skills::stage_payload(&transaction, &batch, name, &merged)?
    } else {
        skills::stage_folder(&transaction, &batch, name, &path)?
    };
    artifact::main_file(meta.artifact_type, name, &staged.tree)?;
    let main = staged.dir.join(meta.artifact_type.main_file(name));
    check_main(meta.artifact_type, name, &fs::read(&main, limits::SKILL_MD_BYTES)?)?;
    let (origin, parents) = match taken(&lease) {
        Some((origin, content)) => (origin, vec![head.content_hash, content]),
        None => (Origin::Commit, Vec::new()),
    };
    let change = Change {
        reason: Some(reason.to_owned()),
        parents,
        stats,
        quarantine,
        ..Change::new(staged, origin, meta.source)
    };
    let advanced = one(skills::advance(writing, &transaction, batch, index, vec![change])?)?;
    end(store, name, &lease)?;
    transaction.finish()?;
    let (artifact_type, merged_with) = (meta.artifact_type, moved.then_some(head.number));
    Ok(Committed { advanced, artifact_type, merged_with })
}

/// What the working copy began with beside the store's side, and the origin of a version with both.
fn taken(lease: &Lease) -> Option<(Origin, ContentHash)> {
    let pulled = lease.pulled.as_ref().map(|pulled| (Origin::Pull, pulled.taken.content.content_hash));
    pulled.or_else(|| lease.updated.as_ref().map(|release| (Origin::Update, release.content_hash)))
}

/// The result of an `advance` of one change.
pub fn one(results: Vec<Result<Advanced, skills::Error>>) -> Result<Advanced, skills::Error> {
    let error = std::io::Error::other("no result for the change");
    let missing = || skills::Error::Fs(fs::Error::new("commit", Path::new(""), error));
    results.into_iter().next().unwrap_or_else(|| Err(missing()))
}

/// Ends an edit after its commit: the lease first, so that nobody commits the copy again. The copy goes to trash: it
/// may hold what was written after it was read, or a repository, and an editor may still have it open.
fn end(store: &Store, name: &SkillName, lease: &Lease) -> Result<(), Error> {
    if let Some(Pulled { project, key, baseline, taken }) = &lease.pulled {
        // What was taken is the base of the next merge. A ledger that does not read must not undo the commit: then
        // the next check compares with what was deployed. What the disk refuses now, the same commit does again.
        match Ledger::amend(store.layout(), project, |ledger| ledger.took(key, *baseline, taken.clone())) {
            Err(ledger::Error::Fs(e)) => return Err(e.into()),
            Ok(()) | Err(ledger::Error::Damaged { .. }) => {}
        }
    }
    if let Some(release) = &lease.updated {
        let took = |state: &mut InstallState| {
            if let Some(installed) = state.get_mut(name) {
                installed.took(release, store.now_text());
            }
        };
        InstallState::amend(store.layout(), took)?;
    }
    lease::end(store.layout(), name)?;
    let path = store.layout().working_copy(name);
    if fs::lstat(&path)?.is_some() {
        // The version is made: a copy that cannot be moved now is moved by the next `edit`.
        let _ = store.trash().put(&path, &format!("{name}-working-copy"));
    }
    Ok(())
}

/// Discards the working copy of `name`, to trash, and ends the lease (checklist D10).
pub fn abort(writing: &Writing<'_>, name: &SkillName, claim: Claim<'_>) -> Result<Option<PathBuf>, Error> {
    let store = writing.store();
    let layout = store.layout();
    let path = layout.working_copy(name);
    let has_copy = fs::lstat(&path)?.is_some();
    // A damaged lease can be ended: aborting is what one does about it.
    match lease::claim(layout, name, claim) {
        Err(lease::Error::NotHeld { .. }) if has_copy => {}
        Ok(_) | Err(lease::Error::Damaged { .. }) => {}
        Err(e) => return Err(e.into()),
    }
    let kept = has_copy.then(|| store.trash().put(&path, &format!("{name}-working-copy"))).transpose()?;
    lease::end(layout, name)?;
    Ok(kept)
}

/// Refuses what a working copy may not hold (checklist D11). Version control and litter are only left behind.
fn refuse_reserved(name: &SkillName, root: &Path) -> Result<(), Error> {
    let listing = scan::list(root)?;
    for (folder, _) in &listing.dirs {
        for entry in fs::entries(&root.join(folder))?.unwrap_or_default() {
            let text = entry.to_string_lossy();
            if *text == *META || text.starts_with(".skillsync") {
                let path = if folder.is_empty() { text.into_owned() } else { format!("{folder}/{text}") };
                return Err(Error::Reserved { name: name.clone(), path });
            }
        }
    }
    Ok(())
}

fn refuse_undecided(name: &SkillName, lease: &Lease, tree: &Tree, root: &Path) -> Result<(), Error> {
    let undecided = |path: &SkillPath| Error::Undecided { name: name.clone(), path: path.clone() };
    if let Some(left) = lease.undecided.iter().find(|path| tree.get(path).is_some()) {
        return Err(undecided(left));
    }
    for (path, file) in tree.files() {
        let bytes = fs::read(&root.join(path.as_str()), file.size_bytes.max(1))?;
        // Only our own markers count: a skill about git may well show some in an example.
        let is_ours = |text: &str| [OURS, STORE].iter().any(|side| text.contains(&format!("<<<<<<< {side}")));
        if std::str::from_utf8(&bytes).is_ok_and(|text| is_ours(text) && merge::has_markers(text)) {
            return Err(undecided(path));
        }
    }
    Ok(())
}

/// What every committed main file must be. `SKILL.md`: loadable by an agent, under the skill's own name (decision 5,
/// 10). That of a command or an agent: text, and some of it.
pub fn check_main(artifact_type: ArtifactType, name: &SkillName, bytes: &[u8]) -> Result<(), Error> {
    match artifact_type {
        ArtifactType::Skill => check_skill_md(name, bytes),
        ArtifactType::Command | ArtifactType::Agent => {
            Ok(artifact::check_markdown(&artifact_type.main_file(name), bytes)?)
        }
    }
}

fn check_skill_md(name: &SkillName, bytes: &[u8]) -> Result<(), Error> {
    let parsed = frontmatter::parse(bytes).map_err(|source| Error::SkillMd { name: name.clone(), source })?;
    let rule = |problem: String| Err(Error::SkillMdRule { name: name.clone(), problem });
    match parsed.name() {
        Some(written) if written == name.as_str() => {}
        Some(written) => {
            let written: String = written.chars().take(80).collect();
            return rule(format!("says `name: {}`", written.escape_debug()));
        }
        None => return rule("has no name".to_owned()),
    }
    if parsed.description().is_none() {
        return rule("has no description".to_owned());
    }
    Ok(())
}

/// The files that a merge put beside others for a person to decide about.
fn undecided(merge: &TreeMerge) -> Vec<SkillPath> {
    merge.conflicts.iter().filter_map(|conflict| conflict.theirs_at.clone()).collect()
}

/// Gives a merge with conflicts to the lease's holder: the working copy holds both sides now, its base is the
/// head, and the copy as it was waits in trash. The canonical skill is untouched.
fn hand_out(
    writing: &Writing<'_>,
    name: &SkillName,
    lease: Lease,
    meta: &Meta,
    merge: &TreeMerge,
    merged: &Payload,
) -> Result<Error, Error> {
    let store = writing.store();
    let layout = store.layout();
    let transaction = writing.transaction()?;
    let dir = transaction.folder("working")?;
    skills::write_payload(merged, &dir)?;
    fs::sync_trees(&[&dir])?;
    let working_copy = layout.working_copy(name);
    if let Some(old) = transaction.swap_in(&dir, &working_copy)? {
        store.trash().put(&old, &format!("{name}-working-copy"))?;
    }
    fs::sync_dir(&layout.editing())?;
    let head = meta.head();
    let paths: Vec<String> = merge.conflicts.iter().map(|c| c.path.to_string()).collect();
    let lease = lease.moved_to(head.number, head.tree, undecided(merge));
    lease::put(layout, name, &lease)?;
    transaction.finish()?;
    Ok(Error::Conflict { name: name.clone(), head: head.number, paths, working_copy })
}
