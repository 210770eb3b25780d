//! What the registry must hold, and what a user's file may do to it.

use super::*;
use std::collections::BTreeSet;

const HOME: &str = "/home/ann";

/// A plain home without variables, or with those given.
fn resolved<T>(vars: &[(&str, &str)], of: impl Fn(&Places<'_>) -> T) -> T {
    let var = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
    of(&Places { home: Path::new(HOME), cwd: Path::new("/work"), var: &var })
}

fn user(text: &str) -> Result<Tools, Error> {
    Tools::with_user(text, Path::new("tools.toml"))
}

#[test]
fn every_tool_of_the_registry_is_sound() {
    let tools = Tools::builtin();
    assert_eq!(tools.ids().count(), 88);
    let ids: BTreeSet<&TargetId> = tools.ids().collect();
    assert_eq!(ids.len(), 88, "ids are unique");
    assert!(tools.ids().is_sorted(), "sorted, so that a row is found and added in one place");
    let without_global: Vec<&str> =
        tools.iter().filter(|tool| tool.global.is_none()).map(|tool| tool.id.as_str()).collect();
    assert_eq!(without_global, ["eve", "promptscript"]);
    for tool in tools.iter() {
        assert_eq!(tools.get(tool.id.as_str()).unwrap(), tool);
        assert_eq!(tools.get(&tool.name).unwrap(), tool);
        for alias in &tool.aliases {
            assert_eq!(tools.get(alias).unwrap(), tool);
        }
        assert!(tool.project_dir(Path::new("/p")).starts_with("/p"));
        if tool.global.is_some() {
            let dir = resolved(&[], |places| tool.global_dir(places)).expect("a default for a plain home");
            assert!(dir.starts_with(HOME), "{dir:?}");
        }
    }
}

/// A tool in the form of the registry.
fn written(tool: &Tool) -> String {
    let list = |items: &[String]| format!("[{}]", items.join(", "));
    let quoted = |text: &dyn fmt::Display| format!("{:?}", text.to_string());
    let locations = |items: &[Location]| list(&items.iter().map(|item| quoted(item)).collect::<Vec<_>>());
    let mut text = format!(
        "[[tool]]\nid = {}\nname = {}\nproject = {}\nglobal = {}\ndetect = {}\nalso_scans = {}\n\
         also_scans_project = {}\naliases = {}\nmode = {}\n",
        quoted(&tool.id),
        quoted(&tool.name),
        quoted(&tool.project),
        tool.global.as_ref().map_or("\"\"".to_owned(), |global| quoted(global)),
        locations(&tool.detect),
        locations(&tool.also_scans),
        list(&tool.also_scans_project.iter().map(|item| quoted(item)).collect::<Vec<_>>()),
        list(&tool.aliases.iter().map(|item| quoted(item)).collect::<Vec<_>>()),
        quoted(&tool.mode),
    );
    if let Some(listing) = &tool.listing {
        text += "[tool.listing]\n";
        for (key, value) in [("budget_chars", listing.budget_chars), ("entry_chars", listing.entry_chars)] {
            text += &value.map_or(String::new(), |value| format!("{key} = {value}\n"));
        }
    }
    text
}

#[test]
fn every_tool_survives_being_written_and_read() {
    let builtin = Tools::builtin();
    let mut again = Tools { tools: Vec::new(), vars: builtin.vars.clone() };
    let text: String = builtin.iter().map(written).collect();
    read::extend(&mut again, &text, Path::new("again.toml")).unwrap();
    assert_eq!(again, builtin);
    // And no spelling of the data is tidied on the way: what is shown can be found in the file.
    for tool in builtin.iter() {
        for location in tool.global.iter().chain(&tool.detect).chain(&tool.also_scans) {
            assert!(BUILTIN.contains(&format!("\"{location}\"")), "{location}");
        }
    }
}

#[test]
fn folders_follow_home_and_variables() {
    let tools = Tools::builtin();
    let check = |tool: &str, vars: &[(&str, &str)], global: Option<&str>, scans: &[&str]| {
        let tool = tools.get(tool).unwrap();
        assert_eq!(
            resolved(vars, |places| tool.global_dir(places)),
            global.map(PathBuf::from),
            "{}",
            tool.id
        );
        let scanned = resolved(vars, |places| tool.also_scanned(places));
        assert_eq!(scanned, scans.iter().map(PathBuf::from).collect::<Vec<_>>(), "{}", tool.id);
    };
    check("claude", &[], Some("/home/ann/.claude/skills"), &[]);
    check("claude", &[("CLAUDE_CONFIG_DIR", "/etc/c")], Some("/etc/c/skills"), &[]);
    check("claude", &[("CLAUDE_CONFIG_DIR", "")], Some("/home/ann/.claude/skills"), &[]);
    check("claude", &[("CLAUDE_CONFIG_DIR", "c")], Some("/work/c/skills"), &[]);
    let (agents, etc) = ("/home/ann/.agents/skills", "/etc/codex/skills");
    check("codex", &[], Some(agents), &["/home/ann/.codex/skills", etc]);
    check("codex", &[("CODEX_HOME", "/home/ann/.agents")], Some(agents), &[etc]);
    check("eve", &[], None, &[]);
    check("goose", &[("XDG_CONFIG_HOME", "/x")], Some("/x/goose/skills"), &[]);

    let cursor = tools.get("cursor").unwrap().also_scanned_in(Path::new("/p"));
    assert_eq!(
        cursor,
        [".cursor/skills", ".claude/skills", ".codex/skills"].map(|dir| Path::new("/p").join(dir))
    );
}

#[test]
fn a_tool_is_detected_by_any_of_its_places() {
    let tools = Tools::builtin();
    let check = |tool: &str, vars: &[(&str, &str)], there: &str, detected: bool| {
        let tool = tools.get(tool).unwrap();
        let found = resolved(vars, |places| tool.is_detected(places, &|path| path == Path::new(there)));
        assert_eq!(found, detected, "{} with {there}", tool.id);
    };
    check("codex", &[], "/etc/codex", true);
    check("codex", &[], "/home/ann/.codex", true);
    check("codex", &[("CODEX_HOME", "/c")], "/home/ann/.codex", false);
    check("codex", &[("CODEX_HOME", "/c")], "/c", true);
    check("astrbot", &[], "/work/data/skills", true);
    check("zcode", &[], "/Applications/ZCode.app", true);
    check("zed", &[], "/Zed", false);
    check("zed", &[("APPDATA", "/data")], "/data/Zed", true);
    // Shared folders prove nothing.
    for shared in ["witsy", "kimi", "universal", "eve"] {
        assert!(tools.get(shared).unwrap().detect.is_empty(), "{shared}");
    }
}

#[test]
fn a_tool_answers_to_its_names_and_a_slip_is_named() {
    let tools = Tools::builtin();
    for name in ["claude-code", "claude", "Claude Code", "CLAUDE CODE"] {
        assert_eq!(tools.get(name).unwrap().id.as_str(), "claude-code");
    }
    let check = |name: &str, hint: &str| {
        let error = tools.get(name).unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::NotFound, "tool-unknown"));
        assert_eq!(error.hint().unwrap(), hint, "{name}");
    };
    check("codx", "did you mean `codex`?");
    check("Gemni", "did you mean `gemini-cli`?");
    check("claud", "did you mean `claude-code`?");
    check("github", "did you mean `github-copilot`?");
    let nothing = tools.get("\u{1b}[2J nothing like it").unwrap_err();
    assert!(nothing.hint().unwrap().contains("target add --path"));
    assert_eq!(nothing.to_string(), "no tool is called `\\u{1b}[2J nothing like it`");
}

#[test]
fn a_user_s_file_adds_tools_and_overrides_fields() {
    let builtin = Tools::builtin();
    let tools = user(
        r#"
        [vars]
        CODEX_HOME = "~/codex-home"
        MINE = ""
        [[tool]]
        id = "mine"
        project = "./mine/skills/"
        global = "$MINE/skills"
        aliases = ["claude"]
        mode = "copy"
        [[tool]]
        id = "claude-code"
        aliases = []
        listing = { budget_chars = 9 }
        [[tool]]
        id = "cursor"
        mode = "copy"
        global = ""
        "#,
    )
    .unwrap();
    assert_eq!(tools.iter().count(), 89);
    let mine = tools.get("claude").unwrap();
    assert_eq!((mine.id.as_str(), mine.name.as_str(), mine.mode), ("mine", "mine", Mode::Copy));
    assert_eq!(mine.project_dir(Path::new("/p")), Path::new("/p/mine/skills"));
    assert_eq!(resolved(&[], |places| mine.global_dir(places)), None);
    assert_eq!(resolved(&[("MINE", "/m")], |places| mine.global_dir(places)), Some("/m/skills".into()));

    let listing = Listing { budget_chars: Some(9), entry_chars: Some(1536) };
    assert_eq!(tools.get("claude-code").unwrap().listing, Some(listing), "field by field");
    let cursor = Tool { mode: Mode::Copy, global: None, ..builtin.get("cursor").unwrap().clone() };
    assert_eq!(tools.get("cursor").unwrap(), &cursor, "the rest stays");
    // A new default holds for the tools that were there before.
    let scanned = resolved(&[], |places| tools.get("codex").unwrap().also_scanned(places));
    assert_eq!(scanned[0], Path::new("/home/ann/codex-home/skills"));
    assert_eq!(user("").unwrap(), builtin);
}

#[test]
fn every_mistake_in_a_user_s_file_has_its_place() {
    let check = |text: &str, message: &str, hint: Option<&str>| {
        let error = user(text).unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Invalid, "tools-invalid"));
        assert_eq!(error.to_string(), format!("tools.toml:{message}"), "{text}");
        assert_eq!(error.hint().as_deref(), hint, "{text}");
    };
    let codex = |line: &str| format!("[[tool]]\nid = \"codex\"\n{line}\n");
    check("a = 1\nb =\n", "2:4: is not TOML: string values must be quoted, expected literal string", None);
    check(&codex("globl = \"~/x\""), "3:1: unknown key `globl`", Some("did you mean `global`?"));
    check("[tol]\n", "1:2: unknown key `tol`", Some("did you mean `tool`?"));
    check("x = 1\n", "1:1: unknown key `x`", Some("known here: `vars`, `tool`"));
    check(&codex("listing.budget = 1"), "3:9: unknown key `budget`", Some("did you mean `budget_chars`?"));
    check(&codex("listing.entry_chars = 0"), "3:23: `entry_chars` must be a whole number above 0", None);
    check(&codex("listing = 1"), "3:11: `listing` must be a table `[tool.listing]`", None);
    check(&codex("mode = \"link\""), "3:8: mode `link` is neither `symlink` nor `copy`", None);
    check(&codex("detect = \"~/x\""), "3:10: `detect` must be a list: [\"...\", \"...\"]", None);
    check(&codex("detect = [\"~/x\", 1]"), "3:18: `detect` must list text in quotes", None);
    check(&codex("name = 1"), "3:8: `name` must be text in quotes", None);
    check(&codex("name = \"\""), "3:8: name `` must have 1 to 64 characters, none of them a control", None);
    check(
        &codex("global = \"x/y\""),
        "3:10: path `x/y` must begin with `~/`, `./`, `/` or `$VARIABLE/`",
        None,
    );
    check(&codex("global = \"~/../y\""), "3:10: path `~/../y` has a `.` or `..` component", None);
    check(&codex("project = \"/y\""), "3:11: path `/y` must be relative to the project's root", None);
    check(&codex("project = \"a/../..\""), "3:11: path `a/../..` has a `.` or `..` component", None);
    check(&codex("project = \".\""), "3:11: path `.` has a `.` or `..` component", None);
    check(
        &codex("global = \"$CODEXHOME/x\""),
        "3:10: variable `$CODEXHOME` is not declared",
        Some("did you mean `$CODEX_HOME`?"),
    );
    check("[vars]\nA-B = \"~/x\"\n", "2:7: `A-B` cannot be the name of a variable", None);
    check("[vars]\nA = \"$B\"\n", "2:5: the default of `A` cannot be another variable", None);
    check("vars = 1\n", "1:8: `vars` must be a table", None);
    check("[[tool]]\nname = \"x\"\n", "1:1: this tool has no `id`", None);
    check(
        "[tool.codex]\nmode = \"copy\"\n",
        "1:2: `tool` must be a list of tables",
        Some("begin each tool with a line `[[tool]]` and a line `id = \"...\"`"),
    );
    check(
        "[[tool]]\nid = \"My Tool\"\n",
        "2:6: `id` cannot be the id of a tool",
        Some("1 to 64 of `a-z`, `0-9` and single hyphens, for example `my-tool`"),
    );
    check(
        "[[tool]]\nid = \"codx\"\n",
        "2:6: tool `codx` is new and has no `project`",
        Some("did you mean the tool `codex`?"),
    );
    check(&[codex(""), codex("")].concat(), "5:6: tool `codex` is described twice in this file", None);
    check(
        &codex("aliases = [\"Claude\"]"),
        "3:11: tool `codex` cannot be called `claude`: tool `claude-code` is",
        None,
    );
    check(
        "# é\n[[tool]]\nid = 'é'\n",
        "3:6: `id` cannot be the id of a tool",
        Some("1 to 64 of `a-z`, `0-9` and single hyphens, for example `pdf-tools`"),
    );
}
