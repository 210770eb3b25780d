//! Writes frontmatter: a new `SKILL.md`, and another name into one that exists. Reading is left to `parse`.

use std::fmt::Write as _;

use super::parse;
use crate::name::SkillName;

/// Stands in for a description that nobody gave, so that what is written is valid.
const NO_DESCRIPTION: &str = "Describe what this skill does and when to use it.";

/// A complete new `SKILL.md` for `name`. The description may contain anything; when it is blank, a request for one
/// takes its place. Its length is the caller's to check.
pub fn compose(name: &SkillName, description: &str) -> String {
    let description = match description.trim() {
        "" => NO_DESCRIPTION,
        text => text,
    };
    format!(
        "---\nname: {}\ndescription: {}\n---\n\n# {}\n\n\
         ## When to use\n\n\
         Say which requests call for this skill, in the words that users use, and which do not.\n\n\
         ## Steps\n\n\
         1. Say what to do first, and with which tool or script.\n\
         2. Say how to check the result.\n\
         3. Say what to tell the user.\n\n\
         ## Examples\n\n\
         - Input: an example request.\n\
         - Output: what the user should get.\n",
        name_value(name),
        quoted(description),
        title(name),
    )
}

fn title(name: &SkillName) -> String {
    let words = name.as_str().replace('-', " ");
    let (first, rest) = words.split_at(1);
    first.to_ascii_uppercase() + rest
}

/// `name` as a YAML value that no reader takes for a number, a date, a boolean or null.
fn name_value(name: &SkillName) -> String {
    let text = name.as_str();
    let is_word = text.starts_with(|c: char| c.is_ascii_lowercase());
    let is_special =
        matches!(text, "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null" | "nan" | "inf");
    if is_word && !is_special { text.to_owned() } else { format!("\"{text}\"") }
}

/// `text` as one line of double-quoted YAML.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // What YAML does not print, or takes for a line end, or what no editor shows.
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `bytes`, a `SKILL.md`, with `name` as its `name`: the value is replaced or the field inserted first, and every
/// other byte is kept (line ends, comments, byte order mark).
///
/// `None` when the frontmatter cannot be read, or is written in a way that leaves no such simple change: the result is
/// read again, and is given only if nothing but the name differs.
pub fn with_name(bytes: &[u8], name: &SkillName) -> Option<Vec<u8>> {
    let before = parse(bytes).ok()?;
    if before.fields.get("name").and_then(|value| value.as_str()) == Some(name.as_str()) {
        return Some(bytes.to_vec());
    }
    let text = std::str::from_utf8(bytes.get(..before.body_offset)?).ok()?;
    let yaml = text.find('\n')? + 1;
    let value = name_value(name);
    let (at, end, new) = if before.fields.contains_key("name") {
        let spot = name_spot(text, yaml)?;
        let space = if text[..spot.at].ends_with(':') { " " } else { "" };
        let gap = if text[spot.end..].starts_with('#') { " " } else { "" };
        (spot.at, spot.end, format!("{space}{value}{gap}"))
    } else {
        let line_end = if text[..yaml].ends_with("\r\n") { "\r\n" } else { "\n" };
        (yaml, yaml, format!("name: {value}{line_end}"))
    };
    let mut out = bytes[..at].to_vec();
    out.extend_from_slice(new.as_bytes());
    out.extend_from_slice(&bytes[end..]);

    let mut after = parse(&out).ok()?;
    let written = after.fields.remove("name")?;
    let mut others = before.fields;
    others.remove("name");
    let body_is_kept = out[after.body_offset..] == bytes[before.body_offset..];
    (written.as_str() == Some(name.as_str()) && after.fields == others && body_is_kept).then_some(out)
}

/// Where a value stands, in bytes.
struct Spot {
    at: usize,
    end: usize,
}

/// Finds the value of the top-level field `name` in `text`, whose YAML begins at `yaml`.
fn name_spot(text: &str, yaml: usize) -> Option<Spot> {
    let mut line_at = yaml;
    for line in text[yaml..].split_inclusive('\n') {
        let after_key = ["name", "\"name\"", "'name'"].iter().find_map(|key| line.strip_prefix(key));
        let after_colon = after_key.and_then(|rest| rest.trim_start_matches([' ', '\t']).strip_prefix(':'));
        if let Some(rest) = after_colon.filter(|rest| rest.starts_with([' ', '\t', '\r', '\n'])) {
            return value_spot(text, line_at + line.len() - rest.len());
        }
        line_at += line.len();
    }
    None
}

/// The extent of the value that follows the colon which ends at `colon`.
fn value_spot(text: &str, colon: usize) -> Option<Spot> {
    let rest = &text[colon..];
    let value = rest.trim_start_matches([' ', '\t']);
    let at = text.len() - value.len();
    let first_line = value.lines().next().unwrap_or_default();
    match value.chars().next()? {
        // Nothing on this line: the value is on the next lines, or there is none.
        '\r' | '\n' => {
            let end = at + indented_end(&value[first_line.len()..]).map_or(0, |end| first_line.len() + end);
            // Blanks that stay behind the colon would end up behind the value.
            Some(Spot { at: if end > at { colon } else { at }, end })
        }
        '#' => Some(Spot { at, end: at }),
        quote @ ('"' | '\'') => {
            let mut escaped = false;
            let mut chars = value.char_indices().skip(1).peekable();
            while let Some((index, c)) = chars.next() {
                if escaped {
                    escaped = false;
                } else if c == '\\' && quote == '"' {
                    escaped = true;
                } else if c == quote {
                    if quote == '\'' && chars.next_if(|(_, next)| *next == '\'').is_some() {
                        continue;
                    }
                    return Some(Spot { at, end: at + index + 1 });
                }
            }
            None
        }
        '|' | '>' => {
            if first_line.contains('#') {
                return None;
            }
            let end = indented_end(&value[first_line.len()..]).unwrap_or(0);
            Some(Spot { at, end: at + first_line.len() + end })
        }
        _ => {
            let comment = first_line.find(" #").or_else(|| first_line.find("\t#"));
            let own = first_line[..comment.unwrap_or(first_line.len())].trim_end().len();
            let more = if comment.is_none() { indented_end(&value[first_line.len()..]) } else { None };
            Some(Spot { at, end: at + more.map_or(own, |end| first_line.len() + end) })
        }
    }
}

/// Where the last of the indented lines that follow ends, without its line end; `None` when there is none. `rest`
/// begins at the end of the line before.
fn indented_end(rest: &str) -> Option<usize> {
    let mut lines = rest.split_inclusive('\n');
    let mut at = lines.next()?.len();
    let mut end = None;
    for line in lines {
        let content = line.trim_end();
        if content.is_empty() {
            at += line.len();
            continue;
        }
        if !line.starts_with([' ', '\t']) || content.trim_start().starts_with('#') {
            break;
        }
        end = Some(at + content.len());
        at += line.len();
    }
    end
}

#[cfg(test)]
mod tests {
    use super::super::{check, loadable};
    use super::*;

    #[test]
    fn a_new_skill_is_valid_whatever_its_description_is() {
        for description in [
            "Makes PDF: \"fast\" \\ 'well' # not a comment",
            "--- \n---\n",
            "two\nlines\r\nand\ttab",
            "{a: b}",
            "*x &y !z |",
            "\u{85}\u{2028}\u{feff}\u{fffe}\0\u{1b}[31m\u{7f}",
            "日本語 \u{1f600}",
            "true",
            " \n ",
        ] {
            for name in ["pdf-tools", "1", "0x9", "null", "2026-01-01", "on", "1e5"] {
                let name = SkillName::parse(name).unwrap();
                let text = compose(&name, description);
                let skill = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{description:?}: {e}"));
                let expected =
                    if description.trim().is_empty() { NO_DESCRIPTION } else { description.trim() };
                assert_eq!(skill.description(), Some(expected));
                assert!(loadable(&skill));
                assert_eq!(check(&skill, text.as_bytes(), Some(name.as_str())), [], "{text}");
            }
        }
    }

    #[test]
    fn only_the_name_is_replaced() {
        // `@` marks where the new value goes.
        for (text, expected) in [
            ("name: old\ndescription: x", "name: @\ndescription: x"),
            ("name: old  # why\nd: x", "name: @  # why\nd: x"),
            ("# c\nd: x\nname:   'o''ld' # y", "# c\nd: x\nname:   @ # y"),
            ("\"name\" : \"o\\\"ld\"", "\"name\" : @"),
            ("name:", "name: @"),
            ("name:  # todo", "name:  @ # todo"),
            ("name:   \nd: x", "name:   @\nd: x"),
            ("name:\n  old\nd: x", "name: @\nd: x"),
            ("name: o\n  l\n\n  d\nd: x", "name: @\nd: x"),
            ("name: |\n  old\n\nd: x", "name: @\n\nd: x"),
            ("name: >-\n  old\n  er\nd: x", "name: @\nd: x"),
            ("name: \"o\n  ld\"\nd: x", "name: @\nd: x"),
            ("name: a: b\nd: x", "name: @\nd: x"),
            ("name: [a]\nd: x", "name: @\nd: x"),
            ("description: x\nmetadata:\n  name: keep", "name: @\ndescription: x\nmetadata:\n  name: keep"),
            ("names: x\nname-x: y", "name: @\nnames: x\nname-x: y"),
        ] {
            for (bom, line_end, value, name) in
                [("", "\n", "new-name", "new-name"), ("\u{feff}", "\r\n", "\"1\"", "1")]
            {
                let file =
                    |yaml: &str| format!("{bom}---\n{yaml}\n---\nname: body\n---\n").replace('\n', line_end);
                let out = with_name(file(text).as_bytes(), &SkillName::parse(name).unwrap());
                let out = out.unwrap_or_else(|| panic!("{text:?}"));
                assert_eq!(String::from_utf8(out).unwrap(), file(&expected.replace('@', value)), "{text:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_changed_alone_is_refused() {
        let name = SkillName::parse("new").unwrap();
        for text in [
            "no frontmatter",
            "---\n{name: old, description: x}\n---\n",
            "---\nname: &n old\nother: *n\n---\n",
            "---\nname: | # c\n  old\n---\n",
            "---\nname: a\nx: [\n---\n",
        ] {
            assert_eq!(with_name(text.as_bytes(), &name), None, "{text:?}");
        }
        let same = b"---\nname: 'new'\n---\n";
        assert_eq!(with_name(same, &name).as_deref(), Some(&same[..]));
    }
}
