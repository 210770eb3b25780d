//! `setup`: finds the agents on this machine, takes their skills into the store, links every agent, and can be
//! undone. Nothing that stood in an agent's folder is deleted: it goes to trash, and `undo` puts it back.

mod adopt;
mod apply;
mod held;
mod import;
mod moves;
mod plan;
pub(super) mod record;
mod seats;
mod skill;
mod survey;
mod swap;
mod undo;

use skillsync_core::fault::Kind;
use skillsync_store::fs;
use skillsync_store::layout::Layout;
use skillsync_store::store::{self, Store};

pub use adopt::AdoptedSkill;
pub use adopt::Failure;
pub use apply::{Done, apply};
pub use plan::{Adopt, Agent, Conflict, Content, Folded, Plan};
pub use survey::LeftAlone;
pub use swap::Trashed;
pub use undo::{Kept, NotRestored, Restored, UndoPlan, Undone, undo, undo_plan};

use super::target::tools;
use super::{Error, Refusal};
use crate::world::World;
use import::Import;
use record::Record;

/// Which lists of other tools setup takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// None.
    None,
    /// The user's own.
    Home,
    /// The user's own, and those of the project that the current folder is.
    HomeAndHere,
}

/// Finds out what setup would do. Changes nothing; `step` is called for each entry of an agent's folder it reads.
///
/// `lists` says which lists of other tools are taken over, too.
///
/// Fails with `no-agent-found` when there is nothing to set up at all.
pub fn plan(world: &World, lists: Lists, step: &(dyn Fn() + Sync)) -> Result<Plan, Error> {
    let store = match Store::open(&world.store, &world.home, world.now) {
        Ok(store) => Some(store),
        Err(store::Error::Missing { .. }) => None,
        Err(e) => return Err(e.into()),
    };
    let record = Record::load(&Layout::new(world.store.clone()))?;
    let tools = tools(&world.store)?;
    let (import, unread) = Import::plan(world, store.as_ref(), record.as_ref(), lists)?;
    let mut survey = survey::survey(world, &tools, import.stored(), step)?;
    survey.left_alone.extend(unread);
    let plan = plan::decide(world, &tools, store.as_ref(), record.as_ref(), import, survey)?;
    let has_targets = store.is_some_and(|s| !s.config().targets().is_empty());
    if plan.agents.is_empty() && !has_targets {
        return Err(Refusal {
            kind: Kind::NotFound,
            code: "no-agent-found",
            message: "no agent that skillsync knows was found on this machine".to_owned(),
            hint: Some(
                "name a folder that your agent reads: skillsync init, then skillsync target add --path FOLDER\n\
                 or a known tool: skillsync target add --tool NAME"
                    .to_owned(),
            ),
        }
        .into());
    }
    Ok(plan)
}

/// Clears up after a command that was killed, if there is anything: a setup with nothing to do does no more.
pub fn clear_up(world: &World) -> Result<(), Error> {
    let store = super::open(world)?;
    if !fs::entries(&store.layout().staging())?.unwrap_or_default().is_empty() {
        drop(store.write()?);
    }
    Ok(())
}

fn refuse(kind: Kind, code: &'static str, message: String, hint: &str) -> Error {
    Refusal { kind, code, message, hint: Some(hint.to_owned()) }.into()
}
