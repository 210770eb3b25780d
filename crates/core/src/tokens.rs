//! How many tokens a text costs an agent, estimated without a tokenizer; it leaves limits and warnings to others.

/// What a character belongs to; a run of one class is counted as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letters,
    Digits,
    Blank,
    Newline,
    Sign,
    /// Letters of alphabets other than Latin: about two characters share a token.
    Alphabet,
    /// Ideographs, syllables, symbols: about a token each.
    Ideograph,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' => Class::Letters,
        '0'..='9' => Class::Digits,
        ' ' | '\t' => Class::Blank,
        '\n' | '\r' => Class::Newline,
        '\0'..='\u{7f}' => Class::Sign,
        // Latin with marks up to Arabic, Indic and Georgian scripts: below the first wide block.
        '\u{80}'..='\u{10ff}' | '\u{1e00}'..='\u{1fff}' => Class::Alphabet,
        _ => Class::Ideograph,
    }
}

/// Estimates how many tokens a language model reads for `text`.
///
/// Byte-pair encoders of current models spend about a token on a common word together with the space before it, on
/// three digits, on a cluster of about three signs together with the line ends after it, on a run of indentation, and
/// on an ideograph. Long words and identifiers are cut about every seven letters. English prose comes out near four
/// and a half bytes a token, code near three and a half. The estimate is meant for budgets ("is this under 5,000?"):
/// expect it within a third of the truth.
pub fn estimate(text: &str) -> usize {
    let mut tokens = 0;
    let mut before = Class::Newline;
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        let kind = class(first);
        let (mut run, mut pieces, mut last) = (1_usize, 1_usize, first);
        while let Some(&next) = chars.peek() {
            // A capital inside a word begins a new piece of an identifier.
            if class(next) != kind || (kind == Class::Letters && next.is_ascii_uppercase() && run > 1) {
                break;
            }
            pieces += usize::from(next != last);
            run += 1;
            last = next;
            chars.next();
        }
        tokens += match kind {
            Class::Letters => run.div_ceil(7).min(1 + run / 5),
            Class::Digits => run.div_ceil(3),
            // One space belongs to the word after it.
            Class::Blank => usize::from(run > 1),
            Class::Newline => usize::from(before != Class::Sign),
            // Equal signs, as in a rule of hyphens, count as one for every sixteen.
            Class::Sign => pieces.div_ceil(3).max(run.div_ceil(16)),
            Class::Alphabet => run.div_ceil(2),
            Class::Ideograph => run,
        };
        before = kind;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_near_what_tokenizers_count() {
        // Well-known counts of a common byte-pair encoder; the estimate must be within a third.
        for (text, real) in [("The quick brown fox jumps over the lazy dog.", 10), ("Hello, world!", 4)] {
            let estimate = estimate(text);
            assert!(estimate.abs_diff(real) * 3 <= real, "{text:?}: {estimate}, real {real}");
        }
    }

    #[test]
    fn an_estimate_grows_with_the_text_and_never_exceeds_its_bytes() {
        assert_eq!(estimate(""), 0);
        let prose = "Use this skill when the user asks for a report about the quarter. ".repeat(100);
        let code = "fn main() {\n    println!(\"Hello, world!\");\n}\n".repeat(100);
        // Bytes a token, times 100.
        for (text, usual) in [(&prose, 350..=550), (&code, 250..=400)] {
            let per_token = text.len() * 100 / estimate(text);
            assert!(usual.contains(&per_token), "{per_token}");
        }
        for text in
            ["日本語のテキスト", "привет мир", "\u{1f600}\u{1f600}", "        x", "a_b_c", "====\n\n\n"]
        {
            let estimate = estimate(text);
            assert!(estimate > 0 && estimate <= text.len(), "{text:?}: {estimate}");
        }
    }
}
