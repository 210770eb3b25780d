//! What was edited here is merged with what comes, or handed out, or held: never overwritten.

use crate::home::{edit, hub, installed, loaded, meta, outcome, publish, report, rewrite};

#[test]
fn an_edit_and_a_release_are_merged_on_what_the_hub_gave() {
    let hub = hub();
    let machine = installed(&hub);
    edit(&machine, "three", "three, and mine");
    // Nothing new: the edit stays, and is no reason to do anything.
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "current");
    publish(&hub, "TWO");
    let merged = report(&machine, &["poll"], 0);
    assert_eq!(outcome(&merged, "pdf")["outcome"], "merged");
    let text = loaded(&machine, "pdf").unwrap();
    assert!(text.contains("TWO") && text.contains("three, and mine"), "{text}");
    let history = machine.run(&["history", "pdf", "--json"]).ok().json();
    let newest = &history["versions"][0];
    assert_eq!((&newest["origin"], newest["parents"].as_array().unwrap().len()), (&"update".into(), 2));
    assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.2.0");
    // The next one is merged on the second release, not on the first.
    publish(&hub, "2");
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "merged");
    let text = loaded(&machine, "pdf").unwrap();
    assert!(text.contains("\n2\n") && text.contains("three, and mine") && !text.contains("<<<<"), "{text}");
    // gc keeps what merges need.
    machine.run(&["gc", "--all", "--yes"]).ok();
    publish(&hub, "zwei");
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "merged");
    machine.run(&["verify"]).ok();
}

#[test]
fn a_conflict_is_handed_out_once_and_its_commit_is_an_update() {
    let hub = hub();
    let machine = installed(&hub);
    edit(&machine, "two", "mine");
    publish(&hub, "TWO");
    let skill = machine.snapshot().only(".skillsync/skills/pdf");
    let conflict = report(&machine, &["poll"], 5);
    let pdf = outcome(&conflict, "pdf");
    assert_eq!((&pdf["outcome"], &pdf["why"]), (&"conflict".into(), &"SKILL.md".into()));
    skill.assert_same(&machine.snapshot().only(".skillsync/skills/pdf"));
    let copy = machine.read(".skillsync/editing/pdf/SKILL.md");
    assert!(copy.contains("mine") && copy.contains("TWO") && copy.contains("<<<<<<< store"), "{copy}");
    // While it is being decided, polls leave it alone, and others go on.
    let polled = machine.run(&["poll", "--json"]).ok();
    assert_eq!(outcome(&polled.json(), "pdf")["why"], "conflict");
    assert!(
        polled.stderr.contains("skillsync commit pdf") && !polled.stderr.contains("skillsync update"),
        "{polled}"
    );
    machine.run(&["commit", "pdf", "--reason", "x"]).fails(5);
    let decided: String = copy
        .lines()
        .filter(|line| {
            !["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    machine.write(".skillsync/editing/pdf/SKILL.md", decided.replace("\ntwo\n", "\n"));
    machine.run(&["commit", "pdf", "--reason", "both"]).ok();
    let history = machine.run(&["history", "pdf", "--json"]).ok().json();
    assert_eq!(history["versions"][0]["origin"], "update");
    assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.2.0");
    assert!(meta(&machine)["skills"]["pdf"]["conflict"].is_null());
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "current");
    let text = loaded(&machine, "pdf").unwrap();
    assert!(text.contains("mine") && text.contains("TWO"), "{text}");
    // What it is remembered by is the new release: going back is going back now.
    assert!(machine.read(".skillsync/sources/team/trust.json").contains("\"seq\":2"));
    publish(&hub, "TWO\n\nand four");
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "merged");
}

#[test]
fn a_conflict_that_was_thrown_away_comes_back_by_name() {
    let hub = hub();
    let machine = installed(&hub);
    edit(&machine, "two", "mine");
    publish(&hub, "TWO");
    report(&machine, &["poll"], 5);
    machine.run(&["abort", "pdf"]).ok();
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["why"], "conflict");
    assert_eq!(outcome(&report(&machine, &["update"], 0), "pdf")["why"], "conflict");
    assert_eq!(outcome(&report(&machine, &["update", "pdf"], 5), "pdf")["outcome"], "conflict");
    machine.run(&["abort", "pdf"]).ok();
    // A newer release is another question.
    publish(&hub, "2");
    assert_eq!(outcome(&report(&machine, &["poll"], 5), "pdf")["outcome"], "conflict");
}

#[test]
fn who_is_editing_is_not_disturbed() {
    let hub = hub();
    let machine = installed(&hub);
    machine.run(&["install", "docx"]).ok();
    machine.run(&["edit", "pdf"]).ok();
    publish(&hub, "TWO");
    hub.change(|house| house.publish("docx", &crate::house::files("docx", "# docx 2\n", &[])));
    let held = report(&machine, &["poll"], 3);
    let pdf = outcome(&held, "pdf");
    assert_eq!((&pdf["outcome"], &pdf["error"]["code"]), (&"held".into(), &"lease-held".into()));
    assert_eq!(outcome(&held, "docx")["outcome"], "updated", "the others go on");
    let held = machine.run(&["update", "pdf", "--json"]).fails(4);
    assert_eq!(held.json()["sources"][0]["status"], "fresh");
    assert!(held.stderr.contains("skillsync abort pdf"), "{held}");
    rewrite(&machine, ".skillsync/editing/pdf/SKILL.md", "three", "drei");
    machine.run(&["commit", "pdf", "--reason", "x"]).ok();
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "merged");
}

#[test]
fn an_edit_by_hand_is_held_and_named() {
    let hub = hub();
    let machine = installed(&hub);
    rewrite(&machine, ".skillsync/skills/pdf/SKILL.md", "three", "by hand");
    publish(&hub, "TWO");
    let held = report(&machine, &["poll"], 3);
    let pdf = outcome(&held, "pdf");
    assert_eq!((&pdf["outcome"], &pdf["error"]["code"]), (&"held".into(), &"hand-edited".into()));
    assert!(machine.read(".skillsync/skills/pdf/SKILL.md").contains("by hand"));
    machine.run(&["adopt", "pdf"]).ok();
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "merged");
    let text = loaded(&machine, "pdf").unwrap();
    assert!(text.contains("by hand") && text.contains("TWO"), "{text}");
}

#[test]
fn equal_content_is_no_new_version() {
    let hub = hub();
    let machine = installed(&hub);
    // The very change that the next release has.
    edit(&machine, "two", "TWO");
    publish(&hub, "TWO");
    let polled = report(&machine, &["poll"], 0);
    let pdf = outcome(&polled, "pdf");
    assert_eq!((&pdf["outcome"], &pdf["version"]), (&"updated".into(), &serde_json::Value::Null));
    let history = machine.run(&["history", "pdf", "--json"]).ok().json();
    assert_eq!(history["versions"].as_array().unwrap().len(), 2);
    assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.2.0");
}
