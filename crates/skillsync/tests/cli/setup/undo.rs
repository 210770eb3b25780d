//! `skillsync setup --undo`: everything is where it was, and nothing is lost that is nowhere else.

use std::path::Path;

use serde_json::Value;
use skillsync_testkit::{Machine, disk};

use super::{CLAUDE, CODEX, CURSOR, OLD_CODEX, agents, assert_linked, scattered, skill, texts};
use crate::stocked::{only_plans, overwrite, refuses, replace};

fn path(m: &Machine, path: &str) -> Value {
    m.path(path).display().to_string().into()
}

#[test]
fn undo_puts_every_agent_back_as_it_was() {
    let m = scattered();
    let before = agents(&m);
    m.run(&["setup", "--yes"]).ok();
    let plan = only_plans(&m, &["setup", "--undo", "--json"]).json();
    assert_eq!(plan["restore"].as_array().unwrap().len(), 8);
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).ok().json();
    assert_eq!(undone["removed"].as_array().unwrap().len(), 4, "{undone}");
    before.assert_same(&agents(&m));
    assert!(!m.read(".skillsync/config.toml").contains("[[targets]]"));
    assert!(!m.store("skills/pdf").exists() && !m.store("state/setup.json").exists());
    refuses(&m, &["setup", "--undo", "--yes"], 1, "nothing-to-undo");
    // And forth again.
    m.run(&["setup", "--yes"]).ok();
    assert_linked(&m, &format!("{CLAUDE}/pdf"), "pdf");
    m.run(&["setup", "--undo", "--yes"]).ok();
    before.assert_same(&agents(&m));
}

#[test]
fn undo_takes_away_the_folders_that_setup_made() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.skill_folder(&format!("{OLD_CODEX}/pdf"), &skill("pdf"));
    let before = agents(&m);
    m.run(&["setup", "--yes"]).ok();
    assert_linked(&m, &format!("{CODEX}/pdf"), "pdf");
    m.run(&["setup", "--undo", "--yes"]).ok();
    before.assert_same(&agents(&m));
}

#[test]
fn undo_writes_anew_what_trash_has_lost() {
    let m = scattered();
    let before = agents(&m);
    m.run(&["setup", "--yes"]).ok();
    disk::remove(&m.store("trash"));
    m.write(".skillsync/trash/x", "");
    disk::remove(&m.store("trash/x"));
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).ok().json();
    let from: Vec<&str> = texts(&undone["restored"], "from");
    assert_eq!(from, ["history"; 8]);
    before.assert_same(&agents(&m));
}

#[test]
fn undo_keeps_what_was_worked_on_and_overwrites_nothing() {
    let m = scattered();
    m.run(&["setup", "--yes"]).ok();
    // `shared` gets a version, `draw-things` a hand edit in the store, and the place of Cursor's `pdf` is taken.
    m.run(&["edit", "shared"]).ok();
    replace(&m, ".skillsync/editing/shared/SKILL.md", "Do the thing", "Do it well");
    m.run(&["commit", "shared", "--reason", "better"]).ok();
    replace(&m, ".skillsync/skills/draw-things/SKILL.md", "Do the thing", "Do it by hand");
    m.write(&format!("{CURSOR}/pdf/mine.txt"), "mine\n");
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).fails(3).json();
    let kept: Vec<&str> = texts(&undone["kept"], "name");
    assert_eq!(kept, ["draw-things", "pdf", "shared"]);
    assert_eq!(undone["not_restored"][0]["path"], m.path(&format!("{CURSOR}/pdf")).to_str().unwrap());
    assert_eq!(m.read(&format!("{CURSOR}/pdf/mine.txt")), "mine\n");
    assert!(m.read(&format!("{CLAUDE}/shared/SKILL.md")).contains("Do the thing"));
    assert!(m.read(".skillsync/skills/shared/SKILL.md").contains("Do it well"));
    // Out of the way, and the rest comes back too.
    disk::remove(&m.path(&format!("{CURSOR}/pdf")));
    m.run(&["setup", "--undo", "--yes"]).ok();
    assert!(m.read(&format!("{CURSOR}/pdf/SKILL.md")).contains("# pdf"));
    assert!(!m.store("skills/pdf").exists());
}

#[test]
fn undo_waits_for_an_edit_made_through_a_link() {
    let m = scattered();
    m.run(&["setup", "--yes"]).ok();
    overwrite(&m, &format!("{CLAUDE}/pdf/SKILL.md"), skill("pdf").body("through the link\n").text());
    refuses(&m, &["setup", "--undo", "--yes"], 5, "hand-edited");
    m.run(&["adopt", "pdf"]).ok();
    m.run(&["setup", "--undo", "--yes"]).ok();
    assert!(m.read(".skillsync/skills/pdf/SKILL.md").contains("through the link"));
    assert!(m.read(&format!("{CLAUDE}/pdf/SKILL.md")).contains("Do the thing"));
}

/// What neither trash nor its place has any more is not taken out of the store.
#[test]
fn undo_keeps_a_skill_whose_original_is_nowhere() {
    for sets_up_again in [false, true] {
        let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
        m.agent("claude-code");
        let place = format!("{CLAUDE}/pdf");
        m.skill_folder(&place, &skill("pdf"));
        let before = agents(&m);
        m.run(&["setup", "--yes"]).ok();
        m.run(&["gc", "--all", "--yes"]).ok();
        if sets_up_again {
            m.skill_folder(&format!("{CLAUDE}/late"), &skill("late"));
            m.run(&["setup", "--yes"]).ok();
        }
        disk::remove(&m.path(&place));
        m.skill_folder(&place, &skill("pdf").body("another\n"));
        for _ in 0..2 {
            let undone = m.run(&["setup", "--undo", "--yes", "--json"]).fails(3).json();
            let left = &undone["not_restored"][0];
            assert_eq!((&left["path"], &left["kept"]), (&path(&m, &place), &Value::Null), "{undone}");
            assert_eq!(texts(&undone["kept"], "name"), ["pdf"], "{undone}");
            assert!(
                m.store("skills/pdf").exists() && m.read(&format!("{place}/SKILL.md")).contains("another")
            );
        }
        disk::remove(&m.path(&place));
        disk::remove(&m.path(&format!("{CLAUDE}/late")));
        m.run(&["setup", "--undo", "--yes"]).ok();
        before.assert_same(&agents(&m));
        assert!(!m.store("skills/pdf").exists() && !m.store("state/setup.json").exists());
    }
}

/// Of two originals that stood at one place one after the other, the second goes back first, and the first once it is away.
#[test]
fn undo_gives_back_every_original_of_a_place() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    let place = format!("{CLAUDE}/pdf");
    m.skill_folder(&place, &skill("pdf").body("first\n"));
    let before = agents(&m);
    m.run(&["setup", "--yes"]).ok();
    disk::remove(&m.path(&place));
    m.skill_folder(&place, &skill("pdf").body("second\n"));
    m.run(&["setup", "--yes"]).ok();
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).fails(3).json();
    assert_eq!(
        (texts(&undone["restored"], "path").len(), texts(&undone["not_restored"], "path").len()),
        (1, 1)
    );
    assert!(m.read(&format!("{place}/SKILL.md")).contains("second\n"), "{undone}");
    disk::remove(&m.path(&place));
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).ok().json();
    assert_eq!(texts(&undone["restored"], "from"), ["trash"], "{undone}");
    before.assert_same(&agents(&m));
    assert!(!m.store("skills/pdf").exists() && !m.store("state/setup.json").exists());
}

/// What neither trash nor the store has is told once.
#[test]
fn undo_forgets_what_is_nowhere() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    for name in ["pdf", "xlsx"] {
        m.skill_folder(&format!("{CLAUDE}/{name}"), &skill(name).body(&format!("{name} alone\n")));
    }
    m.run(&["setup", "--yes"]).ok();
    m.run(&["rm", "pdf"]).ok();
    m.run(&["sync"]).ok();
    m.run(&["gc", "--all", "--yes"]).ok();
    let plan = m.run(&["setup", "--undo", "--dry-run"]).ok();
    assert!(plan.stdout.contains("neither trash nor the store has it any more"), "{plan}");
    assert!(!plan.stdout.contains("the store has it\n"), "{plan}");
    let plan = m.run(&["setup", "--undo", "--dry-run", "--json"]).ok().json();
    assert_eq!(plan["restore"], Value::from(vec![path(&m, &format!("{CLAUDE}/xlsx"))]), "{plan}");
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).fails(3).json();
    let left = &undone["not_restored"][0];
    assert_eq!(
        (&left["path"], &left["lost"]),
        (&path(&m, &format!("{CLAUDE}/pdf")), &true.into()),
        "{undone}"
    );
    refuses(&m, &["setup", "--undo", "--yes"], 1, "nothing-to-undo");
}

/// Nothing can be looked at below a link that leads to itself: that is one original's affair.
fn blind(m: &Machine, folder: &str) {
    disk::remove(&m.path(folder));
    disk::link(m.path(folder), &m.path(folder));
}

#[test]
fn undo_goes_on_past_a_folder_that_does_not_read() {
    let m = scattered();
    m.run(&["setup", "--yes"]).ok();
    blind(&m, OLD_CODEX);
    let plan = m.run(&["setup", "--undo", "--dry-run", "--json"]).ok().json();
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).fails(3).json();
    assert_eq!(plan["not_restored"], undone["not_restored"], "{plan}");
    assert_eq!(texts(&undone["restored"], "path").len(), 7, "{undone}");
    assert_eq!(texts(&undone["kept"], "name"), ["xlsx"], "{undone}");
    disk::remove(&m.path(OLD_CODEX));
    m.run(&["setup", "--undo", "--yes"]).ok();
    assert!(
        m.read(&format!("{OLD_CODEX}/xlsx/SKILL.md")).contains("new\n") && !m.store("skills/xlsx").exists()
    );
}

/// An undo that ended early and a setup after it forget no original, though trash does not have it any more.
#[test]
fn undo_remembers_what_an_undo_before_it_did_not_reach() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    m.agent("codex");
    m.skill_folder(&format!("{OLD_CODEX}/pdf"), &skill("pdf"));
    let before = agents(&m);
    m.run(&["setup", "--yes"]).ok();
    m.run(&["gc", "--all", "--yes"]).ok();
    for folder in [OLD_CODEX, CLAUDE] {
        blind(&m, folder);
    }
    m.run(&["setup", "--undo", "--yes"]).fails(1);
    for folder in [OLD_CODEX, CLAUDE] {
        disk::remove(&m.path(folder));
    }
    m.run(&["setup", "--yes"]).ok();
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).ok().json();
    assert_eq!(texts(&undone["restored"], "from"), ["history"], "{undone}");
    before.assert_same(&agents(&m));
}

/// A skill whose original never left its place, and is not there any more, is nowhere but in the store.
#[test]
fn undo_keeps_a_skill_of_which_it_knows_no_original() {
    let m = scattered();
    m.run(&["setup", "--yes"]).ok();
    let mut record: Value = serde_json::from_str(&m.read(".skillsync/state/setup.json")).unwrap();
    record["moved"].as_array_mut().unwrap().retain(|moved| moved["name"] != "draw-things");
    m.write(".skillsync/state/setup.json", record.to_string());
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).ok().json();
    assert_eq!(texts(&undone["kept"], "name"), ["draw-things"], "{undone}");
    assert!(m.store("skills/draw-things").exists() && !m.store("skills/pdf").exists());
}

/// The plan of an undo is what is done, whatever stands in the places by then.
#[test]
fn undo_does_what_its_plan_says() {
    let m = scattered();
    m.run(&["setup", "--yes"]).ok();
    let place = |name: &str| format!("{CLAUDE}/{name}");
    // A place that is empty, one that is taken while trash has the original, and one while it has not.
    disk::remove(&m.path(&place("pdf")));
    disk::remove(&m.path(&place("xlsx")));
    m.skill_folder(&place("xlsx"), &skill("xlsx").body("another\n"));
    m.write(&format!("{CURSOR}/Draw Things/mine.txt"), "mine\n");
    let trash = m.run(&["setup", "--undo", "--dry-run", "--json"]).ok().json()["not_restored"].clone();
    let drawn = trash
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["path"] == path(&m, &format!("{CURSOR}/Draw Things")));
    disk::remove(Path::new(drawn.unwrap()["kept"].as_str().unwrap()));
    let plan = only_plans(&m, &["setup", "--undo", "--json"]).json();
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).fails(3).json();
    assert_eq!(texts(&undone["restored"], "path").len(), 6, "{undone}");
    assert_eq!(plan["restore"], Value::from(texts(&undone["restored"], "path")), "{undone}");
    for (planned, done) in
        [("not_restored", "not_restored"), ("keep", "kept"), ("remove", "removed"), ("targets", "targets")]
    {
        assert_eq!(plan[planned], undone[done], "{planned}: {plan}\n{undone}");
    }
    assert_eq!(texts(&undone["kept"], "name"), ["draw-things", "xlsx"], "{undone}");
}

/// What earlier versions of setup wrote down is taken back as well: they noted less.
#[test]
fn undo_reads_a_record_of_an_earlier_version() {
    let m = scattered();
    let before = agents(&m);
    m.run(&["setup", "--yes"]).ok();
    let mut record: Value = serde_json::from_str(&m.read(".skillsync/state/setup.json")).unwrap();
    let fields = |entry: &mut Value, names: &[&str]| {
        let entry = entry.as_object_mut().unwrap();
        names.iter().for_each(|name| drop(entry.remove(*name)));
    };
    fields(&mut record, &["undoing", "intents", "sources"]);
    record["adopted"].as_array_mut().unwrap().iter_mut().for_each(|one| fields(one, &["came", "root"]));
    record["moved"].as_array_mut().unwrap().iter_mut().for_each(|one| fields(one, &["left"]));
    m.write(".skillsync/state/setup.json", record.to_string());
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).ok().json();
    assert_eq!(texts(&undone["removed"], "").len(), 4, "{undone}");
    before.assert_same(&agents(&m));
}
