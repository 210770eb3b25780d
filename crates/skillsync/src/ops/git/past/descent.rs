//! Where a project is in the history of its repository, and whether it went on there from an earlier place.

use std::path::Path;
use std::time::Instant;

use skillsync_store::ledger::At;

use super::super::{Error, program};
use super::hash;
use super::talk::Talk;
use crate::world::World;

/// Where `project` is. None where there is no git, no repository or no commit.
pub fn at(world: &World, project: &Path) -> Result<Option<At>, Error> {
    let said = lines(world, project, &["rev-parse", "HEAD", "--symbolic-full-name", "HEAD"])?;
    let [commit, branch] = said.as_slice() else { return Ok(None) };
    let branch = String::from_utf8_lossy(branch).into_owned();
    Ok(hash(commit.clone()).map(|commit| At { commit, branch }))
}

/// Whether `project` is on the same branch as it was at `before`, and came from there: then its files did, too, as far as
/// git can tell. Another branch has another past, also where both begin at one commit.
pub fn went_on_from(world: &World, project: &Path, before: &At) -> Result<bool, Error> {
    // The ledger says it, and a hash cannot be taken for an option.
    let Some(commit) = hash(before.commit.clone().into_bytes()) else { return Ok(false) };
    if at(world, project)?.is_none_or(|now| now.branch != before.branch) {
        return Ok(false);
    }
    let said = lines(world, project, &["merge-base", &commit, "HEAD"])?;
    Ok(said.into_iter().next().and_then(hash) == Some(commit))
}

/// The two first lines that git says.
fn lines(world: &World, project: &Path, args: &[&str]) -> Result<Vec<Vec<u8>>, Error> {
    let end = Instant::now() + program::silence(world);
    let Some(mut talk) = Talk::start(project, args, end)? else { return Ok(Vec::new()) };
    Ok(std::iter::from_fn(|| talk.line()).take(2).collect())
}
