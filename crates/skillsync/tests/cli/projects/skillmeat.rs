//! Projects of SkillMeat: read, shown, taken over, written back for those who stay with it.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use skillsync_testkit::{SkillBuilder, disk, oracle};
use toml_edit::DocumentMut;

use super::site::{COPY, PROJECT, RECORDS, Site, pdf};
use crate::stocked::{only_plans, overwrite, refuses, replace};

const THEIRS: &str = "work/app/.claude/.skillmeat-deployed.toml";

/// SHA-256 of some bytes, by the system's own program.
fn sha256(bytes: &[u8]) -> String {
    use std::io::Write as _;
    let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()[..64].to_owned()
}

/// Its hash of a skill: over path and bytes of each file, sorted by path, with nothing between them.
fn hash_of_skill(site: &Site, folder: &str) -> String {
    let folder = site.machine.path(folder);
    let mut fed = Vec::new();
    for (path, _) in oracle::payload(&folder) {
        fed.extend_from_slice(path.as_bytes());
        fed.extend_from_slice(&fs::read(folder.join(&path)).unwrap());
    }
    sha256(&fed)
}

/// One of its records, as its newest version writes them: an inline table in a list.
fn inline(name: &str, artifact_type: &str, path: &str, hash: &str) -> String {
    format!(
        "{{ artifact_name = \"{name}\", artifact_type = \"{artifact_type}\", from_collection = \"default\", \
         deployed_at = \"2025-12-17T10:30:00.123456\", artifact_path = \"{path}\", content_hash = \"{hash}\", \
         local_modifications = false, version_lineage = [], collection_sha = \"{hash}\", artifact_uuid = \"0f3a\" }}"
    )
}

/// A project with a copy of `pdf` that SkillMeat deployed, and a store that has it, or not.
fn theirs(in_store: bool) -> Site {
    let site = if in_store { Site::stocked() } else { Site::empty() };
    site.machine.write("src/keep", "");
    site.machine.skill_folder("work/app/.claude/skills/pdf", &pdf());
    let hash = hash_of_skill(&site, "work/app/.claude/skills/pdf");
    disk::copy(&site.machine.path("work/app/.claude/skills/pdf"), &site.machine.path("src/pdf-deployed"));
    let hook = inline("lint", "hook", "hooks/lint.sh", &"ab".repeat(32));
    let text =
        format!("deployed = [\n    {},\n    {hook},\n]\n", inline("pdf", "skill", "skills/pdf", &hash));
    site.machine.write(THEIRS, text);
    site.save("by skillmeat");
    site
}

#[test]
fn a_project_of_skillmeat_is_read_and_shown() {
    let site = theirs(true);
    let stamps = site.stamps();
    assert_eq!(site.state("pdf"), "synced");
    assert_eq!(site.check(&[])["ignored"], json!(["lint"]));
    let report = site.run(&["deployments", PROJECT, "--json"]).ok().json();
    let line = &report["deployments"][0];
    assert_eq!((&line["artifact_name"], &line["status"]), (&"pdf".into(), &"synced".into()));
    assert_eq!((&line["skillmeat"], &line["version"]), (&true.into(), &1.into()));
    assert_eq!(line["content_hash"], site.in_project("pdf"));
    assert!(line["deployed_at"].as_str().unwrap().starts_with("2025-12-17T10:30:00"), "{line}");
    assert!(line["deployed_at"].as_str().unwrap().ends_with('Z'), "{line}");
    assert_eq!(site.stamps(), stamps);
    assert!(!site.machine.path(RECORDS).exists());
}

#[test]
fn every_shape_that_it_ever_wrote_is_read() {
    let site = theirs(true);
    let hash = hash_of_skill(&site, "work/app/.claude/skills/pdf");
    let block = |keys: &str, time: &str| {
        format!(
            "[[deployed]]\nartifact_name = \"pdf\"\nartifact_type = \"skill\"\nfrom_collection = \"default\"\n\
             deployed_at = {time}\nartifact_path = \"skills/pdf\"\n{keys}"
        )
    };
    let both = format!("content_hash = \"{hash}\"\ncollection_sha = \"{}\"\n", "00".repeat(32));
    for (number, text) in [
        block(&format!("collection_sha = \"{hash}\"\n"), "\"2025-11-01T08:00:00\""),
        block(&format!("content_hash = \"{hash}\"\n"), "\"2025-12-17T10:30:00.000000\""),
        // The newer key counts.
        block(&both, "\"2025-12-17T10:30:00+00:00\""),
        block(
            &format!("content_hash = \"{hash}\"\nlocal_modifications = false\n"),
            "\"2025-12-17T10:30:00Z\"",
        ),
        block(&format!("content_hash = \"{}\"\n", hash.to_uppercase()), "2025-12-17T10:30:00"),
    ]
    .iter()
    .enumerate()
    {
        overwrite(&site.machine, THEIRS, text);
        assert_eq!(site.state("pdf"), "synced", "{number}: {text}");
        site.edit_copy("pdf", "First", "Edited");
        assert_eq!(site.state("pdf"), "modified", "{number}: {text}");
        site.edit_copy("pdf", "Edited", "First");
    }
}

#[test]
fn drift_is_seen_on_its_baseline() {
    let site = theirs(true);
    site.edit_copy("pdf", "First", "Edited");
    assert_eq!(site.state("pdf"), "modified");
    site.commit("pdf", "Fourth", "Mine");
    let drift = site.drift("pdf");
    assert_eq!(drift["drift_type"], "conflict");
    assert_eq!(drift["baseline_sha"], oracle::content_hash(&site.machine.path("src/pdf")));
    site.edit_copy("pdf", "Edited", "First");
    assert_eq!(site.state("pdf"), "outdated");
}

#[test]
fn a_deploy_takes_a_record_over() {
    let site = theirs(true);
    let file = site.machine.read(THEIRS);
    assert_eq!(site.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "recorded");
    assert_eq!(site.machine.read(THEIRS), file, "its own file is its own");
    let record = site.record("pdf");
    assert_eq!(record["content_hash"].as_str(), Some(&*site.in_store("pdf")));
    site.commit("pdf", "First", "Committed");
    assert_eq!(site.state("pdf"), "outdated");
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
    let line = site.run(&["deployments", PROJECT, "--json"]).ok().json()["deployments"].clone();
    assert_eq!(line.as_array().map(Vec::len), Some(1), "one artifact, though two files name it");
    assert_eq!(line[0]["skillmeat"], false);
}

#[test]
fn a_pull_takes_a_record_over_and_merges_on_its_baseline() {
    let site = theirs(true);
    site.commit("pdf", "Fourth", "Mine");
    site.edit_copy("pdf", "First", "Edited");
    let deployed = oracle::content_hash(&site.machine.path("src/pdf"));
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Edited step.") && text.contains("Mine step."), "{text}");
    let record = site.record("pdf");
    assert_eq!(record["content_hash"].as_str(), Some(&*deployed));
    assert_eq!(record["local_modifications"].as_bool(), Some(true));
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.machine.read(COPY), text);
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn a_baseline_is_found_in_the_projects_commits_when_the_store_lost_it() {
    let site = theirs(true);
    site.edit_copy("pdf", "First", "Edited");
    site.commit("pdf", "Fourth", "Mine");
    disk::remove(&site.machine.store("objects"));
    disk::remove(&site.machine.store("state"));
    site.empty_trash();
    site.run(&["doctor", "--fix", "--yes"]).either();
    let drift = site.drift("pdf");
    assert_eq!(drift["drift_type"], "conflict", "{drift}");
    assert_eq!(drift["baseline_sha"], oracle::content_hash(&site.machine.path("src/pdf")));
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Edited step.") && text.contains("Mine step."), "{text}");
}

#[test]
fn a_baseline_that_the_store_never_had_is_known_and_no_base() {
    let site = theirs(false);
    site.edit_copy("pdf", "First", "Edited");
    // Another skill of this name: a merge on what was deployed would drop one of the two without a word.
    site.add("pdf", &SkillBuilder::new("pdf").body("Something else.\n"));
    let drift = site.drift("pdf");
    assert_eq!((&drift["drift_type"], &drift["baseline_sha"]), (&"conflict".into(), &Value::Null));
    let line = site.run(&["deployments", PROJECT, "--json"]).ok().json()["deployments"][0].clone();
    assert_eq!(line["content_hash"], oracle::content_hash(&site.machine.path("src/pdf-deployed")));
}

#[test]
fn a_baseline_that_is_nowhere_is_a_conflict() {
    let site = theirs(true);
    let hash = hash_of_skill(&site, "work/app/.claude/skills/pdf");
    overwrite(&site.machine, THEIRS, site.machine.read(THEIRS).replace(&hash, &"cd".repeat(32)));
    site.edit_copy("pdf", "First", "Edited");
    let drift = site.drift("pdf");
    assert_eq!((&drift["drift_type"], &drift["baseline_sha"]), (&"conflict".into(), &Value::Null));
    site.deploy(&["pdf"]).fails(5);
    let store = site.store_text("pdf");
    site.pull(&[]).fails(5);
    assert_eq!(site.store_text("pdf"), store);
    site.run(&["abort", "pdf"]).ok();
    site.pulled(&["--strategy", "overwrite"]);
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn commands_and_agents_of_skillmeat_are_read_with_their_extension_or_without() {
    let site = Site::empty();
    site.add_markdown("command", "review", "Review it.\n");
    site.add_markdown("agent", "critic", "Be kind.\n");
    site.machine.write("work/app/.claude/commands/review.md", "Review it.\n");
    site.machine.write("work/app/.claude/agents/critic.md", "Be kind.\n");
    let records = [
        inline("review.md", "command", "commands/review.md", &sha256(b"Review it.\n")),
        inline("critic", "agent", "agents/critic.md", &sha256(b"Be kind.\n")),
    ];
    site.machine.write(THEIRS, format!("deployed = [{}]\n", records.join(", ")));
    assert_eq!((&*site.state("review"), &*site.state("critic")), ("synced", "synced"));
    replace(&site.machine, "work/app/.claude/commands/review.md", "it", "all");
    assert_eq!((&*site.state("review"), &*site.state("critic")), ("modified", "synced"));
    site.pulled(&[]);
    assert_eq!(site.machine.read(".skillsync/skills/review/review.md"), "Review all.\n");
}

#[test]
fn its_file_is_written_back_with_its_hashes_and_all_that_is_its_own() {
    let site = theirs(true);
    site.add("xls", &SkillBuilder::new("xls"));
    site.add_markdown("command", "review", "Review it.\n");
    site.commit("pdf", "First", "Committed");
    let old = hash_of_skill(&site, "work/app/.claude/skills/pdf");
    site.deploy(&["pdf", "xls", "review"]).ok();
    only_plans(&site.machine, &["deployments", PROJECT, "--write-skillmeat"]);
    let written = site.run(&["deployments", PROJECT, "--write-skillmeat", "--json"]).ok().json();
    assert_eq!(written["files"], json!([".claude/.skillmeat-deployed.toml"]));

    let document: DocumentMut = site.machine.read(THEIRS).parse().unwrap();
    let records: Vec<_> = document["deployed"].as_array_of_tables().unwrap().iter().cloned().collect();
    let of =
        |name: &str| records.iter().find(|record| record["artifact_name"].as_str() == Some(name)).unwrap();
    assert_eq!(records.len(), 4);
    let new = hash_of_skill(&site, "work/app/.claude/skills/pdf");
    let record = of("pdf");
    assert_eq!(record["content_hash"].as_str(), Some(&*new));
    assert_eq!(record["collection_sha"].as_str(), Some(&*new));
    assert_eq!(record["parent_hash"].as_str(), Some(&*old));
    let lineage: Vec<_> =
        record["version_lineage"].as_array().unwrap().iter().filter_map(|h| h.as_str()).collect();
    assert_eq!(lineage, [&*new, &*old]);
    assert_eq!(record["artifact_uuid"].as_str(), Some("0f3a"), "keys that we do not know stay");
    assert!(!record["deployed_at"].as_str().unwrap().ends_with('Z'), "its times have no offset");
    assert_eq!(of("xls")["content_hash"].as_str(), Some(&*hash_of_skill(&site, "src/xls")));
    assert_eq!(of("review")["content_hash"].as_str(), Some(&*sha256(b"Review it.\n")));
    // A hook is none of ours.
    assert_eq!(of("lint")["content_hash"].as_str(), Some(&*"ab".repeat(32)));
    assert_eq!(of("lint")["artifact_uuid"].as_str(), Some("0f3a"));
    // Once more changes nothing.
    let text = site.machine.read(THEIRS);
    site.run(&["deployments", PROJECT, "--write-skillmeat"]).ok();
    assert_eq!(site.machine.read(THEIRS), text);
}

#[test]
fn what_was_deployed_is_written_back_and_not_what_was_edited_since() {
    let site = Site::deployed();
    let hash = hash_of_skill(&site, "work/app/.claude/skills/pdf");
    site.edit_copy("pdf", "First", "Edited");
    site.commit("pdf", "First", "Committed");
    site.run(&["deployments", PROJECT, "--write-skillmeat"]).ok();
    let document: DocumentMut = site.machine.read(THEIRS).parse().unwrap();
    assert_eq!(document["deployed"][0]["content_hash"].as_str(), Some(&*hash));
    // Read alone, it says the same as ours.
    disk::remove(&site.machine.path(RECORDS));
    assert_eq!(site.state("pdf"), "conflict");
}

#[test]
fn an_undeploy_drops_its_record_and_no_other() {
    let site = theirs(true);
    site.run(&["undeploy", "pdf", PROJECT]).ok();
    assert!(!site.machine.path(COPY).exists());
    let text = site.machine.read(THEIRS);
    assert!(text.contains("lint") && text.contains("0f3a") && !text.contains("\"pdf\""), "{text}");
    refuses(&site.machine, &["sync", "check", PROJECT], 1, "no-deployments");
    // The same after it was taken over.
    let site = theirs(true);
    site.deploy(&["pdf"]).ok();
    site.run(&["undeploy", "pdf", PROJECT]).ok();
    assert!(!site.machine.path(RECORDS).exists());
    assert!(!site.machine.read(THEIRS).contains("\"pdf\""));
}

#[test]
fn a_file_of_its_that_does_not_read_stops_every_command_and_stays() {
    let site = theirs(true);
    let good = site.machine.read(THEIRS);
    for (text, exit, code) in [
        ("deployed = 1\n".to_owned(), 1, "deployments-damaged"),
        (format!("<<<<<<< HEAD\n{good}=======\n>>>>>>> side\n"), 5, "deployments-unmerged"),
        ("garbage".to_owned(), 1, "deployments-damaged"),
        (good.replace("2025-12-17T10:30:00.123456", "yesterday"), 1, "deployments-damaged"),
    ] {
        overwrite(&site.machine, THEIRS, &text);
        for args in [
            &["sync", "check", PROJECT][..],
            &["deploy", "pdf", PROJECT],
            &["undeploy", "pdf", PROJECT],
            &["deployments", PROJECT, "--write-skillmeat"],
        ] {
            let told = refuses(&site.machine, args, exit, code);
            assert!(told.stderr.contains(".skillmeat-deployed.toml"), "{told}");
        }
        assert_eq!(site.machine.read(THEIRS), text);
    }
    // A path that leads out is none of ours.
    overwrite(&site.machine, THEIRS, good.replace("skills/pdf", "../../../etc"));
    refuses(&site.machine, &["sync", "check", PROJECT], 1, "no-deployments");
}

#[test]
fn a_rollback_leaves_its_record_where_it_was() {
    let site = theirs(true);
    let file = site.machine.read(THEIRS);
    site.edit_copy("pdf", "First", "Edited");
    for flags in [&["--prefer", "collection", "--strategy", "overwrite"][..], &["--strategy", "merge"]] {
        site.pulled(flags);
        site.run(&["sync", "pull", PROJECT, "--rollback", "--yes"]).ok();
        assert_eq!(site.machine.read(THEIRS), file, "{flags:?}");
        assert!(!site.machine.path(RECORDS).exists(), "{flags:?}");
        assert_eq!(site.state("pdf"), "modified", "{flags:?}");
    }
}

#[test]
fn where_there_is_nothing_to_write_back_it_says_so() {
    let site = Site::deployed();
    disk::remove(&site.machine.path(RECORDS));
    let records = inline("gone", "skill", "skills/gone", &"0".repeat(64));
    site.machine.write(THEIRS, format!("deployed = [ {records} ]\n"));
    let output = site.run(&["deployments", PROJECT, "--write-skillmeat"]).ok();
    assert!(output.stdout.starts_with("nothing to write: "), "{output}");
}
