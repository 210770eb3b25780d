//! The most used client of open indexes, npm's `skills`, takes every skill from a site that we export, and gets our bytes.
#![expect(clippy::disallowed_methods, reason = "what strangers do is done outside the product")]

use std::fs;

use skillsync_testkit::{SkillBuilder, say};

use super::npm::Npm;
use super::server::python;
use crate::stocked::stocked;

#[test]
fn npm_skills_takes_every_skill_and_gets_our_bytes() {
    let Some(npm) = Npm::or_skip("our export") else { return };
    let machine = stocked();
    machine.skill_folder("src/csv", &SkillBuilder::new("csv").description("Reads CSV. Use for tables."));
    machine.skill_folder(
        "src/deep",
        &SkillBuilder::new("deep")
            .file("references/a b.md", "blank\n")
            .file("a/b/c/d.bin", vec![0, 255, 13, 10]),
    );
    machine.run(&["add", "src/csv", "src/deep"]).ok();
    let expected = ["csv", "deep", "pdf"].map(|name| (name, machine.path(&format!("src/{name}"))));
    // Both indexes, and sites with one of them alone.
    for (site, without) in [("both", None), ("old", Some("agent-skills")), ("new", Some("skills"))] {
        machine.run(&["export", "--site", site]).ok();
        if let Some(folder) = without {
            fs::remove_dir_all(machine.path(&format!("{site}/.well-known/{folder}"))).unwrap();
        }
        let server = python(&machine.path(site));
        let added = npm.add_all(&server.origin);
        added.assert_bytes(site, &expected);
        if without != Some("agent-skills") {
            let index = machine.read(&format!("{site}/.well-known/agent-skills/index.json"));
            let digest = added.lock["skills"]["pdf"]["wellKnownDigest"].as_str().unwrap();
            assert!(index.contains(digest), "it verified what we publish");
        }
        say(&format!("npm's skills takes 3 skills from an export: {site}"));
    }
}
