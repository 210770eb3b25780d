//! What `docs/commands.md` says of the JSON of each command, for comparing it with what the program prints.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The top-level keys that the page names for a command: of its paragraph `JSON:`, or `JSON of FORM:`. Panics where the
/// page has none.
#[must_use]
pub fn documented(command: &str, form: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    let page = fs::read_to_string(&path).unwrap_or_default();
    let section = page.split("\n### ").find(|section| section.lines().next() == Some(command));
    let section = section.unwrap_or_else(|| panic!("the page has no section {command}"));
    let head = if form.is_empty() { "\nJSON:".to_owned() } else { format!("\nJSON of {form}:") };
    let text = section.split(&head).nth(1).unwrap_or_else(|| panic!("{command}: no `{}`", head.trim()));
    let text = text.split("\n\n").next().unwrap_or_default();
    first_names(text)
}

/// The words in backticks of the first sentence that stand in no brackets.
fn first_names(text: &str) -> BTreeSet<String> {
    let (mut depth, mut names) = (0, BTreeSet::new());
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            if depth == 0 {
                names.insert(part.to_owned());
            }
            continue;
        }
        for c in part.chars() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '.' if depth == 0 => return names,
                _ => {}
            }
        }
    }
    names
}

/// The keys of a document.
#[must_use]
pub fn keys(document: &Value) -> BTreeSet<String> {
    document.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_to_the_end_of_its_first_sentence() {
        let names = first_names(" `a`, `b` (`c`: `d`. `e`), `f`. `g` is a path.");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b", "f"]);
    }
}
