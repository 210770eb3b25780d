//! `export`: writes a skill's files to a folder outside the store, without anything of ours in it.

use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::tree::Tree;
use skillsync_store::store::Store;
use skillsync_store::{fs, skills};

use super::{Error, Refusal};

mod mark;
pub mod site;

/// What was written, or would be.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The skill.
    pub name: SkillName,
    /// The version that was written: the current one.
    pub version: u32,
    /// Content hash of its files.
    pub content_hash: ContentHash,
    /// The folder, absolute.
    pub path: String,
    /// How many files.
    pub files: usize,
    /// Their sizes added up.
    pub size_bytes: u64,
    /// Whether this is a plan and nothing was written.
    pub dry_run: bool,
}

/// What [`apply`] would do. Changes nothing.
pub fn plan(store: &Store, name: &SkillName, path: &Path) -> Result<Exported, Error> {
    Ok(look(store, name, path)?.0)
}

/// Writes the current version of `name` to `path`, an absolute path that must be free: bytes and executable bits
/// as they were committed. It appears whole or not at all, and is durable.
pub fn apply(store: &Store, name: &SkillName, path: &Path) -> Result<Exported, Error> {
    let (report, tree) = look(store, name, path)?;
    let parent = above(path);
    let staged = parent.join(fs::unique_name(fs::OUR_PREFIX));
    let written = write(store, &tree, &staged, path);
    if written.is_err() {
        // What failed matters more than whether our own half-written folder could be cleared.
        let _ = fs::remove_tree(&staged);
    }
    written?;
    fs::sync_dir(parent)?;
    Ok(Exported { dry_run: false, ..report })
}

fn write(store: &Store, tree: &Tree, staged: &Path, path: &Path) -> Result<(), Error> {
    fs::make_dir(staged)?;
    skills::write_tree(store.objects(), tree, staged)?;
    fs::sync_file_system(staged)?;
    match fs::rename_no_replace(staged, path) {
        Err(e) if e.io_kind() == std::io::ErrorKind::AlreadyExists => Err(taken(path)),
        renamed => Ok(renamed?),
    }
}

fn look(store: &Store, name: &SkillName, path: &Path) -> Result<(Exported, Tree), Error> {
    let meta = skills::load(store, name)?;
    let head = meta.head();
    if fs::lstat(path)?.is_some() {
        return Err(taken(path));
    }
    let real = fs::real_path(above(path))?.filter(|real| real.is_dir());
    let Some(real) = real else { return Err(no_parent(path)) };
    outside_store(store, &real)?;
    let tree = store.objects().tree(&head.tree)?;
    let report = Exported {
        name: name.clone(),
        version: head.number,
        content_hash: head.content_hash,
        path: path.display().to_string(),
        files: tree.len(),
        size_bytes: tree.size_bytes(),
        dry_run: true,
    };
    Ok((report, tree))
}

/// Fails when `folder`, which is there, is inside the store.
fn outside_store(store: &Store, folder: &Path) -> Result<(), Error> {
    let root = store.layout().root();
    let real_root = fs::real_path(root)?.unwrap_or_else(|| root.to_owned());
    let real = fs::real_path(folder)?.unwrap_or_else(|| folder.to_owned());
    if real.starts_with(&real_root) {
        return Err(refusal(
            Kind::Invalid,
            "export-into-store",
            format!("`{}` is inside the store", folder.display()),
            "choose a folder outside the store".to_owned(),
        ));
    }
    Ok(())
}

fn above(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn taken(path: &Path) -> Error {
    let named = |name: &std::ffi::OsStr| path.with_file_name(format!("{}-2", name.to_string_lossy()));
    let other: PathBuf = path.file_name().map(named).unwrap_or_default();
    refusal(
        Kind::Exists,
        "path-exists",
        format!("`{}` is there already", path.display()),
        format!("move it away, or choose a path that is free, such as `{}`", other.display()),
    )
}

fn no_parent(path: &Path) -> Error {
    let parent = above(path).display();
    refusal(
        Kind::NotFound,
        "folder-not-found",
        format!("the folder `{parent}` is not there"),
        format!("`mkdir -p {parent}` makes it"),
    )
}

fn refusal(kind: Kind, code: &'static str, message: String, hint: String) -> Error {
    Refusal { kind, code, message, hint: Some(hint) }.into()
}
