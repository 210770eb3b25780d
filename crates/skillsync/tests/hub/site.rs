//! P1 to P10 against the hub: what is public is a site with open indexes, the same as an export, and is followed as one.

use serde_json::{Value, json};
use skillsync_testkit::hub::Answered;
use skillsync_testkit::web::Web;
use skillsync_testkit::{SkillBuilder, Snapshot, say};

use crate::between::{liar, recorder};
use crate::npm::Npm;
use crate::scene::{Host, Scene};

const V01: &str = "/.well-known/skills";
const V02: &str = "/.well-known/agent-skills";

/// A skill of two files.
fn plain(name: &str, words: &str) -> SkillBuilder {
    SkillBuilder::new(name).file("references/a.md", words)
}

/// The skills `skill-01` to `skill-23`, published for everybody.
fn shop(scene: &Scene) -> Host {
    let ann = scene.host("ann", "read,publish");
    for n in 1..=23 {
        let name = format!("skill-{n:02}");
        ann.author(&plain(&name, "a\n"), &name);
        ann.publish(&name);
    }
    ann
}

/// A machine that follows the site at `url`, with no key.
fn follower(scene: &Scene, url: &str) -> Host {
    let host = scene.stranger(scene.key("nobody", "read")).with_agent();
    host.run(&["sync", "--offline"]).ok();
    let added =
        host.run(&["source", "add", url, "--kind", "index", "--name", "site", "--yes", "--json"]).ok();
    assert_eq!(added.json()["kind"], "index");
    host
}

fn counts(host: &Host) -> Value {
    host.run(&["sync", "--json"]).ok().json()["sources"][0]["counts"].clone()
}

fn expected(added: u32, updated: u32, removed: u32, unchanged: u32) -> Value {
    json!({"added": added, "updated": updated, "removed": removed, "unchanged": unchanged})
}

fn index(scene: &Scene, folder: &str) -> Value {
    scene.hub.ask("GET", &format!("{folder}/index.json"), None, None).json()
}

/// What was asked for since the last look.
fn asked(web: &Web) -> Vec<String> {
    web.take_asked().into_iter().map(|asked| asked.path).collect()
}

#[test]
fn p10_the_table_of_behaviours_against_the_hub() {
    let mut scene = Scene::new();
    let ann = shop(&scene);
    let web = recorder(&scene);
    let host = follower(&scene, &web.url());
    assert_eq!(counts(&host), expected(23, 0, 0, 0), "fresh");
    for n in [1, 23] {
        let name = format!("skill-{n:02}");
        Snapshot::of(&ann.machine.path(&format!("src/{name}"))).assert_same(
            &Snapshot::of(&host.machine.store(&format!("skills/{name}"))).without(&[".meta.toml"]),
        );
        assert!(host.machine.path(&format!(".claude/skills/{name}/SKILL.md")).exists());
    }
    asked(&web);
    assert_eq!(counts(&host), expected(0, 0, 0, 23), "no-op");
    assert_eq!(asked(&web), [format!("{V02}/index.json")], "one index fetch");
    let hook = host.run(&["hook", "session-start", "--budget", "60s"]).ok();
    assert!(hook.stdout.is_empty() && hook.stderr.is_empty(), "silent: {hook}");

    // The same hub again has the same bytes, which a change in a folder of a skill changes.
    let before = [V01, V02].map(|folder| index(&scene, folder));
    scene.hub.stop();
    scene.hub.start();
    assert_eq!(before, [V01, V02].map(|folder| index(&scene, folder)));
    ann.author(&plain("skill-05", "b\n"), "skill-05");
    ann.publish("skill-05");
    let now = [V01, V02].map(|folder| index(&scene, folder));
    for at in 0..23 {
        for (before, now) in before.iter().zip(&now) {
            let same = before["skills"][at]["hash"] == now["skills"][at]["hash"];
            assert_eq!(same, at != 4, "{now}");
        }
    }
    asked(&web);
    assert_eq!(counts(&host), expected(0, 1, 0, 22), "one change");
    assert_eq!(
        asked(&web),
        [format!("{V02}/index.json"), format!("{V02}/skill-05.tar.gz")],
        "only what changed is fetched"
    );
    assert_eq!(host.seen_by_agent("skill-05/references/a.md"), "b\n");

    // A list of another tool without hashes: everything is fetched once, and known afterwards.
    let reader = scene.stranger(scene.key("nobody", "read"));
    for n in 1..=23 {
        let name = format!("skill-{n:02}");
        let words = if n == 5 { "b\n" } else { "a\n" };
        reader.machine.skill_folder(&format!("shop/.claude/skills/{name}"), &plain(&name, words));
    }
    let names: Vec<String> = (1..=23).map(|n| format!("skill-{n:02}")).collect();
    let list = "shop/.claude/skills/.ic-managed.json";
    reader.machine.write(list, serde_json::to_vec(&names).unwrap());
    reader.run(&["source", "add", &web.url(), "--kind", "index", "--name", "site", "--chosen", "--yes"]).ok();
    reader.run(&["source", "import", list, "--site", &web.url(), "--yes"]).ok();
    assert_eq!(counts(&reader), expected(0, 23, 0, 0), "a legacy list");
    assert_eq!(counts(&reader), expected(0, 0, 0, 23));

    let yank = json!({"version": "1.0.0", "reason": "gone"});
    let yanked = scene.hub.ask("POST", "/api/skills/skill-23/yank", Some(&ann.key), Some(&yank));
    assert_eq!(yanked.status, 204);
    assert_eq!(counts(&host), expected(0, 0, 1, 22), "one gone");
    assert!(!host.machine.path(".claude/skills/skill-23").exists());
}

#[test]
fn p5_p10_a_server_without_hashes_is_fetched_whole_each_time() {
    let scene = Scene::new();
    let _ann = shop(&scene);
    // What an index was before it had hashes: v0.1 alone, and each skill a list of files.
    let old = liar(&scene, |asked, answered| {
        if asked.path.starts_with(V02) {
            return Answered { status: 404, ..answered };
        }
        if !asked.path.ends_with("index.json") || answered.status != 200 {
            return answered;
        }
        let mut index = answered.json();
        for skill in index["skills"].as_array_mut().unwrap() {
            skill
                .as_object_mut()
                .unwrap()
                .retain(|field, _| ["name", "description", "files"].contains(&&**field));
        }
        let headers = answered.headers.into_iter().filter(|(name, _)| name != "etag").collect();
        Answered { status: 200, headers, body: index.to_string().into_bytes() }
    });
    let host = follower(&scene, &old.url());
    assert_eq!(counts(&host), expected(23, 0, 0, 0));
    for _ in 0..2 {
        asked(&old);
        assert_eq!(counts(&host), expected(0, 23, 0, 0), "the fallback");
        assert_eq!(asked(&old).len(), 1 + 23 * 2);
    }
}

#[test]
fn p1_p3_the_hub_serves_what_an_export_writes() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&SkillBuilder::new("csv").description("Reads CSV. Use for tables."), "csv");
    let odd = SkillBuilder::new("odd")
        .script("scripts/run.sh", "#!/bin/sh\necho hi\n")
        .file("a b/100%.md", "percent\n")
        .file("ünï.txt", "é\n")
        .file(".gitignore", "x\n")
        .file("bytes.bin", vec![0xff, 0x00, 0xfe, b'\r', b'\n'])
        .file("page.html", "<script>1</script>\n");
    ann.author(&odd, "odd");
    ann.author(&plain("secret", "not for everybody\n"), "secret");
    for name in ["csv", "odd"] {
        ann.publish(name);
    }
    ann.run(&["publish", "secret"]).ok();
    ann.run(&["export", "--site", "web", "--skill", "csv", "--skill", "odd"]).ok();
    let web = ann.machine.path("web");
    let files = Snapshot::of(&web);
    let mut compared = 0;
    for (path, _) in
        files.iter().filter(|(path, _)| path.starts_with(".well-known/") && web.join(path).is_file())
    {
        let exported = std::fs::read(web.join(path)).unwrap();
        let served = scene.hub.ask("GET", &format!("/{}", encoded(path)), None, None);
        assert_eq!(served.status, 200, "{path}");
        if path.ends_with("/index.json") {
            let mut index = served.json();
            for skill in index["skills"].as_array_mut().unwrap() {
                assert_eq!(skill.as_object_mut().unwrap().remove("version"), Some("1.0.0".into()));
            }
            assert_eq!(index, serde_json::from_slice::<Value>(&exported).unwrap(), "but for versions");
        } else {
            assert!(served.body == exported, "{path}");
        }
        compared += 1;
    }
    assert_eq!(compared, 2 * (1 + 1 + 7 + 1), "two indexes, an archive, and all files");
    for folder in [V01, V02] {
        assert_eq!(scene.hub.ask("GET", &format!("{folder}/secret/SKILL.md"), None, None).status, 404);
    }
    // Without a word on its kind the hub is a hub.
    let plan =
        ann.run(&["source", "add", &scene.hub.url(), "--name", "again", "-n", "--json", "--yes"]).either();
    assert_ne!(plan.json()["kind"], "index", "{plan}");
    // Each index alone is enough for the very same skill, its bits included.
    for hidden in [V01, V02] {
        let one = only(&scene, hidden);
        let host = follower(&scene, &one.url());
        assert_eq!(counts(&host), expected(2, 0, 0, 0), "without {hidden}");
        Snapshot::of(&ann.machine.path("src/odd"))
            .assert_same(&Snapshot::of(&host.machine.store("skills/odd")).without(&[".meta.toml"]));
    }
}

/// The hub without one of its indexes and all beside it.
fn only(scene: &Scene, hidden: &'static str) -> Web {
    liar(scene, move |asked, answered| match asked.path.starts_with(&format!("{hidden}/")) {
        true => Answered { status: 404, ..answered },
        false => answered,
    })
}

fn encoded(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._".contains(&b);
    path.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

#[test]
fn npm_skills_takes_every_skill_from_the_hub_and_gets_our_bytes() {
    let Some(npm) = Npm::or_skip("the hub") else { return };
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&SkillBuilder::new("csv").description("Reads CSV. Use for tables."), "csv");
    let deep = SkillBuilder::new("deep")
        .script("scripts/run.sh", "#!/bin/sh\necho hi\n")
        .file("references/a b.md", "blank\n")
        .file("a/b/c/d.bin", vec![0, 255, 13, 10]);
    ann.author(&deep, "deep");
    for name in ["csv", "deep"] {
        ann.publish(name);
    }
    let expected = ["csv", "deep"].map(|name| (name, ann.machine.path(&format!("src/{name}"))));
    npm.add_all(&scene.hub.url()).assert_bytes("both", &expected);
    for (case, hidden) in [("v0.2.0 alone", V01), ("v0.1 alone", V02)] {
        npm.add_all(&only(&scene, hidden).url()).assert_bytes(case, &expected);
    }
    say("npm's skills takes 2 skills from a hub, by both indexes and by each alone");
}
