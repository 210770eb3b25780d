//! The commands of every day: `init`, `new`, `ls`, `info`, `edit`, `diff`, `commit`, `abort`, `observe`, `log`, `rm`.
#![expect(clippy::disallowed_methods, reason = "the tests spoil the disk by hand")]

use skillsync_testkit::SkillBuilder;

use crate::holding::{holding, machine};

#[test]
fn init_makes_a_store_once() {
    let machine = machine();
    let output = machine.run(&["init"]).ok();
    assert!(output.stdout.starts_with("made a store at "), "{}", output.stdout);
    let before = machine.snapshot();
    machine.run(&["init"]).ok();
    let noise = [".skillsync/state/mutex"];
    before.without(&noise).assert_same(&machine.snapshot().without(&noise));
    assert!(machine.read(".skillsync/config.toml").contains("mode = \"auto\""));
}

#[test]
fn without_a_store_every_command_says_how_to_make_one() {
    let machine = machine();
    for args in [&["ls"][..], &["info", "pdf"], &["sync"], &["target", "list"], &["edit", "pdf"]] {
        let output = machine.run(&[args, &["--json"]].concat()).fails(1);
        assert_eq!(output.json()["error"]["code"], "store-missing");
        assert!(output.stderr.contains("hint: "), "{}", output.stderr);
    }
    assert!(!machine.store("").exists());
}

#[test]
fn a_store_of_a_newer_format_or_with_a_broken_config_is_not_touched() {
    for (text, code) in [
        ("[skillsync]\nversion = \"2\"\n", "store-newer"),
        ("[skillsync\n", "config-syntax"),
        ("", "config-value"),
    ] {
        let machine = holding(&["pdf"]);
        machine.write(".skillsync/config.toml", text);
        let before = machine.snapshot();
        for args in
            [&["init"][..], &["sync"], &["target", "add", "--path", "x"], &["edit", "pdf"], &["rm", "pdf"]]
        {
            let output = machine.run(&[args, &["--json"]].concat()).fails(1);
            assert_eq!(output.json()["error"]["code"], code, "{args:?}");
        }
        before.assert_same(&machine.snapshot());
    }
}

#[test]
fn a_new_skill_is_valid_at_once() {
    let machine = holding(&[]);
    let output = machine.run(&["new", "pdf", "--description", "Use when: a \"PDF\" # comes"]).ok();
    assert_eq!(output.stdout, "made pdf, version 1\n");
    machine.run(&["validate", "pdf"]).ok();
    assert_eq!(machine.run(&["new", "pdf", "--json"]).fails(1).json()["error"]["code"], "skill-exists");
    for bad in ["", "A", "a--b", "-a", "a_b", "../a", "a/b", &"x".repeat(65)] {
        let output = machine.run(&["new", "--json", "--", bad]).fails(2);
        assert!(output.stderr.contains("hint: "), "{bad}: {}", output.stderr);
        let error = &output.json()["error"];
        assert_eq!((&error["code"], &error["kind"]), (&"name-invalid".into(), &"invalid".into()), "{bad}");
    }
    let long = "x".repeat(1025);
    let output = machine.run(&["new", "long", "--description", &long, "--json"]).fails(1);
    assert_eq!(output.json()["error"]["code"], "description-too-long");
    assert!(!machine.store("skills/long").exists());
}

#[test]
fn info_and_log_are_as_documented_to_the_letter() {
    let machine = holding(&["pdf"]);
    assert_eq!(machine.run(&["log", "pdf", "--summary"]).ok().stdout, "pdf: 0 invocations\n");
    for (signal, note) in [("positive", Some("Handled encrypted input well")), ("negative", None)] {
        let mut args = vec!["observe", "pdf", "--signal", signal];
        args.extend(note.iter().flat_map(|note| ["--note", note]));
        assert_eq!(machine.run(&args).ok().stdout, format!("pdf: logged {signal}\n"));
    }
    machine.run(&["observe", "pdf", "--signal", "positive", "--note", "two\nlines"]).ok();
    let log = machine.run(&["log", "pdf"]).ok().stdout;
    let lines: Vec<&str> = log.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(lines, ["positive  \"Handled encrypted input well\"", "negative", "positive  \"two lines\""]);
    let summary = machine.run(&["log", "pdf", "--summary"]).ok().stdout;
    assert_eq!(summary, "pdf: 3 invocations, 2 positive, 1 negative (67%)\n");
    let info = machine.run(&["info", "pdf"]).ok().stdout;
    let json = machine.run(&["info", "pdf", "--json"]).ok().json();
    let expected = format!(
        "pdf\n  version: 1\n  state: active\n  content-hash: {}\n  created: {}\n  source: imported\n  \
         invocations: 3 (positive: 2, negative: 1)\n",
        json["content_hash"].as_str().unwrap(),
        json["created"].as_str().unwrap()
    );
    assert_eq!(info, expected);
}

#[test]
fn a_bad_line_in_a_log_is_skipped_with_a_warning() {
    let machine = holding(&["pdf"]);
    machine.run(&["observe", "pdf", "--signal", "positive"]).ok();
    let log = machine.read(".skillsync/logs/pdf.jsonl");
    machine.write(".skillsync/logs/pdf.jsonl", format!("garbage\n{log}{{\"ts\":\"2026"));
    let output = machine.run(&["log", "pdf", "--summary"]).ok();
    assert_eq!(output.stdout, "pdf: 1 invocations, 1 positive, 0 negative (100%)\n");
    assert!(output.stderr.contains("2 lines"), "{}", output.stderr);
    machine.write(".skillsync/logs/pdf.jsonl", format!("garbage\n{log}"));
    let output = machine.run(&["log", "pdf"]).ok();
    assert!(output.stderr.contains("1 line of its log does not read"), "{}", output.stderr);
    machine.write(".skillsync/logs/pdf.jsonl", format!("garbage\n{log}{{\"ts\":\"2026"));
    machine.run(&["observe", "pdf", "--signal", "negative"]).ok();
    let json = machine.run(&["log", "pdf", "--json"]).ok().json();
    assert_eq!((json["total_invocations"].as_u64(), json["bad_lines"].as_u64()), (Some(2), Some(2)));
}

#[test]
fn an_edit_is_seen_committed_and_ended() {
    let machine = holding(&["pdf"]);
    let output = machine.run(&["edit", "pdf"]).ok();
    let copy = machine.store("editing/pdf");
    assert_eq!(output.stdout, format!("{}\n", copy.display()));
    assert!(!copy.join(".meta.toml").exists());
    let old = machine.read(".skillsync/editing/pdf/SKILL.md");
    machine.write(".skillsync/editing/pdf/SKILL.md", format!("{old}More.\n"));
    machine.write(".skillsync/editing/pdf/data.bin", [0, 159, 146, 150]);
    let diff = machine.run(&["diff", "pdf"]).ok().json();
    assert_eq!(diff["skill"], "pdf");
    assert_eq!(
        diff["changes"][0],
        serde_json::json!({"path": "SKILL.md", "status": "modified", "kind": "text", "old_text": old,
            "new_text": format!("{old}More.\n")})
    );
    assert_eq!(diff["changes"][1]["kind"], "binary");
    assert_eq!(diff["summary"], serde_json::json!({"added": 1, "modified": 1, "deleted": 0}));
    assert_eq!(machine.run(&["commit", "pdf", "--reason", "more"]).ok().stdout, "pdf: version 2\n");
    assert!(!copy.exists() && !machine.store("locks/pdf.lock").exists());
    assert_eq!(machine.read(".skillsync/skills/pdf/SKILL.md"), format!("{old}More.\n"));
    let history = machine.run(&["history", "pdf", "--json"]).ok().json();
    assert_eq!(history["versions"][0]["reason"], "more");
    assert_eq!(
        machine.run(&["commit", "pdf", "--reason", "x", "--json"]).fails(1).json()["error"]["code"],
        "lease-not-held"
    );
}

#[test]
fn a_held_lease_names_its_file_and_force_keeps_the_old_copy() {
    let machine = holding(&["pdf"]);
    machine.run(&["edit", "pdf"]).ok();
    machine.write(".skillsync/editing/pdf/mine", "unsaved work");
    let output = machine.run(&["edit", "pdf"]).fails(4);
    let lock = machine.store("locks/pdf.lock");
    assert!(output.stderr.contains(&lock.display().to_string()), "{}", output.stderr);
    assert_eq!(machine.run(&["rm", "pdf", "--json"]).fails(4).json()["error"]["code"], "lease-held");
    let first = 1;
    let taken = machine.run(&["edit", "pdf", "--force", "--json"]).ok().json();
    assert_eq!(taken["token"], first + 1);
    let kept = std::path::PathBuf::from(taken["replaced"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(kept.join("mine")).unwrap(), "unsaved work");
    machine.write(".skillsync/editing/pdf/mine", "theirs");
    let output = machine.run(&["commit", "pdf", "--reason", "x", "--token", "1", "--json"]).fails(4);
    assert_eq!(output.json()["error"]["code"], "lease-taken-over");
    machine.run(&["commit", "pdf", "--reason", "x", "--token", "2"]).ok();
}

#[test]
fn a_garbage_lease_locks_until_it_is_forced() {
    let machine = holding(&["pdf"]);
    machine.write(".skillsync/locks/pdf.lock", "\0garbage");
    for args in [&["edit", "pdf"][..], &["commit", "pdf", "--reason", "x"], &["rm", "pdf"]] {
        let output = machine.run(&[args, &["--json"]].concat()).fails(4);
        assert_eq!(output.json()["error"]["code"], "lease-damaged", "{args:?}");
    }
    machine.run(&["edit", "pdf", "--force"]).ok();
    machine.run(&["abort", "pdf"]).ok();
}

#[test]
fn a_working_copy_may_not_hold_what_is_reserved_or_break_the_head() {
    type Spoil = (&'static str, &'static str, &'static str);
    let cases: [Spoil; 6] = [
        (".meta.toml", "x", "path-reserved"),
        ("sub/.meta.toml", "x", "path-reserved"),
        (".skillsync-tree", "x", "path-reserved"),
        ("SKILL.md", "no head\n", "frontmatter-missing"),
        ("SKILL.md", "---\nname: other\ndescription: d\n---\nbody\n", "skill-md-invalid"),
        ("SKILL.md", "---\nname: pdf\n---\nbody\n", "skill-md-invalid"),
    ];
    for (path, text, code) in cases {
        let machine = holding(&["pdf"]);
        machine.run(&["edit", "pdf"]).ok();
        machine.write(&format!(".skillsync/editing/pdf/{path}"), text);
        machine.write(".skillsync/editing/pdf/change", "so that there is one");
        let skills = machine.snapshot().only(".skillsync/skills");
        let output = machine.run(&["commit", "pdf", "--reason", "x", "--json"]).fails(1);
        assert_eq!(output.json()["error"]["code"], code, "{path}");
        skills.assert_same(&machine.snapshot().only(".skillsync/skills"));
        assert!(machine.store(&format!("editing/pdf/{path}")).exists());
    }
    let machine = holding(&["pdf"]);
    machine.run(&["edit", "pdf"]).ok();
    std::os::unix::fs::symlink("/etc/passwd", machine.store("editing/pdf/out")).unwrap();
    assert_eq!(
        machine.run(&["commit", "pdf", "--reason", "x", "--json"]).fails(1).json()["error"]["code"],
        "link-outside"
    );
}

#[test]
fn a_working_copy_that_was_deleted_is_named() {
    let machine = holding(&["pdf"]);
    machine.run(&["edit", "pdf"]).ok();
    skillsync_testkit::disk::remove(&machine.store("editing/pdf"));
    for args in [&["diff", "pdf"][..], &["commit", "pdf", "--reason", "x"]] {
        let error = &machine.run(&[args, &["--json"]].concat()).fails(1).json()["error"];
        assert_eq!(error["code"], "working-copy-missing", "{args:?}");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("skillsync abort pdf")), "{error}");
    }
    machine.run(&["abort", "pdf"]).ok();
}

#[test]
fn who_is_marked_already_is_said_so() {
    let machine = holding(&["pdf", "xlsx"]);
    assert_eq!(
        machine.run(&["rm", "pdf", "-n"]).ok().stdout,
        "pdf: would be marked for removal at the next sync\n"
    );
    machine.run(&["rm", "pdf"]).ok();
    let said = machine.run(&["rm", "pdf", "xlsx"]).ok().stdout;
    assert_eq!(said, "xlsx: marked for removal at the next sync\npdf: marked for removal already\n");
    let json = machine.run(&["rm", "pdf", "--json"]).ok().json();
    assert_eq!(json, serde_json::json!({"marked": [], "already_marked": ["pdf"], "dry_run": false}));
}

#[test]
fn a_commit_of_nothing_is_an_error() {
    let machine = holding(&["pdf"]);
    machine.run(&["edit", "pdf"]).ok();
    assert_eq!(
        machine.run(&["commit", "pdf", "--reason", "x", "--json"]).fails(1).json()["error"]["code"],
        "nothing-to-commit"
    );
    machine.run(&["abort", "pdf"]).ok();
    assert_eq!(machine.run(&["abort", "pdf", "--json"]).fails(1).json()["error"]["code"], "lease-not-held");
}

#[test]
fn an_executable_bit_alone_is_a_version() {
    use std::os::unix::fs::PermissionsExt;
    let machine = holding(&[]);
    machine.skill_folder("src/pdf", &SkillBuilder::new("pdf").file("run.sh", "#!/bin/sh\n"));
    machine.run(&["add", "src/pdf"]).ok();
    machine.run(&["edit", "pdf"]).ok();
    let script = machine.store("editing/pdf/run.sh");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let diff = machine.run(&["diff", "pdf"]).ok().json();
    assert_eq!(diff["changes"][0]["executable"], true);
    let before = machine.run(&["info", "pdf", "--json"]).ok().json();
    machine.run(&["commit", "pdf", "--reason", "executable"]).ok();
    let after = machine.run(&["info", "pdf", "--json"]).ok().json();
    assert_eq!((&after["version"], &after["content_hash"]), (&2.into(), &before["content_hash"]));
    let mode = std::fs::metadata(machine.store("skills/pdf/run.sh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
}

#[test]
fn an_edit_that_was_overtaken_is_merged_or_given_back() {
    let machine = holding(&[]);
    let body = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";
    machine.skill_folder("src/pdf", &SkillBuilder::new("pdf").body(body));
    machine.run(&["add", "src/pdf"]).ok();
    let overtake = |from: &str, to: &str| {
        let path = machine.path("src/pdf/SKILL.md");
        let text = std::fs::read_to_string(&path).unwrap().replace(from, to);
        std::fs::write(path, text).unwrap();
        machine.run(&["add", "src/pdf", "--force"]).ok();
    };
    let edit = |from: &str, to: &str| {
        let copy = ".skillsync/editing/pdf/SKILL.md";
        machine.write(copy, machine.read(copy).replace(from, to));
    };
    machine.run(&["edit", "pdf"]).ok();
    edit("seven", "SEVEN");
    overtake("one", "ONE");
    let output = machine.run(&["commit", "pdf", "--reason", "merged"]).ok();
    assert_eq!(output.stdout, "pdf: version 3, merged with version 2\n");
    let text = machine.read(".skillsync/skills/pdf/SKILL.md");
    assert!(text.contains("ONE\n") && text.contains("SEVEN\n"), "{text}");

    machine.run(&["edit", "pdf"]).ok();
    edit("four", "FOUR");
    std::fs::write(machine.path("src/pdf/SKILL.md"), &text).unwrap();
    overtake("four", "vier");
    let canonical = machine.snapshot().only(".skillsync/skills");
    let output = machine.run(&["commit", "pdf", "--reason", "both", "--json"]).fails(5);
    assert_eq!(output.json()["error"]["code"], "conflict");
    canonical.assert_same(&machine.snapshot().only(".skillsync/skills"));
    let marked = machine.read(".skillsync/editing/pdf/SKILL.md");
    assert!(
        marked.contains("<<<<<<< working copy\nFOUR\n") && marked.contains("vier\n>>>>>>> version 4\n"),
        "{marked}"
    );
    assert_eq!(
        machine.run(&["commit", "pdf", "--reason", "both", "--json"]).fails(5).json()["error"]["code"],
        "conflict-undecided"
    );
    machine.write(".skillsync/editing/pdf/SKILL.md", text.replace("four", "VIER"));
    assert_eq!(machine.run(&["commit", "pdf", "--reason", "decided"]).ok().stdout, "pdf: version 5\n");
}

#[test]
fn a_mistyped_name_names_the_nearest() {
    let machine = holding(&["code-review"]);
    let output = machine.run(&["info", "code-reviev"]).fails(1);
    assert!(output.stderr.contains("did you mean `code-review`?"), "{}", output.stderr);
    for args in [&["observe", "x", "--signal", "positive"][..], &["log", "x"], &["rm", "x"], &["diff", "x"]] {
        assert_eq!(
            machine.run(&[args, &["--json"]].concat()).fails(1).json()["error"]["code"],
            "skill-not-found"
        );
    }
    assert!(!machine.store("logs/x.jsonl").exists());
}

#[test]
fn a_damaged_record_is_named_and_spares_the_others() {
    let machine = holding(&["pdf", "xlsx"]);
    machine.write(".skillsync/skills/pdf/.meta.toml", "format = 1\n");
    assert_eq!(machine.run(&["info", "pdf", "--json"]).fails(1).json()["error"]["code"], "meta-damaged");
    let listing = machine.run(&["ls", "--json"]).fails(3).json();
    assert_eq!(listing["failed"][0]["skill"], "pdf");
    assert!(listing["skills"].as_array().unwrap().iter().any(|s| s["name"] == "xlsx"));
}

#[test]
fn a_folder_of_somebody_elses_is_not_made_a_store() {
    let machine = machine();
    machine.write("proj/staging/release/a.tar", "mine");
    let before = machine.snapshot();
    let home = machine.path("proj").display().to_string();
    let output = machine.command(&["init", "--json"]).env("SKILLSYNC_HOME", &home).run().fails(1);
    assert_eq!(output.json()["error"]["code"], "store-folder-foreign");
    before.assert_same(&machine.snapshot());
}

#[test]
fn what_is_not_a_commands_own_in_staging_stays() {
    let machine = holding(&["pdf"]);
    machine.write(".skillsync/staging/mine/notes", "mine");
    machine.run(&["sync"]).ok();
    assert_eq!(machine.read(".skillsync/staging/mine/notes"), "mine");
}

#[test]
fn a_store_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let machine = holding(&[]);
    let mode = std::fs::metadata(machine.store("")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_skills_folder_that_is_gone_is_not_a_user_who_removed_everything() {
    let machine = holding(&["pdf"]);
    machine.write("agent/keep", "");
    machine.run(&["target", "add", "--path", "agent/skills"]).ok();
    machine.run(&["sync"]).ok();
    std::fs::rename(machine.store("skills"), machine.path("unmounted")).unwrap();
    for spoil in ["missing", "empty", "a mount point"] {
        match spoil {
            "missing" => {}
            "empty" => std::fs::create_dir(machine.store("skills")).unwrap(),
            _ => std::fs::create_dir(machine.store("skills/lost+found")).unwrap(),
        }
        for args in [&["sync"][..], &["gc"], &["gc", "--all", "--yes"]] {
            let output = machine.run(args).either();
            assert_ne!(output.code, Some(0), "{output}");
        }
        assert!(machine.path("agent/skills/pdf/SKILL.md").exists());
    }
    std::fs::remove_dir_all(machine.store("skills")).unwrap();
    std::fs::rename(machine.path("unmounted"), machine.store("skills")).unwrap();
    machine.run(&["verify"]).ok();
}

#[test]
fn a_skill_that_was_renamed_by_hand_keeps_its_history() {
    let machine = holding(&["pdf"]);
    std::fs::rename(machine.store("skills/pdf"), machine.store("skills/pdf.bak")).unwrap();
    machine.run(&["gc"]).ok();
    std::fs::rename(machine.store("skills/pdf.bak"), machine.store("skills/pdf")).unwrap();
    machine.run(&["verify"]).ok();
}

#[test]
fn a_commit_keeps_what_it_did_not_commit() {
    let machine = holding(&["pdf"]);
    machine.run(&["edit", "pdf"]).ok();
    machine.write(".skillsync/editing/pdf/.git/HEAD", "mine");
    machine.write(".skillsync/editing/pdf/new.md", "new");
    machine.run(&["commit", "pdf", "--reason", "x"]).ok();
    let trash = machine.snapshot().only(".skillsync/trash");
    assert!(trash.iter().any(|(path, _)| path.ends_with("pdf/.git/HEAD")));
}

#[test]
fn a_repository_in_a_canonical_folder_moves_on_with_the_skill() {
    let machine = holding(&["pdf"]);
    machine.write(".skillsync/skills/pdf/.git/HEAD", "mine");
    machine.run(&["edit", "pdf"]).ok();
    machine.write(".skillsync/editing/pdf/new.md", "new");
    machine.run(&["commit", "pdf", "--reason", "x"]).ok();
    assert_eq!(machine.read(".skillsync/skills/pdf/.git/HEAD"), "mine");
    machine.run(&["verify"]).ok();
}

#[test]
fn who_lost_the_lease_does_not_commit_the_others_work() {
    let machine = holding(&["pdf"]);
    for place in ["a", "b"] {
        machine.write(&format!("{place}/x"), "");
    }
    let at = |place: &str, args: &[&str]| machine.command(args).cwd(&machine.path(place)).run();
    at("a", &["edit", "pdf"]).ok();
    at("b", &["edit", "pdf", "--force"]).ok();
    machine.write(".skillsync/editing/pdf/half", "half done");
    for args in [&["commit", "pdf", "--reason", "x", "--json"][..], &["abort", "pdf", "--json"]] {
        assert_eq!(at("a", args).fails(4).json()["error"]["code"], "lease-taken-over");
    }
    assert!(machine.store("editing/pdf/half").exists());
    at("b", &["commit", "pdf", "--reason", "done"]).ok();
}

#[test]
fn a_hand_edited_skill_is_not_marked_for_removal() {
    let machine = holding(&["pdf"]);
    machine.write(".skillsync/skills/pdf/mine.md", "mine");
    assert_eq!(machine.run(&["rm", "pdf", "--json"]).fails(5).json()["error"]["code"], "hand-edited");
    assert_eq!(machine.run(&["info", "pdf", "--json"]).ok().json()["state"], "active");
}

#[test]
fn a_log_that_does_not_read_keeps_nobody_from_committing() {
    let machine = holding(&["pdf"]);
    machine.write(".skillsync/logs/pdf.jsonl/x", "a folder");
    machine.run(&["edit", "pdf"]).ok();
    machine.write(".skillsync/editing/pdf/new.md", "new");
    machine.run(&["commit", "pdf", "--reason", "x"]).ok();
}

#[test]
fn a_store_that_lost_its_settings_is_still_one() {
    let machine = holding(&["pdf"]);
    std::fs::remove_file(machine.store("config.toml")).unwrap();
    machine.run(&["init"]).ok();
    machine.run(&["info", "pdf"]).ok();
}

#[test]
fn skills_on_another_disk_are_committed_all_the_same() {
    let shm = std::path::Path::new("/dev/shm");
    let machine = holding(&["pdf"]);
    let other = match tempfile::tempdir_in(shm) {
        Ok(dir) => dir,
        Err(_) => return skillsync_testkit::say("SKIPPED skills on another disk: /dev/shm takes no folder"),
    };
    let skills = other.path().join("skills");
    skillsync_testkit::disk::copy(&machine.store("skills"), &skills);
    std::fs::remove_dir_all(machine.store("skills")).unwrap();
    std::os::unix::fs::symlink(&skills, machine.store("skills")).unwrap();
    machine.run(&["edit", "pdf"]).ok();
    machine.write(".skillsync/editing/pdf/new.md", "new");
    machine.run(&["commit", "pdf", "--reason", "x"]).ok();
    assert!(skills.join("pdf/new.md").exists());
    machine.run(&["verify"]).ok();
}

#[test]
fn who_works_inside_the_working_copy_holds_its_lease() {
    let machine = holding(&["pdf"]);
    machine.run(&["edit", "pdf"]).ok();
    machine.run(&["edit", "pdf", "--force"]).ok();
    machine.write(".skillsync/editing/pdf/new.md", "new");
    let inside = machine.store("editing/pdf");
    machine.command(&["commit", "pdf", "--reason", "x"]).cwd(&inside).run().ok();
}

#[test]
fn a_repository_comes_back_when_a_commit_was_killed_after_its_swap() {
    let machine = holding(&["pdf"]);
    machine.write(".skillsync/staging/tx-1/old/pdf/.git/HEAD", "mine");
    machine.write(".skillsync/staging/tx-1/old/pdf/vendor/x", "kept in trash");
    machine.run(&["sync"]).ok();
    assert_eq!(machine.read(".skillsync/skills/pdf/.git/HEAD"), "mine");
    let trash = machine.snapshot().only(".skillsync/trash");
    assert!(trash.iter().any(|(path, _)| path.ends_with("pdf/vendor/x")));
}
