//! A hub and the machines that use it. Whatever a test does, when it ends no key that was issued in it may stand in the
//! hub's log or folder, in anything that a program printed, or on a machine but in the one file for it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use skillsync_testkit::hub::Options;
use skillsync_testkit::{Hub, Machine, Outcome, SkillBuilder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_skillsync");

/// What was issued and said in one test.
#[derive(Default)]
struct Record {
    keys: RefCell<Vec<String>>,
    said: RefCell<String>,
}

/// A hub. Made first and dropped last.
pub(crate) struct Scene {
    pub(crate) hub: Hub,
    record: Rc<Record>,
}

/// A machine with a store, logged in at the hub as the source `team`.
pub(crate) struct Host {
    pub(crate) machine: Machine,
    pub(crate) key: String,
    record: Rc<Record>,
}

impl Scene {
    /// A new hub.
    pub(crate) fn new() -> Scene {
        Self::with(Options::default())
    }

    /// A new hub with these options.
    pub(crate) fn with(options: Options) -> Scene {
        let hub = Hub::with(Path::new(PROGRAM), options);
        let record = Rc::<Record>::default();
        record.keys.borrow_mut().push(hub.admin_key().to_owned());
        Scene { hub, record }
    }

    /// Where the hub listens: `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        self.hub.url().trim_start_matches("http://").to_owned()
    }

    /// A key of the hub for `account`.
    pub(crate) fn key(&self, account: &str, scopes: &str) -> String {
        let key = self.hub.key(account, scopes, "of a test");
        self.record.keys.borrow_mut().push(key.clone());
        key
    }

    /// A machine of `account` that may do what `scopes` say.
    pub(crate) fn host(&self, account: &str, scopes: &str) -> Host {
        let host = self.stranger(self.key(account, scopes));
        host.join(&self.hub.url(), self.hub.root_sha256(), "team");
        host
    }

    /// A machine with a store that knows no hub.
    pub(crate) fn stranger(&self, key: String) -> Host {
        let host = Host { machine: Machine::new(PROGRAM), key, record: Rc::clone(&self.record) };
        host.run(&["init"]).ok();
        host
    }
}

impl Host {
    /// Adds a hub as a source, and its key.
    pub(crate) fn join(&self, url: &str, root_sha256: &str, name: &str) {
        let add = ["source", "add", url, "--name", name, "--root-sha256", root_sha256, "--key-stdin"];
        let added = self.machine.command(&add).stdin(self.key.clone()).run();
        self.note(&added);
        added.ok();
    }

    /// Runs the program.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.run_with(args, &[])
    }

    /// Runs the program with more variables.
    pub(crate) fn run_with(&self, args: &[&str], variables: &[(String, String)]) -> Outcome {
        let mut run = self.machine.command(args);
        for (name, value) in variables {
            run = run.env(name, value);
        }
        let outcome = run.run();
        self.note(&outcome);
        outcome
    }

    /// Remembers what a run printed.
    pub(crate) fn note(&self, outcome: &Outcome) {
        self.record.said.borrow_mut().push_str(&outcome.to_string());
    }

    /// Makes a skill of this machine, or commits its next version.
    pub(crate) fn author(&self, skill: &SkillBuilder, name: &str) {
        let source = format!("src/{name}");
        skillsync_testkit::disk::remove(&self.machine.path(&source));
        self.machine.skill_folder(&source, skill);
        self.run(&["add", &source, "--force"]).ok();
    }

    /// Adds Claude Code, so that what is installed can be seen where it is used.
    pub(crate) fn with_agent(self) -> Host {
        self.machine.agent("claude-code");
        self.run(&["target", "add", "--tool", "claude-code"]).ok();
        self
    }

    /// A skill as the agent finds it, through links.
    pub(crate) fn seen_by_agent(&self, path: &str) -> String {
        self.machine.read(&format!(".claude/skills/{path}"))
    }

    /// Polls once, which must go well, and gives the report.
    pub(crate) fn poll(&self) -> serde_json::Value {
        self.run(&["poll", "--json"]).ok().json()
    }

    /// The content hash of a skill, computed from what lies in the store.
    pub(crate) fn content(&self, name: &str) -> String {
        skillsync_testkit::oracle::content_hash(&self.machine.store(&format!("skills/{name}")))
    }

    /// Publishes `name` for everybody and gives the hub's answer.
    pub(crate) fn publish(&self, name: &str) -> serde_json::Value {
        self.run(&["publish", name, "--public", "--json"]).ok().json()
    }
}

/// What became of each skill, by a report of `poll`, `install` or `update`.
pub(crate) fn outcomes(report: &serde_json::Value) -> BTreeMap<String, String> {
    let sources = report["sources"].as_array().cloned().unwrap_or_default();
    let skills = sources.iter().flat_map(|source| source["skills"].as_array().cloned().unwrap_or_default());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    skills.map(|skill| (text(&skill["skill"]), text(&skill["outcome"]))).collect()
}

/// The same as a value to compare with.
pub(crate) fn became<const N: usize>(expected: [(&str, &str); N]) -> BTreeMap<String, String> {
    expected.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())).into()
}

/// The part of a key that opens anything.
fn secret(key: &str) -> &str {
    key.split('_').nth(3).unwrap_or(key)
}

/// The files below `folder` with a secret of `keys` in them.
fn leaks(folder: &Path, keys: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(leaks(&path, keys));
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let holds = |key: &String| {
                let secret = secret(key).as_bytes();
                bytes.windows(secret.len()).any(|window| window == secret)
            };
            if keys.iter().any(holds) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let mut found = leaks(self.machine.home(), &self.record.keys.borrow());
        found.retain(|path| !(path.contains("/.skillsync/sources/") && path.ends_with("/key")));
        assert_eq!(found, Vec::<String>::new(), "a key lies where it should not");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let (keys, said) = (self.record.keys.borrow(), self.record.said.borrow());
        let log = self.hub.log();
        for (number, key) in keys.iter().enumerate() {
            assert!(!said.contains(secret(key)), "a key was printed:\n{said}");
            // The first one was shown once, as it was made.
            let shown = log.matches(secret(key)).count();
            assert_eq!(shown, usize::from(number == 0), "a key is in the hub's log");
        }
        assert_eq!(leaks(&self.hub.data(), &keys), Vec::<String>::new(), "the hub knows a key");
    }
}
