//! The newest manifest of each audience, so that several hubs give the same bytes for the same version. The list in it is
//! stored once for all who see the same.

use bytes::Bytes;
use jiff::Timestamp;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::text::Audience;

use super::engine::{on, writing};
use super::record::{self, int, ms};
use super::{Db, Error};
use crate::signer::pieces::{ListDigest, Pieces};

/// Which manifest a row is, and of which state of the catalogue it is known to be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The version of the manifest.
    pub version: u64,
    /// The generation of the catalogue; 0 once the key installed something since.
    pub generation: u64,
}

/// All that is known of a manifest but what it says: enough to tell somebody that it is the one they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestHead {
    /// Which manifest, and of which generation it is true.
    pub stamp: Stamp,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Until when it holds.
    pub expires_at: Timestamp,
    /// The digest of its envelope.
    pub sha256: EnvelopeDigest,
}

/// A signed manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestRow {
    /// To whom it speaks.
    pub audience: Audience,
    /// The epoch of the manifest role.
    pub epoch: u64,
    /// Which manifest, and of which generation it is true.
    pub stamp: Stamp,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Until when it holds.
    pub expires_at: Timestamp,
    /// The digest of its envelope.
    pub sha256: EnvelopeDigest,
    /// Its envelope.
    pub pieces: Pieces,
}

impl ManifestRow {
    /// Its head.
    pub fn head(&self) -> ManifestHead {
        let Self { stamp, issued_at, expires_at, sha256, .. } = *self;
        ManifestHead { stamp, issued_at, expires_at, sha256 }
    }
}

#[derive(sqlx::FromRow)]
struct Raw {
    epoch: i64,
    version: i64,
    generation: i64,
    issued_at: i64,
    expires_at: i64,
    sha256: Vec<u8>,
    head: Vec<u8>,
    list_sha256: Option<Vec<u8>>,
    tail: Vec<u8>,
}

impl Db {
    /// The newest manifest of an audience.
    pub async fn manifest(&self, audience: &Audience) -> Result<Option<ManifestRow>, Error> {
        let raw: Option<Raw> = on!(self, |conn| {
            let row = sqlx::query_as(
                "select epoch, version, generation, issued_at, expires_at, sha256, head, list_sha256, tail \
                 from manifests where audience = $1",
            )
            .bind(audience.as_str())
            .fetch_optional(&mut *conn)
            .await?;
            Ok::<_, Error>(row)
        })?;
        let Some(raw) = raw else { return Ok(None) };
        let list = raw.list_sha256.map(|list| record::bytes32("list_sha256", list)).transpose()?;
        Ok(Some(ManifestRow {
            audience: audience.clone(),
            epoch: record::count("epoch", raw.epoch)?,
            stamp: Stamp {
                version: record::count("version", raw.version)?,
                generation: record::count("generation", raw.generation)?,
            },
            issued_at: record::moment("issued_at", raw.issued_at)?,
            expires_at: record::moment("expires_at", raw.expires_at)?,
            sha256: record::envelope(raw.sha256)?,
            pieces: Pieces {
                head: raw.head.into(),
                list: list.map(ListDigest::from_bytes),
                tail: raw.tail.into(),
            },
        }))
    }

    /// The list with this digest; none once no manifest has it any more.
    pub async fn manifest_list(&self, digest: &ListDigest) -> Result<Option<Bytes>, Error> {
        let text: Option<Vec<u8>> = on!(self, |conn| {
            let text = sqlx::query_scalar("select text from manifest_lists where sha256 = $1")
                .bind(&digest.as_bytes()[..])
                .fetch_optional(&mut *conn)
                .await?;
            Ok::<_, Error>(text)
        })?;
        Ok(text.map(Bytes::from))
    }

    /// Stores a new manifest, and `list` if it is the first with it, in the place of the one with the stamp `expected`, or as
    /// the first where none is. False, and nothing done, when there is another one by now or the stamp moved: read again,
    /// what it is made of too.
    pub async fn put_manifest(
        &self,
        expected: Option<Stamp>,
        row: &ManifestRow,
        list: Option<&Bytes>,
    ) -> Result<bool, Error> {
        let list_sha256 = row.pieces.list.as_ref().map(|list| &list.as_bytes()[..]);
        let put = writing!(self, |conn| {
            if let (Some(sha256), Some(list)) = (list_sha256, list) {
                let known: Option<i64> =
                    sqlx::query_scalar("select stored_at from manifest_lists where sha256 = $1")
                        .bind(sha256)
                        .fetch_optional(&mut *conn)
                        .await?;
                if known.is_none() {
                    sqlx::query(
                        "insert into manifest_lists (sha256, text, stored_at) values ($1, $2, $3) on conflict do nothing",
                    )
                    .bind(sha256)
                    .bind(&list[..])
                    .bind(ms(row.issued_at))
                    .execute(&mut *conn)
                    .await?;
                }
            }
            let query = match expected {
                None => {
                    "insert into manifests (audience, epoch, version, generation, issued_at, expires_at, sha256, head, \
                     list_sha256, tail) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing"
                }
                Some(_) => {
                    "update manifests set epoch = $2, version = $3, generation = $4, issued_at = $5, expires_at = $6, \
                     sha256 = $7, head = $8, list_sha256 = $9, tail = $10 \
                     where audience = $1 and version = $11 and generation = $12"
                }
            };
            let query = sqlx::query(query)
                .bind(row.audience.as_str())
                .bind(int(row.epoch))
                .bind(int(row.stamp.version))
                .bind(int(row.stamp.generation))
                .bind(ms(row.issued_at))
                .bind(ms(row.expires_at))
                .bind(&row.sha256.as_bytes()[..])
                .bind(&row.pieces.head[..])
                .bind(list_sha256)
                .bind(&row.pieces.tail[..]);
            let query = match expected {
                None => query,
                Some(stamp) => query.bind(int(stamp.version)).bind(int(stamp.generation)),
            };
            Ok::<_, Error>(query.execute(&mut *conn).await?.rows_affected() == 1)
        });
        match put {
            // The list was found, and cleared before the manifest named it.
            Err(Error::Dangling { .. }) => Ok(false),
            put => put,
        }
    }

    /// Deletes the lists that no manifest has any more and that were stored before `before`; gives how many.
    pub async fn clear_manifest_lists(&self, before: Timestamp) -> Result<u64, Error> {
        let cleared = writing!(self, |conn| {
            let done = sqlx::query(
                "delete from manifest_lists where stored_at < $1 \
                 and not exists (select 1 from manifests where list_sha256 = manifest_lists.sha256)",
            )
            .bind(ms(before))
            .execute(&mut *conn)
            .await?;
            Ok::<_, Error>(done.rows_affected())
        });
        match cleared {
            // Somebody began to use one of them at this moment: they are looked at again the next time.
            Err(Error::Dangling { .. }) => Ok(0),
            cleared => cleared,
        }
    }

    /// Notes that the manifest with the stamp `expected` is true of `generation`, too. False, and nothing done, when there is
    /// another one by now or the stamp moved.
    pub async fn restamp_manifest(
        &self,
        audience: &Audience,
        expected: Stamp,
        generation: u64,
    ) -> Result<bool, Error> {
        writing!(self, |conn| {
            let done = sqlx::query(
                "update manifests set generation = $4 where audience = $1 and version = $2 and generation = $3",
            )
            .bind(audience.as_str())
            .bind(int(expected.version))
            .bind(int(expected.generation))
            .bind(int(generation))
            .execute(&mut *conn)
            .await?;
            Ok::<_, Error>(done.rows_affected() == 1)
        })
    }
}
