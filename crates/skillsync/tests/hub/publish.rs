//! `publish` with a real hub.

use skillsync_testkit::SkillBuilder;
use skillsync_testkit::page::{documented, keys};

use crate::scene::Scene;

#[test]
fn what_is_committed_is_published_once() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&SkillBuilder::new("pdf").script("run.sh", "#!/bin/sh\n"), "pdf");
    let plan = ann.run(&["publish", "pdf", "-n", "--json"]).ok().json();
    let first = ann.run(&["publish", "pdf", "--changelog", "the first", "--json"]).ok();
    let json = first.json();
    assert_eq!(keys(&json), documented("publish", "the result"));
    assert_eq!((&json["slug"], &json["version"], &json["seq"]), (&"pdf".into(), &"1.0.0".into(), &1.into()));
    assert_eq!((&json["created"], &json["source"]), (&true.into(), &"team".into()));
    assert_eq!(json["content_hash"], plan["content_hash"]);
    let again = ann.run(&["publish", "pdf", "--json"]).ok().json();
    assert_eq!((&again["created"], &again["release"]), (&false.into(), &json["release"]));
    assert_eq!(
        ann.run(&["publish", "pdf"]).ok().stdout,
        "pdf 1.0.0: team has these files already, nothing new\n"
    );

    ann.author(&SkillBuilder::new("pdf").body("Other words.\n"), "pdf");
    let taken = ann.run(&["publish", "pdf", "--version", "1.0.0", "--json"]).fails(1).json();
    assert_eq!(
        (&taken["error"]["code"], &taken["error"]["kind"]),
        (&"hub-conflict".into(), &"exists".into())
    );
    let human = ann.run(&["publish", "pdf", "--version", "1.0.0"]).fails(1);
    assert!(human.stderr.contains("hint: "), "{human}");
    let second = ann.run(&["publish", "pdf", "--version", "1.3.0"]).ok();
    assert_eq!(second.stdout, "pdf 1.3.0: published on team, release 2\n");
    ann.author(&SkillBuilder::new("pdf").body("Third words.\n"), "pdf");
    assert_eq!(ann.publish("pdf")["seq"], 3);
}

#[test]
fn only_who_may_publish_does() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&SkillBuilder::new("pdf"), "pdf");
    ann.publish("pdf");
    for (account, scopes) in [("bob", "read"), ("bob", "read,publish"), ("ann", "read,publish:other")] {
        let host = scene.host(account, scopes);
        host.author(&SkillBuilder::new("pdf").body("Mine.\n"), "pdf");
        let refused = host.run(&["publish", "pdf", "--json"]).one_of(&[1, 6]);
        let code = refused.json()["error"]["code"].clone();
        assert!(
            ["hub-denied", "hub-conflict"].iter().any(|known| code == *known),
            "{account} {scopes}: {refused}"
        );
    }
    assert_eq!(ann.run(&["publish", "pdf", "--json"]).ok().json()["seq"], 1);
}
