//! Which of the known words a mistyped one was meant to be.

/// Longest word that is compared: the cost grows with its square.
const LONGEST: usize = 64;

/// The positions of those of `known` that `word` is most likely a slip of: all that are equally near, in order.
///
/// Near means: at most a third of the word's characters, and at least one, are wrong, missing, too many or swapped
/// with their neighbour. Where nothing is so near, the word is a beginning, of three characters or more.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let word: Vec<char> = word.chars().take(LONGEST + 1).collect();
    if word.is_empty() || word.len() > LONGEST {
        return Vec::new();
    }
    let allowed = (word.len() / 3).max(1);
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (index, text) in known.into_iter().enumerate() {
        let text: Vec<char> = text.chars().collect();
        if word.len() >= 3 && text.starts_with(&word) {
            found.push((allowed + 1, index));
        }
        if text.len().abs_diff(word.len()) <= allowed {
            let slips = distance(&word, &text);
            if slips <= allowed && slips < word.len() {
                found.push((slips, index));
            }
        }
    }
    let least = found.iter().map(|(slips, _)| *slips).min();
    found.into_iter().filter(|(slips, _)| Some(*slips) == least).map(|(_, index)| index).collect()
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours, each counting one.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = above[j] + usize::from(a[i] != b[j]);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        let check = |a: &str, b: &str, slips: usize| {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            assert_eq!(distance(&a, &b), slips, "{a:?} {b:?}");
            assert_eq!(distance(&b, &a), slips, "{b:?} {a:?}");
        };
        check("", "", 0);
        check("", "abc", 3);
        check("codex", "codex", 0);
        check("codxe", "codex", 1);
        check("cdex", "codex", 1);
        check("kitten", "sitting", 3);
        check("é", "e", 1);
    }

    #[test]
    fn only_the_nearest_are_meant() {
        let known = ["codex", "code", "crush", "github-copilot", "fx"];
        let check = |word: &str, near: &[usize]| assert_eq!(nearest(word, known), near, "{word}");
        check("codxe", &[0, 1]);
        check("coddex", &[0]);
        check("codx", &[0, 1]);
        check("github", &[3]);
        check("gi", &[]);
        check("fz", &[4]);
        check("f", &[]);
        check("", &[]);
        check("zebra", &[]);
        check(&"a".repeat(10_000), &[]);
    }
}
