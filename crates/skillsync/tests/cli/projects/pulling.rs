//! What a pull is told: which artifacts, which side wins, what nobody is there to answer.

use serde_json::{Value, json};
use skillsync_testkit::{SkillBuilder, disk};

use super::site::{COPY, PROJECT, Site};
use crate::stocked::{only_plans, refuses, replace};

/// Three skills, each edited in the project.
fn three() -> Site {
    let site = Site::deployed();
    for name in ["csv", "xls"] {
        site.add(name, &SkillBuilder::new(name));
        site.deploy(&[name]).ok();
        site.edit_copy(name, "Do the thing", "Do it well");
    }
    site.edit_copy("pdf", "First", "Edited");
    site
}

#[test]
fn only_the_named_artifacts_are_pulled() {
    let site = three();
    let result = site.pulled(&["--artifacts", "csv,pdf"]);
    assert_eq!(result["artifacts_synced"], json!(["csv", "pdf"]));
    assert_eq!((site.version("csv"), site.version("pdf"), site.version("xls")), (2, 2, 1));
    assert_eq!((&*site.state("csv"), &*site.state("xls")), ("outdated converged", "modified"));
    let result = site.pulled(&[]);
    assert_eq!(result["artifacts_synced"], json!(["xls"]));
}

#[test]
fn a_name_that_is_nowhere_in_the_project_is_an_error_and_nothing_is_pulled() {
    let site = three();
    let told = refuses(
        &site.machine,
        &["sync", "pull", PROJECT, "--yes", "--artifacts", "pdf,xsl"],
        1,
        "not-deployed",
    );
    assert!(told.stderr.contains("did you mean `xls`?"), "{told}");
    refuses(&site.machine, &["sync", "preview", PROJECT, "--artifacts", "nothing"], 1, "not-deployed");
}

#[test]
fn a_copy_that_nobody_deployed_is_pulled_when_it_is_named() {
    let site = Site::deployed();
    let found = SkillBuilder::new("found").file("references/more.md", "More.\n");
    site.machine.skill_folder(&format!("{PROJECT}/.claude/skills/found"), &found);
    assert_eq!(site.state("found"), "synced", "nobody deployed it");
    let all = site.check(&["--all"]);
    let is_found = |one: &&Value| one["artifact_name"] == "found";
    let drift = all["artifacts"].as_array().into_iter().flatten().find(is_found).cloned().unwrap_or_default();
    assert_eq!(
        (&drift["drift_type"], &drift["recommendation"]),
        (&"added".into(), &"pull_from_project".into())
    );
    assert_eq!(site.pull(&[]).ok().json()["status"], "no_changes");
    let result = site.pulled(&["--artifacts", "found"]);
    assert_eq!(
        (&result["artifacts"][0]["stored_as"], &result["artifacts"][0]["version"]),
        (&"found".into(), &1.into())
    );
    assert_eq!(site.in_store("found"), site.in_project("found"));
    // It is one of the deployed ones now.
    assert_eq!(site.record("found")["artifact_path"].as_str(), Some("skills/found"));
    assert_eq!(site.state("found"), "synced");
    site.edit_copy("found", "Do the thing", "Do it well");
    assert_eq!(site.state("found"), "modified");
}

#[test]
fn the_collection_wins_where_that_is_asked_for() {
    let site = Site::deployed();
    site.commit("pdf", "First", "Committed");
    site.edit_copy("pdf", "Fourth", "Edited");
    let store = site.store_text("pdf");
    let old = site.record("pdf")["content_hash"].as_str().map(str::to_owned);
    let result = site.pulled(&["--strategy", "overwrite", "--prefer", "collection"]);
    assert_eq!(result["artifacts"][0]["action"], "push");
    assert_eq!(site.machine.read(COPY), store);
    assert_eq!(site.version("pdf"), 2);
    assert_eq!(site.state("pdf"), "synced");
    let record = site.record("pdf");
    assert_eq!(record["content_hash"].as_str(), Some(&*site.in_store("pdf")));
    assert_eq!(record["parent_hash"].as_str(), old.as_deref());
    assert!(site.in_trash("Edited step.") > 0, "what the project had waits in trash");
    // Of a copy that the store has no more, the collection's wish is that it goes.
    site.remove("pdf");
    site.edit_copy("pdf", "Second", "Edited");
    let result = site.pulled(&["--strategy", "overwrite", "--prefer", "collection"]);
    assert_eq!(result["artifacts"][0]["action"], "drop");
    assert!(!site.machine.path(COPY).exists());
    assert!(site.in_trash("Edited step.\n\nThird") > 0);
}

#[test]
fn the_collection_takes_nothing_away_that_it_never_had() {
    let site = Site::deployed().teammate();
    assert_eq!(site.state("pdf"), "added");
    let flags = ["--strategy", "overwrite", "--prefer", "collection"];
    let told = site.run(&[&["sync", "preview", PROJECT], &flags[..]].concat()).ok().stdout.clone();
    assert!(told.contains("pdf: left as it is, the store never had it ("), "{told}");
    let before = site.machine.snapshot().only(PROJECT);
    let output = site.pull(&flags).fails(3);
    assert_eq!(output.json()["conflicts"][0]["error"]["code"], "skill-not-found", "{output}");
    before.assert_same(&site.machine.snapshot().only(PROJECT));
    // An edit does not change that, nor does a copy that nobody deployed.
    site.edit_copy("pdf", "First", "Edited");
    site.machine.skill_folder(&format!("{PROJECT}/.claude/skills/found"), &SkillBuilder::new("found"));
    let before = site.machine.snapshot().only(PROJECT);
    site.pull(&[&flags[..], &["--artifacts", "pdf,found"]].concat()).fails(3);
    before.assert_same(&site.machine.snapshot().only(PROJECT));
}

#[test]
fn what_a_pull_moves_to_trash_is_named() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    let flags = ["--strategy", "overwrite", "--prefer", "collection"];
    let result = site.pulled(&flags);
    assert_eq!(result["artifacts"][0]["in_store"], true);
    let kept = result["artifacts"][0]["trash"].as_str().map(str::to_owned).unwrap_or_default();
    assert!(site.machine.read(&format!("{kept}/SKILL.md")).contains("Edited step."), "{result}");
    // The same in words, of a copy that goes with what the store had.
    site.remove("pdf");
    site.edit_copy("pdf", "First", "Gone");
    let output = site.run(&[&["sync", "pull", PROJECT, "--yes"], &flags[..]].concat()).ok();
    let told = ".claude/skills/pdf: no longer deployed; the store does not have pdf\n";
    assert_eq!(output.stdout, told, "{output}");
    let said = "note: what stood at .claude/skills/pdf is kept for 24 hours: ";
    let kept = output.stderr.lines().find_map(|line| line.strip_prefix(said)).unwrap_or_default();
    assert!(site.machine.read(&format!("{kept}/SKILL.md")).contains("Gone step."), "{output}");
    // One that was deleted in the project alone: nothing moves, and the store keeps it.
    let site = Site::deployed();
    disk::remove(&site.machine.path(&format!("{PROJECT}/.claude/skills/pdf")));
    let output = site.run(&["sync", "pull", PROJECT, "--yes"]).ok();
    assert_eq!(output.stdout, ".claude/skills/pdf: no longer deployed; the store keeps pdf\n");
    assert!(!output.stderr.contains("is kept"), "{output}");
}

#[test]
fn the_flags_have_to_agree() {
    let site = three();
    for flags in [
        &["--prefer", "collection"][..],
        &["--prefer", "project", "--strategy", "fork"],
        &["--strategy", "guess"],
        &["--prefer", "mine", "--strategy", "overwrite"],
        &["--rollback", "--strategy", "fork"],
    ] {
        let before = site.machine.snapshot();
        site.pull(flags).fails(2);
        before.assert_same(&site.machine.snapshot());
    }
}

#[test]
fn a_question_that_nobody_can_answer_is_an_error_that_names_the_flag() {
    let site = three();
    for flags in [&[][..], &["--strategy", "prompt"], &["--strategy", "overwrite"]] {
        let before = site.machine.snapshot().without(&[".skillsync/state"]);
        let told = site.run(&[&["sync", "pull", PROJECT, "--json"], flags].concat()).fails(2);
        assert_eq!(told.json()["error"]["code"], "usage", "{told}");
        assert!(told.stderr.contains("--yes"), "{told}");
        before.assert_same(&site.machine.snapshot().without(&[".skillsync/state"]));
    }
    // An agent at a terminal is nobody, either.
    let told = site.machine.command(&["sync", "pull", PROJECT]).env("CLAUDECODE", "1").run().fails(2);
    assert!(told.stderr.contains("--yes"), "{told}");
    // Where there is nothing to pull there is nothing to ask.
    let site = Site::deployed();
    assert_eq!(site.run(&["sync", "pull", PROJECT]).ok().stdout, "nothing to pull\n");
    // To undo asks, too.
    site.edit_copy("pdf", "First", "Edited");
    site.pulled(&[]);
    let told = refuses(&site.machine, &["sync", "pull", PROJECT, "--rollback"], 2, "usage");
    assert!(told.stderr.contains("--yes"), "{told}");
}

#[test]
fn a_prompt_with_yes_takes_the_first_way() {
    let site = three();
    let result = site.pulled(&["--strategy", "prompt"]);
    assert_eq!(result["artifacts_synced"], json!(["csv", "pdf", "xls"]));
}

#[test]
fn the_history_says_where_a_version_came_from_and_why() {
    let site = three();
    site.pulled(&["--artifacts", "pdf"]);
    let newest = site.history("pdf")[0].clone();
    assert_eq!((&newest["origin"], &newest["reason"]), (&"pull".into(), &"pulled from app".into()));
    assert_eq!(newest["parents"], json!([]), "the store had nothing of its own");
    site.pulled(&["--artifacts", "csv", "--reason", "a better way"]);
    assert_eq!(site.history("csv")[0]["reason"], "a better way");
    site.pulled(&["--artifacts", "xls", "--strategy", "fork"]);
    assert_eq!(site.history("xls-fork")[0]["reason"], "fork of xls, pulled from app");
    // A merge has two parents.
    let (project, store) = {
        site.edit_copy("pdf", "Second", "Mine");
        site.commit("pdf", "Fourth", "Theirs");
        (site.in_project("pdf"), site.in_store("pdf"))
    };
    site.pulled(&["--artifacts", "pdf"]);
    assert_eq!(site.history("pdf")[0]["parents"], json!([store, project]));
}

#[test]
fn a_preview_says_what_would_be_done_with_which_hashes() {
    let site = three();
    site.commit("pdf", "Fourth", "Committed");
    disk::remove(&site.machine.path(&format!("{PROJECT}/.claude/skills/csv")));
    let json = site.run(&["sync", "preview", PROJECT, "--json"]).ok().json();
    assert_eq!((&json["strategy"], &json["prefer"]), (&"merge".into(), &Value::Null));
    let lines: Vec<_> = json["candidates"].as_array().into_iter().flatten().collect();
    let lines: Vec<_> =
        lines.iter().map(|one| (one["artifact_name"].as_str(), one["action"].as_str())).collect();
    let expected = [("csv", "drop"), ("pdf", "merge"), ("xls", "take")];
    assert_eq!(lines, expected.map(|(name, action)| (Some(name), Some(action))));
    assert_eq!(json["candidates"][1]["collection_sha"], site.in_store("pdf"));
    assert_eq!(json["candidates"][1]["project_sha"], site.in_project("pdf"));
    let forced = site.run(&[
        "sync",
        "preview",
        PROJECT,
        "--json",
        "--strategy",
        "overwrite",
        "--prefer",
        "collection",
    ]);
    let forced = forced.ok().json();
    assert_eq!((&forced["strategy"], &forced["prefer"]), (&"overwrite".into(), &"collection".into()));
    assert!(
        forced["candidates"].as_array().into_iter().flatten().all(|one| one["action"] == "push"),
        "{forced}"
    );
    let told = site.run(&["sync", "preview", PROJECT]).ok().stdout.clone();
    assert!(told.contains("pdf: merge on what was deployed (deployed "), "{told}");
}

#[test]
fn commands_and_agents_are_pulled_merged_and_forked() {
    let site = Site::stocked();
    site.add_markdown("command", "review", "Review it.\n\nSlowly.\n\nTwice.\n");
    site.add_markdown("agent", "critic", "---\nname: critic\ndescription: Criticises\n---\nBe kind.\n");
    site.deploy(&["review", "critic"]).ok();
    let (review, critic) = ("work/app/.claude/commands/review.md", "work/app/.claude/agents/critic.md");
    replace(&site.machine, review, "Twice", "Thrice");
    replace(&site.machine, critic, "kind", "fair");
    assert_eq!((&*site.state("review"), &*site.state("critic")), ("modified", "modified"));
    site.commit_files("review", |editing| {
        replace(&site.machine, &format!("{editing}/review.md"), "Review it", "Review all");
    });
    site.pulled(&["--artifacts", "review"]);
    assert_eq!(
        site.machine.read(".skillsync/skills/review/review.md"),
        "Review all.\n\nSlowly.\n\nThrice.\n"
    );
    let result = site.pulled(&["--artifacts", "critic", "--strategy", "fork"]);
    assert_eq!(result["artifacts"][0]["stored_as"], "critic-fork");
    let fork = site.machine.read(".skillsync/skills/critic-fork/critic-fork.md");
    assert_eq!(fork, "---\nname: critic-fork\ndescription: Criticises\n---\nBe fair.\n");
    assert_eq!(site.run(&["info", "critic-fork", "--json"]).ok().json()["type"], "agent");
}

#[test]
fn a_long_name_is_forked_under_a_name_that_fits() {
    let site = Site::empty();
    let name = "n".repeat(64);
    site.add(&name, &SkillBuilder::new(&name));
    site.deploy(&[&name]).ok();
    site.edit_copy(&name, "Do the thing", "Do it well");
    let result = site.pulled(&["--strategy", "fork"]);
    assert_eq!(result["artifacts"][0]["stored_as"], format!("{}-fork", "n".repeat(59)));
}

#[test]
fn two_copies_of_one_skill_are_pulled_one_after_the_other() {
    let site = Site::deployed();
    site.deploy(&["pdf", "--tool", "windsurf"]).ok();
    site.edit_copy("pdf", "First", "Claude's");
    replace(&site.machine, &format!("{PROJECT}/.windsurf/skills/pdf/SKILL.md"), "Fourth", "Windsurf's");
    assert_eq!(site.check(&[])["drift_count"], 2);
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Claude's step.") && text.contains("Windsurf's step."), "{text}");
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.check(&[])["drift_count"], 0);
    assert_eq!(site.machine.read(COPY), text);
}

#[test]
fn a_plan_says_of_a_second_copy_that_it_comes_after_the_first() {
    let site = three();
    site.deploy(&["pdf", "--tool", "windsurf"]).ok();
    let second = format!("{PROJECT}/.windsurf/skills/pdf/SKILL.md");
    replace(&site.machine, &second, "First", "Windsurf's");
    let versions = |told: &Value| -> Vec<Value> {
        let lines = told["artifacts"].as_array().cloned().unwrap_or_default();
        lines.iter().map(|one| json!([one["path"], one["action"], one["version"], one["after"]])).collect()
    };
    let plan = ["sync", "pull", PROJECT];
    let (copy, after) = (".claude/skills/pdf", ".windsurf/skills/pdf");
    for flags in [&[][..], &["--strategy", "overwrite"], &["--strategy", "fork"]] {
        let told = only_plans(&site.machine, &[&plan[..], flags, &["--json"]].concat()).json();
        let lines = versions(&told);
        assert_eq!((lines[1][0].as_str(), &lines[1][3]), (Some(copy), &Value::Null), "{told}");
        assert_eq!(lines.last(), Some(&json!([after, null, null, copy])), "{told}");
        assert_eq!(told["artifacts_synced"], json!(["csv", "pdf", "xls"]));
    }
    let told = only_plans(&site.machine, &plan).stdout.clone();
    let line =
        ".windsurf/skills/pdf: would be pulled after .claude/skills/pdf, with what the store has then\n";
    assert!(told.ends_with(line), "{told}");
    // Where the store stays as it is, none waits for another.
    let told = only_plans(
        &site.machine,
        &[&plan[..], &["--strategy", "overwrite", "--prefer", "collection", "--json"]].concat(),
    );
    assert_eq!(versions(&told.json()).last(), Some(&json!([after, "push", null, null])));
    // What is done has no such line, and counts each artifact once.
    let told = site.pulled(&["--strategy", "overwrite"]);
    assert_eq!(versions(&told).last(), Some(&json!([after, "take", 3, null])), "{told}");
    assert_eq!(told["artifacts_synced"], json!(["csv", "pdf", "xls"]));
    assert_eq!(told["message"], "3 pulled");
}

#[test]
fn a_hand_edit_in_the_store_is_not_pulled_over() {
    let site = three();
    crate::stocked::replace(&site.machine, ".skillsync/skills/pdf/SKILL.md", "Second", "By hand");
    let output = site.pull(&[]).fails(5);
    let result = output.json();
    assert_eq!(result["artifacts_synced"], json!(["csv", "xls"]), "{output}");
    assert_eq!(result["conflicts"][0]["error"]["code"], "hand-edited", "{output}");
    assert!(site.store_text("pdf").contains("By hand step."));
    assert_eq!(site.version("pdf"), 1);
    assert_eq!(site.state("pdf"), "modified", "it is not taken");
}

#[test]
fn a_copy_of_another_type_is_no_version_of_a_skill() {
    let first = Site::empty();
    first.add_markdown("command", "pdf", "Make a PDF.\n");
    first.deploy(&["pdf"]).ok();
    first.save("a command");
    let second = first.teammate();
    second.add("pdf", &super::site::pdf());
    assert_eq!(second.drift("pdf")["artifact_type"], "command");
    for flags in [&[][..], &["--strategy", "overwrite"]] {
        let output = second.pull(flags).one_of(&[3, 5]);
        assert_eq!(output.json()["artifacts_synced"], json!([]), "{output}");
        assert_eq!(second.version("pdf"), 1);
    }
    // Both may stand in the project.
    second.deploy(&["pdf"]).ok();
    assert!(second.machine.path(COPY).exists());
    assert_eq!(second.machine.read("work/app/.claude/commands/pdf.md"), "Make a PDF.\n");
}

#[test]
fn two_copies_that_disagree_are_a_conflict_of_the_second() {
    let site = Site::deployed();
    site.deploy(&["pdf", "--tool", "windsurf"]).ok();
    site.edit_copy("pdf", "First", "Claude's");
    replace(&site.machine, &format!("{PROJECT}/.windsurf/skills/pdf/SKILL.md"), "First", "Windsurf's");
    let output = site.pull(&[]).fails(5);
    assert_eq!(output.json()["artifacts_synced"], json!(["pdf"]), "{output}");
    assert!(site.store_text("pdf").contains("Claude's step."));
    let working = site.machine.read(".skillsync/editing/pdf/SKILL.md");
    assert!(working.contains("<<<<<<< store\nClaude's step.\n=======\nWindsurf's step.\n"), "{working}");
    // Undone in one go: the working copy, then the version.
    let undone = site.run(&["sync", "pull", PROJECT, "--rollback", "--yes", "--json"]).ok().json();
    let lines: Vec<Value> = undone["artifacts"].as_array().cloned().unwrap_or_default();
    assert_eq!(lines.iter().map(|one| one["outcome"].clone()).collect::<Vec<_>>(), ["aborted", "restored"]);
    assert_eq!(site.check(&[])["drift_count"], 2);
}

#[test]
fn two_forks_of_one_skill_are_two() {
    let site = Site::deployed();
    site.deploy(&["pdf", "--tool", "windsurf"]).ok();
    site.edit_copy("pdf", "First", "Claude's");
    replace(&site.machine, &format!("{PROJECT}/.windsurf/skills/pdf/SKILL.md"), "First", "Windsurf's");
    site.pulled(&["--strategy", "fork"]);
    assert!(site.store_text("pdf-fork").contains("Claude's step."));
    assert!(site.store_text("pdf-fork-2").contains("Windsurf's step."));
    assert!(site.store_text("pdf").contains("First step."));
}

#[test]
fn what_looks_like_a_secret_is_named_as_by_add() {
    let token = format!("ghp_{}", "k3J9".repeat(9));
    let flagged = |told: &Value| {
        assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
        (told[0]["code"].clone(), told[0]["file"].clone(), told[0]["line"].clone())
    };
    let expected = ("secret-suspected".into(), "scripts/run.sh".into(), 2.into());
    let said = "warning: pdf: scripts/run.sh:2: this looks like a GitHub token";
    let site = Site::deployed();
    site.write(".claude/skills/pdf/scripts/run.sh", format!("#!/bin/sh\nexport KEY={token}\n"), 0o755);
    // In a plan, of a conflict, and of what is taken.
    let plan = only_plans(&site.machine, &["sync", "pull", PROJECT, "--json"]);
    assert_eq!(flagged(&plan.json()["artifacts"][0]["warnings"]), expected, "{plan}");
    site.commit("pdf", "First", "Committed");
    site.edit_copy("pdf", "First", "Edited");
    let output = site.pull(&[]).fails(5);
    assert_eq!(flagged(&output.json()["conflicts"][0]["warnings"]), expected, "{output}");
    assert!(output.stderr.contains(said), "{output}");
    site.run(&["abort", "pdf"]).ok();
    let output = site.pull(&["--strategy", "overwrite"]).ok();
    assert_eq!(flagged(&output.json()["artifacts"][0]["warnings"]), expected, "{output}");
    assert!(output.stderr.contains(said), "{output}");
    // What a pull puts into the project came from the store.
    site.edit_copy("pdf", "Second", "Again");
    let told = site.pulled(&["--strategy", "overwrite", "--prefer", "collection"]);
    assert_eq!(told["artifacts"][0]["warnings"], json!([]));
}
