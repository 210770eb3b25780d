//! `skillsync gc`.

use skillsync_testkit::{Machine, disk};

use crate::stocked::{commit, only_plans, refuses, served, stocked};

/// Makes everything in trash look a week older.
fn age_trash(machine: &Machine) {
    let names: Vec<String> = trash(machine);
    for name in names {
        let old = format!("20200101{}", &name[8..]);
        disk::copy(&machine.store("trash").join(&name), &machine.store("trash").join(old));
        disk::remove(&machine.store("trash").join(name));
    }
}

fn trash(machine: &Machine) -> Vec<String> {
    let snapshot = machine.snapshot().only(".skillsync/trash");
    let below = snapshot.iter().filter_map(|(path, _)| path.strip_prefix(".skillsync/trash/"));
    below.filter(|name| !name.contains('/')).map(str::to_owned).collect()
}

fn objects(machine: &Machine) -> usize {
    let snapshot = machine.snapshot().only(".skillsync/objects");
    snapshot
        .iter()
        .filter(|(_, entry)| matches!(entry, skillsync_testkit::snapshot::Entry::File { .. }))
        .count()
}

#[test]
fn what_waited_a_day_goes_and_what_is_needed_stays() {
    let machine = served();
    assert_eq!(machine.run(&["gc"]).ok().stdout, "nothing to remove\n");
    machine.run(&["edit", "pdf"]).ok();
    machine.run(&["abort", "pdf"]).ok();
    assert_eq!(machine.run(&["gc"]).ok().stdout, "nothing to remove\n");
    assert_eq!(trash(&machine).len(), 1);
    age_trash(&machine);
    let plan = only_plans(&machine, &["gc", "--json"]).json();
    assert_eq!(plan["removed"][0]["kind"], "trash");
    let done = machine.run(&["gc", "--json"]).ok().json();
    assert_eq!(done["freed_bytes"], plan["freed_bytes"]);
    assert!(done["freed_bytes"].as_u64().is_some_and(|bytes| bytes > 100), "{done}");
    assert!(trash(&machine).is_empty());
    machine.run(&["verify"]).ok();
    machine.run(&["rollback", "pdf"]).fails(1);
}

#[test]
fn all_of_trash_goes_only_when_that_is_meant() {
    let machine = served();
    commit(&machine, "First", "Second");
    machine.run(&["rm", "pdf"]).ok();
    machine.run(&["sync"]).ok();
    let told = refuses(&machine, &["gc", "--all"], 2, "usage");
    assert!(!told.stderr.contains("--undo"), "there was no setup: {told}");
    machine.write(".skillsync/state/setup.json", "{}");
    let told = refuses(&machine, &["gc", "--all"], 2, "usage");
    assert!(told.stderr.contains("`skillsync setup --undo` will have to rebuild"), "{told}");
    disk::remove(&machine.store("state/setup.json"));
    only_plans(&machine, &["gc", "--all"]);
    let with_history = objects(&machine);
    // A skill in trash can be taken out again with all its history.
    machine.run(&["gc"]).ok();
    assert_eq!(objects(&machine), with_history);

    let done = machine.run(&["gc", "--all", "--yes"]).ok().stdout;
    for what in ["trash", "rendered trees", "objects"] {
        assert!(done.lines().any(|line| line.starts_with(what)), "{what}: {done}");
    }
    assert!(done.ends_with(" freed\n"), "{done}");
    assert!(trash(&machine).is_empty());
    assert!(objects(&machine) < with_history);
    machine.run(&["verify"]).ok();
}

#[test]
fn a_record_that_does_not_read_keeps_every_object() {
    let machine = stocked();
    machine.run(&["rm", "pdf"]).ok();
    machine.run(&["sync"]).ok();
    let held = objects(&machine);
    machine.write(".skillsync/skills/broken/.meta.toml", "not a record");
    let output = machine.run(&["gc", "--all", "--yes", "--json"]).fails(3);
    assert!(output.json()["objects_kept_because"].is_string(), "{output}");
    assert!(output.stderr.contains("warning: stored objects were left alone"), "{output}");
    assert_eq!(objects(&machine), held);
}
