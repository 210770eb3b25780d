//! The places where blobs can lie, and what is done there. What a folder needs beside that is in `folder`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _, future};
use jiff::Timestamp;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::signer::Signer as _;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt as _, PutOptions,
    RetryConfig,
};
use skillsync_core::digest::Hasher;

use super::{BlobKey, Error, folder};
use crate::limits;

/// Where blobs lie.
#[derive(Debug, Clone)]
pub enum Place {
    /// In memory, for trying things out.
    Memory,
    /// In a folder, which is made where there is none.
    Folder(PathBuf),
    /// In a bucket of S3 or of something like it.
    Bucket(Bucket),
}

/// A bucket and how it is reached. Its `Debug` does not show the secret.
#[derive(Clone)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Put before every path; may be empty.
    pub prefix: String,
    /// Where it is reached, where that is not Amazon: `https://s3.example`.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The id of the credentials.
    pub access_key_id: String,
    /// The secret of the credentials.
    pub secret_access_key: String,
    /// The token of a session, where the credentials are of one.
    pub session_token: Option<String>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// What became of a blob that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is stored now.
    Stored,
    /// It was there.
    Kept,
}

/// What lies in the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// Which blob it is; none for what has no business there.
    pub key: Option<BlobKey>,
    /// Where it lies, below the folder or the bucket's prefix.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
}

/// A blob, read piece by piece.
pub struct BlobStream {
    /// Its size.
    pub size_bytes: u64,
    /// Its bytes, hashed on the way: in the place of the last piece comes an error where they are not those of its digest, so
    /// that nobody has the whole of what is damaged.
    pub pieces: BoxStream<'static, Result<Bytes, Error>>,
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStream").field("size_bytes", &self.size_bytes).finish_non_exhaustive()
    }
}

/// The hub's blobs. Clones share one place.
#[derive(Debug, Clone)]
pub struct Blobs {
    backend: Backend,
    prefix: Path,
}

#[derive(Debug, Clone)]
enum Backend {
    Memory(Arc<InMemory>),
    Folder { store: Arc<LocalFileSystem>, root: PathBuf },
    Bucket(Arc<AmazonS3>),
}

impl Blobs {
    /// Opens a place. A folder is made; a bucket is not asked for anything yet ([`Blobs::ping`] does).
    pub fn open(place: &Place) -> Result<Self, Error> {
        let failed = |error| Error::of(error, false);
        let (backend, prefix) = match place {
            Place::Memory => (Backend::Memory(Arc::default()), Path::default()),
            Place::Folder(root) => {
                folder::open(root).map_err(|source| Error::Folder { source })?;
                // Files and the folders that name them are synced before a blob counts as stored.
                let store = LocalFileSystem::new_with_prefix(root).map_err(failed)?.with_fsync(true);
                (Backend::Folder { store: Arc::new(store), root: root.clone() }, Path::default())
            }
            Place::Bucket(bucket) => (Backend::Bucket(Arc::new(bucket.store()?)), bucket.path()?),
        };
        Ok(Self { backend, prefix })
    }

    /// Stores a blob durably: it is there wholly or not at all, whatever happens. A blob named by its digest that is there in
    /// its length is kept as it is; one named by its number is replaced where its bytes differ, since a number counts only
    /// once the database says so. Fails when the bytes are not those of the name.
    pub async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<Put, Error> {
        if bytes.len() as u64 > key.limit_bytes() || !key.fits(&bytes) {
            return Err(Error::Misnamed { path: key.path() });
        }
        if self.size(key).await? == Some(bytes.len() as u64)
            && (key.is_named_by_content() || self.get(key).await?.is_some_and(|there| there == bytes))
        {
            self.settle(key).await?;
            return Ok(Put::Kept);
        }
        let mut options = PutOptions::default();
        // A folder has no place for attributes: there the hub itself says them.
        if let Backend::Bucket(_) = self.backend {
            options.attributes = Attributes::from_iter([
                (Attribute::ContentType, key.content_type()),
                (Attribute::CacheControl, key.cache_control()),
            ]);
        }
        self.store()
            .put_opts(&self.location(key), bytes.into(), options)
            .await
            .map_err(|error| self.error(error))?;
        self.hide(key).await?;
        Ok(Put::Stored)
    }

    /// A blob whole, its digest checked; none where it is not there.
    pub async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, Error> {
        let Some(found) = self.found(key).await? else { return Ok(None) };
        let bytes = found.bytes().await.map_err(|error| self.error(error))?;
        if !key.fits(&bytes) {
            return Err(Error::misread(key));
        }
        Ok(Some(bytes))
    }

    /// A blob piece by piece; none where it is not there.
    pub async fn stream(&self, key: &BlobKey) -> Result<Option<BlobStream>, Error> {
        let Some(found) = self.found(key).await? else { return Ok(None) };
        let is_remote = self.is_remote();
        let size_bytes = found.meta.size;
        let pieces = found.into_stream().map(move |piece| piece.map_err(|error| Error::of(error, is_remote)));
        let key = *key;
        let pieces = pieces.map(move |piece| match piece {
            // The file was cut off meanwhile: what reads it would give such pieces without end.
            Ok(piece) if piece.is_empty() && size_bytes > 0 && !is_remote => Err(Error::misread(&key)),
            piece => piece,
        });
        let mut pieces = Box::pin(checked(key, pieces).peekable());
        // What has no first piece is not begun: of a small blob that is the whole.
        pieces.as_mut().next_if(Result::is_err).await.transpose()?;
        Ok(Some(BlobStream { size_bytes, pieces }))
    }

    /// The size of a blob; none where it is not there.
    pub async fn size(&self, key: &BlobKey) -> Result<Option<u64>, Error> {
        match self.store().head(&self.location(key)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    /// All that lies there, in no order.
    pub fn list(&self) -> BoxStream<'static, Result<BlobInfo, Error>> {
        let (is_remote, prefix) = (self.is_remote(), self.prefix.clone());
        let found = self.store().list(Some(&self.prefix));
        found
            .map(move |meta| {
                let meta = meta.map_err(|error| Error::of(error, is_remote))?;
                let parts =
                    meta.location.prefix_match(&prefix).map(Iterator::collect::<Vec<_>>).unwrap_or_default();
                let path = parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/");
                Ok(BlobInfo { key: BlobKey::at(&path), path, size_bytes: meta.size })
            })
            .boxed()
    }

    /// An address at which a blob in a bucket can be had for `ttl` without the hub; none for other places. Whoever has the
    /// address has the blob.
    pub async fn signed_url(&self, key: &BlobKey, ttl: Duration) -> Result<Option<String>, Error> {
        let Backend::Bucket(store) = &self.backend else { return Ok(None) };
        let url = store.signed_url(hyper::Method::GET, &self.location(key), ttl).await;
        url.map(|url| Some(url.to_string())).map_err(|error| self.error(error))
    }

    /// Fails unless the place answers and lets the hub in.
    pub async fn ping(&self) -> Result<(), Error> {
        match &self.backend {
            Backend::Memory(_) => Ok(()),
            Backend::Folder { root, .. } => match tokio::fs::metadata(root).await {
                Ok(_) => Ok(()),
                Err(source) => Err(Error::Folder { source }),
            },
            // Whether it is there does not matter; the answer does.
            Backend::Bucket(_) => self.size(&BlobKey::Root(1)).await.map(drop),
        }
    }

    /// Deletes what hubs that were killed while they stored a blob left in a folder before the moment `before`, `most` files of
    /// it; gives how many that were. What is written right now by another hub must be younger.
    pub async fn clear_leftovers(&self, before: Timestamp, most: u64) -> Result<u64, Error> {
        let Backend::Folder { root, .. } = &self.backend else { return Ok(0) };
        let root = root.clone();
        let done = tokio::task::spawn_blocking(move || folder::clear_leftovers(&root, before, most)).await;
        match done {
            Ok(done) => done.map_err(|source| Error::Folder { source }),
            Err(panic) => Err(Error::Folder { source: std::io::Error::other(panic) }),
        }
    }

    /// Makes sure that a blob which is there stays there: who put it may have been killed before the folder was synced.
    async fn settle(&self, key: &BlobKey) -> Result<(), Error> {
        let Backend::Folder { root, .. } = &self.backend else { return Ok(()) };
        let path = root.join(key.path());
        let Some(folder) = path.parent() else { return Ok(()) };
        let synced = async { tokio::fs::File::open(folder).await?.sync_all().await };
        synced.await.map_err(|source| Error::Folder { source })
    }

    /// Leaves a blob in a folder to the hub alone: it may be a private skill.
    async fn hide(&self, key: &BlobKey) -> Result<(), Error> {
        #[cfg(unix)]
        if let Backend::Folder { root, .. } = &self.backend {
            use std::os::unix::fs::PermissionsExt as _;
            let own = std::fs::Permissions::from_mode(0o600);
            let hidden = tokio::fs::set_permissions(root.join(key.path()), own).await;
            hidden.map_err(|source| Error::Folder { source })?;
        }
        Ok(())
    }

    async fn found(&self, key: &BlobKey) -> Result<Option<object_store::GetResult>, Error> {
        match self.store().get(&self.location(key)).await {
            Ok(found) if found.meta.size > key.limit_bytes() => {
                Err(Error::Damaged { path: key.path(), reason: "it is larger than one of its kind can be" })
            }
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    fn location(&self, key: &BlobKey) -> Path {
        key.path().split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn store(&self) -> &dyn ObjectStore {
        match &self.backend {
            Backend::Memory(store) => &**store,
            Backend::Folder { store, .. } => &**store,
            Backend::Bucket(store) => &**store,
        }
    }

    fn is_remote(&self) -> bool {
        matches!(self.backend, Backend::Bucket(_))
    }

    fn error(&self, error: object_store::Error) -> Error {
        Error::of(error, self.is_remote())
    }
}

/// The pieces of a blob. Each is held back until the next one is there, and the last one until their digest is known.
fn checked(
    key: BlobKey,
    pieces: impl Stream<Item = Result<Bytes, Error>>,
) -> impl Stream<Item = Result<Bytes, Error>> {
    let (mut hasher, mut held) = (Hasher::default(), None);
    let to_the_end = pieces.map(Some).chain(stream::iter([None]));
    to_the_end.filter_map(move |piece| {
        future::ready(match piece {
            Some(Ok(piece)) => {
                hasher.update(&piece);
                held.replace(piece).map(Ok)
            }
            Some(Err(error)) => Some(Err(error)),
            None if key.fits_hashed(std::mem::take(&mut hasher)) => held.take().map(Ok),
            None => Some(Err(Error::misread(&key))),
        })
    })
}

impl Bucket {
    fn path(&self) -> Result<Path, Error> {
        Path::parse(&self.prefix).map_err(|error| Error::Place { reason: error.to_string() })
    }

    fn store(&self) -> Result<AmazonS3, Error> {
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: limits::BUCKET_RETRIES,
            retry_timeout: limits::BUCKET_RETRY,
        };
        let client = ClientOptions::new()
            .with_connect_timeout(limits::BUCKET_CONNECT)
            // In all it may take longer: an archive is read as fast as whoever asked for it takes it.
            .with_timeout_disabled()
            .with_read_timeout(limits::BUCKET_ANSWER)
            // Whoever gives an address without TLS means it: a bucket on this machine or behind it.
            .with_allow_http(self.endpoint.as_deref().is_some_and(|url| url.starts_with("http://")));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.name)
            .with_region(&self.region)
            .with_access_key_id(&self.access_key_id)
            .with_secret_access_key(&self.secret_access_key)
            .with_retry(retry)
            .with_client_options(client);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(token) = &self.session_token {
            builder = builder.with_token(token);
        }
        builder.build().map_err(|error| Error::Place { reason: error.to_string() })
    }
}
