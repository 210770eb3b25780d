//! The skills inside the program: where they come in, what a user may do to them, and that what they tell an agent to
//! type can be typed.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]
#![expect(clippy::disallowed_methods, reason = "a test stands outside: it writes what a user would write")]

use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use skillsync_testkit::Machine;

const NAMES: [&str; 3] = ["skillsync", "skillsync-new", "skillsync-refine"];

fn machine() -> Machine {
    let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    machine.run(&["init"]).ok();
    machine
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("builtin")
}

fn names(machine: &Machine) -> Vec<String> {
    let skills = machine.run(&["ls", "--json"]).ok().json();
    skills["skills"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect()
}

/// The words of `built_in` in a report: name and status.
fn built_in(report: &serde_json::Value) -> Vec<(String, String)> {
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    report["built_in"].as_array().unwrap().iter().map(|c| (word(&c["skill"]), word(&c["status"]))).collect()
}

#[test]
fn a_new_store_has_them_and_every_agent_gets_them() {
    let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    let report = machine.run(&["init", "--json"]).ok().json();
    assert_eq!(built_in(&report), NAMES.map(|name| (name.to_owned(), "added".to_owned())));
    assert_eq!(names(&machine), NAMES);
    assert!(built_in(&machine.run(&["init", "--json"]).ok().json()).is_empty());
    machine.agent("claude-code");
    machine.run(&["target", "add", "--tool", "claude-code"]).ok();
    assert!(built_in(&machine.run(&["sync", "--json"]).ok().json()).is_empty());
    for name in NAMES {
        let source = fs::read_to_string(folder().join(name).join("SKILL.md")).unwrap();
        assert!(machine.read(&format!(".claude/skills/{name}/SKILL.md")).starts_with(&source), "{name}");
        let info = machine.run(&["info", name]).ok();
        assert!(info.stdout.contains("source: built-in") && info.stdout.contains("version: 1"), "{info:?}");
        machine.run(&["validate", name]).ok();
    }
}

#[test]
fn a_lost_one_comes_back_and_a_removed_one_does_not() {
    let machine = machine();
    fs::remove_dir_all(machine.store("skills/skillsync-new")).unwrap();
    machine.run(&["sync"]).ok();
    assert_eq!(names(&machine), NAMES);

    machine.write(".skillsync/config.toml", format!("# mine\n{}", machine.read(".skillsync/config.toml")));
    machine.run(&["rm", "skillsync-new", "--yes"]).ok();
    machine.run(&["sync"]).ok();
    let left = ["skillsync", "skillsync-refine"];
    assert_eq!(names(&machine), left);
    let config = machine.read(".skillsync/config.toml");
    assert!(config.starts_with("# mine\n") && config.contains("without = [\"skillsync-new\"]\n"), "{config}");
    // It is remembered where no cache is, and by every command that would bring it.
    skillsync_testkit::disk::remove(&machine.store("state"));
    machine.run(&["init"]).ok();
    machine.run(&["sync"]).ok();
    assert_eq!(names(&machine), left);
    let taken = machine.run(&["new", "skillsync-new", "--json"]).fails(1);
    assert_eq!(taken.json()["error"]["code"], "name-reserved");
    machine.run(&["config", "unset", "skillsync.without"]).ok();
    let plan = machine.run(&["sync", "--dry-run", "--json"]).ok().json();
    assert_eq!(built_in(&plan), [("skillsync-new".to_owned(), "added".to_owned())]);
    assert_eq!(names(&machine), left);
    assert!(machine.run(&["sync"]).ok().stdout.starts_with("skillsync-new: added\n"));
    assert_eq!(names(&machine), NAMES);
    machine.run(&["new", "skillsync-newer"]).ok();
}

#[test]
fn what_the_user_made_of_one_stays() {
    let machine = machine();
    let copy = machine.run(&["edit", "skillsync-new"]).ok().stdout.trim().to_owned();
    let text = format!(
        "{}\nAlways ask my sister first.\n",
        machine.read(".skillsync/skills/skillsync-new/SKILL.md")
    );
    fs::write(Path::new(&copy).join("SKILL.md"), &text).unwrap();
    machine.run(&["commit", "skillsync-new", "--reason", "my sister knows"]).ok();
    // By hand, in the canonical folder: reported, not replaced.
    let by_hand = machine.write(".skillsync/skills/skillsync-refine/SKILL.md", "by hand");
    skillsync_testkit::disk::remove(&machine.store("state"));
    let report = machine.run(&["sync", "--json"]).either().json();
    assert!(built_in(&report).is_empty(), "{report}");
    assert_eq!(machine.read(".skillsync/skills/skillsync-new/SKILL.md"), text);
    assert_eq!(fs::read_to_string(by_hand).unwrap(), "by hand");
}

#[test]
fn a_users_skill_of_that_name_is_not_touched() {
    let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    machine.run(&["init"]).ok();
    // As after a store was made by hand or by another program: the name was the user's before it was ours.
    machine.run(&["rm", "skillsync", "--yes"]).ok();
    machine.run(&["sync"]).ok();
    machine.skill_folder("mine/skillsync", &skillsync_testkit::SkillBuilder::new("skillsync"));
    machine.run(&["add", "mine/skillsync"]).ok();
    machine.run(&["config", "unset", "skillsync.without"]).ok();
    let report = machine.run(&["sync", "--json"]).ok().json();
    assert_eq!(built_in(&report), [("skillsync".to_owned(), "kept".to_owned())]);
    assert!(machine.run(&["info", "skillsync"]).ok().stdout.contains("source: imported"));
    // Said once.
    assert!(built_in(&machine.run(&["sync", "--json"]).ok().json()).is_empty());
}

/// What an agent is told to type can be typed: every command line in code of the built-in skills.
#[test]
fn every_command_in_them_exists() {
    let mut program = skillsync::cli::command();
    program.build();
    let mut count = 0;
    for (file, line) in command_lines() {
        if let Err(problem) = known(&program, &line) {
            panic!("{file}: `{line}`: {problem}");
        }
        count += 1;
    }
    assert!(count > 100, "only {count} command lines were found");
    for (wrong, problem) in [
        ("frobnicate pdf", "no command"),
        ("sync --frobnicate", "no option"),
        ("target frobnicate", "no command"),
        ("abort pdf --reason x", "no option"),
        ("setup [--undo] [--frobnicate]", "no option"),
    ] {
        assert!(known(&program, wrong).is_err_and(|e| e.starts_with(problem)), "{wrong}");
    }
}

/// `skillsync ...` in fenced blocks and in code spans, without comments, with the file it stands in.
fn command_lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut folders = vec![folder()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(folder()).unwrap().display().to_string();
            let mut fenced = false;
            for line in text.lines() {
                if line.trim_start().starts_with("```") {
                    fenced = !fenced;
                    continue;
                }
                let spans: Vec<&str> =
                    if fenced { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
                for span in spans {
                    let span = span.split(" #").next().unwrap_or(span).trim();
                    if let Some(command) = span.strip_prefix("skillsync ") {
                        lines.push((name.clone(), command.to_owned()));
                    }
                }
            }
        }
    }
    lines
}

/// Whether the words are a command of the program with options it has.
fn known(program: &Command, line: &str) -> Result<(), String> {
    let mut command = program;
    let mut words = line.split_whitespace().map(|word| word.trim_matches(['[', ']', '.', ',', '"']));
    for word in words.by_ref() {
        let below = command.find_subcommand(word);
        match below {
            Some(below) => command = below,
            None if std::ptr::eq(command, program) || command.is_subcommand_required_set() => {
                return Err(format!("no command `{word}`"));
            }
            None => {
                option(command, word)?;
                break;
            }
        }
        if command.get_subcommands().next().is_none() {
            break;
        }
    }
    words.try_for_each(|word| option(command, word))
}

fn option(command: &Command, word: &str) -> Result<(), String> {
    let word = word.split('=').next().unwrap_or(word);
    let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) else { return Ok(()) };
    let there = |arg: &clap::Arg| {
        arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|all| all.contains(&long))
    };
    if command.get_arguments().any(there) { Ok(()) } else { Err(format!("no option `{word}`")) }
}
