//! `skillsync add` of folders, and every kind of folder that is not a skill.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the tests spoil the disk by hand, and fail where they cannot"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use skillsync_testkit::{Machine, SkillBuilder, oracle};

use crate::holding::{holding, machine};

#[test]
fn a_folder_becomes_a_skill_and_stays_as_it_is() {
    let machine = holding(&[]);
    let pdf = SkillBuilder::new("pdf").script("scripts/run.sh", "#!/bin/sh\n");
    let source = machine.skill_folder("src/pdf", &pdf);
    let before = machine.snapshot().only("src");
    let output = machine.run(&["add", "src/pdf"]).ok();
    assert_eq!(output.stdout, "pdf: added, version 1\n");
    before.assert_same(&machine.snapshot().only("src"));
    assert_eq!(oracle::payload(&machine.store("skills/pdf")), oracle::payload(&source));
    let info = machine.run(&["info", "pdf", "--json"]).ok().json();
    assert_eq!(info["content_hash"], oracle::content_hash(&source));
    assert_eq!(info["source"], "imported");
    let again = machine.run(&["add", "src/pdf"]).ok();
    assert_eq!(again.stdout, "pdf: unchanged, version 1\n");
}

#[test]
fn other_content_needs_force_and_becomes_the_next_version() {
    let machine = holding(&["pdf"]);
    machine.skill_folder("other/pdf", &SkillBuilder::new("pdf").body("other\n"));
    let before = machine.snapshot();
    let output = machine.run(&["add", "other/pdf", "--json"]).fails(1);
    assert_eq!(output.json()["failed"][0]["error"]["code"], "skill-exists");
    before.without(&[".skillsync/state"]).assert_same(&machine.snapshot().without(&[".skillsync/state"]));
    assert_eq!(machine.run(&["add", "other/pdf", "--force"]).ok().stdout, "pdf: updated, version 2\n");
    assert_eq!(
        machine.run(&["history", "pdf", "--json"]).ok().json()["versions"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn a_folder_of_skills_needs_a_choice() {
    let machine = holding(&[]);
    for name in ["one", "two", "three"] {
        machine.skill_folder(&format!("many/{name}"), &SkillBuilder::new(name));
    }
    let output = machine.run(&["add", "many"]).fails(2);
    assert!(output.stderr.contains("--all"), "{}", output.stderr);
    machine.run(&["add", "many", "--skill", "two"]).ok();
    assert_eq!(names(&machine), ["two"]);
    let output = machine.run(&["add", "many", "--skill", "four"]).fails(1);
    assert!(output.stderr.contains("it has: one, three, two"), "{}", output.stderr);
    let output = machine.run(&["add", "many", "--all", "--json"]).ok().json();
    let status: Vec<_> = output["added"].as_array().unwrap().iter().map(|s| s["status"].clone()).collect();
    assert_eq!(status, ["added", "added", "unchanged"]);
}

fn names(machine: &Machine) -> Vec<String> {
    let listing = machine.run(&["ls", "--json"]).ok().json();
    let skills = listing["skills"].as_array().unwrap().iter();
    let own = skills.filter(|skill| skill["source"] != "built-in");
    own.map(|skill| skill["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_bad_folder_spares_the_others() {
    let machine = holding(&[]);
    machine.skill_folder("many/good", &SkillBuilder::new("good"));
    machine.skill_folder("many/bad", &SkillBuilder::new("bad").skill_md("no head"));
    let output = machine.run(&["add", "many", "--all", "--json"]).fails(3);
    assert_eq!(output.json()["added"][0]["skill"], "good");
    assert_eq!(output.json()["failed"][0]["error"]["causes"].as_array().unwrap().len(), 1);
    assert_eq!(names(&machine), ["good"]);
}

#[test]
fn the_name_in_its_head_wins_over_the_folders() {
    let machine = holding(&[]);
    machine.skill_folder("src/Folder_Name", &SkillBuilder::new("head-name"));
    let output = machine.run(&["add", "src/Folder_Name"]).ok();
    assert!(output.stderr.contains("added as `head-name`"), "{}", output.stderr);
    machine.run(&["add", "src/Folder_Name", "--name", "mine"]).ok();
    assert!(machine.read(".skillsync/skills/mine/SKILL.md").contains("name: mine\n"));
    assert_eq!(names(&machine), ["head-name", "mine"]);
}

#[test]
fn what_is_no_skill_is_refused_by_name_and_changes_nothing() {
    type Spoil = fn(&Path);
    let twice: Spoil = |dir| std::fs::write(dir.join("skill.MD"), "x").unwrap();
    let cases: [(&str, &str, Spoil); 16] = [
        ("folder-not-found", "nowhere", |_| {}),
        ("no-skill-found", "empty", |dir| std::fs::remove_file(dir.join("SKILL.md")).unwrap()),
        ("frontmatter-missing", "headless", |dir| std::fs::write(dir.join("SKILL.md"), "# x\n").unwrap()),
        ("frontmatter-not-closed", "open", |dir| {
            std::fs::write(dir.join("SKILL.md"), "---\nname: x\n").unwrap()
        }),
        ("frontmatter-not-yaml", "broken", |dir| {
            std::fs::write(dir.join("SKILL.md"), "---\nname: [\ndescription: y\n---\n").unwrap();
        }),
        ("skill-md-not-utf8", "latin", |dir| {
            std::fs::write(dir.join("SKILL.md"), b"---\nname: x\ndescription: caf\xe9\n---\n").unwrap();
        }),
        ("description-missing", "silent", |dir| {
            std::fs::write(dir.join("SKILL.md"), "---\nname: silent\n---\nbody\n").unwrap();
        }),
        ("name-invalid", "upper", |dir| {
            std::fs::write(dir.join("SKILL.md"), "---\nname: UPPER\ndescription: d\n---\nbody\n").unwrap();
        }),
        ("name-invalid", "long", |dir| {
            let text = format!("---\nname: {}\ndescription: d\n---\nbody\n", "x".repeat(65));
            std::fs::write(dir.join("SKILL.md"), text).unwrap();
        }),
        ("name-invalid", "dots", |dir| {
            std::fs::write(dir.join("SKILL.md"), "---\nname: ../dots\ndescription: d\n---\nbody\n").unwrap();
        }),
        ("file-too-large", "huge", |dir| std::fs::write(dir.join("SKILL.md"), vec![b'x'; 2 << 20]).unwrap()),
        ("link-outside", "link", |dir| std::os::unix::fs::symlink("/etc/passwd", dir.join("x")).unwrap()),
        ("special-file", "fifo", |dir| {
            assert!(std::process::Command::new("mkfifo").arg(dir.join("x")).status().unwrap().success());
        }),
        ("path-case-twins", "twins", twice),
        ("path-invalid", "deep", |dir| {
            let deep = dir.join(["d".repeat(99), "e".repeat(99), "f".repeat(99)].join("/"));
            std::fs::create_dir_all(&deep).unwrap();
            std::fs::write(deep.join("f"), "").unwrap();
        }),
        ("path-invalid", "bytes", |dir| {
            use std::os::unix::ffi::OsStrExt;
            std::fs::write(dir.join(std::ffi::OsStr::from_bytes(b"a\xff")), "").unwrap();
        }),
    ];
    let machine = holding(&["pdf"]);
    for (code, name, spoil) in cases {
        let dir = machine.path(&format!("src/{name}"));
        if name != "nowhere" {
            machine.skill_folder(&format!("src/{name}"), &SkillBuilder::new(name));
            spoil(&dir);
        }
        let before = machine.snapshot();
        let output = machine.run(&["add", &format!("./src/{name}"), "--json"]).fails(1);
        let json = output.json();
        let error = if json["error"].is_null() { &json["failed"][0]["error"] } else { &json["error"] };
        assert_eq!(error["code"], code, "{name}: {json}");
        assert!(!error["hint"].is_null() || code == "skill-md-not-utf8", "{name}: no hint in {json}");
        let noise = [".skillsync/state"];
        before.without(&noise).assert_same(&machine.snapshot().without(&noise));
    }
}

#[test]
fn heads_that_agents_can_load_are_added_with_a_warning() {
    let cases = [
        ("bom", "\u{feff}---\nname: bom\ndescription: d\n---\nbody\n"),
        ("crlf", "---\r\nname: crlf\r\ndescription: d\r\n---\r\nbody\r\n"),
        ("colon", "---\nname: colon\ndescription: Use when: asked\n---\nbody\n"),
        ("extra", "---\nname: extra\ndescription: d\nmodel: opus\n---\nbody\n"),
    ];
    let machine = holding(&[]);
    for (name, text) in cases {
        machine.skill_folder(&format!("src/{name}"), &SkillBuilder::new(name).skill_md(text));
        machine.run(&["add", &format!("src/{name}")]).ok();
        assert_eq!(machine.read(&format!(".skillsync/skills/{name}/SKILL.md")), text);
    }
}

#[test]
fn a_warning_is_about_what_was_added_and_says_where() {
    let machine = holding(&[]);
    let head = "---\nname: Bad_Name\ndescription: Use when: asked\n---\nbody\n";
    let key = format!("-----BEGIN {} KEY-----\n", "PRIVATE");
    machine
        .skill_folder("src/bad", &SkillBuilder::new("bad").skill_md(head).file("key.md", format!("\n{key}")));
    let expected = "\
warning: good: SKILL.md:3: the value of `description` is not valid YAML without quotes; it was read as if quoted
warning: good: key.md:2: this looks like a private key
";
    for args in [&["add", "src/bad", "--name", "good", "-n"][..], &["add", "src/bad", "--name", "good", "-q"]]
    {
        assert_eq!(machine.run(args).ok().stderr, expected, "{args:?}");
    }
}

#[test]
fn a_plan_is_sorted_by_name() {
    let machine = holding(&[]);
    for (folder, name) in [("a", "zebra"), ("b", "ant")] {
        machine.skill_folder(&format!("many/{folder}"), &SkillBuilder::new(name));
    }
    let plan = machine.run(&["add", "many", "--all", "-n"]).ok().stdout;
    assert_eq!(plan, "ant: would be added\nzebra: would be added\n");
}

#[test]
fn a_limit_is_named_with_what_is_over_it() {
    let machine = holding(&[]);
    machine.skill_folder("src/big", &SkillBuilder::new("big"));
    std::fs::write(machine.path("src/big/SKILL.md"), vec![b'x'; 2 << 20]).unwrap();
    let told = machine.run(&["add", "src/big"]).fails(1).stderr;
    assert!(told.contains("it has 2097152 bytes; 1048576 are allowed"), "{told}");
    let told = machine.run(&["add", "./missing"]).fails(1).stderr;
    assert!(told.contains("missing` does not exist"), "{told}");
}

#[test]
fn an_unreadable_file_is_an_error_never_skipped() {
    let machine = machine();
    // Root reads everything: only a folder that is a file's parent by mistake remains to try there.
    machine.run(&["init"]).ok();
    machine.skill_folder("src/pdf", &SkillBuilder::new("pdf").file("secret", "x"));
    let secret = machine.path("src/pdf/secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&secret).is_ok() {
        return;
    }
    let output = machine.run(&["add", "src/pdf", "--json"]).fails(1);
    assert_eq!(output.json()["failed"][0]["error"]["code"], "permission-denied");
}

#[test]
fn a_dry_run_shows_and_changes_nothing() {
    let machine = holding(&["pdf"]);
    machine.skill_folder("src/new", &SkillBuilder::new("new"));
    let before = machine.snapshot();
    let output = machine.run(&["add", "src/new", "-n"]).ok();
    assert_eq!(output.stdout, "new: would be added\n");
    before.assert_same(&machine.snapshot());
}

#[test]
fn of_several_sources_one_that_fails_spares_the_others() {
    let machine = holding(&[]);
    machine.skill_folder("src/pdf", &SkillBuilder::new("pdf"));
    let output = machine.run(&["add", "./src/pdf", "./src/nothere", "--json"]).fails(3).json();
    assert_eq!(output["added"][0]["skill"], "pdf");
    assert_eq!(output["failed"][0]["error"]["code"], "folder-not-found");
}

#[test]
fn a_folder_that_is_too_large_is_refused_before_it_is_copied() {
    let machine = holding(&[]);
    machine.skill_folder("src/big", &SkillBuilder::new("big"));
    for index in 0..5 {
        let file = std::fs::File::create(machine.path(&format!("src/big/{index}"))).unwrap();
        file.set_len(24 << 20).unwrap();
    }
    let output = machine.run(&["add", "./src/big", "--json"]).fails(1).json();
    assert_eq!(output["failed"][0]["error"]["code"], "skill-too-large");
}

#[test]
fn two_sources_never_become_versions_of_one_skill() {
    let machine = holding(&[]);
    for (place, body) in [("a", "one\n"), ("b", "two\n")] {
        machine.skill_folder(&format!("{place}/pdf"), &SkillBuilder::new("pdf").body(body));
    }
    machine.run(&["add", "./a/pdf", "./b/pdf", "--name", "zeta"]).fails(2);
    let output = machine.run(&["add", "./a/pdf", "./b/pdf", "--force", "--json"]).fails(3).json();
    assert_eq!(output["failed"][0]["error"]["code"], "skill-twice");
    assert_eq!(machine.run(&["info", "pdf", "--json"]).ok().json()["version"], 1);
    machine.skill_folder("c/xlsx", &SkillBuilder::new("xlsx"));
    let output = machine.run(&["add", "./a", "./c", "--skill", "xlsx", "--json"]).ok().json();
    assert_eq!(output["added"][0]["skill"], "xlsx");
    let output = machine.run(&["add", "./a", "./c", "--skill", "nope", "--json"]).fails(1).json();
    assert_eq!(output["failed"][0]["error"]["code"], "skill-not-found");
}
