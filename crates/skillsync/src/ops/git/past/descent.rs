//! Where a project is in the history of its repository, and whether it went on there from an earlier place.

use std::path::Path;

use skillsync_store::ledger;

use super::super::Error;
use super::talk::Talk;
use super::{Searches, hash};
use crate::world::World;

impl Searches {
    /// Where `project` is. None where there is no git, no repository or no commit.
    pub fn place(&self, world: &World, project: &Path) -> Result<Option<ledger::At>, Error> {
        let said = self.lines(world, project, &["rev-parse", "HEAD", "--symbolic-full-name", "HEAD"])?;
        let [commit, branch] = said.as_slice() else { return Ok(None) };
        let branch = String::from_utf8_lossy(branch).into_owned();
        Ok(hash(commit.clone()).map(|commit| ledger::At { commit, branch }))
    }

    /// Whether `project` is on the same branch as it was at `before`, and came from there: then its files did, too, as far
    /// as git can tell. Another branch has another past, also where both begin at one commit.
    pub fn went_on_from(&self, world: &World, project: &Path, before: &ledger::At) -> Result<bool, Error> {
        // The ledger says it, and a hash cannot be taken for an option.
        let Some(commit) = hash(before.commit.clone().into_bytes()) else { return Ok(false) };
        if self.place(world, project)?.is_none_or(|now| now.branch != before.branch) {
            return Ok(false);
        }
        let said = self.lines(world, project, &["merge-base", &commit, "HEAD"])?;
        Ok(said.into_iter().next().and_then(hash) == Some(commit))
    }

    /// The two first lines that git says.
    fn lines(&self, world: &World, project: &Path, args: &[&str]) -> Result<Vec<Vec<u8>>, Error> {
        let Some(at) = self.ask(world, project) else { return Ok(Vec::new()) };
        let Some(mut talk) = Talk::start(&at, args)? else { return Ok(Vec::new()) };
        Ok(std::iter::from_fn(|| talk.line()).take(2).collect())
    }
}
