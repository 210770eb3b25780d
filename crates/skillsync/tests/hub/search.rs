//! `search` with real hubs.

use skillsync_testkit::SkillBuilder;
use skillsync_testkit::page::{documented, keys};

use crate::scene::Scene;

fn skill(name: &str, description: &str) -> SkillBuilder {
    SkillBuilder::new(name).description(description)
}

#[test]
fn a_search_shows_what_the_key_may_see() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    for (name, description) in
        [("seo-audit", "Use when a site needs an SEO audit."), ("seo-words", "Use for SEO words.")]
    {
        ann.author(&skill(name, description), name);
        ann.publish(name);
    }
    ann.author(&skill("seo-secret", "Use for an SEO audit of ours."), "seo-secret");
    ann.run(&["publish", "seo-secret"]).ok();

    let slugs = |host: &crate::scene::Host, args: &[&str]| -> Vec<String> {
        let found = host.run(&[&["search"], args, &["--json"]].concat()).ok().json();
        assert_eq!(keys(&found), documented("search", ""));
        let results = found["results"].as_array().cloned().unwrap_or_default();
        results.iter().filter_map(|hit| hit["slug"].as_str().map(str::to_owned)).collect()
    };
    let bob = scene.host("bob", "read");
    let mut all = slugs(&bob, &["seo"]);
    all.sort();
    assert_eq!(all, ["seo-audit", "seo-words"]);
    assert_eq!(slugs(&bob, &["seo", "audit"])[0], "seo-audit");
    assert_eq!(slugs(&ann, &["seo"]).len(), 3);
    assert_eq!(slugs(&bob, &["seo", "--page-size", "1"]).len(), 1);
    assert_eq!(slugs(&bob, &["seo", "--page-size", "1", "--page", "3"]).len(), 0);
    let table = bob.run(&["search", "seo", "audit"]).ok();
    assert!(table.stdout.starts_with("SLUG ") && table.stdout.contains("1.0.0"), "{table}");
    let nothing = bob.run(&["search", "knitting"]).ok();
    assert!(nothing.stdout.is_empty() && nothing.stderr.contains("hint: "), "{nothing}");
    // What no shell and no database may take for its own.
    for hostile in ["'; drop table skills; --", "{{7*7}}", "%", "\"", "\u{0}x".trim_matches('\0'), "*"] {
        bob.run(&["search", "--json", "--", hostile]).ok();
    }
}

#[test]
fn one_hub_that_is_gone_hides_no_other() {
    let (near, mut far) = (Scene::new(), Scene::new());
    let ann = near.host("ann", "read,publish");
    ann.author(&skill("pdf", "Use for PDF files."), "pdf");
    ann.publish("pdf");
    let cas = far.host("cas", "read,publish");
    cas.author(&skill("pdf", "Use for PDF files, too."), "pdf");
    cas.publish("pdf");

    let key = far.key("ann", "read");
    let add = [
        "source",
        "add",
        &far.hub.url(),
        "--name",
        "far",
        "--root-sha256",
        far.hub.root_sha256(),
        "--key-stdin",
    ];
    ann.machine.command(&add).stdin(key).run().ok();
    let sources = |json: &serde_json::Value| -> Vec<String> {
        let results = json["results"].as_array().cloned().unwrap_or_default();
        results.iter().filter_map(|hit| hit["source"].as_str().map(str::to_owned)).collect()
    };
    let both = ann.run(&["search", "pdf", "--json"]).ok().json();
    assert_eq!((sources(&both), &both["total"]), (vec!["team".to_owned(), "far".to_owned()], &2.into()));
    assert!(ann.run(&["search", "pdf"]).ok().stdout.starts_with("SOURCE "));
    assert_eq!(sources(&ann.run(&["search", "pdf", "--source", "far", "--json"]).ok().json()), ["far"]);

    far.hub.kill();
    let one = ann.run(&["search", "pdf", "--json"]).fails(3).json();
    assert_eq!(sources(&one), ["team"]);
    assert_eq!(
        (&one["failed"][0]["source"], &one["failed"][0]["error"]["code"]),
        (&"far".into(), &"hub-unreachable".into())
    );
    ann.run(&["search", "pdf", "--source", "far"]).fails(7);
}
