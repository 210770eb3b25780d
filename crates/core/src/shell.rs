//! Words for a shell: what a hint prints to be typed.

/// `word` as one word for a POSIX shell, whatever is in it.
///
/// ```
/// assert_eq!(skillsync_core::shell::shell_quoted("it's"), r"'it'\''s'");
/// ```
pub fn shell_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_ends_no_word() {
        for (word, expected) in [("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''"), ("$x`y`", "'$x`y`'")] {
            assert_eq!(shell_quoted(word), expected);
        }
    }
}
