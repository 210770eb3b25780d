//! What a hub told as published, and whether all of it is there.

use sha2::{Digest as _, Sha256};
use skillsync_testkit::Hub;
use skillsync_testkit::hub::Answered;

use super::Upload;

/// Releases that were told as published: skill, version, archive.
#[derive(Debug, Default)]
pub(crate) struct Told(Vec<(String, String, Vec<u8>)>);

impl Told {
    /// Notes an upload that must have been taken.
    #[track_caller]
    pub(crate) fn note(&mut self, upload: &Upload, answered: &Answered) {
        assert!([200, 201].contains(&answered.status), "{}", String::from_utf8_lossy(&answered.body));
        let reply = answered.json();
        let text = |name: &str| reply[name].as_str().unwrap().to_owned();
        self.0.push((text("slug"), text("version"), upload.archive.clone()));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Panics unless each of them is there, and each version that is listed is whole: its archive, its statement.
    #[track_caller]
    pub(crate) fn is_whole(&self, hub: &Hub) {
        let mut slugs: Vec<&String> = self.0.iter().map(|(slug, ..)| slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        self.are_whole(hub, &slugs);
    }

    /// The same for the skills that were told last.
    #[track_caller]
    pub(crate) fn newest_is_whole(&self, hub: &Hub) {
        let mut slugs: Vec<&String> = self.0.iter().rev().take(5).map(|(slug, ..)| slug).collect();
        slugs.dedup();
        self.are_whole(hub, &slugs);
    }

    fn are_whole(&self, hub: &Hub, slugs: &[&String]) {
        for slug in slugs {
            let listed = hub.ask("GET", &format!("/api/skills/{slug}/versions"), None, None).json();
            let listed = listed["versions"].as_array().unwrap_or_else(|| panic!("{slug}: {listed}")).clone();
            let sequence: Vec<u64> = listed.iter().map(|version| version["seq"].as_u64().unwrap()).collect();
            assert!(sequence.windows(2).all(|pair| pair[0] == pair[1] + 1), "a gap: {sequence:?}");
            let mut archives = Vec::new();
            for version in &listed {
                for (field, path) in [("checksum_sha256", "blobs"), ("release", "releases")] {
                    let digest = version[field].as_str().unwrap();
                    let answered = hub.ask("GET", &format!("/cdn/{path}/sha256/{digest}"), None, None);
                    assert_eq!(answered.status, 200, "{slug} {version}");
                    assert_eq!(hex::encode(Sha256::digest(&answered.body)), digest, "{slug} {version}");
                    if path == "blobs" {
                        archives.push((version["version"].as_str().unwrap().to_owned(), answered.body));
                    }
                }
            }
            for (_, version, archive) in self.0.iter().filter(|(told, ..)| told == *slug) {
                let there = archives.iter().find(|(there, _)| there == version);
                let (_, bytes) = there.unwrap_or_else(|| panic!("{slug} {version} is lost: {listed:?}"));
                assert_eq!(bytes, archive, "{slug} {version}");
            }
            let manifest = hub.ask("GET", "/api/skills/manifest", Some(hub.admin_key()), None);
            // Where nothing can be written, no new one can be made.
            if manifest.status == 507 {
                continue;
            }
            let manifest = super::payload_of(&manifest.body);
            let entry =
                manifest["skills"].as_array().unwrap().iter().find(|entry| entry["slug"] == ***slug).unwrap();
            assert_eq!(entry["seq"].as_u64(), sequence.first().copied(), "{manifest}");
        }
    }
}
