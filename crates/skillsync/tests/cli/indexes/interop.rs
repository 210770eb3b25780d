//! The most used client of open indexes, npm's `skills`, takes every skill from a site that we export, and gets our bytes.
//!
//! It needs a newer Node than most systems have, which npm can install beside it:
//! `npm install --prefix FOLDER node@22 skills@1.7.4`, then `SKILLSYNC_NPM_SKILLS=FOLDER`.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "what strangers do is done outside the product, and what fails in a helper fails its test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use skillsync_testkit::{Machine, SkillBuilder, Snapshot, say};

use super::server::python;
use crate::stocked::stocked;

/// Runs `skills add ORIGIN --all` in an empty project and gives the folder that Claude Code would read.
fn added(prefix: &Path, origin: &str) -> (tempfile::TempDir, PathBuf, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("project");
    fs::create_dir(&project).unwrap();
    let bin = prefix.join("node_modules/.bin");
    let output = Command::new(bin.join("node"))
        .arg(bin.join("skills"))
        .args(["add", origin, "--skill", "*", "--agent", "claude-code", "--yes", "--copy"])
        .current_dir(&project)
        .env_clear()
        .env("HOME", folder.path())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DISABLE_TELEMETRY", "1")
        .env("CI", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let lock = fs::read(project.join("skills-lock.json")).unwrap_or_else(|e| panic!("{e}: {said}"));
    let lock = serde_json::from_slice(&lock).unwrap();
    (folder, project.join(".claude/skills"), lock)
}

#[test]
fn npm_skills_takes_every_skill_and_gets_our_bytes() {
    let Some(prefix) = std::env::var_os("SKILLSYNC_NPM_SKILLS").map(PathBuf::from) else {
        return say(
            "SKIPPED: npm's `skills` against our export; SKILLSYNC_NPM_SKILLS names no folder with it",
        );
    };
    let machine: Machine = stocked();
    machine.skill_folder("src/csv", &SkillBuilder::new("csv").description("Reads CSV. Use for tables."));
    machine.skill_folder(
        "src/deep",
        &SkillBuilder::new("deep")
            .file("references/a b.md", "blank\n")
            .file("a/b/c/d.bin", vec![0, 255, 13, 10]),
    );
    machine.run(&["add", "src/csv", "src/deep"]).ok();
    machine.run(&["export", "--site", "web"]).ok();
    // A site with the older index alone.
    machine.run(&["export", "--site", "old"]).ok();
    fs::remove_dir_all(machine.path("old/.well-known/agent-skills")).unwrap();
    for (site, version) in [("web", "v0.2.0"), ("old", "v0.1")] {
        let server = python(&machine.path(site));
        let (_keep, skills, lock) = added(&prefix, &server.origin);
        for skill in ["csv", "deep", "pdf"] {
            let ours = Snapshot::of(&machine.path(&format!("src/{skill}")));
            let theirs = Snapshot::of(&skills.join(skill));
            let bytes =
                |snapshot: &Snapshot| snapshot.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>();
            assert_eq!(bytes(&ours), bytes(&theirs), "{version}: {skill}");
            for path in bytes(&ours) {
                let (from, to) =
                    (machine.path(&format!("src/{skill}/{path}")), skills.join(skill).join(&path));
                if from.is_file() {
                    assert!(fs::read(from).unwrap() == fs::read(to).unwrap(), "{version}: {skill}/{path}");
                }
            }
            assert_eq!(lock["skills"][skill]["sourceType"], "well-known", "{version}");
        }
        if site == "web" {
            let index = machine.read("web/.well-known/agent-skills/index.json");
            let digest = lock["skills"]["pdf"]["wellKnownDigest"].as_str().unwrap();
            assert!(index.contains(digest), "it verified what we publish");
        }
        say(&format!("npm's skills takes 3 skills from an export, {version}"));
    }
}
