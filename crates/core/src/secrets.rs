//! What looks like a secret: by a file's name, or by a key or token in its text. Few patterns, each of a fixed shape,
//! so that what is reported is nearly always one.

/// Files above this are not looked into.
pub const LOOKED_AT_BYTES: u64 = 1024 * 1024;

/// Something that should not be in a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    /// What it looks like, with its article: `a private key`.
    pub what: &'static str,
    /// Where, from 1; none when the file's name says it.
    pub line: Option<usize>,
}

/// A token: its fixed beginning, how many characters follow at least, and what it is.
const TOKENS: [(&str, usize, &str); 17] = [
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("ghp_", 36, "a GitHub token"),
    ("gho_", 36, "a GitHub token"),
    ("ghs_", 36, "a GitHub token"),
    ("ghu_", 36, "a GitHub token"),
    ("github_pat_", 50, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("sk-ant-", 32, "an Anthropic API key"),
    ("sk-proj-", 40, "an OpenAI API key"),
    ("xoxb-", 20, "a Slack token"),
    ("xoxp-", 20, "a Slack token"),
    ("AIza", 35, "a Google API key"),
    ("sk_live_", 24, "a Stripe key"),
    ("rk_live_", 24, "a Stripe key"),
    ("npm_", 36, "an npm token"),
    ("rec_live_", 24, "a skillsync hub key"),
];

/// How the armour of a key begins.
const ARMOR: &str = "-----BEGIN ";

/// The first thing in the file at `path` with these bytes that looks like a secret.
pub fn find(path: &str, bytes: &[u8]) -> Option<Secret> {
    if let Some(what) = by_name(path) {
        return Some(Secret { what, line: None });
    }
    let text = std::str::from_utf8(bytes).ok()?;
    // Nearly every file has none of them: looking line by line is for the others.
    if !text.contains(ARMOR) && !TOKENS.iter().any(|(head, ..)| text.contains(head)) {
        return None;
    }
    text.lines().enumerate().find_map(|(index, line)| {
        let what = in_line(line)?;
        Some(Secret { what, line: Some(index + 1) })
    })
}

fn by_name(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_sample =
        |rest: &str| ["example", "sample", "template", "dist"].iter().any(|word| rest.contains(word));
    match name {
        ".env" => Some("a file of secret settings"),
        ".netrc" | ".pgpass" | ".htpasswd" => Some("a file of passwords"),
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" => Some("a private SSH key"),
        _ => match name.strip_prefix(".env.") {
            Some(rest) if !is_sample(rest) => Some("a file of secret settings"),
            _ if name.ends_with(".p12") || name.ends_with(".pfx") => Some("a file of keys"),
            _ => None,
        },
    }
}

fn in_line(line: &str) -> Option<&'static str> {
    if line.contains(ARMOR) && line.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    TOKENS.iter().find(|(head, length, _)| has_token(line, head, *length)).map(|(_, _, what)| *what)
}

fn has_token(line: &str, head: &str, length: usize) -> bool {
    line.match_indices(head).any(|(at, _)| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let begins = !line[..at].ends_with(is_part);
        let rest = &line[at + head.len()..];
        let tail = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        begins && tail.len() >= length && !is_placeholder(tail)
    })
}

/// Examples are spelt out, or repeat one character.
fn is_placeholder(tail: &str) -> bool {
    let lower = tail.to_ascii_lowercase();
    ["example", "xxxx", "your", "1234567890", "abcdef"].iter().any(|word| lower.contains(word))
        || lower.chars().all(|c| lower.starts_with(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_examples() {
        let token = format!("key = \"ghp_{}\"", "k3J9".repeat(9));
        let aws = format!("id: AKIA{}", "Q7WZ".repeat(4));
        let armored = format!("-----BEGIN RSA {}-----", "PRIVATE KEY");
        let placeholder = format!("ghp_{}", "x".repeat(36));
        type Found = Option<(&'static str, Option<usize>)>;
        let cases: [(&str, &str, Found); 14] = [
            (".env", "", Some(("a file of secret settings", None))),
            ("app/.env.production", "", Some(("a file of secret settings", None))),
            ("keys/id_ed25519", "", Some(("a private SSH key", None))),
            ("a.pfx", "", Some(("a file of keys", None))),
            ("a.sh", &token, Some(("a GitHub token", Some(1)))),
            ("a.sh", &format!("x\n\n{aws}\n"), Some(("an AWS access key", Some(3)))),
            ("a.txt", &armored, Some(("a private key", Some(1)))),
            (".env.example", "", None),
            ("id_rsa.pub", "", None),
            ("a.sh", &placeholder, None),
            ("a.sh", "AKIAIOSFODNN7EXAMPLE", None),
            ("a.sh", "ghp_short", None),
            ("a.sh", &format!("prefix{}", &token[7..]), None),
            ("env", "TOKEN=$TOKEN", None),
        ];
        for (path, text, expected) in cases {
            let found = find(path, text.as_bytes()).map(|secret| (secret.what, secret.line));
            assert_eq!(found, expected, "{path}: {text}");
        }
        assert_eq!(find("a.bin", b"\xff-----BEGIN PRIVATE KEY-----"), None);
    }
}
