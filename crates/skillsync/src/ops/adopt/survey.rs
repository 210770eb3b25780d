//! Every hand edit of one skill: in its canonical folder and where agents load it. Places that hold the same edit are
//! one edit. It judges nothing.

use std::path::{Path, PathBuf};

use skillsync_core::digest::TreeId;
use skillsync_core::footer::START;
use skillsync_core::name::SkillName;
use skillsync_core::skill::ArtifactType;
use skillsync_store::index::Index;
use skillsync_store::meta::Meta;
use skillsync_store::payload::Payload;
use skillsync_store::render;
use skillsync_store::skills::{self, Standing};
use skillsync_store::store::Store;
use skillsync_store::targets::{self, EditedPlace, Extent};

use super::super::Error;
use super::read::{Footer, read};

/// What `--from` calls the canonical folder.
pub(super) const CANONICAL: &str = "canonical";

/// One edit, in one or several places.
#[derive(Debug)]
pub(super) struct Edit {
    /// Where it is; never empty.
    pub(super) sites: Vec<Site>,
    /// The version it began from; none when that cannot be told.
    pub(super) base: Option<Base>,
    /// Its files, or why they are no skill.
    pub(super) payload: Result<Payload, Error>,
}

/// A version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Base {
    /// Its number.
    pub(super) number: u32,
    /// Its tree.
    pub(super) tree: TreeId,
}

/// Where an edit is.
#[derive(Debug)]
pub(super) enum Site {
    /// In the canonical folder.
    Canonical(PathBuf),
    /// In what agents load.
    Loaded(EditedPlace),
}

impl Site {
    /// Its folder.
    fn root(&self) -> &Path {
        match self {
            Site::Canonical(root) => root,
            Site::Loaded(place) => &place.root,
        }
    }

    /// What `--from` may call it.
    fn labels(&self) -> Vec<&str> {
        match self {
            Site::Canonical(_) => vec![CANONICAL],
            Site::Loaded(place) => place.targets.iter().map(|target| target.as_str()).collect(),
        }
    }
}

impl Edit {
    /// Whether the canonical folder is one of its places.
    pub(super) fn is_canonical(&self) -> bool {
        has_canonical(&self.sites)
    }

    /// Whether `--from` may call it `label`.
    pub(super) fn is_called(&self, label: &str) -> bool {
        labels(&self.sites).contains(&label)
    }

    /// Whether it only added files to what agents load.
    fn is_addition(&self) -> bool {
        self.sites.iter().all(|site| matches!(site, Site::Loaded(place) if place.extent == Extent::Added))
    }
}

/// What `--from` may call an edit in `sites`.
pub(super) fn labels(sites: &[Site]) -> Vec<&str> {
    sites.iter().flat_map(Site::labels).collect()
}

/// Whether the canonical folder is one of `sites`.
pub(super) fn has_canonical(sites: &[Site]) -> bool {
    sites.iter().any(|site| matches!(site, Site::Canonical(_)))
}

/// The folder of an edit: the first of several that hold the same.
pub(super) fn root(sites: &[Site]) -> &Path {
    sites.first().map_or(Path::new("."), Site::root)
}

/// Finds the edits of `name`; `meta` is its record, none when the skill is gone. Files that were only added beside
/// ours count where nothing else was edited, or where `from` names their place: scripts leave such files too.
pub(super) fn survey(
    store: &Store,
    index: &Index,
    name: &SkillName,
    meta: Option<&Meta>,
    from: Option<&str>,
) -> Result<Vec<Edit>, Error> {
    let mut edits: Vec<Edit> = Vec::new();
    if let Some(meta) = meta
        && !matches!(skills::standing(store, index, name, meta)?, Standing::Pristine)
    {
        let root = store.layout().skill(name);
        let head = meta.head();
        let base = Some(Base { number: head.number, tree: head.tree });
        let payload = read(&root, Footer::None);
        edits.push(Edit { sites: vec![Site::Canonical(root)], base, payload });
    }
    for place in targets::edits(store, index, name)? {
        let base = base(store, name, meta, &place);
        let payload = read(&place.root, footer(store, name, base));
        join(&mut edits, Edit { sites: vec![Site::Loaded(place)], base, payload });
    }
    let is_named = |edit: &Edit| from.is_some_and(|from| edit.is_called(from));
    if edits.iter().any(|edit| !edit.is_addition()) {
        edits.retain(|edit| !edit.is_addition() || is_named(edit));
    }
    Ok(edits)
}

fn join(edits: &mut Vec<Edit>, new: Edit) {
    let same = |edit: &&mut Edit| match (&edit.payload, &new.payload) {
        (Ok(a), Ok(b)) => edit.base == new.base && a.tree() == b.tree(),
        _ => false,
    };
    match edits.iter_mut().find(same) {
        Some(edit) => edit.sites.extend(new.sites),
        None => edits.push(new),
    }
}

fn base(store: &Store, name: &SkillName, meta: Option<&Meta>, place: &EditedPlace) -> Option<Base> {
    if let Some(mark) = &place.mark {
        return Some(Base { number: mark.version, tree: mark.canonical });
    }
    // A rendered tree has the digest of what it was for its name: the version that renders so is the one.
    let id = place.root.file_name()?.to_str()?;
    meta?.versions().iter().rev().find_map(|version| {
        let planned = render::plan(store, &Index::default(), name, version.number, version.tree);
        let (rendering, _) = planned.ok()?;
        (rendering.id.hex() == id).then_some(Base { number: version.number, tree: version.tree })
    })
}

/// A skill that shows our markers in its own text cannot be told from its footer.
fn footer(store: &Store, name: &SkillName, base: Option<Base>) -> Footer {
    let text = base.and_then(|base| {
        let stored = store.objects().open(&base.tree).ok()?;
        skills::main_text(ArtifactType::Skill, name, &stored).ok()
    });
    let speaks_of_it =
        text.is_some_and(|text| text.windows(START.len()).any(|part| part == START.as_bytes()));
    if speaks_of_it { Footer::AtEnd } else { Footer::Anywhere }
}
