//! H5 and H9: the life of a skill on a machine, from the first question to its end.

use serde_json::Value;
use skillsync_testkit::SkillBuilder;

use crate::between::liar;
use crate::scene::{Host, Scene, became, outcomes};

const SLUG: &str = "seo-audit-engine";

fn engine() -> SkillBuilder {
    SkillBuilder::new(SLUG)
        .description("Use when a site needs an SEO audit.")
        .script("audit.sh", "#!/bin/sh\n")
}

/// A hub with the skill, and a machine that was set up with an agent.
fn site() -> (Scene, Host) {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&engine(), SLUG);
    ann.publish(SLUG);
    let bob = scene.stranger(scene.key("bob", "read")).with_agent();
    bob.join(&scene.hub.url(), scene.hub.root_sha256(), "team");
    (scene, bob)
}

fn record(host: &Host) -> Value {
    let text = host.machine.read(".skillsync/_meta.json");
    serde_json::from_str::<Value>(&text).unwrap_or_default()["skills"][SLUG].clone()
}

#[test]
fn h5_a_skill_is_found_installed_verified_recorded_and_used() {
    let (scene, bob) = site();
    // 1: the meta-skill is there once `sync` has run, one skill that stays.
    bob.run(&["sync", "--offline"]).ok();
    assert!(bob.seen_by_agent("skillsync/SKILL.md").contains("skillsync"));
    // 4: a search gives at most 20.
    let found = bob.run(&["search", "seo", "audit", "--json"]).ok().json();
    assert_eq!((&found["page_size"], &found["results"][0]["slug"]), (&20.into(), &SLUG.into()));
    // 6: an install needs a key, also of what is free.
    let nobody = scene.stranger(String::new());
    nobody
        .run(&["source", "add", &scene.hub.url(), "--name", "team", "--root-sha256", scene.hub.root_sha256()])
        .ok();
    assert_eq!(
        nobody.run(&["install", SLUG, "--json"]).fails(6).json()["sources"][0]["error"]["code"],
        "api-key-missing"
    );
    let path = format!("/api/skills/install?slug={SLUG}&mode=files");
    assert_eq!(scene.hub.ask("GET", &path, None, None).status, 401);
    let offer = scene.hub.ask("GET", &path, Some(&bob.key), None).json();
    for key in ["tarball_url", "checksum_sha256", "expires_at", "release"] {
        assert!(offer[key].is_string(), "{key}: {offer}");
    }
    assert!(offer["manifest"]["signature"].is_string() && offer["manifest"]["files"].is_array());
    // 7: nothing is written before the signature holds.
    let forger = liar(&scene, |asked, mut answered| {
        if asked.path.starts_with("/cdn/releases/") {
            let end = answered.body.len() - 20;
            answered.body[end] ^= 1;
        }
        answered
    });
    let cas = scene.stranger(scene.key("cas", "read"));
    cas.join(&forger.url(), scene.hub.root_sha256(), "team");
    let before = cas.machine.snapshot().only(".skillsync/skills");
    cas.run(&["install", SLUG]).one_of(&[3, 6]);
    before.assert_same(&cas.machine.snapshot().only(".skillsync/skills"));
    // 8: it is written, and recorded.
    assert_eq!(outcomes(&bob.run(&["install", SLUG, "--json"]).ok().json()), became([(SLUG, "added")]));
    let pdf = record(&bob);
    assert_eq!((&pdf["version"], &pdf["state"]), (&"1.0.0".into(), &"installed".into()));
    // 9: the agent finds it where it looks, and the install counts.
    assert!(bob.seen_by_agent(&format!("{SLUG}/SKILL.md")).contains("SEO audit"));
    let found = bob.run(&["search", "seo", "--json"]).ok().json();
    assert!(found["results"][0]["install_count_total"].as_u64() >= Some(1), "{found}");
}

#[test]
fn h9_a_skill_is_uninstalled_by_deleting_it_and_nothing_brings_it_back_but_the_user() {
    let (scene, bob) = site();
    let cas = scene.host("cas", "read").with_agent();
    cas.run(&["config", "set", "sources.team.skills", "all"]).ok();
    bob.run(&["install", SLUG]).ok();
    cas.poll();
    // One way is to delete its folder, the other to say so.
    skillsync_testkit::disk::remove(&bob.machine.store(&format!("skills/{SLUG}")));
    cas.run(&["rm", SLUG]).ok();
    cas.run(&["sync", "--offline"]).ok();
    for host in [&bob, &cas] {
        for _ in 0..2 {
            let polled = outcomes(&host.poll());
            assert!(
                polled.get(SLUG).is_none_or(|outcome| ["removed", "held"].contains(&&**outcome)),
                "{polled:?}"
            );
        }
        assert_eq!(record(host)["state"], "removed");
        assert!(!host.machine.store(&format!("skills/{SLUG}")).exists());
        assert!(!host.machine.path(&format!(".claude/skills/{SLUG}")).exists());
        host.run(&["verify"]).ok();
    }
    assert_eq!(outcomes(&bob.run(&["install", SLUG, "--json"]).ok().json())[SLUG], "added");
    assert!(bob.seen_by_agent(&format!("{SLUG}/SKILL.md")).contains("SEO audit"));
    // No lock-in: without the hub it is a skill like any other.
    bob.run(&["source", "remove", "team", "--yes"]).ok();
    bob.run(&["sync"]).ok();
    bob.run(&["export", SLUG, "out"]).ok();
    assert_eq!(skillsync_testkit::oracle::content_hash(&bob.machine.path("out")), bob.content(SLUG));
}
