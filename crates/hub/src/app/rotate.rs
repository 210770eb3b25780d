//! A key replaced: the next root says so, signed by the root keys, which only this needs. Whoever is killed here does it
//! again and goes on; clients see the old root or the new one, with everything that belongs to it.

use std::collections::HashMap;

use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::name::SkillName;
use skillsync_wire::envelope::{Signed, Signers};
use skillsync_wire::key::SecretKey;
use skillsync_wire::release::Release;
use skillsync_wire::root::Root;

use super::{Error, advisories, shelf};
use crate::blobs::{BlobKey, Blobs};
use crate::clock::Clock;
use crate::db::{Db, NextRoot, NextStatement, StatementRow};
use crate::keys::{KeyDir, Role};
use crate::limits;
use crate::signer::roots::{Change, ROOT_KEYS, successor};
use crate::signer::{Issued, Releases, read_own, read_own_root, signature_of};

/// How many statements are read and staged at a time.
const BATCH: u32 = 200;

/// Which keys are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// The three root keys.
    Root,
    /// The release key: every statement that still counts is signed again.
    Release,
    /// The manifest key.
    Manifest,
}

/// What a rotation did.
#[derive(Debug)]
pub struct Rotated {
    /// The version of the new root.
    pub root_version: u64,
    /// The files of the new keys.
    pub files: Vec<String>,
    /// How many release statements were signed again.
    pub statements: u64,
    /// What could not be put into the blobs, and why. A running hub that finds the root does it, and so does every start.
    pub missing: Vec<(BlobKey, Error)>,
}

/// What a rotation needs of a hub. Not a hub at work: a key that is replaced may be lost.
#[derive(Debug)]
pub struct Rotation {
    /// The database.
    pub db: Db,
    /// The blobs.
    pub blobs: Blobs,
    /// The keys that serve.
    pub keys: KeyDir,
    /// The root keys, which may lie elsewhere.
    pub root_keys: KeyDir,
    /// The time.
    pub clock: Clock,
}

impl Rotation {
    /// Replaces keys. Enough root keys of the newest root must be there; new ones are put beside them.
    pub async fn replace(&self, what: Replace) -> Result<Rotated, Error> {
        let _held = self.keys.hold().await?;
        let (version, envelope) = self.db.last_root().await?.ok_or(Error::NotFounded)?;
        let before = read_own_root(&envelope)?;
        let old = self.root_keys.signing_root(&before)?;
        let next = version + 1;
        // Named by the root that brings them in: whoever is killed below finds them and goes on.
        let names = match what {
            Replace::Root => (1..=ROOT_KEYS).map(|number| format!("root-r{next}-{number}")).collect(),
            Replace::Release => vec![format!("release-r{next}")],
            Replace::Manifest => vec![format!("manifest-r{next}")],
        };
        let (dir, role) = match what {
            Replace::Root => (&self.root_keys, Role::Root),
            Replace::Release => (&self.keys, Role::Release),
            Replace::Manifest => (&self.keys, Role::Manifest),
        };
        let new = names.iter().map(|name| dir.ensure(role, name)).collect::<Result<Vec<SecretKey>, _>>()?;
        let change = match what {
            Replace::Root => Change::Root(&new),
            Replace::Release => Change::Release(&new[0]),
            Replace::Manifest => Change::Manifest(&new[0]),
        };
        let (root, issued) = successor(&before, self.clock.now(), &change, &old)?;
        let statements = match what {
            Replace::Release => self.put_release_root(&root, &issued, &before).await?,
            Replace::Root | Replace::Manifest => self.put_root(next, &issued).await?,
        };
        // What the database took, be it this or the one of who was faster. It is in force by now, whatever happens here.
        let mut missing = Vec::new();
        let advisories = self.db.last_advisories().await.ok().flatten();
        let advisories = advisories.map(|last| BlobKey::Advisories(last.version));
        for key in [Some(BlobKey::Root(next)), advisories].into_iter().flatten() {
            if let Err(error) = shelf::put(&self.db, &self.blobs, &key).await {
                missing.push((key, error));
            }
        }
        let statements = statements.ok_or(Error::Raced)?;
        let files = names.iter().map(|name| dir.file(name).display().to_string()).collect();
        Ok(Rotated { root_version: next, files, statements, missing })
    }

    /// Puts a root that needs no statement signed again; none when somebody else was faster.
    async fn put_root(&self, version: u64, issued: &Issued) -> Result<Option<u64>, Error> {
        for _ in 0..limits::RACE_TRIES {
            match self.db.put_root(version, &issued.envelope).await {
                Err(error) if error.is_race() => {}
                put => return Ok(put?.then_some(0)),
            }
        }
        Ok(None)
    }

    /// Signs again what the old release key signed, and puts it in its place together with the root. Gives how many
    /// statements that were; none when somebody else was always faster.
    async fn put_release_root(
        &self,
        next_root: &Root,
        issued: &Issued,
        before: &Root,
    ) -> Result<Option<u64>, Error> {
        let signer = Releases::open(next_root, &self.keys)?;
        let old = before.release_signers().map_err(crate::signer::Error::from)?;
        for _ in 0..limits::RACE_TRIES {
            // What is published or revoked from here on makes the last step fail, and all is done again.
            let generation = self.db.generation().await?;
            let count = self.stage_statements(&signer, &old).await?;
            let restrictions = self.db.restrictions().await?;
            let advisories = advisories::next(&signer, &restrictions, self.clock.now())?;
            let next = NextRoot { version: next_root.version, envelope: &issued.envelope, generation };
            match self.db.put_release_root(&next, &advisories).await {
                Ok(true) => return Ok(Some(count)),
                Ok(false) => {}
                Err(error) if error.is_race() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    async fn stage_statements(&self, signer: &Releases, old: &Signers) -> Result<u64, Error> {
        self.db.unstage_statements().await?;
        let (mut after, mut count): (Option<(SkillName, u64)>, u64) = (None, 0);
        // The digest that the newest release of each skill has from now on: the next one follows it.
        let mut chain: HashMap<SkillName, EnvelopeDigest> = HashMap::new();
        loop {
            let rows = self.db.statements(after.as_ref().map(|(slug, seq)| (slug, *seq)), BATCH).await?;
            let Some(last) = rows.last() else { return Ok(count) };
            after = Some((last.slug.clone(), last.seq));
            let mut staged = Vec::new();
            for row in rows {
                // What is revoked keeps the statement by which clients know it as such.
                if row.revoked {
                    chain.insert(row.slug, row.release_sha256);
                    continue;
                }
                let next = self.sign_again(signer, old, &row, chain.get(&row.slug).copied()).await?;
                chain.insert(row.slug, next.release_sha256);
                staged.push(next);
            }
            count += staged.len() as u64;
            self.db.stage_statements(&staged).await?;
        }
    }

    async fn sign_again(
        &self,
        signer: &Releases,
        old: &Signers,
        row: &StatementRow,
        prev: Option<EnvelopeDigest>,
    ) -> Result<NextStatement, Error> {
        let envelope = self.blobs.get(&BlobKey::Release(row.release_sha256)).await?;
        let envelope = envelope.ok_or(Error::DocumentNotFound)?;
        let said: Signed<Release> = read_own(&envelope, old)?;
        let issued = signer.release(&Release { prev, ..(*said).clone() })?;
        self.blobs.put(&BlobKey::Release(issued.digest), issued.envelope.clone().into()).await?;
        Ok(NextStatement {
            slug: row.slug.clone(),
            seq: row.seq,
            release_sha256: issued.digest,
            release_size: issued.envelope.len() as u64,
            signature: signature_of(&issued.envelope),
        })
    }
}
