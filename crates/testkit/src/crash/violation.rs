//! Things that do not hold, gathered and put into words. What they are is for `crash`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A failing case shows so many violations in full.
const SHOWN_VIOLATIONS: usize = 4;

/// Something that does not hold.
#[derive(Debug)]
pub(super) struct Violation {
    /// What, with the home as `~`, so that equal ones are known.
    pub(super) why: String,
    /// The fault and where.
    pub(super) place: String,
    /// All there is to say of it.
    pub(super) text: String,
}

/// One paragraph for each thing that does not hold, with every point where, then the first of each in full.
pub(super) fn in_words(violations: Vec<Violation>) -> String {
    let mut kinds = BTreeMap::<String, Vec<Violation>>::new();
    for violation in violations {
        let mut head: String = violation.why.lines().take(3).collect::<Vec<_>>().join("\n  ");
        // Times, counters and process ids in names make one thing look like many.
        head.retain(|c| !c.is_ascii_digit());
        kinds.entry(head).or_default().push(violation);
    }
    let mut kinds: Vec<Vec<Violation>> = kinds.into_values().collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.len()));
    let mut out = String::new();
    for kind in &kinds {
        let places: Vec<&str> = kind.iter().map(|v| v.place.as_str()).collect();
        let why = kind[0].why.lines().take(3).collect::<Vec<_>>().join("\n  ");
        let _ = writeln!(out, "{} times: {why}\n  {}\n", kind.len(), places.join(", "));
    }
    let firsts = kinds.iter().filter_map(|kind| kind.first()).filter(|v| !v.text.is_empty());
    for violation in firsts.take(SHOWN_VIOLATIONS) {
        let _ = writeln!(out, "{}\n", violation.text);
    }
    out
}
