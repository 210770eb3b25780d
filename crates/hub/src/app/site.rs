//! The hub as a site with open indexes: what everybody may have, at the paths and in the bytes of `wire`'s `wellknown`. The
//! indexes are made once for each state of the catalogue; files come out of the archives.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ArchiveDigest, ContentHash};
use skillsync_core::path::SkillPath;
use skillsync_core::tree::Tree;
use skillsync_wire::wellknown::{Head, Resource};

use super::together::Generation;
use super::{App, Error};
use crate::blobs::{self, BlobKey, BlobStream};

mod damaged;
mod indexes;
mod left_out;
mod looked_into;
mod making;
mod unpacked;

use damaged::damaged;
pub use indexes::Index;
use making::{Made, Showcase};
use unpacked::Unpacked;

/// What an index says of a release beside its files: all that is not in the other columns of its row.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Said {
    description: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    executable: BTreeSet<String>,
}

impl Said {
    /// Of a release with these files.
    pub(super) fn of(description: &str, tree: &Tree) -> Self {
        let executable = tree.files().filter(|(_, file)| file.executable);
        Self {
            description: description.to_owned(),
            executable: executable.map(|(path, _)| path.to_string()).collect(),
        }
    }

    /// For the database.
    pub(super) fn json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|_| Error::CutOff)
    }
}

/// What this process shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    generation: Generation,
    showcase: Arc<Showcase>,
    unpacked: Unpacked,
}

/// What is at one path of the site.
#[derive(Debug)]
pub struct Exhibit {
    /// What is said of it.
    pub head: Head,
    /// Its size.
    pub size_bytes: u64,
    content: Content,
}

/// Where the bytes of an [`Exhibit`] are.
#[derive(Debug)]
enum Content {
    Index(Arc<Index>),
    Archive(ArchiveDigest),
    File { archive: ArchiveDigest, tree: ContentHash, path: SkillPath },
}

impl Exhibit {
    /// Whether it is an archive.
    pub fn is_archive(&self) -> bool {
        matches!(self.content, Content::Archive(_))
    }

    /// Whether it is a file that has to be taken out of an archive.
    pub fn is_file(&self) -> bool {
        matches!(self.content, Content::File { .. })
    }
}

/// The content of an [`Exhibit`].
#[derive(Debug)]
pub enum Shipment {
    /// A file, from memory.
    Whole(Bytes),
    /// From memory, where it may give way to newer ones while it is sent.
    Index(Arc<Index>),
    /// From the blobs.
    Stream(BlobStream),
    /// It lies in an archive that is not unpacked, and too much else is being unpacked.
    Busy,
}

impl App {
    /// What everybody may have at `path` of the site, decoded and without a slash in front. What is not public is not there.
    pub async fn exhibit(&self, path: &str) -> Result<Exhibit, Error> {
        let made = self.site().await?;
        let resource = made.site.find(path).ok_or(Error::NotInIndex)?;
        let head = Head::of(&resource, |version| made.index(version).digest());
        let (content, size_bytes) = match resource {
            Resource::Index(version) => {
                let index = made.index(version);
                (Content::Index(index.clone()), index.size_bytes() as u64)
            }
            Resource::Archive { digest, size_bytes, .. } => (Content::Archive(digest), size_bytes),
            Resource::File { offer, path, file } => {
                let (archive, tree) = (offer.packed(), offer.tree.content_hash());
                (Content::File { archive, tree, path: path.clone() }, file.size_bytes)
            }
        };
        Ok(Exhibit { head, size_bytes, content })
    }

    /// The content of what is at a path. Where an archive has to be unpacked for it, `may_begin` gives what is held until that
    /// is done; none where it may not be begun now. Fails where the archive is lost or damaged: the index named it, so that it
    /// is the hub's trouble.
    pub async fn shipment<G: Send + 'static>(
        &self,
        exhibit: Exhibit,
        may_begin: impl FnOnce() -> Option<G>,
    ) -> Result<Shipment, Error> {
        match exhibit.content {
            Content::Index(index) => Ok(Shipment::Index(index)),
            Content::Archive(digest) => {
                let key = BlobKey::Tarball(digest);
                let stream = self.blobs.stream(&key).await?;
                let stream = stream.ok_or_else(|| blobs::Error::Lost { path: key.path() })?;
                if stream.size_bytes != exhibit.size_bytes {
                    return Err(damaged(digest));
                }
                Ok(Shipment::Stream(stream))
            }
            Content::File { archive, tree, path } => {
                let (unpacked, now) = (&self.shown.unpacked, self.clock.timestamp());
                let file = unpacked.file(&self.blobs, (archive, tree), &path, now, may_begin).await?;
                Ok(file.map_or(Shipment::Busy, Shipment::Whole))
            }
        }
    }

    /// The site of the catalogue as it is now, or as it was at some time after this was called.
    async fn site(&self) -> Result<Arc<Made>, Error> {
        let generation = self.shown.generation.now(&self.db).await?;
        let now = self.clock.timestamp();
        if let Some(made) = self.shown.showcase.at(generation, now) {
            return Ok(made);
        }
        let made = self.shown.showcase.making(&self.db, &self.blobs, &self.clock).outcome().await?;
        if made.generation >= generation {
            return Ok(made);
        }
        // It was begun before the catalogue changed; one that begins now was not.
        self.shown.showcase.making(&self.db, &self.blobs, &self.clock).outcome().await
    }

    /// Notes what an index says of the releases that an older hub published, so that no caller waits for it. Their archives
    /// are read one by one.
    pub async fn look_into_offers(&self) -> Result<(), Error> {
        self.site().await.map(drop)
    }
}
