//! What a shell offers after Tab, asked as the bash script asks it.

use skillsync_testkit::Machine;

use crate::hubs::ROOT;
use crate::stocked::{commit, stocked};

/// The words that are offered for the last of `words`.
fn offered(machine: &Machine, words: &[&str]) -> Vec<String> {
    let at = words.len().to_string();
    let asked = machine.command(&[&["--", "skillsync"], words].concat());
    let asked = asked.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", &at).env("_CLAP_IFS", "\n");
    let said = asked.env("_CLAP_COMPLETE_COMP_TYPE", "9").run().ok().stdout;
    said.lines().map(str::to_owned).collect()
}

#[test]
fn what_can_be_typed_is_offered() {
    let machine = stocked();
    commit(&machine, "First", "Second");
    machine.run(&["source", "add", "https://hub.example", "--name", "team", "--root", ROOT]).ok();
    let cases: [(&[&str], &[&str]); 17] = [
        (&["r"], &["remove", "rm", "rollback"]),
        (&["l"], &["list", "log", "login", "logout", "ls"]),
        (&["target", "l"], &["list", "ls"]),
        (&["rm", "p"], &["pdf"]),
        (&["info", "p"], &["pdf"]),
        (&["rollback", "pdf", "--to", ""], &["1", "2"]),
        (&["rollback", "--to", ""], &[]),
        (&["show", "pdf", "s"], &["scripts/run.sh"]),
        (&["show", "pdf", "--level", "3", "r"], &["references/forms.md"]),
        (&["config", "set", "skillsync."], &["skillsync.without"]),
        (&["target", "add", "--tool", "claude-c"], &["claude-code"]),
        (&["source", "trust", "t"], &["team"]),
        (&["source", "rm", "te"], &["team"]),
        (&["login", "t"], &["team"]),
        (&["publish", "pdf", "--source", "t"], &["team"]),
        (&["config", "set", "sources.team.a"], &["sources.team.apply"]),
        (&["add", "x.md", "--type", ""], &["agent", "command"]),
    ];
    for (words, expected) in cases {
        let mut found = offered(&machine, words);
        found.sort();
        assert_eq!(found, expected, "{words:?}");
    }
}
