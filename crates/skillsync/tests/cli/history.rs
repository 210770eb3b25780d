//! `skillsync history`.

use skillsync_testkit::oracle;

use crate::stocked::{commit, refuses, stocked};

#[test]
fn versions_are_listed_the_newest_first() {
    let machine = stocked();
    let first = oracle::content_hash(&machine.path("src/pdf"));
    commit(&machine, "First", "Second");
    let json = machine.run(&["history", "pdf", "--json"]).ok().json();
    assert_eq!(
        (&json["name"], &json["state"], &json["current"]),
        (&"pdf".into(), &"active".into(), &2.into())
    );
    let versions = json["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[1]["content_hash"], first);
    assert_eq!(versions[0]["content_hash"], oracle::content_hash(&machine.store("skills/pdf")));
    assert_eq!((&versions[0]["current"], &versions[1]["current"]), (&true.into(), &false.into()));
    assert_eq!(versions[1]["reason"], serde_json::Value::Null);

    let short = |version: usize| versions[version]["content_hash"].as_str().unwrap()[7..19].to_owned();
    let shown = machine.filter(&machine.run(&["history", "pdf"]).ok().stdout);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "   VERSION  AT                    ORIGIN  HASH          REASON");
    assert_eq!(lines[1], format!("*        2  [TIME]  commit  {}  Second for First", short(0)));
    assert_eq!(lines[2], format!("         1  [TIME]  add     {}", short(1)));
    assert_eq!(lines.len(), 3);
}

#[test]
fn an_unknown_skill_is_named_with_its_neighbour() {
    let output = refuses(&stocked(), &["history", "pfd"], 1, "skill-not-found");
    assert_eq!(output.json()["error"]["hint"], "did you mean `pdf`?");
}
