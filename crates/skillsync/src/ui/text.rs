//! Makes foreign text harmless for a terminal: escape sequences, direction marks and invisible characters are
//! shown as what they are.

use std::borrow::Cow;

/// Characters that move the cursor, turn text around or hide it. The attack: a skill's description that clears the
/// screen, or reads differently from what it says. Joiners (U+200C, U+200D) stay: languages and emoji need them.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escaped(text: &str, keep: fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(|c| is_hostile(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if keep('\n') && rest.peek() == Some(&'\n') => {}
            c if is_hostile(c) && !keep(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// `text` with everything hostile escaped (`\u{1b}`). Lines and tabs stay; CRLF becomes LF.
pub fn clean(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n' || c == '\t')
}

/// `text` as one line: hostile characters escaped, every run of white space one blank.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(['\n', '\r', '\t']) {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        return Cow::Owned(escaped(&flat, |_| false).into_owned());
    }
    escaped(text, |_| false)
}

/// A JSON document whose strings cannot act on a terminal. JSON itself escapes only U+0000 to U+001F; a hostile
/// character beyond can stand only inside a string, where `\uXXXX` means the same.
pub(crate) fn clean_json(json: String) -> String {
    if !json.contains(|c| is_hostile(c) && c != '\n') {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_hostile(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_escaped() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text), expected, "{text:?}");
        check("plain é 漢 👩\u{200d}💻\n\tnext", "plain é 漢 👩\u{200d}💻\n\tnext");
        check("\u{1b}[2Jgone", "\\u{1b}[2Jgone");
        check("\u{9b}31mred\u{7}\u{7f}", "\\u{9b}31mred\\u{7}\\u{7f}");
        check("evil\u{202e}txt.exe", "evil\\u{202e}txt.exe");
        check("a\u{e0041}b", "a\\u{e0041}b");
        check("over\rwritten, lines\r\nkept", "over\\rwritten, lines\nkept");
        assert_eq!(one_line(" a\n b\t\u{1b}c "), "a b \\u{1b}c");
        assert_eq!(one_line("a\u{1b}b"), "a\\u{1b}b");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = "csi \u{9b} del \u{7f} tag \u{e0041} turn \u{202e} é";
        let clean = clean_json(serde_json::to_string(value).unwrap());
        assert!(!clean.contains(is_hostile), "{clean}");
        assert_eq!(serde_json::from_str::<String>(&clean).unwrap(), value);
    }
}
