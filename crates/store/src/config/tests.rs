//! What `config.toml` may say, what an edit keeps, and what is refused.

use skillsync_core::name::TargetId;

use super::*;
use crate::tools::Mode;

const FULL: &str = r#"# mine
[skillsync]
version = "1"
extra = true # kept

[observation]
mode = "remind" # why

[[targets]]
id = "codex"
path = "~/.codex/skills" # here
source = "tool"

[[targets]]
id = "project-claude"
path = "/srv/app/.claude/skills"
source = "project"
mode = "copy"
"#;

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, Path::new("config.toml"))
}

#[test]
fn the_initial_file_reads_back_with_the_defaults() {
    let config = parse(INITIAL).unwrap();
    assert_eq!(config.observation().threshold, footer::Settings::default().threshold);
    assert!(config.targets().is_empty());
}

#[test]
fn edits_keep_comments_unknown_keys_and_order() {
    let mut config = parse(FULL).unwrap();
    config.set("observation.mode", "off").unwrap();
    config.set("observation.threshold", "0.5").unwrap();
    let id = TargetId::parse("codex").unwrap();
    assert!(config.remove_target(&id).unwrap());
    let target = Target {
        id,
        path: "~/x".to_owned(),
        source: TargetSource::Path,
        tool: Some("codex".to_owned()),
        mode: Mode::Symlink,
    };
    config.add_target(&target).unwrap();
    let text = config.text();
    for kept in
        ["# mine", "extra = true # kept", "mode = \"off\" # why", "threshold = 0.5", "mode = \"copy\""]
    {
        assert!(text.contains(kept), "{kept} in\n{text}");
    }
    assert_eq!(config.targets().len(), 2);
    assert_eq!(config.target(&target.id), Some(&target));
}

#[test]
fn built_in_skills_are_left_out_by_name() {
    let names = ["skillsync-new", "skillsync-refine"].map(|name| SkillName::parse(name).unwrap());
    let mut config = parse(INITIAL).unwrap();
    assert_eq!((config.without(), &*config.get("skillsync.without").unwrap()), (&[][..], ""));
    config.leave_out(&names[0]).unwrap();
    config.leave_out(&names[0]).unwrap();
    config.leave_out(&names[1]).unwrap();
    assert_eq!(config.without(), names);
    assert!(config.text().contains("version = \"1\"\nwithout = [\"skillsync-new\", \"skillsync-refine\"]\n"));
    let mut config = parse("[skillsync]\nversion = \"1\"\nwithout = [\n  \"a\", # why\n]\n").unwrap();
    config.leave_out(&names[0]).unwrap();
    assert!(config.text().contains("# why") && config.without().contains(&names[0]), "{}", config.text());
    assert!(config.unset("skillsync.without").unwrap());
    assert_eq!(config.without(), []);
}

#[test]
fn wrong_files_are_named_and_never_taken_for_empty() {
    let head = "[skillsync]\nversion = \"1\"\n";
    let cases = [
        ("[skillsync\n", "config-syntax"),
        ("", "config-value"),
        ("[skillsync]\nversion = \"2\"\n", "store-newer"),
        ("[skillsync]\nversion = 1\n", "config-value"),
        (&format!("{head}[observation]\nmode = \"loud\"\n"), "config-value"),
        (&format!("{head}[observation]\nthreshold = 7\n"), "config-value"),
        (&format!("{head}[observation]\nmin_invocations = 0\n"), "config-value"),
        (&format!("targets = 3\n{head}"), "config-value"),
        (&format!("{head}without = \"pdf\"\n"), "config-value"),
        (&format!("{head}without = [\"../x\"]\n"), "config-value"),
        (&format!("{head}[[targets]]\nid = \"../x\"\npath = \"/a\"\nsource = \"tool\"\n"), "config-value"),
        (&format!("{head}[[targets]]\nid = \"x\"\npath = \"a\"\nsource = \"tool\"\n"), "config-value"),
        (&format!("{head}[[targets]]\nid = \"x\"\npath = \"/a\"\n"), "config-value"),
    ];
    for (text, code) in cases {
        assert_eq!(parse(text).unwrap_err().code(), code, "{text}");
    }
}

#[test]
fn a_syntax_error_names_its_line_and_column() {
    let Err(Error::Syntax { line, column, .. }) = parse("[skillsync]\nversion = = 1\n") else { panic!() };
    assert_eq!((line, column), (2, 11));
}

#[test]
fn a_wrong_setting_is_refused() {
    let mut config = parse(INITIAL).unwrap();
    assert_eq!(config.set("observation.mode", "x").unwrap_err().code(), "config-value");
    assert_eq!(config.set("nothing", "x").unwrap_err().code(), "setting-unknown");
    assert!(config.unset("observation.mode").unwrap());
    assert!(!config.is_set("observation.mode"));
}

#[test]
fn homes_are_written_with_a_tilde() {
    let home = Path::new("/home/ann");
    assert_eq!(path_text(Path::new("/home/ann/.codex/skills"), home), "~/.codex/skills");
    assert_eq!(path_text(Path::new("/home/anna"), home), "/home/anna");
}
