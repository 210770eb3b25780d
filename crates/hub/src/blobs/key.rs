//! What blobs there are: where each lies, what it is, how long it may be kept by others, how large it can be.

use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest, Hasher};
use skillsync_wire::limits::{ADVISORIES_BYTES, ARCHIVE_BYTES, RELEASE_BYTES, ROOT_BYTES};

/// Names a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlobKey {
    /// The archive of a release.
    Tarball(ArchiveDigest),
    /// A release statement in its envelope.
    Release(EnvelopeDigest),
    /// A root in its envelope, by its number.
    Root(u64),
    /// Advisories in their envelope, by their number.
    Advisories(u64),
}

const TARBALLS: &str = "blobs/sha256/";
const RELEASES: &str = "releases/sha256/";
const ROOTS: &str = "trust/root/";
const ADVISORIES: &str = "trust/advisories/";

impl BlobKey {
    /// Where it lies, below the folder or the bucket's prefix.
    pub fn path(&self) -> String {
        match self {
            BlobKey::Tarball(digest) => format!("{TARBALLS}{}", digest.hex()),
            BlobKey::Release(digest) => format!("{RELEASES}{}", digest.hex()),
            BlobKey::Root(number) => format!("{ROOTS}{number}.json"),
            BlobKey::Advisories(number) => format!("{ADVISORIES}{number}.json"),
        }
    }

    /// The blob that lies at `path`, if one can lie there.
    pub fn at(path: &str) -> Option<Self> {
        let number = |rest: &str| rest.strip_suffix(".json")?.parse::<u64>().ok();
        let key = if let Some(hex) = path.strip_prefix(TARBALLS) {
            BlobKey::Tarball(ArchiveDigest::from_hex(hex).ok()?)
        } else if let Some(hex) = path.strip_prefix(RELEASES) {
            BlobKey::Release(EnvelopeDigest::from_hex(hex).ok()?)
        } else if let Some(rest) = path.strip_prefix(ROOTS) {
            BlobKey::Root(number(rest)?)
        } else {
            BlobKey::Advisories(number(path.strip_prefix(ADVISORIES)?)?)
        };
        // One spelling: no leading zeros.
        (key.path() == path).then_some(key)
    }

    /// Its media type.
    pub fn content_type(&self) -> &'static str {
        match self {
            BlobKey::Tarball(_) => "application/gzip",
            BlobKey::Release(_) | BlobKey::Root(_) | BlobKey::Advisories(_) => {
                "application/vnd.skillsync.dsse+json"
            }
        }
    }

    /// How caches may keep it where everybody may have it: what never changes, for ever.
    pub fn cache_control(&self) -> &'static str {
        "public, max-age=31536000, immutable"
    }

    /// The most bytes it can have.
    pub fn limit_bytes(&self) -> u64 {
        match self {
            BlobKey::Tarball(_) => ARCHIVE_BYTES,
            BlobKey::Release(_) => RELEASE_BYTES as u64,
            BlobKey::Root(_) => ROOT_BYTES as u64,
            BlobKey::Advisories(_) => ADVISORIES_BYTES as u64,
        }
    }

    /// Whether `bytes` are this blob. A number says nothing of its bytes.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        self.fits_hashed(hasher)
    }

    /// Whether what was fed to `hasher` is this blob.
    pub(super) fn fits_hashed(&self, hasher: Hasher) -> bool {
        match self {
            BlobKey::Tarball(digest) => ArchiveDigest::from_hasher(hasher) == *digest,
            BlobKey::Release(digest) => EnvelopeDigest::from_hasher(hasher) == *digest,
            BlobKey::Root(_) | BlobKey::Advisories(_) => true,
        }
    }

    pub(super) fn is_named_by_content(&self) -> bool {
        matches!(self, BlobKey::Tarball(_) | BlobKey::Release(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_has_one_path_and_a_path_at_most_one_blob() {
        for key in [
            BlobKey::Tarball(ArchiveDigest::of(b"a")),
            BlobKey::Release(EnvelopeDigest::of(b"a")),
            BlobKey::Root(12),
            BlobKey::Advisories(1),
        ] {
            assert_eq!(BlobKey::at(&key.path()), Some(key));
        }
        let hex = ArchiveDigest::of(b"a").hex();
        for foreign in [
            "",
            "blobs/sha256/",
            &format!("blobs/sha256/{hex}#1"),
            &format!("blobs/sha256/{}", hex.to_uppercase()),
            &format!("blobs/{hex}"),
            &format!("/blobs/sha256/{hex}"),
            "trust/root/01.json",
            "trust/root/+1.json",
            "trust/root/1",
            "trust/other/1.json",
        ] {
            assert_eq!(BlobKey::at(foreign), None, "{foreign}");
        }
    }
}
