//! Archives whose names are wrong.

use super::corpus::{Case, beside, case};
use super::tar::{Tar, entry, raw_entry, split_entry};

pub(crate) fn paths() -> Vec<Case> {
    let component = "x".repeat(101);
    let deep = "d/".repeat(16) + "f";
    let long = format!("{}/{}/{}", "x".repeat(100), "y".repeat(50), "z".repeat(49));
    let texts: [(&str, &str, &str); 40] = [
        ("absolute", "/etc/passwd", "absolute"),
        ("drive", "C:/Windows/x", ":"),
        ("drive, relative", "C:x", ":"),
        ("UNC", r"\\server\share\x", "backslash"),
        ("UNC with slashes", "//server/share/x", "absolute"),
        ("parent", "../x", "`..`"),
        ("parent inside", "a/../../x", "`..`"),
        ("parent that stays", "a/../x", "`..`"),
        ("parent at the end", "a/..", "`..`"),
        ("only parent", "..", "`..`"),
        ("only itself", ".", "`.`"),
        ("leading ./", "./a", "`.`"),
        ("./ inside", "a/./b", "`.`"),
        ("two slashes", "a//b", "empty component"),
        ("trailing slash", "a/", "empty component"),
        ("backslash", r"a\b", "backslash"),
        ("backslash parent", r"..\x", "backslash"),
        ("line feed", "a\nb", "control"),
        ("carriage return", "a\rb", "control"),
        ("escape", "a\u{1b}[2Jb", "control"),
        ("byte 01", "a\u{1}", "control"),
        ("delete", "a\u{7f}", "control"),
        ("C1 control", "a\u{85}b", "control"),
        ("bidi override", "a\u{202e}txt.exe", "bidirectional"),
        ("bidi isolate", "a\u{2066}b", "bidirectional"),
        ("tag characters", "a\u{e0041}\u{e0042}", "tag"),
        ("NFD", "e\u{301}.md", "normal form C"),
        ("Hangul Jamo", "\u{1100}\u{1161}.md", "normal form C"),
        ("device", "CON", "reserved name on Windows"),
        ("device in lower case with extension", "nul.txt", "reserved name on Windows"),
        ("device with a number", "a/COM1.md", "reserved name on Windows"),
        ("device with a superscript", "LPT\u{b9}", "reserved name on Windows"),
        ("console device", "CONIN$", "reserved name on Windows"),
        ("device as a folder", "aux/x", "reserved name on Windows"),
        ("trailing dot", "a.", "dot or space"),
        ("trailing space", "a ", "dot or space"),
        ("alternate stream", "a.md:evil", ":"),
        ("component of 101 bytes", &format!("{component}/a"), "101 bytes"),
        ("17 levels", &deep, "17 levels"),
        ("201 bytes", &long, "201 bytes"),
    ];
    let mut cases: Vec<Case> =
        texts.map(|(name, path, says)| beside(name, entry(path, b"x"), "Path(", says)).into();
    for c in ['<', '>', '"', '|', '?', '*'] {
        cases.push(beside(
            &format!("character {c}"),
            entry(&format!("a{c}b"), b""),
            "Path(",
            "Windows refuses",
        ));
    }
    for (name, path) in [
        ("bytes that are no UTF-8", &b"a\xff"[..]),
        ("overlong slash", b"..\xc0\xafx"),
        ("surrogate", b"a\xed\xa0\x80"),
        ("Latin-1", b"caf\xe9.md"),
    ] {
        cases.push(beside(name, raw_entry(path, b""), "Path(", "UTF-8"));
    }
    cases.extend([
        beside("empty path", entry("", b"x"), "Path(", "is empty"),
        beside("NUL in a name", raw_entry(b"a\0b", b""), "Nul", ""),
        beside("name after a NUL", raw_entry(b"a.txt\0../../evil", b""), "Nul", ""),
        beside("NUL in a prefix", split_entry("a\0b", "c", b""), "Nul", ""),
        beside("home", entry("~/x", b""), "Home", ""),
        beside("home of a user", entry("~root/.ssh/authorized_keys", b""), "Home", ""),
        beside("absolute by its prefix", split_entry("/etc", "passwd", b""), "Path(", "absolute"),
        beside("parent by its prefix", split_entry("..", "x", b""), "Path(", "`..`"),
        beside("prefix that ends with a slash", split_entry("a/", "x", b""), "Path(", "empty component"),
        beside("prefix where none is needed", split_entry("a", "x", b""), "NotCanonical", ""),
        beside(
            "prefix split too early",
            split_entry("aaaa", &format!("{}/{}", "b".repeat(48), "c".repeat(50)), b""),
            "NotCanonical",
            "",
        ),
    ]);
    cases
}

pub(crate) fn reserved() -> Vec<Case> {
    let paths = [
        "_meta.json",
        "a/_META.json",
        ".meta.toml",
        ".Meta.TOML",
        ".skillsync",
        ".skillsync-deployed.toml",
        "a/.SKILLSYNC-x",
        ".git",
        ".git/hooks/post-checkout",
        "a/.git/config",
        ".GIT/config",
        "git~1/config",
        ".claude/settings.json",
        "a/.Claude/x",
        ".mcp.json",
        ".MCP.json",
        ".svn/x",
        ".hg/x",
        ".DS_Store",
        ".ds_store",
        "__pycache__/x",
        "x.pyc",
        "x.PYC",
    ];
    let bad = |path: &str| {
        // In its order: what begins with a dot or an underscore is not always behind `SKILL.md`.
        let mut parts = [("SKILL.md", entry("SKILL.md", b"# Hello\n")), (path, entry(path, b"x"))];
        parts.sort_by_key(|(name, _)| name.to_string());
        let archive = Tar::of(parts.map(|(_, part)| part).to_vec()).gzip();
        case(&format!("reserved {path}"), archive, "Reserved", "")
    };
    paths.map(bad).into()
}
