//! Commands and agents: artifacts of one Markdown file, through every command that skills go through.

use serde_json::{Value, json};
use skillsync_testkit::{Machine, SkillBuilder, disk, oracle};

use crate::holding::{holding, machine};
use crate::stocked::{only_plans, overwrite, refuses, replace, served};

const REVIEW: &str = "---\ndescription: Reviews a change\nargument-hint: [issue]\n---\nReview $ARGUMENTS.\n";
const CANONICAL: &str = ".skillsync/skills/review/review.md";

/// A machine whose store holds the command `review`, added from `src/review.md`.
fn with_review() -> Machine {
    let machine = holding(&[]);
    add_review(&machine);
    machine
}

fn add_review(machine: &Machine) {
    machine.write("src/review.md", REVIEW);
    machine.run(&["add", "src/review.md", "--type", "command"]).ok();
}

/// Commits `review` with `to` in the place of `from`.
fn commit(machine: &Machine, from: &str, to: &str) {
    machine.run(&["edit", "review"]).ok();
    replace(machine, ".skillsync/editing/review/review.md", from, to);
    let committed = machine.run(&["commit", "review", "--reason", to]).ok();
    assert!(!committed.stderr.contains("skillsync sync"), "sync does nothing with it: {committed}");
}

/// The paths below the folder of an artifact in the store.
fn files(machine: &Machine, name: &str) -> Vec<String> {
    let folder = format!(".skillsync/skills/{name}/");
    let all = machine.snapshot();
    all.iter().filter_map(|(path, _)| path.strip_prefix(&folder).map(str::to_owned)).collect()
}

#[test]
fn one_file_becomes_an_artifact_with_versions() {
    let machine = holding(&["pdf"]);
    machine.write("src/review.md", REVIEW);
    machine.write("src/Code Critic.md", "Criticise.\n");
    let plan = only_plans(&machine, &["add", "src/review.md", "--type", "command"]);
    assert_eq!(plan.stdout, "review: would be added\n");
    let added = machine.run(&["add", "src/review.md", "--type", "command"]).ok();
    assert_eq!(added.stdout, "review: added, version 1\n");
    assert!(!added.stderr.contains("skillsync sync"), "sync does nothing with it: {added}");
    let agent = ["add", "src/Code Critic.md", "--type", "agent", "--name", "critic", "--json"];
    let added = machine.run(&agent).ok().json()["added"][0].clone();
    assert_eq!((&added["skill"], &added["type"]), (&"critic".into(), &"agent".into()));
    assert_eq!(added["warnings"], json!([]), "neither needs a frontmatter");

    assert_eq!(files(&machine, "review"), [".meta.toml", "review.md"]);
    assert_eq!(files(&machine, "critic"), [".meta.toml", "critic.md"]);
    assert_eq!(machine.read(CANONICAL), REVIEW);
    assert!(machine.read(".skillsync/skills/critic/.meta.toml").contains("type = \"agent\""));
    let info = machine.run(&["info", "review", "--json"]).ok().json();
    assert_eq!((&info["type"], &info["source"]), (&"command".into(), &"imported".into()));
    assert_eq!(info["content_hash"], oracle::content_hash(&machine.store("skills/review")));

    let again = machine.run(&["add", "src/review.md", "--type", "command"]).ok();
    assert_eq!(again.stdout, "review: unchanged, version 1\n");
    machine.write("src/review.md", "Review it well.\n");
    let taken = machine.run(&["add", "src/review.md", "--type", "command", "--json"]).fails(1).json();
    assert_eq!(taken["failed"][0]["error"]["code"], "skill-exists");
    assert_eq!(
        taken["failed"][0]["error"]["message"],
        "there is a command `review` with other content already"
    );
    let forced = machine.run(&["add", "src/review.md", "--type", "command", "--force"]).ok();
    assert_eq!(forced.stdout, "review: updated, version 2\n");
    let history = machine.run(&["history", "review", "--json"]).ok().json();
    assert_eq!(history["versions"].as_array().map(Vec::len), Some(2));
}

#[test]
fn several_files_are_each_their_own() {
    let machine = holding(&[]);
    for (path, text) in [("a/one.md", "1\n"), ("a/two.md", "2\n"), ("b/one.md", "3\n"), ("a/none.md", " \n")]
    {
        machine.write(path, text);
    }
    let sources = ["add", "a/one.md", "a/two.md", "b/one.md", "a/none.md", "--type", "agent", "--json"];
    let report = machine.run(&sources).fails(3).json();
    let field = |list: &str, of: fn(&Value) -> &Value| -> Vec<Value> {
        report[list]
            .as_array()
            .map(|list| list.iter().map(|line| of(line).clone()).collect())
            .unwrap_or_default()
    };
    assert_eq!(field("added", |line| &line["skill"]), ["one", "two"]);
    let codes = field("failed", |line| &line["error"]["code"]);
    assert_eq!(codes, ["skill-twice", "markdown-empty"]);
    assert_eq!(machine.read(".skillsync/skills/one/one.md"), "1\n");
}

#[test]
fn what_is_no_such_file_is_refused_and_changes_nothing() {
    let machine = with_review();
    machine.skill_folder("src/pdf", &SkillBuilder::new("pdf"));
    machine.write("src/UPPER.md", "x\n");
    machine.write("src/notes.txt", "x\n");
    machine.write("src/latin.md", b"caf\xe9\n");
    machine.write("src/huge.md", vec![b'x'; (1 << 20) + 1]);
    machine.write("src/empty.md", "");
    for (path, code, hint) in [
        ("src/pdf", "not-markdown", "without --type"),
        ("src/notes.txt", "not-markdown", "`.md`"),
        ("src/gone.md", "file-not-found", "on this machine"),
        ("owner/repo", "file-not-found", "on this machine"),
        ("src/UPPER.md", "name-invalid", "--name upper"),
        ("src/latin.md", "markdown-not-utf8", "UTF-8"),
        ("src/huge.md", "file-too-large", "smaller"),
        ("src/empty.md", "markdown-empty", "write into it"),
    ] {
        let before = machine.snapshot().without(&[".skillsync/state"]);
        let output = machine.run(&["add", path, "--type", "command", "--json"]).fails(1);
        let error = &output.json()["failed"][0]["error"];
        assert_eq!(error["code"], code, "{output}");
        assert!(error["hint"].as_str().is_some_and(|said| said.contains(hint)), "{output}");
        before.assert_same(&machine.snapshot().without(&[".skillsync/state"]));
    }
    let told = refuses(&machine, &["add", "src/review.md"], 1, "type-missing").json();
    assert!(told["error"]["hint"].as_str().is_some_and(|hint| hint.contains("--type command")), "{told}");
    let told = refuses(&machine, &["add", "src/pdf/SKILL.md"], 1, "type-missing").json();
    assert!(told["error"]["hint"].as_str().is_some_and(|hint| hint.ends_with("src/pdf`")), "{told}");
    refuses(&machine, &["add", "src/review.md", "--type", "skill"], 2, "usage");
    refuses(&machine, &["add", "src/review.md", "--type", "command", "--all"], 2, "usage");
}

#[test]
fn a_name_is_one_thing() {
    let machine = with_review();
    machine.skill_folder("src/review", &SkillBuilder::new("review"));
    machine.write("src/pdf.md", "x\n");
    machine.skill_folder("src/pdf", &SkillBuilder::new("pdf"));
    machine.run(&["add", "src/pdf"]).ok();
    for args in [
        &["add", "src/review", "--force"][..],
        &["add", "src/review.md", "--type", "agent", "--force"],
        &["add", "src/pdf.md", "--type", "command", "--force"],
        &["add", "src/pdf.md", "--type", "command", "--force", "--dry-run"],
    ] {
        let output = machine.run(&[args, &["--json"]].concat()).either();
        let error = &output.json()["failed"][0]["error"];
        assert_eq!((&error["code"], &error["kind"]), (&"name-taken".into(), &"exists".into()), "{output}");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--name")), "{output}");
    }
    let told = refuses(&machine, &["new", "review"], 1, "skill-exists").json();
    assert_eq!(told["error"]["message"], "there is a command `review` already");
    machine.run(&["add", "src/pdf.md", "--type", "command", "--name", "to-pdf"]).ok();
    assert_eq!(machine.read(".skillsync/skills/to-pdf/to-pdf.md"), "x\n");
    // A mark for removal frees the name only once a sync has removed what has it.
    machine.run(&["rm", "review"]).ok();
    let marked = machine.run(&["add", "src/review", "--json"]).fails(1).json();
    let hint = marked["failed"][0]["error"]["hint"].as_str();
    assert!(hint.is_some_and(|hint| hint.contains("skillsync sync")), "{marked}");
    machine.run(&["sync"]).ok();
    machine.run(&["add", "src/review"]).ok();
    assert_eq!(machine.run(&["info", "review", "--json"]).ok().json()["type"], "skill");
}

#[test]
fn a_frontmatter_that_does_not_parse_is_a_warning() {
    let machine = holding(&[]);
    let key = format!("-----BEGIN {} KEY-----\n", "PRIVATE");
    machine.write("src/odd.md", format!("---\ndescription: [\n---\n{key}"));
    let added = machine.run(&["add", "src/odd.md", "--type", "agent", "--json"]).ok().json();
    let warned = |value: &Value| {
        let one = |w: &Value| {
            format!("{} {} {} {}", w["severity"], w["file"], w["line"], w["code"]).replace('"', "")
        };
        value.as_array().map(|all| all.iter().map(one).collect::<Vec<_>>()).unwrap_or_default()
    };
    let expected = ["warning odd.md 2 frontmatter-not-yaml", "warning odd.md 4 secret-suspected"];
    assert_eq!(warned(&added["added"][0]["warnings"]), expected);
    let checked = machine.run(&["validate", "odd", "--json"]).ok().json();
    assert_eq!(checked["subjects"][0]["type"], "agent");
    let mut found = warned(&checked["subjects"][0]["findings"]);
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn lists_and_levels_know_what_it_is() {
    let machine = with_review();
    let columns = |machine: &Machine| {
        let shown = machine.run(&["ls"]).ok().stdout;
        shown
            .lines()
            .map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(columns(&machine)[..2], ["NAME TYPE VERSION", "review command 1"]);
    let listed = machine.run(&["ls", "--json"]).ok().json();
    assert_eq!(
        (&listed["skills"][0]["type"], &listed["skills"][1]["type"]),
        (&"command".into(), &"skill".into())
    );
    assert_eq!(listed["skills"][0]["description"], "Reviews a change");
    assert_eq!(columns(&holding(&["pdf"]))[0], "NAME VERSION STATE");
    assert!(
        machine.run(&["info", "review"]).ok().stdout.starts_with("review\n  type: command\n  version: 1\n")
    );

    let shown = machine.run(&["show", "review", "--json"]).ok().json();
    assert_eq!(shown["type"], "command");
    assert_eq!(shown["level1"]["text"], "review: Reviews a change");
    let level2 = &shown["level2"];
    assert_eq!((&level2["text"], &level2["footer_tokens"]), (&"Review $ARGUMENTS.\n".into(), &0.into()));
    assert_eq!(shown["level3"]["files"], json!([]));
    let table = machine.run(&["show", "review"]).ok().stdout;
    assert!(table.contains("review.md, 1 line") && !table.contains("SKILL.md"), "{table}");
    let two = machine.run(&["show", "review", "--level", "2"]).ok();
    assert_eq!(two.stdout, "Review $ARGUMENTS.\n");
    assert!(two.stderr.contains("a command has no observation footer"), "{two}");
    assert_eq!(machine.run(&["show", "review", "--level", "3"]).ok().stdout, "no file but review.md\n");
    assert_eq!(machine.run(&["show", "review", "review.md"]).ok().stdout, REVIEW);
}

#[test]
fn sync_leaves_it_out_and_removes_it() {
    let machine = served();
    let linked = machine.run(&["sync", "--json"]).ok().json()["targets"][0]["skills"].clone();
    add_review(&machine);
    let sync = |machine: &Machine| {
        let synced = machine.run(&["sync", "--json"]).ok().json();
        assert_eq!((&synced["targets"][0]["skills"], &synced["failed"]), (&linked, &json!([])));
    };
    sync(&machine);
    for place in [".claude/skills/review", "agents/review", ".skillsync/rendered/claude-code/review"] {
        assert!(!machine.path(place).exists(), "{place}");
    }
    // What was written a moment ago is looked at once more; from then on the index alone says what it is.
    std::thread::sleep(std::time::Duration::from_millis(60));
    sync(&machine);
    let noise = [".skillsync/state/mutex"];
    let before = machine.snapshot().without(&noise);
    sync(&machine);
    before.assert_same(&machine.snapshot().without(&noise));

    overwrite(&machine, CANONICAL, "by hand\n");
    let told = machine.run(&["sync", "--json"]).ok().json();
    assert_eq!(told["hand_edits"][0]["skill"], "review");
    machine.run(&["adopt", "review", "--discard"]).ok();
    machine.run(&["rm", "review"]).ok();
    assert_eq!(only_plans(&machine, &["sync", "--json"]).json()["removed"], json!(["review"]));
    assert_eq!(machine.run(&["sync", "--json"]).ok().json()["removed"], json!(["review"]));
    assert!(!machine.store("skills/review").exists());
    assert_eq!(machine.run(&["sync", "--json"]).ok().json()["removed"], json!([]));
}

#[test]
fn a_commit_is_its_one_file_and_nothing_else() {
    let machine = with_review();
    commit(&machine, "Reviews", "Judges");
    assert_eq!(machine.read(CANONICAL), REVIEW.replace("Reviews", "Judges"));
    let copy = ".skillsync/editing/review";
    machine.run(&["edit", "review"]).ok();
    let commits = ["commit", "review", "--reason", "x"];
    type Spoil = fn(&Machine, &str);
    let cases: [(&str, &str, Spoil); 5] = [
        ("not-one-file", "notes.md", |m, copy| drop(m.write(&format!("{copy}/notes.md"), "more"))),
        ("not-one-file", "review.md", |m, copy| disk::remove(&m.path(&format!("{copy}/review.md")))),
        ("markdown-not-utf8", "UTF-8", |m, copy| overwrite(m, &format!("{copy}/review.md"), b"caf\xe9\n")),
        ("markdown-empty", "write into it", |m, copy| overwrite(m, &format!("{copy}/review.md"), "\n")),
        ("file-too-large", "", |m, copy| overwrite(m, &format!("{copy}/review.md"), vec![b'x'; 2 << 20])),
    ];
    for (code, hint, spoil) in cases {
        machine.run(&["edit", "review", "--force"]).ok();
        spoil(&machine, copy);
        let told = refuses(&machine, &commits, 1, code).json();
        assert!(told["error"]["hint"].as_str().is_some_and(|said| said.contains(hint)), "{told}");
    }
    machine.run(&["abort", "review"]).ok();
    assert_eq!(machine.run(&["info", "review", "--json"]).ok().json()["version"], 2);
}

#[test]
fn an_edit_by_hand_is_adopted_as_its_one_file_or_dropped() {
    let machine = served();
    add_review(&machine);
    machine.run(&["sync"]).ok();
    overwrite(&machine, CANONICAL, "by hand\n");
    machine.write(".skillsync/skills/review/notes.md", "more");
    refuses(&machine, &["adopt", "review"], 1, "not-one-file");
    refuses(&machine, &["adopt", "review", "--dry-run"], 1, "not-one-file");
    disk::remove(&machine.store("skills/review/notes.md"));
    let adopted = machine.run(&["adopt", "review"]).ok();
    assert_eq!(adopted.stdout, "review: version 2, the edit in canonical\n  modified review.md\n");
    assert_eq!(machine.read(CANONICAL), "by hand\n");
    machine.run(&["verify"]).ok();

    disk::remove(&machine.store("skills/review/review.md"));
    machine.run(&["adopt", "review", "--discard"]).ok();
    assert_eq!(machine.read(CANONICAL), "by hand\n");
    assert_eq!(files(&machine, "review"), [".meta.toml", "review.md"]);
    assert_eq!(machine.run(&["info", "review", "--json"]).ok().json()["version"], 2);
}

#[test]
fn it_goes_back_out_and_through_every_check() {
    let machine = served();
    add_review(&machine);
    commit(&machine, "Reviews", "Judges");
    let back = machine.run(&["rollback", "review"]).ok();
    assert!(!back.stderr.contains("skillsync sync"), "sync does nothing with it: {back}");
    assert_eq!(machine.read(CANONICAL), REVIEW);
    machine.run(&["export", "review", "out"]).ok();
    assert_eq!(machine.read("out/review.md"), REVIEW);
    assert_eq!(
        machine.run(&["add", "out/review.md", "--type", "command"]).ok().stdout,
        "review: unchanged, version 3\n"
    );

    machine.run(&["sync"]).ok();
    let verified = machine.run(&["verify", "--json"]).ok().json();
    assert_eq!(
        (&verified["skills"], &verified["commands"], &verified["agents"]),
        (&4.into(), &1.into(), &0.into())
    );
    let said = machine.run(&["verify", "review"]).ok().stdout;
    assert!(said.starts_with("ok: 1 command, 0 rendered trees, 2 objects read"), "{said}");
    let diagnosis = machine.run(&["doctor", "--json"]).ok().json();
    assert_eq!((&diagnosis["skills"], &diagnosis["findings"]), (&4.into(), &json!([])));
    assert_eq!(machine.run(&["validate", "review"]).ok().stdout, "review: ok\n");
    let said = machine.run(&["validate"]).ok().stdout;
    assert!(said.ends_with("4 skills, 1 command checked: ok\n"), "{said}");
    machine.run(&["gc", "--all", "--yes"]).ok();
    machine.run(&["verify", "review"]).ok();

    machine.write(".skillsync/skills/review/notes.md", "more");
    let checked = machine.run(&["validate", "review", "--json"]).fails(1).json();
    assert_eq!(checked["subjects"][0]["findings"][0]["code"], "not-one-file");
    machine.run(&["doctor"]).ok();
}

#[test]
fn setup_leaves_a_skill_of_its_name_alone() {
    let machine = machine();
    machine.run(&["init"]).ok();
    add_review(&machine);
    machine.agent("claude-code");
    machine.skill_folder(".claude/skills/review", &SkillBuilder::new("review"));
    let done = machine.run(&["setup", "--yes", "--json"]).ok().json();
    assert_eq!(done["left_alone"][0]["reason"], "store-skill", "{done}");
    assert_eq!(machine.run(&["info", "review", "--json"]).ok().json()["version"], 1);
    assert!(machine.read(".claude/skills/review/SKILL.md").contains("name: review"));
    assert_eq!(machine.read(CANONICAL), REVIEW);
}
