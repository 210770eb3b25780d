//! The folders of one workload and the states that rows start from: source, git repository, mirror, a settled
//! store, a fresh store, a store with projects. Timing is left to the rows.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::measure::Step;
use crate::options::Sides;
use crate::workload::{self, Shape};
use crate::{Outcome, PROGRAM};

/// The agents' folders that a store is linked into.
const TARGETS: [&str; 3] = ["agent-a/skills", "agent-b/skills", "agent-c/skills"];

/// Longer than the time in which a change of a file can go unseen by its stat data.
const RACY_WINDOW: Duration = Duration::from_secs(3);

/// A store of the program under test, named by its home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// Holds every skill, synced into three targets, unchanged since.
    Settled,
    /// Holds every skill and has no target; projects were deployed from it.
    Projects,
    /// Made for one run, with a number of its own.
    Fresh(usize),
}

/// One workload on the disk.
#[derive(Debug)]
pub(crate) struct Place {
    /// Holds everything else.
    pub(crate) root: PathBuf,
    /// Bytes of all the skills.
    pub(crate) bytes: u64,
    /// Number of skills.
    pub(crate) skills: usize,
    /// Whose side runs.
    pub(crate) sides: Sides,
    /// Number of the next folder that is made for one run. Such folders are not removed between runs: ext4
    /// without a journal passes over inodes freed in the last minutes one by one, so that everything that
    /// is created after a removal of many files is charged for it.
    next: Cell<usize>,
}

impl Place {
    /// Writes the skills of `shape` below `root`.
    pub(crate) fn make(root: &Path, shape: Shape, sides: Sides) -> Outcome<Self> {
        let place = Self { root: root.to_owned(), bytes: 0, skills: shape.skills, sides, next: Cell::new(0) };
        fs::create_dir_all(place.home())?;
        let bytes = workload::generate(&place.source(), shape)?;
        Ok(Self { bytes, ..place })
    }

    /// The home of the public tools.
    pub(crate) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The folder of skills that everything is made from.
    pub(crate) fn source(&self) -> PathBuf {
        self.root.join("source")
    }

    /// The home of a store, which is `.skillsync` in it.
    pub(crate) fn store_home(&self, store: Store) -> PathBuf {
        match store {
            Store::Settled => self.root.join("settled"),
            Store::Projects => self.root.join("projects"),
            Store::Fresh(number) => self.root.join(format!("fresh-{number}")),
        }
    }

    /// A run of the program under test on a store.
    pub(crate) fn skillsync(&self, store: Store, arguments: &[&str]) -> Step {
        Step::new(PROGRAM, &self.store_home(store)).args(arguments)
    }

    /// `skillsync add SOURCE --all`.
    pub(crate) fn add(&self, store: Store) -> Step {
        self.add_from(store, &self.source())
    }

    /// `skillsync add FOLDER --all`.
    pub(crate) fn add_from(&self, store: Store, folder: &Path) -> Step {
        self.skillsync(store, &["add"]).args([folder]).args(["--all"])
    }

    /// A git repository of the source, committed, its index refreshed outside the racy window.
    pub(crate) fn repository(&self) -> Outcome<PathBuf> {
        let folder = self.root.join("repository");
        if !folder.exists() {
            Step::shell("cp -r \"$1\" \"$2\"", &self.home(), &[&self.source(), &folder]).run()?;
            self.commit(&folder)?;
        }
        Ok(folder)
    }

    /// Makes `folder` a git repository and commits what is in it; its index is refreshed outside the racy window.
    pub(crate) fn commit(&self, folder: &Path) -> Outcome<()> {
        // Without maintenance: a commit of many files starts it in the background, beside the rows.
        let line = "git init -q && git config maintenance.auto false && git add -A && \
                    git -c user.name=bench -c user.email=bench@localhost commit -q -m skills && \
                    sleep 3 && git status --porcelain";
        Step::shell(line, &self.home(), &[]).inside(folder).run()
    }

    /// A copy of the source with its times, as `rsync -a` leaves it.
    pub(crate) fn mirror(&self) -> Outcome<PathBuf> {
        let folder = self.root.join("mirror");
        if !folder.exists() {
            Step::shell("cp -a \"$1\" \"$2\"", &self.home(), &[&self.source(), &folder]).run()?;
        }
        Ok(folder)
    }

    /// Makes the settled store if it is not there; a half-made one stays an error.
    pub(crate) fn settle(&self) -> Outcome<()> {
        self.once("settled", || {
            self.init(Store::Settled)?;
            self.add(Store::Settled).run()?;
            self.add_targets(Store::Settled)?;
            let sync = self.skillsync(Store::Settled, &["sync"]);
            sync.run()?;
            sync.run()?;
            thread::sleep(RACY_WINDOW);
            sync.run()?;
            self.flush()
        })
    }

    /// Makes the store that projects are deployed from, if it is not there.
    pub(crate) fn projects_store(&self) -> Outcome<()> {
        self.once("projects", || {
            self.init(Store::Projects)?;
            self.add(Store::Projects).run()
        })
    }

    /// The folder of a project of [`Store::Projects`], there or not.
    pub(crate) fn project(&self, name: &str) -> PathBuf {
        self.store_home(Store::Projects).join(format!("project-{name}"))
    }

    /// Makes the state that is called `name` if it is not there; a half-made one stays an error.
    pub(crate) fn once(&self, name: &str, make: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
        let done = self.root.join(format!("{name}.done"));
        if done.exists() {
            return Ok(());
        }
        make()?;
        Ok(fs::write(done, "")?)
    }

    /// A new empty store, its pages on the disk.
    pub(crate) fn empty_store(&self) -> Outcome<Store> {
        let store = Store::Fresh(self.number());
        self.init(store)?;
        self.flush()?;
        Ok(store)
    }

    /// A new store with every skill just added and three targets that nothing was linked into, its pages on
    /// the disk.
    pub(crate) fn unsynced_store(&self) -> Outcome<Store> {
        let store = Store::Fresh(self.number());
        self.init(store)?;
        self.add(store).run()?;
        self.add_targets(store)?;
        self.flush()?;
        Ok(store)
    }

    /// A path where the reference may copy to, with the pages of all that was done on the disk.
    pub(crate) fn copy(&self) -> Outcome<PathBuf> {
        self.flush()?;
        Ok(self.root.join(format!("copy-{}", self.number())))
    }

    /// A number that no other run has.
    pub(crate) fn number(&self) -> usize {
        self.next.replace(self.next.get() + 1)
    }

    fn init(&self, store: Store) -> Outcome<()> {
        fs::create_dir_all(self.store_home(store))?;
        self.skillsync(store, &["init"]).run()
    }

    fn add_targets(&self, store: Store) -> Outcome<()> {
        for target in TARGETS {
            let folder = self.store_home(store).join(target);
            fs::create_dir_all(&folder)?;
            self.skillsync(store, &["target", "add", "--path"]).args([folder]).run()?;
        }
        Ok(())
    }

    /// Waits until the pages of all that was done are on the disk.
    pub(crate) fn flush(&self) -> Outcome<()> {
        Step::new("sync", &self.home()).run()
    }
}
