//! The hub as a site with open indexes: what everybody may have, at the paths and in the bytes of `wire`'s `wellknown`. The
//! indexes are made once for each state of the catalogue; files come out of the archives.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ArchiveDigest, ContentHash};
use skillsync_core::frontmatter;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, SKILL_MD, Tree};
use skillsync_wire::api::install::FileEntry;
use skillsync_wire::archive::Reader;
use skillsync_wire::limits::{INDEX_BYTES, INDEX_SKILLS};
use skillsync_wire::release::{Tarball, TarballFormat};
use skillsync_wire::wellknown::{Head, Offer, Resource, Site, Version};

use super::{App, Error};
use crate::blobs::{self, BlobKey, BlobStream};
use crate::db::OfferRow;
use crate::limits;

mod unpacked;

pub(super) use unpacked::Unpacked;

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

/// The site as it was when the catalogue was at its generation. It counts only while the database has that one.
#[derive(Debug, Default)]
pub(super) struct Shown {
    made: RwLock<Option<Arc<Made>>>,
    making: tokio::sync::Mutex<()>,
    unpacked: Unpacked,
}

#[derive(Debug)]
struct Made {
    generation: u64,
    site: Site,
    indexes: [(Version, Bytes); 2],
}

/// What is at one path of the site.
#[derive(Debug)]
pub struct Exhibit {
    /// What is said of it.
    pub head: Head,
    /// Its size.
    pub size_bytes: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Index(Bytes),
    Archive(ArchiveDigest),
    File { archive: ArchiveDigest, tree: ContentHash, path: SkillPath },
}

impl Exhibit {
    /// Whether it is a file that has to be taken out of an archive.
    pub fn is_file(&self) -> bool {
        matches!(self.place, Place::File { .. })
    }
}

/// The content of an [`Exhibit`].
#[derive(Debug)]
pub enum Shipment {
    /// From memory.
    Whole(Bytes),
    /// From the blobs.
    Stream(BlobStream),
}

impl App {
    /// What everybody may have at `path` of the site, decoded and without a slash in front. What is not public is not there.
    pub async fn exhibit(&self, path: &str) -> Result<Exhibit, Error> {
        let made = self.site().await?;
        let resource = made.site.find(path).ok_or(Error::NotInIndex)?;
        let (place, size_bytes) = match resource {
            Resource::Index(version) => {
                let index = made.indexes.iter().find(|(known, _)| *known == version);
                let index = index.map(|(_, index)| index.clone()).unwrap_or_default();
                let size_bytes = index.len() as u64;
                (Place::Index(index), size_bytes)
            }
            Resource::Archive { digest, size_bytes, .. } => (Place::Archive(digest), size_bytes),
            Resource::File { offer, path, file } => {
                let (archive, tree) = (offer.packed(), offer.tree.content_hash());
                (Place::File { archive, tree, path: path.clone() }, file.size_bytes)
            }
        };
        let index: &[u8] = if let Place::Index(index) = &place { index } else { &[] };
        Ok(Exhibit { head: Head::of(&resource, index), size_bytes, place })
    }

    /// The content of what is at a path.
    pub async fn shipment(&self, exhibit: Exhibit) -> Result<Shipment, Error> {
        match exhibit.place {
            Place::Index(index) => Ok(Shipment::Whole(index)),
            Place::Archive(digest) => {
                let stream = self.blobs.stream(&BlobKey::Tarball(digest)).await?;
                Ok(Shipment::Stream(stream.ok_or(Error::NotInIndex)?))
            }
            Place::File { archive, tree, path } => {
                let file = self.shown.unpacked.file(&self.blobs, archive, tree, &path).await?;
                Ok(Shipment::Whole(file.ok_or(Error::NotInIndex)?))
            }
        }
    }

    /// The site of the catalogue as it is now.
    async fn site(&self) -> Result<Arc<Made>, Error> {
        let generation = self.db.generation().await?;
        if let Some(made) = self.shown.at(generation) {
            return Ok(made);
        }
        let _making = self.shown.making.lock().await;
        // Somebody else may have made it meanwhile, and the catalogue may have changed again.
        let generation = self.db.generation().await?;
        if let Some(made) = self.shown.at(generation) {
            return Ok(made);
        }
        let offers = self.db.offers(INDEX_SKILLS, limits::SITE_BYTES).await?;
        let mut rows = offers.rows;
        for row in rows.iter_mut().filter(|row| row.offer_json.is_none()) {
            match self.look_into(row).await {
                // What is gone for good is left out below; what may come back must not be missed.
                Err(Error::DocumentNotFound | Error::Blobs(blobs::Error::Damaged { .. })) => {}
                looked => looked?,
            }
        }
        let job = tokio::task::spawn_blocking(move || made(offers.generation, rows));
        let (made, left_out) = job.await.map_err(|_| Error::CutOff)??;
        if offers.is_cut || left_out > 0 {
            tracing::warn!(skills = made.site.offers().len(), "an index holds no more: skills are left out");
        }
        let made = Arc::new(made);
        *self.shown.made.write().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
        Ok(made)
    }

    /// Notes what an index says of the releases that an older hub published, so that no caller waits for it. Their archives
    /// are read one by one.
    pub async fn look_into_offers(&self) -> Result<(), Error> {
        self.site().await.map(drop)
    }

    /// Finds in the archive of a release what an index says of it, and notes it.
    async fn look_into(&self, row: &mut OfferRow) -> Result<(), Error> {
        let key = BlobKey::Tarball(row.tarball_sha256);
        let archive = self.blobs.get(&key).await?;
        let archive = archive.ok_or(Error::DocumentNotFound)?;
        let said = tokio::task::spawn_blocking(move || {
            let mut reader = Reader::unknown(archive.as_ref());
            let mut description = String::new();
            for entry in &mut reader {
                let entry = entry.map_err(|_| unpacked::damaged(&key))?;
                if entry.path.as_str() == SKILL_MD {
                    let head = frontmatter::parse(&entry.bytes).ok();
                    description =
                        head.and_then(|head| head.description().map(str::to_owned)).unwrap_or_default();
                }
            }
            let found = reader.finish().map_err(|_| unpacked::damaged(&key))?;
            Ok::<_, Error>(Said::of(&description, &found.tree))
        });
        let said = said.await.map_err(|_| Error::CutOff)??.json()?;
        self.db.note_offer(&row.slug, row.seq, &said).await?;
        row.offer_json = Some(said);
        Ok(())
    }
}

impl Shown {
    /// What was made, if it is of this generation.
    fn at(&self, generation: u64) -> Option<Arc<Made>> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        made.as_ref().filter(|made| made.generation == generation).cloned()
    }
}

/// The site of these releases, and how many had no room in its indexes.
fn made(generation: u64, rows: Vec<OfferRow>) -> Result<(Made, usize), Error> {
    let (mut offers, mut damaged) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match offer(&row) {
            Some(offer) => offers.push(offer),
            None => damaged.push(row.slug),
        }
    }
    if let Some(first) = damaged.first() {
        tracing::error!(count = damaged.len(), %first, "what is stored of releases is damaged: they are left out");
    }
    let mut site = Site::new(offers, None).map_err(|_| Error::CutOff)?;
    let left_out = site.fit(INDEX_SKILLS, INDEX_BYTES);
    let indexes = Version::ALL.map(|version| (version, Bytes::from(site.index(version))));
    Ok((Made { generation, site, indexes }, left_out))
}

/// A release as an index has it; none where what is stored of it does not fit together.
fn offer(row: &OfferRow) -> Option<Offer> {
    let said: Said = serde_json::from_str(row.offer_json.as_deref()?).ok()?;
    let files: Vec<FileEntry> = serde_json::from_str(&row.files_json).ok()?;
    let files = files.into_iter().map(|entry| {
        let executable = said.executable.contains(&entry.path);
        let path = SkillPath::parse(&entry.path).ok()?;
        Some((path, File { digest: entry.sha256, size_bytes: entry.size, executable }))
    });
    let tree = Tree::new(files.collect::<Option<Vec<_>>>()?).ok()?;
    if tree.content_hash() != row.content_hash {
        return None;
    }
    let tarball = Tarball {
        format: TarballFormat::Sktar1Gzip,
        sha256: row.tarball_sha256,
        size_bytes: row.size_bytes,
        unpacked_bytes: tree.size_bytes(),
        files: tree.len() as u64,
    };
    let mut offer = Offer::new(row.slug.clone(), said.description, tree, &tarball);
    offer.version = Some(row.version.to_string());
    Some(offer)
}
