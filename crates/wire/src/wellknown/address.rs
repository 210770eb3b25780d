//! Addresses of indexes, of the files beside them, and what an address in an index means.

use std::fmt::Write as _;

use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;

use super::{INDEX, Version};
use crate::limits;

/// Where the indexes of the site at `base` are, the one to ask for first in front. `base` is an origin or a path below
/// one. An index below a path is of that path alone: where it has none, the origin is not asked instead.
pub fn index_urls(base: &str) -> [(Version, String); 2] {
    let base = base.trim_end_matches('/');
    Version::ALL.map(|version| (version, format!("{base}/{}{INDEX}", version.folder())))
}

/// The address of a file of a skill of v0.1, beside the index at `index_url`.
pub fn file_url(index_url: &str, name: &SkillName, path: &SkillPath) -> String {
    let folder = index_url.rfind('/').map_or("", |at| &index_url[..=at]);
    format!("{folder}{name}/{}", encoded(path.as_str()))
}

/// The absolute address that `reference` means in the index at `index_url` (RFC 3986, section 5). `None` when it is none
/// that could be fetched.
pub fn resolve(index_url: &str, reference: &str) -> Option<String> {
    let is_graphic =
        reference.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'<' | b'>' | b'"'));
    if reference.is_empty() || reference.len() > limits::INDEX_URL_BYTES || !is_graphic {
        return None;
    }
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, rest) = index_url.split_once("://")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if let Some((other, rest)) = reference.split_once("://").filter(|(other, _)| is_scheme(other)) {
        let is_http = ["https", "http"].iter().any(|known| other.eq_ignore_ascii_case(known));
        return (is_http && !rest.is_empty()).then(|| reference.to_owned());
    }
    // `mailto:x` and its like have a scheme without slashes.
    if reference.split(['/', '?']).next().is_some_and(|head| head.contains(':')) {
        return None;
    }
    if let Some(rest) = reference.strip_prefix("//") {
        return (!rest.is_empty()).then(|| format!("{scheme}://{rest}"));
    }
    let (relative, query) = reference.find('?').map_or((reference, ""), |at| reference.split_at(at));
    let whole = match relative {
        "" => path.to_owned(),
        _ if relative.starts_with('/') => relative.to_owned(),
        _ => format!("{}{relative}", path.rfind('/').map_or("/", |at| &path[..=at])),
    };
    Some(format!("{scheme}://{authority}{}{query}", without_dots(&whole)))
}

fn is_scheme(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    text.bytes().all(inner) && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// RFC 3986, section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut ends_open = false;
    for part in path.split('/').skip(1) {
        ends_open = matches!(part, "." | "..");
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let slash = if ends_open && !parts.is_empty() { "/" } else { "" };
    format!("/{}{slash}", parts.join("/"))
}

/// Percent-encodes what may not stand in the path of an address; slashes stay.
pub(super) fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
        if is_plain {
            text.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The path of a site that the path of an address means, without its first slash: the opposite of encoding. `None` where it
/// is not UTF-8.
pub fn decoded(path: &str) -> Option<String> {
    let path = path.strip_prefix('/').unwrap_or(path).as_bytes();
    let digit = |at: usize| path.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut bytes, mut at) = (Vec::with_capacity(path.len()), 0);
    while let Some(byte) = path.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 3;
            }
            // What encodes nothing stands for itself.
            _ => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_means_what_the_rfc_says() {
        let index = "https://h.example/base/.well-known/agent-skills/index.json?x=1";
        for (reference, expected) in [
            ("pdf.tar.gz", Some("https://h.example/base/.well-known/agent-skills/pdf.tar.gz")),
            ("pdf/SKILL.md", Some("https://h.example/base/.well-known/agent-skills/pdf/SKILL.md")),
            ("./a/../b", Some("https://h.example/base/.well-known/agent-skills/b")),
            ("../skills/x", Some("https://h.example/base/.well-known/skills/x")),
            ("../../../../../x", Some("https://h.example/x")),
            ("..", Some("https://h.example/base/.well-known/")),
            ("/x?y=1#z", Some("https://h.example/x?y=1")),
            ("//cdn.example/x", Some("https://cdn.example/x")),
            ("https://cdn.example/x", Some("https://cdn.example/x")),
            ("http://cdn.example/x", Some("http://cdn.example/x")),
            ("a:b", None),
            ("file:///etc/passwd", None),
            ("ftp://h/x", None),
            ("https://", None),
            ("//", None),
            ("", None),
            ("a b", None),
            ("a\\b", None),
            ("a\nb", None),
            ("é", None),
        ] {
            assert_eq!(resolve(index, reference).as_deref(), expected, "{reference}");
        }
        assert_eq!(resolve(index, &"x".repeat(3000)), None);
        assert_eq!(resolve("https://h.example", "a").as_deref(), Some("https://h.example/a"));
    }

    #[test]
    fn a_path_becomes_an_address() {
        let [(first, url), (_, other)] = index_urls("https://h.example/base/");
        assert_eq!(
            (first, &*url),
            (Version::V02, "https://h.example/base/.well-known/agent-skills/index.json")
        );
        assert_eq!(other, "https://h.example/base/.well-known/skills/index.json");
        let path = SkillPath::parse("a b/100%#[1]é.md").unwrap();
        assert_eq!(
            file_url(&other, &SkillName::parse("pdf").unwrap(), &path),
            "https://h.example/base/.well-known/skills/pdf/a%20b/100%25%23%5B1%5D%C3%A9.md"
        );
    }

    #[test]
    fn an_address_means_the_path_that_it_was_made_of() {
        for path in ["", "pdf/SKILL.md", "a b/100%#[1]é.md", "%", "%4", "\u{fffd}", "+"] {
            assert_eq!(decoded(&format!("/{}", encoded(path))).as_deref(), Some(path));
        }
        assert_eq!(decoded("/%2e%2E%2fx%zz%").as_deref(), Some("../x%zz%"));
        assert_eq!(decoded("/%ff"), None);
    }
}
