//! `setup` on a machine where other tools installed skills: they come over with what those noted, and an undo puts all back.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use serde_json::{Value, json};
use skillsync_testkit::{Machine, Output, SkillBuilder, disk};

use super::npm::Npm;
use super::server::{Server, python};
use crate::stocked::only_plans;

const LOCK: &str = ".agents/.skill-lock.json";

/// A site with the skill `web`, and a machine where npm's `skills` installed it and `git` for Claude Code, as links to the
/// one copy that it keeps, openskills installed `open`, and `own` is nobody's but the user's.
fn installed() -> (Machine, Server, Machine) {
    let publisher = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    publisher.run(&["init"]).ok();
    publisher.skill_folder("src/web", &SkillBuilder::new("web").file("references/a.md", "a\n"));
    publisher.run(&["add", "src/web"]).ok();
    publisher.run(&["export", "--site", "web"]).ok();
    let server = python(&publisher.path("web"));

    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    m.skill_folder(".agents/skills/web", &SkillBuilder::new("web").file("references/a.md", "a\n"));
    m.skill_folder(".agents/skills/git", &SkillBuilder::new("git"));
    for name in ["web", "git"] {
        disk::link(format!("../../.agents/skills/{name}"), &m.path(&format!(".claude/skills/{name}")));
    }
    let index: Value =
        serde_json::from_str(&publisher.read("web/.well-known/agent-skills/index.json")).unwrap();
    let lock = json!({"version": 3, "skills": {
        "web": {"source": "site", "sourceType": "well-known", "sourceUrl": server.origin,
            "wellKnownDigest": index["skills"][0]["digest"]},
        "git": {"source": "owner/repo", "sourceType": "github", "skillPath": "skills/git/SKILL.md", "ref": "main"}}});
    m.write(LOCK, serde_json::to_vec(&lock).unwrap());
    m.skill_folder(".claude/skills/open", &SkillBuilder::new("open"));
    m.write(
        ".claude/skills/open/.openskills.json",
        r#"{"source": "owner/repo", "sourceType": "git", "subpath": "open"}"#,
    );
    m.skill_folder(".claude/skills/own", &SkillBuilder::new("own"));
    (publisher, server, m)
}

/// The reason of the first version of a skill.
fn reason(m: &Machine, name: &str) -> String {
    let history = m.run(&["history", name, "--json"]).ok().json();
    let versions = history["versions"].as_array().unwrap();
    versions.iter().find(|version| version["number"] == 1).unwrap()["reason"].to_string()
}

fn sources(m: &Machine) -> usize {
    m.run(&["source", "list", "--json"]).ok().json()["sources"].as_array().unwrap().len()
}

/// What one command brings over, it also gives back.
#[test]
fn a_user_of_other_tools_moves_over_in_one_command() {
    let (publisher, server, m) = installed();
    let before = m.snapshot();
    let plan = only_plans(&m, &["setup"]);
    let says = |output: &Output, text: &str| assert!(output.stdout.contains(text), "{text}: {output}");
    says(&plan, "Skills that other tools installed (3)");
    says(&plan, &format!("npm's skills: {}, followed from now on", server.origin));
    says(&plan, &format!("{} is followed", server.origin));
    says(&plan, "openskills: owner/repo/open");

    let done = m.run(&["setup", "--yes"]).ok();
    says(&done, "4 skills were taken into ~/.skillsync, 3 of them from other tools.");
    for name in ["web", "git", "open", "own"] {
        let place = m.path(&format!(".claude/skills/{name}"));
        let to = std::fs::read_link(&place).unwrap_or_else(|e| panic!("{name} is no link: {e}"));
        assert!(to.starts_with(m.store("rendered")), "{name}: {}", to.display());
    }
    assert!(reason(&m, "git").contains("npm's skills: owner/repo/skills/git@main"));
    assert!(
        reason(&m, "open").contains("found in ~/.claude/skills, installed by openskills: owner/repo/open")
    );
    m.run(&["verify"]).ok();
    let again = m.run(&["setup"]).ok();
    says(&again, "Everything is set up already");

    // It has the version that it had, and follows from there: nothing is fetched that it has.
    assert_eq!(sources(&m), 1);
    let counts = |m: &Machine| m.run(&["sync", "--json"]).ok().json()["sources"][0]["counts"].clone();
    assert_eq!(counts(&m), json!({"added": 0, "updated": 0, "removed": 0, "unchanged": 1}));
    disk::write(&publisher.path("src/web/references/a.md"), "b\n");
    publisher.run(&["add", "src/web", "--force"]).ok();
    publisher.run(&["export", "--site", "web"]).ok();
    assert_eq!(counts(&m), json!({"added": 0, "updated": 1, "removed": 0, "unchanged": 0}));
    assert_eq!(m.read(".claude/skills/web/references/a.md"), "b\n");
    assert_eq!(m.read(".agents/skills/web/references/a.md"), "a\n", "theirs is left alone");

    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).ok().json();
    assert_eq!(undone["sources"].as_array().unwrap().len(), 1, "{undone}");
    assert_eq!(undone["kept"][0]["name"], "web", "it came on since: {undone}");
    before.without(&[".skillsync"]).assert_same(&m.snapshot().without(&[".skillsync"]));
    assert_eq!(sources(&m), 0);
    assert!(!m.read(".skillsync/_meta.json").contains("\"web\""), "nothing is followed any more");
}

/// Whatever agents it installed for: all of them share one copy, or the only one has its own.
#[test]
fn what_npm_skills_itself_installed_is_followed() {
    let Some(npm) = Npm::or_skip("setup") else { return };
    let publisher = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    publisher.run(&["init"]).ok();
    publisher.skill_folder("src/web", &SkillBuilder::new("web").file("references/a.md", "a\n"));
    publisher.skill_folder("src/csv", &SkillBuilder::new("csv"));
    publisher.run(&["add", "src", "--all"]).ok();
    publisher.run(&["export", "--site", "web"]).ok();
    let server = python(&publisher.path("web"));
    for agents in [&["claude-code", "codex"][..], &["windsurf"]] {
        let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
        for agent in agents {
            m.agent(agent);
        }
        let args =
            [&["add", &server.origin, "--global", "--yes", "--skill", "*", "--agent"], agents].concat();
        npm.run(&args, m.home(), m.home());
        let before = m.snapshot().without(&[".skillsync", ".npm", ".cache"]);
        let done = m.run(&["setup", "--yes", "--json"]).ok().json();
        assert_eq!(done["imported"]["sources"][0]["url"], server.origin.as_str(), "{agents:?}: {done}");
        assert_eq!(sources(&m), 1, "{agents:?}: {done}");
        let synced = m.run(&["sync", "--json"]).ok().json();
        let counts = &synced["sources"][0]["counts"];
        assert_eq!(*counts, json!({"added": 0, "updated": 0, "removed": 0, "unchanged": 2}), "{agents:?}");
        m.run(&["setup", "--undo", "--yes"]).ok();
        before.assert_same(&m.snapshot().without(&[".skillsync", ".npm", ".cache"]));
    }
}

#[test]
fn the_lists_of_a_project_come_too_and_no_import_leaves_all_of_them() {
    let (_publisher, server, m) = installed();
    let project = m.path("shop");
    m.skill_folder("shop/.agents/skills/team", &SkillBuilder::new("team"));
    let lock = json!({"version": 1, "skills": {"team": {"source": "site", "sourceType": "well-known",
        "sourceUrl": server.origin}}});
    m.write("shop/skills-lock.json", serde_json::to_vec(&lock).unwrap());
    m.write("shop/.clawhub/lock.json", "not a list");
    let setup = |args: &[&str]| {
        m.command(&[&["setup", "--dry-run", "--json"], args].concat()).cwd(&project).run().ok().json()
    };
    let plan = setup(&[]);
    let of = |plan: &Value| -> Vec<String> {
        let lists = plan["imported"]["lists"].as_array().unwrap().iter();
        let skills = lists.flat_map(|list| list["skills"].as_array().unwrap());
        skills.map(|one| format!("{} {}", one["skill"], one["outcome"]).replace('"', "")).collect()
    };
    assert_eq!(of(&plan), ["team followed", "git added", "web followed", "open added"]);
    assert_eq!(plan["imported"]["sources"].as_array().unwrap().len(), 1, "one site is one source: {plan}");
    let left = plan["left_alone"].as_array().unwrap();
    assert!(left.iter().any(|one| one["reason"] == "not-a-list"), "{plan}");
    let plan = setup(&["--no-import"]);
    assert_eq!(of(&plan), [""; 0]);
    let left: Vec<&Value> = plan["left_alone"].as_array().unwrap().iter().map(|one| &one["reason"]).collect();
    assert_eq!(left, ["foreign-link", "foreign-link"], "the links stay what they are: {plan}");
}

/// What stands in an agent's folder under the name of a skill that comes over, but is another content, is not lost.
#[test]
fn another_content_of_the_same_name_is_asked_about_and_kept() {
    let (_publisher, _server, m) = installed();
    disk::remove(&m.path(".claude/skills/web"));
    m.skill_folder(".claude/skills/web", &SkillBuilder::new("web").file("references/a.md", "mine\n"));
    let plan = m.run(&["setup", "--dry-run", "--json"]).ok().json();
    let contents = plan["conflicts"][0]["contents"].as_array().unwrap();
    assert_eq!(contents[0]["from"], json!([m.path(".agents/skills/web")]), "{plan}");
    assert_eq!((contents[0]["in_store"].clone(), contents.len()), (json!(false), 2), "{plan}");
    m.run(&["setup", "--yes"]).ok();
    assert_eq!(
        m.read(".claude/skills/web/references/a.md"),
        "a\n",
        "what the tool installed is kept before it"
    );
    let history = m.run(&["history", "web", "--json"]).ok().json();
    assert_eq!(history["versions"].as_array().unwrap().len(), 3, "{history}");
    m.run(&["setup", "--undo", "--yes"]).ok();
    assert_eq!(m.read(".claude/skills/web/references/a.md"), "mine\n");
    assert!(!m.store("skills/web").exists());
}
