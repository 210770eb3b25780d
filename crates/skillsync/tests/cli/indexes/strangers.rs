//! Lists of a project that somebody else made: what they can and cannot bring to the user's own skills.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use serde_json::{Value, json};
use skillsync_testkit::{Machine, SkillBuilder, disk};

/// Claude Code with `pdf` of the user's own, and a project that was cloned.
fn cloned() -> Machine {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    m.skill_folder(".claude/skills/pdf", &SkillBuilder::new("pdf"));
    m.skill_folder("clone/.agents/skills/team", &SkillBuilder::new("team"));
    m
}

/// A list of npm's `skills` which says that skills came from a site.
fn lock(names: &[&str]) -> String {
    let one = json!({"source": "site", "sourceType": "well-known", "sourceUrl": "https://evil.example"});
    let skills: serde_json::Map<_, _> = names.iter().map(|name| ((*name).to_owned(), one.clone())).collect();
    json!({"version": 3, "skills": skills}).to_string()
}

fn here(m: &Machine, args: &[&str]) -> Value {
    m.command(&[args, &["--json"]].concat()).cwd(&m.path("clone")).run().either().json()
}

/// `skill outcome` of each row.
fn rows(imported: &Value) -> Vec<String> {
    let lists = imported["lists"].as_array().unwrap().iter();
    let skills = lists.flat_map(|list| list["skills"].as_array().unwrap());
    skills.map(|one| format!("{} {}", one["skill"], one["outcome"]).replace('"', "")).collect()
}

/// Neither by a list that is called like the user's own, nor by a link: what is the user's is followed nowhere.
#[test]
fn a_project_speaks_for_its_own_folders_alone() {
    let m = cloned();
    m.write("clone/.agents/.skill-lock.json", lock(&["pdf"]));
    m.write("clone/skills-lock.json", lock(&["linked", "pdf", "team"]));
    disk::link(m.path(".claude/skills/pdf"), &m.path("clone/.agents/skills/pdf"));
    // A link within the project is how its tool works.
    m.skill_folder("clone/shared/linked", &SkillBuilder::new("linked"));
    disk::link("../../shared/linked", &m.path("clone/.agents/skills/linked"));
    let expected = ["pdf failed", "linked followed", "pdf failed", "team followed"];
    let plan = here(&m, &["setup", "--here", "--dry-run"]);
    assert_eq!(rows(&plan["imported"]), expected, "{plan}");
    let failed = &plan["imported"]["lists"][1]["skills"][1];
    assert_eq!(failed["error"]["code"], "leads-out-of-project", "{failed}");
    disk::remove(&m.path("clone/.agents/skills/pdf"));
    let plan = here(&m, &["setup", "--here", "--dry-run"]);
    assert_eq!(rows(&plan["imported"])[0], "pdf missing", "{plan}");

    here(&m, &["setup", "--here", "--yes"]);
    let noted = m.read(".skillsync/_meta.json");
    assert!(noted.contains("\"team\"") && !noted.contains("\"pdf\""), "{noted}");
    let imported = here(&m, &["source", "import", ".agents/.skill-lock.json", "--yes"]);
    assert_eq!(rows(&imported), ["pdf present"], "{imported}");
}

/// A list that nobody named is shown before it counts, after the user's own.
#[test]
fn an_import_of_what_was_found_is_asked_for() {
    let m = cloned();
    m.run(&["init"]).ok();
    let git = json!({"source": "owner/repo", "sourceType": "github"});
    m.write("clone/skills-lock.json", json!({"version": 1, "skills": {"team": git}}).to_string());
    m.skill_folder(".agents/skills/team", &SkillBuilder::new("team").body("mine\n"));
    m.write(".agents/.skill-lock.json", json!({"version": 3, "skills": {"team": git}}).to_string());
    let import = |args: &[&str]| m.command(args).cwd(&m.path("clone")).run();
    let refused = import(&["source", "import"]).fails(2);
    assert!(refused.stdout.contains("team: would be added (from owner/repo)"), "{refused}");
    assert!(!m.store("skills/team").exists(), "{refused}");
    let imported = here(&m, &["source", "import", "--yes"]);
    assert_eq!(rows(&imported), ["team added", "team present"], "{imported}");
    assert!(m.read(".skillsync/skills/team/SKILL.md").contains("mine"), "the user's own counts first");
}

#[test]
fn nothing_that_is_followed_hides_in_a_plan() {
    let m = cloned();
    let names: Vec<String> = (10..40).map(|n| format!("skill-{n}")).collect();
    for name in &names {
        m.skill_folder(&format!("clone/.agents/skills/{name}"), &SkillBuilder::new(name));
    }
    let (followed, added) = names.split_at(15);
    let mut list: Value =
        serde_json::from_str(&lock(&followed.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    for name in added {
        list["skills"][name] = json!({"source": "owner/repo", "sourceType": "github"});
    }
    m.write("clone/skills-lock.json", list.to_string());
    let plan = m.command(&["setup", "--here", "--dry-run"]).cwd(&m.path("clone")).run().ok();
    let shown = |name: &String| plan.stdout.lines().any(|line| line.trim_start().starts_with(name));
    assert!(followed.iter().all(shown), "{plan}");
    assert!(!added.iter().all(shown) && plan.stdout.contains("and 3 more"), "{plan}");
}

/// Whoever does not ask for a stranger's list does no work for it but to read what it names.
#[test]
fn what_is_only_offered_is_not_read() {
    let m = cloned();
    m.write("clone/skills-lock.json", lock(&["team"]));
    let binary = m.binary().display().to_string();
    let line = ["-f", "-qq", "-o", "calls", "-e", "trace=open,openat", "--"];
    let output = m
        .command_of("strace".as_ref(), &[&line[..], &[&binary, "setup", "--dry-run", "--json"]].concat())
        .cwd(&m.path("clone"))
        .run()
        .ok();
    assert_eq!(output.json()["offered"], json!([m.path("clone/skills-lock.json")]), "{output}");
    let calls = m.read("clone/calls");
    assert!(calls.contains("skills-lock.json") && !calls.contains("skills/team"), "{calls}");
}

/// The same holds for a git checkout wherever it is found: setup and an import leave it alone.
#[test]
fn a_git_checkout_is_not_imported() {
    let m = cloned();
    m.write("clone/.agents/skills/team/.git/HEAD", "ref: refs/heads/main\n");
    m.write("clone/skills-lock.json", lock(&["team"]));
    let plan = here(&m, &["setup", "--here", "--dry-run"]);
    assert_eq!(rows(&plan["imported"]), ["team failed"], "{plan}");
    let error = &plan["imported"]["lists"][0]["skills"][0]["error"];
    let typed = format!("skillsync add '{}' takes", m.path("clone/.agents/skills/team").display());
    assert_eq!(error["code"], "git-checkout", "{plan}");
    assert!(error["hint"].as_str().unwrap().starts_with(&typed), "{plan}");
}

/// One list names what cannot be taken, another has it: what came is not told as failed.
#[test]
fn what_another_list_could_not_bring_is_no_failure() {
    let m = cloned();
    m.skill_folder(".agents/skills/git", &SkillBuilder::new("git"));
    m.write(".claude/skills/git/SKILL.md", "no head\n");
    m.write(".claude/skills/.ic-managed.json", "[\"git\"]");
    m.write(".agents/.skill-lock.json", lock(&["git"]));
    let done = m.run(&["setup", "--yes", "--json"]).ok().json();
    assert_eq!(rows(&done["imported"]), ["git failed", "git followed"], "{done}");
    assert_eq!(done["failed"], json!([]), "{done}");
}
