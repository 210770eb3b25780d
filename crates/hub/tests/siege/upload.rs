//! Uploads: skills packed as clients pack them, and put into a form, well or badly.

use serde_json::{Value, json};
use skillsync_core::digest::FileDigest;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_testkit::Hub;
use skillsync_testkit::hub::Answered;
use skillsync_testkit::web::Asked;
use skillsync_wire::archive;

/// The boundary of the form.
pub(crate) const BOUNDARY: &str = "sk1llsync";

/// An upload.
pub(crate) struct Upload {
    pub(crate) said: Value,
    pub(crate) archive: Vec<u8>,
}

impl Upload {
    /// A public skill with this text in it.
    pub(crate) fn of(slug: &str, version: &str, text: &str) -> Self {
        Self {
            said: json!({ "slug": slug, "version": version, "visibility": "public" }),
            archive: skill(slug, text),
        }
    }

    /// The body of the form.
    pub(crate) fn body(&self) -> Vec<u8> {
        form(&[("announcement", self.said.to_string().as_bytes()), ("archive", &self.archive)])
    }

    /// Publishes it. None where the hub went away.
    pub(crate) fn try_to(&self, hub: &Hub, key: &str) -> Option<Answered> {
        let asked = Asked {
            method: "POST".to_owned(),
            path: "/api/skills/publish".to_owned(),
            headers: vec![
                ("x-api-key".to_owned(), key.to_owned()),
                ("content-type".to_owned(), format!("multipart/form-data; boundary={BOUNDARY}")),
            ],
            body: self.body(),
        };
        skillsync_testkit::hub::pass(hub.url().strip_prefix("http://").unwrap(), &asked).ok()
    }

    /// Publishes it.
    #[track_caller]
    pub(crate) fn to(&self, hub: &Hub, key: &str) -> Answered {
        self.try_to(hub, key).unwrap_or_else(|| panic!("no answer:\n{}", hub.log()))
    }
}

/// A form with these parts.
pub(crate) fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

/// The request that sends this as a form.
pub(crate) fn request(key: &str, body: &[u8]) -> Vec<u8> {
    let head = super::line::head(
        "POST",
        "/api/skills/publish",
        &[
            &format!("x-api-key: {key}"),
            &format!("content-type: multipart/form-data; boundary={BOUNDARY}"),
            &format!("content-length: {}", body.len()),
        ],
    );
    [head.as_bytes(), body].concat()
}

/// The archive of a good skill.
pub(crate) fn skill(slug: &str, text: &str) -> Vec<u8> {
    let skill_md = format!(
        "---\nname: {slug}\ndescription: Knows {slug}. Use it for {slug}.\n---\n# {slug}\n\n{text}\n"
    );
    pack(&[("SKILL.md", skill_md.as_bytes())])
}

/// The archive of these files.
pub(crate) fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
    let file = |bytes: &[u8]| File {
        digest: FileDigest::of(bytes),
        size_bytes: bytes.len() as u64,
        executable: false,
    };
    let tree = files.iter().map(|(path, bytes)| (SkillPath::parse(path).unwrap(), file(bytes)));
    let bytes_of = |path: &SkillPath| {
        let found = files.iter().find(|(name, _)| *name == path.as_str());
        Ok::<_, std::io::Error>(found.unwrap().1.to_vec())
    };
    archive::pack(&Tree::new(tree).unwrap(), bytes_of).unwrap().bytes
}
