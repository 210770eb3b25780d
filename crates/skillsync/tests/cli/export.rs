//! `skillsync export`.

use skillsync_testkit::Snapshot;

use crate::stocked::{commit, only_plans, overwrite, refuses, stocked};

#[test]
fn an_export_is_the_payload_and_nothing_else() {
    let machine = stocked();
    let plan = only_plans(&machine, &["export", "pdf", "out"]);
    assert_eq!(machine.filter(&plan.stdout), "pdf version 1: 4 files would be written to [HOME]/out\n");
    let done = machine.run(&["export", "pdf", "out"]).ok();
    assert_eq!(machine.filter(&done.stdout), "pdf version 1: 4 files written to [HOME]/out\n");
    Snapshot::of(&machine.path("src/pdf")).assert_same(&Snapshot::of(&machine.path("out")));

    // What was committed is exported, not what somebody did to the folder since.
    commit(&machine, "First", "Second");
    overwrite(&machine, ".skillsync/skills/pdf/references/forms.md", "by hand\n");
    let json = machine.run(&["export", "pdf", "./two/../two-b", "--json"]).either();
    assert_eq!(json.code, Some(1), "`two` is not there: {json}");
    let json = machine.run(&["export", "pdf", "~/b", "--json"]).ok().json();
    assert_eq!((&json["version"], &json["files"]), (&2.into(), &4.into()));
    assert_eq!(machine.read("b/references/forms.md"), "# Forms\n\nFill them in.\n");
    assert!(machine.read("b/SKILL.md").contains("Second line."));
}

#[test]
fn an_export_touches_nothing_that_is_there() {
    let machine = stocked();
    machine.write("taken/file", "mine");
    machine.write("file", "mine");
    refuses(&machine, &["export", "pdf", "taken"], 1, "path-exists");
    refuses(&machine, &["export", "pdf", "file"], 1, "path-exists");
    refuses(&machine, &["export", "pdf", "."], 1, "path-exists");
    refuses(&machine, &["export", "pdf", "no/where"], 1, "folder-not-found");
    refuses(&machine, &["export", "pdf", ".skillsync/skills/copy"], 1, "export-into-store");
    refuses(&machine, &["export", "pdf", ".skillsync/copy"], 1, "export-into-store");
    refuses(&machine, &["export", "pfd", "out"], 1, "skill-not-found");
}
