//! Where replaced things wait 24 hours. Nothing of a user's is deleted: it is moved here first.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use skillsync_core::limits;

use crate::fs;
use crate::layout::Layout;

/// How an entry's folder is named: `20261120T093000Z-<what>-<unique>`.
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// Something that waits in trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The folder that holds it.
    pub path: PathBuf,
    /// When it was put there.
    pub since: Timestamp,
}

/// The trash of one store.
#[derive(Debug, Clone, Copy)]
pub struct Trash<'a> {
    layout: &'a Layout,
    now: Timestamp,
}

impl<'a> Trash<'a> {
    /// The trash of `layout`, at the time `now`.
    pub fn new(layout: &'a Layout, now: Timestamp) -> Self {
        Self { layout, now }
    }

    /// Makes an empty entry for something called `what`; where in it things go is up to the caller.
    pub fn entry(&self, what: &str) -> Result<PathBuf, fs::Error> {
        let name = format!("{}-{what}-", self.now.strftime(STAMP));
        let path = self.layout.trash().join(fs::unique_name(&name));
        fs::make_dir(&path)?;
        // What is moved into it must not be lost with its name.
        fs::sync_dir(&self.layout.trash())?;
        Ok(path)
    }

    /// Moves `path` into trash, durably, and says where it is now. `what` names the entry for people.
    pub fn put(&self, path: &Path, what: &str) -> Result<PathBuf, fs::Error> {
        self.put_as(path, what, path.file_name().unwrap_or(std::ffi::OsStr::new("it")))
    }

    /// Like [`Trash::put`], under another name than the one it has.
    pub fn put_as(&self, path: &Path, what: &str, name: &std::ffi::OsStr) -> Result<PathBuf, fs::Error> {
        let entry = self.entry(what)?;
        let to = entry.join(name);
        fs::relocate(path, &to)?;
        fs::sync_dir(&entry)?;
        Ok(to)
    }

    /// All entries, oldest first. What is not named like an entry is not ours.
    pub fn list(&self) -> Result<Vec<Entry>, fs::Error> {
        let names = fs::entries(&self.layout.trash())?.unwrap_or_default();
        Ok(names
            .iter()
            .filter_map(|name| {
                let stamp = name.to_str()?.get(..16)?;
                let time = jiff::civil::DateTime::strptime(STAMP, stamp).ok()?;
                let since = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
                Some(Entry { path: self.layout.trash().join(name), since })
            })
            .collect())
    }

    /// The entries that have waited long enough.
    pub fn expired(&self) -> Result<Vec<Entry>, fs::Error> {
        let limit = SignedDuration::from_hours(limits::TRASH_HOURS);
        Ok(self.list()?.into_iter().filter(|e| self.now.duration_since(e.since) >= limit).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_wait_a_day_and_no_less() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().to_owned());
        fs::make_dirs(&layout.trash()).unwrap();
        let file = dir.path().join("notes");
        fs::create(&file, b"mine", fs::Mode::Plain).unwrap();
        let then: Timestamp = "2026-11-20T09:30:00Z".parse().unwrap();
        let now = Trash::new(&layout, then).put(&file, "pdf").unwrap();
        assert_eq!(fs::read(&now, 10).unwrap(), b"mine");
        fs::make_dir(&layout.trash().join("not-ours")).unwrap();
        for (hours, expired) in [(0, 0), (23, 0), (24, 1), (200, 1)] {
            let later = then + SignedDuration::from_hours(hours);
            assert_eq!(Trash::new(&layout, later).expired().unwrap().len(), expired, "{hours} h");
        }
    }
}
