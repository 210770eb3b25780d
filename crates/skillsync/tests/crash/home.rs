//! The homes that commands are crashed in, and the skills in them: each version of one can be told by every file of it.

use skillsync_testkit::{Machine, SkillBuilder, disk, oracle};
use std::path::Path;

pub(crate) const BIN: &str = env!("CARGO_BIN_EXE_skillsync");

/// Skills whose files carry the mark of their version.
pub(crate) const MARKED: &[&str] = &["alpha", "beta", "gamma", "delta"];

/// A version of a marked skill. Each file says the version, and a file comes and goes from one to the next.
pub(crate) fn skill(name: &str, version: u32) -> SkillBuilder {
    SkillBuilder::new(name)
        .body(&format!("# {name}\n\nmark: v{version}\n"))
        .script("scripts/run.sh", &format!("#!/bin/sh\necho mark: v{version}\n"))
        .file(&format!("data/only-in-v{version}.txt"), format!("mark: v{version}\n"))
}

/// The version that a folder holds. Panics unless it is exactly one whole version: a mixture is what a crash makes.
pub(crate) fn version_in(folder: &Path) -> u32 {
    let text = std::fs::read_to_string(folder.join("SKILL.md"))
        .unwrap_or_else(|e| panic!("{}: no SKILL.md: {e}", folder.display()));
    let version = (1..=9).find(|n| text.contains(&format!("mark: v{n}\n")));
    let Some(version) = version else { panic!("{}: SKILL.md without a mark:\n{text}", folder.display()) };
    let files: Vec<String> = oracle::payload(folder).into_iter().map(|(path, _)| path).collect();
    let own = format!("data/only-in-v{version}.txt");
    assert_eq!(files, ["SKILL.md", own.as_str(), "scripts/run.sh"], "{}", folder.display());
    for file in [own.as_str(), "scripts/run.sh"] {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            text.contains(&format!("mark: v{version}\n")),
            "{}: not of v{version}: {text:?}",
            path.display()
        );
    }
    version
}

/// Replaces the payload of a folder by another version, as a person's editor does.
pub(crate) fn rewrite(folder: &Path, name: &str, version: u32) {
    disk::remove(&folder.join("data"));
    skill(name, version).write(folder);
}

/// Two skills, two targets that were never synced, one observation, a comment in the configuration, and things of the
/// user's own in an agent's folder.
pub(crate) fn unsynced(m: &Machine) {
    let mine = m.agent("claude-code");
    m.agent("windsurf");
    skill("mine", 7).write(&mine.join("mine"));
    m.write("elsewhere/SKILL.md", "not ours\n");
    disk::link(m.path("elsewhere"), &mine.join("elsewhere"));
    m.run(&["init"]).ok();
    let config = m.read(".skillsync/config.toml");
    m.write(".skillsync/config.toml", format!("# kept comment\n{config}"));
    for name in ["alpha", "beta"] {
        m.skill_folder(&format!("src/{name}"), &skill(name, 1));
        m.run(&["add", &format!("src/{name}")]).ok();
    }
    m.run(&["target", "add", "--tool", "claude-code"]).ok();
    m.run(&["target", "add", "--path", &m.path("extra").to_string_lossy()]).ok();
    m.run(&["observe", "alpha", "--signal", "positive", "--note", "kept note"]).ok();
}

/// The same in sync.
pub(crate) fn two_skills(m: &Machine) {
    unsynced(m);
    m.run(&["sync"]).ok();
}

/// The same with an edit of `alpha` under way, changed to version 2.
pub(crate) fn edit_under_way(m: &Machine) {
    two_skills(m);
    m.run(&["edit", "alpha"]).ok();
    rewrite(&m.store("editing/alpha"), "alpha", 2);
}

/// The same with version 2 of `alpha` committed and not yet synced.
pub(crate) fn committed(m: &Machine) {
    edit_under_way(m);
    m.run(&["commit", "alpha", "--reason", "second"]).ok();
}

/// Old enough for its times to be believed, and seen by a sync since it was copied: from here on the store takes its
/// short cuts.
pub(crate) fn trusted(m: &Machine) {
    std::thread::sleep(std::time::Duration::from_millis(30));
    m.run(&["sync"]).ok();
}

/// The same with a hand edit in the canonical folder of `alpha`.
pub(crate) fn hand_edited(m: &Machine) {
    two_skills(m);
    rewrite(&m.store("skills/alpha"), "alpha", 2);
}

/// Agents with skills of their own and no store yet: one skill in two agents' folders, one in each alone.
pub(crate) fn scattered(m: &Machine) {
    let claude = m.agent("claude-code");
    let windsurf = m.agent("windsurf");
    for (folder, name) in [(&claude, "alpha"), (&claude, "beta"), (&windsurf, "alpha"), (&windsurf, "gamma")]
    {
        skill(name, 1).write(&folder.join(name));
    }
    m.write("elsewhere/SKILL.md", "not ours\n");
    disk::link(m.path("elsewhere"), &claude.join("elsewhere"));
}
