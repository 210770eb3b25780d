//! A machine with a source and an agent, and a hub that it trusts.

use serde_json::Value;
use skillsync_testkit::Machine;
use skillsync_wire::json::Time;

use crate::house::{House, api_key, files};
use crate::hub::LyingHub;

/// The time of this machine, to the second: the real program has no other.
#[expect(clippy::disallowed_methods, reason = "a hub beside the real program has the same clock")]
pub(crate) fn now() -> Time {
    Time::of(jiff::Timestamp::now())
}

/// A hub with the skills `docx` and `pdf`.
pub(crate) fn hub() -> LyingHub {
    let mut house = House::new(now());
    house.publish("pdf", &files("pdf", "# pdf\n\none\n\ntwo\n\nthree\n", &[("scripts/run.sh", "echo 1\n")]));
    house.publish("docx", &files("docx", "# docx\n", &[]));
    LyingHub::open(house)
}

/// A machine that trusts `hub` as the source `team`, with the agent Claude Code.
pub(crate) fn machine(hub: &LyingHub, options: &[&str]) -> Machine {
    let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    machine.agent("claude-code");
    machine.run(&["init"]).ok();
    machine.run(&["target", "add", "--tool", "claude-code"]).ok();
    let root = hub.change(|house| house.roots[0].clone());
    machine.write("root.json", root);
    let url = hub.web.url();
    let add = ["source", "add", &url, "--name", "team", "--root", "root.json", "--key-stdin"];
    machine.command(&[&add[..], options].concat()).stdin(api_key().expose()).run().ok();
    hub.web.take_asked();
    machine
}

/// Runs with `--json` and gives the report, of a run that ends with `exit`.
#[track_caller]
pub(crate) fn report(machine: &Machine, args: &[&str], exit: i32) -> Value {
    machine.run(&[args, &["--json"]].concat()).one_of(&[exit]).json()
}

/// A machine with `pdf` installed.
pub(crate) fn installed(hub: &LyingHub) -> Machine {
    let machine = machine(hub, &[]);
    machine.run(&["install", "pdf"]).ok();
    hub.web.take_asked();
    machine
}

/// A line of `pdf` as the hub publishes it next: `two` becomes `text`.
pub(crate) fn publish(hub: &LyingHub, text: &str) {
    let body = format!("# pdf\n\none\n\n{text}\n\nthree\n");
    hub.change(|house| house.publish("pdf", &files("pdf", &body, &[("scripts/run.sh", "echo 1\n")])));
}

/// Commits an edit of `pdf`: `from` becomes `to`.
pub(crate) fn edit(machine: &Machine, from: &str, to: &str) {
    machine.run(&["edit", "pdf"]).ok();
    rewrite(machine, ".skillsync/editing/pdf/SKILL.md", from, to);
    machine.run(&["commit", "pdf", "--reason", "mine"]).ok();
}

/// Writes `to` in the place of `from`.
pub(crate) fn rewrite(machine: &Machine, path: &str, from: &str, to: &str) {
    let text = machine.read(path);
    assert!(text.contains(from), "{from} in {text}");
    machine.write(path, text.replace(from, to));
}

/// What a report says of one skill of the only source.
pub(crate) fn outcome<'a>(report: &'a Value, name: &str) -> &'a Value {
    let skills = report["sources"][0]["skills"].as_array().unwrap();
    skills.iter().find(|skill| skill["skill"] == name).unwrap_or(&Value::Null)
}

/// What Claude Code loads of a skill, without the footer.
pub(crate) fn loaded(machine: &Machine, name: &str) -> Option<String> {
    let path = machine.path(&format!(".claude/skills/{name}/SKILL.md"));
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.split("\n<!-- skillsync:observation:start -->").next().unwrap().to_owned())
}

/// `_meta.json`.
pub(crate) fn meta(machine: &Machine) -> Value {
    serde_json::from_str(&machine.read(".skillsync/_meta.json")).unwrap()
}
