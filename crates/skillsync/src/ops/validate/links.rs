//! The relative links of a Markdown text, with their lines. Code and comments hold examples, not links. What a link
//! leads to is for the caller to look up.

/// A link to a file beside the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads, as written, without fragment and query, `%20` and the like decoded.
    pub to: String,
    /// Line in the whole text, from 1.
    pub line: usize,
}

impl Link {
    /// Its destination for a message.
    pub fn shown(&self) -> String {
        let short: String = self.to.chars().take(120).collect();
        short.escape_debug().to_string()
    }

    /// The path it leads to, from the folder of the text, without `.` and `..`; none when it leads out of there.
    pub fn inside(&self) -> Option<String> {
        let mut parts: Vec<&str> = Vec::new();
        for part in self.to.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()?),
                part => parts.push(part),
            }
        }
        Some(parts.join("/"))
    }
}

/// The relative links in `text` from `body_offset` on: inline links, images, and reference definitions.
///
/// A destination that has neither a dot nor a slash is a word such as `url` in an example more often than a file;
/// one with a placeholder (`{id}`, `<name>`, `$DIR`, `*`) is an example always. Both are left out.
pub fn relative(text: &str, body_offset: usize) -> Vec<Link> {
    let (head, body) = text.split_at_checked(body_offset).unwrap_or(("", text));
    let first_line = 1 + head.matches('\n').count();
    let prose = without_code(body);
    let mut links = Vec::new();
    for (number, line) in prose.lines().enumerate() {
        let mut add = |to: &str| {
            links.extend(destination(to).map(|to| Link { to, line: first_line + number }));
        };
        if let Some(to) = definition(line) {
            add(to);
        }
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            if before.contains('[') && !before.ends_with('\\') {
                add(inline(after));
            }
            rest = after;
        }
    }
    links
}

/// The destination of `](` at the head of `after`.
fn inline(after: &str) -> &str {
    let after = after.trim_start();
    if let Some(angled) = after.strip_prefix('<') {
        return angled.split_once('>').map_or("", |(to, _)| to);
    }
    let mut open = 0_usize;
    for (at, c) in after.char_indices() {
        match c {
            '(' => open += 1,
            ')' if open == 0 => return &after[..at],
            ')' => open -= 1,
            c if c.is_whitespace() => return &after[..at],
            _ => {}
        }
    }
    ""
}

/// The destination of a line like `[label]: references/forms.md "title"`. Footnotes (`[^1]:`) are none.
fn definition(line: &str) -> Option<&str> {
    let (label, to) = line.trim_start().strip_prefix('[')?.split_once("]:")?;
    if label.is_empty() || label.starts_with('^') || label.contains(['[', ']']) {
        return None;
    }
    let to = to.split_whitespace().next()?;
    Some(to.strip_prefix('<').and_then(|to| to.strip_suffix('>')).unwrap_or(to))
}

/// `to` when it is a relative path, decoded.
fn destination(to: &str) -> Option<String> {
    let to = to.split(['#', '?']).next().unwrap_or(to);
    let is_file = to.contains(['.', '/']);
    let is_example = to.contains(['{', '}', '<', '>', '$', '*', '|']) || to.contains("...");
    if to.is_empty() || !is_file || is_example || to.starts_with(['/', '~', '\\']) || has_scheme(to) {
        return None;
    }
    Some(decoded(to))
}

fn has_scheme(to: &str) -> bool {
    let Some((scheme, _)) = to.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn decoded(to: &str) -> String {
    let mut bytes = Vec::with_capacity(to.len());
    let mut rest = to.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| byte == b'%') {
            Some(value) => {
                bytes.push(value);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `body` with the text of code blocks, code spans and comments blanked out, line for line.
fn without_code(body: &str) -> String {
    let mut prose = String::with_capacity(body.len());
    let mut fence: Option<(char, usize)> = None;
    let mut in_list = false;
    let mut after_blank = true;
    for line in body.split_inclusive('\n') {
        let plain = line.trim();
        let marker = fence_marker(plain);
        let indented = line.starts_with("    ") || line.starts_with('\t');
        let is_code = match (fence, marker) {
            (None, Some(marker)) => {
                fence = Some(marker);
                true
            }
            (Some((open, length)), Some((close, count))) => {
                let ends = open == close && count >= length && plain.trim_start_matches(close).is_empty();
                fence = fence.filter(|_| !ends);
                true
            }
            (Some(_), None) => true,
            // Below a list, an indented line is the list's; elsewhere it is code when a blank line is above it.
            (None, None) => indented && !in_list && after_blank && !plain.is_empty(),
        };
        if is_code {
            prose.push('\n');
            continue;
        }
        prose.push_str(line);
        in_list = is_list_item(plain) || (in_list && (plain.is_empty() || line.starts_with([' ', '\t'])));
        // A second line of indented code has code above it, which counts like the blank line.
        after_blank = plain.is_empty();
    }
    blank_spans(&blank_comments(&prose))
}

fn fence_marker(line: &str) -> Option<(char, usize)> {
    // A fence may stand in a quote.
    let line = line.trim_start_matches(['>', ' ']);
    let marker = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let count = line.chars().take_while(|c| *c == marker).count();
    // An inline span of three backticks begins and ends in one line.
    let is_span = marker == '`' && line.trim_start_matches('`').contains('`');
    (count >= 3 && !is_span).then_some((marker, count))
}

fn is_list_item(line: &str) -> bool {
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("- ")
        || line.starts_with("* ")
        || line.starts_with("+ ")
        || (digits.len() < line.len() && (digits.starts_with(". ") || digits.starts_with(") ")))
}

fn blank_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        let (comment, after) = comment.split_once("-->").unwrap_or((comment, ""));
        out.push_str(before);
        out.extend(comment.chars().filter(|c| *c == '\n'));
        rest = after;
    }
    out + rest
}

/// Blanks code spans: a run of backticks up to the next run of the same length in the same paragraph.
fn blank_spans(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let (before, ticks) = rest.split_at(at);
        out.push_str(before);
        let count = ticks.len() - ticks.trim_start_matches('`').len();
        let inner = &ticks[count..];
        let paragraph = &inner[..inner.find("\n\n").unwrap_or(inner.len())];
        match closing(paragraph, count) {
            Some(end) => {
                out.extend(inner[..end].chars().filter(|c| *c == '\n'));
                rest = &inner[end + count..];
            }
            None => {
                out.push_str(&ticks[..count]);
                rest = inner;
            }
        }
    }
    out + rest
}

/// Where a run of exactly `count` backticks begins.
fn closing(text: &str, count: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let run = text[start..].len() - text[start..].trim_start_matches('`').len();
        if run == count {
            return Some(start);
        }
        at = start + run;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &[(&str, usize)]) {
        let head = "---\nname: a\n---\n";
        let text = format!("{head}{body}");
        let found = relative(&text, head.len());
        let found: Vec<(&str, usize)> = found.iter().map(|link| (link.to.as_str(), link.line - 3)).collect();
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn links_are_found_with_their_lines() {
        check("See [forms](FORMS.md) and\n![x](img/a.png \"t\").\n", &[("FORMS.md", 1), ("img/a.png", 2)]);
        check("[a](<a b.md>) [b](a%20b.md) [c](x(1).md)", &[("a b.md", 1), ("a b.md", 1), ("x(1).md", 1)]);
        check("[a][r]\n\n[r]: ref/a.md 'title'\n[^1]: not.md\n", &[("ref/a.md", 3)]);
        check("[a](./b.md#part) [a](../c.md?x=1)", &[("./b.md", 1), ("../c.md", 1)]);
        check("- item\n\n    [in](list.md)\n", &[("list.md", 3)]);
        check("1. item\n   ```\n   [in](code.md)\n   ```\n   [out](a.md)\n", &[("a.md", 5)]);
    }

    #[test]
    fn examples_and_other_places_are_no_links() {
        for body in [
            "[a](https://x.test/a.md) [b](mailto:a@b.c) [c](#part) [d](/etc/x.md) [e]() [f](url) [g](//x.test/a)",
            "```\n[a](a.md)\n```\n",
            "~~~md\n[a](a.md)\n```\n[a](a.md)\n~~~\n",
            "````\n```\n[a](a.md)\n````\n",
            "use `[a](a.md)` or ``[`a`](b.md)`` or `one\n[a](a.md)`",
            "text\n\n    [a](code.md)\n",
            "<!-- [a](a.md)\n[b](b.md) -->",
            "\\[a\\](a.md) and ](b.md)",
            "[a](${DIR}/a.md) [b]({name}.md) [c](*.md) [d](path/to/...)",
            "> ```\n> [a](a.md)\n> ```\n",
        ] {
            check(body, &[]);
        }
        check("a ` lone tick [a](a.md)\n\n` and [b](b.md)", &[("a.md", 1), ("b.md", 3)]);
    }

    #[test]
    fn a_link_is_resolved_by_its_text() {
        for (to, expected) in [
            ("a/./b.md", Some("a/b.md")),
            ("a/../b.md", Some("b.md")),
            ("../b.md", None),
            ("a/../../b", None),
            ("./", Some("")),
        ] {
            assert_eq!(Link { to: to.to_owned(), line: 1 }.inside().as_deref(), expected, "{to}");
        }
    }
}
