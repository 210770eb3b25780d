//! An open index fetched, and the skills that it names: each proven by what the index says of it before it is given to
//! anybody. What is wanted of it, and what becomes of it here, is `mirror`'s to say.

use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::limits::{FILE_BYTES, SKILL_BYTES, SKILL_MD_BYTES};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{self, SKILL_MD};
use skillsync_store::fs;
use skillsync_store::layout::Layout;
use skillsync_store::payload::{Payload, PayloadFile};
use skillsync_wire::wellknown::{ArtifactType, Content, Entry, Index, Mismatch, Version};
use skillsync_wire::{foreign, limits as bounds, wellknown};

use crate::download::{Progress, Watch};
use crate::fetch::{self, Address, Fetch, Plain, Request};
use crate::source::Source;
use crate::{api, limits};

mod patience;

pub use patience::Patience;

/// An index, or a skill of it, is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server does not answer, or refuses.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// What answers is no index.
    #[error(transparent)]
    Index(#[from] wellknown::Error),
    /// There is no index at all.
    #[error("{base} publishes no skills under .well-known")]
    NoIndex {
        /// Where it was looked for.
        base: String,
    },
    /// What came is not what the index says.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// An archive does not unpack.
    #[error("the archive of `{name}` does not hold")]
    Archive {
        /// The skill.
        name: SkillName,
        /// Why.
        #[source]
        source: foreign::Error,
    },
    /// The files make no skill.
    #[error("the files of `{name}` make no skill")]
    Tree {
        /// The skill.
        name: SkillName,
        /// Why.
        #[source]
        source: tree::Error,
    },
    /// The index names an address that is not fetched from.
    #[error("the index has `{name}` at an address that is not fetched from")]
    Elsewhere {
        /// The skill.
        name: SkillName,
    },
    /// Another version was asked for than the one that is listed.
    #[error("the index does not list version {asked} of `{name}`")]
    Version {
        /// The skill.
        name: SkillName,
        /// What was asked for.
        asked: semver::Version,
    },
    /// The index cannot be kept.
    #[error(transparent)]
    Fs(#[from] fs::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Api(e) => e.kind(),
            Error::Index(e) => e.kind(),
            Error::NoIndex { .. } => Kind::NotFound,
            Error::Mismatch(e) => e.kind(),
            Error::Archive { source, .. } => source.kind(),
            Error::Tree { source, .. } => source.kind(),
            Error::Elsewhere { .. } => Kind::Untrusted,
            Error::Version { .. } => Kind::Invalid,
            Error::Fs(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Api(e) => e.code(),
            Error::Index(e) => e.code(),
            Error::NoIndex { .. } => "index-not-found",
            Error::Mismatch(e) => e.code(),
            Error::Archive { source, .. } => source.code(),
            Error::Tree { source, .. } => source.code(),
            Error::Elsewhere { .. } => "index-address-refused",
            Error::Version { .. } => "index-version-refused",
            Error::Fs(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Api(e) => e.hint(),
            Error::Index(e) => e.hint(),
            Error::NoIndex { .. } => {
                Some("is the address the one of a site that publishes skills?".to_owned())
            }
            Error::Mismatch(e) => e.hint(),
            Error::Archive { source, .. } => source.hint(),
            Error::Tree { source, .. } => source.hint(),
            Error::Elsewhere { .. } => Some("tell the owner of the site; what is installed stays".to_owned()),
            Error::Version { name, .. } => Some(format!(
                "an index has one edition of each skill: `skillsync install {name}` installs the one that is listed"
            )),
            Error::Fs(e) => e.hint(),
        }
    }
}

/// An index as it was fetched, or as it is kept.
#[derive(Debug, Clone)]
pub struct Found {
    /// The index.
    pub index: Index,
    /// Where it is: what it names is looked for beside it.
    pub url: String,
    /// Whether the server said that it is still the one that is kept.
    pub is_kept: bool,
    kept: Kept,
}

/// An index as it is kept: the next time only news is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    format: u32,
    url: String,
    etag: Option<String>,
    body: String,
}

const FORMAT: u32 = 1;
/// The body is written as a text of JSON: its quotes take two bytes each.
const KEPT_BYTES: u64 = 3 * bounds::INDEX_BYTES as u64;

impl Found {
    /// Keeps the index for the next time. A power cut may undo it.
    pub fn keep(&self, layout: &Layout, source: &Source) -> Result<(), fs::Error> {
        let path = layout.source_index(source.name());
        if self.is_kept || load(layout, source).as_ref() == Some(&self.kept) {
            return Ok(());
        }
        let text = serde_json::to_vec(&self.kept).map_err(|e| fs::Error::new("write", &path, e.into()))?;
        fs::place(&path, &text, fs::Mode::Private)
    }
}

fn load(layout: &Layout, source: &Source) -> Option<Kept> {
    // It can be fetched again: one that does not read is none.
    let bytes = fs::read(&layout.source_index(source.name()), KEPT_BYTES).ok()?;
    serde_json::from_slice(&bytes).ok().filter(|kept: &Kept| kept.format == FORMAT)
}

/// Fetches the index of `source`: the one of v0.2.0, or where there is none the one of v0.1. Once one of them was found,
/// the other is asked for only when that is gone: a site that is broken for a moment does not change its version.
pub fn index(layout: &Layout, fetch: &dyn Fetch, source: &Source) -> Result<Found, Error> {
    let kept = load(layout, source);
    let mut first: Option<Error> = None;
    let mut urls = wellknown::index_urls(source.base().as_str());
    let is_known = |url: &str| kept.as_ref().is_some_and(|kept| kept.url == url);
    urls.sort_by_key(|(version, url)| (!is_known(url), *version != Version::V02));
    for (_, url) in urls {
        match ask(fetch, source, &url, kept.as_ref().filter(|kept| kept.url == url)) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) if is_known(&url) || !matches!(error, Error::Index(_)) => return Err(error),
            // Many sites answer every path with a page.
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| Error::NoIndex { base: source.base().as_str().to_owned() }))
}

/// `None` where the server has nothing there.
fn ask(fetch: &dyn Fetch, source: &Source, url: &str, kept: Option<&Kept>) -> Result<Option<Found>, Error> {
    let address = Address::parse(url, plain(source)).map_err(api::Error::from)?;
    let etag = kept.and_then(|kept| kept.etag.as_deref());
    let request = Request { if_none_match: etag, ..Request::get(&address, bounds::INDEX_BYTES as u64) };
    let mut bytes = Vec::new();
    let reply = fetch.fetch(&request, &mut bytes).map_err(api::Error::from)?;
    if reply.status == 304
        && let Some(kept) = kept
    {
        let index = Index::parse(kept.body.as_bytes())?;
        return Ok(Some(Found { index, url: url.to_owned(), is_kept: true, kept: kept.clone() }));
    }
    if matches!(reply.status, 404 | 410) {
        return Ok(None);
    }
    if !reply.is_success() {
        return Err(api::Error::refused(&address.host(), &reply).into());
    }
    let index = Index::parse(&bytes)?;
    // What is JSON is UTF-8.
    let body = String::from_utf8_lossy(&bytes).into_owned();
    let kept = Kept { format: FORMAT, url: url.to_owned(), etag: reply.etag, body };
    Ok(Some(Found { index, url: url.to_owned(), is_kept: false, kept }))
}

fn plain(source: &Source) -> Plain {
    if source.config().insecure { Plain::Allowed } else { Plain::Loopback }
}

/// Fetches the files of `entry` of the index at `url`, `workers` of them at one time. A server that asks to be left alone is
/// waited for with `patience`. What the index says of the files holds for what is given back; nothing of it was written
/// anywhere.
pub fn payload(
    fetch: &dyn Fetch,
    source: &Source,
    url: &str,
    entry: &Entry,
    workers: usize,
    patience: &Patience,
    watch: Watch<'_>,
) -> Result<Payload, Error> {
    let name = &entry.name;
    let get = |url: &str, limit_bytes: u64| get(fetch, source, name, url, limit_bytes, (patience, watch));
    let file = |bytes: Vec<u8>, executable: bool| PayloadFile { bytes, executable };
    let files: Vec<(SkillPath, PayloadFile)> = match &entry.content {
        Content::Artifact { kind, url: reference, .. } => {
            let elsewhere = || Error::Elsewhere { name: name.clone() };
            let url = wellknown::resolve(url, reference).ok_or_else(elsewhere)?;
            let limit_bytes = match kind {
                ArtifactType::SkillMd => SKILL_MD_BYTES,
                ArtifactType::Archive => bounds::FOREIGN_ARCHIVE_BYTES,
            };
            let bytes = get(&url, limit_bytes)?;
            entry.check_artifact(&bytes)?;
            match kind {
                ArtifactType::SkillMd => SkillPath::parse(SKILL_MD)
                    .into_iter()
                    .map(|path| (path, file(bytes.clone(), false)))
                    .collect(),
                ArtifactType::Archive => {
                    let unpacked = foreign::unpack(&bytes);
                    let unpacked =
                        unpacked.map_err(|source| Error::Archive { name: name.clone(), source })?;
                    unpacked.into_iter().map(|one| (one.path, file(one.bytes, one.executable))).collect()
                }
            }
        }
        Content::Files { files, .. } => {
            let left = AtomicUsize::new(SKILL_BYTES as usize);
            // After one failure nothing more is asked for: a skill comes whole or not at all.
            let has_failed = std::sync::atomic::AtomicBool::new(false);
            let got = spread(files, workers, |listed| {
                if has_failed.load(Ordering::Relaxed) {
                    return None;
                }
                let most = (left.load(Ordering::Relaxed) as u64).min(FILE_BYTES);
                let got = get(&wellknown::file_url(url, name, &listed.path), most).map(|bytes| {
                    left.fetch_sub(bytes.len().min(left.load(Ordering::Relaxed)), Ordering::Relaxed);
                    (listed.path.clone(), file(bytes, listed.executable))
                });
                has_failed.fetch_or(got.is_err(), Ordering::Relaxed);
                Some(got)
            });
            got.into_iter().flatten().collect::<Result<_, _>>()?
        }
    };
    let payload = Payload::new(files.into_iter().collect())
        .map_err(|source| Error::Tree { name: name.clone(), source })?;
    payload.tree().require_skill_md().map_err(|source| Error::Tree { name: name.clone(), source })?;
    entry.check_tree(payload.tree())?;
    Ok(payload)
}

fn get(
    fetch: &dyn Fetch,
    source: &Source,
    name: &SkillName,
    url: &str,
    limit_bytes: u64,
    (patience, watch): (&Patience, Watch<'_>),
) -> Result<Vec<u8>, Error> {
    let counted = |bytes| watch(Progress::Bytes(bytes));
    let elsewhere = || Error::Elsewhere { name: name.clone() };
    let address = Address::parse(url, plain(source)).map_err(|_| elsewhere())?;
    // An index of the network must not have this machine ask itself.
    if address.is_loopback() && !source.config().url.is_loopback() {
        return Err(elsewhere());
    }
    let mut last = None;
    for round in 1..=limits::ROUNDS {
        let mut bytes = Vec::new();
        let request = Request { progress: Some(&counted), ..Request::get(&address, limit_bytes) };
        let error = match fetch.fetch(&request, &mut bytes) {
            Ok(reply) if reply.is_success() => return Ok(bytes),
            Ok(reply) => api::Error::refused(&address.host(), &reply),
            Err(error @ fetch::Error::Slow { .. }) => return Err(api::Error::from(error).into()),
            Err(error) => api::Error::from(error),
        };
        if error.kind() != Kind::Offline {
            return Err(error.into());
        }
        // Asked again at once it would refuse again.
        if let Some(seconds) = error.retry_after_s() {
            if round == limits::ROUNDS {
                patience.end();
            } else if !patience.waits(seconds) {
                return Err(error.into());
            }
        }
        last = Some(error);
    }
    let nothing = || fetch::Error::Cut { host: address.host(), source: io::ErrorKind::UnexpectedEof.into() };
    Err(last.unwrap_or_else(|| nothing().into()).into())
}

/// Does `work` on every item, `workers` of them at one time, and gives the results in the order of the items.
pub(crate) fn spread<T: Sync, R: Send>(items: &[T], workers: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let turn = || {
        while let Some((item, slot)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).zip(results.get(at))
        } {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(work(item));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers.min(items.len()) {
            scope.spawn(turn);
        }
        turn();
    });
    let results = results.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    results.flatten().collect()
}
