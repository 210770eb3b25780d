//! Sources, logins and what is believed, with a real hub.

use crate::scene::Scene;

#[test]
fn a_hub_is_trusted_by_its_fingerprint_or_on_first_use() {
    let scene = Scene::new();
    let url = scene.hub.url();
    let host = scene.stranger(scene.hub.admin_key().to_owned());
    let wrong = "0".repeat(64);
    let refused = host.run(&["source", "add", &url, "--root-sha256", &wrong, "--json"]).fails(6);
    assert_eq!(refused.json()["error"]["code"], "root-fingerprint");
    assert!(!host.machine.store("sources").exists());
    // Nobody is there to compare the fingerprint, and nobody said that none needs to.
    let asked = host.run(&["source", "add", &url]).fails(2);
    assert!(asked.stderr.contains(scene.hub.root_sha256()), "{asked}");

    let fingerprint = format!("sha256:{}", scene.hub.root_sha256());
    let added = host.run(&["source", "add", &url, "--name", "team", "--yes", "--json"]).ok();
    assert!(added.stderr.contains("warning: ") && added.stderr.contains(&fingerprint), "{added}");
    assert_eq!(added.json()["trusted_by"], "first_use");
    let trust = host.run(&["source", "trust", "team", "--json"]).ok().json();
    assert_eq!((&trust["root"]["fingerprint"], &trust["root"]["version"]), (&fingerprint.into(), &1.into()));
    assert_eq!(trust["root"]["expired"], false);
}

#[test]
fn a_login_is_asked_of_the_hub_and_ends_when_the_key_is_revoked() {
    let scene = Scene::new();
    let host = scene.host("ann", "read,publish");
    let login = |key: &str| {
        let outcome = host.machine.command(&["login", "team", "--json"]).stdin(key).run();
        host.note(&outcome);
        outcome
    };
    let known = login(&host.key).ok().json();
    assert_eq!((&known["account"], &known["checked"]), (&"ann".into(), &true.into()));
    assert_eq!(known["scopes"], serde_json::json!(["read", "publish"]));
    let reader = login(&scene.key("ann", "read")).ok().json();
    assert_eq!((&reader["checked"], &reader["dry_run"]), (&true.into(), &false.into()));

    // Of the right form, and of no hub.
    let unknown = "rec_live_k8Fa21bcDEF0_0123456789abcdefghijABCDEFGHIJ0123456789xyz_2SWlb2";
    let refused = login(unknown).fails(6);
    assert_eq!(refused.json()["error"]["code"], "hub-key-refused");
    assert_eq!(host.run(&["source", "list", "--json"]).ok().json()["sources"][0]["key"], reader["key"]);

    login(&host.key).ok();
    host.run(&["search", "pdf"]).ok();
    scene.hub.tool(&["key", "revoke", known["key"].as_str().unwrap_or_default()]);
    let refused = host.run(&["search", "pdf", "--json"]).fails(6);
    assert_eq!(refused.json()["error"]["code"], "hub-key-refused");
}
