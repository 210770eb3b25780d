//! `skillsync setup`: what a person with skills scattered over several agents meets first.

mod undo;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use expect_test::expect;
use serde_json::Value;
use skillsync_testkit::snapshot::Entry;
use skillsync_testkit::{Machine, SkillBuilder, Snapshot, disk, oracle};

use crate::stocked::{only_plans, refuses};

const CLAUDE: &str = ".claude/skills";
const CODEX: &str = ".agents/skills";
const OLD_CODEX: &str = ".codex/skills";
const CURSOR: &str = ".cursor/skills";

fn skill(name: &str) -> SkillBuilder {
    SkillBuilder::new(name).script("scripts/run.sh", "#!/bin/sh\necho hi\n").file("notes/a.md", "a\n")
}

/// The texts under `key` in a list of objects.
fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().into_iter().flatten().map(|entry| entry[key].as_str().unwrap_or_default()).collect()
}

/// Three agents: `pdf` in all of them, `xlsx` in two contents, `shared` once for real and once as a link, one skill
/// whose folder has another name, and much that setup must leave alone.
fn scattered() -> Machine {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    for agent in ["claude-code", "codex", "cursor"] {
        m.agent(agent);
    }
    for folder in [CLAUDE, CODEX, CURSOR] {
        m.skill_folder(&format!("{folder}/pdf"), &skill("pdf"));
    }
    let old = m.skill_folder(&format!("{CLAUDE}/xlsx"), &skill("xlsx").body("old\n"));
    disk::age(&old, 1_767_225_600);
    disk::age(&m.skill_folder(&format!("{OLD_CODEX}/xlsx"), &skill("xlsx").body("new\n")), 1_790_812_800);
    m.skill_folder(&format!("{CODEX}/shared"), &skill("shared"));
    disk::link("../../.agents/skills/shared", &m.path(&format!("{CLAUDE}/shared")));
    m.skill_folder(&format!("{CURSOR}/Draw Things"), &skill("draw-things"));
    // Left alone.
    m.skill_folder("dev/mine", &skill("mine"));
    disk::link(m.path("dev/mine"), &m.path(&format!("{CLAUDE}/mine")));
    disk::link("/nowhere/at/all", &m.path(&format!("{CLAUDE}/dead")));
    m.skill_folder(&format!("{CLAUDE}/checkout"), &skill("checkout"));
    m.write(&format!("{CLAUDE}/checkout/.git/HEAD"), "ref: refs/heads/main\n");
    m.write(&format!("{CODEX}/empty/README.md"), "nothing here\n");
    m.skill_folder(&format!("{CODEX}/broken"), &SkillBuilder::new("broken").skill_md("# no head\n"));
    m.skill_folder(&format!("{CURSOR}/odd"), &SkillBuilder::new("Odd_Name"));
    m.skill_folder(&format!("{CURSOR}/skillsync"), &skill("skillsync"));
    m.write(&format!("{OLD_CODEX}/.system/x/SKILL.md"), "codex's own\n");
    m.write(&format!("{CLAUDE}/README.md"), "a file\n");
    m
}

fn agents(m: &Machine) -> Snapshot {
    m.snapshot().without(&[".skillsync"])
}

/// The place is a link that leads to this skill, with the footer.
#[track_caller]
fn assert_linked(m: &Machine, place: &str, name: &str) {
    let entry = m.snapshot().get(place).cloned();
    assert!(matches!(entry, Some(Entry::Link { .. })), "{place}: {entry:?}");
    let text = m.read(&format!("{place}/SKILL.md"));
    assert!(
        text.contains(&format!("name: {name}\n")) && text.contains("skillsync:observation:start"),
        "{text}"
    );
}

#[test]
fn the_plan_says_everything_and_changes_nothing() {
    let m = scattered();
    let plan = only_plans(&m, &["setup"]);
    assert!(!m.store("").exists(), "no store is made");
    expect![[r#"
        Agents found (3)
          Claude Code  ~/.claude/skills: 3 skills
          Codex        ~/.agents/skills: 2 skills
          Cursor       ~/.cursor/skills: 2 skills, reads codex's too

        Skills to take into the store (3)
          draw-things, pdf, shared
          6 folders in all: equal ones become one skill. There are several of
          pdf, shared

        Same name, different content (1)
          xlsx
            2026-10-01 00:00  ~/.codex/skills/xlsx: current
            2026-01-01 00:00  ~/.claude/skills/xlsx: an earlier version

        Folders of another name (1)
          Draw Things  says in its SKILL.md that it is draw-things

        Left alone (7)
          ~/.agents/skills/broken
              SKILL.md has no frontmatter: its first line is not `---`
          ~/.agents/skills/empty     no SKILL.md in it
          ~/.claude/skills/checkout  a git checkout
          ~/.claude/skills/dead      a link to /nowhere/at/all, which is not there
          ~/.claude/skills/mine      a link to ~/dev/mine
          ~/.cursor/skills/odd
              skill name `Odd_Name` has a character other than a-z, 0-9 and hyphen
          ~/.cursor/skills/skillsync
              `skillsync` is the name of a skill that comes with skillsync

        The store is made at ~/.skillsync, with the skills that teach agents to use it:
          skillsync, skillsync-new, skillsync-refine
        Every skill is linked for 3 new targets:
          claude-code, codex, cursor
        8 folders make way for links and go to trash; nothing is deleted.
        `skillsync setup --undo` puts everything back.
    "#]]
    .assert_eq(&plan.stdout);
    assert!(plan.stdout.lines().all(|line| line.chars().count() <= 80), "over 80 columns");

    let json = m.run(&["setup", "--dry-run", "--json"]).ok().json();
    assert_eq!((&json["dry_run"], &json["creates_store"]), (&true.into(), &true.into()));
    assert_eq!(
        json["conflicts"][0]["contents"][0]["from"][0],
        m.path(".codex/skills/xlsx").to_str().unwrap()
    );
    assert_eq!(json["adopt"][1]["from"].as_array().unwrap().len(), 3);
    let reasons: Vec<&str> = texts(&json["left_alone"], "reason");
    assert_eq!(
        reasons,
        [
            "not-loadable",
            "no-skill-md",
            "git-checkout",
            "broken-link",
            "foreign-link",
            "name-unusable",
            "built-in-name"
        ]
    );
    assert_eq!(json["trash"].as_array().unwrap().len(), 8);
}

#[test]
fn scattered_skills_become_one_store_and_links() {
    let m = scattered();
    let before = agents(&m);
    let source = oracle::content_hash(&m.path(&format!("{CLAUDE}/pdf")));
    let done = m.run(&["setup", "--yes", "--json"]).ok().json();
    let names: Vec<&str> = texts(&done["adopted"], "name");
    assert_eq!(names, ["draw-things", "pdf", "shared", "xlsx"]);
    assert_eq!(done["trashed"].as_array().unwrap().len(), 8);
    assert_eq!(done["failed"].as_array().unwrap().len(), 0);

    assert_eq!(oracle::content_hash(&m.store("skills/pdf")), source);
    for name in names {
        assert_linked(&m, &format!("{CLAUDE}/{name}"), name);
        assert_linked(&m, &format!("{CODEX}/{name}"), name);
        // Cursor reads Codex's folder, and a skill in both would be listed twice.
        assert!(!m.path(&format!("{CURSOR}/{name}")).exists(), "{name}");
        assert!(!m.path(&format!("{OLD_CODEX}/{name}")).exists(), "{name}");
    }
    assert!(!m.path(&format!("{CURSOR}/Draw Things")).exists());

    // Same name, different content: the newest is current, the other its earlier version.
    assert!(m.read(".skillsync/skills/xlsx/SKILL.md").contains("new\n"));
    let history = m.run(&["history", "xlsx", "--json"]).ok().json();
    let reasons: Vec<&str> = texts(&history["versions"], "reason");
    assert_eq!(reasons, ["found in ~/.codex/skills", "found in ~/.claude/skills"]);
    m.run(&["rollback", "xlsx", "--to", "1"]).ok();
    assert!(m.read(".skillsync/skills/xlsx/SKILL.md").contains("old\n"));

    // What is not ours stands where it stood.
    let ours: Vec<String> = ["draw-things", "pdf", "shared", "xlsx", "Draw Things"]
        .iter()
        .chain(&["skillsync", "skillsync-new", "skillsync-refine"])
        .flat_map(|name| [CLAUDE, CODEX, OLD_CODEX, CURSOR].map(|f| format!("{f}/{name}")))
        .filter(|path| path != ".cursor/skills/skillsync")
        .collect();
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    before.without(&ours).assert_same(&agents(&m).without(&ours));
    m.run(&["verify"]).ok();
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let m = scattered();
    m.run(&["setup", "--yes"]).ok();
    let before = m.snapshot();
    let again = m.run(&["setup"]).ok();
    assert!(
        again.stdout.starts_with("Everything is set up already: 3 agents, the store is ~/.skillsync.\n"),
        "{again}"
    );
    assert_eq!(m.run(&["setup", "--json"]).ok().json()["sync"], Value::Null);
    before.assert_same(&m.snapshot());
}

#[test]
fn what_appeared_since_is_offered() {
    let m = scattered();
    m.run(&["setup", "--yes"]).ok();
    let committed = m.run(&["info", "pdf", "--json"]).ok().json()["content_hash"].clone();
    m.skill_folder(&format!("{CURSOR}/fresh"), &skill("fresh"));
    m.skill_folder(&format!("{OLD_CODEX}/pdf"), &skill("pdf").body("another\n"));
    m.skill_folder(&format!("{CURSOR}/xlsx"), &skill("xlsx").body("old\n"));
    m.agent("windsurf");
    let plan = m.run(&["setup", "--dry-run", "--json"]).ok().json();
    assert_eq!(plan["adopt"][0]["name"], "fresh");
    assert_eq!(plan["folded"][0]["name"], "xlsx");
    assert_eq!(plan["conflicts"][0]["contents"][0]["in_store"], true, "the store's own is preferred");
    assert_eq!(plan["targets"][0]["id"], "windsurf");
    m.run(&["setup", "--yes"]).ok();
    assert_linked(&m, &format!("{CLAUDE}/fresh"), "fresh");
    assert_linked(&m, ".codeium/windsurf/skills/pdf", "pdf");
    let pdf = m.run(&["history", "pdf", "--json"]).ok().json();
    assert_eq!(pdf["versions"].as_array().unwrap().len(), 3, "{pdf}");
    assert_eq!(pdf["versions"][0]["content_hash"], committed, "what was current stays current");
    assert!(!m.path(&format!("{OLD_CODEX}/pdf")).exists() && !m.path(&format!("{CURSOR}/xlsx")).exists());
    assert!(m.run(&["setup"]).ok().stdout.starts_with("Everything is set up already"));
}

#[test]
fn a_skill_that_cannot_be_served_stays_where_it_is() {
    // Cursor reads Claude Code's folder alone, where a link of the user's has the name already.
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    m.agent("cursor");
    m.skill_folder("dev/pdf", &skill("pdf").body("dev\n"));
    disk::link(m.path("dev/pdf"), &m.path(&format!("{CLAUDE}/pdf")));
    m.skill_folder(&format!("{CURSOR}/pdf"), &skill("pdf"));
    let before = agents(&m).only(&format!("{CURSOR}/pdf"));
    let done = m.run(&["setup", "--yes", "--json"]).ok().json();
    let left: Vec<&str> = texts(&done["left_alone"], "reason");
    assert_eq!(left, ["foreign-link", "in-the-way"]);
    before.assert_same(&agents(&m).only(&format!("{CURSOR}/pdf")));
    assert!(m.run(&["setup"]).ok().stdout.starts_with("Everything is set up already"));
}

#[test]
fn without_anybody_to_ask_nothing_is_done() {
    let m = scattered();
    let before = m.snapshot();
    let refused = m.run(&["setup"]).fails(2);
    assert!(refused.stderr.contains("--yes"), "{refused}");
    before.assert_same(&m.snapshot());
    let agent = m.command(&["setup", "--json"]).env("CLAUDECODE", "1").run().fails(2);
    assert_eq!(agent.json()["error"]["code"], "usage");
    before.assert_same(&m.snapshot());
}

#[test]
fn no_agent_at_all_is_said() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    let refused = refuses(&m, &["setup", "--yes"], 1, "no-agent-found");
    assert!(refused.stderr.contains("skillsync target add --path"), "{refused}");
    m.run(&["init"]).ok();
    m.write("agents/keep", "");
    m.run(&["target", "add", "--path", "agents"]).ok();
    m.run(&["setup"]).ok();
}

#[test]
fn a_broken_store_is_not_set_up() {
    let m = scattered();
    m.run(&["init"]).ok();
    m.write(".skillsync/config.toml", "[skillsync\n");
    refuses(&m, &["setup", "--yes"], 1, "config-syntax");
    m.run(&["init"]).fails(1);
    let m = scattered();
    m.run(&["init"]).ok();
    m.write(".skillsync/state/setup.json", "{");
    refuses(&m, &["setup", "--yes"], 1, "setup-record-damaged");
    refuses(&m, &["setup", "--undo", "--yes"], 1, "setup-record-damaged");
}

/// What cannot be written down cannot be taken: the record of what is moved is JSON.
#[test]
fn a_path_that_is_no_text_is_left_alone() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    m.skill_folder(&format!("{CLAUDE}/pdf"), &skill("pdf"));
    let odd = m.path(CLAUDE).join(OsStr::from_bytes(b"caf\xe9"));
    disk::write(&odd.join("SKILL.md"), skill("cafe").text());
    disk::link("pdf", &m.path(CLAUDE).join(OsStr::from_bytes(b"link\xe9")));
    let done = m.run(&["setup", "--yes", "--json"]).ok().json();
    assert_eq!(texts(&done["left_alone"], "reason"), ["name-unusable"; 2], "{done}");
    assert_eq!(texts(&done["adopted"], "name"), ["pdf"], "{done}");
    assert!(odd.join("SKILL.md").is_file());
}

/// What was agreed to is what is done: a skill that somebody changes while the question stands is not overruled.
#[test]
fn a_skill_that_changes_after_the_plan_was_shown_stays_as_it_is() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    m.run(&["init"]).ok();
    m.run(&["add", m.skill_folder("w/pdf", &skill("pdf").body("first\n")).to_str().unwrap()]).ok();
    m.skill_folder(&format!("{CLAUDE}/pdf"), &skill("pdf").body("found\n"));
    m.skill_folder("w/pdf", &skill("pdf").body("second\n"));
    let binary = m.binary().display();
    let line = format!(
        "asks() {{ for i in $(seq 600); do grep -q \"$1\" said 2>/dev/null && break; sleep 0.05; done; }}; \
         ( asks 'Which becomes'; echo; asks 'Set this up?'; {binary} add w/pdf --force >&2; echo y; sleep 0.2 ) | \
         script -qefc '{binary} setup' said"
    );
    let run = m.command_of("sh".as_ref(), &["-c", &line]).env("TERM", "xterm").env("SHELL", "/bin/sh");
    let output = run.run().fails(3);
    assert!(output.stdout.contains("changed in the store since the plan was made"), "{output}");
    assert!(m.read(".skillsync/skills/pdf/SKILL.md").contains("second\n"), "{output}");
    assert!(m.read(&format!("{CLAUDE}/pdf/SKILL.md")).contains("found\n"), "{output}");
}

#[test]
fn agents_that_share_a_folder_share_its_links() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("cline");
    m.agent("codex");
    m.skill_folder(&format!("{CODEX}/pdf"), &skill("pdf"));
    let before = agents(&m);
    m.run(&["setup", "--yes"]).ok();
    assert_linked(&m, &format!("{CODEX}/pdf"), "pdf");
    let linked = agents(&m);
    m.run(&["sync"]).ok();
    linked.assert_same(&agents(&m));
    assert!(m.run(&["doctor"]).ok().stdout.ends_with("All is well.\n"));
    // One of them goes, whichever: the other's links stay.
    m.run(&["target", "remove", "codex"]).ok();
    linked.assert_same(&agents(&m));
    m.run(&["setup", "--yes"]).ok();
    m.run(&["target", "remove", "cline"]).ok();
    m.run(&["sync"]).ok();
    assert_linked(&m, &format!("{CODEX}/pdf"), "pdf");
    m.run(&["setup", "--undo", "--yes"]).ok();
    before.assert_same(&agents(&m));
}
