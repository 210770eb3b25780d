//! npm's `skills`, the most used client of open indexes. It needs a newer Node than most systems have, which npm can install
//! beside it: `./test` does, and says where with SKILLSYNC_NPM_SKILLS.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "what strangers do is done outside the product, and what fails in a helper fails its test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use skillsync_testkit::{Snapshot, say, snapshot::Entry};

/// npm's `skills`, installed in a folder.
pub(crate) struct Npm(PathBuf);

/// What it put into a project.
pub(crate) struct Added {
    _folder: tempfile::TempDir,
    skills: PathBuf,
    /// What it noted of it.
    pub(crate) lock: serde_json::Value,
}

impl Npm {
    /// Where it is installed; what is skipped without it is said.
    pub(crate) fn or_skip(what: &str) -> Option<Npm> {
        let found = std::env::var_os("SKILLSYNC_NPM_SKILLS").map(|folder| Npm(folder.into()));
        if found.is_none() {
            say(&format!(
                "SKIPPED: npm's `skills` against {what}; SKILLSYNC_NPM_SKILLS names no folder with it"
            ));
        }
        found
    }

    /// Adds every skill of the site at `origin` to an empty project, for Claude Code.
    pub(crate) fn add_all(&self, origin: &str) -> Added {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        fs::create_dir(&project).unwrap();
        let args = ["add", origin, "--skill", "*", "--agent", "claude-code", "--yes", "--copy"];
        let said = self.run(&args, &project, folder.path());
        let lock = fs::read(project.join("skills-lock.json")).unwrap_or_else(|e| panic!("{e}: {said}"));
        let lock = serde_json::from_slice(&lock).unwrap();
        Added { skills: project.join(".claude/skills"), _folder: folder, lock }
    }

    /// Runs it in the folder `cwd`, for the user at `home`; what it said.
    pub(crate) fn run(&self, args: &[&str], cwd: &Path, home: &Path) -> String {
        let bin = self.0.join("node_modules/.bin");
        let output = Command::new(bin.join("node"))
            .arg(bin.join("skills"))
            .args(args)
            .current_dir(cwd)
            .env_clear()
            .env("HOME", home)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DISABLE_TELEMETRY", "1")
            .env("CI", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

impl Added {
    /// It took these skills and no others, each with the paths and bytes of the folder.
    pub(crate) fn assert_bytes(&self, case: &str, expected: &[(&str, PathBuf)]) {
        let taken = fs::read_dir(&self.skills).unwrap().count();
        assert_eq!(taken, expected.len(), "{case}");
        for (skill, from) in expected {
            assert!(bytes(from) == bytes(&self.skills.join(skill)), "{case}: {skill}");
            assert_eq!(self.lock["skills"][skill]["sourceType"], "well-known", "{case}");
        }
    }
}

/// The paths and bytes of all files. Which of them may be executed is not told by every index.
fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let snapshot = Snapshot::of(folder);
    let files = snapshot.iter().filter(|(_, entry)| matches!(entry, Entry::File { .. }));
    let files: Vec<_> =
        files.map(|(path, _)| (path.to_owned(), fs::read(folder.join(path)).unwrap())).collect();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}
