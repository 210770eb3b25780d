//! Reads any bytes as a `SKILL.md`, checks it, renames it, and puts a footer under it and takes it off again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skillsync_core::footer::{self, Settings};
use skillsync_core::frontmatter::{self, Finding};
use skillsync_core::name::SkillName;
use skillsync_core::tokens;

fuzz_target!(|bytes: &[u8]| {
    let name = SkillName::parse("fuzzed-name").expect("it follows the rule");
    match frontmatter::parse(bytes) {
        Ok(skill) => {
            assert!(skill.body_offset <= bytes.len());
            frontmatter::check(&skill, bytes, Some("folder"));
            frontmatter::loadable(&skill);
            if let Some(renamed) = frontmatter::with_name(bytes, &name) {
                let again = frontmatter::parse(&renamed).expect("what we wrote can be read");
                assert_eq!(again.name(), Some(name.as_str()));
                assert_eq!(renamed[again.body_offset..], bytes[skill.body_offset..]);
            }
        }
        Err(error) => assert!(!Finding::from(&error).message.contains('\u{1b}')),
    }

    if let Ok(text) = std::str::from_utf8(bytes) {
        tokens::estimate(text);
        let composed = frontmatter::compose(&name, text);
        // Only a description that is itself too large may make it unreadable.
        let read = frontmatter::parse(composed.as_bytes());
        assert!(read.is_ok() || bytes.len() > 8 * 1024, "{read:?}");
    }

    let text = footer::text(&name, &Settings::default()).expect("observation is on by default");
    let stripped = footer::strip(bytes);
    assert_eq!(footer::strip(&footer::inject(bytes, &text)), stripped);
    assert_eq!(footer::strip(&stripped), stripped);
});
