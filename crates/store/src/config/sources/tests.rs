//! What `[[sources]]` may say, what an edit keeps, and what is refused.

use std::path::Path;

use skillsync_core::fault::Fault as _;

use super::*;

const HEAD: &str = "[skillsync]\nversion = \"1\"\n";
const FULL: &str = r#"[skillsync]
version = "1"

# the team's
[[sources]]
name = "team"
url = "https://hub.example/skills/" # moved in May
apply = "notify" # ask me
extra = 1 # kept

[[sources]]
name = "lab"
url = "http://127.0.0.1:8080"
policy = "pin"
skills = "all"
mirrors = ["https://cdn.example", "https://cdn2.example/x"]
"#;

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, Path::new("config.toml"))
}

fn name(text: &str) -> SourceName {
    SourceName::parse(text).unwrap()
}

#[test]
fn sources_are_read_with_their_defaults() {
    let config = parse(FULL).unwrap();
    let team = config.source(&name("team")).unwrap();
    let url = BaseUrl::parse("https://hub.example/skills").unwrap();
    assert_eq!(*team, SourceConfig { apply: Apply::Notify, ..SourceConfig::new(name("team"), url) });
    let lab = config.source(&name("lab")).unwrap();
    assert_eq!((lab.policy, lab.skills, lab.mirrors.len()), (Policy::Pin, Wanted::All, 2));
    assert!(lab.url.is_loopback() && !lab.url.is_https());
}

#[test]
fn edits_keep_comments_and_unknown_keys() {
    let mut config = parse(FULL).unwrap();
    config.set("sources.team.apply", "auto").unwrap();
    config.set("sources.team.insecure", "true").unwrap();
    config.set("sources.team.mirrors", "https://a.example, https://b.example").unwrap();
    assert!(config.unset("sources.lab.mirrors").unwrap());
    assert!(!config.unset("sources.lab.mirrors").unwrap());
    assert!(config.is_set("sources.team.apply") && !config.is_set("sources.lab.apply"));
    let new = SourceConfig {
        apply: Apply::Manual,
        ..SourceConfig::new(name("new"), "https://new".to_owned().try_into().unwrap())
    };
    config.add_source(&new).unwrap();
    assert_eq!(config.source(&name("new")), Some(&new));
    let text = config.text();
    for kept in
        ["# the team's", "# moved in May", "apply = \"auto\" # ask me", "extra = 1 # kept", "insecure = true"]
    {
        assert!(text.contains(kept), "{kept} in\n{text}");
    }
    assert!(
        text.ends_with("[[sources]]\nname = \"new\"\nurl = \"https://new\"\napply = \"manual\"\n"),
        "{text}"
    );
    assert_eq!(config.get("sources.team.mirrors").unwrap(), "https://a.example,https://b.example");
    assert_eq!(config.get("sources.lab.mirrors").unwrap(), "");
    for gone in ["team", "lab", "new"] {
        assert!(config.remove_source(&name(gone)).unwrap());
    }
    assert!(!config.remove_source(&name("team")).unwrap());
    assert!(config.sources().is_empty() && !config.text().contains("sources"), "{}", config.text());
}

#[test]
fn a_list_on_one_line_is_read_and_edited_too() {
    let mut config = parse(&format!("sources = [{{ name = \"a\", url = \"https://a\" }}]\n{HEAD}")).unwrap();
    config.set("sources.a.apply", "manual").unwrap();
    assert!(config.text().contains("apply = \"manual\""), "{}", config.text());
    let other = SourceConfig::new(name("b"), BaseUrl::parse("https://b").unwrap());
    assert_eq!(config.add_source(&other).unwrap_err().code(), "config-value");
    assert!(config.remove_source(&name("a")).unwrap());
    config.add_source(&other).unwrap();
    assert_eq!(config.sources(), [other]);
}

#[test]
fn what_no_source_can_be_is_named() {
    let block = |fields: &str| format!("{HEAD}[[sources]]\nname = \"a\"\nurl = \"https://a\"\n{fields}");
    let cases = [
        (format!("{HEAD}[[sources]]\nurl = \"https://a\"\n"), "sources[0].name"),
        (format!("{HEAD}[[sources]]\nname = \"a\"\n"), "sources[0].url"),
        (format!("{HEAD}[[sources]]\nname = \"../a\"\nurl = \"https://a\"\n"), "sources[0].name"),
        (format!("{HEAD}[[sources]]\nname = \"a\"\nurl = \"ftp://a\"\n"), "sources[0].url"),
        (block("kind = \"git\"\n"), "sources[0].kind"),
        (block("policy = \"newest\"\n"), "sources[0].policy"),
        (block("apply = true\n"), "sources[0].apply"),
        (block("skills = \"some\"\n"), "sources[0].skills"),
        (block("mirrors = \"https://b\"\n"), "sources[0].mirrors"),
        (block("mirrors = [\"b\"]\n"), "sources[0].mirrors"),
        (block("insecure = \"yes\"\n"), "sources[0].insecure"),
        (block("report_state = 1\n"), "sources[0].report_state"),
        (block("[[sources]]\nname = \"a\"\nurl = \"https://b\"\n"), "sources[1].name"),
        (block("[[sources]]\nname = \"b\"\nurl = \"https://A/\"\n"), "sources[1].url"),
        (format!("sources = 3\n{HEAD}"), "sources"),
    ];
    for (text, wrong) in cases {
        match parse(&text).unwrap_err() {
            Error::Value { key, .. } => assert_eq!(key, wrong, "{text}"),
            other => panic!("{other:?} of {text}"),
        }
    }
    let mut config = parse(FULL).unwrap();
    assert_eq!(config.set("sources.team.apply", "x").unwrap_err().code(), "config-value");
    for unknown in ["sources.none.apply", "sources.team.url", "sources.team", "sources."] {
        assert_eq!(config.set(unknown, "x").unwrap_err().code(), "setting-unknown", "{unknown}");
        assert_eq!(config.get(unknown).unwrap_err().code(), "setting-unknown", "{unknown}");
        assert_eq!(config.unset(unknown).unwrap_err().code(), "setting-unknown", "{unknown}");
    }
}

#[test]
fn an_address_has_one_spelling_and_nothing_secret() {
    for (text, expected, host) in [
        ("https://hub.example", "https://hub.example", "hub.example"),
        ("HTTPS://Hub.Example:8443/", "https://hub.example:8443", "hub.example"),
        ("https://hub.example/Skills//", "https://hub.example/Skills", "hub.example"),
        ("http://[::1]:80/a/b", "http://[::1]:80/a/b", "[::1]"),
    ] {
        let url = BaseUrl::parse(text).unwrap();
        assert_eq!((url.as_str(), url.host()), (expected, host));
    }
    for bad in [
        "",
        "hub.example",
        "file:///etc",
        "https://",
        "https:///a",
        "https://a b",
        "https://u:p@a",
        "https://a?q=1",
        "https://a#f",
        "https://a:0",
        "https://a:x",
        "https://a:",
        "https://a:+1",
        "https://-a",
        "https://a..b",
        "https://a/../b",
        "https://a//b",
        "https://é",
        "https://a\n",
        "https://[::1",
        "https://[x]",
        "https://a\\b",
    ] {
        assert!(BaseUrl::parse(bad).is_err(), "{bad:?}");
    }
    for (text, is_loopback) in [
        ("http://localhost:1", true),
        ("http://127.8.9.1", true),
        ("http://[::1]", true),
        ("http://localhost.example", false),
        ("http://127.0.0.1.example", false),
        ("http://10.0.0.1", false),
    ] {
        assert_eq!(BaseUrl::parse(text).unwrap().is_loopback(), is_loopback, "{text}");
    }
}
