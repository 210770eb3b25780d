//! Whole skills on their whole way: added, linked into five agents' folders, edited, committed, rolled back, exported.
//! With the skills of `testdata/skills`, and with published ones where `SKILLSYNC_CORPUS` names a folder of some.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]
#![expect(clippy::disallowed_methods, reason = "a test stands outside: it writes what a user would write")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use skillsync_testkit::{Machine, disk, oracle, say};

const START: &str = "<!-- skillsync:observation:start -->";
const END: &str = "<!-- skillsync:observation:end -->";

#[test]
fn our_own_skills_keep_every_byte() {
    check(&here().join("testdata/skills"));
}

#[test]
fn published_skills_keep_every_byte() {
    let corpus = std::env::var_os("SKILLSYNC_CORPUS").map(PathBuf::from).unwrap_or_default();
    if skills_in(&corpus).is_empty() {
        say("SKIPPED published skills: SKILLSYNC_CORPUS names no folder of skills");
        return;
    }
    check(&corpus);
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The skill folders in a folder, by name.
fn skills_in(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
    let skills = entries.filter(|entry| entry.path().join("SKILL.md").is_file());
    skills.map(|entry| (entry.file_name().into_string().unwrap(), entry.path())).collect()
}

/// Every payload file with its digest and whether it can be executed.
fn content(folder: &Path) -> BTreeMap<String, (String, bool)> {
    let executable = |path: &str| fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o100 != 0;
    let files = oracle::payload(folder).into_iter();
    files.map(|(path, digest)| (path.clone(), (digest, executable(&path)))).collect()
}

/// Copies a skill's payload as its author would hand it on: the bytes, and what can be executed.
fn copied(from: &Path, to: &Path) {
    for (path, (_, executable)) in content(from) {
        disk::write(&to.join(&path), fs::read(from.join(&path)).unwrap());
        let mode = if executable { 0o755 } else { 0o644 };
        fs::set_permissions(to.join(&path), fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn check(corpus: &Path) {
    let mut journey = Journey::begin(corpus);
    journey.add();
    journey.link();
    journey.agents_have(&journey.sources);

    let edited = journey.edit();
    journey.agents_have(&edited);
    journey.roll_back();
    journey.agents_have(&journey.sources);
    journey.export();
    journey.machine.run(&["verify"]).ok();
    let again = journey.machine.run(&["sync", "--json"]).ok().json();
    let quiet = |target: &Value| target["placed"] == Value::Array(Vec::new());
    assert!(again["targets"].as_array().unwrap().iter().all(quiet), "{again}");
    say(&format!("corpus: {} skills, {} files", journey.sources.len(), journey.files()));
}

struct Journey {
    machine: Machine,
    /// The skills as their authors wrote them, by name.
    sources: BTreeMap<String, PathBuf>,
}

impl Journey {
    fn begin(corpus: &Path) -> Journey {
        let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
        for (name, folder) in skills_in(corpus) {
            copied(&folder, &machine.path("corpus").join(name));
        }
        let sources = skills_in(&machine.path("corpus"));
        machine.run(&["init"]).ok();
        Journey { machine, sources }
    }

    fn files(&self) -> usize {
        self.sources.values().map(|folder| content(folder).len()).sum()
    }

    fn json(&self, args: &[&str]) -> Value {
        self.machine.run(&[args, &["--json"]].concat()).ok().json()
    }

    /// Adds all of them. From then on they go by the names they got: a SKILL.md may name itself otherwise.
    fn add(&mut self) {
        let report = self.json(&["add", "corpus", "--all"]);
        assert_eq!(report["failed"], Value::Array(Vec::new()));
        let folders = std::mem::take(&mut self.sources);
        for skill in report["added"].as_array().unwrap() {
            let folder = PathBuf::from(skill["path"].as_str().unwrap());
            assert_eq!(skill["content_hash"], oracle::content_hash(&folder).as_str(), "{skill}");
            self.sources.insert(skill["skill"].as_str().unwrap().to_owned(), folder);
        }
        let added: Vec<_> = self.sources.values().map(|folder| folder.canonicalize().unwrap()).collect();
        assert!(
            folders.len() == added.len() && folders.values().all(|folder| added.contains(folder)),
            "{report}"
        );
    }

    fn link(&self) {
        for tool in ["claude-code", "codex", "gemini-cli", "opencode"] {
            self.machine.agent(tool);
            self.machine.run(&["target", "add", "--tool", tool]).ok();
        }
        fs::create_dir_all(self.machine.path("elsewhere/skills")).unwrap();
        self.machine.run(&["target", "add", "--path", "elsewhere/skills"]).ok();
        self.machine.run(&["sync"]).ok();
    }

    /// The folders of the targets that hold skills; those whose agent reads another target's folder hold none.
    fn folders(&self) -> Vec<PathBuf> {
        let report = self.json(&["sync"]);
        let targets = report["targets"].as_array().unwrap();
        assert_eq!(targets.len(), 5, "{report}");
        let (covered, holding): (Vec<_>, Vec<_>) =
            targets.iter().map(|t| &t["target"]).partition(|t| !t["covered_by"].is_null());
        let path = |target: &&Value| PathBuf::from(target["path"].as_str().unwrap());
        for folder in covered.iter().map(path) {
            let entries = fs::read_dir(self.expanded(&folder)).map_or(0, Iterator::count);
            assert_eq!(entries, 0, "{} is read twice", folder.display());
        }
        assert!(holding.len() >= 3, "{report}");
        holding.iter().map(path).map(|folder| self.expanded(&folder)).collect()
    }

    fn expanded(&self, folder: &Path) -> PathBuf {
        folder.strip_prefix("~").map_or_else(|_| folder.to_owned(), |below| self.machine.home().join(below))
    }

    /// Every agent's folder holds the bytes and modes of `skills`, and each SKILL.md one footer more.
    fn agents_have(&self, skills: &BTreeMap<String, PathBuf>) {
        for folder in self.folders() {
            for (name, source) in skills {
                let entry = folder.join(name);
                let (mut ours, mut theirs) = (content(&entry), content(source));
                let at = entry.display();
                assert_eq!(ours.remove("SKILL.md").unwrap().1, theirs.remove("SKILL.md").unwrap().1, "{at}");
                assert_eq!(ours, theirs, "{at}");
                let text = fs::read(source.join("SKILL.md")).unwrap();
                let rendered = fs::read(entry.join("SKILL.md")).unwrap();
                let footer =
                    rendered.strip_prefix(&*text).unwrap_or_else(|| panic!("{at}: its text was changed"));
                let footer = String::from_utf8(footer.to_vec()).unwrap();
                assert!(
                    footer.trim_start().starts_with(START) && footer.trim_end().ends_with(END),
                    "{at}: {footer}"
                );
                assert_eq!(footer.matches(START).count(), 1, "{at}");
                assert!(footer.contains(&format!("skillsync observe {name} ")), "{at}: {footer}");
            }
        }
    }

    /// Changes each skill under its lease: a line more, a script more, one file less. Gives what it should be now.
    fn edit(&self) -> BTreeMap<String, PathBuf> {
        let mut edited = BTreeMap::new();
        for (name, source) in &self.sources {
            let copy = PathBuf::from(self.machine.run(&["edit", name]).ok().stdout.trim());
            assert_eq!(content(&copy), content(source), "{name}");
            let wanted = self.machine.path("edited").join(name);
            copied(source, &wanted);
            let gone = content(source).into_keys().find(|path| path != "SKILL.md");
            for folder in [&copy, &wanted] {
                let mut text = fs::read(folder.join("SKILL.md")).unwrap();
                text.extend_from_slice("\nA line more: ü.\n".as_bytes());
                disk::write(&folder.join("SKILL.md"), text);
                disk::write(&folder.join("added/run.sh"), "#!/bin/sh\n");
                fs::set_permissions(folder.join("added/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
                if let Some(gone) = &gone {
                    disk::remove(&folder.join(gone));
                }
            }
            let diff = self.machine.run(&["diff", name]).ok().json();
            let counts = &diff["summary"];
            let deleted = u64::from(gone.is_some());
            assert_eq!(
                (&counts["added"], &counts["modified"], &counts["deleted"]),
                (&1.into(), &1.into(), &deleted.into())
            );
            self.machine.run(&["commit", name, "--reason", "a line more"]).ok();
            edited.insert(name.clone(), wanted);
        }
        self.machine.run(&["sync"]).ok();
        edited
    }

    fn roll_back(&self) {
        for name in self.sources.keys() {
            self.machine.run(&["rollback", name]).ok();
        }
        self.machine.run(&["sync"]).ok();
    }

    fn export(&self) {
        for (name, source) in &self.sources {
            let out = self.machine.path("out").join(name);
            fs::create_dir_all(self.machine.path("out")).unwrap();
            self.machine.run(&["export", name, &out.display().to_string()]).ok();
            assert_eq!(content(&out), content(source), "{name}");
            // Nothing of ours comes along.
            let (ours, theirs) =
                (skillsync_testkit::Snapshot::of(&out), skillsync_testkit::Snapshot::of(source));
            let paths = |snapshot: &skillsync_testkit::Snapshot| {
                snapshot.iter().map(|(path, _)| path.to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(paths(&ours), paths(&theirs), "{name}");
            let info = self.json(&["info", name]);
            assert_eq!(
                (&info["version"], &info["content_hash"]),
                (&3.into(), &oracle::content_hash(source).into()),
                "{name}"
            );
        }
    }
}
