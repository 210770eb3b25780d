//! L1 to L5 and L12: a fleet has the same skills by itself, and nothing of its users is anybody's.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use skillsync_testkit::hub::Answered;
use skillsync_testkit::{SkillBuilder, Snapshot};

use crate::between::{liar, recorder};
use crate::scene::{Host, Scene, became, outcomes};
use crate::secrecy::{tells_nothing, variables};

/// A skill with everything that a skill may have.
fn pdf(words: &str) -> SkillBuilder {
    SkillBuilder::new("pdf")
        .body(&format!("# pdf\n\n{words}\n"))
        .script("scripts/run.sh", "#!/bin/sh\necho hi\n")
        .file("references/ünï/deep/a b.md", "# deep\r\n")
        .file("assets/logo.png", b"\x89PNG\x00\xff\n".to_vec())
        .file("empty", "")
}

/// A machine of a fleet: it has all that the hub lists, and an agent.
fn member(scene: &Scene) -> Host {
    let host = scene.host("fleet", "read").with_agent();
    host.run(&["config", "set", "sources.team.skills", "all"]).ok();
    // With the built-in skills, which are not what this is about.
    host.run(&["sync", "--offline"]).ok();
    host
}

/// The files of a skill with their modes, without our record.
fn files(host: &Host, name: &str) -> Snapshot {
    Snapshot::of(&host.machine.store(&format!("skills/{name}"))).without(&[".meta.toml"])
}

#[test]
fn l1_every_machine_has_the_same_skills_at_the_same_versions_by_itself() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&pdf("First."), "pdf");
    ann.publish("pdf");
    let machines = [member(&scene), member(&scene)];
    for machine in &machines {
        // What the user has is the user's.
        machine.machine.write("notes/plan.md", "mine");
        machine.machine.write(".claude/skills/own/SKILL.md", "---\nname: own\ndescription: mine\n---\n");
        let before = machine.machine.snapshot().without(&[".skillsync", ".claude/skills/pdf"]);
        assert_eq!(outcomes(&machine.poll()), became([("pdf", "added")]));
        before.assert_same(&machine.machine.snapshot().without(&[".skillsync", ".claude/skills/pdf"]));
        assert!(machine.seen_by_agent("pdf/SKILL.md").contains("First."));
    }
    ann.author(&pdf("Second."), "pdf");
    let published = ann.publish("pdf");
    for machine in &machines {
        assert_eq!(outcomes(&machine.poll()), became([("pdf", "updated")]));
        assert!(machine.seen_by_agent("pdf/SKILL.md").contains("Second."));
        files(&ann, "pdf").assert_same(&files(machine, "pdf"));
        assert_eq!(published["content_hash"], machine.content("pdf"));
    }
    let installed = machines.each_ref().map(|m| m.machine.read(".skillsync/_meta.json"));
    let version = |text: &String| {
        serde_json::from_str::<Value>(text).unwrap_or_default()["skills"]["pdf"]["version"].clone()
    };
    assert_eq!(version(&installed[0]), published["version"]);
    assert_eq!(version(&installed[0]), version(&installed[1]));
}

#[test]
fn l2_a_skill_travels_whole_with_its_companions() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&pdf("Whole."), "pdf");
    ann.publish("pdf");
    let bob = scene.host("bob", "read").with_agent();
    assert_eq!(outcomes(&bob.run(&["install", "pdf", "--json"]).ok().json()), became([("pdf", "added")]));
    let sent = files(&ann, "pdf");
    assert!(sent.iter().count() >= 9, "files and folders: {}", sent.iter().count());
    sent.assert_same(&files(&bob, "pdf"));
    assert_eq!(bob.seen_by_agent("pdf/references/ünï/deep/a b.md"), "# deep\r\n");
}

#[test]
fn l3_the_manifest_says_version_and_digest_of_each_skill_and_nothing_unsigned_is_believed() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    for name in ["alpha", "beta"] {
        ann.author(&SkillBuilder::new(name), name);
        ann.publish(name);
    }
    let key = scene.key("bob", "read");
    let envelope = scene.hub.ask("GET", "/api/skills/manifest", Some(&key), None).json();
    assert_eq!(envelope["signatures"].as_array().map(Vec::len), Some(1));
    let manifest: Value = serde_json::from_slice(&unbase64(&envelope["payload"])).unwrap_or_default();
    let skills = manifest["skills"].as_array().cloned().unwrap_or_default();
    assert_eq!(skills.iter().map(|skill| &skill["slug"]).collect::<Vec<_>>(), ["alpha", "beta"]);
    for skill in &skills {
        assert_eq!(skill["version"], "1.0.0");
        let hex = skill["tarball"]["sha256"].as_str().unwrap_or_default();
        let archive = scene.hub.ask("GET", &format!("/cdn/blobs/sha256/{hex}"), None, None);
        assert_eq!(skillsync_testkit::oracle::sha256(&archive.body), hex);
        assert_eq!(skill["tarball"]["size"], archive.body.len());
    }
    // One character of it changed on the way, and nothing is believed.
    let between = liar(&scene, |asked, mut answered: Answered| {
        if asked.path.starts_with("/api/skills/manifest") {
            let text = String::from_utf8_lossy(&answered.body).into_owned();
            let at = text.find("payload\":\"").map_or(0, |at| at + 40);
            answered.body[at] = if answered.body[at] == b'A' { b'B' } else { b'A' };
        }
        answered
    });
    let bob = scene.stranger(key);
    bob.join(&between.url(), scene.hub.root_sha256(), "team");
    bob.run(&["install", "alpha"]).fails(6);
    assert!(!bob.machine.store("skills/alpha").exists());
}

#[test]
fn l4_what_is_installed_is_recorded_here_and_nobody_can_reach_this_machine() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&pdf("Recorded."), "pdf");
    let published = ann.publish("pdf");
    let bob = scene.host("bob", "read");
    bob.run(&["install", "pdf"]).ok();
    let record: Value = serde_json::from_str(&bob.machine.read(".skillsync/_meta.json")).unwrap_or_default();
    let pdf = &record["skills"]["pdf"];
    assert_eq!(
        (&pdf["source"], &pdf["version"], &pdf["state"]),
        (&"team".into(), &"1.0.0".into(), &"installed".into())
    );
    assert_eq!(pdf["content_hash"], published["content_hash"]);
    assert!(pdf["installed_at"].as_str().is_some_and(|at| at.ends_with('Z') && at.len() == 20), "{pdf}");
    // It asks; it never listens.
    let Some(calls) = crate::offline::network_calls(&bob, &["poll"]) else { return };
    assert!(calls.contains("connect(") && !calls.contains("listen(") && !calls.contains("accept"), "{calls}");
}

#[test]
fn l5_files_secrets_and_doings_of_the_user_stay_here() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&pdf("First."), "pdf");
    ann.publish("pdf");
    let recorder = recorder(&scene);
    let bob = scene.stranger(scene.key("bob", "read")).with_agent();
    bob.join(&recorder.url(), scene.hub.root_sha256(), "team");
    bob.machine.write(".env", "TOKEN=canary-of-the-environment");
    bob.machine.write("work/out.csv", "canary-of-the-environment");
    bob.author(&SkillBuilder::new("own").body("canary-user\n"), "own");
    let variables = variables();
    bob.run_with(&["install", "pdf"], &variables).ok();
    bob.machine.write(".claude/skills/pdf/cache/state.json", "canary-of-the-environment");
    bob.run_with(&["observe", "pdf", "--signal", "negative", "--note", "canary-user"], &variables).ok();
    ann.author(&pdf("Second."), "pdf");
    ann.publish("pdf");
    bob.run_with(&["poll"], &variables).ok();
    let asked = recorder.take_asked();
    tells_nothing(&bob, &asked);
    // The one thing that is told: what of the hub is installed, and when.
    let told: Vec<_> = asked.iter().filter(|asked| asked.method == "POST").collect();
    assert!(!told.is_empty(), "nothing was told");
    for told in told {
        assert_eq!(told.path, "/api/state");
        let body: Value = serde_json::from_slice(&told.body).unwrap_or_default();
        let skills = body["skills"].as_array().cloned().unwrap_or_default();
        assert_eq!(skills.iter().map(|skill| &skill["slug"]).collect::<Vec<_>>(), ["pdf"]);
        let keys: BTreeSet<&str> =
            skills.iter().flat_map(|s| s.as_object()).flatten().map(|(key, _)| &**key).collect();
        assert_eq!(keys, ["slug", "version", "content_hash", "release", "installed_at"].into());
    }
    // And not even that, where it is switched off.
    ann.author(&pdf("Third."), "pdf");
    ann.publish("pdf");
    let off = [("RECIPES_TELEMETRY".to_owned(), "off".to_owned())];
    bob.run_with(&["poll"], &off).ok();
    assert!(recorder.take_asked().iter().all(|asked| asked.method == "GET"));
}

#[test]
fn l12_the_hub_shows_what_the_machines_of_an_account_have() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    for name in ["alpha", "beta"] {
        ann.author(&SkillBuilder::new(name), name);
        ann.publish(name);
    }
    let machines = [scene.host("fleet", "read"), scene.host("fleet", "read")];
    machines[0].run(&["install", "alpha"]).ok();
    machines[1].run(&["install", "alpha"]).ok();
    machines[1].run(&["install", "beta"]).ok();
    let shown = |key: &str| scene.hub.ask("GET", "/api/state", Some(key), None).json();
    let list = shown(&machines[0].key)["machines"].as_array().cloned().unwrap_or_default();
    let mut skills: Vec<Vec<Value>> = list
        .iter()
        .map(|machine| {
            assert!(machine["reported_at"].is_string() && machine["label"] == "of a test", "{machine}");
            machine["skills"].as_array().into_iter().flatten().map(|skill| skill["slug"].clone()).collect()
        })
        .collect();
    skills.sort_by_key(Vec::len);
    assert_eq!(skills, [vec![json!("alpha")], vec![json!("alpha"), json!("beta")]]);
    let one = &list[0]["skills"][0];
    assert!(one["version"] == "1.0.0" && one["installed_at"].is_string(), "{one}");
    // Another account's machines are nobody's business.
    assert_eq!(shown(&ann.key)["machines"], json!([]));
}

/// What `base64` makes of it: another pair of eyes than the product's.
fn unbase64(value: &Value) -> Vec<u8> {
    let script = "import base64,sys; sys.stdout.buffer.write(base64.b64decode(sys.argv[1]))";
    let output = std::process::Command::new("python3")
        .args(["-c", script, value.as_str().unwrap_or_default()])
        .output();
    output.map(|output| output.stdout).unwrap_or_default()
}
