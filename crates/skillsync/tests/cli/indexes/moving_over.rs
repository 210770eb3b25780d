//! `setup` on a machine where other tools installed skills: they come over with what those noted, and an undo puts all back.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use serde_json::{Value, json};
use skillsync_testkit::{Machine, Output, SkillBuilder, disk, oracle};

use super::npm::Npm;
use super::server::{Server, python};
use crate::stocked::only_plans;

const LOCK: &str = ".agents/.skill-lock.json";

/// A site with the skill `web`, and a machine where npm's `skills` installed it and `git` for Claude Code, as links to the
/// one copy that it keeps, openskills installed `open`, and `own` is nobody's but the user's.
pub(super) fn installed() -> (Machine, Server, Machine) {
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
    says(&plan, "Skills to take into the store (1)\n  own\n");

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
fn the_lists_of_a_project_come_when_they_are_asked_for() {
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
    let of = |plan: &Value| -> Vec<String> {
        let lists = plan["imported"]["lists"].as_array().unwrap().iter();
        let skills = lists.flat_map(|list| list["skills"].as_array().unwrap());
        skills.map(|one| format!("{} {}", one["skill"], one["outcome"]).replace('"', "")).collect()
    };
    let plan = setup(&[]);
    assert_eq!(of(&plan), ["git added", "web followed", "open adopted"]);
    assert_eq!(plan["offered"], json!([project.join("skills-lock.json")]), "{plan}");
    let plan = setup(&["--here"]);
    assert_eq!(of(&plan), ["git added", "web followed", "open adopted", "team followed"]);
    assert_eq!(plan["imported"]["sources"].as_array().unwrap().len(), 1, "one site is one source: {plan}");
    assert!(reasons(&plan).contains(&"not-a-list".to_owned()), "{plan}");
    let plan = setup(&["--no-import"]);
    assert_eq!(of(&plan), [""; 0]);
    assert_eq!(reasons(&plan), ["foreign-link", "foreign-link"], "the links stay what they are: {plan}");
}

/// Why things were left alone.
fn reasons(plan: &Value) -> Vec<String> {
    let left = plan["left_alone"].as_array().unwrap().iter();
    left.map(|one| one["reason"].as_str().unwrap().to_owned()).collect()
}

/// The newest content becomes current, as without an import; what the tool installed is what updates are merged with.
#[test]
fn another_content_of_the_same_name_is_an_edit_of_what_was_installed() {
    let (publisher, _server, m) = installed();
    disk::remove(&m.path(".claude/skills/web"));
    m.skill_folder(
        ".claude/skills/web",
        &SkillBuilder::new("web").file("references/a.md", "a\n").file("mine.md", "mine\n"),
    );
    disk::age(&m.path(".agents/skills/web"), 1_600_000_000);
    let plan = m.run(&["setup", "--dry-run", "--json"]).ok().json();
    let contents = plan["conflicts"][0]["contents"].as_array().unwrap();
    assert_eq!(contents[0]["from"], json!([m.path(".claude/skills/web")]), "{plan}");
    assert_eq!(contents[1]["from"], json!([m.path(".agents/skills/web")]), "{plan}");
    assert_eq!((&contents[1]["in_store"], contents.len()), (&json!(false), 2), "{plan}");
    m.run(&["setup", "--yes"]).ok();
    assert_eq!(m.read(".claude/skills/web/mine.md"), "mine\n");
    let history = m.run(&["history", "web", "--json"]).ok().json();
    assert_eq!(history["versions"].as_array().unwrap().len(), 2, "{history}");
    disk::write(&publisher.path("src/web/references/a.md"), "b\n");
    publisher.run(&["add", "src/web", "--force"]).ok();
    publisher.run(&["export", "--site", "web"]).ok();
    m.run(&["sync"]).ok();
    let now = |path: &str| m.read(&format!(".claude/skills/web/{path}"));
    assert_eq!((now("mine.md").as_str(), now("references/a.md").as_str()), ("mine\n", "b\n"), "merged");
}

/// A list says what a skill was when it came: one that was edited since is the user's, and an update does not touch it.
#[test]
fn an_edited_skill_is_not_followed() {
    let (_publisher, server, m) = installed();
    m.skill_folder(".agents/skills/one", &SkillBuilder::new("one"));
    let digest = oracle::sha256(m.read(".agents/skills/one/SKILL.md").as_bytes());
    let url = format!("{}/.well-known/agent-skills/one/SKILL.md", server.origin);
    let one = json!({"source": "site", "sourceType": "well-known", "sourceUrl": url,
        "sourceBaseUrl": server.origin, "wellKnownDigest": format!("sha256:{digest}")});
    m.write(LOCK, json!({"version": 3, "skills": {"one": one}}).to_string());
    let row = |m: &Machine| {
        let plan = m.run(&["setup", "--dry-run", "--json"]).ok().json();
        let row = &plan["imported"]["lists"][0]["skills"][0];
        (row["outcome"].clone(), row["edited"].clone())
    };
    assert_eq!(row(&m), (json!("followed"), json!(false)));
    let text = m.read(".agents/skills/one/SKILL.md") + "My own line.\n";
    m.write(".agents/skills/one/SKILL.md", text);
    assert_eq!(row(&m), (json!("added"), json!(true)));
}

#[test]
fn what_was_removed_does_not_come_again() {
    let (_publisher, _server, m) = installed();
    m.run(&["setup", "--yes"]).ok();
    m.run(&["rm", "git", "--yes"]).ok();
    m.run(&["rm", "web", "--yes"]).ok();
    m.run(&["sync", "--offline"]).ok();
    let plan = m.run(&["setup", "--json"]).ok().json();
    let skills = plan["imported"]["lists"][0]["skills"].as_array().unwrap();
    assert!(skills.iter().all(|one| one["outcome"] == "removed"), "{plan}");
    assert!(!m.store("skills/git").exists() && !m.store("skills/web").exists());
    m.run(&["source", "import", LOCK, "--yes"]).ok();
    assert!(m.store("skills/git").exists() && m.store("skills/web").exists(), "it was asked for by name");
}

/// What a list says is told, and what cannot be taken is left alone like anything else that cannot.
#[test]
fn a_plan_says_what_comes_and_what_cannot() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    m.skill_folder(".claude/skills/csv", &SkillBuilder::new("csv"));
    m.skill_folder(".claude/skills/skillsync", &SkillBuilder::new("skillsync"));
    m.write(".claude/skills/.ic-managed.json", r#"["csv", "skillsync", "../up"]"#);
    let plan = m.run(&["setup", "--dry-run"]).ok();
    for text in [
        "https://skills.internetcomputer.org is followed, with all its skills",
        "csv  the script of ic-skills: https://skills.internetcomputer.org, followed",
        "an update replaces an edit",
        "`skillsync`: `skillsync` is the name of a skill that comes with skillsync",
        "`../up`: skill name",
    ] {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&plan.stdout).contains(&words(text)), "{text}: {plan}");
    }
    let done = m.run(&["setup", "--yes"]).ok();
    assert!(
        done.stdout.contains("1 skill was taken into ~/.skillsync, 1 of them from other tools."),
        "{done}"
    );
    assert!(done.stderr.contains("skillsync hook install"), "{done}");
    let again = m.run(&["setup"]).ok();
    assert!(again.stdout.contains("Everything is set up already"), "{again}");
}

/// Nobody says of a skill that it was taken when something is in the way of its link.
#[test]
fn a_skill_whose_link_cannot_be_is_taken_by_the_import() {
    let (_publisher, _server, m) = installed();
    disk::remove(&m.path(".claude/skills/git"));
    m.agent("opencode");
    m.skill_folder(".config/opencode/skills/git", &SkillBuilder::new("git"));
    disk::link("/nowhere", &m.path(".claude/skills/git"));
    let done = m.run(&["setup", "--yes", "--json"]).ok().json();
    let git = &done["imported"]["lists"][0]["skills"][0];
    assert_eq!((&git["skill"], &git["outcome"]), (&json!("git"), &json!("added")), "{done}");
    let adopted = done["adopted"].as_array().unwrap();
    assert!(adopted.iter().all(|one| one["name"] != "git") && m.store("skills/git").exists(), "{done}");
}

#[test]
fn an_undo_says_what_nothing_updates_any_more() {
    let (publisher, _server, m) = installed();
    m.run(&["setup", "--yes"]).ok();
    publisher.skill_folder("src/late", &SkillBuilder::new("late"));
    publisher.run(&["add", "src/late"]).ok();
    publisher.run(&["export", "--site", "web"]).ok();
    m.run(&["install", "late"]).ok();
    let plan = m.run(&["setup", "--undo", "--dry-run"]).ok();
    let undone = m.run(&["setup", "--undo", "--yes"]).ok();
    for output in [plan, undone] {
        assert!(
            output.stdout.contains("late  `127-0-0-1` is forgotten: nothing updates it any more"),
            "{output}"
        );
    }
    assert!(m.store("skills/late").exists() && !m.store("skills/web").exists());
}

/// What the store alone has by then stays there, and what nobody can tell of.
#[test]
fn an_undo_keeps_what_its_tool_has_no_more() {
    for is_blind in [false, true] {
        let (_publisher, _server, m) = installed();
        m.run(&["setup", "--yes"]).ok();
        disk::remove(&m.path(".agents/skills/git"));
        if is_blind {
            disk::remove(&m.path(".agents/skills"));
            disk::link("skills", &m.path(".agents/skills"));
        }
        let plan = m.run(&["setup", "--undo", "--dry-run", "--json"]).ok().json();
        let undone = m.run(&["setup", "--undo", "--yes", "--json"]);
        let undone = if is_blind { undone.fails(3) } else { undone.ok() }.json();
        assert_eq!(plan["keep"], undone["kept"], "{plan}");
        assert_eq!(undone["kept"][0]["name"], "git", "{undone}");
        assert!(m.store("skills/git").exists() && m.store("skills/web").exists() == is_blind);
        if is_blind {
            // Once it can be looked at, the next one decides.
            disk::remove(&m.path(".agents/skills"));
            m.skill_folder(".agents/skills/web", &SkillBuilder::new("web").file("references/a.md", "a\n"));
            m.run(&["setup", "--undo", "--yes"]).ok();
            assert!(m.store("skills/git").exists() && !m.store("skills/web").exists());
        }
    }
}

/// A skill that was here before setup is not setup's to take back, whoever was killed before it was noted.
#[test]
fn an_undo_leaves_what_was_here_before() {
    let (_publisher, server, m) = installed();
    m.run(&["init"]).ok();
    m.run(&["source", "add", &server.origin, "--kind", "index", "--chosen", "--yes"]).ok();
    m.run(&["install", "web"]).ok();
    const META: &str = ".skillsync/_meta.json";
    let mut meta: Value = serde_json::from_str(&m.read(META)).unwrap();
    meta["skills"]["web"]["state"] = "pending".into();
    m.write(META, meta.to_string());
    m.run(&["setup", "--yes"]).ok();
    m.run(&["setup", "--undo", "--yes"]).ok();
    assert!(m.store("skills/web").exists(), "it was installed before");
    assert_eq!(sources(&m), 1);
}

/// What was agreed to is what is done: a list that changes while the question stands brings nothing else.
#[test]
fn a_list_that_changes_after_it_was_shown_brings_nothing_else() {
    let commands = [("setup", "Set this up?"), ("source import", "Follow ")];
    let changes = [format!("cp other.json {LOCK}"), "rm -r .agents/skills/git".to_owned()];
    for ((args, question), change) in commands.iter().flat_map(|one| changes.iter().map(move |c| (one, c))) {
        let (_publisher, server, m) = installed();
        m.run(&["init"]).ok();
        let other = m.read(LOCK).replace(&server.origin, "https://elsewhere.example");
        m.write("other.json", other);
        let line = format!(
            "( for i in $(seq 600); do grep -q '{question}' said 2>/dev/null && break; sleep 0.05; done; \
               {change}; echo y; sleep 0.2 ) | script -qefc '{} {args}' said",
            m.binary().display()
        );
        let run = m.command_of("sh".as_ref(), &["-c", &line]).env("TERM", "xterm").env("SHELL", "/bin/sh");
        let output = run.run().fails(5);
        assert!(output.stdout.contains("has changed since the plan was made"), "{args}, {change}: {output}");
        assert_eq!(sources(&m), 0, "{args}, {change}: {output}");
        assert!(!m.store("skills/web").exists() && !m.store("skills/git").exists(), "{args}: {output}");
    }
}

/// What a tool noted among the files of a skill is no part of it, unless the user added the folder as it is.
#[test]
fn the_note_of_a_tool_is_no_content() {
    for first in [None, Some("import"), Some("add")] {
        let (_publisher, _server, m) = installed();
        let before = m.snapshot();
        m.run(&["init"]).ok();
        match first {
            Some("import") => drop(m.run(&["source", "import", ".claude/skills/open/.openskills.json"]).ok()),
            Some(add) => drop(m.run(&[add, ".claude/skills/open"]).ok()),
            None => {}
        }
        let plan = m.run(&["setup", "--dry-run", "--json"]).ok().json();
        assert_eq!(plan["conflicts"], json!([]), "{plan}");
        m.run(&["setup", "--yes"]).ok();
        let history = m.run(&["history", "open", "--json"]).ok().json();
        assert_eq!(history["versions"].as_array().unwrap().len(), 1, "{history}");
        assert_eq!(m.store("skills/open/.openskills.json").exists(), first == Some("add"));
        m.run(&["verify"]).ok();
        m.run(&["setup", "--undo", "--yes"]).ok();
        before.without(&[".skillsync"]).assert_same(&m.snapshot().without(&[".skillsync"]));
    }
}

/// What is offered of a project comes if it is asked for.
#[test]
fn a_list_that_brings_nothing_is_not_offered() {
    let (_publisher, _server, m) = installed();
    m.skill_folder("shop/.agents/skills/git", &SkillBuilder::new("git"));
    let git = json!({"source": "owner/repo", "sourceType": "github"});
    m.write("shop/skills-lock.json", json!({"version": 1, "skills": {"git": git}}).to_string());
    let plan = m.command(&["setup", "--dry-run", "--json"]).cwd(&m.path("shop")).run().ok().json();
    assert_eq!(plan["offered"], json!([]), "{plan}");
}
