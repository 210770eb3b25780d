//! Archives and signed documents as they are fetched: who may have one, and where it lies.

use bytes::Bytes;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::api::skill::{Tier, Visibility};

use super::keys::Caller;
use super::{App, Error};
use crate::blobs::{BlobKey, BlobStream};
use crate::db::{BlobOwner, Viewer};

/// A signature in an address, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedQuery {
    /// Until when it holds, in seconds since 1970.
    pub expires_s: i64,
    /// The key on whose behalf.
    pub key_id: String,
    /// The signature, in hex.
    pub signature: String,
}

/// Who may keep a copy of a document on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Everybody.
    Public,
    /// The caller alone.
    Private,
}

/// A signed document that everybody may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// Its digest.
    pub digest: EnvelopeDigest,
    /// Its envelope.
    pub envelope: Bytes,
}

impl App {
    /// Who may keep a copy of the archive or release statement `key`, if the caller, or the key for which its address was
    /// signed, may have it. `path` is the path that was asked for. What one may not have is not there.
    pub async fn document_sharing(
        &self,
        caller: Option<&Caller>,
        signed: Option<&SignedQuery>,
        path: &str,
        key: &BlobKey,
    ) -> Result<Sharing, Error> {
        let owners = match key {
            BlobKey::Tarball(digest) => self.db.tarball_access(digest).await?,
            BlobKey::Release(digest) => self.db.release_access(digest).await?,
            BlobKey::Root(_) | BlobKey::Advisories(_) => return Err(Error::DocumentNotFound),
        };
        let is_open = |owner: &BlobOwner| owner.visibility == Visibility::Public && owner.tier == Tier::Free;
        let sharing = if owners.iter().any(is_open) { Sharing::Public } else { Sharing::Private };
        if sharing == Sharing::Private {
            let as_caller = caller.is_some_and(|caller| may_have(&caller.viewer(), &owners));
            if !as_caller && !self.signed_for(signed, path, &owners).await? {
                return Err(Error::DocumentNotFound);
            }
        }
        Ok(sharing)
    }

    /// The size of a document that its caller may have.
    pub async fn document_size(&self, key: &BlobKey) -> Result<u64, Error> {
        self.blobs.size(key).await?.ok_or(Error::DocumentNotFound)
    }

    /// Opens a document that its caller may have.
    pub async fn document(&self, key: &BlobKey) -> Result<BlobStream, Error> {
        self.blobs.stream(key).await?.ok_or(Error::DocumentNotFound)
    }

    /// Whether the address was signed, holds, and is of a key that holds and may still have it.
    async fn signed_for(
        &self,
        signed: Option<&SignedQuery>,
        path: &str,
        owners: &[BlobOwner],
    ) -> Result<bool, Error> {
        let Some(SignedQuery { expires_s, key_id, signature }) = signed else { return Ok(false) };
        let now = self.clock.timestamp();
        if *expires_s <= now.as_second() || !self.signer().is_signed(path, key_id, *expires_s, signature) {
            return Ok(false);
        }
        let Some(known) = self.db.key(key_id).await? else { return Ok(false) };
        let holds = known.key.revoked_at.is_none() && known.key.expires_at.is_none_or(|at| at > now);
        let viewer = Viewer { account: &known.key.account, tier: known.tier, key_id };
        Ok(holds && may_have(&viewer, owners))
    }

    /// The root `version`.
    pub async fn root(&self, version: u64) -> Result<Public, Error> {
        let envelope = self.db.root(version).await?.ok_or(Error::DocumentNotFound)?;
        Ok(public(envelope))
    }

    /// The advisories `version`, or the newest.
    pub async fn advisories(&self, version: Option<u64>) -> Result<Public, Error> {
        let Some(version) = version else { return Ok(self.current_advisories().await?.public) };
        let row = self.db.advisories(version).await?.ok_or(Error::DocumentNotFound)?;
        Ok(public(row.envelope))
    }
}

fn may_have(viewer: &Viewer<'_>, owners: &[BlobOwner]) -> bool {
    owners.iter().any(|owner| viewer.may_have(&owner.owner, owner.visibility, owner.tier))
}

fn public(envelope: Vec<u8>) -> Public {
    Public { digest: EnvelopeDigest::of(&envelope), envelope: envelope.into() }
}
