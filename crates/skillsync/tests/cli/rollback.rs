//! `skillsync rollback`.

use skillsync_testkit::oracle;

use crate::stocked::{commit, only_plans, overwrite, refuses, stocked};

#[test]
fn a_rollback_is_a_new_version_and_can_be_rolled_back() {
    let machine = stocked();
    let first = oracle::content_hash(&machine.path("src/pdf"));
    commit(&machine, "First", "Second");
    let second = oracle::content_hash(&machine.store("skills/pdf"));

    let plan = only_plans(&machine, &["rollback", "pdf"]);
    assert_eq!(plan.stdout, "pdf: would be version 3, back to version 1\n");
    let done = machine.run(&["rollback", "pdf"]).ok();
    assert_eq!(done.stdout, "pdf: version 3, back to version 1\n");
    assert_eq!(done.stderr, "hint: `skillsync sync` brings it to your agents\n");
    assert_eq!(oracle::content_hash(&machine.store("skills/pdf")), first);
    let script = machine.snapshot().get(".skillsync/skills/pdf/scripts/run.sh").cloned();
    assert!(
        matches!(script, Some(skillsync_testkit::snapshot::Entry::File { mode: 0o755, .. })),
        "{script:?}"
    );
    let history = machine.run(&["history", "pdf", "--json"]).ok().json();
    let newest = &history["versions"][0];
    assert_eq!((&newest["origin"], &newest["reason"]), (&"rollback".into(), &"back to version 1".into()));

    let json = machine.run(&["rollback", "pdf", "--to", "2", "--json"]).ok().json();
    assert_eq!(json["content_hash"], second);
    assert_eq!(
        (&json["version"], &json["previous_version"], &json["back_to"]),
        (&4.into(), &3.into(), &2.into())
    );
    assert_eq!(oracle::content_hash(&machine.store("skills/pdf")), second);
}

#[test]
fn a_rollback_that_cannot_be_is_refused() {
    let machine = stocked();
    refuses(&machine, &["rollback", "pdf"], 1, "nothing-to-do");
    refuses(&machine, &["rollback", "pdf", "--to", "1"], 1, "nothing-to-do");
    refuses(&machine, &["rollback", "pdf", "--to", "7"], 1, "version-not-found");
    refuses(&machine, &["rollback", "pfd"], 1, "skill-not-found");
    commit(&machine, "First", "Second");
    commit(&machine, "Second", "First");
    refuses(&machine, &["rollback", "pdf", "--to", "1"], 1, "nothing-to-do");
    overwrite(&machine, ".skillsync/skills/pdf/references/forms.md", "mine\n");
    refuses(&machine, &["rollback", "pdf"], 5, "hand-edited");
    assert_eq!(machine.read(".skillsync/skills/pdf/references/forms.md"), "mine\n");
}

#[test]
fn a_skill_marked_for_removal_is_kept() {
    let machine = stocked();
    commit(&machine, "First", "Second");
    machine.run(&["rm", "pdf"]).ok();
    assert_eq!(
        machine.run(&["rollback", "pdf"]).ok().stdout,
        "pdf: kept at version 2, not marked for removal any more\n"
    );
    let json = machine.run(&["info", "pdf", "--json"]).ok().json();
    assert_eq!((&json["state"], &json["version"]), (&"active".into(), &2.into()));

    machine.run(&["rm", "pdf"]).ok();
    let json = machine.run(&["rollback", "pdf", "--to", "1", "--json"]).ok().json();
    assert_eq!((&json["version"], &json["revived"]), (&3.into(), &true.into()));
    machine.run(&["sync"]).ok();
    assert_eq!(machine.run(&["info", "pdf", "--json"]).ok().json()["state"], "active");
}
