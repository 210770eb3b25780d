//! A machine with a store and a project beside it, and what the tests of projects do with both.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]
#![expect(clippy::disallowed_methods, reason = "a test stands outside: it writes what a user would write")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use skillsync_testkit::{Machine, Outcome, Output, SkillBuilder, disk, oracle};
use toml_edit::{DocumentMut, Table};

use crate::stocked::{overwrite, replace};

/// The project, relative to the home.
pub(super) const PROJECT: &str = "work/app";
/// Its deployment file.
pub(super) const RECORDS: &str = "work/app/.claude/.skillsync-deployed.toml";
/// The copy of `pdf` that the project has.
pub(super) const COPY: &str = "work/app/.claude/skills/pdf/SKILL.md";

/// A skill that two people can edit far apart, with a script, a text and a file that is no text.
pub(super) fn pdf() -> SkillBuilder {
    SkillBuilder::new("pdf")
        .body("# pdf\n\nFirst step.\n\nSecond step.\n\nThird step.\n\nFourth step.\n")
        .script("scripts/run.sh", "#!/bin/sh\necho hi\n")
        .file("references/forms.md", "# Forms\n\nFill them in.\n")
        .file("assets/logo.png", b"\x89PNG\x00\xff".to_vec())
}

/// A machine with a store and a project.
pub(super) struct Site {
    pub(super) machine: Machine,
}

impl Site {
    /// An empty store, and a project that is a repository with one file.
    pub(super) fn empty() -> Site {
        let site = Site { machine: Machine::new(env!("CARGO_BIN_EXE_skillsync")) };
        site.machine.run(&["init"]).ok();
        site.machine.write(&format!("{PROJECT}/README.md"), "An app.\n");
        site.git(&["init", "--quiet", "--initial-branch=main"]);
        site.save("begin");
        site
    }

    /// The same with `pdf` in the store.
    pub(super) fn stocked() -> Site {
        let site = Site::empty();
        site.add("pdf", &pdf());
        site
    }

    /// The same with `pdf` deployed and committed to the project's repository.
    pub(super) fn deployed() -> Site {
        let site = Site::stocked();
        site.deploy(&["pdf"]).ok();
        site.save("deploy pdf");
        site
    }

    /// Another machine, with an empty store and a clone of this project.
    pub(super) fn teammate(&self) -> Site {
        let site = Site { machine: Machine::new(env!("CARGO_BIN_EXE_skillsync")) };
        site.machine.run(&["init"]).ok();
        let from = self.project().display().to_string();
        git(&site.machine, site.machine.home(), &["clone", "--quiet", &from, PROJECT]);
        site
    }

    /// Where the project is.
    pub(super) fn project(&self) -> PathBuf {
        self.machine.path(PROJECT)
    }

    /// Adds a skill to the store.
    pub(super) fn add(&self, name: &str, skill: &SkillBuilder) {
        self.machine.skill_folder(&format!("src/{name}"), skill);
        self.run(&["add", &format!("src/{name}")]).ok();
    }

    /// Adds a command or an agent to the store.
    pub(super) fn add_markdown(&self, artifact_type: &str, name: &str, text: &str) {
        let path = format!("src/{name}.md");
        self.machine.write(&path, text);
        self.run(&["add", &path, "--type", artifact_type]).ok();
    }

    pub(super) fn run(&self, args: &[&str]) -> Outcome {
        self.machine.run(args)
    }

    /// Runs `deploy NAMES PROJECT --json`; options may stand among the names.
    pub(super) fn deploy(&self, names: &[&str]) -> Outcome {
        self.run(&[&["deploy", "--json"], names, &[PROJECT]].concat())
    }

    /// Runs `sync pull PROJECT --yes --json` with these options.
    pub(super) fn pull(&self, options: &[&str]) -> Outcome {
        self.run(&[&["sync", "pull", PROJECT, "--yes", "--json"], options].concat())
    }

    /// Pulls, and all of it is settled.
    #[track_caller]
    pub(super) fn pulled(&self, options: &[&str]) -> Value {
        let output = self.pull(options).ok();
        let result = output.json();
        assert_eq!(result["status"], "success", "{output}");
        assert_eq!(result["conflicts"], serde_json::json!([]), "{output}");
        result
    }

    /// What `sync check --json` says; it ends with 1 exactly where it says that something drifted.
    #[track_caller]
    pub(super) fn check(&self, options: &[&str]) -> Value {
        let output = self.run(&[&["sync", "check", PROJECT, "--json"], options].concat()).one_of(&[0, 1, 3]);
        let checked = output.json();
        let drifted = checked["drift_detected"].as_bool().unwrap();
        assert_eq!(output.code == Some(1), drifted, "{output}");
        assert_eq!(checked["drift_count"], checked["artifacts"].as_array().unwrap().len(), "{output}");
        assert_eq!(drifted, checked["drift_count"] != 0, "{output}");
        checked
    }

    /// What `sync check --json` says of one artifact that drifted; null when it did not.
    #[track_caller]
    pub(super) fn drift(&self, name: &str) -> Value {
        let checked = self.check(&[]);
        assert_eq!(checked["failed"], serde_json::json!([]), "{checked}");
        let artifacts = checked["artifacts"].as_array().unwrap();
        artifacts.iter().find(|one| one["artifact_name"] == name).cloned().unwrap_or(Value::Null)
    }

    /// The state of an artifact in one word, ` converged` with it where that is said.
    #[track_caller]
    pub(super) fn state(&self, name: &str) -> String {
        let drift = self.drift(name);
        let converged = if drift["converged"] == true { " converged" } else { "" };
        format!("{}{converged}", drift["drift_type"].as_str().unwrap_or("synced"))
    }

    /// The version of an artifact in the store.
    pub(super) fn version(&self, name: &str) -> u64 {
        self.run(&["info", name, "--json"]).ok().json()["version"].as_u64().unwrap()
    }

    /// The versions of an artifact, the newest first.
    pub(super) fn history(&self, name: &str) -> Vec<Value> {
        let history = self.run(&["history", name, "--json"]).ok().json();
        history["versions"].as_array().unwrap().clone()
    }

    /// Content hash of a skill in the store, computed by hand.
    pub(super) fn in_store(&self, name: &str) -> String {
        oracle::content_hash(&self.machine.store(&format!("skills/{name}")))
    }

    /// Content hash of a skill's copy in the project, computed by hand.
    pub(super) fn in_project(&self, name: &str) -> String {
        oracle::content_hash(&self.machine.path(&format!("{PROJECT}/.claude/skills/{name}")))
    }

    /// The SKILL.md that the store has.
    pub(super) fn store_text(&self, name: &str) -> String {
        self.machine.read(&format!(".skillsync/skills/{name}/SKILL.md"))
    }

    /// Writes `to` for `from` in the SKILL.md of a copy in the project.
    pub(super) fn edit_copy(&self, name: &str, from: &str, to: &str) {
        replace(&self.machine, &format!("{PROJECT}/.claude/skills/{name}/SKILL.md"), from, to);
    }

    /// Commits a version of a skill with `to` for `from` in its SKILL.md.
    pub(super) fn commit(&self, name: &str, from: &str, to: &str) {
        self.commit_files(name, |editing| replace(&self.machine, &format!("{editing}/SKILL.md"), from, to));
    }

    /// Commits a version of a skill after `change`, which is given the working copy relative to the home.
    pub(super) fn commit_files(&self, name: &str, change: impl FnOnce(&str)) {
        self.run(&["edit", name]).ok();
        change(&format!(".skillsync/editing/{name}"));
        self.run(&["commit", name, "--reason", "a reason"]).ok();
    }

    /// Marks a skill for removal and removes it.
    pub(super) fn remove(&self, name: &str) {
        self.run(&["rm", name]).ok();
        self.run(&["sync"]).ok();
        assert!(!self.machine.store(&format!("skills/{name}")).exists());
    }

    /// Writes a file of the project, executable or not.
    pub(super) fn write(&self, path: &str, bytes: impl AsRef<[u8]>, mode: u32) {
        let path = format!("{PROJECT}/{path}");
        overwrite(&self.machine, &path, bytes);
        self.set_mode(&path, mode);
    }

    /// Gives a file below the home this mode.
    pub(super) fn set_mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.machine.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Runs git in the project.
    pub(super) fn git(&self, args: &[&str]) -> Output {
        git(&self.machine, &self.project(), args)
    }

    /// Commits all of the project to its repository.
    pub(super) fn save(&self, message: &str) {
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
    }

    /// The records of a deployment file below the home.
    pub(super) fn records(&self, path: &str) -> Vec<Table> {
        let document: DocumentMut = self.machine.read(path).parse().unwrap();
        document["deployed"].as_array_of_tables().unwrap().iter().cloned().collect()
    }

    /// The record of an artifact.
    pub(super) fn record(&self, name: &str) -> Table {
        let is_it = |record: &Table| record["artifact_name"].as_str() == Some(name);
        self.records(RECORDS).into_iter().find(is_it).unwrap()
    }

    /// The whole project, times included.
    pub(super) fn stamps(&self) -> Vec<String> {
        let mut stamps = Vec::new();
        stamp(&self.project(), &mut stamps);
        stamps
    }

    /// Every file in trash that holds `text`.
    pub(super) fn in_trash(&self, text: &str) -> usize {
        let all = self.machine.snapshot().only(".skillsync/trash");
        let paths = all.iter().map(|(path, _)| self.machine.path(path));
        let read = paths.filter_map(|path| fs::read(path).ok());
        read.filter(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes())).count()
    }

    /// Empties trash, as a day does.
    pub(super) fn empty_trash(&self) {
        let trash = self.machine.store("trash");
        disk::remove(&trash);
        fs::create_dir(&trash).unwrap();
    }
}

/// Runs git as nobody in particular.
pub(super) fn git(machine: &Machine, folder: &Path, args: &[&str]) -> Output {
    let name = ["-c", "user.name=Ada", "-c", "user.email=ada@host.test", "-c", "core.hooksPath=/dev/null"];
    let run = machine.command_of(Path::new("git"), &[&name, args].concat()).cwd(folder);
    run.env("GIT_CONFIG_GLOBAL", "/dev/null").run().ok()
}

fn stamp(path: &Path, stamps: &mut Vec<String>) {
    let meta = fs::symlink_metadata(path).unwrap();
    let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
    let bytes = if meta.is_file() { fs::read(path).unwrap() } else { Vec::new() };
    stamps.push(format!("{} {} {:o} {times:?} {bytes:?}", path.display(), meta.ino(), meta.mode()));
    if meta.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| stamp(entry, stamps));
    }
}
