//! Who lists what: agents read each other's folders, so a skill that is linked everywhere may be listed twice.
//! Rules only; which folders there are and what is in them, the caller says.

mod coverage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

pub use coverage::{Seat, coverage};

use crate::tools::Listing;

/// A skill as it stands in one of the folders that an agent reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The name that the agent lists it by.
    pub name: String,
    /// The folder that it stands in.
    #[serde(serialize_with = "lossy")]
    pub dir: PathBuf,
    /// The folder that it really is, links followed.
    #[serde(serialize_with = "lossy")]
    pub real: PathBuf,
    /// Length of its description in characters.
    pub description_chars: usize,
    /// Length of its name in characters.
    pub name_chars: usize,
    /// Whether we put it there.
    pub managed: bool,
}

/// An entry that the agent lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// What it takes of the budget, in characters: its name, and its description up to the cap of one entry.
    pub chars: usize,
    /// Whether the listing is still within its budget with this entry. Which ones an agent really cuts is its own
    /// affair; that this many do not fit is not.
    pub fits: bool,
}

/// An entry behind another of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hidden {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// The folder of the entry that is listed in its place.
    #[serde(serialize_with = "lossy")]
    pub listed_from: PathBuf,
    /// What it takes of the budget, in characters, in an agent that lists it nevertheless.
    pub chars: usize,
}

/// What one agent lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// What it lists, in order of precedence: its own folder, then the others as it reads them, each by name.
    pub listed: Vec<Listed>,
    /// The same skill once more: same name, same real folder. Some agents fold these, some list them twice.
    pub duplicates: Vec<Hidden>,
    /// Another skill of the same name, in a folder that is read later.
    pub shadowed: Vec<Hidden>,
    /// Characters of all that is listed, each name counted once.
    pub used_chars: usize,
    /// Most characters that the agent shows; none: not known.
    pub budget_chars: Option<usize>,
    /// `used_chars` in per cent of the budget, rounded up, so that 101 means over; none: no budget known.
    pub used_percent: Option<usize>,
}

impl Effective {
    /// The entries that do not fit the budget.
    pub fn overflow(&self) -> impl Iterator<Item = &Listed> {
        self.listed.iter().filter(|listed| !listed.fits)
    }
}

/// What an agent lists that reads `own` first and then `scans` in their order, when these folders hold `entries`.
///
/// The first entry of a name is the one listed. Entries in folders that it does not read are left out. Paths are
/// compared as they are, so give all of them resolved, or none.
pub fn effective(own: &Path, scans: &[PathBuf], entries: &[Entry], budget: Option<&Listing>) -> Effective {
    let mut ranks: BTreeMap<&Path, usize> = BTreeMap::new();
    for (rank, dir) in [own].into_iter().chain(scans.iter().map(PathBuf::as_path)).enumerate() {
        ranks.entry(dir).or_insert(rank);
    }
    let mut read: Vec<(usize, &Entry)> =
        entries.iter().filter_map(|entry| Some((*ranks.get(entry.dir.as_path())?, entry))).collect();
    read.sort_by_key(|(rank, entry)| (*rank, &entry.name));

    let budget_chars = budget.and_then(|listing| listing.budget_chars);
    let entry_chars = budget.and_then(|listing| listing.entry_chars);
    let mut result = Effective {
        listed: Vec::new(),
        duplicates: Vec::new(),
        shadowed: Vec::new(),
        used_chars: 0,
        budget_chars,
        used_percent: None,
    };
    let mut winners: BTreeMap<&str, &Entry> = BTreeMap::new();
    for (_, entry) in read {
        let description = entry.description_chars.min(entry_chars.unwrap_or(usize::MAX));
        let chars = entry.name_chars.saturating_add(description);
        let winner = *winners.entry(&entry.name).or_insert(entry);
        if std::ptr::eq(winner, entry) {
            result.used_chars = result.used_chars.saturating_add(chars);
            let fits = budget_chars.is_none_or(|budget| result.used_chars <= budget);
            result.listed.push(Listed { entry: entry.clone(), chars, fits });
        } else {
            let behind =
                if winner.real == entry.real { &mut result.duplicates } else { &mut result.shadowed };
            behind.push(Hidden { entry: entry.clone(), listed_from: winner.dir.clone(), chars });
        }
    }
    result.used_percent = budget_chars
        .filter(|budget| *budget > 0)
        .map(|budget| result.used_chars.saturating_mul(100).div_ceil(budget));
    result
}

/// A report must not fail on a path that is not UTF-8: it is shown as far as it can be.
fn lossy<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `dir/name` leads to `real`; ten characters of name, `chars` of description.
    fn entry(path: &str, real: &str, chars: usize) -> Entry {
        let (dir, name) = path.rsplit_once('/').unwrap();
        Entry {
            name: name.to_owned(),
            dir: dir.into(),
            real: real.into(),
            description_chars: chars,
            name_chars: 10,
            managed: true,
        }
    }

    /// Reads `/own`, then `/b`, `/a`; entries as (path, real, chars); results as paths.
    fn check(entries: &[(&str, &str, usize)], listed: &[&str], duplicates: &[&str], shadowed: &[&str]) {
        let entries: Vec<Entry> =
            entries.iter().map(|(path, real, chars)| entry(path, real, *chars)).collect();
        let scans = ["/b", "/a", "/own"].map(PathBuf::from);
        let mut shuffled = entries.clone();
        shuffled.reverse();
        for entries in [entries, shuffled] {
            let found = effective(Path::new("/own"), &scans, &entries, None);
            let path = |entry: &Entry| entry.dir.join(&entry.name).display().to_string();
            let hidden = |list: &[Hidden]| list.iter().map(|hidden| path(&hidden.entry)).collect::<Vec<_>>();
            assert_eq!(found.listed.iter().map(|listed| path(&listed.entry)).collect::<Vec<_>>(), listed);
            assert_eq!(hidden(&found.duplicates), duplicates);
            assert_eq!(hidden(&found.shadowed), shadowed);
            assert_eq!((found.used_percent, found.overflow().count()), (None, 0));
        }
    }

    #[test]
    fn the_first_folder_read_wins() {
        check(&[], &[], &[], &[]);
        // Reading order, not the order of names, decides between folders.
        check(
            &[("/a/x", "/1", 0), ("/b/y", "/2", 0), ("/own/z", "/3", 0), ("/own/q", "/4", 0)],
            &["/own/q", "/own/z", "/b/y", "/a/x"],
            &[],
            &[],
        );
        check(
            &[("/a/x", "/1", 0), ("/b/x", "/1", 0), ("/own/x", "/1", 0)],
            &["/own/x"],
            &["/b/x", "/a/x"],
            &[],
        );
        check(
            &[("/a/x", "/1", 0), ("/b/x", "/2", 0), ("/own/x", "/1", 0)],
            &["/own/x"],
            &["/a/x"],
            &["/b/x"],
        );
        // The same folder under two names is two skills; a folder that is not read is none.
        check(&[("/own/x", "/1", 0), ("/own/y", "/1", 0)], &["/own/x", "/own/y"], &[], &[]);
        check(&[("/c/x", "/1", 0)], &[], &[], &[]);
    }

    #[test]
    fn what_is_over_the_budget_is_counted() {
        let check =
            |budget: (Option<usize>, Option<usize>), used: usize, percent: Option<usize>, over: &[&str]| {
                let listing = Listing { budget_chars: budget.0, entry_chars: budget.1 };
                let entries = [
                    entry("/own/x", "/1", 90),
                    entry("/own/y", "/2", 190),
                    entry("/a/x", "/1", 90),
                    entry("/a/z", "/3", 0),
                ];
                let found = effective(Path::new("/own"), &["/a".into()], &entries, Some(&listing));
                let overflow: Vec<&str> = found.overflow().map(|listed| listed.entry.name.as_str()).collect();
                assert_eq!((found.used_chars, found.used_percent), (used, percent), "{budget:?}");
                assert_eq!(overflow, over, "{budget:?}");
            };
        check((None, None), 310, None, &[]);
        check((Some(310), None), 310, Some(100), &[]);
        check((Some(309), None), 310, Some(101), &["z"]);
        check((Some(100), None), 310, Some(310), &["y", "z"]);
        check((Some(8_000), Some(50)), 130, Some(2), &[]);
        check((None, Some(50)), 130, None, &[]);
        check((Some(0), None), 310, None, &["x", "y", "z"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_text_does_not_spoil_the_report() {
        use std::os::unix::ffi::OsStrExt;
        let odd = Path::new(std::ffi::OsStr::from_bytes(b"/own\xff"));
        let entry = Entry { dir: odd.to_owned(), ..entry("/own/x", "/1", 5) };
        let json = serde_json::to_value(effective(odd, &[], &[entry], None)).unwrap();
        assert_eq!(json["listed"][0]["dir"], "/own\u{fffd}");
        assert_eq!((&json["listed"][0]["name"], &json["listed"][0]["chars"]), (&"x".into(), &15.into()));
    }
}
