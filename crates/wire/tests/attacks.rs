//! The attacks as files, so that another program can check itself: every folder of `testdata/attacks` has what was served,
//! what the client knew, and how it must end. `UPDATE_VECTORS=1` writes the folders again, from the hub of `threats` with
//! its fixed keys and times; without it they must be, byte for byte, what that hub makes.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "the folders are read from disk, and written when the environment says so"
)]

#[path = "threats/hub.rs"]
#[expect(dead_code, reason = "the threats ask more of the hub in memory")]
mod hub;
#[path = "attacks/folder.rs"]
mod folder;
#[path = "attacks/manifests.rs"]
mod manifests;
#[path = "attacks/releases.rs"]
mod releases;
#[path = "attacks/signatures.rs"]
mod signatures;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use folder::{Attack, Files, complaints};

/// The rows of the table of threats that documents alone can break. 15, 20 and 26 need a network, 24 and 25 a disk.
const ROWS: [u32; 21] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 21, 22, 23];

fn home() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/attacks"))
}

/// The folders as they are made, by name.
fn made() -> BTreeMap<String, Files> {
    let all: Vec<Attack> = [signatures::all(), manifests::all(), releases::all()].concat();
    let count = all.len();
    let made: BTreeMap<_, _> =
        all.into_iter().map(|attack| (attack.name.to_owned(), attack.files())).collect();
    assert_eq!(made.len(), count, "a name is there twice");
    made
}

/// The folders as they are on disk.
fn stored() -> BTreeMap<String, Files> {
    let entries = |path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    let folders = entries(home()).filter(|entry| name(entry) != "README.md");
    let files = |folder: &fs::DirEntry| {
        entries(folder.path()).map(|file| (name(&file), fs::read(file.path()).unwrap())).collect()
    };
    folders.map(|folder| (name(&folder), files(&folder))).collect()
}

fn write(made: &BTreeMap<String, Files>) {
    for old in stored().keys() {
        fs::remove_dir_all(home().join(old)).unwrap();
    }
    for (name, files) in made {
        fs::create_dir_all(home().join(name)).unwrap();
        for (file, bytes) in files {
            fs::write(home().join(name).join(file), bytes).unwrap();
        }
    }
}

/// The rows that have no folder.
fn rows_without(folders: &BTreeMap<String, Files>) -> Vec<u32> {
    let rows: BTreeSet<u32> = folders.keys().filter_map(|name| name.get(..2)?.parse().ok()).collect();
    ROWS.into_iter().filter(|row| !rows.contains(row)).collect()
}

#[test]
fn every_attack_ends_as_its_folder_says() {
    let made = made();
    if std::env::var_os("UPDATE_VECTORS").is_some_and(|value| value == "1") {
        write(&made);
    }
    let stored = stored();
    assert_eq!(rows_without(&stored), [0; 0], "rows of the table without a folder");
    let said: Vec<String> = stored.iter().flat_map(|(name, files)| complaints(name, files)).collect();
    assert!(said.is_empty(), "{}", said.join("\n"));
    let names = |folders: &BTreeMap<String, Files>| folders.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&stored), names(&made));
    for (name, files) in &made {
        for (file, bytes) in files {
            assert!(stored[name].get(file) == Some(bytes), "{name}/{file} is not what the hub makes");
        }
        assert_eq!(stored[name].len(), files.len(), "{name}");
    }
}

#[test]
fn a_folder_that_is_not_whole_is_complained_of() {
    let made = made();
    let name = "01-honest";
    assert_eq!(complaints(name, &made[name]), [""; 0]);
    for file in made[name].keys() {
        let mut files = made[name].clone();
        files.remove(file);
        assert!(!complaints(name, &files).is_empty() || file.starts_with("archive-"), "without {file}");
        let mut files = made[name].clone();
        files.get_mut(file).unwrap()[0] ^= 1;
        assert!(!complaints(name, &files).is_empty(), "{file} spoilt");
    }
    for (file, other) in
        [("notes.txt", "01-honest"), ("root-3.json", "01-honest"), ("after.json", "06-older")]
    {
        let mut files = made[other].clone();
        files.insert(file.to_owned(), b"{}".to_vec());
        assert!(!complaints(other, &files).is_empty(), "with {file}");
    }
    assert!(!complaints("02-honest", &made[name]).is_empty(), "of another row");
    let less = made.into_iter().filter(|(name, _)| !name.starts_with("12-")).collect();
    assert_eq!(rows_without(&less), [12]);
}
