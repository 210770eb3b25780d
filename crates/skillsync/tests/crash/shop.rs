//! The project that commands are crashed in, `shop`, and what must hold of it and of the store at every moment and
//! after the command was run again: what an undisturbed run gives, and no byte less.

use std::collections::BTreeSet;
use std::time::Duration;

use skillsync_testkit::crash::{Case, Hit};
use skillsync_testkit::snapshot::Entry;
use skillsync_testkit::{Machine, SkillBuilder, Snapshot, disk};
use toml_edit::DocumentMut;

use crate::home::BIN;
use crate::invariant::{consistent, expendable, history, skills};

/// The copies of the skill `pdf` and of the command `greet`.
pub(crate) const COPIES: [&str; 2] = ["shop/.claude/skills/pdf", "shop/.claude/commands/greet.md"];
const DEPLOYMENTS: &str = "shop/.claude/.skillsync-deployed.toml";
/// What says who was last here, and caches.
const VOLATILE: [&str; 3] = [".skillsync/state/index", ".skillsync/state/mutex", ".skillsync/state/projects"];

/// A text with two places far enough apart that changes of them merge.
fn body(top: &str, bottom: &str) -> String {
    let between = "as it was\n".repeat(6);
    format!("\ntop: {top}\n\n{between}\nbottom: {bottom}\n")
}

/// The skill `pdf`: the top of its text brings a file with it, the bottom another script.
fn pdf(top: &str, bottom: &str) -> SkillBuilder {
    SkillBuilder::new("pdf")
        .body(&format!("# pdf\n{}", body(top, bottom)))
        .script("scripts/run.sh", &format!("#!/bin/sh\necho bottom: {bottom}\n"))
        .file(&format!("data/{top}.txt"), format!("top: {top}\n"))
}

/// The command `greet`.
fn greet(top: &str, bottom: &str) -> String {
    format!("Greet whoever is there.\n{}", body(top, bottom))
}

/// A store with `pdf` and `greet`, and a project with things of its own that has neither.
pub(crate) fn stocked(m: &Machine) {
    m.run(&["init"]).ok();
    m.skill_folder("src/pdf", &pdf("one", "one"));
    m.write("src/greet.md", greet("one", "one"));
    m.run(&["add", "src/pdf"]).ok();
    m.run(&["add", "src/greet.md", "--type", "command"]).ok();
    disk::remove(&m.path("src"));
    m.write("shop/README.md", "not ours\n");
    m.write("shop/.claude/settings.json", "{}\n");
    m.skill_folder("shop/.claude/skills/mine", &SkillBuilder::new("mine"));
}

/// The same with both deployed.
pub(crate) fn deployed(m: &Machine) {
    stocked(m);
    m.run(&["deploy", "pdf", "greet", "shop"]).ok();
}

/// The same with both at version 2 in the store: their tops are changed.
pub(crate) fn outdated(m: &Machine) {
    deployed(m);
    for name in ["pdf", "greet"] {
        m.run(&["edit", name]).ok();
    }
    pdf("two", "one").write(&m.store("editing/pdf"));
    m.write(".skillsync/editing/greet/greet.md", greet("two", "one"));
    for name in ["pdf", "greet"] {
        m.run(&["commit", name, "--reason", "second"]).ok();
    }
}

/// Changes both copies.
fn edit(m: &Machine, top: &str, bottom: &str) {
    pdf(top, bottom).write(&m.path(COPIES[0]));
    m.write(COPIES[1], greet(top, bottom));
}

/// Both deployed, and changed in the project alone.
pub(crate) fn edited(m: &Machine) {
    deployed(m);
    edit(m, "one", "mine");
}

/// Both changed on either side, in places that merge.
pub(crate) fn apart(m: &Machine) {
    outdated(m);
    edit(m, "one", "mine");
}

/// Both changed on either side; in `pdf` at the same place.
pub(crate) fn at_odds(m: &Machine) {
    apart(m);
    pdf("other", "mine").write(&m.path(COPIES[0]));
}

/// Both deployed; `pdf` deleted in the project, `greet` changed there.
pub(crate) fn deleted(m: &Machine) {
    edited(m);
    disk::remove(&m.path(COPIES[0]));
}

/// A pull of `at_odds`, its conflict decided in the working copy.
pub(crate) fn decided(m: &Machine) {
    at_odds(m);
    m.run(&["sync", "pull", "shop", "--yes"]).fails(5);
    pdf("both", "mine").write(&m.store("editing/pdf"));
}

/// A command to crash in the project.
pub(crate) struct Scene<'a> {
    pub(crate) args: &'a [&'a str],
    pub(crate) prepare: fn(&Machine),
    /// The code of an undisturbed run.
    pub(crate) exits: i32,
    /// Codes that a run may end with after another one.
    pub(crate) again: &'a [i32],
}

impl Scene<'_> {
    /// Crashes it everywhere and judges each time.
    #[track_caller]
    pub(crate) fn crash(&self, name: &str) {
        let undisturbed = Undisturbed::of(self);
        let settle = |m: &Machine, hit: &Hit| {
            if hit.acknowledged() {
                undisturbed.is_reached(m);
            }
            let mut codes = self.again.to_vec();
            codes.push(self.exits);
            m.run(self.args).one_of(&codes);
            undisturbed.is_reached(m);
            nothing_is_lost(m, &undisturbed.texts);
            // Clears up what a run that found nothing to do had no reason to.
            m.run(&["sync"]).ok();
            consistent(m);
            elsewhere(&hit.before).assert_same(&elsewhere(&m.snapshot()));
            let before = m.snapshot().without(&VOLATILE);
            m.run(self.args).one_of(&codes);
            before.assert_same(&m.snapshot().without(&VOLATILE));
        };
        Case::new(name, BIN, self.args)
            .prepare(self.prepare)
            .exits(self.exits)
            // Old enough for its times to be believed, each time: else what is read twice would be up to the clock.
            .warm(|_| std::thread::sleep(Duration::from_millis(30)))
            .thin(2)
            .thin_errors(4)
            .live(|m| undisturbed.is_whole(m))
            .durable(|path| expendable(path) || path.ends_with(".index"))
            .settle(settle)
            .run();
    }
}

fn elsewhere(of: &Snapshot) -> Snapshot {
    of.without(&[".skillsync", "shop"])
}

/// What a run that nothing disturbs begins with and gives.
struct Undisturbed {
    before: Snapshot,
    after: Snapshot,
    deployments: [Option<String>; 2],
    store: Vec<History>,
    check: String,
    /// Every text that the user had in the project and in the store.
    texts: BTreeSet<String>,
}

/// An artifact of the store with its versions.
type History = (String, Vec<(i64, String, String)>);

impl Undisturbed {
    fn of(scene: &Scene<'_>) -> Undisturbed {
        let m = Machine::new(BIN);
        (scene.prepare)(&m);
        let before = m.snapshot();
        let deployed_before = deployments(&m);
        m.run(scene.args).one_of(&[scene.exits]);
        Undisturbed {
            texts: texts(&before),
            before: contents(&before),
            after: contents(&m.snapshot()),
            deployments: [deployed_before, deployments(&m)],
            store: store(&m),
            check: check(&m),
        }
    }

    /// At any moment: each copy is the old one or the new one, the deployment file reads and names only such, and
    /// nothing else in the project has changed.
    fn is_whole(&self, m: &Machine) {
        let now = m.snapshot();
        for copy in COPIES {
            let same = |of: &Snapshot| of.only(copy).diff(&now.only(copy));
            let (old, new) = (same(&self.before), same(&self.after));
            assert!(old.is_empty() || new.is_empty(), "{copy} is neither old:\n{old}nor new:\n{new}");
        }
        let known = |path: &str| self.before.get(path).or(self.after.get(path)).is_some();
        for (path, _) in now.only("shop").iter() {
            assert!(known(path) || path == DEPLOYMENTS || path.contains("/.skillsync-"), "{path} is new");
        }
        let hashes = |text: &Option<String>| text.as_deref().map(deployed_hashes).unwrap_or_default();
        let [old, new] = &self.deployments;
        let there = deployments(m);
        assert!(there.is_some() || old.is_none() || new.is_none(), "the deployment file is gone");
        for hash in hashes(&there) {
            let is_known = hashes(old).contains(&hash) || hashes(new).contains(&hash);
            assert!(is_known, "the deployment file names {hash}, which was never deployed");
        }
        nothing_is_lost(m, &self.texts);
    }

    /// Project and store are as after a run that nothing disturbed, but for times.
    fn is_reached(&self, m: &Machine) {
        self.after.assert_same(&contents(&m.snapshot()));
        assert_eq!(deployments(m), self.deployments[1]);
        assert_eq!(store(m), self.store);
        assert_eq!(check(m), self.check);
    }
}

/// What people and agents see: the project without its deployment file, and the working copies that somebody holds.
fn contents(of: &Snapshot) -> Snapshot {
    let is_other = |path: &&str| match path.split('/').collect::<Vec<_>>()[..] {
        [root] => root != "shop" && root != ".skillsync",
        [".skillsync", room] => room != "editing",
        [".skillsync", "editing", name] => of.get(&format!(".skillsync/locks/{name}.lock")).is_none(),
        _ => *path == DEPLOYMENTS,
    };
    of.without(&of.iter().map(|(path, _)| path).filter(is_other).collect::<Vec<_>>())
}

/// Every one of these texts is somewhere: live, in trash, in history, or in a temporary.
pub(crate) fn nothing_is_lost(m: &Machine, texts: &BTreeSet<String>) {
    let mut files = Vec::new();
    for (path, entry) in m.snapshot().iter() {
        if matches!(entry, Entry::File { .. }) {
            files.extend(std::fs::read(m.path(path)));
        }
    }
    for text in texts {
        let has = |file: &Vec<u8>| file.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(files.iter().any(has), "this is nowhere any more:\n{text}");
    }
}

/// No temporary is left in the project, and what its deployment file names reads.
pub(crate) fn is_tidy(m: &Machine) {
    let all = m.snapshot().only("shop");
    let mut litter = all.iter().map(|(path, _)| path).filter(|path| path.contains("/.skillsync-"));
    assert_eq!(litter.find(|path| *path != DEPLOYMENTS), None, "a temporary was left");
    let _ = deployments(m).as_deref().map(deployed_hashes);
}

/// The user's texts in copies, canonical folders and working copies.
pub(crate) fn texts(of: &Snapshot) -> BTreeSet<String> {
    let roots = ["shop/", ".skillsync/skills/", ".skillsync/editing/"];
    let is_users = |path: &str| {
        roots.iter().any(|root| path.starts_with(root))
            && path != DEPLOYMENTS
            && !path.ends_with(".meta.toml")
    };
    let all = of.iter().filter(|(path, _)| is_users(path));
    let texts = all.filter_map(|(_, entry)| match entry {
        Entry::File { text, .. } => text.clone(),
        _ => None,
    });
    texts.collect()
}

/// The deployment file, if there is one, without its times.
fn deployments(m: &Machine) -> Option<String> {
    let timeless = |line: &str| match line.split_once(" = ") {
        Some((key, _)) if key.ends_with("_at") || key.ends_with("_check") => format!("{key} = 'then'\n"),
        _ => format!("{line}\n"),
    };
    m.path(DEPLOYMENTS).exists().then(|| m.read(DEPLOYMENTS).lines().map(timeless).collect())
}

/// The contents that a deployment file says are deployed. Panics when it does not read.
fn deployed_hashes(text: &str) -> BTreeSet<String> {
    let file: DocumentMut = text.parse().unwrap_or_else(|e| panic!("{DEPLOYMENTS}: {e}\n{text}"));
    assert_eq!(file["format"].as_integer(), Some(1), "{text}");
    let records = file["deployed"].as_array_of_tables().into_iter().flatten();
    records.filter_map(|record| Some(record.get("content_hash")?.as_str()?.to_owned())).collect()
}

fn store(m: &Machine) -> Vec<History> {
    skills(m).into_iter().map(|(name, _)| (name.clone(), history(m, &name))).collect()
}

/// What `sync check` says of the project, and how it ends.
fn check(m: &Machine) -> String {
    let out = m.run(&["sync", "check", "shop", "--json"]).either();
    let mut said = out.json();
    for one in said["artifacts"].as_array_mut().into_iter().flatten() {
        one["last_deployed"] = "then".into();
    }
    format!("{:?} {said:#}", out.code).replace(&*m.home().to_string_lossy(), "~")
}
