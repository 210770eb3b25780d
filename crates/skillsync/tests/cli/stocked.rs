//! A machine with a store that holds the skill `pdf`, and what the tests of several commands do with it.

use skillsync_testkit::{Machine, Output, SkillBuilder, disk};

/// A skill with a script, a text and a file that is no text.
pub(crate) fn pdf() -> SkillBuilder {
    SkillBuilder::new("pdf")
        .body("# pdf\n\nFirst line.\n\nMiddle line.\n\nLast line.\n")
        .script("scripts/run.sh", "#!/bin/sh\necho hi\n")
        .file("references/forms.md", "# Forms\n\nFill them in.\n")
        .file("assets/logo.png", b"\x89PNG\x00\xff".to_vec())
}

/// A machine with a store that holds `pdf`, added from `src/pdf`.
pub(crate) fn stocked() -> Machine {
    let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    machine.skill_folder("src/pdf", &pdf());
    machine.run(&["init"]).ok();
    machine.run(&["add", "src/pdf"]).ok();
    machine
}

/// The same with two folders that load it: Claude Code's, and `agents` as the target `path-1`.
pub(crate) fn served() -> Machine {
    let machine = stocked();
    machine.agent("claude-code");
    machine.write("agents/keep", "");
    machine.run(&["target", "add", "--tool", "claude-code"]).ok();
    machine.run(&["target", "add", "--path", "agents"]).ok();
    machine.run(&["sync"]).ok();
    machine
}

/// Commits a version of `pdf` in which `from` is `to` in its SKILL.md.
pub(crate) fn commit(machine: &Machine, from: &str, to: &str) {
    machine.run(&["edit", "pdf"]).ok();
    replace(machine, ".skillsync/editing/pdf/SKILL.md", from, to);
    machine.run(&["commit", "pdf", "--reason", &format!("{to} for {from}")]).ok();
}

/// Writes `to` in the place of `from` into a file, as an editor does: the file is another one afterwards.
pub(crate) fn replace(machine: &Machine, path: &str, from: &str, to: &str) {
    let old = machine.read(path);
    assert!(old.contains(from), "`{from}` is not in {path}:\n{old}");
    overwrite(machine, path, old.replace(from, to));
}

/// Writes a file anew, read-only or not.
pub(crate) fn overwrite(machine: &Machine, path: &str, bytes: impl AsRef<[u8]>) {
    let path = machine.path(path);
    disk::remove(&path);
    disk::write(&path, bytes);
}

/// The command fails with this exit code and error code, has a hint, says the same on both streams, and changes
/// nothing but our own notes in `state/`.
#[track_caller]
pub(crate) fn refuses(machine: &Machine, args: &[&str], exit: i32, code: &str) -> Output {
    let before = machine.snapshot().without(&[".skillsync/state"]);
    let output = machine.run(&[args, &["--json"]].concat()).fails(exit);
    let error = &output.json()["error"];
    assert_eq!(error["code"], code, "{output}");
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "no hint: {output}");
    assert!(output.stderr.starts_with("error: "), "{output}");
    before.assert_same(&machine.snapshot().without(&[".skillsync/state"]));
    output
}

/// The command says what it would do and does not do it.
#[track_caller]
pub(crate) fn only_plans(machine: &Machine, args: &[&str]) -> Output {
    let before = machine.snapshot();
    let output = machine.run(&[args, &["--dry-run"]].concat()).ok();
    before.assert_same(&machine.snapshot());
    output
}
