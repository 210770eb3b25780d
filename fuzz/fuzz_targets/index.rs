//! Reads any bytes as an open index and as an archive that somebody packed. What is read keeps the rules that whoever
//! fetches and unpacks it relies on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skillsync_core::limits::{SKILL_BYTES, SKILL_FILES};
use skillsync_wire::foreign;
use skillsync_wire::wellknown::{Content, Index, resolve};

fuzz_target!(|bytes: &[u8]| {
    match Index::parse(bytes) {
        Ok(index) => {
            assert!(index.entries.windows(2).all(|pair| pair[0].name < pair[1].name), "sorted, none twice");
            for entry in &index.entries {
                match &entry.content {
                    Content::Files { files, .. } => {
                        assert!(files.iter().any(|file| file.path.as_str() == "SKILL.md"));
                        assert!(files.len() <= SKILL_FILES);
                    }
                    Content::Artifact { url, .. } => {
                        let address = resolve("https://h.example/.well-known/agent-skills/index.json", url);
                        assert!(address.is_some_and(|address| address.starts_with("http")));
                    }
                }
            }
            assert!(index.bad.iter().all(|bad| !bad.problem.chars().any(char::is_control)), "{:?}", index.bad);
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
    if let Ok(entries) = foreign::unpack(bytes) {
        assert!(entries.windows(2).all(|pair| pair[0].path < pair[1].path), "sorted, none twice");
        assert!(entries.len() <= SKILL_FILES);
        assert!(entries.iter().map(|entry| entry.bytes.len() as u64).sum::<u64>() <= SKILL_BYTES);
    }
});
