//! What a server says of what it serves: its type, what names this edition, how long it may be kept.

use skillsync_core::digest::FileDigest;
use skillsync_core::path::fold;

use super::Version;
use super::site::Resource;

/// The headers of an answer, for `GET` and `HEAD` alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The SHA-256 of the bytes in hex. In quotes it is the `ETag`, which is the same from every server.
    pub hex: String,
    /// `Cache-Control`. An address outlives what is there, and an index that was kept for longer than what it names, or for
    /// less long, would have other digests: whoever keeps anything asks each time whether it still holds.
    pub cache_control: &'static str,
}

/// Beside those of [`Head`], for every answer: any page may read what is public and what names its edition, and no browser
/// may take a text of a skill for a page of the site.
pub const HEADERS: [(&str, &str); 3] = [
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "etag"),
    ("x-content-type-options", "nosniff"),
];

impl Head {
    /// Of `resource`; `index` gives the digest of an index.
    pub fn of(resource: &Resource<'_>, index: impl FnOnce(Version) -> FileDigest) -> Self {
        let (content_type, hex) = match resource {
            Resource::Index(version) => ("application/json", index(*version).hex()),
            Resource::File { path, file, .. } => (content_type(path.as_str()), file.digest.hex()),
            Resource::Archive { digest, .. } => ("application/gzip", digest.hex()),
        };
        Self { content_type, hex, cache_control: "public, no-cache" }
    }
}

/// The type of a file of a skill, by its name. Nothing that a browser would run: a skill may come from anybody, and is
/// served beside pages that people are signed in to.
pub fn content_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map(|(_, extension)| fold(extension)).unwrap_or_default();
    match &*extension {
        "md" | "markdown" => "text/markdown; charset=utf-8",
        "json" => "application/json",
        "gz" | "tgz" => "application/gzip",
        "zip" => "application/zip",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "csv" => "text/csv; charset=utf-8",
        "txt" | "sh" | "bash" | "zsh" | "py" | "rb" | "js" | "mjs" | "cjs" | "ts" | "tsx" | "jsx" | "rs"
        | "go" | "c" | "h" | "java" | "toml" | "yaml" | "yml" | "html" | "htm" | "xml" | "svg" | "css"
        | "sql" | "ini" | "cfg" | "ps1" | "xsd" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
