//! Merges and compares any three texts; NUL bytes in the input separate them.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use skillsync_core::diff;
use skillsync_core::merge::{Labels, ShowBase, has_markers, texts};

/// A side may end with a carriage return, and a marker's line feed then follows it: both end a line here.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r'])
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let mut parts = input.splitn(3, '\0');
    let [base, ours, theirs] = [(); 3].map(|()| parts.next().unwrap_or_default());
    for show_base in [ShowBase::Yes, ShowBase::No] {
        let labels = Labels { ours: "ours", base: "base", theirs: "theirs", show_base };
        let merge = texts(base, ours, theirs, &labels);
        // Every written line is there: lines that neither the base nor the other side has.
        for (side, other) in [(ours, theirs), (theirs, ours)] {
            let known: HashSet<&str> = lines(base).chain(lines(other)).collect();
            let merged: HashSet<&str> = lines(&merge.text).collect();
            for line in lines(side).filter(|line| !known.contains(line)) {
                assert!(merged.contains(line), "lost: {line:?} in {:?}", merge.text);
            }
        }
        for region in &merge.conflicts {
            assert!(merge.text.contains(&region.ours) && merge.text.contains(&region.theirs));
        }
        assert!(merge.conflicts.is_empty() || has_markers(&merge.text));
        // Whoever merges the other way round sees the same conflicts.
        let turned = texts(base, theirs, ours, &labels);
        assert_eq!(turned.conflicts.len(), merge.conflicts.len());
        if merge.conflicts.is_empty() {
            assert_eq!(turned.text, merge.text);
        }
    }
    let patch = diff::unified("x", Some(ours), Some(theirs));
    assert_eq!(patch.is_empty(), ours == theirs);
});
