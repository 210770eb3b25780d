//! The use cases, a file each: `(World, input)` to a report. They decide; they never print and never ask.
//!
//! An op that changes something takes the store's mutex once and holds it to its end.

use skillsync_client::{anchor, api, credentials, publish as publishing, source as sources};
use skillsync_core::artifact;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name;
use skillsync_core::tree;
use skillsync_store::index::Index;
use skillsync_store::store::{Store, Writing};
use skillsync_store::{
    deployment, edit, fs, installed, lease, ledger, meta, objects, scan, skills, store, targets, tools,
};

use crate::ui::Report;
use crate::world::World;

pub mod init;
pub mod builtin;
pub mod new;
pub mod network;
pub mod git;
pub mod add;
mod bars;
pub mod rm;
pub mod ls;
pub mod info;
pub mod show;
pub mod validate;
pub mod edit_skill;
pub mod adopt;
pub mod history;
pub mod rollback;
pub mod export;
pub mod observe;
pub mod config;
pub mod source;
pub mod login;
pub mod search;
pub mod publish;
pub mod target;
pub mod project;
pub mod check;
pub mod deploy;
pub mod undeploy;
pub mod deployments;
pub mod pull;
pub mod sync;
pub mod refresh;
pub mod hook;
pub mod gc;
pub mod verify;
pub mod setup;
pub mod doctor;

/// What an op reports when it fails: an error of a room below, or one of its own.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the error of the room it is named after")]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Skill(#[from] skills::Error),
    #[error(transparent)]
    Edit(#[from] edit::Error),
    #[error(transparent)]
    Lease(#[from] lease::Error),
    #[error(transparent)]
    Config(#[from] skillsync_store::config::Error),
    #[error(transparent)]
    Tools(#[from] tools::Error),
    #[error(transparent)]
    Target(#[from] targets::Error),
    #[error(transparent)]
    Project(#[from] skillsync_store::project::Error),
    #[error(transparent)]
    Deployment(#[from] deployment::Error),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error(transparent)]
    Meta(#[from] meta::Error),
    #[error(transparent)]
    Scan(#[from] scan::Error),
    #[error(transparent)]
    Objects(#[from] objects::Error),
    #[error(transparent)]
    Tree(#[from] tree::Error),
    #[error(transparent)]
    Artifact(#[from] artifact::Error),
    #[error(transparent)]
    Fs(#[from] fs::Error),
    #[error(transparent)]
    Name(#[from] name::Error),
    #[error(transparent)]
    Git(#[from] git::Error),
    #[error(transparent)]
    Hook(#[from] hook::Error),
    #[error(transparent)]
    Site(#[from] skillsync_client::site::Error),
    #[error(transparent)]
    Index(#[from] skillsync_client::site::IndexError),
    #[error(transparent)]
    Installed(#[from] installed::Error),
    #[error(transparent)]
    Source(#[from] sources::Error),
    #[error(transparent)]
    Key(#[from] credentials::Error),
    #[error(transparent)]
    Anchor(#[from] anchor::Error),
    #[error(transparent)]
    Hub(#[from] api::Error),
    #[error(transparent)]
    Publish(#[from] publishing::Error),
    #[error(transparent)]
    Pull(Box<skillsync_client::delivery::Error>),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<skillsync_client::delivery::Error> for Error {
    fn from(error: skillsync_client::delivery::Error) -> Self {
        Error::Pull(Box::new(error))
    }
}

/// Something that an op itself refuses.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What a caller can do about it.
    pub kind: Kind,
    /// Its stable code.
    pub code: &'static str,
    /// What was refused, with the name in it.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Fault for Refusal {
    fn kind(&self) -> Kind {
        self.kind
    }
    fn code(&self) -> &'static str {
        self.code
    }
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl Error {
    fn fault(&self) -> &dyn Fault {
        match self {
            Error::Store(e) => e,
            Error::Skill(e) => e,
            Error::Edit(e) => e,
            Error::Lease(e) => e,
            Error::Config(e) => e,
            Error::Tools(e) => e,
            Error::Target(e) => e,
            Error::Project(e) => e,
            Error::Deployment(e) => e,
            Error::Ledger(e) => e,
            Error::Meta(e) => e,
            Error::Scan(e) => e,
            Error::Objects(e) => e,
            Error::Tree(e) => e,
            Error::Artifact(e) => e,
            Error::Fs(e) => e,
            Error::Name(e) => e,
            Error::Git(e) => e,
            Error::Hook(e) => e,
            Error::Site(e) => e,
            Error::Index(e) => e,
            Error::Installed(e) => e,
            Error::Source(e) => e,
            Error::Key(e) => e,
            Error::Anchor(e) => e,
            Error::Hub(e) => e,
            Error::Publish(e) => e,
            Error::Pull(e) => &**e,
            Error::Refused(e) => e,
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        self.fault().kind()
    }
    fn code(&self) -> &'static str {
        self.fault().code()
    }
    fn hint(&self) -> Option<String> {
        self.fault().hint()
    }
}

/// Whether a plan is asked for, or the thing itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Show what would be done.
    Plan,
    /// Do it.
    Apply,
}

/// Opens the store of `world`.
pub fn open(world: &World) -> Result<Store, Error> {
    Ok(Store::open(&world.store, &world.home, world.now)?)
}

/// Why what was done could not be recorded. The error's own hint would say that nothing was changed.
fn unrecorded(error: &Error, hint: &str) -> Report {
    Report {
        hint: Some(format!("what is reported was done, and is not recorded: {hint}")),
        ..Report::of(error)
    }
}

/// Takes the mutex, runs `work` with the index, and writes back what the index learned, also when `work` fails:
/// what it learned is true all the same.
pub fn write<T>(
    store: &Store,
    work: impl FnOnce(&Writing<'_>, &mut Index) -> Result<T, Error>,
) -> Result<T, Error> {
    let writing = store.write()?;
    let mut index = Index::load(store.layout());
    let result = work(&writing, &mut index);
    let saved = index.save(store.layout());
    let value = result?;
    // A cache that cannot be written is no reason to report what was done as undone; the disk will say so again.
    drop(saved);
    Ok(value)
}
