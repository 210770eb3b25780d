//! Skills of other tools come over with what those noted, and are followed from then on.
#![expect(clippy::disallowed_methods, reason = "what strangers do is done outside the product")]

use std::fs;

use skillsync_testkit::{Machine, SkillBuilder, disk};

use super::server::{Server, python};
use crate::stocked::{only_plans, refuses};

/// A site of 23 skills, and a machine on which a script of another tool put copies of them.
fn mirrored() -> (Machine, Server, Machine) {
    let publisher = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    let reader = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    publisher.run(&["init"]).ok();
    reader.run(&["init"]).ok();
    for n in 1..=23 {
        let skill = SkillBuilder::new(&format!("skill-{n:02}")).file("references/a.md", "a\n");
        publisher.skill_folder(&format!("src/skill-{n:02}"), &skill);
        reader.skill_folder(&format!("shop/.claude/skills/skill-{n:02}"), &skill);
    }
    publisher.run(&["add", "src", "--all"]).ok();
    publisher.run(&["export", "--site", "web"]).ok();
    let server = python(&publisher.path("web"));
    (publisher, server, reader)
}

const LIST: &str = "shop/.claude/skills/.ic-managed.json";

fn import(reader: &Machine, server: &Server) -> serde_json::Value {
    let args = ["source", "import", LIST, "--site", &server.origin];
    refuses(reader, &args, 2, "usage");
    only_plans(reader, &args);
    reader.run(&[&args[..], &["--yes", "--json"]].concat()).ok().json()
}

fn counts(reader: &Machine) -> serde_json::Value {
    reader.run(&["sync", "--json"]).ok().json()["sources"][0]["counts"].clone()
}

#[test]
fn p10_a_legacy_list_is_taken_over_fetched_once_and_known_afterwards() {
    let (publisher, server, reader) = mirrored();
    let names: Vec<String> = (1..=23).map(|n| format!("skill-{n:02}")).collect();
    reader.write(LIST, serde_json::to_vec(&names).unwrap());
    let report = import(&reader, &server);
    let skills = report["lists"][0]["skills"].as_array().unwrap();
    assert!(skills.len() == 23 && skills.iter().all(|skill| skill["outcome"] == "followed"), "{report}");
    let expected = |updated: u32, unchanged: u32| serde_json::json!({"added": 0, "updated": updated, "removed": 0, "unchanged": unchanged});
    assert_eq!(counts(&reader), expected(23, 0), "a list without hashes: everything is fetched once");
    assert_eq!(counts(&reader), expected(0, 23));
    assert_eq!(
        reader.run(&["history", "skill-01", "--json"]).ok().json()["versions"].as_array().unwrap().len(),
        1
    );
    disk::write(&publisher.path("src/skill-05/references/a.md"), "b\n");
    publisher.run(&["add", "src/skill-05", "--force"]).ok();
    publisher.run(&["export", "--site", "web"]).ok();
    assert_eq!(counts(&reader), expected(1, 22));
    assert_eq!(reader.read("shop/.claude/skills/skill-05/references/a.md"), "a\n", "theirs is left alone");
}

#[test]
fn a_list_with_hashes_says_what_was_edited() {
    let (publisher, server, reader) = mirrored();
    let index: serde_json::Value =
        serde_json::from_str(&publisher.read("web/.well-known/skills/index.json")).unwrap();
    let skills = index["skills"].as_array().unwrap();
    let hash =
        |skill: &serde_json::Value| (skill["name"].as_str().unwrap().to_owned(), skill["hash"].clone());
    let list: serde_json::Map<_, _> = skills.iter().map(hash).collect();
    reader.write(LIST, serde_json::to_vec(&list).unwrap());
    disk::write(&reader.path("shop/.claude/skills/skill-02/references/a.md"), "mine\n");
    fs::remove_dir_all(reader.path("shop/.claude/skills/skill-03")).unwrap();
    let report = import(&reader, &server);
    let outcome = |at: usize| report["lists"][0]["skills"][at]["outcome"].clone();
    assert_eq!([outcome(0), outcome(1), outcome(2)], ["followed", "added", "missing"]);
    let pulled = reader.run(&["sync", "--json"]).either().json();
    assert_eq!(
        reader.read(".skillsync/skills/skill-02/references/a.md"),
        "mine\n",
        "an edit stays: {pulled}"
    );
    assert_eq!(reader.read(".skillsync/skills/skill-03/references/a.md"), "a\n", "what was missing comes");
    // Again it changes nothing.
    let again = reader.run(&["source", "import", LIST, "--site", &server.origin, "--json"]).ok().json();
    assert!(
        again["lists"][0]["skills"].as_array().unwrap().iter().all(|skill| skill["outcome"] == "present")
    );
}

#[test]
fn lists_of_every_tool_are_found_and_read() {
    let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    machine.run(&["init"]).ok();
    let put = |folder: &str, name: &str| {
        drop(machine.skill_folder(&format!("{folder}/{name}"), &SkillBuilder::new(name)))
    };
    // npm's `skills`: one from an index, one from git.
    put("shop/.agents/skills", "web");
    put("shop/.agents/skills", "git");
    let lock = r#"{"version": 1, "skills": {
        "web": {"source": "h.example", "sourceUrl": "https://h.example", "sourceType": "well-known",
            "wellKnownDigest": "sha256:f4763d59cede174af8bf6d7a5b1a174fcf86002a7200204b8ce38c3d8c621a1b"},
        "git": {"source": "owner/repo", "sourceType": "github", "skillPath": "skills/git/SKILL.md", "ref": "main"}}}"#;
    machine.write("shop/skills-lock.json", lock);
    put("shop/skills", "hub");
    machine.write(
        "shop/.clawhub/lock.json",
        r#"{"version": 1, "skills": {"hub": {"version": "1.2.0", "installedAt": 1}}}"#,
    );
    put("shop/.claude/skills", "open");
    let note = r#"{"source": "owner/repo", "sourceType": "git", "subpath": "open"}"#;
    machine.write("shop/.claude/skills/open/.openskills.json", note);
    let shop = machine.path("shop");
    let found = machine.command(&["source", "import", "--yes", "--json"]).cwd(&shop).run().ok().json();
    let of = |at: usize| {
        let skills = found["lists"][at]["skills"].as_array().unwrap().iter();
        skills
            .map(|s| format!("{} {} {}", s["skill"], s["outcome"], s["from"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(0), ["git added owner/repo/skills/git@main", "web followed https://h.example"], "{found}");
    assert_eq!(of(1), ["hub added 1.2.0"]);
    let sources = machine.run(&["source", "list", "--json"]).ok().json();
    assert_eq!(
        (&sources["sources"][0]["skills"], &sources["sources"][0]["installed"]),
        (&"chosen".into(), &1.into())
    );
    machine.run(&["source", "import", "shop/.claude/skills/open/.openskills.json"]).ok();
    assert!(
        !machine.path(".skillsync/skills/open/.openskills.json").exists(),
        "their note is no part of the skill"
    );
    machine.write("other.json", "{\"a\": 7}");
    refuses(&machine, &["source", "import", "other.json"], 1, "skill-list-unknown");
    machine.run(&["verify"]).ok();
}

/// By whichever path it is named, and wherever its tool keeps it: such a list speaks of all agents' folders, and its skills may be
/// links. Of what does not come nobody is told how it gets to agents.
#[test]
fn a_list_of_the_users_own_is_known_by_its_place() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.run(&["init"]).ok();
    m.skill_folder(".agents/skills/git", &SkillBuilder::new("git"));
    const LOCK: &str = ".local/state/skills/.skill-lock.json";
    m.write(LOCK, r#"{"version": 3, "skills": {"git": {"source": "owner/repo", "sourceType": "github"}}}"#);
    m.skill_folder("dev/mine", &SkillBuilder::new("mine"));
    disk::link(m.path("dev/mine"), &m.path(".codex/skills/mine"));
    const MANAGED: &str = ".codex/skills/.ic-managed.json";
    m.write(MANAGED, "[\"mine\"]");
    let import =
        |list: &str| m.run(&["source", "import", list, "--site", "http://127.0.0.1:9", "--yes"]).ok();
    for (list, name) in [(LOCK, "git"), (MANAGED, "mine")] {
        let imported = import(list);
        assert!(m.store(&format!("skills/{name}")).exists(), "{imported}");
        assert!(imported.stderr.contains("skillsync sync"), "{imported}");
        let again = import(list);
        assert!(again.stdout.contains(&format!("{name}: present")), "{again}");
        assert!(!again.stderr.contains("skillsync sync"), "{again}");
    }
}

/// What is noted of another source is that source's: an import neither takes it over nor loses it.
#[test]
fn the_record_of_another_source_is_left() {
    let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    machine.run(&["init"]).ok();
    machine.skill_folder("shop/.claude/skills/gamma", &SkillBuilder::new("gamma"));
    machine.write(LIST, "[\"gamma\"]");
    let args = ["source", "import", LIST, "--site", "http://127.0.0.1:9", "--yes", "--json"];
    let outcome = |report: &serde_json::Value| report["lists"][0]["skills"][0]["outcome"].clone();
    assert_eq!(outcome(&machine.run(&args).ok().json()), "followed");
    const META: &str = ".skillsync/_meta.json";
    let noted = |state: &str| {
        let mut meta: serde_json::Value = serde_json::from_str(&machine.read(META)).unwrap();
        meta["skills"]["gamma"]["source"] = "team".into();
        meta["skills"]["gamma"]["state"] = state.into();
        machine.write(META, serde_json::to_vec(&meta).unwrap());
        meta
    };
    let now = || serde_json::from_str::<serde_json::Value>(&machine.read(META)).unwrap();
    // An install of another source was killed before it noted that the skill is here.
    let pending = noted("pending");
    assert_eq!(outcome(&machine.run(&args).ok().json()), "present");
    assert_eq!(now(), pending);
    // The user removed it, and the import cannot write its objects.
    let removed = noted("removed");
    disk::remove(&machine.path(".skillsync/skills/gamma"));
    disk::remove(&machine.path(".skillsync/objects"));
    machine.write(".skillsync/objects", "in the way");
    machine.run(&args).one_of(&[1, 3]);
    assert_eq!(now(), removed);
}
