//! Files that are named by their digest, from whichever place has them: mirrors first, each tried a few times, and nothing
//! kept that is not what was named (checklist L8, threats 11, 14, 15, 20). What they mean is left to `trust`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest, Hasher};
use skillsync_core::fault::{Fault, Kind, with_causes};
use skillsync_store::fs;
use skillsync_store::layout::Layout;
use skillsync_wire::api::path;

use crate::api;
use crate::fetch::{self, Address, Base, Fetch, Request};
use crate::limits;
use crate::source::Source;

/// A file is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer, or a refusal.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// Something else came.
    #[error("what {host} sends for the {what} has another {field} than was signed")]
    Mismatch {
        /// The host.
        host: String,
        /// What was asked for.
        what: String,
        /// `size` or `digest`.
        field: &'static str,
    },
    /// Every place failed too often to be asked again in this run.
    #[error("{host} failed too often")]
    Struck {
        /// The host.
        host: String,
    },
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
}

impl From<fetch::Error> for Error {
    fn from(error: fetch::Error) -> Self {
        Error::Api(error.into())
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Api(e) => e.kind(),
            Error::Mismatch { .. } => Kind::Untrusted,
            Error::Struck { .. } => Kind::Offline,
            Error::Fs(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Api(e) => e.code(),
            Error::Mismatch { .. } => "trust-mismatch",
            Error::Struck { .. } => "hub-unavailable",
            Error::Fs(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Api(e) => e.hint(),
            Error::Mismatch { .. } => {
                Some("it was thrown away; what is installed goes on working".to_owned())
            }
            Error::Struck { .. } => Some("what is installed goes on working; try again later".to_owned()),
            Error::Fs(e) => e.hint(),
        }
    }
}

/// A place that did not give what it should, where another one did or nothing could be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The host.
    pub host: String,
    /// What it did.
    pub problem: String,
    /// How often.
    pub times: usize,
}

/// What goes on, for who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes of so many files are to come.
    Expected {
        /// Files.
        files: usize,
        /// Bytes; 0 where nobody says how many.
        bytes: u64,
    },
    /// So many bytes more came.
    Bytes(u64),
}

/// Told of progress; from several threads.
pub type Watch<'a> = &'a (dyn Fn(Progress) + Sync);

/// The places that have the files of one source, and how they fared in this run.
pub struct Places<'a> {
    fetch: &'a dyn Fetch,
    source: &'a Source,
    strikes: Vec<AtomicUsize>,
    warnings: Mutex<Vec<Warning>>,
}

/// Why one place did not give a file.
enum Failure {
    /// It may give it the next time.
    Passing(Error),
    /// It will not, in this run.
    Lasting(Error),
    /// It is this machine that cannot.
    Here(Error),
}

impl<'a> Places<'a> {
    /// The places of `source`, asked through `fetch`.
    pub fn new(fetch: &'a dyn Fetch, source: &'a Source) -> Self {
        let strikes = source.places().map(|_| AtomicUsize::new(0)).collect();
        Self { fetch, source, strikes, warnings: Mutex::default() }
    }

    /// What is to be said of the places.
    pub fn warnings(&self) -> Vec<Warning> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The document at `path`, which must have this digest and size. `what` names it in errors.
    pub fn document(
        &self,
        what: &str,
        path: &str,
        digest: EnvelopeDigest,
        size_bytes: Option<u64>,
        most_bytes: u64,
    ) -> Result<Vec<u8>, Error> {
        let limit_bytes = size_bytes.unwrap_or(most_bytes);
        let mut found = Vec::new();
        self.first(path, None, |request| {
            let request = Request { limit_bytes, ..*request };
            let mut bytes = Vec::new();
            self.ask(&request, what, size_bytes, &mut bytes)?;
            if EnvelopeDigest::of(&bytes) != digest {
                return Err(Failure::Passing(mismatch(&request, what, "digest")));
            }
            found = bytes;
            Ok(())
        })?;
        Ok(found)
    }

    /// Brings an archive into the cache, where one of this digest may be already. It is hashed while it comes, and gets its
    /// name when it is what was signed. `elsewhere` is asked where the archive is for this caller, when no place has it.
    pub fn archive(
        &self,
        layout: &Layout,
        what: &str,
        digest: ArchiveDigest,
        size_bytes: u64,
        elsewhere: &dyn Fn() -> Option<Address>,
        watch: Watch<'_>,
    ) -> Result<(), Error> {
        let cached = layout.cached(&digest);
        // What cannot be read there is not there: it is fetched anew.
        if fs::read(&cached, size_bytes)
            .is_ok_and(|bytes| bytes.len() as u64 == size_bytes && ArchiveDigest::of(&bytes) == digest)
        {
            watch(Progress::Bytes(size_bytes));
            return Ok(());
        }
        if fs::lstat(&layout.cache())?.is_none() {
            fs::make_dir(&layout.cache())?;
        }
        self.first(&path::tarball(&digest), Some(elsewhere), |request| {
            let counted = |bytes| watch(Progress::Bytes(bytes));
            let request = Request { limit_bytes: size_bytes, progress: Some(&counted), ..*request };
            let here = |error: fs::Error| Failure::Here(error.into());
            let mut partial = Partial::new(layout).map_err(here)?;
            self.ask(&request, what, Some(size_bytes), &mut partial)?;
            if partial.digest() != digest {
                return Err(Failure::Passing(mismatch(&request, what, "digest")));
            }
            partial.keep(&cached).map_err(here)
        })
    }

    /// Asks each place in turn, a few rounds long, until one gives what `attempt` accepts.
    fn first(
        &self,
        path: &str,
        elsewhere: Option<&dyn Fn() -> Option<Address>>,
        mut attempt: impl FnMut(&Request<'_>) -> Result<(), Failure>,
    ) -> Result<(), Error> {
        let places: Vec<&Base> = self.source.places().collect();
        let mut is_out = vec![false; places.len()];
        // What the hub itself says is told before what a mirror did.
        let (mut own, mut last) = (None, None);
        // Only where the hub itself will not give it so: what is slow or wrong at one address is so at another of the same.
        let mut is_refused = false;
        for _ in 0..limits::ROUNDS {
            for (at, place) in places.iter().enumerate() {
                if is_out[at] || self.strikes[at].load(Ordering::Relaxed) >= limits::STRIKES {
                    continue;
                }
                let address = place.at(path)?;
                // The key is the hub's business alone.
                let key = self.source.key().filter(|_| *place == self.source.base());
                let is_mirror = *place != self.source.base();
                let error = match attempt(&Request { key, ..Request::get(&address, 0) }) {
                    Ok(()) => {
                        self.strikes[at].store(0, Ordering::Relaxed);
                        return Ok(());
                    }
                    Err(Failure::Here(error)) => return Err(error),
                    Err(Failure::Passing(error)) => {
                        self.strike(at, place, &error);
                        // Waiting once more for what is slow would keep the others waiting.
                        is_out[at] = error.code() == "hub-slow";
                        error
                    }
                    Err(Failure::Lasting(error)) => {
                        // A mirror need not have everything, and what the hub itself says is in the error.
                        if is_mirror && !is_refusal(&error) {
                            self.strike(at, place, &error);
                        }
                        is_out[at] = true;
                        error
                    }
                };
                if is_mirror {
                    last = Some(error);
                } else {
                    is_refused = is_refusal(&error);
                    own = Some(error);
                }
            }
        }
        let signed = elsewhere.filter(|_| is_refused).and_then(|elsewhere| elsewhere());
        if let Some(address) = signed {
            match attempt(&Request::get(&address, 0)) {
                Ok(()) => return Ok(()),
                Err(Failure::Here(error) | Failure::Passing(error) | Failure::Lasting(error)) => {
                    own = Some(error);
                }
            }
        }
        let host = self.source.base().host().to_owned();
        Err(own.or(last).unwrap_or(Error::Struck { host }))
    }

    /// Sends one request, and sees that its answer is a success of the right size.
    fn ask(
        &self,
        request: &Request<'_>,
        what: &str,
        size_bytes: Option<u64>,
        into: &mut dyn Write,
    ) -> Result<(), Failure> {
        let reply = match self.fetch.fetch(request, into) {
            Ok(reply) => reply,
            Err(fetch::Error::TooLarge { .. }) if size_bytes.is_some() => {
                return Err(Failure::Passing(mismatch(request, what, "size")));
            }
            Err(error @ fetch::Error::Write { .. }) => return Err(Failure::Here(error.into())),
            Err(error) if error.is_passing() => return Err(Failure::Passing(error.into())),
            Err(error) => return Err(Failure::Lasting(error.into())),
        };
        if !reply.is_success() {
            let error = api::Error::refused(&request.address.host(), &reply);
            let is_passing = error.kind() == Kind::Offline;
            let error = Error::from(error);
            return Err(if is_passing { Failure::Passing(error) } else { Failure::Lasting(error) });
        }
        match size_bytes {
            Some(size_bytes) if size_bytes != reply.length_bytes => {
                Err(Failure::Passing(mismatch(request, what, "size")))
            }
            _ => Ok(()),
        }
    }

    fn strike(&self, at: usize, place: &Base, error: &Error) {
        // A wrong file says nothing of the others, unless a mirror has nothing else. The hub is asked whatever it gave.
        if error.kind() == Kind::Offline || place != self.source.base() {
            self.strikes[at].fetch_add(1, Ordering::Relaxed);
        }
        self.warn(place, error);
    }

    fn warn(&self, place: &Base, error: &Error) {
        let (host, problem) = (place.host().to_owned(), with_causes(error));
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        match warnings.iter_mut().find(|known| known.host == host && known.problem == problem) {
            Some(known) => known.times += 1,
            None => warnings.push(Warning { host, problem, times: 1 }),
        }
    }
}

/// Whether a place does not have a file, or does not give it to this caller.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), Kind::Denied | Kind::NotFound)
}

fn mismatch(request: &Request<'_>, what: &str, field: &'static str) -> Error {
    Error::Mismatch { host: request.address.host(), what: what.to_owned(), field }
}

/// An archive on its way into the cache.
struct Partial {
    path: PathBuf,
    file: std::fs::File,
    hasher: Hasher,
    is_kept: bool,
}

impl Partial {
    fn new(layout: &Layout) -> Result<Self, fs::Error> {
        let path = layout.cache().join(fs::unique_name(fs::OUR_PREFIX) + ".tmp");
        let file = fs::create_empty(&path, fs::Mode::Private)?;
        Ok(Self { path, file, hasher: Hasher::default(), is_kept: false })
    }

    fn digest(&self) -> ArchiveDigest {
        ArchiveDigest::from_hasher(self.hasher.clone())
    }

    /// Gives it its name. It is not synced: whoever uses it looks at its digest again.
    fn keep(mut self, cached: &std::path::Path) -> Result<(), fs::Error> {
        fs::rename(&self.path, cached)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed now is removed when this process is gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Does `work` on every item, several at one time, and gives the results in the order of the items.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
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
        for _ in 1..limits::PARALLEL.min(items.len()) {
            scope.spawn(turn);
        }
        turn();
    });
    let results = results.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    results.flatten().collect()
}
