//! The store itself: its folders, stray entries, leases and working copies, logs, what killed commands left, the
//! file system it lies on.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use skillsync_core::fault::Fault;
use skillsync_core::name::SkillName;
use skillsync_store::layout::Layout;
use skillsync_store::store::Store;
use skillsync_store::{fs, lease, observe};

use super::Error;
use super::finding::{Finding, Findings, Severity};
use crate::ops::setup::record::Record;

/// An edit that lasts longer than this was probably forgotten.
const OLD_LEASE_HOURS: i64 = 24;
/// Less room than this and the next command may fail.
const LITTLE_BYTES: u64 = 100 * 1024 * 1024;

/// Looks at everything in the store that is not a skill's content.
pub(super) fn check(store: &Store, names: &[SkillName], findings: &mut Findings) -> Result<(), Error> {
    folders(store.layout(), findings)?;
    stray(store.layout(), findings)?;
    leases(store, findings)?;
    working_copies(store.layout(), findings)?;
    logs(store.layout(), names, findings)?;
    for path in litter(store.layout())? {
        let message = "a temporary that a killed command left";
        findings.add(Finding::info("litter", &path, message).fixable());
    }
    unfinished(store.layout(), findings)?;
    file_system(store.layout().root(), findings);
    Ok(())
}

/// The folders that a store has and this one has not.
pub(super) fn missing_folders(layout: &Layout) -> Result<Vec<PathBuf>, Error> {
    let mut missing = Vec::new();
    for folder in layout.folders() {
        if fs::lstat(&folder)?.is_none() {
            missing.push(folder);
        }
    }
    Ok(missing)
}

fn folders(layout: &Layout, findings: &mut Findings) -> Result<(), Error> {
    for folder in missing_folders(layout)? {
        findings
            .add(Finding::warning("folder-missing", &folder, "a folder of the store is missing").fixable());
    }
    for folder in layout.folders() {
        if fs::stat(&folder)?.is_some_and(|m| !m.is_dir()) {
            let message = "a file stands where the store has a folder";
            findings.add(
                Finding::error("not-a-folder", &folder, message)
                    .fix(format!("mv '{0}' '{0}.away'", folder.display())),
            );
        }
    }
    Ok(())
}

/// What lies in `skills/` and is none.
fn stray(layout: &Layout, findings: &mut Findings) -> Result<(), Error> {
    for entry in entries(&layout.skills())? {
        let at = layout.skills().join(&entry);
        // A store may be kept in git, and a system may leave its marks.
        if entry.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let metadata = fs::lstat(&at)?;
        let problem = match entry.to_str().map(SkillName::parse) {
            None => "its name is not text".to_owned(),
            Some(Err(e)) => e.to_string(),
            Some(Ok(_)) if metadata.as_ref().is_some_and(|m| m.is_symlink()) => {
                "it is a link, not a folder".to_owned()
            }
            Some(Ok(_)) if metadata.as_ref().is_some_and(|m| !m.is_dir()) => {
                "it is a file, not a folder".to_owned()
            }
            Some(Ok(_)) => continue,
        };
        let message = format!("no skill: {problem}");
        findings.add(Finding::warning("stray-entry", &at, message).fix("move it out of the store"));
    }
    Ok(())
}

fn leases(store: &Store, findings: &mut Findings) -> Result<(), Error> {
    let layout = store.layout();
    for entry in entries(&layout.locks())? {
        let at = layout.locks().join(&entry);
        if entry.as_encoded_bytes().starts_with(fs::OUR_PREFIX.as_bytes()) {
            continue;
        }
        let name =
            entry.to_str().and_then(|e| e.strip_suffix(".lock")).and_then(|n| SkillName::parse(n).ok());
        let Some(name) = name else {
            findings.add(
                Finding::warning("stray-entry", &at, "no lease of a skill").fix("move it out of the store"),
            );
            continue;
        };
        if is_open_to_others(&at)? {
            let message = "others than its owner may read or write it";
            findings.add(Finding::warning("lease-open", &at, message).of(&name).fixable());
        }
        match lease::get(layout, &name) {
            Err(e) => {
                let mut finding = Finding::error(e.code(), &at, e.to_string()).of(&name);
                finding.fix = e.hint();
                findings.add(finding);
            }
            Ok(Some(lease)) => one_lease(store, &name, &lease, &at, findings)?,
            Ok(None) => {}
        }
    }
    Ok(())
}

/// Whether others than its owner may use a file.
pub(super) fn is_open_to_others(path: &Path) -> Result<bool, Error> {
    Ok(fs::lstat(path)?.is_some_and(|m| m.is_file() && m.permissions().mode() & 0o077 != 0))
}

fn one_lease(
    store: &Store,
    name: &SkillName,
    lease: &lease::Lease,
    at: &Path,
    findings: &mut Findings,
) -> Result<(), Error> {
    let layout = store.layout();
    if fs::lstat(&layout.skill(name))?.is_none() {
        let message = format!("`{name}` is being edited, but there is no such skill");
        findings.add(
            Finding::warning("lease-without-skill", at, message)
                .of(name)
                .fix(format!("skillsync abort {name}")),
        );
    }
    if fs::lstat(&layout.working_copy(name))?.is_none() {
        let message = format!("`{name}` is being edited, but its working copy is gone");
        let fix = format!("skillsync abort {name}");
        findings.add(Finding::warning("lease-without-copy", at, message).of(name).fix(fix));
        return Ok(());
    }
    let age = lease.created.parse::<Timestamp>().ok().map(|created| store.now().duration_since(created));
    if age.is_some_and(|age| age >= SignedDuration::from_hours(OLD_LEASE_HOURS)) {
        let message = format!("`{name}` has been edited for more than a day ({})", lease.describe());
        let fix =
            format!("skillsync commit {name} --reason TEXT keeps the edit, skillsync abort {name} drops it");
        findings.add(Finding::warning("lease-old", at, message).of(name).fix(fix));
    }
    Ok(())
}

fn working_copies(layout: &Layout, findings: &mut Findings) -> Result<(), Error> {
    for entry in entries(&layout.editing())? {
        let at = layout.editing().join(&entry);
        match entry.to_str().and_then(|e| SkillName::parse(e).ok()) {
            Some(name) if fs::lstat(&layout.lease(&name))?.is_none() => {
                let message = format!("a working copy of `{name}` that nobody holds the lease of");
                let fix = format!("skillsync edit {name} begins anew and keeps this one in trash");
                findings.add(Finding::warning("copy-without-lease", &at, message).of(&name).fix(fix));
            }
            Some(_) => {}
            None if entry.as_encoded_bytes().starts_with(b".") => {}
            None => {
                findings.add(
                    Finding::warning("stray-entry", &at, "no working copy").fix("move it out of the store"),
                );
            }
        }
    }
    Ok(())
}

fn logs(layout: &Layout, names: &[SkillName], findings: &mut Findings) -> Result<(), Error> {
    for name in names {
        let at = layout.log(name);
        match observe::read(layout, name) {
            Err(e) => findings.failure(Severity::Error, &at, &e.into()),
            Ok(log) if log.bad_lines.is_empty() => {}
            Ok(log) => {
                let lines: Vec<String> = log.bad_lines.iter().take(10).map(ToString::to_string).collect();
                let more = if log.bad_lines.len() > lines.len() { " and more" } else { "" };
                let message = format!("lines that do not read and are skipped: {}{more}", lines.join(", "));
                let fix = "remove those lines in an editor";
                findings.add(Finding::warning("log-bad-lines", &at, message).of(name).fix(fix));
            }
        }
    }
    Ok(())
}

/// Temporaries of ours whose makers are dead. What only begins like one is the user's.
pub(super) fn litter(layout: &Layout) -> Result<Vec<PathBuf>, Error> {
    let mut folders = vec![layout.root().to_owned(), layout.state(), layout.locks(), layout.skills()];
    folders.extend([layout.cache(), layout.sources()]);
    folders.extend(entries(&layout.rendered())?.iter().map(|target| layout.rendered().join(target)));
    for source in entries(&layout.sources())? {
        let folder = layout.sources().join(source);
        folders.extend(folder.is_dir().then_some(folder));
    }
    let mut litter = Vec::new();
    for folder in folders {
        for entry in entries(&folder)? {
            if entry.to_str().is_some_and(fs::is_abandoned_temporary) {
                litter.push(folder.join(entry));
            }
        }
    }
    Ok(litter)
}

fn unfinished(layout: &Layout, findings: &mut Findings) -> Result<(), Error> {
    if Record::load(layout)?.is_some_and(|record| record.is_cut_off()) {
        let message = "setup or its undo was cut off";
        let fix = "skillsync setup goes on from there, skillsync setup --undo takes it back";
        findings.add(Finding::warning("setup-unfinished", &layout.setup_record(), message).fix(fix));
    }
    if !entries(&layout.staging())?.is_empty() {
        let message = "work in progress: of a command that runs, or of one that was killed";
        let fix = "the next command that writes clears it up";
        findings.add(Finding::info("unfinished-work", &layout.staging(), message).fix(fix).fixable());
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<std::ffi::OsString>, Error> {
    Ok(fs::entries(folder)?.unwrap_or_default())
}

/// What of the file system matters: whether locks hold on it, and whether it is nearly full.
fn file_system(root: &Path, findings: &mut Findings) {
    if let Some(kind) = network(root) {
        let message =
            format!("the store is on a network file system ({kind}): locks may not hold between machines");
        let fix = "keep it on a local disk (SKILLSYNC_HOME), or use it from one machine at a time";
        findings.add(Finding::warning("network-filesystem", root, message).fix(fix));
    }
    // A file system that does not say is not judged.
    let Ok(state) = rustix::fs::statvfs(root) else { return };
    let free_bytes = state.f_bavail.saturating_mul(state.f_frsize);
    if free_bytes < LITTLE_BYTES {
        let message = format!("only {} MB are free on the disk of the store", free_bytes / 1_000_000);
        findings.add(
            Finding::warning("disk-nearly-full", root, message).fix("skillsync gc, or free space elsewhere"),
        );
    } else if state.f_files > 0 && state.f_favail < 1_000 {
        let message = format!("only {} more files fit on the disk of the store", state.f_favail);
        findings.add(
            Finding::warning("disk-nearly-full", root, message)
                .fix("skillsync gc, or remove files elsewhere"),
        );
    }
}

/// The name of a network file system, where the store is on one.
#[cfg(target_os = "linux")]
fn network(root: &Path) -> Option<&'static str> {
    // linux/magic.h.
    match rustix::fs::statfs(root).ok()?.f_type as u32 {
        0x6969 => Some("NFS"),
        0x517b => Some("SMB"),
        0xff53_4d42 | 0xfe53_4d42 => Some("CIFS"),
        0x0102_1997 => Some("9P"),
        0x00c3_6400 => Some("Ceph"),
        0x5346_414f => Some("AFS"),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn network(_root: &Path) -> Option<&'static str> {
    None
}
