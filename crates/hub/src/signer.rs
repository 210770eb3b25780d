//! Signs what the hub says: roots, releases, advisories, manifests, addresses. What they say is left to `app`, who may
//! have them too.

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::fault::{Fault, Kind};
use skillsync_wire::advisories::Advisories;
use skillsync_wire::envelope::{self, Document, Signed};
use skillsync_wire::json::{self, Time};
use skillsync_wire::key::SecretKey;
use skillsync_wire::manifest::Manifest;
use skillsync_wire::release::Release;
use skillsync_wire::root::{self, Root};
use skillsync_wire::text::Hub;

use crate::keys::{self, KeyDir, Serving};
use crate::secret::Secret;

use pieces::Pieces;

pub mod pieces;
pub mod roots;

/// Why something cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Keys are not there.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// A document is not one that a client would read.
    #[error("the hub made a document that nobody would read")]
    Document(#[from] envelope::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Keys(e) => e.kind(),
            // A bound of documents was reached, such as 10,000 revoked releases: it is the hub's own trouble.
            Error::Document(_) => Kind::Io,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Keys(e) => e.code(),
            Error::Document(_) => "hub-document-refused",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Keys(e) => e.hint(),
            Error::Document(_) => None,
        }
    }
}

/// A signed document as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The envelope.
    pub envelope: Vec<u8>,
    /// Its digest.
    pub digest: EnvelopeDigest,
}

impl Issued {
    fn of(envelope: Vec<u8>) -> Self {
        Self { digest: EnvelopeDigest::of(&envelope), envelope }
    }
}

/// A signed manifest as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedManifest {
    /// The digest of its envelope.
    pub digest: EnvelopeDigest,
    /// Its envelope, without the list that others have, too.
    pub pieces: Pieces,
    /// That list.
    pub list: Option<Bytes>,
}

/// The keys of the hub, bound to the root that says what they may sign.
#[derive(Debug)]
pub struct Signer {
    root: Signed<Root>,
    releases: Releases,
    manifest: SecretKey,
    url: Secret<[u8; 32]>,
}

/// The release key of a root.
#[derive(Debug)]
pub struct Releases(SecretKey);

impl Releases {
    /// The release key of `root`. Fails when it is not in `dir`.
    pub fn open(root: &Root, dir: &KeyDir) -> Result<Self, Error> {
        Ok(Self(dir.release_of(root)?))
    }

    /// Signs a release statement.
    pub fn release(&self, release: &Release) -> Result<Issued, Error> {
        Ok(Issued::of(envelope::sign(release, &[&self.0])?))
    }

    /// Signs advisories.
    pub fn advisories(&self, advisories: &Advisories) -> Result<Issued, Error> {
        Ok(Issued::of(envelope::sign(advisories, &[&self.0])?))
    }
}

impl Signer {
    /// The signer under the root in `envelope`, which the caller trusts as its own. Fails when its keys are not in `dir`.
    pub fn open(envelope: &[u8], dir: &KeyDir) -> Result<Self, Error> {
        let root = read_own_root(envelope)?;
        let Serving { release, manifest, url } = dir.serving(&root)?;
        Ok(Self { root, releases: Releases(release), manifest, url })
    }

    /// The root in force.
    pub fn root(&self) -> &Signed<Root> {
        &self.root
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.root.hub
    }

    /// What signs releases and advisories.
    pub fn releases(&self) -> &Releases {
        &self.releases
    }

    /// Signs a manifest.
    pub fn manifest(&self, manifest: &Manifest) -> Result<IssuedManifest, Error> {
        let (envelope, payload) = self.spelt(manifest)?;
        let (size_bytes, limit_bytes) = (envelope.len(), Manifest::LIMIT_BYTES);
        if size_bytes > limit_bytes {
            return Err(envelope::Error::from(json::Error::TooLarge { size_bytes, limit_bytes }).into());
        }
        // What it says was checked, and its form is that of its type. To read it once more, as is done with other documents before
        // they leave, takes many times its size in memory, and a whole fleet gets its own after each change.
        debug_assert!(
            self.root.manifest_signers().is_ok_and(|own| read_own::<Manifest>(&envelope, &own).is_ok())
        );
        let digest = EnvelopeDigest::of(&envelope);
        let (pieces, list) = Pieces::cut(envelope, &payload);
        Ok(IssuedManifest { digest, pieces, list })
    }

    /// The digest of the envelope that [`Signer::manifest`] would give: the same words under the same key are the same bytes
    /// (RFC 8032: signatures of ed25519 are deterministic).
    pub fn manifest_digest(&self, manifest: &Manifest) -> Result<EnvelopeDigest, Error> {
        Ok(EnvelopeDigest::of(&self.spelt(manifest)?.0))
    }

    /// The envelope of a manifest, and its payload.
    fn spelt(&self, manifest: &Manifest) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let payload = envelope::payload(manifest)?;
        Ok((envelope::sign_unchecked(Manifest::PAYLOAD_TYPE, &payload, &[&self.manifest])?, payload))
    }

    /// `path` with a query that lets whoever has it fetch it until `expires`, on behalf of a key.
    pub fn sign_path(&self, path: &str, key_id: &str, expires: Time) -> String {
        let expires_s = expires.timestamp().as_second();
        let sum = hex::encode(self.mac(path, key_id, expires_s).finalize().into_bytes());
        format!("{path}?exp={expires_s}&key={key_id}&sig={sum}")
    }

    /// Whether `sum`, in hex, is what [`Signer::sign_path`] puts for these. Whether it has expired is another question.
    pub fn is_signed(&self, path: &str, key_id: &str, expires_s: i64, sum: &str) -> bool {
        hex::decode(sum).is_ok_and(|sum| self.mac(path, key_id, expires_s).verify_slice(&sum).is_ok())
    }

    fn mac(&self, path: &str, key_id: &str, expires_s: i64) -> Hmac<Sha256> {
        // Neither a path nor a key's id can hold a line break, so no two of these read alike.
        let said = format!("skillsync-url-v1\n{path}\n{key_id}\n{expires_s}\n");
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(self.url.expose()) else {
            unreachable!("a key of any length makes an HMAC (RFC 2104)")
        };
        mac.chain_update(said.as_bytes())
    }
}

/// The root in `envelope`, which comes from the hub's own database and is trusted for that. Its own keys must have
/// signed it.
pub fn read_own_root(envelope: &[u8]) -> Result<Signed<Root>, Error> {
    Ok(root::verify_pinned(envelope, EnvelopeDigest::of(envelope))?)
}

/// Reads a document of the hub's own, signed by a role of its root.
pub fn read_own<T: Document>(envelope: &[u8], signers: &envelope::Signers) -> Result<Signed<T>, Error> {
    Ok(envelope::verify(envelope, signers)?)
}

/// The first signature of an envelope that this room made, in base64.
pub fn signature_of(envelope: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Envelope {
        signatures: Vec<Signature>,
    }
    #[derive(serde::Deserialize)]
    struct Signature {
        sig: String,
    }
    let read = serde_json::from_slice::<Envelope>(envelope).ok();
    read.and_then(|envelope| envelope.signatures.into_iter().next())
        .map_or_else(String::new, |first| first.sig)
}
