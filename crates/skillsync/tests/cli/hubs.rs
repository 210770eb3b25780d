//! What the commands of hubs do without a hub: `source`, `login`, `logout`, `search`, `publish`. With one: `tests/hub`.

use std::os::unix::fs::PermissionsExt as _;

use skillsync_testkit::{Machine, SkillBuilder};

use crate::holding::holding;
use crate::stocked::{only_plans, refuses};

/// A root that nobody serves, from the test vectors of the format.
pub(crate) const ROOT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/envelope-root/envelope.json");
const FINGERPRINT: &str = "sha256:ed560def8a663141b81c6304553d0d6397dfac6b8eefead8de87e96d28b0312c";
/// A key of the right form that no hub knows.
pub(crate) const KEY: &str = "rec_live_k8Fa21bcDEF0_0123456789abcdefghijABCDEFGHIJ0123456789xyz_2SWlb2";
/// An address where nobody answers: the port of no protocol, on this machine.
const NOBODY: &str = "http://127.0.0.1:1";

fn with_source(name: &str, url: &str) -> Machine {
    let machine = holding(&["pdf"]);
    machine.run(&["source", "add", url, "--name", name, "--root", ROOT]).ok();
    machine
}

fn mode(machine: &Machine, path: &str) -> Option<u32> {
    Some(std::fs::metadata(machine.store(path)).ok()?.permissions().mode() & 0o777)
}

#[test]
fn a_source_is_added_whole_and_once() {
    let machine = holding(&[]);
    let add = ["source", "add", "https://Hub.Example/", "--root", ROOT, "--apply", "notify", "--key-stdin"];
    let plan = machine.command(&[&add[..], &["-n", "--json"]].concat()).stdin(format!("{KEY}\n")).run().ok();
    assert_eq!(plan.json()["dry_run"], true);
    assert!(!machine.store("sources").exists());

    let added = machine.command(&[&add[..], &["--json"]].concat()).stdin(format!("{KEY}\n")).run().ok();
    let json = added.json();
    assert_eq!((&json["name"], &json["url"]), (&"hub-example".into(), &"https://hub.example".into()));
    assert_eq!((&json["status"], &json["trusted_by"]), (&"added".into(), &"file".into()));
    assert_eq!((&json["fingerprint"], &json["root_version"]), (&FINGERPRINT.into(), &1.into()));
    assert_eq!((&json["hub"], &json["key_stored"]), (&"https://hub.example".into(), &true.into()));
    assert!(!format!("{added}").contains(KEY));
    let written = "[[sources]]\nname = \"hub-example\"\nurl = \"https://hub.example\"\napply = \"notify\"\n";
    assert!(machine.read(".skillsync/config.toml").ends_with(written));
    assert_eq!(machine.read(".skillsync/sources/hub-example/key"), format!("{KEY}\n"));
    assert_eq!(machine.read(".skillsync/sources/.gitignore"), "*\n");
    for (path, bits) in [("", 0o700), ("/key", 0o600), ("/root-1.json", 0o600), ("/trust.json", 0o600)] {
        assert_eq!(mode(&machine, &format!("sources/hub-example{path}")), Some(bits), "{path}");
    }

    let before = machine.snapshot().without(&[".skillsync/state"]);
    for again in [
        &["source", "add", "https://hub.example"][..],
        &["source", "add", "https://hub.example", "--name", "hub-example"],
    ] {
        let output = machine.run(again).ok();
        assert_eq!(output.stdout, "hub-example: https://hub.example (was there already)\n");
    }
    before.assert_same(&machine.snapshot().without(&[".skillsync/state"]));
    refuses(
        &machine,
        &["source", "add", "https://hub.example", "--name", "other", "--root", ROOT],
        1,
        "source-exists",
    );
    refuses(
        &machine,
        &["source", "add", "https://other.example", "--name", "hub-example", "--root", ROOT],
        1,
        "source-exists",
    );
}

#[test]
fn a_source_needs_somebody_to_trust_it() {
    let machine = holding(&[]);
    refuses(&machine, &["source", "add", NOBODY], 7, "hub-unreachable");
    refuses(&machine, &["source", "add", NOBODY, "--offline"], 7, "network-off");
    refuses(&machine, &["source", "add", "http://hub.example", "--root", ROOT], 1, "hub-address-plain");
    refuses(
        &machine,
        &["source", "add", "https://hub.example", "--kind", "git"],
        1,
        "source-kind-unsupported",
    );
    machine.write("garbage.json", "{}");
    let error = refuses(
        &machine,
        &["source", "add", "https://hub.example", "--root", "garbage.json"],
        6,
        "document-malformed",
    );
    assert!(error.stderr.contains("garbage.json"), "{error}");
    for (args, word) in [
        (&["hub.example"][..], "https://hub.example"),
        (&["https://ann:hunter2@hub.example"], "login"),
        (&["https://hub.example?key=hunter2"], "https://hub.example"),
        (&["https://hub.example", "--root-sha256", "hunter2"], "64 hex digits"),
    ] {
        let output = machine.run(&[&["source", "add"], args].concat()).fails(2);
        assert!(output.stderr.contains(word) && !output.stderr.contains("hunter2"), "{output}");
    }
    assert!(!machine.store("sources").exists());
    machine.run(&["source", "add", "http://hub.example", "--root", ROOT, "--insecure"]).ok();
    assert_eq!(machine.run(&["config", "get", "sources.hub-example.insecure"]).ok().stdout, "true\n");
}

#[test]
fn a_source_written_by_hand_is_completed() {
    let machine = holding(&[]);
    let config = machine.read(".skillsync/config.toml");
    let entry = "[[sources]]\nname = \"team\"\nurl = \"https://hub.example\" # ours\npolicy = \"pin\"\n";
    machine.write(".skillsync/config.toml", format!("{config}\n{entry}"));
    let listed = machine.run(&["source", "list", "--json"]).fails(3).json();
    assert_eq!(listed["sources"][0]["freshness"], "unknown");
    assert_eq!(listed["sources"][0]["error"]["code"], "root-missing");
    refuses(&machine, &["source", "trust", "team"], 6, "root-missing");
    let added = machine.run(&["source", "add", "https://hub.example", "--root", ROOT, "--json"]).ok().json();
    assert_eq!((&added["status"], &added["name"]), (&"anchored".into(), &"team".into()));
    assert!(machine.read(".skillsync/config.toml").ends_with(entry));
    machine.run(&["source", "trust", "team"]).ok();
}

#[test]
fn what_is_believed_can_be_looked_at() {
    let machine = with_source("team", "https://hub.example");
    let trust = machine.run(&["source", "trust", "team", "--json"]).ok().json();
    assert_eq!(trust["root"]["fingerprint"], FINGERPRINT);
    let roles: Vec<_> = trust["root"]["roles"].as_array().unwrap().iter().collect();
    let sizes: Vec<_> = roles.iter().map(|role| role["key_ids"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [3, 1, 1]);
    assert_eq!((&roles[0]["threshold"], &roles[1]["epoch"]), (&2.into(), &2.into()));
    assert_eq!((&trust["manifest"], &trust["freshness"]), (&serde_json::Value::Null, &"never".into()));
    let human = machine.run(&["source", "trust", "team"]).ok().stdout;
    for said in ["hub: https://hub.example", FINGERPRINT, "root keys: 2 of 3", "manifest: none yet"] {
        assert!(human.contains(said), "{said} in\n{human}");
    }
    let list = machine.run(&["source", "list"]).ok().stdout;
    let row: Vec<&str> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["team", "https://hub.example", "track", "auto", "never", "0", "never", "none"]);
    machine.write(".skillsync/sources/team/root-1.json", "{}");
    refuses(&machine, &["source", "trust", "team"], 6, "trust-mismatch");
    let error = refuses(&machine, &["source", "trust", "taem"], 1, "source-not-found");
    assert!(error.stderr.contains("did you mean `team`"), "{error}");
}

#[test]
fn a_removed_source_leaves_no_key_and_its_state_in_trash() {
    let machine = with_source("team", "https://hub.example");
    machine.command(&["login", "team", "--offline"]).stdin(KEY).run().ok();
    only_plans(&machine, &["source", "remove", "team"]);
    machine.run(&["source", "remove", "team"]).fails(2);
    let removed = machine.run(&["source", "remove", "team", "--yes", "--json"]).ok().json();
    assert_eq!((&removed["key_deleted"], &removed["kept"]), (&true.into(), &serde_json::json!([])));
    let trash = removed["trash"].as_str().unwrap();
    assert!(std::path::Path::new(trash).join("trust.json").exists());
    assert!(!machine.read(".skillsync/config.toml").contains("sources"));
    let left = machine.command_of("/bin/grep".as_ref(), &["-r", "rec_live_", ".skillsync"]).run().fails(1);
    assert_eq!(left.stdout, "");
    // What a killed command left is no reason to refuse, and no root to believe.
    machine.write(".skillsync/sources/team/trust.json", "left over");
    machine.run(&["source", "add", "https://hub.example", "--name", "team", "--root", ROOT]).ok();
    machine.run(&["source", "trust", "team"]).ok();
}

#[test]
fn a_key_is_stored_for_its_owner_alone_and_never_shown() {
    let machine = with_source("team", NOBODY);
    let login =
        |args: &[&str], key: &str| machine.command(&[&["login", "team"], args].concat()).stdin(key).run();
    let wrong = KEY.replace("xyz", "xyZ");
    for bad in ["", "hunter2", &wrong, &KEY[..60]] {
        let output = login(&["--offline", "--json"], bad).fails(1);
        assert_eq!(output.json()["error"]["code"], "api-key-invalid");
        assert!(bad.is_empty() || !format!("{output}").contains(bad), "{output}");
    }
    assert_eq!(login(&["--json"], KEY).fails(7).json()["error"]["code"], "hub-unreachable");
    assert_eq!(login(&["--offline", "-n", "--json"], KEY).ok().json()["dry_run"], true);
    assert!(!machine.store("sources/team/key").exists());

    let output = login(&["--offline", "--json"], &format!("  {KEY}\n more")).ok();
    assert_eq!((&output.json()["key"], &output.json()["checked"]), (&"k8Fa21bcDEF0".into(), &false.into()));
    assert!(!format!("{output}").contains(KEY), "{output}");
    assert_eq!(mode(&machine, "sources/team/key"), Some(0o600));
    assert_eq!(machine.run(&["source", "list", "--json"]).ok().json()["sources"][0]["key"], "k8Fa21bcDEF0");

    std::fs::set_permissions(machine.store("sources/team/key"), std::fs::Permissions::from_mode(0o640))
        .unwrap();
    refuses(&machine, &["search", "pdf"], 6, "api-key-shared");
    assert_eq!(
        machine.run(&["source", "list", "--json"]).fails(3).json()["sources"][0]["error"]["code"],
        "api-key-shared"
    );

    let plan = only_plans(&machine, &["logout", "team"]);
    assert_eq!(plan.stdout, "team: its key would be deleted\n");
    assert_eq!(machine.run(&["logout", NOBODY]).ok().stdout, "team: its key is deleted\n");
    assert_eq!(machine.run(&["logout", "team"]).ok().stdout, "team: there was no key\n");
    refuses(&machine, &["search", "pdf"], 6, "api-key-missing");
    refuses(&machine, &["login", "https://else.example"], 1, "source-not-found");
    refuses(&machine, &["login", "taem"], 1, "source-not-found");
}

#[test]
fn a_variable_goes_before_the_file_and_only_to_its_own_hub() {
    let machine = with_source("team", NOBODY);
    let with = |name: &str, args: &[&str]| machine.command(args).env(name, KEY).run();
    // Nobody answers: that there was a key to show is what is seen.
    let code =
        |output: skillsync_testkit::Outcome| output.json()["error"]["code"].as_str().unwrap().to_owned();
    assert_eq!(code(with("SKILLSYNC_API_KEY", &["search", "pdf", "--json"])), "hub-unreachable");
    let login = with("SKILLSYNC_API_KEY", &["login", "team", "--offline"]).ok();
    assert!(login.stderr.contains("SKILLSYNC_API_KEY") && !login.stderr.contains(KEY), "{login}");
    let logout = with("SKILLSYNC_API_KEY", &["logout", "team"]).ok();
    assert!(logout.stderr.contains("still holds a key"), "{logout}");
    machine.run(&["source", "add", "http://127.0.0.1:2", "--name", "lab", "--root", ROOT]).ok();
    let search = ["search", "pdf", "--source", "team", "--json"];
    assert_eq!(code(with("SKILLSYNC_API_KEY", &search)), "api-key-missing", "whose key is it?");
    assert_eq!(code(with("SKILLSYNC_API_KEY_TEAM", &search)), "hub-unreachable");
    assert_eq!(code(with("SKILLSYNC_API_KEY_LAB", &search)), "api-key-missing");
}

#[test]
fn a_search_says_why_nobody_answers() {
    let machine = holding(&[]);
    refuses(&machine, &["search", "pdf"], 1, "source-none");
    let machine = with_source("team", NOBODY);
    machine.command(&["login", "team", "--offline"]).stdin(KEY).run().ok();
    refuses(&machine, &["search", "pdf"], 7, "hub-unreachable");
    refuses(&machine, &["search", "pdf", "--offline"], 7, "network-off");
    machine.run(&["source", "add", "http://127.0.0.1:2", "--name", "lab", "--root", ROOT]).ok();
    let found = machine.run(&["search", "pdf", "--json"]).fails(7).json();
    assert_eq!((found["total"].as_u64(), found["results"].as_array().unwrap().len()), (Some(0), 0));
    let codes: Vec<_> = found["failed"].as_array().unwrap().iter().map(|f| &f["error"]["code"]).collect();
    assert_eq!(codes, ["hub-unreachable", "api-key-missing"]);
}

#[test]
fn a_plan_to_publish_shows_what_would_go_and_secrets_never_do() {
    let machine = with_source("team", NOBODY);
    let plan = only_plans(
        &machine,
        &["publish", "pdf", "--version", "1.2.0", "--public", "--tier", "pro", "--json"],
    )
    .json();
    assert_eq!((&plan["slug"], &plan["source"]), (&"pdf".into(), &"team".into()));
    assert_eq!(
        (&plan["version"], &plan["visibility"], &plan["tier"]),
        (&"1.2.0".into(), &"public".into(), &"pro".into())
    );
    assert_eq!(plan["content_hash"], machine.run(&["info", "pdf", "--json"]).ok().json()["content_hash"]);
    let files = plan["files"].as_array().unwrap();
    assert_eq!((files.len(), &files[0]["path"]), (1, &"SKILL.md".into()));
    let human = only_plans(&machine, &["publish", "pdf"]).stdout;
    assert!(human.starts_with("would publish pdf on team (http://127.0.0.1:1)\n"), "{human}");

    refuses(&machine, &["publish", "pdf"], 6, "api-key-missing");
    machine.command(&["login", "team", "--offline"]).stdin(KEY).run().ok();
    refuses(&machine, &["publish", "pdf"], 7, "hub-unreachable");
    refuses(&machine, &["publish", "pdf", "--offline"], 7, "network-off");
    refuses(&machine, &["publish", "fdp"], 1, "skill-not-found");
    refuses(&machine, &["publish", "pdf", "--source", "taem"], 1, "source-not-found");

    let token = format!("ghp_{}", "k3J9".repeat(9));
    machine.skill_folder(
        "src/leaky",
        &SkillBuilder::new("leaky").file("run.sh", format!("\nT={token}\n")).file(".env", "A=1"),
    );
    machine.run(&["add", "src/leaky"]).ok();
    let refused = refuses(&machine, &["publish", "leaky", "-n"], 6, "publish-secret");
    assert!(refused.stderr.contains("`.env` is a file of secret settings"), "{refused}");
    assert!(refused.stderr.contains("`run.sh`, line 2, has a GitHub token"), "{refused}");
    assert!(!format!("{refused}").contains(&token), "{refused}");

    machine.skill_folder(
        "src/loose",
        &SkillBuilder::new("loose")
            .file("SKILL.md", "---\nname: loose\ndescription: d\nlicense: [1]\n---\nbody\n"),
    );
    machine.run(&["add", "src/loose"]).ok();
    refuses(&machine, &["publish", "loose", "-n"], 1, "publish-invalid");
    machine.write("review.md", "---\ndescription: d\n---\nReview it.\n");
    machine.run(&["add", "review.md", "--type", "command"]).ok();
    refuses(&machine, &["publish", "review", "-n"], 1, "publish-no-skill");
    machine.write(".skillsync/skills/pdf/more.md", "by hand");
    refuses(&machine, &["publish", "pdf", "-n"], 5, "hand-edited");

    machine.run(&["source", "add", "http://127.0.0.1:2", "--name", "lab", "--root", ROOT]).ok();
    refuses(&machine, &["publish", "pdf"], 1, "source-several");
}

#[test]
fn doctor_finds_what_is_wrong_with_a_source() {
    let machine = with_source("team", "https://hub.example");
    machine.command(&["login", "team", "--offline"]).stdin(KEY).run().ok();
    let codes = |args: &[&str], exit: i32| -> Vec<String> {
        let found = machine.run(&[&["doctor", "--json"], args].concat()).one_of(&[exit]).json();
        let findings = found["findings"].as_array().cloned().unwrap_or_default();
        let codes = findings.iter().filter_map(|finding| finding["code"].as_str());
        codes
            .filter(|code| code.contains("source") || code.contains("root") || code.contains("key"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(codes(&[], 0), Vec::<String>::new());
    let key = machine.store("sources/team/key");
    let shared = std::fs::Permissions::from_mode(0o644);
    assert!(std::fs::set_permissions(&key, shared).is_ok());
    assert_eq!(codes(&[], 1), ["api-key-shared"]);
    let config = machine.read(".skillsync/config.toml");
    machine.write(".skillsync/config.toml", config.replace("\"team\"", "\"other\""));
    assert_eq!(codes(&[], 1), ["root-missing", "source-leftover"]);
    codes(&["--fix"], 1);
    assert!(!key.exists() && !machine.store("sources/team").exists());
    assert_eq!(codes(&[], 1), ["root-missing"]);
}
