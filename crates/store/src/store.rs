//! The open store: its format, its mutex, and what is put right after a command was killed.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;

use crate::config::{self, Config};
use crate::fs::{self, MutexError};
use crate::layout::Layout;
use crate::objects::Objects;
use crate::trash::Trash;

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("there is no store at `{}`", .root.display())]
    Missing {
        /// Where it was looked for.
        root: PathBuf,
    },
    /// A store was to be made in a folder of somebody else's.
    #[error("`{}` is no store and not empty: `{entry}` is in it", .root.display())]
    Foreign {
        /// The folder.
        root: PathBuf,
        /// What is in it.
        entry: String,
    },
    /// Its settings cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// Another command holds it.
    #[error(transparent)]
    Mutex(#[from] MutexError),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Missing { .. } => Kind::NotFound,
            Error::Foreign { .. } => Kind::Exists,
            Error::Config(e) => e.kind(),
            Error::Fs(e) => e.kind(),
            Error::Mutex(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Missing { .. } => "store-missing",
            Error::Foreign { .. } => "store-folder-foreign",
            Error::Config(e) => e.code(),
            Error::Fs(e) => e.code(),
            Error::Mutex(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Missing { .. } => Some(
                "`skillsync setup` makes one from the skills you have; `skillsync init` an empty one"
                    .to_owned(),
            ),
            Error::Foreign { .. } => {
                Some("let SKILLSYNC_HOME name an empty folder or one that is not there yet".to_owned())
            }
            Error::Config(e) => e.hint(),
            Error::Fs(e) => e.hint(),
            Error::Mutex(e) => e.hint(),
        }
    }
}

/// A store that exists and has a format we know.
#[derive(Debug)]
pub struct Store {
    layout: Layout,
    home: PathBuf,
    now: Timestamp,
    config: Config,
}

/// Whether `init` had anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// A new store was made.
    Created,
    /// It was there; missing folders were added, nothing else was touched.
    Existed,
}

impl Store {
    /// Opens the store at `root` for a user whose home is `home`, at the time `now`. Reads `config.toml` only.
    pub fn open(root: &Path, home: &Path, now: Timestamp) -> Result<Self, Error> {
        let layout = Layout::new(root.to_owned());
        let config = match Config::load(&layout.config()) {
            Err(config::Error::Fs(e)) if e.kind() == Kind::NotFound => {
                return Err(Error::Missing { root: root.to_owned() });
            }
            config => config?,
        };
        Ok(Self { layout, home: home.to_owned(), now, config })
    }

    /// Makes a store at `root`, or completes one (checklist D4 `init`, D19).
    pub fn init(root: &Path, home: &Path, now: Timestamp) -> Result<(Self, Init), Error> {
        let layout = Layout::new(root.to_owned());
        // A store with a broken or newer config.toml is not touched at all.
        let known = match Self::open(root, home, now) {
            Ok(_) => Init::Existed,
            Err(Error::Missing { .. }) => Init::Created,
            Err(e) => return Err(e),
        };
        if known == Init::Created {
            refuse_foreign(&layout)?;
            make_root(root)?;
        }
        layout.make_folders()?;
        for (name, text) in [(".gitignore", GITIGNORE), (".gitattributes", GITATTRIBUTES)] {
            if fs::lstat(&root.join(name))?.is_none() {
                fs::replace(&root.join(name), text.as_bytes(), fs::Mode::Plain)?;
            }
        }
        if known == Init::Created {
            // Last: a store is one when its config.toml is there.
            match fs::publish(&layout.config(), config::INITIAL.as_bytes(), fs::Mode::Plain) {
                Err(e) if e.io_kind() == std::io::ErrorKind::AlreadyExists => {}
                published => published?,
            }
        }
        Ok((Self::open(root, home, now)?, known))
    }

    /// Where things are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The user's home, which `~` in the config stands for.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The time of this command.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The time of this command as records keep it: RFC 3339, whole seconds, `Z`.
    pub fn now_text(&self) -> String {
        self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The settings as they were when the store was opened.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The object store.
    pub fn objects(&self) -> Objects<'_> {
        Objects::new(&self.layout)
    }

    /// The trash.
    pub fn trash(&self) -> Trash<'_> {
        Trash::new(&self.layout, self.now)
    }

    /// Takes the mutex, for everything that changes the store, and clears up after commands that were killed.
    pub fn write(&self) -> Result<Writing<'_>, Error> {
        if fs::lstat(&self.layout.state())?.is_none() {
            // A store that came out of git has no folders for what is not kept there.
            self.layout.make_folders()?;
        }
        let holder = format!("process {}, since {}", std::process::id(), self.now);
        let mutex = fs::Mutex::take(&self.layout.mutex(), &holder)?;
        // What this command read before it had the mutex may have changed while it waited.
        let store = Self::open(self.layout.root(), &self.home, self.now)?;
        for folder in
            [store.layout.rendered(), store.layout.trees(), store.layout.staging(), store.layout.trash()]
        {
            // All in these can be made again, so a user may have removed them.
            if fs::lstat(&folder)?.is_none() {
                fs::make_dir(&folder)?;
            }
        }
        let writing = Writing { store, _mutex: mutex, _of: PhantomData };
        writing.recover()?;
        Ok(writing)
    }
}

/// What `init` puts into `.gitignore`: all that can be made again or belongs to this machine alone.
const GITIGNORE: &str = "\
/_meta.json
/cache/
/editing/
/locks/
/rendered/
/sources/
/staging/
/state/
/trash/
/trees/
";

/// For a store that is kept in git: a skill is bytes, so line ends stay, and logs are joined line by line.
const GITATTRIBUTES: &str = "* -text\n/logs/*.jsonl merge=union\n";

/// Makes the folder of a new store, closed to other users: skills may hold what is nobody else's business.
fn make_root(root: &Path) -> Result<(), Error> {
    if fs::stat(root)?.is_some() {
        return Ok(());
    }
    let parent = root.parent().unwrap_or(root);
    fs::make_dirs(parent)?;
    match fs::make_private_dir(root) {
        Err(e) if e.io_kind() == std::io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    Ok(fs::sync_dir(parent)?)
}

/// A folder that holds anything but what a store may hold is not taken over: a store clears its own folders.
fn refuse_foreign(layout: &Layout) -> Result<(), Error> {
    let root = layout.root();
    let ours = layout.folders();
    // A store that lost its `config.toml` is one all the same.
    if fs::lstat(&layout.mutex())?.is_some() && fs::lstat(&layout.objects().join("trees"))?.is_some() {
        return Ok(());
    }
    // What a store out of git has; the rest is of one machine, and empty before `init`.
    let carried = [
        layout.skills(),
        layout.logs(),
        layout.objects(),
        layout.objects().join("blobs"),
        layout.objects().join("trees"),
    ];
    for name in fs::entries(root)?.unwrap_or_default() {
        let at = root.join(&name);
        let text = name.to_string_lossy().into_owned();
        let is_file = matches!(&*text, ".gitignore" | ".gitattributes" | ".git" | "tools.toml" | "README.md");
        // Another `init` may be at work beside this one.
        let is_temporary = text.starts_with(fs::OUR_PREFIX) && text.ends_with(".tmp");
        let is_ours = is_file || ours.contains(&at) || is_temporary || text == "config.toml";
        let is_empty = || {
            Ok::<_, Error>(
                fs::entries(&at)?.unwrap_or_default().iter().all(|inner| ours.contains(&at.join(inner))),
            )
        };
        if !is_ours || (ours.contains(&at) && !carried.contains(&at) && !is_empty()?) {
            return Err(Error::Foreign { root: root.to_owned(), entry: text });
        }
    }
    Ok(())
}

/// The right to change a store: the mutex is held, and the settings are those of now.
#[derive(Debug)]
pub struct Writing<'a> {
    store: Store,
    _mutex: fs::Mutex,
    _of: PhantomData<&'a Store>,
}

impl Writing<'_> {
    /// The store, its settings read under the mutex.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A folder of its own for work in progress. What a killed command leaves in it, the next one clears.
    pub fn transaction(&self) -> Result<Transaction, fs::Error> {
        let dir = self.store.layout.staging().join(fs::unique_name(TRANSACTION));
        fs::make_dir(&dir)?;
        Ok(Transaction { dir, made: Mutex::default() })
    }

    /// Clears temporaries and `staging/`. We hold the mutex, so whoever made what is in `staging/` is dead. All in
    /// it is a copy of what is still where it came from, except what was live until the moment of the kill: that
    /// stands in `old/`.
    fn recover(&self) -> Result<(), Error> {
        let layout = &self.store.layout;
        // Single files that were being replaced: under their own name stands the old one.
        let mut folders = vec![layout.root().to_owned(), layout.state(), layout.projects(), layout.locks()];
        folders.extend([layout.cache(), layout.sources()]);
        for source in fs::optional(fs::entries(&layout.sources()))?.flatten().unwrap_or_default() {
            let source = layout.sources().join(source);
            folders.extend([source.join("releases"), source]);
        }
        for folder in folders {
            for name in fs::optional(fs::entries(&folder))?.flatten().unwrap_or_default() {
                if name.to_str().is_some_and(fs::is_abandoned_temporary) {
                    fs::remove_file(&folder.join(&name))?;
                }
            }
        }
        for name in fs::entries(&layout.staging())?.unwrap_or_default() {
            // Only what commands make here; anything else is somebody's, and `doctor` names it.
            let is_ours = name.to_str().is_some_and(|n| n.starts_with(TRANSACTION) || n.starts_with(INDEX));
            if !is_ours {
                continue;
            }
            let transaction = layout.staging().join(name);
            let old = transaction.join(OLD);
            for name in fs::entries(&old)?.unwrap_or_default() {
                self.put_back(&old.join(&name), name.to_str())?;
            }
            // What cannot be removed now (somebody else's file in it) is in nobody's way; the next command tries again.
            let _ = fs::remove_tree(&transaction);
        }
        Ok(())
    }

    fn put_back(&self, old: &Path, name: Option<&str>) -> Result<(), Error> {
        let Some(name) = name.and_then(|n| SkillName::parse(n).ok()) else {
            self.store.trash().put(old, "recovered")?;
            return Ok(());
        };
        // Killed between the two renames of a swap: the skill has no folder until its old one is back.
        let live = self.store.layout.skill(&name);
        if fs::lstat(&live)?.is_none() {
            fs::relocate(old, &live)?;
            fs::sync_dir(&self.store.layout.skills())?;
        } else {
            keep_repositories(old, &live);
            self.store.trash().put(old, name.as_str())?;
        }
        Ok(())
    }
}

/// Whether a folder entry called `name` is version control.
pub(crate) fn is_repository(name: &str) -> bool {
    matches!(name, ".git" | ".hg" | ".svn")
}

/// A skill's folder, canonical or a copy in a project, may hold a user's own repositories: they are no content, and move
/// on with the skill.
pub(crate) fn keep_repositories(old: &Path, live: &Path) {
    for name in fs::entries(old).ok().flatten().unwrap_or_default() {
        let (from, to) = (old.join(&name), live.join(&name));
        let is_dir = |path: &Path| matches!(fs::lstat(path), Ok(Some(metadata)) if metadata.is_dir());
        if name.to_str().is_some_and(is_repository) {
            // Where it cannot be moved it stays with the old folder, which goes to trash as it is.
            let _ = fs::rename_no_replace(&from, &to);
        } else if is_dir(&from) && is_dir(&to) {
            keep_repositories(&from, &to);
        }
    }
}

/// What the folders of transactions begin with.
const TRANSACTION: &str = "tx-";
/// What an index on its way begins with.
const INDEX: &str = "index-";
/// In a transaction: folders that were live and are being replaced.
pub(crate) const OLD: &str = "old";

/// Work in progress of one command.
#[derive(Debug)]
pub struct Transaction {
    dir: PathBuf,
    /// The folders in it that were made.
    made: Mutex<BTreeSet<&'static str>>,
}

impl Transaction {
    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A folder in it for a purpose, made when it is first asked for.
    pub fn folder(&self, purpose: &'static str) -> Result<PathBuf, fs::Error> {
        let path = self.dir.join(purpose);
        // A panic while it was held is a bug that ends the process anyway.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.contains(purpose) {
            fs::make_dir(&path)?;
            made.insert(purpose);
        }
        Ok(path)
    }

    /// Puts the staged folder `new` in the place of `live` as one step where the system can, and says where the
    /// old one is now, if there was one. Both must be durable; the caller syncs the parent of `live`.
    pub fn swap_in(&self, new: &Path, live: &Path) -> Result<Option<PathBuf>, fs::Error> {
        if fs::lstat(live)?.is_none() {
            fs::relocate(new, live)?;
            return Ok(None);
        }
        let name = live.file_name().unwrap_or(std::ffi::OsStr::new("it"));
        // The new one takes the place where recovery keeps what was live before it trades places with it: at no
        // moment does what was live stand where it would be cleared away.
        let slot = self.folder(OLD)?.join(name);
        fs::rename_no_replace(new, &slot)?;
        if fs::exchange(&slot, live)? == fs::Exchange::Unsupported {
            fs::rename_no_replace(&slot, new)?;
            // A folder of an overlay's lower layer, or on another file system, can only be copied and removed.
            fs::relocate(live, &slot)?;
            if let Err(e) = fs::relocate(new, live) {
                fs::relocate(&slot, live)?;
                return Err(e);
            }
        }
        Ok(Some(slot))
    }

    /// Ends it: what is left in it is not needed. What was live and could not be brought to trash stays for the
    /// next command to bring there.
    pub fn finish(self) -> Result<(), fs::Error> {
        fs::remove_dir_if_empty(&self.dir.join(OLD))?;
        match fs::entries(&self.dir.join(OLD))? {
            None => fs::remove_tree(&self.dir),
            Some(_) => Ok(()),
        }
    }

    /// Undoes a [`Transaction::swap_in`] that gave `old`: what was live is live again.
    pub fn swap_back(&self, old: &Path, live: &Path) -> Result<(), fs::Error> {
        if fs::exchange(old, live)? == fs::Exchange::Unsupported {
            let beside = self.dir.join(fs::unique_name("back-"));
            fs::relocate(live, &beside)?;
            fs::relocate(old, live)?;
        }
        Ok(())
    }
}

impl Drop for Transaction {
    // After an error: what was staged is a copy and goes, what was live waits for the next command's recovery.
    fn drop(&mut self) {
        if matches!(fs::entries(&self.dir.join(OLD)), Ok(None)) {
            // Nothing more can be done here; the next command clears what is left.
            let _ = fs::remove_tree(&self.dir);
        }
    }
}
