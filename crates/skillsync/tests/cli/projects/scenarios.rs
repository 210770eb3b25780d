//! The eight scenarios of the quick reference, by its numbers.

use skillsync_testkit::oracle;

use super::site::{COPY, PROJECT, RECORDS, Site};

#[test]
fn test_1_deploy_creates_file_copy_and_content_hash() {
    let site = Site::stocked();
    let done = site.deploy(&["pdf"]).ok().json();
    let line = &done["artifacts"][0];
    assert_eq!((&line["status"], &line["path"]), (&"deployed".into(), &".claude/skills/pdf".into()));
    let hash = oracle::content_hash(&site.machine.path("src/pdf"));
    assert_eq!(line["content_hash"], hash);
    assert_eq!(site.in_project("pdf"), hash);
    let script = site.machine.snapshot().get("work/app/.claude/skills/pdf/scripts/run.sh").cloned();
    assert!(
        matches!(script, Some(skillsync_testkit::snapshot::Entry::File { mode: 0o755, .. })),
        "{script:?}"
    );

    let records = site.records(RECORDS);
    assert_eq!(records.len(), 1);
    let text = |key: &str| records[0][key].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("artifact_name"), "pdf");
    assert_eq!(text("artifact_type"), "skill");
    assert_eq!(text("from_collection"), "default");
    assert_eq!(text("artifact_path"), "skills/pdf");
    assert_eq!(text("content_hash"), hash);
    // What readers of old files look for.
    assert_eq!(text("collection_sha"), hash);
    assert_eq!(records[0]["local_modifications"].as_bool(), Some(false));
    assert_eq!(site.machine.filter(&text("deployed_at")), "[TIME]");
    // Nothing but the copy and its record.
    let below = site.machine.snapshot().only(PROJECT).without(&["work/app/.git"]);
    let names: Vec<&str> =
        below.iter().map(|(path, _)| path).filter(|path| !path.contains("/pdf/")).collect();
    let expected = ["", "/.claude", "/.claude/.skillsync-deployed.toml", "/.claude/skills"];
    let expected = expected.iter().chain(&["/.claude/skills/pdf", "/README.md"]);
    assert_eq!(names, expected.map(|path| format!("{PROJECT}{path}")).collect::<Vec<_>>());
}

#[test]
fn test_2_an_unmodified_copy_is_no_drift() {
    let site = Site::deployed();
    let checked = site.check(&[]);
    assert_eq!((&checked["drift_detected"], &checked["checked"]), (&false.into(), &1.into()));
    let line = &site.run(&["deployments", PROJECT, "--json"]).ok().json()["deployments"][0];
    assert_eq!((&line["status"], &line["version"]), (&"synced".into(), &1.into()));
    assert_eq!(line["content_hash"], site.in_project("pdf"));
    assert!(site.run(&["sync", "check", PROJECT]).ok().stdout.contains("no drift, 1 checked"));
}

#[test]
fn test_3_an_edit_in_the_project_is_modified() {
    let site = Site::deployed();
    let deployed = site.in_project("pdf");
    site.edit_copy("pdf", "First", "Edited");
    let drift = site.drift("pdf");
    assert_eq!(drift["drift_type"], "modified");
    assert_eq!(drift["recommendation"], "pull_from_project");
    assert_eq!(drift["collection_sha"], deployed);
    assert_eq!(drift["project_sha"], site.in_project("pdf"));
    assert_eq!((&drift["change"], &drift["store_change"]), (&"edit".into(), &serde_json::Value::Null));
    assert_eq!((&drift["collection_version"], &drift["project_version"]), (&"1".into(), &"1".into()));
    let told = site.run(&["sync", "check", PROJECT]).fails(1);
    assert!(site.machine.filter(&told.stderr).contains("`skillsync sync pull '[HOME]/work/app'`"), "{told}");
}

#[test]
fn test_4_a_new_version_in_the_store_is_outdated() {
    let site = Site::deployed();
    site.commit("pdf", "First", "Committed");
    let drift = site.drift("pdf");
    assert_eq!((&drift["drift_type"], &drift["converged"]), (&"outdated".into(), &false.into()));
    assert_eq!(drift["recommendation"], "push_to_collection");
    assert_eq!(drift["collection_sha"], site.in_store("pdf"));
    assert_eq!(drift["project_sha"], site.in_project("pdf"));
    assert_eq!((&drift["collection_version"], &drift["project_version"]), (&"2".into(), &"1".into()));
    let told = site.run(&["sync", "check", PROJECT]).fails(1);
    assert!(site.machine.filter(&told.stderr).contains("`skillsync deploy pdf '[HOME]/work/app'`"), "{told}");
}

#[test]
fn test_5_both_edited_is_a_conflict_of_three_contents() {
    let site = Site::deployed();
    let deployed = site.in_project("pdf");
    site.commit("pdf", "First", "Committed");
    site.edit_copy("pdf", "First", "Edited");
    let drift = site.drift("pdf");
    assert_eq!(drift["drift_type"], "conflict");
    assert_eq!(drift["recommendation"], "review_manually");
    assert_eq!(drift["baseline_sha"], deployed);
    let shas = [&drift["baseline_sha"], &drift["collection_sha"], &drift["project_sha"]];
    assert_eq!(*shas[1], site.in_store("pdf"));
    assert_eq!(*shas[2], site.in_project("pdf"));
    assert!(shas[0] != shas[1] && shas[1] != shas[2] && shas[0] != shas[2], "{drift}");
    // All five ways out are named.
    let told = site.run(&["sync", "check", PROJECT]).fails(1).stderr.clone();
    for way in
        ["--artifacts pdf\n", "overwrite\n", "overwrite --prefer collection", "fork", "skillsync edit pdf"]
    {
        assert!(told.contains(way), "{way}: {told}");
    }
}

#[test]
fn test_6_after_a_pull_the_copy_is_outdated_until_it_is_deployed() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    let copy = site.in_project("pdf");
    let result = site.pulled(&["--strategy", "overwrite"]);
    assert_eq!(result["artifacts_synced"], serde_json::json!(["pdf"]));
    assert_eq!(site.in_store("pdf"), copy);
    assert_eq!(site.version("pdf"), 2);
    assert_eq!(site.state("pdf"), "outdated converged");
    let before = site.machine.read(COPY);
    let done = site.deploy(&["pdf"]).ok().json();
    assert_eq!(done["artifacts"][0]["status"], "recorded");
    assert_eq!(site.machine.read(COPY), before);
    assert_eq!(site.state("pdf"), "synced");
    assert_eq!(site.record("pdf")["content_hash"].as_str(), Some(&*copy));
}

#[test]
fn test_7_a_merge_joins_what_can_be_joined_and_marks_the_rest() {
    let site = Site::deployed();
    site.commit("pdf", "First", "Committed");
    site.edit_copy("pdf", "Fourth", "Edited");
    assert_eq!(site.state("pdf"), "conflict");
    let result = site.pulled(&["--strategy", "merge"]);
    assert_eq!(
        (&result["artifacts"][0]["action"], &result["artifacts"][0]["version"]),
        (&"merge".into(), &3.into())
    );
    let merged = site.store_text("pdf");
    assert!(merged.contains("Committed step.") && merged.contains("Edited step."), "{merged}");
    assert!(!merged.contains("<<<<<<<"), "{merged}");
    // The project lacks what the store had of its own.
    assert_eq!(site.state("pdf"), "outdated");
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.machine.read(COPY), merged);
    assert_eq!(site.state("pdf"), "synced");

    site.commit("pdf", "Second", "Theirs");
    site.edit_copy("pdf", "Second", "Ours");
    let before = site.in_store("pdf");
    let output = site.pull(&[]).fails(5);
    let conflict = &output.json()["conflicts"][0];
    assert_eq!(conflict["conflict_files"], serde_json::json!(["SKILL.md"]));
    let working = site.machine.read(".skillsync/editing/pdf/SKILL.md");
    assert!(
        working.contains("<<<<<<< store\nTheirs step.\n=======\nOurs step.\n>>>>>>> project\n"),
        "{working}"
    );
    assert_eq!(site.in_store("pdf"), before);
}

#[test]
fn test_8_a_fork_is_another_skill_and_the_original_stays() {
    let site = Site::deployed();
    let original = site.in_store("pdf");
    site.edit_copy("pdf", "First", "Edited");
    let result = site.pulled(&["--strategy", "fork"]);
    let line = &result["artifacts"][0];
    assert_eq!((&line["stored_as"], &line["version"]), (&"pdf-fork".into(), &1.into()));
    let fork = site.store_text("pdf-fork");
    assert!(fork.starts_with("---\nname: pdf-fork\n") && fork.contains("Edited step."), "{fork}");
    assert_eq!(fork.replacen("name: pdf-fork", "name: pdf", 1), site.machine.read(COPY));
    assert_eq!(site.in_store("pdf"), original);
    assert_eq!(site.version("pdf"), 1);

    // The same once more is no second fork; something else is.
    site.pull(&["--strategy", "fork"]).ok();
    assert!(!site.machine.store("skills/pdf-fork-2").exists());
    site.edit_copy("pdf", "Second", "Edited");
    let result = site.pulled(&["--strategy", "fork"]);
    assert_eq!(result["artifacts"][0]["stored_as"], "pdf-fork-2");
    let second = site.store_text("pdf-fork-2");
    assert!(
        second.starts_with("---\nname: pdf-fork-2\n") && second.matches("Edited step.").count() == 2,
        "{second}"
    );
    assert_eq!(site.store_text("pdf-fork"), fork);
    assert_eq!(site.in_store("pdf"), original);
}
