//! The rules that a test must not take the product's word for, written a second time from their description.

use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::disk::at;

/// The content hash of a skill folder as the contract states it: for each payload file, sorted by the bytes of its
/// path, feed `path LF hex(sha256(bytes)) LF`; the result is `sha256:` and 64 hex digits.
#[must_use]
pub fn content_hash(folder: &Path) -> String {
    let mut lines = Vec::new();
    collect(folder, "", &mut lines);
    lines.sort();
    let mut all = Sha256::new();
    for (path, digest) in lines {
        all.update(format!("{path}\n{digest}\n"));
    }
    format!("sha256:{}", hex::encode(all.finalize()))
}

/// The hex SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The payload files of a skill folder with the hex SHA-256 of each, sorted by path.
#[must_use]
pub fn payload(folder: &Path) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    collect(folder, "", &mut lines);
    lines.sort();
    lines
}

fn collect(folder: &Path, prefix: &str, lines: &mut Vec<(String, String)>) {
    for entry in at(fs::read_dir(folder), folder) {
        let entry = at(entry, folder);
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_payload(&name) {
            continue;
        }
        let path = entry.path();
        let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if at(fs::metadata(&path), &path).is_dir() {
            collect(&path, &relative, lines);
        } else {
            let bytes = at(fs::read(&path), &path);
            lines.push((relative, hex::encode(Sha256::digest(bytes))));
        }
    }
}

fn is_payload(name: &str) -> bool {
    let skipped = [".git", ".svn", ".hg", ".DS_Store", "__pycache__", ".meta.toml"];
    !skipped.contains(&name) && !name.ends_with(".pyc") && !name.starts_with(".skillsync")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk;

    #[test]
    fn the_published_vector_holds() {
        let dir = tempfile::tempdir().unwrap();
        disk::write(&dir.path().join("SKILL.md"), "# Hello\n");
        disk::write(&dir.path().join("scripts/run.sh"), "#!/bin/sh\n");
        disk::write(&dir.path().join(".meta.toml"), "not payload");
        disk::write(&dir.path().join("scripts/__pycache__/a.pyc"), "not payload");
        assert_eq!(
            content_hash(dir.path()),
            "sha256:f4763d59cede174af8bf6d7a5b1a174fcf86002a7200204b8ce38c3d8c621a1b"
        );
    }
}
